"""Score the outputs of a run, each once.

Outputs of one pair are scored together, so that what metrics compute from the content, the style and the
reference is worked out once for all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from timbrebench.audio.clips import read_audio
from timbrebench.classifier import Judge, installed_content_judge
from timbrebench.classifier.fitting import one_thread
from timbrebench.core.errors import AudioError, RunError, describe_error
from timbrebench.core.files import fingerprint
from timbrebench.core.progress import Tracker
from timbrebench.core.workers.calls import Call, Failure, Limits
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets import Clip, Dataset
from timbrebench.experiments.run.record_types import PredictionRecord, ScoreRecord, Transfer
from timbrebench.experiments.run.records import Records, RecordsFile
from timbrebench.experiments.run.run_judges import JudgeFingerprints
from timbrebench.experiments.run.tasks import Task
from timbrebench.experiments.suites.suite import Pair
from timbrebench.metrics import Score, Sound, Trial, Unscorable, get
from timbrebench.metrics.registry import recorded_name

#: Processes that score do nothing else, so that no method can meddle with its scores.
_KIND = "scoring"

#: Seconds that the metrics may take for an output, of which a second is much, and for getting ready.
_TIMEOUT_S = 300.0

#: MiB of memory that the scores of a pair may take: clips of a minute at 48 kHz take 3 GiB.
_MEMORY_MIB = 8_192.0

#: Seconds by which an output may be longer than its content and still be read. A run's own are exactly as
#: long; those of a submission are whatever somebody wrote.
_SLACK_S = 1.0

#: How many failures an error names.
_SHOWN = 5

#: Real clips that are judged in one call: each takes 10 ms.
_BATCH = 16


def score_key(transfer: Transfer, pair: Pair, metric: str, judges: JudgeFingerprints) -> str:
    """Return the key of an output's score by a metric, on the pair that the output was made from.

    Of each judge the fingerprint counts for metrics that ask it.
    """
    specification = get(metric).specification
    by_need = {"judge": judges.style, "second_judge": judges.second_style, "content_judge": judges.content}
    asked = "".join(judge for need, judge in by_need.items() if need in specification.needs)
    version = specification.version
    recorded = recorded_name(metric, version)
    return fingerprint(["score", transfer.output_sha256, pair.fingerprint, recorded, version, asked])


def prediction_key(sha256: str, judge: str) -> str:
    """Return the key of what a judge makes of audio, by the file's SHA-256 and the judge's fingerprint."""
    return fingerprint(["impression", sha256, judge])


@dataclass(frozen=True)
class _Output:
    """An output of a pair and what of it is missing: keys of scores by metric, the prediction's if it is."""

    path: Path
    scores: dict[str, str]
    prediction: str | None


class _JudgedBy(NamedTuple):
    """What a process scores with: files of the dataset and the style judges, the content judge's name."""

    dataset: Path
    judge: Path
    second_judge: Path | None
    content_judge: str


def run_scores(
    tasks: Iterable[Task],
    metrics: Iterable[str],
    *,
    dataset: Dataset,
    judge_path: Path,
    second_judge_path: Path | None,
    content_judge: str,
    root: Path,
    store: RecordsFile,
    executor: Executor,
) -> None:
    """Compute the scores by `metrics` that the outputs of `tasks` lack, and record them as they come.

    `dataset` holds the clips and notes, `judge_path` is a saved judge, `second_judge_path` another where
    there are two, `content_judge` the name of the one that transcribes, and `root` the run's folder. Raises
    RunError if a metric has raised an exception, and so has no score there; or if one has ended its process,
    or did not return in time, and so left a pair without scores. All else has its scores.
    """
    judges = JudgeFingerprints(
        Judge.load(judge_path).fingerprint,
        Judge.load(second_judge_path).fingerprint if second_judge_path else "",
        installed_content_judge(content_judge).fingerprint,
    )
    wanted = _wanted(tasks, tuple(metrics), judges, root.resolve(), store.records)
    second = second_judge_path.resolve() if second_judge_path else None
    judged_by = _JudgedBy(dataset.root.resolve(), judge_path.resolve(), second, content_judge)
    lost = []
    with (
        Tracker("scoring", sum(len(outputs) for outputs in wanted.values()), "outputs") as tracker,
        executor.batch() as batch,
    ):
        for pair, outputs in wanted.items():
            limits = Limits(_TIMEOUT_S * (1 + len(outputs)), _MEMORY_MIB)
            batch.submit(Call(_score, (pair, outputs, judged_by), _KIND, limits), pair)
        for pair, result in batch.results():
            if isinstance(result, Failure):
                late = result.status == "timeout"
                what = f"a metric took more than {result.seconds:g} s" if late else result.reason
                lost.append(f"{pair.pair_id}: {what} (find it with `timbrebench score`)")
            else:
                records, faults = result
                store.add(*records)
                lost += [f"{pair.pair_id}: {fault}" for fault in faults]
            tracker.advance(len(wanted[pair]))
    if lost:
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        raise RunError(
            f"{len(lost)} scores, or all of a pair, failed by the fault of a metric "
            f"({'; '.join(lost[:_SHOWN])}{more}): mend it or leave it out of the metrics; all else is scored"
        )


