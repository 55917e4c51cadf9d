"""Notes are kept or not, whatever plays them and however loud."""

import math

import mir_eval
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbrebench.classifier import Transcription
from timbrebench.datasets.notes import notes_table
from timbrebench.metrics import Unscorable
from timbrebench.metrics.note_metrics import (
    multipitch_accuracy,
    note_f1,
    note_f1_100ms,
    note_f1_offsets,
    note_leakage,
    note_precision,
    note_recall,
    transcribed_note_f1,
)
from timbrebench.metrics.transcription import compare_notes, transcribed_roll, true_roll

RATE = 22_050
PROGRAMS = {"piano": 0, "guitar": 24, "clarinet": 71, "trumpet": 56}
FRAME_S = 512 / RATE


def hertz(pitches):
    return 440.0 * 2 ** ((np.asarray(pitches, dtype=float) - 69) / 12)


def by_mir_eval(truth, heard, offset_ratio):
    """Precision, recall and F1 of two tables, asked of mir_eval directly."""
    columns = ["onset_s", "offset_s"]
    return mir_eval.transcription.precision_recall_f1_overlap(
        truth[columns].to_numpy(), hertz(truth.pitch), heard[columns].to_numpy(), hertz(heard.pitch),
        offset_ratio=offset_ratio,
    )[:3]  # fmt: skip


def transcription_of(notes, duration_s=4.0):
    """What a perfect reader would read."""
    return Transcription(notes, true_roll(notes, end_s=duration_s, frame_s=FRAME_S), FRAME_S)


@pytest.fixture(scope="module")
def degraded(make_trial, play, tune):
    """The tune with some notes too late, some wrong and one too many, on a clarinet."""
    notes = tune.copy()
    notes.loc[2, ["onset_s", "offset_s"]] += 0.1
    notes.loc[4, "pitch"] += 1
    notes.loc[len(notes)] = [3.0, 3.4, 48, 90, 0]
    return make_trial(play(notes, 71))


def test_scores_are_those_of_mir_eval(degraded, tune):
    heard = degraded.output.transcription.notes
    expected = by_mir_eval(tune, heard, None)
    assert 0.3 < expected[2] < 0.95
    scores = [metric(degraded).value for metric in (note_precision, note_recall, note_f1)]
    assert scores == pytest.approx(expected, abs=1e-12)
    with_offsets = by_mir_eval(tune, heard, 0.2)[2]
    assert note_f1_offsets(degraded).value == pytest.approx(with_offsets, abs=1e-12)
    as_read = by_mir_eval(degraded.content.transcription.notes, heard, None)[2]
    assert transcribed_note_f1(degraded).value == pytest.approx(as_read, abs=1e-12)
    leaked = by_mir_eval(degraded.style_notes, heard, None)[2]
    assert note_leakage(degraded).value == pytest.approx(leaked, abs=1e-12)


def test_frames_are_those_of_mir_eval(degraded, tune):
    times = np.arange(math.ceil(4.0 / FRAME_S)) * FRAME_S
    true = [hertz(tune.pitch[(tune.onset_s <= time) & (time < tune.offset_s)]) for time in times]
    read = [hertz(21 + np.flatnonzero(keys)) for keys in degraded.output.transcription.roll.T[: len(times)]]
    _, _, expected, *_ = mir_eval.multipitch.metrics(times, true, times, read)
    assert 0.3 < expected < 0.95
    assert multipitch_accuracy(degraded).value == pytest.approx(expected, abs=1e-12)


tables = st.lists(
    st.tuples(st.integers(0, 70), st.integers(1, 12), st.integers(58, 64)), min_size=1, max_size=12
).map(
    lambda rows: pd.DataFrame(
        [(start / 20 + 0.01, (start + length) / 20, pitch) for start, length, pitch in rows],
        columns=["onset_s", "offset_s", "pitch"],
    ).drop_duplicates(["onset_s", "pitch"], ignore_index=True)
)


