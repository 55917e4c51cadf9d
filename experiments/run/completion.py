"""Whether a run has anything left to do, checked without importing what does the work.

A finished run leaves a file in its folder with a fingerprint of everything that decides what there is to do:
the text of its configuration, the code of this project, what other distributions add to it, and the run's own
files. As long as the fingerprint stays the same, there is nothing to do. After any change the run is gone
through in full, which decides what, if anything, has to be done again.

The libraries behind methods, metrics and judges take seconds to import. Only methods and metrics of other
distributions, and methods that are given files, need them here, to be queried for what they are now.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timbrebench.core.documents import read_json
from timbrebench.core.errors import RunError
from timbrebench.core.files import file_sha256, fingerprint, write_json
from timbrebench.core.plugins import names_of_others
from timbrebench.experiments.run.environment import installed_versions
from timbrebench.experiments.run.layout import (
    CONFIGURATION,
    DATASET,
    ENVIRONMENT,
    FIGURES,
    FINISHED,
    JUDGE,
    LEADERBOARD,
    LISTENERS,
    OUTPUTS,
    PAIR_PAGES,
    RECORDS,
    REPORT,
    SECOND_JUDGE,
    SETS,
    SUITE,
    SUITE_CLIPS,
    TABLES,
    VALIDITY,
)
from timbrebench.experiments.run.records_lock import lock_records

if TYPE_CHECKING:
    from timbrebench.experiments.run.run_configuration import RunConfiguration

_PACKAGES = ("core", "audio", "datasets", "classifier", "transfer", "metrics", "experiments")

_METHODS, _METRICS = "timbrebench.methods", "timbrebench.metrics"
_CONTENT_JUDGES, _OWN_CONTENT_JUDGE = "timbrebench.content_judges", "timbrebench"
_EMBEDDINGS = "timbrebench.embeddings"

#: Files whose content counts.
_FILES = (CONFIGURATION, ENVIRONMENT, RECORDS, LEADERBOARD, LISTENERS, SETS, VALIDITY, REPORT, SUITE)

#: Folders whose files, of which there may be gigabytes, count by size and time of change.
_LISTED = (OUTPUTS, SUITE_CLIPS, PAIR_PAGES, FIGURES, TABLES)
_TABLES = ("dataset.json", "manifest.csv")


class Completion:
    """Whether a run of a configuration, in a folder that need not exist, has nothing left to do.

    Make it before anything else is imported: what it takes for the project's code is what there is then.
    `text` is the configuration's.
    """

    def __init__(self, root: Path, text: str) -> None:
        self._root, self._text = root, text
        self._installed = _installed()

    def is_reached(self) -> bool:
        """Return whether nothing is left to do; False as well where that is not certain."""
        try:
            finished = read_json(self._root / FINISHED, RunError)
            with _undisturbed(self._root):
                configuration = _configuration(self._root)
                outside = _outside(configuration, finished["asked"])
                return bool(finished["state"] == self._state(outside))
        except Exception:  # the run reports what is wrong when it is gone through
            return False

    @contextlib.contextmanager
    def recorded(self, configuration: RunConfiguration) -> Iterator[None]:
        """Run everything in the block, and record that nothing is left to do.

        It is not recorded where something that decides what there is to do has changed in the meantime, or
        where outputs are missing for a transient reason. `configuration` is what the text stands for.
        """
        from timbrebench.experiments.run.records import read_records  # noqa: PLC0415 - brings pydantic

        content, queried = configuration.as_recorded(), _to_be_queried(configuration)
        outside = _outside(content, queried)
        yield
        with contextlib.suppress(RunError), _undisturbed(self._root):
            now = _configuration(self._root), _outside(content, queried), _installed()
            is_retried = read_records(self._root / RECORDS).has_retryable_failures
            if now == (content, outside, self._installed) and not is_retried:
                write_json(self._root / FINISHED, {"asked": queried, "state": self._state(outside)})

    def _state(self, outside: list[object]) -> str:
        listed = [_listing(self._root / folder) for folder in _LISTED]
        return fingerprint([self._text, self._installed, outside, _contents(self._root), listed])


@contextlib.contextmanager
def _undisturbed(root: Path) -> Iterator[None]:
    """Keep runs out of the folder meanwhile."""
    with (root / RECORDS).open("rb") as file:
        lock_records(file, root / RECORDS, exclusive=False)
        yield


def _configuration(root: Path) -> dict[str, Any]:
    return read_json(root / CONFIGURATION, RunError)


def _code() -> str:
    """Return the SHA-256 of the project's code and of the files that come with it."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        specification = find_spec(f"timbrebench.{package}")
        for folder in (specification and specification.submodule_search_locations) or ():
            for path in _files_below(Path(folder)):
                # Other processes write byte code at any time, under temporary names first.
                if "__pycache__" not in path.parts:
                    digest.update(f"{package}/{path.relative_to(folder).as_posix()}\0".encode())
                    digest.update(bytes.fromhex(file_sha256(path)))
    return digest.hexdigest()


