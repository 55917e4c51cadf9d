from dataclasses import replace

import numpy as np
import pytest

from timbrebench.audio import rms
from timbrebench.classifier import evaluate_judge
from timbrebench.classifier.clip_changes import UNCHANGED, noisy, shortened
from timbrebench.classifier.style.robustness import Robustness, measure_robustness, transposed
from timbrebench.classifier.style.style_front_end import LogFrequencyFrontEnd
from timbrebench.core.errors import JudgeError
from timbrebench.datasets.notes import read_notes
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont

EVERY_KEY = set(range(128))


@pytest.fixture(scope="module")
def few(dataset):
    """The clips of one test piece."""
    return dataset.select(piece=dataset.select(split="test").manifest.piece.min())


@pytest.fixture(scope="module")
def robustness(judge, few):
    return measure_robustness(judge, few)


@pytest.fixture
def conditions(robustness):
    return {condition.name: condition for condition in robustness.conditions}


@pytest.fixture(params=["piano", "trumpet"])
def one(few, request):
    return next(few.select(label=request.param).clips())


def transpose(dataset, clip, semitones, pitches=EVERY_KEY):
    soundfonts = {clip.soundfont: find_soundfont(clip.soundfont)}
    sounding = {(clip.soundfont, clip.program): pitches}
    return transposed(dataset, clip, semitones=semitones, soundfonts=soundfonts, sounding=sounding)


def test_unchanged_clips_have_the_accuracy_of_the_evaluation(conditions, judge, few):
    evaluation = evaluate_judge(judge, few)
    unchanged = conditions[UNCHANGED]
    assert unchanged.accuracy == unchanged.accuracy_before == pytest.approx(evaluation.accuracy)
    assert (unchanged.clips, unchanged.skipped) == (evaluation.clips, 0)


def test_every_clip_is_judged_or_skipped_under_every_condition(robustness, few):
    assert len(robustness.conditions) == 1 + 2 + 4 + 2 + 6 + 4
    assert all(part.clips + part.skipped == len(few) for part in robustness.conditions)


@pytest.mark.parametrize("name", ["gain -12 dB", "gain +12 dB"])
def test_the_level_does_not_matter(conditions, name):
    assert conditions[name].accuracy == conditions[UNCHANGED].accuracy


def test_clips_no_longer_than_the_window_are_skipped(conditions, few):
    # The clips last 2 s.
    assert (conditions["2.57 s"].clips, conditions["2.57 s"].accuracy) == (0, None)
    assert conditions["1 s"].clips == len(few)


def test_it_survives_json(robustness):
    assert Robustness.model_validate_json(robustness.model_dump_json()) == robustness


def test_the_window_is_the_middle(few, one):
    samples = few.samples(one)
    middle = shortened(few, one, seconds=1.0)
    np.testing.assert_array_equal(middle, samples[11_025:33_075])


@pytest.mark.parametrize("snr_db", [10, 40])
def test_noise_lies_as_far_under_the_clip_as_asked(few, one, snr_db):
    samples = few.samples(one)
    noise = noisy(few, one, snr_db=snr_db, seed=0) - samples
    assert 20 * np.log10(rms(samples) / rms(noise)) == pytest.approx(snr_db, abs=0.1)
    # White: as much below a quarter of the rate as above.
    power = np.abs(np.fft.rfft(noise)) ** 2
    assert power[: len(power) // 2].sum() / power.sum() == pytest.approx(0.5, abs=0.03)


def test_noise_follows_from_seed_and_clip(few, one):
    first, again, other = (noisy(few, one, snr_db=20, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_moved_by_nothing_a_clip_is_itself(few, one):
    samples, again = few.samples(one), transpose(few, one, 0)
    assert len(again) == len(samples)
    assert np.corrcoef(samples, again)[0, 1] > 0.999


@pytest.mark.parametrize("semitones", [-5, 2])
def test_a_transposed_clip_is_a_shifted_spectrogram(few, one, semitones):
    front_end = LogFrequencyFrontEnd()
    before = front_end.spectrogram(few.samples(one), one.sample_rate).mean(axis=1)
    after = front_end.spectrogram(transpose(few, one, semitones), one.sample_rate).mean(axis=1)
    fits = {
        shift: np.corrcoef(before[20:-20], np.roll(after, -shift)[20:-20])[0, 1] for shift in range(-15, 16)
    }
    assert max(fits, key=fits.get) == 2 * semitones  # in bands of half a semitone


def test_a_clip_that_would_leave_the_instruments_range_is_skipped(few, one):
    notes = read_notes(few.root / "notes" / f"{one.piece}.csv")
    own = set(notes.pitch)
    assert transpose(few, one, 0, own) is not None
    assert transpose(few, one, 60, own) is None


def test_without_test_clips_nothing_is_measured(judge, few):
    with pytest.raises(JudgeError, match="empty"):
        measure_robustness(judge, few.select(split="judge"))


def test_pieces_that_were_learned_from_are_refused(judge, few):
    renamed = replace(few, manifest=few.manifest.assign(piece=judge.training_pieces[0]))
    with pytest.raises(JudgeError, match="learned from"):
        measure_robustness(judge, renamed)
