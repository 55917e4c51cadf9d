"""The same pitches at the same time: against definitions, and as musicians would have it."""

import math

import librosa
import mir_eval
import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from timbrebench.metrics import Sound, Unscorable
from timbrebench.metrics.pitch import (
    chroma_cosine,
    chroma_similarity,
    jaccard_distance,
    melody_accuracy,
    pitch_jaccard,
    skyline,
)

RATE = 22_050
FRAME_S = 512 / RATE


def tones(*frequencies, seconds=2.0):
    t = np.arange(int(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * f * t + i) for i, f in enumerate(frequencies)).astype(np.float32)


def chroma(output, content):
    return chroma_similarity(Sound(output, RATE, name="output"), Sound(content, RATE, name="content"))


def frames_of(samples):
    """Stretches of 8192 samples, 2048 apart, in double precision: shape (frames, 8192)."""
    x = np.pad(samples.astype(np.float64), 4096)
    return np.array([x[start : start + 8192] for start in range(0, len(x) - 8191, 2048)])


def power(samples):
    """Power spectra with numpy alone: shape (4097, frames)."""
    window = scipy.signal.get_window("hann", 8192)
    return np.abs(np.fft.rfft(window * frames_of(samples))).T ** 2


def energy(samples):
    return (frames_of(samples) ** 2).sum(axis=1)


def test_chroma_agrees_with_the_definition(clips):
    bank = librosa.filters.chroma(sr=RATE, n_fft=8192, tuning=0.0)
    a, b = (bank @ power(clips[role]) for role in ("reference", "content"))
    level_a, level_b = (energy(clips[role]) for role in ("reference", "content"))
    frames = a.shape[1]
    cosines = [
        (level_a[k] >= 1e-6 * level_a.max()) * (a[:, k] @ b[:, k])
        / max(np.linalg.norm(a[:, k]) * np.linalg.norm(b[:, k]), 1e-300)
        for k in range(frames)
        if level_b[k] >= 1e-6 * level_b.max()
    ]  # fmt: skip
    assert 0 < len(cosines) < frames
    assert chroma(clips["reference"], clips["content"]) == pytest.approx(np.mean(cosines), abs=1e-4)


def test_chroma_is_invariant_to_octaves_and_not_to_semitones():
    c_major = tones(261.63, 329.63, 392.0)
    assert chroma(tones(523.25, 659.26, 784.0), c_major) > 0.98
    assert chroma(tones(277.18, 349.23, 415.3), c_major) < 0.35


def test_one_common_tone_of_two_is_half_the_cosine():
    assert chroma(tones(261.63, 392.0), tones(261.63, 329.63)) == pytest.approx(0.5, abs=0.1)
    assert chroma(tones(261.63), tones(261.63, 329.63)) == pytest.approx(math.sqrt(0.5), abs=0.1)


def test_what_is_played_while_the_content_rests_does_not_count_and_a_gap_does():
    tone, rest = tones(440.0, seconds=3.0), np.zeros(3 * RATE, np.float32)
    content = np.concatenate([tone, rest])
    assert chroma(np.concatenate([tone, tones(330.0, seconds=3.0)]), content) > 0.9
    assert chroma(content, np.concatenate([tone, tone])) == pytest.approx(0.5, abs=0.05)


def test_chroma_of_clips_that_cannot_be_compared_has_none():
    with pytest.raises(Unscorable, match="silent"):
        chroma(np.zeros(RATE, np.float32), tones(440.0, seconds=1.0))
    with pytest.raises(Unscorable, match="longer"):
        chroma(tones(440.0), tones(440.0, seconds=1.5))
    with pytest.raises(Unscorable, match="shorter than"):
        chroma(tones(440.0, seconds=0.3), tones(440.0, seconds=0.3))


rolls = arrays(bool, (88, 6), elements=st.sampled_from([False, False, False, True]))


@given(rolls, rolls)
def test_jaccard_agrees_with_sets_and_is_symmetric(a, b):
    sets = [[set(np.flatnonzero(keys)) for keys in roll.T] for roll in (a, b)]
    distances = [1 - len(x & y) / len(x | y) for x, y in zip(*sets, strict=True) if x | y]
    if not (a.any() and b.any()):
        return
    assert jaccard_distance(a, b) == pytest.approx(np.mean(distances), abs=1e-12)
    assert jaccard_distance(a, b) == jaccard_distance(b, a)
    assert jaccard_distance(a, a) == 0


