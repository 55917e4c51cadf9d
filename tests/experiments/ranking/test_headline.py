import numpy as np
import pandas as pd
import pytest

from timbrebench.core.statistics.effect_sizes import superiority
from timbrebench.core.statistics.paired import seed_deviation
from timbrebench.experiments.ranking.headline import (
    headline_differences,
    headline_of,
    headline_seed_deviation,
)

BOUNDS = (0.05, 0.86)


def sums_of(style, content):
    """One pair to a piece."""
    one = np.ones(len(style))
    return np.stack([style, one, content, one], axis=1)


@pytest.fixture
def sums(generator):
    return sums_of(generator.integers(0, 2, 10).astype(float), generator.uniform(0.3, 0.8, 10))


@pytest.mark.parametrize(("column", "value"), [(2, 0.05), (0, 0.0)])
def test_a_piece_on_which_both_are_alike_makes_no_difference(sums, column, value):
    """Of ten pieces the first is better on one, in notes or in style: it wins that and half of the others."""
    sums[0] = (1, 1, 0.8, 1)
    worse = sums.copy()
    worse[0, column] = value
    differences = headline_differences(sums, worse, *BOUNDS)
    assert differences[0] > 0
    assert (differences[1:] == 0).all()
    assert superiority(differences) == pytest.approx(0.55)


def test_the_other_way_round_is_the_same_with_the_other_sign(sums, generator):
    other = sums_of(generator.uniform(size=10), generator.uniform(0.3, 0.8, 10))
    there, back = headline_differences(sums, other, *BOUNDS), headline_differences(other, sums, *BOUNDS)
    assert there == pytest.approx(-back)


def test_the_pieces_make_up_the_difference_of_the_headlines(sums):
    """All but for the headline's curvature, which is small where the methods are near each other."""
    other = sums.copy()
    other[:, 2] -= np.linspace(0, 0.05, 10)
    whole = [headline_of(side.sum(axis=0, keepdims=True), *BOUNDS)[0] for side in (sums, other)]
    assert headline_differences(sums, other, *BOUNDS).mean() == pytest.approx(whole[0] - whole[1], rel=0.01)


def test_without_a_headline_there_is_no_difference(sums):
    nothing = sums * [1, 1, 0, 0]
    assert np.isnan(headline_differences(nothing, nothing, *BOUNDS)).all()


def test_pairs_that_a_seed_lacks_are_no_difference_between_seeds():
    """Both seeds give the same values, and the second lacks those of the hard pairs."""
    rows = pd.DataFrame(
        [(str(pair), seed, 1.0, 0.8 if pair < 5 else 0.3) for pair in range(10) for seed in (0, 1)],
        columns=["pair_id", "seed", "style_accuracy", "note_f1"],
    )
    rows.loc[(rows.seed == 1) & (rows.pair_id >= "5"), ["style_accuracy", "note_f1"]] = np.nan
    assert seed_deviation(rows, "note_f1") == 0
    assert headline_seed_deviation(rows, *BOUNDS) == 0
    moved = rows.assign(note_f1=rows.note_f1 - 0.1 * rows.seed)
    assert seed_deviation(moved, "note_f1") == pytest.approx(0.1 / np.sqrt(2))
    assert headline_seed_deviation(moved, *BOUNDS) > 0


def test_one_seed_has_no_deviation():
    rows = pd.DataFrame({"pair_id": ["0", "1"], "seed": 0, "style_accuracy": 1.0, "note_f1": [0.2, 0.4]})
    assert np.isnan(seed_deviation(rows, "note_f1"))
    assert np.isnan(headline_seed_deviation(rows, *BOUNDS))
