"""The loss over the weights of content and style, and along the iterations, of the report's method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from timbrebench.core.progress import Tracker
from timbrebench.experiments.studies.failure_cases import FailureCase
from timbrebench.experiments.studies.failure_conditions import ALPHAS, BETAS
from timbrebench.experiments.studies.failure_transfers import (
    LoggedClassifierFeatures,
    LossTerms,
    logged_transfer,
)
from timbrebench.experiments.studies.study import StudyContext

#: Maximum number of iterations of which a curve has a point.
_POINTS = 200


def loss_map(
    context: StudyContext, case: FailureCase, parameters: Mapping[str, object], iterations: int
) -> pd.DataFrame:
    """Return the loss after so many iterations for each pair of weights.

    Adam's steps do not depend on the scale of a loss, and gradients are scaled at the start: weights of one
    ratio lead to one spectrogram, which is optimised once.

    Returns
    -------
    pandas.DataFrame
        ``alpha``, ``beta``, the terms ``content`` and ``style`` at the end, not weighted, ``style_start``,
        and the ``loss``, their weighted sum.
    """
    ratios = sorted({_ratio(alpha, beta) for alpha in ALPHAS for beta in BETAS})
    ends = {}
    with Tracker("map of the weights", len(ratios), "ratios") as tracker:
        for ratio in ratios:
            weights = {"content_weight": ratio, "style_weight": 1.0, "iterations": iterations}
            method = logged_transfer(context, case, {**parameters, **weights})
            ends[ratio] = (method.curve[-1], method.curve[0].style)
            tracker.advance()
    return pd.DataFrame(_rows(ends))


def _rows(ends: Mapping[float, tuple[LossTerms, float]]) -> Iterator[dict[str, float]]:
    for alpha in ALPHAS:
        for beta in BETAS:
            (content, style, _), start = ends[_ratio(alpha, beta)]
            yield {
                "alpha": alpha,
                "beta": beta,
                "content": content,
                "style": style,
                "style_start": start,
                "loss": alpha * content + beta * style,
            }


def _ratio(alpha: float, beta: float) -> float:
    """Return the ratio of two weights, rounded so that equal ones are equal."""
    return float(f"{alpha / beta:.6g}")


def loss_curve(method: LoggedClassifierFeatures) -> pd.DataFrame:
    """Return the weighted terms of the last transfer along its iterations.

    At most 200 of them, evenly spread over their logarithm: ``iteration``, ``content``, ``style``, ``loss``.
    """
    settings, losses = method.parameters, method.losses()
    places = np.unique(np.geomspace(1, len(losses), _POINTS).round().astype(int)) - 1
    return pd.DataFrame(
        {
            "iteration": places,
            "content": [settings.content_weight * method.curve[place].content for place in places],
            "style": [settings.style_weight * method.curve[place].style for place in places],
            "loss": losses[places],
        }
    )
