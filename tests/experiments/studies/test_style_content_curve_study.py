"""Tests of the study of the content weight."""

from __future__ import annotations

import pandas as pd
import pytest

from timbrebench.core.errors import MethodError
from timbrebench.experiments.studies import study_scores, style_content_curve_study
from timbrebench.transfer import create

QUICK = style_content_curve_study.CurveSettings({"wide-limit": {}}, "Quick.", weights=(0.0, 0.01))


@pytest.mark.parametrize(
    ("style", "notes", "said"),
    [
        ((0.9, 0.8, 0.1), (0.1, 0.5, 0.9), "; their product is largest at 0.01."),
        ((1.0, 0.5, 0.0), (0.2, 0.4, 0.9), "; their product is largest at 0.001 and 0.01."),
        ((0.0, 0.0, 0.0), (0.1, 0.2, 0.3), "; no weight brings style and notes together."),
    ],
)
def test_the_text_says_where_style_and_notes_are_best_together(style, notes, said):
    weights = [0.001, 0.01, 0.1]
    table = pd.DataFrame(
        {"method": "a", "content_weight": weights, "style_accuracy": style, "note_f1": notes}
    )
    text = style_content_curve_study._text(table, 1, QUICK)
    assert text.startswith("1 pair. Quick. `a` goes from style accuracy ")
    assert text.endswith(said)


def test_what_is_said_of_the_settings_is_so():
    methods = style_content_curve_study.SMALL.methods
    made = {name: create(name, {**parameters}).parameters for name, parameters in methods.items()}
    about = style_content_curve_study.SMALL.about
    ulyanov, wide = made["ulyanov"], made["wide-limit"]
    assert (
        f"`ulyanov` has {ulyanov.n_filters:,} filters, a window of {ulyanov.n_fft:,} and "
        f"{ulyanov.max_iterations} iterations, `wide-limit` {wide.max_iterations} iterations"
    ) in about
    for parameters in made.values():
        assert parameters.inversion.algorithm == "fast-griffin-lim"
        assert f"{parameters.inversion.iterations} iterations of fast Griffin-Lim" in about


def outputs_of(notes, copied=0.02):
    """Five pairs with these note F1 at the weights 0, 0.1 and 1, each pair 0.01 above the one before."""
    rows = [
        {"pair": pair, "method": "a", "content_weight": weight, "note_f1": value + pair / 100}
        for pair in range(5)
        for weight, value in zip((0.0, 0.1, 1.0), notes, strict=True)
    ]
    rows += [
        {"pair": pair, "method": "style-copy", "content_weight": 0.0, "note_f1": copied + pair / 200}
        for pair in range(5)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("notes", "verdicts"),
    [
        ((0.02, 0.3, 0.8), ("held", "held")),
        ((0.5, 0.6, 0.8), ("held", "did not hold")),
        ((0.06, 0.06, 0.06), ("not decided", "not decided")),
        ((0.8, 0.3, 0.02), ("did not hold", "did not hold")),
    ],
)
def test_verdicts_follow_the_outputs(notes, verdicts):
    found = style_content_curve_study.findings(outputs_of(notes))
    assert tuple(finding.verdict for finding in found) == verdicts
    assert "`a`: " in found[0].figures


def test_the_weights_begin_without_a_content_loss():
    for settings in (style_content_curve_study.SMALL, style_content_curve_study.PAPER):
        assert settings.weights[0] == 0
        assert list(settings.weights) == sorted(settings.weights)


def test_an_output_that_is_refused_has_neither_style_nor_notes(context, monkeypatch, capsys):
    def refuse(*_, **__):
        raise MethodError("the output is silent")

    monkeypatch.setattr(study_scores, "apply", refuse)
    table = style_content_curve_study.run(context, QUICK).table
    assert (table[["style_accuracy", "note_f1"]] == 0).all(axis=None)
    assert "wide-limit: the output is silent" in capsys.readouterr().err
