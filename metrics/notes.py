"""Whether the notes of the content are still there.

Definition
----------
The content judge reads the notes of the output, whatever instrument plays them, and they are compared with
the true notes of the content (mir_eval's note transcription scores).

- A note read is right where a true note of the same pitch begins within 50 ms of it; each is matched with one
  at most. When notes end is not asked: instruments that die away end their notes differently.
- Two voices that strike the same pitch together are one note: nothing in the sound tells them apart. Notes
  that sound already when the clip begins do not count, read or true.
- ``note_f1`` is the F-measure of the notes read. Range 0 to 1, higher is better. An output in which no note
  is heard scores 0; a content without a note that begins in it has no score, and neither has a silent output.

The reader makes mistakes on true renderings as well: what it reaches on the reference is the upper limit,
which the headline score divides by.

References
----------
C. Raffel et al., "mir_eval: a transparent implementation of common MIR metrics", ISMIR 2014.
"""

from __future__ import annotations

from timbrebench.audio.errors import JudgeError
from timbrebench.classifier.content.evaluation import note_f1 as f1_of_notes
from timbrebench.metrics.contract import metric
from timbrebench.metrics.sound import Unscorable
from timbrebench.metrics.trial import Trial


@metric(
    name="note_f1",
    version=1,
    unit="1",
    lower=0.0,
    upper=1.0,
    direction="higher",
    needs=("notes", "content_judge"),
    relevant_change=0.02,
    summary="Are the content's notes heard in the output?",
)
def note_f1(trial: Trial) -> float:
    """Return the F-measure of the notes that the content judge reads in the output."""
    assert trial.notes is not None  # noqa: S101 - declared as needed
    read = trial.output.reading.notes
    # An output may go on longer than the content whose notes are known.
    within = read[read.onset_s < trial.content.duration_s]
    try:
        return f1_of_notes(trial.notes, within)
    except JudgeError as error:
        raise Unscorable(str(error)) from error
