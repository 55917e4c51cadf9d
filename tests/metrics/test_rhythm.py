"""Inter-onset intervals: facts about rhythm, and the divergence against an implementation of its own."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from timbrebench.metrics import Unscorable, get
from timbrebench.metrics.rhythm import UPPER, ioi_distribution, ioi_divergence

RATE = 22_050

intervals = st.lists(st.floats(0.01, 4.0), min_size=2, max_size=40)


def onsets_of(gaps):
    return np.concatenate([[0.3], 0.3 + np.cumsum(gaps)])


def distribution(gaps):
    """The definition again: bins by logarithm, a Gaussian as a matrix, a tenth of uniform."""
    edges = np.geomspace(0.05, 2.0, 65)
    share = np.zeros(64)
    for gap in gaps:
        share[min(int(np.searchsorted(edges, min(max(gap, 0.05), 2.0), side="right")) - 1, 63)] += 1 / len(
            gaps
        )
    kernel = np.exp(-0.5 * np.arange(-4, 5) ** 2.0)
    kernel /= kernel.sum()
    mirrored = np.concatenate([share[3::-1], share, share[:-5:-1]])
    smooth = np.array([kernel @ mirrored[i : i + 9] for i in range(64)])
    return 0.9 * smooth + 0.1 / 64


@given(intervals, intervals)
def test_divergence_agrees_with_scipys_entropy(target, output):
    # Intervals as the onsets give them: the last digit decides at the edge of a bin.
    first, second = onsets_of(target), onsets_of(output)
    expected = entropy(distribution(np.diff(first)), distribution(np.diff(second)))
    edges = np.log(np.geomspace(0.05, 2.0, 65)[1:-1])
    gaps = np.log(np.concatenate([np.diff(first), np.diff(second)]))
    if np.abs(gaps[:, None] - edges).min() > 1e-9:
        assert ioi_divergence(first, second) == pytest.approx(expected, abs=1e-9)
    assert 0 <= ioi_divergence(first, second) <= UPPER


@given(intervals)
def test_distribution_sums_to_one_and_has_no_empty_bin(gaps):
    found = ioi_distribution(onsets_of(gaps))
    assert found.sum() == pytest.approx(1)
    assert found.min() >= 0.1 / 64


def test_the_worst_case_stays_under_the_declared_bound():
    worst = ioi_divergence(onsets_of([0.05] * 20), onsets_of([2.0] * 20))
    assert 4 < worst < UPPER == pytest.approx(math.log(640))


def test_order_and_start_do_not_count():
    gaps = [0.2, 0.4, 0.4, 0.8]
    assert ioi_divergence(onsets_of(gaps), 5 + onsets_of(gaps[::-1])) == pytest.approx(0, abs=1e-12)


def test_tempo_counts_alike_at_any_tempo():
    gaps = np.array([0.2, 0.2, 0.4])
    slow = ioi_divergence(onsets_of(gaps * 2), onsets_of(gaps * 4))
    assert ioi_divergence(onsets_of(gaps), onsets_of(gaps * 2)) == pytest.approx(slow, abs=0.3)


def test_missing_intervals_cost_more_than_added_ones():
    plain, varied = [0.5] * 8, [0.5] * 4 + [0.25] * 8
    missing = ioi_divergence(onsets_of(varied), onsets_of(plain))
    added = ioi_divergence(onsets_of(plain), onsets_of(varied))
    assert missing > added > 0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_onsets_are_counted_in_the_reason(count):
    enough = onsets_of([0.5, 0.5])
    with pytest.raises(Unscorable, match=f"output has too few onsets: {count} found"):
        ioi_divergence(enough, enough[:count])
    with pytest.raises(Unscorable, match=f"target has too few onsets: {count} found"):
        ioi_divergence(enough[:count], enough)


def test_the_same_notes_on_another_instrument_keep_the_rhythm(make_trial, clips):
    ioi_kl_content = get("ioi_kl_content")
    assert ioi_kl_content(make_trial(clips["reference"])).value < 0.5
    assert ioi_kl_content(make_trial(clips["style"])).value > 1


def test_other_notes_in_the_same_rhythm_keep_it(play, make_trial, tune):
    other = tune.assign(pitch=tune.pitch.to_numpy()[::-1])
    assert get("ioi_kl_content")(make_trial(play(other, 0))).value < 0.1


def test_twice_as_fast_is_another_rhythm(play, make_trial, tune):
    faster = tune.assign(onset_s=tune.onset_s / 2, offset_s=tune.offset_s / 2)
    assert get("ioi_kl_content")(make_trial(play(faster, 0))).value > 1


def test_a_delay_keeps_the_rhythm(make_trial, clips):
    delayed = np.concatenate([np.zeros(RATE // 4, np.float32), clips["content"]])
    assert get("ioi_kl_content")(make_trial(delayed)).value < 0.1
