"""Cleanliness: facts about levels, clipping, noise and phases, and each formula written down again."""

import math
from itertools import pairwise

import librosa
import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from timbrebench.audio.inversion import Inversion, invert
from timbrebench.audio.spectra import magnitude
from timbrebench.metrics import Sound, Unscorable, get
from timbrebench.metrics.cleanliness import (
    complete_frames,
    flatness_db,
    frame_levels,
    loudness,
    phase_deviation,
    share_clipped,
)

RATE = 22_050
TIME = np.arange(4 * RATE) / RATE

seeds = st.integers(0, 10_000)


def tone(*frequencies, seconds=4.0):
    return sum(0.1 * np.sin(2 * np.pi * f * TIME[: int(seconds * RATE)]) for f in frequencies)


def noise(generator, like):
    """White noise as loud as a clip."""
    return (np.sqrt(np.mean(like**2)) * generator.standard_normal(len(like))).astype(np.float32)


def value(name, trial):
    score = get(name)(trial)
    assert score.reason is None
    return score.value


def frames_of(samples):
    return complete_frames(Sound(samples, RATE))


# Loudness


def k_weighted_loudness(samples, rate):
    """BS.1770-4 for one channel, with its filters' coefficients at 48 kHz."""
    assert rate == 48_000
    shelf = (
        [1.53512485958697, -2.69169618940638, 1.19839281085285],
        [1, -1.69065929318241, 0.73248077421585],
    )
    high_pass = ([1.0, -2.0, 1.0], [1, -1.99004745483398, 0.99007225036621])
    weighted = scipy.signal.lfilter(*high_pass, scipy.signal.lfilter(*shelf, samples))
    starts = range(0, len(samples) - int(0.4 * rate) + 1, int(0.1 * rate))
    power = np.array([np.mean(weighted[start : start + int(0.4 * rate)] ** 2) for start in starts])
    level = -0.691 + 10 * np.log10(power)
    gate = -0.691 + 10 * np.log10(power[level > -70].mean()) - 10
    return -0.691 + 10 * np.log10(power[(level > -70) & (level > gate)].mean())


@pytest.mark.parametrize("seed", [0, 1])
def test_loudness_agrees_with_the_recommendation(seed):
    generator = np.random.default_rng(seed)
    swelling = 0.2 * generator.standard_normal(96_000) * np.linspace(0.01, 1, 96_000) ** 2
    found = loudness(Sound(swelling, 48_000))
    assert found == pytest.approx(k_weighted_loudness(swelling.astype(np.float32), 48_000), abs=0.1)


def test_a_sine_at_full_scale_of_one_kilohertz_has_its_standard_loudness():
    # 0 dBFS at 997 Hz in one channel reads -3.01 LUFS.
    sine = np.sin(2 * np.pi * 997 * np.arange(3 * 48_000) / 48_000)
    assert loudness(Sound(sine, 48_000)) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("decibels", [-20, -6, 6, 20])
def test_decibels_are_loudness_units(decibels, make_trial, clips):
    louder = clips["content"] * np.float32(10 ** (decibels / 20))
    assert value("loudness_difference", make_trial(louder)) == pytest.approx(abs(decibels), abs=1e-3)


def test_too_little_to_measure_has_no_loudness(make_trial):
    for clip, reason in (
        (tone(440, seconds=0.39), "shorter than the 0.4 s"),
        (0.003 * tone(440), "too soft|silent"),
        (np.full(RATE, 0.25), "constant"),
        (np.zeros(RATE), "silent"),
    ):
        with pytest.raises(Unscorable, match=reason):
            loudness(Sound(clip, RATE))
    assert math.isnan(get("loudness_difference")(make_trial(np.zeros(4 * RATE))).value)


# Clipping


def clipped_by_loop(samples):
    """The definition again, one sample after another."""
    top = max(abs(x) for x in samples) * (1 - 2**-14)
    sides = [1 if x >= top else -1 if x <= -top else 0 for x in samples]
    count = start = 0
    for i in range(1, len(sides) + 1):
        if i == len(sides) or sides[i] != sides[start]:
            count += (i - start) if sides[start] and i - start >= 3 else 0
            start = i
    return count / len(samples)


