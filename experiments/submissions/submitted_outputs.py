"""Outputs that came with a submission, as samples: only what lasts as long as its content is decoded."""

from __future__ import annotations

from timbrebench.audio.clips import Samples
from timbrebench.audio.decoding import decode_whole
from timbrebench.core.errors import AudioError, RunError
from timbrebench.experiments.run.layout import OUTPUTS
from timbrebench.experiments.run.record_types import Transfer
from timbrebench.experiments.run.tasks import Task
from timbrebench.experiments.submissions.submission_archive import Archive
from timbrebench.experiments.submissions.submission_reading import Submission
from timbrebench.transfer.contract import LENGTH_TOLERANCE_S

#: Maximum length of a clip in seconds, whatever a submission says of its pairs. Those of the project's suites
#: last 10 s at most; at the highest rate that FLAC knows, five minutes take 800 MB.
LONGEST_S = 300.0


def recorded_outputs(submission: Submission) -> list[tuple[Task, Transfer]]:
    """List the tasks that have an output, with its record."""
    recorded = submission.records.transfers
    transfers = [(task, recorded[task.key]) for task in submission.tasks if task.key in recorded]
    return [(task, transfer) for task, transfer in transfers if transfer.status == "ok"]


def has_outputs(archive: Archive) -> bool:
    """Return whether a submission came with outputs."""
    return archive.has_folder(OUTPUTS)


def read_output(archive: Archive, task: Task, transfer: Transfer) -> Samples:
    """Decode an output that lasts as long as its content and has its rate, within the tolerance for methods.

    Returns mono samples, shape (n,). Raises RunError, which names the output, for anything else; what is
    longer is not decoded, nor is a content of more than :data:`LONGEST_S`.
    """
    content = task.pair.content
    name = f"{task.entry.name}, {task.pair.pair_id}: the output"
    try:
        longest = min(content.duration_s, LONGEST_S) + LENGTH_TOLERANCE_S
        output = decode_whole(archive.read(transfer.output), longest)
    except AudioError as error:
        raise RunError(f"{name} is not as long as its content, or no audio: {error}") from error
    seconds = len(output.samples) / output.sample_rate
    if output.sample_rate != content.sample_rate or seconds < content.duration_s - LENGTH_TOLERANCE_S:
        raise RunError(
            f"{name} lasts {seconds:.6g} s at {output.sample_rate} Hz, and its content "
            f"{content.duration_s:g} s at {content.sample_rate} Hz"
        )
    return output.samples
