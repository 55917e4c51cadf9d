"""Verdicts on the failed transfer, by tables of outputs that are made up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timbrebench.experiments.studies import failure_findings
from timbrebench.experiments.studies.failure_conditions import (
    ALPHAS,
    BETAS,
    CODE,
    CONTENT_ONLY,
    FAILED,
    FROM_CONTENT,
    FROM_STYLE,
    MORE_ITERATIONS,
    PUBLISHED,
    RESHAPED,
    ULYANOV,
    VARIATION,
)

NAMES = (
    PUBLISHED,
    MORE_ITERATIONS,
    CONTENT_ONLY,
    FROM_CONTENT,
    FROM_STYLE,
    VARIATION,
    RESHAPED,
    CODE,
)
LABELS = ("clarinet", "guitar", "organ", "piano", "sax", "trumpet")


def rows(condition, method=FAILED, *, transfers=0, sounds="renderings", decidable=6, **columns):
    """Six outputs of a condition, of which so many are transfers; other columns are the same in all."""
    return pd.DataFrame(
        {
            "condition": condition,
            "method": method,
            "sounds": sounds,
            "pair": [f"pair {number}" for number in range(6)],
            "content_label": LABELS,
            "style_label": LABELS[::-1],
            "decidable": [number < decidable for number in range(6)],
            "transferred": [number < transfers for number in range(6)],
            "gain_db": np.linspace(-1, 1, 6),
            "seen_as_content": 0.0,
            "seen_as_style": 0.0,
            "content_label_share": 1.0,
            "note_f1": 0.5,
            "loss_fall": 0.9,
            "later_fall": 0.01,
            "content_fall": 0.99,
            "moved": 0.1,
            **columns,
        }
    )


def table(*more):
    """All conditions without a transfer; `more` take the place of those with their name and sounds."""
    plain = [
        *map(rows, NAMES),
        rows(ULYANOV, "ulyanov"),
        rows("reinstrument", "reinstrument", transfers=6),
    ]
    given = {(own.condition[0], own.sounds[0]) for own in more}
    unchanged = [own for own in plain if (own.condition[0], own.sounds[0]) not in given]
    return pd.concat([*unchanged, *more], ignore_index=True)


def weights(factor=1.0):
    cells = [(alpha, beta) for alpha in ALPHAS for beta in BETAS]
    return pd.DataFrame(
        {
            "alpha": [alpha for alpha, _ in cells],
            "beta": [beta for _, beta in cells],
            "style": 1.0,
            "style_start": 4.0,
            "loss": [(alpha + beta) ** factor for alpha, beta in cells],
        }
    )


@pytest.fixture
def verdict():
    def find(words, *more, factor=1.0, full_size=True):
        findings = failure_findings.findings(table(*more), weights(factor), full_size=full_size)
        (finding,) = (finding for finding in findings if words in finding.claim)
        return finding.verdict, finding.figures

    return find


NOTHING, ULYANOVS, PERFECT = "Nothing is transferred", "own method transfers nothing", "too perfect"


def test_nothing_is_transferred_until_something_is(verdict):
    decided, figures = verdict(NOTHING)
    assert decided == "held"
    assert "7 settings on 6 pairs: 0 transfers" in figures
    assert verdict(NOTHING, rows(PUBLISHED, transfers=1))[0] == "not decided"
    assert verdict(NOTHING, rows(PUBLISHED, transfers=6))[0] == "did not hold"


def test_content_alone_is_not_a_setting_of_the_transfer(verdict):
    assert verdict(NOTHING, rows(CONTENT_ONLY, transfers=6))[0] == "held"


def test_pairs_of_which_the_judge_cannot_tell_decide_nothing(verdict):
    assert verdict(ULYANOVS, rows(ULYANOV, "ulyanov", decidable=5))[0] == "not decided"
    assert verdict(ULYANOVS)[0] == "held"
    assert verdict(ULYANOVS, rows(ULYANOV, "ulyanov", transfers=6))[0] == "did not hold"


def test_what_was_stopped_does_not_show_that_it_fails(verdict):
    decided, figures = verdict(ULYANOVS, full_size=False)
    assert decided == "not decided"
    assert "After 40 of its 300 iterations, transfers" in figures
    assert figures.endswith("40 iterations are too few to show that it does not work.")
    assert verdict(ULYANOVS, rows(ULYANOV, "ulyanov", transfers=6), full_size=False)[0] == "did not hold"


@pytest.mark.parametrize(
    ("fall", "full_size", "expected"),
    [(0.99, False, "did not hold"), (0.5, True, "held"), (0.5, False, "not decided")],
)
def test_convergence_is_a_matter_of_the_loss(verdict, fall, full_size, expected):
    rows_of = rows(ULYANOV, "ulyanov", loss_fall=fall + np.linspace(-0.001, 0.001, 6), transfers=6)
    assert verdict("does not converge", rows_of, full_size=full_size)[0] == expected


@pytest.mark.parametrize(
    ("content", "noise", "expected"),
    [
        ({"seen_as_content": 1.0, "note_f1": 0.5}, {"seen_as_content": 1.0}, "held"),
        ({"seen_as_content": 1.0, "note_f1": 0.9}, {"seen_as_content": 1.0}, "did not hold"),
        ({"seen_as_content": 1.0}, {"seen_as_content": 0.0}, "did not hold"),
        ({"seen_as_content": 0.0}, {"seen_as_content": 0.0}, "did not hold"),
        ({"seen_as_content": 1.0}, {"seen_as_content": [1.0] * 3 + [0.0] * 3}, "not decided"),
    ],
)
def test_from_the_content_it_ends_as_from_noise_only_if_both_are_alike(verdict, content, noise, expected):
    own = rows(FROM_CONTENT, **content), rows(PUBLISHED, **noise)
    assert verdict("just as from noise", *own)[0] == expected


def test_perfect_audio_is_not_tried_without_recorded_notes(verdict):
    decided, figures = verdict(PERFECT)
    assert decided == "not decided"
    assert "--data" in figures


def test_perfect_audio_is_to_blame_only_if_recorded_notes_help(verdict):
    def recorded(**columns):
        own = {"sounds": "recorded notes", **columns}
        return rows(PUBLISHED, **own), rows(ULYANOV, "ulyanov", **own)

    decided, figures = verdict(PERFECT, *recorded(gain_db=np.linspace(-1, 1, 6) + 2))
    assert decided == "did not hold"
    assert "2.0 dB (2.0 to 2.0)" in figures
    assert verdict(PERFECT, *recorded(transfers=6))[0] == "held"
    assert verdict(PERFECT, *recorded(transfers=1))[0] == "not decided"


@pytest.mark.parametrize(
    ("words", "condition", "column", "values"),
    [
        ("After thousands of steps", MORE_ITERATIONS, "seen_as_content", (1.0, 0.0)),
        ("in a local minimum", MORE_ITERATIONS, "later_fall", (0.01, 0.5)),
        ("With the content alone", CONTENT_ONLY, "content_fall", (0.99, 0.5)),
        ("stays at its starting point", FROM_STYLE, "moved", (0.1, 0.9)),
    ],
)
def test_other_claims_follow_from_their_column(verdict, words, condition, column, values):
    held, not_held = values
    assert verdict(words, rows(condition, **{column: held}))[0] == "held"
    assert verdict(words, rows(condition, **{column: not_held}))[0] == "did not hold"
    spread = np.linspace(min(held, not_held) - 5, max(held, not_held) + 5, 6)
    if column != "seen_as_content":
        assert verdict(words, rows(condition, **{column: spread}))[0] == "not decided"


def test_total_variation_harms_where_it_takes_of_the_gain(verdict):
    words, plain = "Total variation", np.linspace(-1, 1, 6)
    noise = np.array([0.1, -0.1, 0.2, -0.2, 0.1, -0.1])
    assert verdict(words, rows(VARIATION, gain_db=plain - 2 + noise))[0] == "held"
    assert verdict(words, rows(VARIATION, gain_db=plain + 2 + noise))[0] == "did not hold"
    assert verdict(words, rows(VARIATION, gain_db=plain + noise))[0] == "not decided"


def test_the_scrambled_arrays_are_to_blame_only_if_whole_ones_work(verdict):
    words = "scrambled arrays"
    assert verdict(words)[0] == "did not hold"
    assert verdict(words, rows(PUBLISHED, transfers=6))[0] == "held"
    assert verdict(words, rows(PUBLISHED, transfers=6), rows(RESHAPED, transfers=6))[0] == "not decided"


def test_the_loss_grows_with_its_weights(verdict):
    decided, figures = verdict("Lower weights")
    assert decided == "held"
    assert "17 of 17 steps" in figures
    assert "falls by 75.0%" in figures
    assert verdict("Lower weights", factor=-1.0)[0] == "did not hold"


def test_another_method_may_work(verdict):
    assert verdict("works with another method")[0] == "held"
    assert verdict("works with another method", rows("reinstrument", "reinstrument"))[0] == "did not hold"
