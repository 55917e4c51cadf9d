import numpy as np
import pandas as pd
import pytest

from timbrebench.core.statistics.effect_sizes import superiority
from timbrebench.core.statistics.paired import seed_deviation
from timbrebench.experiments.ranking.headline import Headline, HeadlineScale

SCALE = HeadlineScale(0.05, 0.86)
FIRST = Headline.of(["style_accuracy", "note_f1"], has_second_judge=False)
SECOND = Headline.of(
    ["style_accuracy", "second_style_accuracy", "note_f1", "note_f1_100ms"], has_second_judge=True
)


def sums_of(style, content):
    """One pair to a piece."""
    one = np.ones(len(style))
    return np.stack([style, one, content, one], axis=1)


def test_headline_of_the_corners():
    style, content = np.array([0.0, 1.0, 1.0, 0.5]), np.array([0.8, 0.3, 0.8, 0.55])
    headlines = HeadlineScale(0.3, 0.8).headline(style, content)
    assert headlines.tolist() == pytest.approx([0.0, 0.0, 1.0, 0.5])


def test_there_is_no_headline_where_the_notes_say_nothing():
    one = np.ones(1)
    assert np.isnan(HeadlineScale(0.5, 0.5).headline(one, 0.5 * one)).all()
    assert np.isnan(HeadlineScale(0.0, 1.0).headline(np.nan * one, 0.5 * one)).all()


@pytest.fixture
def sums(generator):
    return sums_of(generator.integers(0, 2, 10).astype(float), generator.uniform(0.3, 0.8, 10))


@pytest.mark.parametrize(("column", "value"), [(2, 0.05), (0, 0.0)])
def test_a_piece_on_which_both_are_alike_makes_no_difference(sums, column, value):
    """Of ten pieces the first is better on one, in notes or in style: it wins that and half of the others."""
    sums[0] = (1, 1, 0.8, 1)
    worse = sums.copy()
    worse[0, column] = value
    differences = SCALE.differences(sums, worse)
    assert differences[0] > 0
    assert (differences[1:] == 0).all()
    assert superiority(differences) == pytest.approx(0.55)


def test_the_other_way_round_is_the_same_with_the_other_sign(sums, generator):
    other = sums_of(generator.uniform(size=10), generator.uniform(0.3, 0.8, 10))
    there, back = SCALE.differences(sums, other), SCALE.differences(other, sums)
    assert there == pytest.approx(-back)


def test_the_pieces_make_up_the_difference_of_the_headlines(sums):
    """All but for the headline's curvature, which is small where the methods are near each other."""
    other = sums.copy()
    other[:, 2] -= np.linspace(0, 0.05, 10)
    whole = [SCALE.of_sums(side.sum(axis=0, keepdims=True))[0] for side in (sums, other)]
    assert SCALE.differences(sums, other).mean() == pytest.approx(whole[0] - whole[1], rel=0.01)


def test_without_a_headline_there_is_no_difference(sums):
    nothing = sums * [1, 1, 0, 0]
    assert np.isnan(SCALE.differences(nothing, nothing)).all()


def test_pairs_that_a_seed_lacks_are_no_difference_between_seeds():
    """Both seeds give the same values, and the second lacks those of the hard pairs."""
    rows = pd.DataFrame(
        [(str(pair), seed, 1.0, 0.8 if pair < 5 else 0.3) for pair in range(10) for seed in (0, 1)],
        columns=["pair_id", "seed", "style_accuracy", "note_f1"],
    )
    rows.loc[(rows.seed == 1) & (rows.pair_id >= "5"), ["style_accuracy", "note_f1"]] = np.nan
    assert seed_deviation(rows, "note_f1") == 0
    assert FIRST.seed_deviation(rows, SCALE) == 0
    moved = rows.assign(note_f1=rows.note_f1 - 0.1 * rows.seed)
    assert seed_deviation(moved, "note_f1") == pytest.approx(0.1 / np.sqrt(2))
    assert FIRST.seed_deviation(moved, SCALE) > 0


def test_one_seed_has_no_deviation():
    rows = pd.DataFrame({"pair_id": ["0", "1"], "seed": 0, "style_accuracy": 1.0, "note_f1": [0.2, 0.4]})
    assert np.isnan(seed_deviation(rows, "note_f1"))
    assert np.isnan(FIRST.seed_deviation(rows, SCALE))


def test_a_run_of_before_keeps_the_first_version():
    """It has not measured notes within 100 ms, whatever else it has."""
    assert (FIRST.version, FIRST.metrics) == (1, ["style_accuracy", "note_f1"])
    both = ["style_accuracy", "second_style_accuracy", "note_f1"]
    assert Headline.of(both, has_second_judge=True) == FIRST


def test_a_run_without_a_second_judge_has_the_first_alone():
    assert SECOND.metrics == ["style_accuracy", "second_style_accuracy", "note_f1_100ms"]
    alone = Headline.of(SECOND.metrics, has_second_judge=False)
    assert (alone.version, alone.metrics) == (2, ["style_accuracy", "note_f1_100ms"])


def test_style_is_the_mean_of_both_judges_where_both_have_an_answer():
    rows = pd.DataFrame(
        {"style_accuracy": [1.0, 1.0, np.nan], "second_style_accuracy": [1.0, 0.0, 1.0], "note_f1_100ms": 0.5}
    )
    assert SECOND.style(rows).tolist() == pytest.approx([1.0, 0.5, np.nan], nan_ok=True)
    assert SECOND.sums(rows, np.zeros(3, dtype=int), 1).tolist() == [[1.5, 2, 1.5, 3]]
    assert SECOND.alone("second_style_accuracy").style(rows).tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("reference", "identity", "first", "second"),
    [(0.86, 0.9, 0.86, 0.86), (0.86, 0.8, 0.86, 0.8), (np.nan, 0.8, np.nan, 0.8)],
)
def test_the_second_version_has_the_lower_ceiling_and_needs_no_reference(reference, identity, first, second):
    means = {"style-copy": 0.05, "reference": reference, "identity": identity}
    ceilings = [headline.scale(means).ceiling for headline in (FIRST, SECOND)]
    assert ceilings == pytest.approx([first, second], nan_ok=True)