def test_jaccard_of_nothing_read():
    some, none = np.eye(88, 4, dtype=bool), np.zeros((88, 4), bool)
    assert jaccard_distance(none, some) == 1
    with pytest.raises(Unscorable, match="no pitch is read in the content"):
        jaccard_distance(some, none)


def test_the_skyline_is_the_highest_key():
    roll = np.zeros((88, 3), bool)
    roll[[3, 40], 0] = roll[0, 2] = True
    assert skyline(roll).tolist() == [40, -1, 0]


def test_melody_accuracy_is_mir_evals_raw_pitch_accuracy(make_trial, play, tune):
    notes = tune.assign(pitch=tune.pitch + np.where(np.arange(len(tune)) % 3 == 0, 2, 0))
    trial = make_trial(play(notes, 71))
    times = np.arange(math.ceil(4.0 / FRAME_S)) * FRAME_S
    truth = np.array([tune.pitch[(tune.onset_s <= t) & (t < tune.offset_s)].max() for t in times])
    read = [np.flatnonzero(keys) for keys in trial.output.transcription.roll.T[: len(times)]]
    heard = np.array([21 + keys.max() if len(keys) else np.nan for keys in read])
    cents = [np.nan_to_num(100 * pitches) for pitches in (truth, heard)]
    voicing = [(values > 0).astype(float) for values in cents]
    expected = mir_eval.melody.raw_pitch_accuracy(voicing[0], cents[0], voicing[1], cents[1])
    assert 0.3 < expected < 0.8
    assert melody_accuracy(trial).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("program", [0, 24, 71, 56])
def test_the_same_notes_are_near_whoever_plays_them(make_trial, play, tune, waltz, program):
    same, other = make_trial(play(tune, program)), make_trial(play(waltz, program))
    assert chroma_cosine(same).value > chroma_cosine(other).value + 0.2
    assert pitch_jaccard(same).value < 0.3
    assert pitch_jaccard(other).value > 0.8
    assert melody_accuracy(same).value > 0.75
    assert melody_accuracy(other).value < 0.3


def test_an_octave_higher_is_the_same_chroma_and_another_pitch(make_trial, play, tune):
    higher = make_trial(play(tune.assign(pitch=tune.pitch + 12), 71))
    assert chroma_cosine(higher).value > 0.75
    assert pitch_jaccard(higher).value > 0.8
    assert melody_accuracy(higher).value < 0.2


def test_the_accompaniment_is_not_the_melody(make_trial, play, tune):
    below = tune.assign(pitch=tune.pitch - 19)
    both = play(tune, 71) + play(below, 71)
    assert melody_accuracy(make_trial(both)).value > 0.7
    assert melody_accuracy(make_trial(play(below, 71))).value < 0.1
    assert 0.3 < pitch_jaccard(make_trial(both)).value < 0.7


@pytest.mark.parametrize("metric", [chroma_cosine, pitch_jaccard, melody_accuracy])
def test_level_and_a_few_samples_count_for_little(metric, make_trial, clips):
    kept = metric(make_trial(clips["reference"])).value
    assert metric(make_trial(0.3 * clips["reference"])).value == pytest.approx(kept, abs=1e-5)
    delayed = np.concatenate([np.zeros(5, np.float32), clips["reference"][:-5]])
    assert metric(make_trial(delayed)).value == pytest.approx(kept, abs=0.01)


def test_lengths_that_differ_are_cut_or_refused(make_trial, clips):
    content = clips["content"]
    little, much = (np.concatenate([content, content[:count]]) for count in (1000, 2000))
    assert chroma_cosine(make_trial(little)).value > 0.99
    assert pitch_jaccard(make_trial(little)).value < 0.05
    for metric in (chroma_cosine, pitch_jaccard):
        assert "longer than the content" in metric(make_trial(much)).reason
    assert melody_accuracy(make_trial(much)).value == pytest.approx(
        melody_accuracy(make_trial(content)).value, abs=0.05
    )


def test_what_cannot_be_read_has_a_reason(make_trial, clips, tune):
    silent = make_trial(np.zeros(4 * RATE, np.float32))
    for metric in (chroma_cosine, pitch_jaccard, melody_accuracy):
        assert "silent" in metric(silent).reason
    assert "hold none that sounds" in melody_accuracy(make_trial(clips["content"], notes=tune[:0])).reason
    pitchless = make_trial(clips["reference"], content=np.full(4 * RATE, 0.5, np.float32))
    assert "no pitch is read in the content" in pitch_jaccard(pitchless).reason
    nothing = make_trial(np.full(4 * RATE, 0.5, np.float32))
    assert pitch_jaccard(nothing).value == 1
    assert melody_accuracy(nothing).value == 0
