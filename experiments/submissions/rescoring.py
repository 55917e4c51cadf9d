"""Score outputs that came with a submission again, and compare its scores with theirs.

An intact file says little about who made it: whoever can write scores can write their hashes. Only outputs
that are handed in, and scored again here, show that the scores are theirs. Of each method so many are drawn
that false scores of a tenth of its outputs, three of thirty, are noticed with a probability of 0.99
(:func:`draw_size`). Outputs of controls are drawn as well, since the headline's scale follows from them, and
real clips, which sets of outputs are compared with; what the controls of known outputs are is made again.

The draw comes from the system's source of randomness and is neither seeded nor repeated. A seed that is
fixed, or follows from the file, tells a submitter which scores nobody looks at; one that can be given again
does so from the second time on, and whoever knows it can alter a file until the draw suits. What is beyond
doubt is repeated by scoring every output.
"""

from __future__ import annotations

import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from scipy.stats import hypergeom

from timbrebench.classifier import OWN_CONTENT_JUDGE, Judge
from timbrebench.classifier.style.published_judges import load_published, published_name
from timbrebench.core.errors import RunError
from timbrebench.core.workers.executors import LocalExecutor
from timbrebench.datasets import Clip, Dataset
from timbrebench.experiments.run.layout import OUTPUTS, RECORDS
from timbrebench.experiments.run.record_types import Transfer
from timbrebench.experiments.run.records import Records, RecordsFile
from timbrebench.experiments.run.scores import prediction_key, run_predictions, run_scores, score_key
from timbrebench.experiments.run.tasks import Task, learned_by
from timbrebench.experiments.submissions.submission_archive import Archive
from timbrebench.experiments.submissions.submission_checking import ABSOLUTE, RELATIVE
from timbrebench.experiments.submissions.submission_reading import Submission
from timbrebench.experiments.submissions.submitted_outputs import (
    has_outputs,
    read_output,
    recorded_outputs,
)
from timbrebench.experiments.suites.suite import Pair
from timbrebench.transfer.method_calls import apply
from timbrebench.transfer.registry import create

#: The share of a method's outputs whose false scores are noticed, at least with this probability.
SHARE, PROBABILITY = 0.1, 0.99

#: Controls whose outputs follow from the clips alone.
_KNOWN_CONTROLS = ("identity", "style-copy", "reference")

#: By how much samples of the same clip may differ: outputs are stored with 24 bits.
_SAMPLE_TOLERANCE = 1e-4

Item = TypeVar("Item")


@dataclass(frozen=True)
class Rescored:
    """What scoring a submission's outputs again has shown.

    Attributes
    ----------
    problems : tuple of str
        What disagrees.
    summary : str
        What was scored.
    counts : dict of str to (int, int)
        How many outputs were scored again, of how many, by label.
    """

    problems: tuple[str, ...]
    summary: str
    counts: dict[str, tuple[int, int]]


def compare_outputs(submission: Submission) -> tuple[list[str], str]:
    """Compare the outputs that came with a submission with its records, by their SHA-256.

    Returns what disagrees, and a summary of what was compared. Raises RunError if the submission has no
    outputs.
    """
    outputs = recorded_outputs(submission)
    with Archive(submission.path) as archive:
        if not has_outputs(archive):
            raise RunError(f"{submission.path}: came without outputs (`timbrebench submit --audio`)")
        problems = [
            f"{task.entry.name}, {task.pair.pair_id}: the output does not match its record"
            for task, transfer in outputs
            if archive.manifest.get(transfer.output) != transfer.output_sha256
        ]
        stored = {name for name in archive.names() if name.startswith(f"{OUTPUTS}/")}
        strays = sorted(stored - {transfer.output for _, transfer in outputs})
        problems += [f"{len(strays)} outputs have no record, such as {name}" for name in strays[:1]]
    return problems, f"{len(outputs)} outputs were compared with their records"


def draw_size(count: int) -> int:
    """Return how many of a method's outputs are scored again.

    So many that, where a tenth of the scores are false, rounded down and at least one, one of them at least
    is drawn with a probability of 0.99. The number of false ones drawn is hypergeometric.

    >>> draw_size(30), draw_size(300), draw_size(9)
    (23, 41, 9)
    """
    false = max(1, int(SHARE * count + 1e-9))
    sizes = np.arange(count + 1)
    missed = hypergeom.pmf(0, count, false, sizes)
    return int(sizes[missed <= 1 - PROBABILITY + 1e-12][0]) if count else 0


