"""The whole way from a configuration to a leaderboard, in one folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from timbrebench.classifier import JudgeConfiguration, build_judge, find_judge, installed_content_judge
from timbrebench.core.files import write_json
from timbrebench.core.progress import StageProgress, plain_lines
from timbrebench.core.tables import SIX_DIGITS, write_csv
from timbrebench.core.workers.calls import Call
from timbrebench.core.workers.executor_addresses import LOCAL, open_executor
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets import Dataset
from timbrebench.experiments.ranking.leaderboard import Leaderboard, make_leaderboard
from timbrebench.experiments.ranking.listener_scores import read_listener_scores
from timbrebench.experiments.ranking.results import Results, collect
from timbrebench.experiments.run.embedded_clips import current_dependencies, run_embeddings
from timbrebench.experiments.run.environment import read_environments, record_environment
from timbrebench.experiments.run.layout import (
    CONFIGURATION,
    DATASET,
    ENVIRONMENT,
    JUDGE,
    JUDGE_FILE,
    LEADERBOARD,
    RECORDS,
    SECOND_JUDGE,
    SETS,
    SUITE,
    VALIDITY,
)
from timbrebench.experiments.run.opened_run import open_suite, prepare_suite
from timbrebench.experiments.run.records import RecordsFile, read_records
from timbrebench.experiments.run.run_configuration import RunConfiguration
from timbrebench.experiments.run.run_judges import judge_fingerprints, second_judge_path
from timbrebench.experiments.run.scores import run_predictions, run_scores
from timbrebench.experiments.run.tasks import learned_by, list_recorded_tasks, list_tasks
from timbrebench.experiments.run.training_clips import build_run_dataset
from timbrebench.experiments.run.transfers import run_transfers

#: What the processes of a run need, imported once for all of them.
_PRELOAD = (
    "timbrebench.audio.librosa_modules",
    "timbrebench.experiments.run.scores",
    "timbrebench.experiments.run.transfers",
)


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    root : pathlib.Path
        Its folder.
    results : Results
        Every result.
    leaderboard : Leaderboard
        The methods ranked.
    """

    root: Path
    results: Results
    leaderboard: Leaderboard


def run_benchmark(configuration: RunConfiguration, root: Path | str, *, executor: str = LOCAL) -> Run:
    """Build the dataset, train the judge, run and score the methods, and write leaderboard and report.

    What is there already is used: an interrupted run is resumed, a finished one is only written out again,
    and one whose configuration has got a further method since does that method only.

    Parameters
    ----------
    configuration : RunConfiguration
        What to do.
    root : path-like
        The run's folder.
    executor : str, default "local"
        Where the work is done (:func:`~timbrebench.core.workers.executor_addresses.open_executor`).

    Returns
    -------
    Run
        With `root` holding ``leaderboard.csv``, ``sets.csv``, ``report.html`` and what lies beside it,
        ``validity.json``, ``environment.json``, ``suite.csv``, the outputs under ``outputs/``, the dataset
        and the judge.

    Raises
    ------
    TimbrebenchError
        Whatever stops the run; what is finished is kept.
    """
    root = Path(root)
    judge_path = root / JUDGE_FILE
    with (
        RecordsFile(root / RECORDS) as store,  # from the start, since it keeps other runs out of the folder
        open_executor(executor, _PRELOAD) as work,
        StageProgress(6) as stages,
    ):
        stages.begin("building the dataset")
        embeddings = current_dependencies(configuration.embeddings)  # what is missing is said at once
        known = store.records.dependencies
        store.add(*(record for record in embeddings if known.get(record.key) != record))
        dataset = build_run_dataset(configuration, root / DATASET, work)
        write_json(root / CONFIGURATION, configuration.as_recorded())
        environments = record_environment(root / ENVIRONMENT)  # before there are results of this one
        stages.begin("preparing the pairs")
        suite = prepare_suite(dataset, configuration, root, work)
        suite.write(root / SUITE)
        tasks = list_tasks(configuration, suite, dataset)
        stages.begin("transferring")
        run_transfers(
            tasks,
            dataset=dataset,
            suite=suite,
            limits=configuration.limits,
            root=root,
            store=store,
            executor=work,
            beside=_training(dataset, configuration, root),
        )
        stages.begin("training the judges")
        judge = build_judge(dataset, configuration.judge, root / JUDGE)
        learned = [learned_by(judge), learned_by(installed_content_judge(configuration.content_judge.name))]
        if configuration.second_judge:
            learned.append(learned_by(build_judge(dataset, configuration.second_judge, root / SECOND_JUDGE)))
        store.add(*(record for record in learned if record.key not in store.records.learned))
        stages.begin("scoring")
        run_scores(
            tasks,
            configuration.metrics,
            dataset=suite.dataset,
            judge_path=judge_path,
            content_judge=configuration.content_judge.name,
            second_judge_path=second_judge_path(configuration, root),
            root=root,
            store=store,
            executor=work,
        )
        run_predictions(suite.clips, dataset=suite.dataset, judge_path=judge_path, store=store, executor=work)
        run_embeddings(
            configuration.embeddings,
            tasks,
            suite.clips,
            dataset=suite.dataset,
            root=root,
            store=store,
            executor=work,
        )
        stages.begin("ranking, and writing the report")
        judges = judge_fingerprints(configuration, judge, root)
        results = collect(configuration, suite, tasks, judges, store.records, environments=environments)
        return _publish(_with_listeners(results, root), root, work)


