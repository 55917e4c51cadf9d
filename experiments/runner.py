"""Run methods on pairs, each once.

Outputs are written as files and metrics are computed from the files, so a method's audio can be heard, scored
again with other metrics, and compared with audio that was made elsewhere.
"""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass
from pathlib import Path

from joblib import Parallel, cpu_count, delayed

from timbrebench.audio.clips import write_audio
from timbrebench.audio.errors import StorageError, TimbrebenchError
from timbrebench.audio.progress import Tracker, muted
from timbrebench.audio.storage import file_sha256, fingerprint
from timbrebench.classifier import ContentJudge, Judge
from timbrebench.datasets import Dataset
from timbrebench.datasets.soundfonts import find_soundfont
from timbrebench.experiments.configuration import MethodEntry, RunConfiguration
from timbrebench.experiments.memory import forget_peak, peak_mib
from timbrebench.experiments.store import LearnedRecord, Store, Transfer
from timbrebench.experiments.suite import Pair, Suite, SuiteConfiguration
from timbrebench.transfer.contract import Method, apply
from timbrebench.transfer.registry import create

OUTPUTS = "outputs"
PREPARED = "prepared"

#: Outputs keep 24 bits: 16 would add noise of their own to what is scored.
_SUBTYPE = "PCM_24"


@dataclass(frozen=True)
class Task:
    """A method, a pair and a seed.

    Attributes
    ----------
    entry : MethodEntry
        The method as configured.
    method_key : str
        Fingerprint of method, version and parameters, and, for one that learns, of what it learned from.
    pair : Pair
        What it is run on.
    seed : int
        Seed of its draws.
    """

    entry: MethodEntry
    method_key: str
    pair: Pair
    seed: int

    @property
    def key(self) -> str:
        """Fingerprint of everything that the output depends on."""
        return fingerprint(["transfer", self.method_key, self.pair.fingerprint, self.seed])

    @property
    def output(self) -> Path:
        """Where the output is written, relative to the run's folder."""
        folder = f"{self.entry.name}-{self.method_key[:8]}"
        return Path(OUTPUTS) / folder / f"{self.pair.pair_id}-seed{self.seed}.flac"


def list_tasks(configuration: RunConfiguration, suite: Suite, dataset: Dataset) -> list[Task]:
    """List all tasks of a run: methods, then pairs, then seeds."""
    return [
        Task(entry, key, pair, seed)
        for entry, key in ((entry, method_key(entry, suite, dataset)) for entry in configuration.entries)
        for pair in suite.pairs
        for seed in configuration.seeds
    ]


def method_key(entry: MethodEntry, suite: Suite, dataset: Dataset) -> str:
    """Return the fingerprint of a method as configured."""
    method = create(entry.method, entry.parameters)
    parameters = method.parameters.model_dump(mode="json")
    learned = _training_key(suite, dataset) if learns(method) else ""
    return fingerprint([entry.method, method.version, parameters, learned])


def learns(method: Method) -> bool:
    """Tell whether a method has a `prepare` of its own."""
    return type(method).prepare is not Method.prepare


def training_set(suite: SuiteConfiguration, dataset: Dataset) -> Dataset:
    """Select what a method may learn from: training pieces, in a new timbre none of the suite's family.

    Parameters
    ----------
    suite : SuiteConfiguration
        Its setting and soundfont decide.
    dataset : Dataset
        The whole dataset.

    Returns
    -------
    Dataset
        Clips of the training split.
    """
    training = dataset.select(split="train")
    if suite.setting == "known-timbre":
        return training
    family = find_soundfont(suite.soundfont).family
    others = set(training.manifest.soundfont_family) - {family}
    return training.select(soundfont_family=others)


def _training_key(suite: Suite, dataset: Dataset) -> str:
    return fingerprint(training_set(suite.configuration, dataset).manifest.sha256.tolist())


