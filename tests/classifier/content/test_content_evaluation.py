import mir_eval
import numpy as np
import pandas as pd
import pytest

from timbrebench.classifier.content.content_evaluation import (
    choose_decoding,
    clip_scores,
    evaluate_content_judge,
    evaluate_on,
    frame_f1,
    note_f1,
)
from timbrebench.core.errors import JudgeError


def test_the_notes_themselves_are_all_right(scale):
    assert note_f1(scale, scale) == 1
    assert note_f1(scale, scale, with_offsets=True) == 1


@pytest.mark.parametrize(("late_s", "expected"), [(0.04, 1.0), (0.06, 0.0)])
def test_onsets_are_right_within_50_ms(scale, late_s, expected):
    assert note_f1(scale, scale.assign(onset_s=scale.onset_s + late_s)) == expected


def test_offsets_matter_only_where_they_are_asked_for(scale):
    longer = scale.assign(offset_s=scale.offset_s + 0.2)
    assert note_f1(scale, longer) == 1
    assert note_f1(scale, longer, with_offsets=True) == 0


def test_a_wrong_octave_is_wrong(scale):
    assert note_f1(scale, scale.assign(pitch=scale.pitch + 12)) == 0


def test_two_voices_on_one_note_are_one_note(scale):
    doubled = pd.concat([scale, scale], ignore_index=True)
    assert note_f1(doubled, scale) == 1


def test_nothing_heard_is_worth_nothing(scale):
    assert note_f1(scale, scale.head(0)) == 0


def test_what_began_before_the_clip_is_not_asked_for(scale):
    earlier = scale.assign(onset_s=scale.onset_s - 0.5, offset_s=scale.offset_s - 0.3)
    inside = earlier[earlier.onset_s >= 0]
    assert len(inside) == 6
    assert note_f1(earlier, inside) == 1


def test_no_true_note_is_an_error(scale):
    with pytest.raises(JudgeError, match="no reference note starts in this window"):
        note_f1(scale.head(0), scale)


def test_the_f1_of_frames_is_that_of_mir_eval(generator):
    truth, heard = (generator.random((88, 50)) < 0.05 for _ in range(2))
    heard |= truth & (generator.random((88, 50)) < 0.7)
    times = np.arange(50) * 0.02
    pitches = [[440 * 2 ** ((np.flatnonzero(f) - 48) / 12) for f in roll.T] for roll in (truth, heard)]
    precision, recall, *_ = mir_eval.multipitch.metrics(times, pitches[0], times, pitches[1])
    assert frame_f1(truth, heard) == pytest.approx(2 * precision * recall / (precision + recall))


def test_targets_as_answers_score_full_marks(features):
    test = features.where(split=["test"])
    notes, onsets = test.notes.float().numpy(), test.onsets.float().numpy()
    scores = clip_scores(test, choose_decoding(test, notes, onsets), notes, onsets)
    assert scores.frame_f1.min() == 1
    assert scores.note_f1.mean() > 0.99


def test_figures_are_means_over_clips(judge, dataset, features):
    evaluation = evaluate_content_judge(judge, dataset)
    # Those of features, whose levels are rounded.
    rounded = evaluate_on(judge, features.where(split=["test"]))
    assert evaluation.overall.model_dump() == pytest.approx(rounded.overall.model_dump(), abs=0.02)
    assert set(evaluation.by_label) == set(rounded.by_label)
    groups = evaluation.by_label.values()
    assert sum(group.clips for group in groups) == evaluation.overall.clips
    mean = sum(group.note_f1 * group.clips for group in groups) / evaluation.overall.clips
    assert mean == pytest.approx(evaluation.overall.note_f1, abs=1e-3)
    assert set(evaluation.by_soundfont) == {"FluidR3_GM", "TimGM6mb"}


def test_pieces_that_were_learned_from_are_refused(judge, features):
    with pytest.raises(JudgeError, match="has learned from"):
        evaluate_on(judge, features.where(split=["judge"]))


def test_an_empty_test_split_is_refused(judge, features):
    with pytest.raises(JudgeError, match="empty"):
        evaluate_on(judge, features.where(split=[]))