def open_run(root: Path | str) -> Run:
    """Read a run's results and rank its methods, without running anything.

    Parameters
    ----------
    root : path-like
        Folder of a run, finished or not.

    Returns
    -------
    Run
        With ``leaderboard.csv``, ``validity.json``, ``sets.csv`` and the report written again.

    Raises
    ------
    RunError
        If there is no run, or it has no judge yet.
    """
    return _publish(read_results(root), Path(root))


def read_results(root: Path | str) -> Results:
    """Read a run's results, without running or writing anything.

    What was not run yet has the status "missing". Raises RunError if there is no run in the folder `root`, or
    it has no judge yet.
    """
    root = Path(root)
    configuration, dataset, judge, suite = open_suite(root)
    environments = read_environments(root / ENVIRONMENT)
    records = read_records(root / RECORDS)
    tasks = list_recorded_tasks(configuration, suite, dataset, records)
    judges = judge_fingerprints(configuration, judge, root)
    results = collect(configuration, suite, tasks, judges, records, environments=environments)
    return _with_listeners(results, root)


def _with_listeners(results: Results, root: Path) -> Results:
    return replace(results, listeners=read_listener_scores(root, results.first_seed))


def _training(dataset: Dataset, configuration: RunConfiguration, root: Path) -> Call | None:
    """Return the call that trains the style judges, or None where they are trained, or published ones.

    It takes one core, since more would change the weights, and transfers do without the judges.
    """
    judges = [(configuration.judge, root / JUDGE)]
    if configuration.second_judge:
        judges.append((configuration.second_judge, root / SECOND_JUDGE))
    untrained = [
        (how, folder.resolve())
        for how, folder in judges
        if not how.name and find_judge(dataset, how, folder) is None
    ]
    return Call(_train, (dataset.root.resolve(), untrained), "training the judge") if untrained else None


def _train(dataset_root: Path, judges: list[tuple[JudgeConfiguration, Path]]) -> None:
    with plain_lines():
        for how, folder in judges:
            build_judge(Dataset.open(dataset_root), how, folder)


def _publish(results: Results, root: Path, executor: Executor | None = None) -> Run:
    """Write all that follows from the results, so that no file is of other results or code than the rest."""
    from timbrebench.experiments.report.report_writing import write_report  # noqa: PLC0415 - matplotlib takes a second

    leaderboard = make_leaderboard(results)
    write_csv(root / LEADERBOARD, leaderboard.table, SIX_DIGITS)
    write_json(root / VALIDITY, {"valid": leaderboard.is_valid, "problems": list(leaderboard.problems)})
    if len(results.sets):
        write_csv(root / SETS, results.sets, SIX_DIGITS)
    else:
        (root / SETS).unlink(missing_ok=True)  # of earlier results
    write_report(results, leaderboard, root, executor)
    return Run(root, results, leaderboard)