def _wanted(
    tasks: Iterable[Task], metrics: tuple[str, ...], judges: JudgeFingerprints, root: Path, records: Records
) -> dict[Pair, list[_Output]]:
    """List what is missing by pair, each once: outputs of different seeds may be the same."""
    wanted: dict[Pair, list[_Output]] = defaultdict(list)
    listed: set[str] = set()
    for task in tasks:
        transfer = records.transfers.get(task.key)
        if transfer is None or transfer.status != "ok":
            continue
        keys = {name: score_key(transfer, task.pair, name, judges) for name in metrics}
        missing = {name: key for name, key in keys.items() if key not in records.scores and key not in listed}
        key = prediction_key(transfer.output_sha256, judges.style)
        prediction = None if key in listed or key in records.predictions else key
        if missing or prediction:
            wanted[task.pair].append(_Output(root / transfer.output, missing, prediction))
            listed.update(missing.values(), {key})
    return wanted


def run_predictions(
    clips: Iterable[Clip], *, dataset: Dataset, judge_path: Path, store: RecordsFile, executor: Executor
) -> None:
    """Ask the judge about real clips, with which the outputs are compared as a set.

    Clips with a prediction are left out; the rest is as for :func:`run_scores`.
    """
    judge = Judge.load(judge_path).fingerprint
    keys = {prediction_key(clip.sha256, judge): clip for clip in clips}
    missing = [(key, clip) for key, clip in keys.items() if key not in store.records.predictions]
    with Tracker("judging real clips", len(missing), "clips") as tracker, executor.batch() as batch:
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            batch.submit(Call(_predictions, (part, dataset.root.resolve(), judge_path.resolve()), _KIND))
        for _, records in batch.results():
            if isinstance(records, Failure):
                raise RunError(f"the judge's predictions for real clips failed: {records.reason}")
            store.add(*records)
            tracker.advance(len(records))


#: This process's copies of both style judges and a dataset, loaded once.
_judge, _dataset = lru_cache(maxsize=2)(Judge.load), lru_cache(maxsize=1)(Dataset.open)


def _score(
    pair: Pair, outputs: list[_Output], judged_by: _JudgedBy
) -> tuple[list[ScoreRecord | PredictionRecord], list[str]]:
    """Score the outputs of a pair; return the records, and the faults of metrics."""
    untouched = Trial.of_clips(
        _dataset(judged_by.dataset),
        content=pair.content,
        style=pair.style,
        reference=pair.reference,
        judge=_judge(judged_by.judge),
        second_judge=_judge(judged_by.second_judge) if judged_by.second_judge else None,
        content_judge=installed_content_judge(judged_by.content_judge),
    )
    records: list[ScoreRecord | PredictionRecord] = []
    faults: list[str] = []
    for output in outputs:
        try:
            trial = untouched.with_output(*read_audio(output.path, max_s=pair.content.duration_s + _SLACK_S))
        except AudioError as error:
            faults.append(f"the output of {output.path.parent.name}: {error}")
            continue
        with one_thread():
            for name, key in output.scores.items():
                try:
                    records.append(_score_record(key, name, get(name)(trial)))
                except (
                    BaseException
                ) as error:  # a metric may be anybody's code; the scores of others are kept
                    faults.append(f"{name} of {output.path.parent.name}: {describe_error(error)}")
            if output.prediction:
                records.append(_prediction_record(output.prediction, trial.output))
    return records, faults


def _score_record(key: str, name: str, score: Score) -> ScoreRecord:
    value = None if score.reason else score.value
    return ScoreRecord(key=key, metric=name, value=value, reason=score.reason or "")


def _predictions(
    clips: list[tuple[str, Clip]], dataset_root: Path, judge_path: Path
) -> list[PredictionRecord]:
    """Ask the judge about real clips."""
    dataset, judge = _dataset(dataset_root), _judge(judge_path)
    with one_thread():
        return [
            _prediction_record(key, Sound(dataset.samples(clip), clip.sample_rate, judge=judge))
            for key, clip in clips
        ]


def _prediction_record(key: str, sound: Sound) -> PredictionRecord:
    try:
        prediction = sound.prediction
    except Unscorable as outcome:
        return PredictionRecord(key=key, reason=str(outcome))
    # Six digits are what single precision holds; more would triple the record.
    probabilities, embedding = (
        tuple(float(f"{value:.6g}") for value in values)
        for values in (prediction.probabilities, prediction.embedding)
    )
    return PredictionRecord(key=key, probabilities=probabilities, embedding=embedding)
