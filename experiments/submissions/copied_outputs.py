"""Outputs that are copies: of the reference, of the style, or of another submission's outputs.

The measure is the maximum of the normalised cross-correlation of two waveforms over all lags
(:func:`~timbrebench.metrics.cross_correlation.max_cross_correlation`). It survives re-encoding, gain, delay
and faint noise: copies of the references and styles of 30 pairs as Ogg Vorbis, MP3 or Opus, delayed by 45 ms,
with noise 20 dB under them, or without what lies above 4 kHz, are at 0.96 or more. What a method makes has
other phases: on the same pairs no output of nine methods, among them `reinstrument` and `templates`, which
have learned the references' timbre, is above 0.57 (``docs/copied-outputs.md`` has all values).

Methods that keep much of the content's waveform come as near to each other as 0.93, while copies of outputs
as Ogg Vorbis or MP3 are at 0.98 or more. This is why another submission's outputs count as copied only from
0.95, and not where both are as near to the content as that makes a copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from timbrebench.core.errors import RunError
from timbrebench.datasets import Clip, Dataset
from timbrebench.experiments.run.record_types import Transfer
from timbrebench.experiments.run.run_configuration import CONTROLS
from timbrebench.experiments.run.tasks import Task
from timbrebench.experiments.submissions.submission_archive import Archive
from timbrebench.experiments.submissions.submission_reading import Submission
from timbrebench.experiments.submissions.submitted_outputs import has_outputs, read_output
from timbrebench.metrics import Sound, Unscorable
from timbrebench.metrics.cross_correlation import max_cross_correlation

#: From which likeness on an output is a copy of the reference or the style, and of another submission's.
COPY, COPY_OF_OTHERS = 0.9, 0.95

#: What a copy of a control's output is a copy of.
_ORIGINALS = {"reference": "the reference", "style-copy": "the style"}

#: Controls whose outputs are compared with those of methods.
_COMPARED = ("identity", *_ORIGINALS)


@dataclass(frozen=True, eq=False)
class _Output:
    """An output, or a clip in a control's place: whose it is, its SHA-256, and its sound where it is here."""

    submission: int
    task: Task
    sha256: str
    sound: Sound | None

    @property
    def label(self) -> str:
        return self.task.entry.name


def find_copies(
    submissions: Sequence[Submission], clips: Mapping[str, Clip] | None = None, dataset: Dataset | None = None
) -> list[dict[str, str]]:
    """Find methods whose outputs are copies.

    Parameters
    ----------
    submissions : sequence of Submission
        Of the same pairs. Where two have the same outputs, the later has the copy. Two submissions of one
        method of this project are no copies of each other.
    clips : mapping of str to Clip, optional
        The clips of `dataset` by their SHA-256, to compare with. By default outputs are compared with those
        of the controls in the submissions, which may be false, and where these came without outputs, by the
        SHA-256 that the records state.
    dataset : Dataset, optional
        Holds the clips.

    Returns
    -------
    list of dict of str to str
        For each submission what is copied, by label, of methods that are copies.

    Raises
    ------
    RunError
        If an output cannot be decoded, or is not of its content's length.
    """
    copied: list[dict[str, dict[str, int]]] = [defaultdict(lambda: defaultdict(int)) for _ in submissions]
    with ExitStack() as opened:
        archives = [opened.enter_context(Archive(submission.path)) for submission in submissions]
        for outputs in _by_pair(submissions).values():
            sounds = [_output(submissions, archives, *output) for output in outputs]
            clips_of_pair = {} if dataset is None else _clips(outputs[0][1], clips or {}, dataset)
            for output, originals in _copies(sounds, clips_of_pair, submissions):
                for original in originals:
                    copied[output.submission][output.label][original] += 1
    return [
        {
            label: "; ".join(
                f"{count} of {_count(submission, label)} outputs are copies of {original}"
                for original, count in sorted(originals.items())
            )
            for label, originals in by_label.items()
        }
        for submission, by_label in zip(submissions, copied, strict=True)
    ]