def run_transfers(tasks: list[Task], *, dataset: Dataset, suite: Suite, root: Path, store: Store) -> None:
    """Make the outputs that are missing. A method that fails costs its own pair.

    Parameters
    ----------
    tasks : list of Task
        What is wanted.
    dataset : Dataset
        Holds the clips, and what methods may learn from.
    suite : Suite
        Decides what methods may learn from.
    root : pathlib.Path
        The run's folder.
    store : Store
        Where results are recorded as they come.
    """
    missing = [task for task in tasks if not _is_made(task, root, store)]
    methods: dict[str, Method] = {}
    for task in missing:
        if task.method_key not in methods:
            try:
                method = _prepared(task, dataset, suite, root)
                learned = _learned(method, task.method_key, dataset, suite)
                if (learned.weights or learned.clips) and store.learned(learned.key) is None:
                    store.add(learned)
                methods[task.method_key] = method
            except StorageError:
                raise
            except (Exception, SystemExit) as error:  # a method is anybody's code
                store.add(
                    *(_skipped(other, error) for other in missing if other.method_key == task.method_key)
                )
                missing = [other for other in missing if other.method_key != task.method_key]
    # Pair by pair, so that quick and slow methods take turns and the time left is not misjudged.
    ready = sorted(
        (task for task in missing if task.method_key in methods), key=lambda task: task.pair.pair_id
    )
    with (
        Tracker("transferring", len(ready), "pairs") as tracker,
        Parallel(n_jobs=cpu_count(), return_as="generator_unordered", batch_size=1) as parallel,
    ):
        jobs = (delayed(_transfer)(task, methods[task.method_key], dataset, root) for task in ready)
        for record in parallel(jobs):
            store.add(record)
            tracker.advance()


def _is_made(task: Task, root: Path, store: Store) -> bool:
    record = store.transfer(task.key)
    if record is None:
        return False
    return record.status != "ok" or (root / record.output).is_file()


def _prepared(task: Task, dataset: Dataset, suite: Suite, root: Path) -> Method:
    method = create(task.entry.method, task.entry.parameters)
    if learns(method):
        workdir = root / PREPARED / f"{task.entry.name}-{task.method_key[:8]}"
        workdir.mkdir(parents=True, exist_ok=True)
        method.prepare(training_set(suite.configuration, dataset), workdir)
    # Workers get the method as it is now; one that cannot be sent must not stop the run when it is.
    pickle.dumps(method)
    return method


def _learned(method: Method, key: str, dataset: Dataset, suite: Suite) -> LearnedRecord:
    """Record what a method says that it learned, and what it was given to learn from."""
    told = method.learned()
    given = set(training_set(suite.configuration, dataset).manifest.sha256) if learns(method) else set()
    return LearnedRecord(
        key=key, weights=tuple(sorted(told.weights)), clips=tuple(sorted(told.clips | given))
    )


def judges_learned(judge: Judge, content_judge: ContentJudge) -> list[LearnedRecord]:
    """Return what the judges of a run have learned, to be kept beside what methods have."""
    listeners: tuple[Judge | ContentJudge, ...] = (judge, content_judge)
    return [
        LearnedRecord(
            key=one.fingerprint, weights=(one.weights_sha256,), clips=tuple(sorted(one.training_clips))
        )
        for one in listeners
    ]


def _skipped(task: Task, error: BaseException) -> Transfer:
    return Transfer(
        key=task.key,
        label=task.entry.name,
        pair_id=task.pair.pair_id,
        seed=task.seed,
        status="skipped",
        reason=f"the method could not be prepared: {_reason(error)}",
    )


def _reason(error: BaseException) -> str:
    text = str(error).strip()
    if isinstance(error, TimbrebenchError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _transfer(task: Task, method: Method, dataset: Dataset, root: Path) -> Transfer:
    """Run a method on a pair, in a worker."""
    pair = task.pair
    content, style, reference = (dataset.samples(clip) for clip in (pair.content, pair.style, pair.reference))
    status, reason, digest = "ok", "", ""
    watched = forget_peak()
    started = time.perf_counter()
    try:
        with muted():
            samples = apply(
                method,
                content,
                style,
                sample_rate=pair.content.sample_rate,
                seed=task.seed,
                reference=reference,
            )
    except (Exception, SystemExit) as error:  # a method is anybody's code; the run goes on
        status, reason = "failed", _reason(error)
    seconds = time.perf_counter() - started
    memory = peak_mib() if watched else None
    if status == "ok":
        path = root / task.output
        write_audio(path, samples, pair.content.sample_rate, subtype=_SUBTYPE)
        digest = file_sha256(path)
    return Transfer.model_validate(
        {
            "key": task.key,
            "label": task.entry.name,
            "pair_id": pair.pair_id,
            "seed": task.seed,
            "status": status,
            "reason": reason,
            "seconds": seconds,
            "peak_memory_mib": memory,
            "output": task.output.as_posix() if digest else "",
            "output_sha256": digest,
        }
    )
