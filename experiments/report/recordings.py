"""The recordings of a pair: the clips that it consists of, and every output."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from timbrebench.audio.decoding import TooLongError, measure
from timbrebench.core.errors import AudioError
from timbrebench.core.files import file_sha256
from timbrebench.datasets import Clip
from timbrebench.experiments.ranking.results import Results
from timbrebench.experiments.report.leaderboard_tables import Column, as_records
from timbrebench.experiments.suites.suite import OpenedSuite, Pair

#: What stands beside the player of an output, after the metrics of the headline.
_DISTANCE = "log_stft_mse"

#: Seconds by which a file may last longer than its clip and still be shown.
_EXCESS_S = 1.0

Role = Literal["given", "method", "control"]


@dataclass(frozen=True)
class Recording:
    """A clip or an output of a pair.

    Of an output the title is the method's label, and `seed` the method's; it is None for what was given.
    `path` is that of the audio, relative to the run's folder, and like its `sha256` empty if there is no
    audio; `reason` says why it is missing or unreadable. `scores` are names of metrics and their values as
    text.
    """

    title: str
    subtitle: str
    role: Role
    seed: int | None
    path: str
    sha256: str
    duration_s: float
    reason: str
    scores: tuple[tuple[str, str], ...] = ()


def rows_by_pair(rows: pd.DataFrame) -> dict[str, dict[tuple[str, int], dict[str, Any]]]:
    """Return the rows of outputs by ``pair_id``, then by ``label`` and ``seed``."""
    return {
        str(name): {(row["label"], row["seed"]): row for row in as_records(group)}
        for name, group in rows.groupby("pair_id", sort=False)
    }


class Recordings:
    """The recordings of each pair of a run, whose folder is `root`.

    Outputs have the order of `table`, the leaderboard's; `columns` say how scores are written.
    """

    def __init__(self, results: Results, table: pd.DataFrame, columns: Sequence[Column], root: Path) -> None:
        self.root = root
        self._clips = results.suite.dataset if isinstance(results.suite, OpenedSuite) else None
        self._methods = list(zip(table.method, table.kind, strict=True))
        self.seeds = results.configuration.seeds
        shown = {*results.headline.metrics, _DISTANCE}
        self._columns = [column for column in columns if column.name in shown]
        rows = pd.concat([results.transfers, results.scores], axis=1)
        self._rows = rows_by_pair(rows)
        methods = [label for label, kind in self._methods if kind == "method"]
        self._of_methods = rows[rows.label.isin(methods)]
        self._content = results.headline.content

    @property
    def median_pair(self) -> str | None:
        """The ``pair_id`` on which the methods' mean note F1 is nearest to the median of all pairs.

        It is one on which all methods were measured, if there is one; None where none was.
        """
        if self._content not in self._of_methods:
            return None
        by_pair = self._of_methods.groupby("pair_id", sort=False)[self._content]
        means = by_pair.mean()[by_pair.count() == by_pair.count().max()].dropna()
        return str((means - means.median()).abs().idxmin()) if len(means) else None

    def of(self, pair: Pair) -> list[Recording]:
        """List content, style, reference, and each method's output with each seed, as they are on the disk.

        Methods stand before controls. Missing ones have a reason.
        """
        given = [
            self._clip("Content", pair.content.label, pair.content),
            self._clip("Style", pair.style.label, pair.style),
        ]
        if pair.reference is not None:
            given.append(self._clip("Reference", f"the content on {pair.style.label}", pair.reference))
        rows = self._rows.get(pair.pair_id, {})
        return given + [
            self._output(rows[label, seed], kind, pair.content)
            for label, kind in self._methods
            for seed in self.seeds
            if (label, seed) in rows
        ]

    def describe(self, recording: Recording, error: AudioError) -> str:
        """Return why a recording cannot be read, by its path in the run: errors begin with this machine's."""
        return str(error).replace(str(self.root / recording.path), f"the file {recording.path}")

    def _clip(self, title: str, subtitle: str, clip: Clip) -> Recording:
        if self._clips is None:
            return Recording(
                title, subtitle, "given", None, "", "", 0.0, "the run was read without its clips"
            )
        # Clips of a suite that comes without its audio may lie outside the run's folder.
        path = Path(os.path.relpath(self._clips.audio_path(clip), self.root)).as_posix()
        duration, reason = self._look_at(path, clip)
        digest = "" if reason else clip.sha256
        return Recording(title, subtitle, "given", None, path, digest, duration, reason)

    def _output(self, row: dict[str, Any], kind: Role, content: Clip) -> Recording:
        path, duration, reason, digest = row["output"], 0.0, f"{row['status']}: {row['reason']}", ""
        if row["status"] == "ok":
            duration, reason = self._look_at(path, content)
            digest = "" if reason else file_sha256(self.root / path)
        scores = tuple((column.name, column.text(row[column.name])) for column in self._columns)
        return Recording(
            title=row["label"],
            subtitle=f"seed {row['seed']}" if len(self.seeds) > 1 else "",
            role=kind,
            seed=row["seed"],
            path=path,
            sha256=digest,
            duration_s=duration,
            reason=reason,
            scores=scores if row["status"] == "ok" else (),
        )

    def _look_at(self, path: str, expected: Clip) -> tuple[float, str]:
        """Return the duration of a file that is to last as long as a clip, or what is wrong with it."""
        if not (self.root / path).is_file():
            return 0.0, f"the file {path} is missing"
        try:
            length, sample_rate, _ = measure(self.root / path, expected.duration_s + _EXCESS_S)
        except TooLongError as error:
            return 0.0, f"the file {path} {error}"
        except AudioError:
            return 0.0, f"the file {path} cannot be read as audio"
        return length / sample_rate, ""
