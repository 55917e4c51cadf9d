"""Periodicity: facts about clicks and music, and each formula against an implementation of its own."""

import math
import re

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbrebench.metrics import Unscorable, get
from timbrebench.metrics.periodicity import (
    FRAME_RATE,
    LAGS_S,
    envelope_correlation,
    hierarchy,
    local_autocorrelation,
    tempo_bpm,
)

RATE = 22_050

seeds = st.integers(0, 10_000)


def random_envelope(seed, frames=400):
    return np.random.default_rng(seed).gamma(0.3, size=frames)


def beats(period_s, seconds=6.0, accents=(1.0,)):
    """The onset envelope of beats: bumps of five frames, every other one an accent if so asked."""
    times = np.arange(int(seconds * FRAME_RATE)) / FRAME_RATE
    onsets = np.arange(0.1, seconds, period_s)
    weights = np.resize(accents, len(onsets))
    return np.exp(-(((times[:, None] - onsets) * FRAME_RATE / 2) ** 2)) @ weights


def clicks(period_s, seconds=6.0):
    """Short tones, one after another."""
    time = np.arange(int(seconds * RATE)) / RATE
    since = (time - 0.2) % period_s
    return (0.3 * np.sin(2 * np.pi * 660 * time) * np.exp(-since / 0.05)).astype(np.float32)


def reference_autocorrelation(envelope, lag):
    """The definition again: every window with the one a lag later."""
    shared, first_energy, second_energy = 0.0, 0.0, 0.0
    for start in range(len(envelope) - 172 - lag + 1):
        first = envelope[start : start + 172]
        second = envelope[start + lag : start + lag + 172]
        covariance = np.cov(first, second, bias=True)
        shared += covariance[0, 1]
        first_energy += covariance[0, 0]
        second_energy += covariance[1, 1]
    return shared / math.sqrt(first_energy * second_energy)


@given(seeds)
def test_local_autocorrelation_agrees_with_the_definition(seed):
    envelope = random_envelope(seed)
    found = local_autocorrelation(envelope)
    for lag in (0, 1, 40, 172):
        assert found[lag] == pytest.approx(reference_autocorrelation(envelope, lag), abs=1e-9)
    assert np.abs(found).max() <= 1 + 1e-9
    np.testing.assert_allclose(local_autocorrelation(7 * envelope + 3), found, atol=1e-9)


@given(seeds, seeds)
def test_correlation_agrees_with_a_search_over_shifts(one, other):
    first, second = random_envelope(one, 90), random_envelope(other, 93)[:90]
    expected = max(
        np.corrcoef(first[max(0, -k) : 90 - max(0, k)], second[max(0, k) : 90 - max(0, -k)])[0, 1]
        for k in range(-4, 5)
    )
    assert envelope_correlation(first, second) == pytest.approx(expected, abs=1e-12)
    assert envelope_correlation(second, first) == pytest.approx(expected, abs=1e-9)
    assert envelope_correlation(first, first) == pytest.approx(1)


@pytest.mark.parametrize("delay", [-4, -1, 3])
def test_a_delay_within_four_frames_is_found(delay):
    envelope = beats(0.37)
    shifted = envelope[10 + delay : 400 + delay]
    assert envelope_correlation(shifted, envelope[10:400]) == pytest.approx(1)


def test_a_later_delay_is_not_forgiven():
    envelope = beats(0.37)
    assert envelope_correlation(envelope[16:406], envelope[:390]) < 0.1


@pytest.mark.parametrize("period_s", [0.3, 0.5, 0.85])
def test_regular_beats_resemble_themselves_after_their_period(period_s):
    found = local_autocorrelation(beats(period_s))
    peak = 12 + int(found[12 : int(1.5 * period_s * FRAME_RATE)].argmax())
    assert peak / FRAME_RATE == pytest.approx(period_s, abs=1 / FRAME_RATE)
    assert found[peak] > 0.9
    assert found[round(peak / 2)] < 0


def test_accents_add_a_level_to_the_hierarchy():
    plain, accented = (local_autocorrelation(beats(0.4, accents=a)) for a in ([1.0], [1.0, 0.4]))
    beat, bar = round(0.4 * FRAME_RATE), round(0.8 * FRAME_RATE)
    assert plain[beat] == pytest.approx(plain[bar], abs=0.1)
    assert accented[bar] > accented[beat] + 0.15


def test_hierarchy_is_sampled_at_equal_ratios_up_to_two_seconds():
    assert LAGS_S[0] == pytest.approx(0.1)
    assert LAGS_S[-1] == pytest.approx(2.0, abs=0.01)
    np.testing.assert_allclose(LAGS_S[1:] / LAGS_S[:-1], LAGS_S[1] / LAGS_S[0])
    envelope = random_envelope(0)
    assert hierarchy(envelope)[-1] == pytest.approx(local_autocorrelation(envelope)[172])


