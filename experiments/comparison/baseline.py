"""Baselines: the values of a run on each pair, kept to compare later runs with.

A baseline is a CSV file. Its first line is a comment that holds, as JSON, the version of the suite and of
each metric: figures of other pairs or of another definition cannot be compared.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from timbrebench.audio.errors import RunError
from timbrebench.audio.storage import write_text
from timbrebench.experiments.comparison.comparing import check_finished
from timbrebench.experiments.results import Results
from timbrebench.metrics.registry import get

#: What says which output a row is about.
KEYS = ("label", "pair_id", "piece", "seed")


@dataclass(frozen=True)
class Baseline:
    """What later runs are compared with.

    Attributes
    ----------
    suite : str
        Version of the suite.
    versions : dict of str to int
        Version of each metric.
    table : pandas.DataFrame
        One row for each method, pair and seed: :data:`KEYS` and the metrics.
    """

    suite: str
    versions: dict[str, int]
    table: pd.DataFrame


def write_baseline(results: Results, path: Path) -> None:
    """Write the values of a run as the baseline of later ones.

    Parameters
    ----------
    results : Results
        A run in which every method but the controls has all outputs and scores.
    path : pathlib.Path
        A CSV file; it is replaced.

    Raises
    ------
    RunError
        If there is no method, or one has missing outputs: a gap would let a regression pass unseen.
    """
    methods = [entry.name for entry in results.configuration.methods]
    if not methods:
        raise RunError(
            "the run has no method beside the controls: there is nothing to compare later runs with"
        )
    for label in methods:
        check_finished(results, label)
    rows = results.transfers.label.isin(methods)
    table = pd.concat([results.transfers.loc[rows, list(KEYS)], results.scores[rows]], axis=1)
    versions = {name: get(name).specification.version for name in results.scores.columns}
    head = json.dumps({"suite": results.suite.version, "metrics": versions})
    write_text(path, f"# {head}\n" + table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def read_baseline(path: Path) -> Baseline:
    """Read what :func:`write_baseline` wrote.

    Raises
    ------
    RunError
        If the file is missing or no baseline.
    """
    try:
        head, _, text = path.read_text(encoding="utf-8").partition("\n")
        about = json.loads(head.removeprefix("# "))
        suite, versions = str(about["suite"]), {str(name): int(v) for name, v in about["metrics"].items()}
        table = pd.read_csv(io.StringIO(text), dtype={"label": str, "pair_id": str, "piece": str})
    except OSError as error:
        raise RunError(
            f"{path}: cannot be read as a baseline ({error.strerror}): write one on purpose"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunError(
            f"{path}: no baseline, or one of another version: write it again with `timbrebench baseline`"
        ) from error
    missing = [name for name in (*KEYS, *versions) if name not in table]
    if missing or table.empty:
        raise RunError(f"{path}: no baseline, {', '.join(missing) or 'every row'} is missing: write it again")
    return Baseline(suite, versions, table)
