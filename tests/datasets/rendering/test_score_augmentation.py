import numpy as np
import pytest
from pydantic import ValidationError

from timbrebench.audio import magnitude
from timbrebench.datasets import DatasetConfiguration
from timbrebench.datasets.notes import fold
from timbrebench.datasets.rendering.score_augmentation import NoteAugmentation, Variation

ORIGINAL = {"name": "piece~1", "source_piece": "piece", "transposition": 0, "tempo": 1.0, "velocity": 1.0}


def variation(**changes):
    return Variation(**{**ORIGINAL, **changes})


def test_a_transposed_copy_has_the_same_onsets_and_shifted_pitches(scale):
    copy = variation(transposition=-4).apply(scale)
    assert copy.pitch.tolist() == (scale.pitch - 4).tolist()
    for column in ("onset_s", "offset_s", "velocity"):
        assert copy[column].tolist() == scale[column].tolist()


def test_a_slower_copy_has_stretched_onsets(scale):
    copy = variation(tempo=0.5).apply(scale)
    assert copy.onset_s.tolist() == (2 * scale.onset_s).tolist()
    assert copy.offset_s.tolist() == (2 * scale.offset_s).tolist()
    assert copy.pitch.tolist() == scale.pitch.tolist()


def test_a_louder_note_has_the_same_pitch_and_stays_in_midis_range(scale):
    copy = variation(velocity=1.2).apply(scale)
    assert copy.velocity.tolist() == [108] * len(scale)
    assert copy.drop(columns="velocity").equals(scale.drop(columns="velocity"))
    assert variation(velocity=10).apply(scale).velocity.eq(127).all()
    assert variation(velocity=0.1).apply(scale.assign(velocity=1)).velocity.eq(1).all()


def test_a_louder_note_sounds_brighter_not_higher(synthesizer, scale):
    """The fundamental of both is A3; a harder attack has more of the high harmonics."""
    note = scale.iloc[:1].assign(offset_s=1.0, pitch=57)
    frequencies = np.arange(4097) * 22_050 / 8192
    centroids, peaks = [], []
    for factor in (0.4, 1.4):
        samples = synthesizer.render(variation(velocity=factor).apply(note), 56, 1.0, 22_050)
        spectrum = magnitude(samples, n_fft=8192).mean(axis=1)
        fundamental = frequencies[spectrum[frequencies < 330].argmax()]
        assert fundamental == pytest.approx(220, abs=3)
        centroids.append((frequencies * spectrum).sum() / spectrum.sum())
        peaks.append(np.abs(samples).max())
    assert centroids[1] > centroids[0]
    assert peaks[1] > 2 * peaks[0]


def test_transposed_notes_fold_back_into_the_range(scale):
    copy = fold(variation(transposition=24).apply(scale), 60, 72)
    assert copy.pitch.between(60, 72).all()
    assert (copy.pitch - 12 * copy.octave_shift).tolist() == (scale.pitch + 24).tolist()


def test_copies_are_drawn_by_seed_and_name():
    augmentation = NoteAugmentation(copies=3)
    drawn = augmentation.variations("bach.bwv1", "judge", seed=0)
    assert [variation.name for variation in drawn] == ["bach.bwv1~1", "bach.bwv1~2", "bach.bwv1~3"]
    assert {variation.source_piece for variation in drawn} == {"bach.bwv1"}
    assert len({variation.tempo for variation in drawn}) == 3
    assert augmentation.variations("bach.bwv1", "train", seed=0) == drawn
    assert augmentation.variations("bach.bwv1", "judge", seed=1) != drawn
    assert NoteAugmentation(copies=1).variations("bach.bwv1", "judge", seed=0) == drawn[:1]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_what_is_tested_on_has_no_copies(split):
    assert NoteAugmentation(copies=5).variations("bach.bwv1", split, seed=0) == []


def test_values_fill_their_ranges_and_do_not_leave_them():
    augmentation = NoteAugmentation(copies=100, transposition=(-2, 5), tempo=(0.5, 2), velocity=(0.6, 0.8))
    drawn = augmentation.variations("piece", "train", seed=0)
    assert {variation.transposition for variation in drawn} == set(range(-2, 6))
    for values, (low, high) in (
        ([variation.tempo for variation in drawn], (0.5, 2)),
        ([variation.velocity for variation in drawn], (0.6, 0.8)),
    ):
        assert low <= min(values) < low + 0.1 * (high - low)
        assert high >= max(values) > high - 0.1 * (high - low)


@pytest.mark.parametrize(
    "fields",
    [
        {"transposition": (3, -3)},
        {"transposition": (0, 30)},
        {"tempo": (0, 1)},
        {"velocity": (1, 100)},
        {"copies": 0},
        {"transposition": (0, 0), "tempo": (1, 1), "velocity": (1, 1)},
        {"pitch": (0, 1)},
    ],
)
def test_ranges_are_checked(fields):
    with pytest.raises(ValidationError):
        DatasetConfiguration(augmentation=fields)
