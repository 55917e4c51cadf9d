import numpy as np
import pytest

from timbrebench.audio.loudness import rms
from timbrebench.classifier.style.phrases.inventing import Note, invent_phrase
from timbrebench.classifier.style.phrases.note_bank import BANK_RATE, NoteBank, sample_notes
from timbrebench.classifier.style.phrases.phrase_playing import play_phrase
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont

RATE = 22_050
CLARINET, PIANO = 71, 0


@pytest.fixture(scope="module")
def bank():
    return sample_notes(find_soundfont("sonivox").player(), CLARINET)


@pytest.fixture(scope="module")
def sines():
    """A bank of two tones, 12 semitones apart."""
    times = np.arange(2 * BANK_RATE) / BANK_RATE
    notes = [np.sin(2 * np.pi * hertz * times).astype(np.float32) for hertz in (220, 440)]
    return NoteBank(np.array([57.0, 69.0]), np.array([90.0, 90.0]), notes)


def play(bank, phrase, program=PIANO, seed=0, duration_s=2.0):
    rng = np.random.default_rng(seed)
    return play_phrase(bank, program, phrase, duration_s=duration_s, sample_rate=RATE, rng=rng)


def pitch_of(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 19))
    return 69 + 12 * np.log2(spectrum.argmax() * RATE / (1 << 19) / 440)


def test_a_bank_holds_notes_from_their_onsets_soft_and_loud(bank):
    assert bank.range[1] - bank.range[0] > 24
    assert len(bank.notes) == len(bank.pitches) == len(bank.velocities)
    assert set(bank.velocities) == {55, 110}
    assert all(np.abs(note).max() == pytest.approx(1) for note in bank.notes)
    assert all(np.abs(note[: BANK_RATE // 20]).max() > 0.01 for note in bank.notes)


@pytest.mark.parametrize("pitch", [55, 57, 60, 68])
def test_a_note_sounds_at_its_pitch_from_onset_to_offset(sines, pitch):
    samples = play(sines, [Note(0.5, 1.0, pitch, 100.0)])
    assert samples.shape == (2 * RATE,)
    assert pitch_of(samples[RATE // 2 : RATE]) == pytest.approx(pitch, abs=0.2)
    assert rms(samples[RATE // 2 : RATE]) > 0.1
    assert rms(samples[: RATE // 2 - 100]) < 1e-3
    assert rms(samples[round(1.4 * RATE) :]) < 1e-3


def test_a_note_may_begin_before_the_clip_and_end_after_it(sines):
    assert rms(play(sines, [Note(-0.3, 9.0, 57, 100.0)], duration_s=1.0)) > 0.1
    assert rms(play(sines, [Note(2.5, 3.0, 57, 100.0)])) < 1e-3


def test_players_of_winds_give_notes_vibrato(sines):
    def wander(program, seed):
        samples = play(sines, [Note(0.0, 1.9, 57, 100.0)], program, seed)
        pitches = [
            pitch_of(samples[start : start + RATE // 20]) for start in range(RATE // 2, RATE, RATE // 40)
        ]
        return np.ptp(pitches)

    assert max(wander(PIANO, seed) for seed in range(6)) < 0.02
    assert max(wander(CLARINET, seed) for seed in range(6)) > 0.1


@pytest.mark.parametrize("voices", [1, 3])
def test_phrases_stay_in_range_and_go_on_to_the_end(voices):
    for seed in range(20):
        notes = invent_phrase(np.random.default_rng(seed), (50, 70), 4.0, voices)
        assert all(50 <= note.pitch <= 70 and note.offset_s > note.onset_s for note in notes)
        assert max(note.onset_s for note in notes) < 4.0
    assert len(notes) >= voices
