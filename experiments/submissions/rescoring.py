"""Score outputs that came with a submission again, and compare its scores with theirs.

An intact file says little about who made it: whoever can write scores can write their hashes. Only outputs
that are handed in, and scored again here, show that the scores are theirs. They are drawn, so that nobody
knows beforehand which, and so many of each method that few scores can be false unnoticed. Outputs of controls
are drawn as well, since the headline's scale follows from them, and real clips, which sets of outputs are
compared with.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from timbrebench.classifier import Judge
from timbrebench.classifier.style.published_judges import load_published, published_name
from timbrebench.core.errors import RunError
from timbrebench.core.workers.executors import LocalExecutor
from timbrebench.datasets import Clip, Dataset
from timbrebench.experiments.run.layout import JUDGE_FILE, OUTPUTS, RECORDS
from timbrebench.experiments.run.records import Records, RecordsFile, Transfer
from timbrebench.experiments.run.scores import prediction_key, run_predictions, run_scores, score_key
from timbrebench.experiments.run.tasks import Task, learned_by
from timbrebench.experiments.submissions.submission_archive import Archive
from timbrebench.experiments.submissions.submission_checking import ABSOLUTE, RELATIVE
from timbrebench.experiments.submissions.submission_reading import Submission
from timbrebench.experiments.suites.suite import Pair

#: How many outputs of each method and control are scored again, and real clips of each label judged again.
#: Where five in thirty have false scores, nine draws in ten find one.
SAMPLE = 10

Item = TypeVar("Item")


def compare_outputs(submission: Submission) -> tuple[list[str], str]:
    """Compare the outputs that came with a submission with its records, by their SHA-256.

    Returns what disagrees, and a summary of what was compared. Raises RunError if the submission has no
    outputs.
    """
    outputs = _outputs(submission)
    with Archive(submission.path) as archive:
        if not archive.has_folder(OUTPUTS):
            raise RunError(f"{submission.path}: came without outputs (`timbrebench submit --audio`)")
        problems = [
            f"{task.entry.name}, {task.pair.pair_id}: the output does not match its record"
            for task, transfer in outputs
            if archive.manifest.get(transfer.output) != transfer.output_sha256
        ]
    return problems, f"{len(outputs)} outputs were compared with their records"


def rescore_outputs(
    submission: Submission, dataset: Path, *, sample: int | None = SAMPLE, seed: int | None = None
) -> tuple[list[str], str]:
    """Compare the outputs that came with a submission with its records, and score some of them again.

    `dataset` is one that holds the suite's clips. `sample` outputs of each method and control, and as many
    real clips of each label, are judged again; None for all of them. By default the draw has a new seed each
    time, which the summary names. Returns as :func:`compare_outputs`. Raises RunError if the submission has
    no outputs, or the dataset lacks some of the clips.
    """
    problems, summary = compare_outputs(submission)
    if problems:
        return problems, summary
    held = Dataset.open(dataset)
    clips = _find_clips(submission, held)
    if problems := _differing_clips(submission, held):
        return problems, summary
    seed = secrets.randbelow(2**32) if seed is None else seed
    drawn = draw(_outputs(submission), lambda output: output[0].entry.name, sample, seed)
    real = [
        clips[clip.sha256]
        for clip in draw(submission.results.suite.clips, lambda clip: clip.label, sample, seed)
    ]
    with Archive(submission.path) as archive, tempfile.TemporaryDirectory() as folder:
        records = _score(submission, archive, drawn, real, dataset=held, clips=clips, folder=Path(folder))
    judged = [(f"{task.entry.name}, {task.pair.pair_id}", transfer.output_sha256) for task, transfer in drawn]
    judged += [(f"{clip.piece}, {clip.label}", clip.sha256) for clip in real]
    problems = _differing_scores(submission, [task for task, _ in drawn], records)
    problems += _differing_predictions(submission, judged, records)
    how = "" if sample is None else f", drawn with the seed {seed}"
    again = f"{len(drawn)} of them were scored again, and {len(real)} real clips judged again"
    return problems, f"{summary}; {again}{how}"


def _outputs(submission: Submission) -> list[tuple[Task, Transfer]]:
    """List the tasks that have an output, with its record."""
    recorded = submission.records.transfers
    transfers = [(task, recorded[task.key]) for task in submission.tasks if task.key in recorded]
    return [(task, transfer) for task, transfer in transfers if transfer.status == "ok"]


def draw(items: Sequence[Item], group: Callable[[Item], str], sample: int | None, seed: int) -> list[Item]:
    """Draw `sample` items of each group, as far as there are, or all for None.

    `group` gives an item's group, `seed` is of the draw. Returns group by group, in the order in which they
    come.
    """
    generator = np.random.default_rng(seed)
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(group(item), []).append(item)
    return [
        members[place]
        for members in groups.values()
        for place in sorted(generator.permutation(len(members))[:sample].tolist())
    ]


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
    judge = _judge_of(submission, archive, folder)
    tasks = [replace(task, pair=_with_clips(task.pair, clips)) for task, _ in sample]
    with (
        RecordsFile(folder / RECORDS) as store,
        LocalExecutor(["timbrebench.experiments.run.scores"]) as executor,
    ):
        for number, (_, transfer) in enumerate(sample):
            # Under a name of ours, whatever path the record states.
            name = f"{number:04d}.flac"
            (folder / name).write_bytes(archive.read(transfer.output))
            store.add(transfer.model_copy(update={"output": name}))
        run_scores(
            tasks,
            submission.results.configuration.metrics,
            dataset=dataset,
            judge_path=judge,
            root=folder,
            store=store,
            executor=executor,
        )
        run_predictions(real, dataset=dataset, judge_path=judge, store=store, executor=executor)
        return store.records


def _judge_of(submission: Submission, archive: Archive, folder: Path) -> Path:
    """Write the judge that has scored a submission: the published one, or the one that came with it."""
    path = folder / Path(JUDGE_FILE).name
    if name := published_name(submission.about.judge):
        load_published(name).save(path)
        return path
    path.write_bytes(archive.read(JUDGE_FILE))
    judge = Judge.load(path)
    if judge.fingerprint != submission.about.judge:
        raise RunError(f"{submission.path}: {JUDGE_FILE} is not the judge that its scores name")
    if submission.records.learned.get(judge.fingerprint) != learned_by(judge):
        raise RunError(f"{submission.path}: {JUDGE_FILE} has not learned what its record says")
    return path


def _find_clips(submission: Submission, dataset: Dataset) -> dict[str, Clip]:
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
    stated, judge = submission.results.scores, submission.about.judge
    problems = []
    for task in tasks:
        transfer = records.transfers[task.key]
        for name in stated.columns:
            score = records.scores.get(score_key(transfer, task.pair, name, judge))
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