@pytest.mark.parametrize("period_s", [0.42, 0.5, 0.65])
def test_tempo_agrees_with_librosa(period_s):
    envelope = beats(period_s, seconds=8.0)
    theirs = librosa.feature.tempo(onset_envelope=envelope, sr=RATE, hop_length=256, ac_size=4.0)[0]
    assert tempo_bpm(envelope) == pytest.approx(theirs, rel=0.03)
    assert tempo_bpm(envelope) == pytest.approx(60 / period_s, rel=0.03)


def test_of_a_tempo_and_its_half_the_one_nearer_120_is_taken():
    assert tempo_bpm(beats(0.25)) == pytest.approx(120, rel=0.03)


def test_an_envelope_without_repetition_has_no_tempo():
    single = np.zeros(400)
    single[200:203] = 1
    with pytest.raises(Unscorable, match="no beat"):
        tempo_bpm(single)


@pytest.mark.parametrize("envelope", [np.ones(400), np.zeros(400), random_envelope(0, 343)])
def test_envelopes_without_rhythm_are_refused(envelope):
    with pytest.raises(Unscorable, match=r"constant|343 frames"):
        local_autocorrelation(envelope)


@pytest.mark.parametrize("envelope", [np.ones(100), random_envelope(0, 19)])
def test_nothing_correlates_with_an_envelope_without_onsets(envelope):
    with pytest.raises(Unscorable, match="constant or has fewer"):
        envelope_correlation(envelope, random_envelope(1, 100))


def test_twice_the_tempo_is_one_octave_off(make_trial):
    trial = make_trial(clicks(0.4), content=clicks(0.8))
    assert get("tempo_error")(trial).value == pytest.approx(1, abs=0.05)
    slower = make_trial(clicks(0.8), content=clicks(0.4))
    assert get("tempo_error")(slower).value == pytest.approx(1, abs=0.05)


def test_the_same_notes_on_another_instrument_keep_the_rhythm(make_trial, clips):
    kept, lost = make_trial(clips["reference"]), make_trial(clips["style"])
    assert get("onset_envelope_correlation")(kept).value > 0.8
    assert get("onset_envelope_correlation")(lost).value < 0.4
    for name in ("autocorrelation_error_content", "tempo_error"):
        assert get(name)(kept).value < get(name)(lost).value / 2


def test_a_rhythm_that_starts_elsewhere_is_the_same_rhythm(make_trial):
    late = make_trial(clicks(0.5)[RATE // 4 :], content=clicks(0.5))
    assert get("autocorrelation_error_content")(late).value < 0.05
    assert get("tempo_error")(late).value == 0
    assert math.isnan(get("onset_envelope_correlation")(late).value)
    aligned = make_trial(clicks(0.5)[RATE // 4 :], content=clicks(0.5)[: -(RATE // 4)])
    assert get("onset_envelope_correlation")(aligned).value < 0.2


NAMES = [
    "onset_envelope_correlation",
    "autocorrelation_error_content",
    "autocorrelation_error_style",
    "tempo_error",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (np.zeros(4 * RATE), "the output is silent"),
        (np.full(4 * RATE, 0.5), "the output has too few onsets"),
        (np.sin(np.arange(4 * RATE) / 8), "the output has too few onsets"),
        (np.ones(1), "output is .* shorter|output is too short"),
        (clicks(0.3, 0.9), "output is .* shorter|output is too short"),
    ],
)
def test_what_has_no_rhythm_has_no_score(name, output, reason, make_trial):
    score = get(name)(make_trial(output.astype(np.float32)))
    assert math.isnan(score.value)
    assert re.search(reason, score.reason)


@pytest.mark.parametrize("name", NAMES[1:])
def test_clips_of_less_than_four_seconds_are_too_short(name, make_trial):
    short = clicks(0.3, 3.5)
    score = get(name)(make_trial(short))
    assert "too short: it lasts 3.50 s, 4 s" in score.reason
    assert math.isnan(score.value)


def test_gain_and_a_delay_of_some_samples_do_not_count(make_trial, clips):
    reference = clips["reference"]
    delayed = np.concatenate([np.zeros(5, np.float32), reference])[: len(reference)]
    for name in NAMES:
        here = get(name)(make_trial(reference)).value
        change = get(name).specification.relevant_change
        assert get(name)(make_trial(0.25 * reference)).value == pytest.approx(here, abs=1e-4)
        assert get(name)(make_trial(delayed)).value == pytest.approx(here, abs=0.1 * change)