@given(tables, tables, st.booleans())
def test_the_same_notes_are_all_right_and_what_is_precision_one_way_is_recall_the_other(a, b, offsets):
    def compare(truth, heard):
        return compare_notes(
            truth, transcription_of(heard), end_s=5.0, truth_name="the notes", with_offsets=offsets
        )

    same = compare(a, a)
    assert (same.precision, same.recall, same.f1) == (1.0, 1.0, 1.0)
    there, back = compare(a, b), compare(b, a)
    if not offsets:  # the tolerance of ends is a share of the true note's length
        assert (there.precision, there.recall, there.f1) == (back.recall, back.precision, back.f1)
    assert 0 <= there.f1 <= 1


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_the_notes_are_heard_whoever_plays_them(make_trial, play, tune, program):
    trial = make_trial(play(tune, program))
    for metric in (note_precision, note_recall, note_f1, multipitch_accuracy, transcribed_note_f1):
        assert metric(trial).value > 0.8
    assert note_leakage(trial).value < 0.1


@pytest.mark.parametrize(
    ("late_s", "is_kept"), [(0.02, [True, True]), (0.07, [False, True]), (0.14, [False, False])]
)
def test_notes_that_are_late_are_kept_within_the_tolerance_of_each_metric(
    late_s, is_kept, make_trial, play, tune
):
    late = tune.assign(onset_s=tune.onset_s + late_s, offset_s=tune.offset_s + late_s)
    trial = make_trial(play(late, 0))
    assert [metric(trial).value > 0.8 for metric in (note_f1, note_f1_100ms)] == is_kept


@pytest.mark.parametrize("semitones", [1, -2, 5])
def test_a_transposed_tune_has_other_notes(make_trial, play, tune, semitones):
    moved = tune.assign(pitch=tune.pitch + semitones)
    trial = make_trial(play(moved, 0))
    for metric in (note_precision, note_recall, note_f1, multipitch_accuracy, transcribed_note_f1):
        assert metric(trial).value < 0.35


def test_a_tune_a_semitone_higher_has_none_of_the_notes_and_all_of_the_rhythm(make_trial, play, tune):
    # No two notes that follow each other in the tune are a semitone apart, but 72 and 71: leave those out.
    notes = tune[tune.pitch < 71]
    trial = make_trial(play(notes.assign(pitch=notes.pitch + 1), 0), notes=notes)
    assert note_recall(trial).value == 0
    known = mir_eval.onset.f_measure(
        notes.onset_s.to_numpy(), trial.output.transcription.notes.onset_s.to_numpy()
    )
    assert known[0] > 0.9


def test_notes_that_come_late_are_not_kept(make_trial, play, tune):
    late = tune.assign(onset_s=tune.onset_s + 0.12, offset_s=tune.offset_s + 0.12)
    trial = make_trial(play(late, 0))
    assert note_f1(trial).value < 0.35
    # Most of each note's length is still where it was.
    assert 0.3 < multipitch_accuracy(trial).value < 0.8


def test_half_the_notes_are_precise_and_about_two_thirds_of_the_score(make_trial, play, tune):
    whole, half = make_trial(play(tune, 0)), make_trial(play(tune.iloc[::2], 0))
    assert note_f1(half).value == pytest.approx(note_f1(whole).value * 2 / 3, abs=0.12)
    assert note_precision(half).value > 0.9
    assert note_recall(half).value == pytest.approx(0.5, abs=0.1)


def test_ends_count_only_where_they_are_asked_for(make_trial, play):
    long = notes_table(
        [(0.2 + 0.9 * i, 1.0 + 0.9 * i, pitch, 90) for i, pitch in enumerate((60, 64, 67, 65))]
    )
    short = make_trial(play(long.assign(offset_s=long.onset_s + 0.3), 71), notes=long)
    whole = make_trial(play(long, 71), notes=long)
    assert note_f1(short).value > 0.8
    assert note_f1_offsets(short).value < 0.3
    assert note_f1_offsets(whole).value > 0.8


def test_a_copy_of_the_style_leaks_it(make_trial, clips):
    assert note_leakage(make_trial(clips["style"])).value > 0.8
    assert note_recall(make_trial(clips["style"])).value < 0.1
    assert note_leakage(make_trial(clips["reference"])).value < 0.1


def test_one_voice_of_each_is_half_kept_and_half_leaked(make_trial, clips):
    trial = make_trial(clips["reference"] + clips["style"])
    assert note_recall(trial).value > 0.5
    assert note_leakage(trial).value > 0.3