def _files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _installed() -> list[object]:
    """Return what stands for the code of this project, of others, and of the libraries behind both."""
    plugins = [
        sorted((point.name, point.value) for point in entry_points(group=group))
        for group in (_METHODS, _METRICS, _CONTENT_JUDGES, _EMBEDDINGS)
    ]
    return [_code(), plugins, installed_versions()]


def _to_be_queried(configuration: RunConfiguration) -> dict[str, list[str]]:
    """List what the project's own code does not tell: methods by label, the rest by name."""
    from timbrebench.transfer.method_calls import query_fingerprint  # noqa: PLC0415 - brings NumPy and more
    from timbrebench.transfer.registry import create  # noqa: PLC0415 - likewise

    methods, metrics = names_of_others(_METHODS), names_of_others(_METRICS)
    return {
        "methods": [
            entry.name
            for entry in configuration.entries
            if entry.method in methods or any(query_fingerprint(create(entry.method, entry.parameters)))
        ],
        "metrics": [name for name in configuration.metrics if name in metrics],
        "content_judges": [name] if (name := configuration.content_judge.name) != _OWN_CONTENT_JUDGE else [],
    }


def _outside(configuration: Mapping[str, Any], queried: Mapping[str, list[str]]) -> list[object]:
    """Return what a run depends on that is neither installed nor in its folder."""
    suite = configuration["suite"]
    weights = [_weights(Path(entry["weights"])) for entry in configuration["embeddings"]]
    return [_suite_files(suite["name"], suite["audio"]), _answers(configuration, queried), weights]


def _suite_files(name: str, audio: str) -> list[object]:
    """Return what stands for a suite's list and audio, where they are not in the run's folder."""
    listed = [_content(Path(name))] if name.endswith(".json") else []
    if not audio:
        return [listed]
    return [listed, [_content(Path(audio, table)) for table in _TABLES], _listing(Path(audio))]


def _weights(path: Path) -> dict[str, list[int]]:
    """Return size and time of the last change of an embedding's weights, which may be gigabytes."""
    if path.is_dir():
        return _listing(path)
    if not path.is_file():  # the run says so
        return {}
    status = path.stat()
    return {"": [status.st_size, status.st_mtime_ns]}


def _answers(configuration: Mapping[str, Any], queried: Mapping[str, list[str]]) -> list[object]:
    """Query methods, metrics and content judges for what the keys of their results follow from."""
    answers: list[object] = []
    if queried["methods"]:
        from timbrebench.transfer.contract import learns  # noqa: PLC0415 - likewise
        from timbrebench.transfer.method_calls import query_fingerprint  # noqa: PLC0415 - brings NumPy and more
        from timbrebench.transfer.registry import create  # noqa: PLC0415 - likewise

        for entry in configuration["methods"]:
            if (entry["label"] or entry["method"]) in queried["methods"]:
                method = create(entry["method"], entry["parameters"])
                settings = method.parameters.model_dump(mode="json")
                answers.append([method.version, settings, learns(method), query_fingerprint(method)])
    if queried["metrics"]:
        from timbrebench.metrics.registry import get  # noqa: PLC0415 - brings librosa and more

        for name in queried["metrics"]:
            specification = get(name).specification
            answers.append([specification.version, sorted(specification.needs)])
    if queried["content_judges"]:
        from timbrebench.classifier import installed_content_judge  # noqa: PLC0415 - brings PyTorch

        answers += [installed_content_judge(name).fingerprint for name in queried["content_judges"]]
    return answers


def _contents(root: Path) -> dict[str, str]:
    """Return the SHA-256 of each of a run's files that is not audio."""
    tables = [root / folder / name for folder in (DATASET, SUITE_CLIPS) for name in _TABLES]
    judges = [path for folder in (JUDGE, SECOND_JUDGE) for path in _files_below(root / folder)]
    files = [*(root / name for name in _FILES), *tables, *judges]
    return {path.relative_to(root).as_posix(): _content(path) for path in files}


def _content(path: Path) -> str:
    """Return the SHA-256 of a file, or an empty text where it is missing."""
    return file_sha256(path) if path.is_file() else ""


def _listing(folder: Path) -> dict[str, list[int]]:
    """Return size and time of the last change of each file in a folder and below."""
    files = {path.relative_to(folder).as_posix(): path.stat() for path in _files_below(folder)}
    return {name: [status.st_size, status.st_mtime_ns] for name, status in files.items()}
