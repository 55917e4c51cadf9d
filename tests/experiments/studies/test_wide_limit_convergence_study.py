"""Tests of the study of the closed form."""

from __future__ import annotations

import pandas as pd
import pytest

from timbrebench.experiments.studies import wide_limit_convergence_study


@pytest.mark.parametrize(
    ("loss", "gradient", "said"),
    [
        (
            -0.5,
            -0.5,
            "Errors fall with the number of filters to the power of -0.50 (loss) and -0.50 (gradient);",
        ),
        (0.5, 0.25, "Errors do not fall: they go with the number of filters to the power of 0.50 (loss) and"),
        (-0.5, 0.5, "Of the errors that of the loss alone falls: they go with the number of filters to the"),
        (-0.5, 0.0, "Of the errors that of the loss alone falls: they go with"),
        (-0.5, -0.003, "to the power of -0.500 (loss) and -0.003 (gradient);"),
    ],
)
def test_errors_are_said_to_fall_only_where_they_do(loss, gradient, said):
    table = pd.DataFrame({"filters": [256, 1024], "loss_error": [0.1, 0.2], "gradient_error": [0.4, 0.3]})
    rates = {"loss_error": loss, "gradient_error": gradient}
    text = wide_limit_convergence_study._text(table, rates)
    assert text.startswith("With 1,024 filters the loss is 20.0% off its limit, the gradient 30.0%. ")
    assert said in text
