"""Tests of how figures and counts are written."""

from __future__ import annotations

import math

import pytest

from timbrebench.experiments.studies.study_wording import counted, format_distinct, listed, with_interval


@pytest.mark.parametrize(
    ("values", "decimals", "written"),
    [
        ((83.76, 111.58), 0, ["84", "112"]),
        ((83.76, 83.6), 0, ["83.8", "83.6"]),
        ((0.5, 0.5), 2, ["0.50", "0.50"]),
        ((0.004, 0.0), 1, ["0.004", "0.000"]),
        ((-0.004, -0.004), 1, ["0.0", "0.0"]),
        ((1443.9, math.nan), 0, ["1,444", "\N{EN DASH}"]),
        ((1.0, 1.0 + 1e-12), 0, ["1.000000", "1.000000"]),
    ],
)
def test_figures_that_differ_look_different(values, decimals, written):
    assert format_distinct(*values, decimals=decimals) == written


def test_shares_are_percentages():
    assert format_distinct(0.078, 0.0775, 0.0, decimals=0, kind="%") == ["7.80%", "7.75%", "0.00%"]


def test_a_mean_is_followed_by_its_interval():
    assert with_interval([0.1, 0.2, 0.3], decimals=0, kind="%") == "20% (-5% to 45%)"
    assert with_interval([2.0, 2.0], decimals=1, unit=" dB") == "2.0 dB (2.0 to 2.0)"
    assert with_interval([2.0]) == "2.00 (\N{EN DASH} to \N{EN DASH})"
    assert with_interval([]) == "\N{EN DASH} (\N{EN DASH} to \N{EN DASH})"


def test_one_is_no_plural():
    assert [counted(number, "clip") for number in (0, 1, 2)] == ["0 clips", "1 clip", "2 clips"]


def test_the_last_name_follows_an_and():
    assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