def rescore_outputs(submission: Submission, dataset: Dataset, *, every: bool = False) -> Rescored:
    """Score outputs again that came with a submission, and compare with its scores.

    Parameters
    ----------
    submission : Submission
        With outputs.
    dataset : Dataset
        Holds the suite's clips.
    every : bool, default False
        Score all outputs; by default :func:`draw_size` of each method and control. The same holds for the
        judge's predictions for real clips of each label.

    Returns
    -------
    Rescored
        What disagrees, and how many were scored.

    Raises
    ------
    RunError
        If the submission has no outputs, the dataset lacks some of the clips, or an output is not audio of
        its content's length.
    """
    if problems := compare_outputs(submission)[0]:
        return Rescored(tuple(problems), "nothing was scored again", {})
    clips = find_clips(submission, dataset)
    if problems := _differing_clips(submission, dataset):
        return Rescored(tuple(problems), "nothing was scored again", {})
    outputs = recorded_outputs(submission)
    drawn = draw(outputs, lambda output: output[0].entry.name, every=every)
    real = [
        clips[clip.sha256]
        for clip in draw(submission.results.suite.clips, lambda clip: clip.label, every=every)
    ]
    with Archive(submission.path) as archive, tempfile.TemporaryDirectory() as folder:
        if problems := _differing_controls(archive, outputs, clips, dataset):
            return Rescored(tuple(problems), "nothing was scored again", {})
        records = _score(submission, archive, drawn, real, dataset=dataset, clips=clips, folder=Path(folder))
    judged = [(f"{task.entry.name}, {task.pair.pair_id}", transfer.output_sha256) for task, transfer in drawn]
    judged += [(f"{clip.piece}, {clip.label}", clip.sha256) for clip in real]
    problems = _differing_scores(submission, [task for task, _ in drawn], records)
    problems += _differing_predictions(submission, judged, records)
    again = Counter(task.entry.name for task, _ in drawn)
    of = Counter(task.entry.name for task, _ in outputs)
    return Rescored(
        tuple(problems),
        f"{len(drawn)} of them were scored again, and {len(real)} real clips judged again",
        {label: (again[label], of[label]) for label in of},
    )


def draw(items: Sequence[Item], group: Callable[[Item], str], *, every: bool) -> list[Item]:
    """Draw :func:`draw_size` items of each group, or every one.

    `group` gives an item's group. Returns group by group, in the order in which they come. No two draws
    are alike.
    """
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(group(item), []).append(item)
    chance = secrets.SystemRandom()
    return [
        members[place]
        for members in groups.values()
        for place in sorted(
            chance.sample(range(len(members)), len(members) if every else draw_size(len(members)))
        )
    ]


def _differing_controls(
    archive: Archive, outputs: Sequence[tuple[Task, Transfer]], clips: dict[str, Clip], dataset: Dataset
) -> list[str]:
    """Make the outputs of controls that follow from clips again, and name the first that differs."""
    for task, transfer in outputs:
        if task.entry.name not in _KNOWN_CONTROLS:
            continue
        given, pair = read_output(archive, task, transfer), _with_clips(task.pair, clips)
        reference = None if pair.reference is None else dataset.samples(pair.reference)
        made = apply(
            create(task.entry.method, {}),
            dataset.samples(pair.content),
            dataset.samples(pair.style),
            sample_rate=pair.content.sample_rate,
            seed=task.seed,
            reference=reference,
        )
        if len(given) != len(made) or np.abs(given - made).max() > _SAMPLE_TOLERANCE:
            return [f"{task.entry.name}, {pair.pair_id}: the output is not what this control makes"]
    return []


def _score(
    submission: Submission,
    archive: Archive,
    sample: Sequence[tuple[Task, Transfer]],
    real: Sequence[Clip],
    *,
    dataset: Dataset,
    clips: dict[str, Clip],
    folder: Path,
) -> Records:
    """Score outputs, let the judge predict real clips, and return the records of both."""
    paths = {
        fingerprint: _judge_of(submission, archive, fingerprint, folder)
        for fingerprint in submission.about.style_judges
    }
    judge, second = paths[submission.about.judge], paths.get(submission.about.second_judge)
    tasks = [replace(task, pair=_with_clips(task.pair, clips)) for task, _ in sample]
    with (
        RecordsFile(folder / RECORDS) as store,
        LocalExecutor(
            ["timbrebench.audio.librosa_modules", "timbrebench.experiments.run.scores"]
        ) as executor,
    ):
        for number, (task, transfer) in enumerate(sample):
            read_output(archive, task, transfer)  # refuses what is longer than its content
            # Under a name of ours, whatever path the record states.
            name = f"{number:04d}.flac"
            (folder / name).write_bytes(archive.read(transfer.output))
            store.add(transfer.model_copy(update={"output": name}))
        run_scores(
            tasks,
            submission.results.configuration.metrics,
            dataset=dataset,
            judge_path=judge,
            second_judge_path=second,
            content_judge=OWN_CONTENT_JUDGE,
            root=folder,
            store=store,
            executor=executor,
        )
        run_predictions(real, dataset=dataset, judge_path=judge, store=store, executor=executor)
        return store.records


