"""Outputs that came with a submission, as samples: only what lasts as long as its content is decoded."""

from __future__ import annotations

import io

import soundfile

from timbrebench.audio.clips import Samples, as_samples
from timbrebench.core.errors import AudioError, RunError
from timbrebench.experiments.run.layout import OUTPUTS
from timbrebench.experiments.run.records import Transfer
from timbrebench.experiments.run.tasks import Task
from timbrebench.experiments.submissions.submission_archive import Archive
from timbrebench.experiments.submissions.submission_reading import Submission
from timbrebench.transfer.contract import LENGTH_TOLERANCE_S


def recorded_outputs(submission: Submission) -> list[tuple[Task, Transfer]]:
    """List the tasks that have an output, with its record."""
    recorded = submission.records.transfers
    transfers = [(task, recorded[task.key]) for task in submission.tasks if task.key in recorded]
    return [(task, transfer) for task, transfer in transfers if transfer.status == "ok"]


def has_outputs(archive: Archive) -> bool:
    """Return whether a submission came with outputs."""
    return archive.has_folder(OUTPUTS)


def read_output(archive: Archive, task: Task, transfer: Transfer) -> Samples:
    """Decode an output, once its header states one channel at the pair's rate and the content's length.

    Returns mono samples, shape (n,). Raises RunError, which names the output, for anything else.
    """
    content = task.pair.content
    name = f"{task.entry.name}, {task.pair.pair_id}: the output"
    try:
        with soundfile.SoundFile(io.BytesIO(archive.read(transfer.output))) as file:
            seconds = file.frames / file.samplerate
            is_alike = (file.channels, file.samplerate) == (1, content.sample_rate)
            if not is_alike or abs(seconds - content.duration_s) > LENGTH_TOLERANCE_S:
                raise RunError(
                    f"{name} has {file.channels} channels of {seconds:.6g} s at {file.samplerate} Hz, "
                    f"and its content one of {content.duration_s:g} s at {content.sample_rate} Hz"
                )
            # A stream may hold more than its header states.
            samples = file.read(file.frames, dtype="float32")
        return as_samples(samples, name=name)
    except (soundfile.LibsndfileError, RuntimeError, AudioError) as error:
        raise RunError(f"{name} cannot be decoded ({error})") from error