@given(st.lists(st.sampled_from([-1.0, -0.99999, -0.5, 0.0, 0.3, 0.99999, 1.0]), min_size=1, max_size=40))
def test_clipped_share_agrees_with_the_definition(samples):
    if any(samples):
        assert share_clipped(samples) == pytest.approx(clipped_by_loop(samples))


@pytest.mark.parametrize("drive", [1.2, 2.0, 5.0])
def test_the_share_of_a_clipped_sine_is_the_time_it_would_spend_beyond(drive):
    clipped = np.clip(drive * np.sin(2 * np.pi * 40 * TIME), -1, 1)
    assert share_clipped(clipped) == pytest.approx(1 - 2 / np.pi * math.asin(1 / drive), abs=0.01)


def test_clipping_shows_after_scaling_and_in_16_bits(make_trial, clips):
    content = clips["content"] / np.abs(clips["content"]).max()
    assert value("clipped_share", make_trial(content)) == 0
    shares = [share_clipped(np.clip(gain * content, -1, 1)) for gain in (1.5, 2, 4)]
    assert 0 < shares[0] < shares[1] < shares[2] < 0.5
    clipped = np.clip(4 * content, -1, 1)
    sixteen_bits = np.clip(np.round(clipped * 32_768), -32_768, 32_767) / 32_768
    for version in (0.3 * clipped, -clipped, sixteen_bits):
        assert share_clipped(version) == pytest.approx(shares[2], abs=1e-3)


def test_tones_are_not_clipped():
    for frequency in (40, 100, 440, RATE / 4):
        assert share_clipped(np.cos(2 * np.pi * frequency * TIME)) == 0


# Silence


@given(seeds)
def test_frame_levels_agree_with_the_definition(seed):
    samples = np.random.default_rng(seed).normal(0, 0.1, 3000).astype(np.float32)
    expected = [
        10 * math.log10(np.mean(samples[i : i + 1102].astype(float) ** 2) / 0.01)
        for i in range(0, 3000 - 1102 + 1, 220)
    ]
    np.testing.assert_allclose(frame_levels(samples), expected, atol=1e-3)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_what_is_cut_out_is_missing(share, make_trial):
    content, output = tone(440), tone(440)
    output[: int(share * len(output))] = 0
    found = value("silent_share", make_trial(output, content=content))
    assert found == pytest.approx(share, abs=0.02)
    # Silence of the content is no fault of the output.
    assert value("silent_share", make_trial(output, content=output)) == 0
    assert value("silent_share", make_trial(content, content=output)) == 0


def test_softer_is_not_silent(make_trial):
    output = tone(440)
    output[RATE:] *= 10 ** (-50 / 20)
    assert value("silent_share", make_trial(output, content=tone(440))) == 0
    output[RATE:] *= 10 ** (-30 / 20)
    assert value("silent_share", make_trial(output, content=tone(440))) == pytest.approx(0.75, abs=0.02)


def test_other_lengths_have_no_silent_share(make_trial, clips):
    assert "shorter than the content" in get("silent_share")(make_trial(clips["content"][:RATE])).reason


# Noise


@given(seeds)
def test_flatness_agrees_with_librosa(seed):
    spectrum = np.random.default_rng(seed).gamma(1.0, size=(65, 12)) + 1e-2
    expected = 10 * np.log10(librosa.feature.spectral_flatness(S=spectrum, amin=1e-30)).mean()
    assert flatness_db(spectrum) == pytest.approx(expected, abs=1e-6)
    assert flatness_db(37 * spectrum) == pytest.approx(expected, abs=1e-9)


def test_flatness_of_noise_is_that_of_exponential_power(generator):
    expected = -10 * np.euler_gamma / math.log(10)
    assert flatness_db(frames_of(generator.standard_normal(4 * RATE))) == pytest.approx(expected, abs=0.1)
    assert flatness_db(frames_of(tone(440))) < -45


def test_faint_frames_do_not_count(generator):
    silent_half = tone(440)
    silent_half[2 * RATE :] = 0
    assert flatness_db(frames_of(silent_half)) == pytest.approx(flatness_db(frames_of(tone(440))), abs=2)


