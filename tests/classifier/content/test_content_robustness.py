import numpy as np
import pandas as pd
import pytest

from timbrebench.audio.sound_changes import detune
from timbrebench.classifier.content.content_evaluation import evaluate_content_judge
from timbrebench.classifier.content.content_features import true_notes
from timbrebench.classifier.content.content_robustness import _played_faster, measure_content_robustness
from timbrebench.classifier.content.note_decoding import Transcription
from timbrebench.core.errors import JudgeError

COLUMNS = ["onset_s", "offset_s", "pitch"]


class Oracle:
    """Knows the notes of the clips that it is asked for, one after the other, and hears nothing."""

    fingerprint = weights_sha256 = "0" * 64
    training_pieces: tuple[str, ...] = ()
    training_clips = frozenset()

    def __init__(self, truth):
        self.truth = [notes[notes.onset_s >= 0] for notes in truth]
        self.asked = 0

    def transcribe(self, samples, sample_rate):
        notes = self.truth[self.asked % len(self.truth)]
        self.asked += 1
        return Transcription(notes[COLUMNS], np.zeros((88, 10), dtype=bool), 0.02)


@pytest.fixture(scope="module")
def few(dataset):
    pieces = sorted(dataset.select(split="test").manifest.piece.unique())
    return dataset.select(piece=pieces[0])


@pytest.fixture(scope="module")
def measured(judge, few):
    return measure_content_robustness(judge, few)


def test_unchanged_clips_have_the_figures_of_the_evaluation(measured, judge, few):
    unchanged = measured.conditions[0]
    evaluation = evaluate_content_judge(judge, few)
    assert unchanged.note_f1 == pytest.approx(evaluation.overall.note_f1, abs=1e-3)
    assert set(unchanged.note_f1_by_source) == {
        f"{label}, {soundfont}" for label in ("organ", "piano") for soundfont in ("FluidR3_GM", "TimGM6mb")
    }


def test_every_condition_is_a_column_of_the_table(measured):
    head = measured.markdown().splitlines()[0]
    assert all(condition.name in head for condition in measured.conditions)
    assert "**all**" in measured.markdown()


def test_what_keeps_the_notes_keeps_the_figures(few):
    oracle = Oracle(true_notes(few.select(split="test")))
    by_name = {item.name: item.note_f1 for item in measure_content_robustness(oracle, few).conditions}
    assert by_name["unchanged"] == by_name["MP3 at 64 kbit/s"] == by_name["noise at 10 dB"] == 1


@pytest.mark.parametrize("cents", [-30, 30])
def test_notes_follow_a_clip_that_is_played_faster(cents):
    click = np.zeros(5 * 22_050, np.float32)
    click[4 * 22_050] = 1.0
    place = np.abs(detune(click, 22_050, cents)).argmax() / 22_050
    notes = pd.DataFrame({"onset_s": [4.0, 4.99], "offset_s": [4.5, 5.0], "pitch": [60, 60]})
    moved = _played_faster(notes, 2 ** (cents / 1200), 5.0)
    assert moved.onset_s.iloc[0] == pytest.approx(place, abs=1e-3)
    assert len(moved) == (2 if cents > 0 else 1)  # slower, the last one comes too late


def test_a_piece_that_was_learned_from_is_refused(few):
    oracle = Oracle(true_notes(few))
    oracle.training_pieces = tuple(few.manifest.piece.unique())
    with pytest.raises(JudgeError, match="has learned from"):
        measure_content_robustness(oracle, few)


def test_without_a_note_there_is_nothing_to_measure(few):
    with pytest.raises(JudgeError, match="no clip of the test split"):
        measure_content_robustness(Oracle([]), few.select(split="judge"))
