"""Tests of what a table of outputs says to the claims about loss terms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timbrebench.experiments.studies.loss_term_claims import (
    FEW_CHANNELS,
    FEW_CHANNELS_SHALLOW,
    MANY_CHANNELS,
    NUMBERS,
    RIGHT,
    UNLIKE_KINDS,
    UNTOUCHED,
    WITHOUT_PENALTY,
    LossTermTable,
    findings,
)
from timbrebench.experiments.studies.loss_term_pairs import PAIR_KINDS
from timbrebench.experiments.studies.loss_terms_figure import loss_terms_figure

FURTHER = {"aligned": (MANY_CHANNELS, FEW_CHANNELS, FEW_CHANNELS_SHALLOW), "singing": (WITHOUT_PENALTY,)}

CLAIMS = (
    "fastest",
    "alike",
    "aligned",
    "aligned keys",
    "structure",
    "singing",
    "almost all",
    "improves some",
    "hardest",
    "works alone",
    "unlike",
    "no best",
    "both",
    "mash-up",
    "fewer channels",
    "breathy",
    "penalty",
)


def outputs_of(**changes):
    """Four contents with a little spread; all is equal but for `changes`, by condition or with its kind."""
    rows = []
    for number in range(4):
        spread = 0.01 * (number - 1.5)
        for kind in PAIR_KINDS:
            for condition in (UNTOUCHED, RIGHT, *NUMBERS, *FURTHER.get(kind, ())):
                figures = {
                    "success": {UNTOUCHED: 0.0, RIGHT: 1.0}.get(condition, 0.6),
                    "rhythm_error": 0.4,
                    "note_leakage": 0.2,
                    "flatness_excess": 3.0,
                    "seconds": 2.0,
                }
                for figure, own in changes.items():
                    value = own.get((kind, condition), own.get(condition))
                    figures[figure] = figures[figure] if value is None else value
                # Each condition with a spread of its own.
                noise = spread * (1 if condition in {"1", "3", "5", MANY_CHANNELS, "4"} else -1)
                shown = {figure: value + noise for figure, value in figures.items()}
                rows.append({"kind": kind, "number": number, "condition": condition, **shown})
    return pd.DataFrame(rows)


def verdicts(outputs):
    return dict(zip(CLAIMS, (finding.verdict for finding in findings(outputs)), strict=True))


AS_CLAIMED = {
    "success": {
        "1": 0.5,
        **{("alike", number): 0.6 for number in NUMBERS},
        ("apart", "2"): 0.3,
        ("apart", "5"): 1.0,
        **{("hardest", number): 0.3 for number in NUMBERS},
        ("hardest", "6"): 0.9,
        **{(kind, number): 0.9 for kind in UNLIKE_KINDS for number in NUMBERS[3:]},
        ("singing", "4"): 0.95,
        ("singing", "5"): 0.8,
        ("singing", "6"): 0.85,
    },
    "rhythm_error": {("long", "3"): 0.1},
    "note_leakage": {MANY_CHANNELS: 0.6},
    "flatness_excess": {WITHOUT_PENALTY: 9.0, "1": 1.0},
    "seconds": {number: 1.0 + int(number) for number in NUMBERS},
}


def test_figures_as_they_are_claimed_bear_out_what_is_claimed():
    undecided = {name for name, verdict in verdicts(outputs_of(**AS_CLAIMED)).items() if verdict != "held"}
    # Six contents more would tell each configuration from some other.
    assert undecided <= {"no best"}


def test_the_opposite_does_not():
    opposite = outputs_of(
        success={
            **dict.fromkeys(NUMBERS, 0.9),
            ("alike", "1"): 0.2,
            ("aligned", "2"): 0.1,
            "5": 0.1,
            "6": 0.1,
            ("aligned", "5"): 0.0,
            ("singing", "4"): 0.1,
        },
        rhythm_error={("long", "3"): 0.9},
        note_leakage={MANY_CHANNELS: 0.1},
        flatness_excess={WITHOUT_PENALTY: 0.5},
        seconds={"1": 20.0},
    )
    given_verdicts = verdicts(opposite)
    assert given_verdicts.pop("no best") != "held"
    assert set(given_verdicts.values()) == {"did not hold"}


def test_where_all_are_alike_nothing_is_best_and_little_is_decided():
    given_verdicts = verdicts(outputs_of())
    assert {given_verdicts[name] for name in ("alike", "aligned", "almost all")} == {"held"}
    # None fails, and a lead of nothing is less than one that counts.
    assert {given_verdicts[name] for name in ("works alone", "unlike")} == {"did not hold"}
    rest = set(CLAIMS) - {"alike", "aligned", "almost all", "works alone", "unlike"}
    assert {given_verdicts[name] for name in rest} == {"not decided"}


def test_equal_failure_is_not_working_well():
    given_verdicts = verdicts(outputs_of(success=dict.fromkeys(NUMBERS, 0.2)))
    assert {given_verdicts[name] for name in ("alike", "aligned", "almost all")} == {"did not hold"}


def test_what_has_no_figure_decides_nothing():
    outputs = outputs_of(**AS_CLAIMED)
    refused = (outputs.condition == "6") & (outputs.kind == "hardest") & (outputs.number == 2)
    outputs.loc[refused, ["success", "seconds"]] = np.nan
    given_verdicts = verdicts(outputs)
    assert given_verdicts["hardest"] == given_verdicts["both"] == given_verdicts["fastest"] == "not decided"
    assert given_verdicts["singing"] == "held"


def test_pairs_of_one_content_are_one_piece_of_evidence():
    table = LossTermTable(outputs_of())
    assert len(table.values("success", "1", table.kinds)) == 4
    assert np.isnan(table.values("success", "1", ["nothing"])).all()


def test_figures_are_said_with_their_intervals():
    outputs = outputs_of(**AS_CLAIMED)
    said = dict(zip(CLAIMS, (finding.figures for finding in findings(outputs)), strict=True))
    assert said["fastest"].startswith("CPU seconds for an output: (1) 2.0, (2) 3.0, (3) 4.0")
    assert said["fastest"].endswith("The next, (2), takes 1.50 times (1.47 to 1.53) as long.")
    assert said["singing"] == (
        "Success (1) 0.50, (2) 0.60, (3) 0.60, (4) 0.95, (5) 0.80, (6) 0.85, right 1.00. Its lead is least "
        "over (6), 0.10 (0.06 to 0.14)."
    )
    assert said["mash-up"] == (
        "F1 of the style's notes in the output 0.60 with (2, many channels, blocks), 0.20 with (2, few "
        "channels); difference 0.40 (0.36 to 0.44)."
    )
    assert (
        "It is above half of the right output's by 0.10 (0.07 to 0.13); its lead is least over"
        in said["alike"]
    )
    assert "(6) for hardest" in said["no best"]


@pytest.mark.parametrize("kinds", [PAIR_KINDS, ("singing",)])
def test_the_figure_shows_each_configuration(kinds):
    outputs = outputs_of()
    figure = loss_terms_figure(LossTermTable(outputs[outputs.kind.isin(kinds)]))
    success = figure.axes[0]
    assert [label.get_text() for label in success.get_xticklabels()] == list(kinds)
    assert [container.get_label() for container in success.containers if container.get_label()[0] == "("] == [
        f"({number})" for number in NUMBERS
    ]
