"""Facts about the judge that comes with the package, on sounds that it has not learned from."""

import importlib.resources
import zlib

import numpy as np
import pandas as pd
import pytest
import scipy.signal

from timbrebench.audio.sound_changes import detune
from timbrebench.classifier.content.content_evaluation import note_f1
from timbrebench.classifier.content.content_judge import WEIGHTS, load_content_judge, load_tuned_judge
from timbrebench.classifier.content.installed_content_judges import installed_content_judge
from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.rendering.dataset_configuration import Shares

RATE = 22_050


@pytest.fixture(scope="module", params=[load_content_judge, load_tuned_judge])
def shipped(request):
    return request.param()


def additive(notes, overtones, seconds=5.0):
    """Play notes with harmonic overtones of given amplitudes: an instrument of no soundfont."""
    audio = np.zeros(round(seconds * RATE))
    for onset, offset, pitch in zip(notes.onset_s, notes.offset_s, notes.pitch, strict=True):
        times = np.arange(round((offset - onset) * RATE)) / RATE
        envelope = np.minimum(1, np.minimum(times / 0.005, (times[-1] - times) / 0.02))
        f0 = 440 * 2 ** ((pitch - 69) / 12)
        tone = sum(a * np.sin(2 * np.pi * h * f0 * times) for h, a in enumerate(overtones, 1))
        start = round(onset * RATE)
        audio[start : start + len(times)] += envelope * tone
    return (0.2 * audio / np.abs(audio).max()).astype(np.float32)


@pytest.fixture(scope="module")
def chords():
    """A bass and three voices in quarter notes at 120 a minute."""
    voices = [(48, 64, 67, 72), (53, 65, 69, 72), (55, 62, 67, 71), (48, 64, 67, 72), (45, 60, 64, 69)]
    return notes_table(
        [(0.25 + 0.5 * i, 0.7 + 0.5 * i, pitch, 90) for i, chord in enumerate(voices) for pitch in chord]
    )


@pytest.mark.parametrize(
    "overtones",
    [
        [1 / n for n in range(1, 13)],  # bowed
        [1 / n if n % 2 else 0.0 for n in range(1, 13)],  # reed in a closed pipe
        [0.6, 1.0, 0.8, 0.6, 0.4, 0.3, 0.2],  # weak fundamental
    ],
)
def test_chords_of_an_instrument_that_no_soundfont_has_are_heard(shipped, chords, overtones):
    assert note_f1(chords, shipped.transcribe(additive(chords, overtones), RATE).notes) > 0.8


@pytest.mark.parametrize("program", [0, 24, 71, 66, 56, 19])
def test_a_scale_is_heard_on_every_instrument(shipped, synthesizer, scale, program):
    audio = synthesizer.render(scale, program, 2.5, RATE)
    assert note_f1(scale, shipped.transcribe(audio, RATE).notes) > 0.8


@pytest.fixture(scope="module")
def audio(chords):
    return additive(chords, [1 / n for n in range(1, 13)])


@pytest.mark.parametrize("gain_db", [-12, 12])
def test_the_level_does_not_matter(shipped, chords, audio, gain_db):
    changed = (audio * 10 ** (gain_db / 20)).astype(np.float32)
    before, after = (note_f1(chords, shipped.transcribe(samples, RATE).notes) for samples in (audio, changed))
    assert after == pytest.approx(before, abs=0.01)


def test_the_same_clip_has_the_same_notes(shipped, audio):
    assert shipped.transcribe(audio, RATE).notes.equals(shipped.transcribe(audio.copy(), RATE).notes)


def test_notes_move_with_the_clip(shipped, audio):
    hop = shipped.front_end.hop_length
    later = np.concatenate([np.zeros(10 * hop, np.float32), audio])
    before, after = shipped.transcribe(audio, RATE).notes, shipped.transcribe(later, RATE).notes
    assert note_f1(before.assign(onset_s=before.onset_s + 10 * hop / RATE), after) > 0.95


def test_notes_go_up_with_the_clip(shipped, chords):
    overtones = [1 / n for n in range(1, 9)]
    higher = chords.assign(pitch=chords.pitch + 3)
    heard = [shipped.transcribe(additive(notes, overtones), RATE).notes for notes in (chords, higher)]
    assert note_f1(heard[0].assign(pitch=heard[0].pitch + 3), heard[1]) > 0.85


@pytest.mark.parametrize("cents", [-40, 40])
def test_what_is_out_of_tune_is_read_as_in_tune_by_the_tuned_judge_alone(chords, audio, cents):
    moved = detune(audio, RATE, cents)
    faster = 2 ** (cents / 1200)
    notes = chords.assign(onset_s=chords.onset_s / faster, offset_s=chords.offset_s / faster)
    first, tuned = (
        note_f1(notes, judge().transcribe(moved, RATE).notes)
        for judge in (load_content_judge, load_tuned_judge)
    )
    in_tune = note_f1(chords, load_tuned_judge().transcribe(audio, RATE).notes)
    assert tuned == pytest.approx(in_tune, abs=0.05)
    assert first < tuned


def test_the_tuned_judge_is_another_one_with_the_weights_of_the_first():
    first, tuned = load_content_judge(), load_tuned_judge()
    assert tuned.weights_sha256 == first.weights_sha256
    assert tuned.fingerprint != first.fingerprint
    assert installed_content_judge("timbrebench-tuned") is tuned


def test_noise_has_next_to_no_notes(shipped, generator):
    assert len(shipped.transcribe(generator.normal(0, 0.1, 5 * RATE).astype(np.float32), RATE).notes) <= 3


def test_some_noise_and_another_filter_leave_most_notes(shipped, chords, audio, generator):
    noisy = audio + generator.normal(0, 0.1 * audio.std(), len(audio))
    b, a = scipy.signal.butter(1, 1500, fs=RATE)
    filtered = scipy.signal.lfilter(b, a, audio)
    for changed in (noisy, filtered):
        assert note_f1(chords, shipped.transcribe(changed.astype(np.float32), RATE).notes) > 0.75


def test_a_fraction_of_a_second_is_enough_for_a_note(shipped):
    note = pd.DataFrame({"onset_s": [0.1], "offset_s": [0.55], "pitch": [64]})
    assert note_f1(note, shipped.transcribe(additive(note, [1, 0.5, 0.3], 0.6), RATE).notes) == 1


@pytest.mark.parametrize("path", WEIGHTS.values())
def test_the_weights_are_small(path):
    file = importlib.resources.files("timbrebench.classifier.content").joinpath(path)
    assert len(file.read_bytes()) < 2_000_000


def test_it_has_learned_from_no_test_piece_of_a_dataset_with_default_shares(shipped):
    places = [zlib.crc32(f"split of {piece}".encode()) / 2**32 for piece in shipped.training_pieces]
    assert min(places) >= Shares().test
