"""Whether the notes of the content are still there, and none of the style's.

Definition
----------
The content judge transcribes the notes of the output, whatever instrument plays them, and they are compared
with notes that should be there, or should not.

Notes are matched by mir_eval, which finds the largest matching:

- A transcribed note is right where a true note of the same pitch begins within 50 ms of it; each is matched
  with one at most. Two voices that strike the same pitch together are one note: nothing in the sound tells
  them apart.
- True notes that sound already when the clip begins are not asked for. Where the judge takes one of them to
  begin with the clip, that note counts as transcribed and is wrong: on renderings, this is one note in 90.
- Notes that begin after the content's end do not count, transcribed or true; an output that is shorter than
  the content lacks the notes that it leaves out.

- ``note_precision``: which share of the transcribed notes is right. Without any it is 0, as mir_eval has it.
- ``note_recall``: which share of the true notes is transcribed.
- ``note_f1``: harmonic mean of the two. When notes end is not asked: instruments that die away end their
  notes differently.
- ``note_f1_100ms``: ``note_f1`` where onsets may lie 100 ms apart, for instruments whose notes take longer
  to be heard than 50 ms. Half of the headline.
- ``note_f1_offsets``: ``note_f1`` where notes must end together, too: within 50 ms or a fifth of the true
  note's length, whichever is more. Notes that go on are cut at the content's end on both sides.
- ``multipitch_accuracy``: of all pitches that are true or transcribed in a frame, the share that are both,
  counted over the frames of the content (23 ms apart with the judge that is installed). A true pitch sounds
  from onset to offset, also where it began before the clip. Pitches outside the keys of a piano, which no
  judge transcribes, are left out. Equal to mir_eval's accuracy.
- ``transcribed_note_f1``: as ``note_f1``, with the judge's transcription of the content in the place of the
  true notes, so that no ground truth is needed. The untouched content has 1, so this says what has changed,
  and not what is right: mistakes that the judge makes on content and output alike do not count, and those
  that it makes on one of them only count as changes.
- ``note_leakage``: as ``note_f1``, with the style's true notes in the place of the content's, up to the end
  of the shorter of content and style: whether the output plays what the style plays, as a method does that
  copies pieces of it.

Range of all: 0 to 1, without a unit. Higher is better, but for ``note_leakage``. An output in which no note
is transcribed scores 0, which is no praise where it is of leakage: read it beside ``note_recall``. A silent
output has no score, nor has one of less than 0.5 s, nor any where there is no note to compare with.

The judge makes mistakes on true renderings as well: what it reaches on the reference is the upper limit,
which the headline score divides by.

What leakage is by chance: two pieces share notes without copying. Among 28 pieces (music21's corpus, 5 s of
each), the true notes of one score 0.02 on average against those of another, and above 0.08 in one pair of 20.
On 30 pairs, references reach 0.02, and the style itself 0.86.

A delay of a few samples can move a note across the judge's threshold: it moves a single output's score by up
to a note, on average by less than 0.001, so that metrics of notes do not promise to ignore it. Which key a
piece is transposed to makes no difference: one semitone leaves no note right.

References
----------
C. Raffel et al., "mir_eval: a transparent implementation of common MIR metrics", International Society for
Music Information Retrieval Conference (ISMIR), 2014.

G. E. Poliner and D. P. W. Ellis, "A discriminative model for polyphonic piano transcription", EURASIP Journal
on Advances in Signal Processing, 2007: accuracy by frames.

M. Bay, A. F. Ehmann and J. S. Downie, "Evaluation of multiple-F0 estimation and tracking systems", ISMIR,
2009: notes with and without offsets.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from timbrebench.classifier.content.content_evaluation import frame_accuracy
from timbrebench.metrics.contract import INVARIANCES, Response, metric
from timbrebench.metrics.transcription import compare_notes, transcribed_roll, true_roll
from timbrebench.metrics.trial import Trial

#: The fewer notes are right, the lower the score.
_RESPONSES: Mapping[str, Response] = dict.fromkeys(("wrong_notes", "shifted_onsets", "time_stretch"), "falls")

#: Changes that move no note across the judge's threshold.
_INVARIANT_TO = ("gain", "polarity")

#: How far apart in seconds onsets may lie where attacks are slow (``docs/headline.md`` has the measurement).
SLOW_ONSET_TOLERANCE_S = 0.1

_note_metric = partial(
    metric,
    direction="higher",
    relevant_change=0.02,
    needs=("notes", "content_judge"),
    responds=_RESPONSES,
    invariant_to=_INVARIANT_TO,
)


@_note_metric(summary="Are the notes that are heard in the output the content's?")
def note_precision(trial: Trial) -> float:
    """Return the share of the notes transcribed in the output that are the content's."""
    return trial.note_scores.precision


@_note_metric(summary="How many of the content's notes are heard in the output?")
def note_recall(trial: Trial) -> float:
    """Return the share of the content's notes that are transcribed in the output."""
    return trial.note_scores.recall


@_note_metric(summary="Are the content's notes heard in the output?")
def note_f1(trial: Trial) -> float:
    """Return the F-measure of the notes that the content judge transcribes in the output."""
    return trial.note_scores.f1


@_note_metric(summary="Are the content's notes heard in the output, even if attacks are slow?")
def note_f1_100ms(trial: Trial) -> float:
    """Return the F-measure of the notes transcribed in the output, with onsets up to 100 ms apart."""
    return trial.compare_notes(onset_tolerance_s=SLOW_ONSET_TOLERANCE_S).f1


@_note_metric(summary="Are the content's notes heard in the output, and as long as they were?")
def note_f1_offsets(trial: Trial) -> float:
    """Return the F-measure of the notes transcribed in the output, their ends included."""
    return trial.compare_notes(with_offsets=True).f1


@_note_metric(
    summary="Do the content's pitches sound in the output at each moment?", invariant_to=INVARIANCES
)
def multipitch_accuracy(trial: Trial) -> float:
    """Return the accuracy of the output's transcribed pitches, frame by frame, against the content's."""
    assert trial.notes is not None  # noqa: S101 - declared as needed
    transcription, end_s = trial.output.transcription, trial.content.duration_s
    truth = true_roll(trial.notes, end_s=end_s, frame_s=transcription.frame_s)
    return frame_accuracy(truth, transcribed_roll(transcription, end_s=end_s))


@_note_metric(
    needs=("content_judge",),
    summary="Are the notes that are heard in the content heard in the output?",
    responds={**_RESPONSES, "wrong_instrument": "rises"},
)
def transcribed_note_f1(trial: Trial) -> float:
    """Return the F-measure of the output's transcription against the content's."""
    return compare_notes(
        trial.content.transcription.notes,
        trial.output.transcription,
        end_s=trial.content.duration_s,
        truth_name="the notes read in the content",
    ).f1


@_note_metric(
    direction="lower",
    needs=("style_notes", "content_judge"),
    summary="Are the style's own notes heard in the output?",
    responds={},
)
def note_leakage(trial: Trial) -> float:
    """Return the F-measure of the notes transcribed in the output against the style's."""
    assert trial.style_notes is not None  # noqa: S101 - declared as needed
    return compare_notes(
        trial.style_notes,
        trial.output.transcription,
        end_s=min(trial.content.duration_s, trial.style.duration_s),
        truth_name="the true notes of the style",
    ).f1
