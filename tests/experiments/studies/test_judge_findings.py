"""Tests of the verdicts on the report's classifier."""

from __future__ import annotations

import itertools
import math

import pandas as pd
import pytest

from timbrebench.experiments.studies.judge_findings import (
    CONDITIONS,
    CURVE_FIGURES,
    ONE_SOFTMAX,
    PUBLISHED,
    SHARED,
    JudgeResults,
    confused,
    count_confusions,
    count_pieces,
    judge_figure,
    judge_findings,
    judge_table,
    judge_text,
)

OWN = {"piano": "A", "guitar": "B", "organ": "C"}
MOVED = {"piano": "B", "guitar": "C", "organ": "A"}

#: A network that is always right, and one that goes by the soundfont.
INSTRUMENT = {name: name for name in OWN}
SOUNDFONT = {name: next(label for label in OWN if OWN[label] == MOVED[name]) for name in OWN}


def results(
    *,
    folds=((0.9,) * 4,) * 3,
    losses=(1.1, 1.1, 0.1),
    one=0.9,
    errors=(),
    moved=INSTRUMENT,
    moved_shared=INSTRUMENT,
):
    """Trainings with these figures: folds of each seed, losses of training, validation, and one softmax."""
    trainings, answers, curves = [], [], []
    for condition, seed, fold in itertools.product(CONDITIONS, range(len(folds)), range(4)):
        alone = condition == ONE_SOFTMAX
        answer = moved_shared if condition == SHARED else moved
        about = {"timbres": condition.timbres, "softmaxes": condition.softmaxes}
        about |= {"seed": seed, "fold": fold + 1}
        figures = {
            "train_loss": losses[0],
            "train_accuracy": 1.0,
            "validation_loss": (losses[2] if alone else losses[1]) + 0.001 * seed,
            "precision": (one if alone else folds[seed][fold]) + 0.001 * seed,
        }
        trainings.append(about | figures)
        curves += [about | {"epoch": epoch, **dict.fromkeys(CURVE_FIGURES, 1 / epoch)} for epoch in (1, 2)]
        for piece, label in itertools.product(range(4 * fold, 4 * fold + 4), OWN):
            given = dict(errors).get((piece % 4, label), label)
            asked = about | {"piece": piece, "label": label}
            answers += [
                asked | {"tested_on": condition.timbres, "soundfont": OWN[label], "given": given},
                asked | {"tested_on": "moved", "soundfont": MOVED[label], "given": answer[label]},
            ]
    answered = pd.DataFrame(answers)
    return JudgeResults(
        pd.DataFrame(trainings),
        pd.DataFrame(curves),
        count_pieces(answered, OWN),
        count_confusions(answered, sorted(OWN)),
    )


def verdicts(**figures):
    return [finding.verdict for finding in judge_findings(results(**figures), full_size=True)]


@pytest.mark.parametrize(
    ("folds", "verdict"),
    [
        (((0.6, 0.92, 0.6, 0.92),) * 3, "held"),
        (((0.9, 0.92, 0.88, 0.9),) * 3, "did not hold"),
        (((0.6, 0.92, 0.6, 0.92), (0.9,) * 4, (0.6, 0.95, 0.6, 0.9)), "not decided"),
    ],
)
def test_folds_differ_by_the_seeds_interval(folds, verdict):
    assert verdicts(folds=folds)[0] == verdict


@pytest.mark.parametrize(
    ("losses", "verdict"), [((1.1, 1.1, 0.1), "held"), ((1.05, 1.1, 0.1), "did not hold")]
)
def test_losses_are_thousandths_apart_or_not(losses, verdict):
    assert verdicts(losses=losses)[1] == verdict


@pytest.mark.parametrize(
    ("losses", "verdict"), [((1.1, 1.1, 0.1), "held"), ((1.5, 1.5, 1.2), "did not hold")]
)
def test_the_reports_loss_is_that_of_two_softmaxes_or_of_one(losses, verdict):
    assert verdicts(losses=losses)[4] == verdict


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ({(n, "piano"): "guitar" for n in range(3)}.items(), "held"),
        ({(n, "guitar"): "organ" for n in range(3)}.items(), "did not hold"),
        ((), "not decided"),
        ({(0, "piano"): "guitar", (1, "guitar"): "organ"}.items(), "not decided"),
    ],
)
def test_errors_are_mainly_the_reports_or_not(errors, verdict):
    assert verdicts(errors=errors)[2] == verdict