def test_the_untouched_content_is_read_as_it_was(make_trial, clips):
    assert transcribed_note_f1(make_trial(clips["content"])).value == 1.0
    assert transcribed_note_f1(make_trial(clips["content"], notes=None)).value == 1.0


@pytest.mark.parametrize("gain", [0.25, 1.4, -1.0])
def test_level_and_polarity_change_nothing(make_trial, play, tune, gain):
    samples = play(tune, 56)
    assert note_f1(make_trial(gain * samples)).value == note_f1(make_trial(samples)).value


@pytest.mark.parametrize("metric", [note_f1, note_f1_offsets, multipitch_accuracy, transcribed_note_f1])
def test_what_follows_after_the_content_is_not_held_against_an_output(make_trial, clips, metric):
    longer = np.concatenate([clips["content"], clips["content"]])
    kept = metric(make_trial(clips["content"])).value
    assert metric(make_trial(longer)).value == pytest.approx(kept, abs=0.1)


def test_what_an_output_leaves_out_is_missing(make_trial, clips):
    half = make_trial(clips["content"][: 2 * RATE])
    assert note_recall(half).value == pytest.approx(0.5, abs=0.1)
    assert note_precision(half).value > 0.8
    assert 0.3 < multipitch_accuracy(half).value < 0.6


def test_a_note_held_over_the_start_is_asked_for_by_frames_and_not_by_onsets(make_trial, clips, tune):
    held = tune.iloc[:1].assign(onset_s=-0.5, offset_s=0.2, pitch=50)
    more = pd.concat([held, tune], ignore_index=True)
    before, after = (make_trial(clips["content"], notes=notes) for notes in (tune, more))
    assert note_f1(after) == note_f1(before)
    assert multipitch_accuracy(after).value < multipitch_accuracy(before).value


def test_keys_are_held_from_onset_to_offset():
    notes = pd.DataFrame({"onset_s": [-1.0, 0.2], "offset_s": [0.1, 0.4], "pitch": [21, 108]})
    roll = true_roll(notes, end_s=0.35, frame_s=0.1)
    expected = np.zeros((88, 4), bool)
    expected[0, 0] = expected[87, 2:] = True
    np.testing.assert_array_equal(roll, expected)
    read = transcribed_roll(Transcription(notes, roll[:, :3], 0.1), end_s=0.35)
    np.testing.assert_array_equal(read[:, :3], expected[:, :3])
    assert not read[:, 3].any()


def test_pitches_that_no_piano_has_are_no_keys():
    notes = pd.DataFrame({"onset_s": [0.0], "offset_s": [1.0], "pitch": [120]})
    with pytest.raises(Unscorable, match="none that sounds"):
        true_roll(notes, end_s=1.0, frame_s=0.1)


def test_what_cannot_be_read_has_a_reason(make_trial, clips, tune):
    assert "content judge" in note_f1(make_trial(clips["content"], content_judge=None)).reason
    assert "silent" in note_f1(make_trial(np.zeros(2 * RATE, np.float32))).reason
    none = pd.DataFrame(columns=list(tune.columns)).astype(tune.dtypes)
    without = make_trial(clips["content"], notes=none, style_notes=none)
    for metric in (note_precision, note_recall, note_f1, note_f1_offsets):
        assert "the true notes of the content hold none that begins" in metric(without).reason
    assert "hold none that sounds" in multipitch_accuracy(without).reason
    assert "the true notes of the style" in note_leakage(without).reason
    unread = make_trial(clips["content"], content=np.full(4 * RATE, 0.5, np.float32))
    assert "the notes read in the content" in transcribed_note_f1(unread).reason


def test_notes_beyond_the_content_or_without_length_are_not_asked_for(make_trial, clips, tune):
    stray = tune.iloc[:2].assign(onset_s=[4.5, 3.0], offset_s=[5.0, 3.0])
    more = make_trial(clips["content"], notes=pd.concat([tune, stray], ignore_index=True))
    assert note_f1(more) == note_f1(make_trial(clips["content"]))


def test_nothing_heard_scores_nothing(make_trial):
    constant = make_trial(np.full(4 * RATE, 0.5, np.float32))
    for metric in (
        note_precision,
        note_recall,
        note_f1,
        multipitch_accuracy,
        transcribed_note_f1,
        note_leakage,
    ):
        assert metric(constant).value == 0.0