def _judge_of(submission: Submission, archive: Archive, fingerprint: str, folder: Path) -> Path:
    """Write a judge that has scored a submission: the published one, or the one that came with it."""
    name = submission.about.style_judges[fingerprint]
    path = folder / name.replace("/", "-")
    if published := published_name(fingerprint):
        load_published(published).save(path)
        return path
    path.write_bytes(archive.read(name))
    judge = Judge.load(path)
    if judge.fingerprint != fingerprint:
        raise RunError(f"{submission.path}: {name} is not the judge that its scores name")
    if submission.records.learned.get(judge.fingerprint) != learned_by(judge):
        raise RunError(f"{submission.path}: {name} has not learned what its record says")
    return path


def find_clips(submission: Submission, dataset: Dataset) -> dict[str, Clip]:
    """Return the clips of a dataset by their SHA-256; refuse one that lacks clips of the submission."""
    clips = {clip.sha256: clip for clip in dataset.clips()}
    wanted = {clip.sha256 for clip in submission.results.suite.every_clip}
    if missing := len(wanted - set(clips)):
        name = submission.about.suite
        how = f": render them with `timbrebench suite build {name} FOLDER`" if name else ""
        raise RunError(f"{dataset.root}: lacks {missing} of {len(wanted)} clips of the submission{how}")
    return clips


def _differing_clips(submission: Submission, dataset: Dataset) -> list[str]:
    """Name the first clip that a submission describes in another way than the dataset.

    Its duration decides the real-time factor; its piece, which figures are resampled together.
    """
    held = {_facts(clip) for clip in dataset.clips()}
    differing = [clip for clip in submission.results.suite.every_clip if _facts(clip) not in held]
    return [
        f"{clip.piece}, {clip.label}: stated as {clip.duration_s:g} s at {clip.sample_rate} Hz, and "
        f"{dataset.root} has no such clip under its SHA-256 ({len(differing)} such clips)"
        for clip in differing[:1]
    ]


def _facts(clip: Clip) -> tuple[str, str, str, float, int]:
    return clip.sha256, clip.label, clip.piece, round(clip.duration_s, 6), clip.sample_rate


def _with_clips(pair: Pair, clips: dict[str, Clip]) -> Pair:
    return replace(
        pair,
        content=clips[pair.content.sha256],
        style=clips[pair.style.sha256],
        reference=None if pair.reference is None else clips[pair.reference.sha256],
    )


def _differing_scores(submission: Submission, tasks: Sequence[Task], records: Records) -> list[str]:
    """Compare scores that were made here with those of the submission."""
    row_of = {task.key: number for number, task in enumerate(submission.tasks)}
    stated, judges = submission.results.scores, submission.about.judges
    problems = []
    for task in tasks:
        transfer = records.transfers[task.key]
        for name in stated.columns:
            score = records.scores.get(score_key(transfer, task.pair, name, judges))
            here = np.nan if score is None or score.value is None else score.value
            there = float(stated[name].iloc[row_of[task.key]])
            if not np.isclose(here, there, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True):
                problems.append(
                    f"{task.entry.name}, {task.pair.pair_id}: {name} is {here:.6g} here, "
                    f"{there:.6g} in the records"
                )
    return problems


def _differing_predictions(
    submission: Submission, judged: Sequence[tuple[str, str]], records: Records
) -> list[str]:
    """Compare the judge's predictions here, for clips by name and SHA-256, with those of the submission."""
    problems = []
    for name, sha256 in judged:
        key = prediction_key(sha256, submission.about.judge)
        here, there = (
            [] if prediction is None else [*prediction.probabilities, *prediction.embedding]
            for prediction in (records.predictions.get(key), submission.records.predictions.get(key))
        )
        if len(here) != len(there) or not np.allclose(here, there, rtol=RELATIVE, atol=ABSOLUTE):
            problems.append(f"{name}: the judge's prediction differs here")
    return problems