@pytest.mark.parametrize(("one", "verdict"), [(0.99, "held"), (0.5, "did not hold"), (0.9, "not decided")])
def test_the_second_softmax_costs_precision_or_not(one, verdict):
    assert verdicts(one=one)[3] == verdict


@pytest.mark.parametrize(("moved", "verdict"), [(INSTRUMENT, "held"), (SOUNDFONT, "did not hold")])
def test_a_network_goes_by_the_instrument_or_by_the_soundfont(moved, verdict):
    assert verdicts(moved=moved)[5] == verdict
    row = judge_table(results(moved=moved)).iloc[0]
    assert row.precision_moved == (moved == INSTRUMENT)
    assert row.moved_by_soundfont == (moved == SOUNDFONT)
    assert row.moved_by_chance == (moved == SOUNDFONT) / 2


def test_a_shared_soundfont_teaches_more_of_instruments_or_less():
    assert verdicts(moved=SOUNDFONT, moved_shared=INSTRUMENT)[6] == "held"
    assert verdicts(moved=INSTRUMENT, moved_shared=SOUNDFONT)[6] == "did not hold"
    assert verdicts()[6] == "not decided"


def test_folds_of_the_first_seed_are_the_evidence():
    made = results(moved=SOUNDFONT)
    assert len(made.by_piece(PUBLISHED)) == 16 * 3
    folds = made.by_fold(PUBLISHED)
    assert list(folds.index) == [1, 2, 3, 4]
    assert folds.answers.tolist() == [4 * 3] * 4
    assert folds.moved_right.tolist() == [0.0] * 4


def test_a_small_setting_does_not_refute_what_depends_on_its_size():
    fewer = judge_findings(results(losses=(1.05, 1.1, 0.1), moved=SOUNDFONT), full_size=False)
    assert [finding.verdict for finding in fewer[:4]] == ["not decided"] * 4
    assert fewer[0].figures.endswith("So few pieces and steps cannot refute it.")
    assert fewer[5].verdict == "did not hold"
    assert judge_findings(results(folds=((0.6, 0.92, 0.6, 0.92),) * 3), full_size=False)[0].verdict == "held"


def test_the_floor_of_two_softmaxes_is_named():
    assert (
        f"cannot fall below {math.log(math.e + 2) - 1:.3f}"
        in judge_findings(results(), full_size=True)[4].figures
    )


def test_the_confusion_matrix_is_of_the_networks_trained_as_published():
    counts = results(errors={(0, "piano"): "guitar"}.items()).confusion
    assert counts.loc["piano", "guitar"] == 4 * 3
    assert counts.to_numpy().sum() == 16 * 3 * 3


def test_the_figure_has_curves_folds_and_confusion():
    made = results()
    loss, accuracy, folds, confusion = judge_figure(made).axes
    trainings = len(made.trained(PUBLISHED))
    assert len(accuracy.lines) == 2 * (trainings + 1)
    assert len(loss.lines) == 2 * (trainings + 1) + 2
    assert len(folds.lines) == len(CONDITIONS) + 1
    assert len(confusion.texts) == 9
    assert "12 networks get" in judge_text(made)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "they confuse nothing"),
        ({("organ", "sax"): 1}, "most often they take organ for sax (1 of 28 clips)"),
        (
            {("organ", "sax"): 1, ("piano", "organ"): 2},
            "most often they take piano for organ (2 of 28 clips)",
        ),
        (
            {("organ", "sax"): 1, ("piano", "organ"): 1, ("sax", "organ"): 1},
            "most often they take organ for sax, piano for organ and sax for organ (1 clip each)",
        ),
        (
            {("organ", "sax"): 2, ("piano", "organ"): 2, ("sax", "organ"): 2, ("sax", "piano"): 2},
            "no confusion stands out: 4 are as frequent, with 2 clips each",
        ),
    ],
)
def test_no_confusion_is_named_that_others_equal(wrong, said):
    labels = ["organ", "piano", "sax"]
    counts = pd.DataFrame(0, index=pd.Index(labels, name="true_label"), columns=labels)
    for (true, given), clips in wrong.items():
        counts.loc[true, given] = clips
    for label in labels:
        counts.loc[label, label] = 28 - counts.loc[label].sum()
    assert confused(counts) == said