def test_noise_is_an_excess_of_flatness(make_trial, clips, generator):
    reference = clips["reference"]
    hiss = noise(generator, reference)
    levels = [value("flatness_excess", make_trial(reference + g * hiss)) for g in (0.03, 0.1, 0.3, 1)]
    assert all(a + 1 < b for a, b in pairwise(levels))
    for input_ in ("content", "style"):
        assert value("flatness_excess", make_trial(clips[input_])) == 0
    assert value("flatness_excess", make_trial(tone(440))) == 0


# Phases


def deviation_by_loop(frames):
    """The definition again, with unwrapped phases and no products."""
    phases, levels = np.angle(frames), np.abs(frames)
    second = phases[:, 2:] - 2 * phases[:, 1:-1] + phases[:, :-2]
    wrapped = np.abs((second + np.pi) % (2 * np.pi) - np.pi)
    weights = (levels[:, 2:] * levels[:, 1:-1] ** 2 * levels[:, :-2]) ** 0.25
    return float(np.average(wrapped, weights=weights))


@given(seeds)
def test_phase_deviation_agrees_with_the_definition(seed):
    generator = np.random.default_rng(seed)
    frames = generator.standard_normal((9, 7)) + 1j * generator.standard_normal((9, 7))
    found = phase_deviation(frames)
    assert found == pytest.approx(deviation_by_loop(frames), abs=1e-9)
    assert 0 <= found <= math.pi
    assert phase_deviation(-5j * frames) == pytest.approx(found, abs=1e-9)
    assert phase_deviation(np.abs(frames)) == pytest.approx(0, abs=1e-9)


def test_independent_phases_deviate_by_a_quarter_turn(generator):
    frames = np.exp(2j * np.pi * generator.random((500, 300)))
    assert phase_deviation(frames) == pytest.approx(np.pi / 2, abs=0.01)


@pytest.mark.parametrize("frequencies", [(440,), (1441.7,), (300, 700, 1500, 3100)])
def test_phases_of_steady_tones_are_consistent(frequencies):
    assert phase_deviation(frames_of(tone(*frequencies))) < 0.01


def test_phases_are_the_less_consistent_the_worse_they_were_estimated(clips, generator):
    for clip in clips.values():
        spectrogram = magnitude(clip)
        ways = [Inversion(algorithm="griffin-lim", iterations=n, start="random") for n in (60, 5)]
        estimated = [
            invert(spectrogram, length=len(clip), inversion=way, seed=0).astype(np.float64) for way in ways
        ]
        random_phase = np.exp(2j * np.pi * generator.random(spectrogram.shape))
        versions = [clip, *estimated, librosa.istft(spectrogram * random_phase), noise(generator, clip)]
        found = [phase_deviation(frames_of(version)) for version in versions]
        assert found == sorted(found)


def test_digital_silence_beside_a_sound_has_no_phase():
    tone_then_nothing = tone(440)
    tone_then_nothing[2 * RATE :] = 0
    frames = frames_of(tone_then_nothing)
    assert phase_deviation(frames) == phase_deviation(-frames) < 0.1
    with pytest.raises(Unscorable, match="three consecutive frames"):
        phase_deviation(np.array([[0, 1, 0, 0, 1j]]))


# What has no score


@pytest.mark.parametrize("name", ["clipped_share", "silent_share", "flatness_excess", "phase_inconsistency"])
def test_nothing_to_hear_has_no_score(name, make_trial):
    for output, reason in ((np.zeros(4 * RATE), "silent"), (np.full(4 * RATE, 0.5), "constant")):
        score = get(name)(make_trial(output))
        assert math.isnan(score.value)
        assert reason in score.reason


@pytest.mark.parametrize("name", ["flatness_excess", "phase_inconsistency"])
def test_three_complete_frames_are_needed(name, make_trial, generator):
    clip = generator.standard_normal(3072)
    assert "shorter than 0.14 s" in get(name)(make_trial(clip[:-1])).reason
    assert get(name)(make_trial(clip)).reason is None
    assert frames_of(clip).shape == (1025, 3)