def likeness(first: Sound, second: Sound) -> float:
    """Return how alike two waveforms are, 0 to 1, however one is delayed or scaled; 0 for silence."""
    try:
        return max_cross_correlation(first, second)
    except Unscorable:
        return 0.0


def _count(submission: Submission, label: str) -> int:
    return int((submission.results.of(label).status == "ok").sum())


def _by_pair(
    submissions: Sequence[Submission],
) -> dict[str, list[tuple[int, Task, Transfer]]]:
    """List the outputs of each pair, in the order of the submissions."""
    outputs: dict[str, list[tuple[int, Task, Transfer]]] = defaultdict(list)
    for number, submission in enumerate(submissions):
        for task in submission.tasks:
            transfer = submission.records.transfers.get(task.key)
            if transfer is not None and transfer.status == "ok":
                outputs[task.pair.pair_id].append((number, task, transfer))
    return outputs


def _output(
    submissions: Sequence[Submission],
    archives: Sequence[Archive],
    number: int,
    task: Task,
    transfer: Transfer,
) -> _Output:
    is_needed = task.entry.name not in CONTROLS or task.entry.name in _COMPARED
    if not is_needed or not has_outputs(archives[number]):
        return _Output(number, task, transfer.output_sha256, None)
    try:
        samples = read_output(archives[number], task, transfer)
    except RunError as error:
        raise RunError(f"{submissions[number].path}: {error}") from error
    return _Output(
        number, task, transfer.output_sha256, Sound(samples, task.pair.content.sample_rate, name="output")
    )


def _clips(task: Task, clips: Mapping[str, Clip], dataset: Dataset) -> dict[str, _Output]:
    """Return the clips of a task's pair as outputs, by the control that makes each."""
    pair = task.pair
    by_control = {"identity": pair.content, "style-copy": pair.style, "reference": pair.reference}
    return {
        name: _Output(
            -1, task, clip.sha256, Sound(dataset.samples(clips[clip.sha256]), clip.sample_rate, name=name)
        )
        for name, clip in by_control.items()
        if clip is not None
    }


def _copies(
    outputs: Sequence[_Output], clips: Mapping[str, _Output], submissions: Sequence[Submission]
) -> Iterator[tuple[_Output, set[str]]]:
    """List the methods' outputs of a pair that are copies, and of what.

    An output is compared with the pair's clips and with controls of its own submission: those of another
    could be made up to accuse it.
    """
    untouched: list[_Output] = []
    for place, output in enumerate(outputs):
        if output.label in CONTROLS:
            continue
        own = [other for other in outputs if other.submission == output.submission]
        originals = {name: [other for other in own if other.label == name] for name in _COMPARED}
        for name, clip in clips.items():
            originals[name].append(clip)
        copied = {
            title
            for name, title in _ORIGINALS.items()
            if _is_any(output, originals[name], COPY)
            # Where doing nothing is right, being right says nothing.
            and not any(_is_any(source, originals[name], COPY) for source in originals["identity"])
        }
        if _is_any(output, originals["identity"], COPY):
            untouched.append(output)
        for other in outputs[:place]:
            if other.submission == output.submission or other.label in CONTROLS:
                continue
            both_untouched = output in untouched and other in untouched
            if _is_one_method(output, other, submissions) or both_untouched:
                continue
            if _is_copy(output, other, COPY_OF_OTHERS):
                copied.add(f"those of {other.label} by {submissions[other.submission].about.submitter}")
        if copied:
            yield output, copied


def _is_any(output: _Output, originals: Sequence[_Output], limit: float) -> bool:
    return any(_is_copy(output, original, limit) for original in originals)


def _is_copy(output: _Output, original: _Output, limit: float) -> bool:
    if output.sha256 == original.sha256:
        return True
    if output.sound is None or original.sound is None:
        return False
    return likeness(output.sound, original.sound) >= limit


def _is_one_method(output: _Output, other: _Output, submissions: Sequence[Submission]) -> bool:
    """Return whether two outputs are of one method of this project, whatever its settings."""
    are_known = all(each.label not in submissions[each.submission].foreign for each in (output, other))
    return are_known and output.task.entry.method == other.task.entry.method
