"""Score outputs that came with a submission again, and see whether its scores are theirs.

That a file is whole says little about who made it: whoever can write scores can write their hashes. Only
outputs that are handed in, and scored again here, show that the scores are theirs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from timbrebench.audio.errors import RunError
from timbrebench.audio.executors import LocalExecutor
from timbrebench.audio.storage import write_text
from timbrebench.classifier import Judge
from timbrebench.classifier.style.published import load_published, published_name
from timbrebench.datasets import Clip, Dataset
from timbrebench.experiments.runner import Task
from timbrebench.experiments.scoring import impression_key, run_scores, score_key
from timbrebench.experiments.store import Store, Transfer
from timbrebench.experiments.submissions.archives import Archive
from timbrebench.experiments.submissions.checking import ABSOLUTE, RELATIVE, Submission, text_of
from timbrebench.experiments.submissions.packing import JUDGE_FILE, OUTPUTS, RECORDS_FILE
from timbrebench.experiments.suites.suite import Pair

#: How many outputs are scored again.
SAMPLE = 20


def check_outputs(submission: Submission, dataset: Path | None) -> tuple[list[str], str]:
    """Compare the outputs that came with a submission with its records, and score some of them again.

    Parameters
    ----------
    submission : Submission
        As it was read.
    dataset : pathlib.Path, optional
        A dataset that holds the suite's clips; without it nothing is scored.

    Returns
    -------
    problems : list of str
        What does not agree; empty where all does.
    summary : str
        What was compared.

    Raises
    ------
    RunError
        If the submission has no outputs, or the dataset does not hold the clips.
    """
    rows = submission.results.transfers.itertuples()
    done = [task for task, row in zip(submission.tasks, rows, strict=True) if row.status == "ok"]
    with Archive(submission.path) as archive, tempfile.TemporaryDirectory() as folder:
        if not archive.names(OUTPUTS):
            raise RunError(f"{submission.path}: came without outputs (`timbrebench submit --audio`)")
        write_text(Path(folder) / RECORDS_FILE, text_of(archive.read(RECORDS_FILE)))
        with Store(Path(folder) / RECORDS_FILE) as stated:
            found = [(task, stated.transfer(task.key)) for task in done]
        transfers = [(task, transfer) for task, transfer in found if transfer is not None]
        problems = [
            f"{one.label}, {one.pair_id}: the output is not the one of its record"
            for _, one in transfers
            if archive.manifest.get(one.output) != one.output_sha256
        ]
        summary = f"{len(transfers)} outputs are those of the records"
        if dataset is None or problems:
            return problems, summary
        places = np.linspace(0, len(transfers) - 1, min(SAMPLE, len(transfers))).astype(int)
        sample = [transfers[place] for place in sorted(set(places.tolist()))]
        again = Path(folder) / "again"
        problems = _score_again(
            submission, archive, sample, stated=stated, dataset=Dataset.open(dataset), folder=again
        )
    return problems, f"{summary}; {len(sample)} of them were scored again"


def _score_again(
    submission: Submission,
    archive: Archive,
    sample: Sequence[tuple[Task, Transfer]],
    *,
    stated: Store,
    dataset: Dataset,
    folder: Path,
) -> list[str]:
    """Score outputs, and name the scores and impressions that are not those that were handed in."""
    clips = _found(submission, dataset)
    with Store(folder / RECORDS_FILE) as store:
        judge = _judge_of(submission, archive, folder)
        for number, (_, transfer) in enumerate(sample):
            # Under a name of ours, wherever the record says that it lay.
            name = f"{number:04d}.flac"
            (folder / name).write_bytes(archive.read(transfer.output))
            store.add(transfer.model_copy(update={"output": name}))
        tasks = [replace(task, pair=_with_clips(task.pair, clips)) for task, _ in sample]
        with LocalExecutor(["timbrebench.experiments.scoring"]) as executor:
            run_scores(
                tasks,
                submission.results.configuration.metrics,
                dataset=dataset,
                judge_path=judge,
                root=folder,
                store=store,
                executor=executor,
            )
        return _other_scores(submission, tasks, store) + _other_impressions(submission, sample, stated, store)


def _judge_of(submission: Submission, archive: Archive, folder: Path) -> Path:
    """Write the judge that has scored a submission: the published one, or the one that came with it."""
    path = folder / "judge.pt"
    if name := published_name(submission.about.judge):
        load_published(name).save(path)
        return path
    path.write_bytes(archive.read(JUDGE_FILE))
    if Judge.load(path).fingerprint != submission.about.judge:
        raise RunError(f"{submission.path}: {JUDGE_FILE} is not the judge that its scores name")
    return path


def _found(submission: Submission, dataset: Dataset) -> dict[str, Clip]:
    """Find the clips of a submission's pairs in a dataset, by their SHA-256."""
    clips = {clip.sha256: clip for clip in dataset.clips()}
    pairs = submission.results.suite.pairs
    wanted = {one.sha256 for pair in pairs for one in (pair.content, pair.style, pair.reference) if one}
    missing = len(wanted - set(clips))
    if missing:
        raise RunError(f"{dataset.root}: lacks {missing} of {len(wanted)} clips of the submission's pairs")
    return clips


def _with_clips(pair: Pair, clips: dict[str, Clip]) -> Pair:
    return replace(
        pair,
        content=clips[pair.content.sha256],
        style=clips[pair.style.sha256],
        reference=None if pair.reference is None else clips[pair.reference.sha256],
    )


def _other_scores(submission: Submission, tasks: Sequence[Task], store: Store) -> list[str]:
    """Compare scores that were made here with those that were handed in."""
    row_of = {task.key: number for number, task in enumerate(submission.tasks)}
    stated, judge = submission.results.scores, submission.about.judge
    problems = []
    for task in tasks:
        transfer = store.transfer(task.key)
        for name in stated.columns:
            score = None if transfer is None else store.score(score_key(transfer, task.pair, name, judge))
            here = np.nan if score is None or score.value is None else score.value
            there = float(stated[name].iloc[row_of[task.key]])
            if not np.isclose(here, there, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True):
                problems.append(
                    f"{task.entry.name}, {task.pair.pair_id}: {name} is {here:.6g} here, "
                    f"{there:.6g} in the records"
                )
    return problems


def _other_impressions(
    submission: Submission, sample: Sequence[tuple[Task, Transfer]], stated: Store, store: Store
) -> list[str]:
    """Compare what the judge makes of outputs here with what was handed in."""
    problems = []
    for task, transfer in sample:
        key = impression_key(transfer.output_sha256, submission.about.judge)
        here, there = (
            [] if one is None else [*one.probabilities, *one.embedding]
            for one in (store.impression(key), stated.impression(key))
        )
        if len(here) != len(there) or not np.allclose(here, there, rtol=RELATIVE, atol=ABSOLUTE):
            problems.append(f"{task.entry.name}, {task.pair.pair_id}: the judge makes another of it here")
    return problems
