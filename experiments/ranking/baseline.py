"""Baselines: the values of a run on each pair, kept to compare later runs with.

A baseline is a CSV file. Its first line is a comment that holds, as JSON, the version of the suite and of
each metric, the setting, the style judge's fingerprint and the content judge's name: figures of other pairs,
of another definition or setting cannot be compared, and another judge says other things of the same output.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from timbrebench.classifier import OWN_CONTENT_JUDGE
from timbrebench.core.documents import parse_object
from timbrebench.core.errors import RunError
from timbrebench.core.files import read_text, write_text
from timbrebench.core.tables import CSV_BYTES, SIX_DIGITS, csv_text, parse_csv
from timbrebench.experiments.ranking.comparing import check_finished
from timbrebench.experiments.ranking.results import Results
from timbrebench.metrics.registry import current_names, get

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
        One row for each method, pair and seed: :data:`KEYS` and the metrics, NaN where there is no value.
    setting : str
        The suite's setting; empty in a baseline that does not say.
    judge, second_judge : str
        Fingerprints of the style judges; empty in a baseline that does not say, or of a run with one.
    content_judge : str
        Name of the content judge.
    """

    suite: str
    versions: dict[str, int]
    table: pd.DataFrame
    setting: str = ""
    judge: str = ""
    content_judge: str = OWN_CONTENT_JUDGE
    second_judge: str = ""


def write_baseline(results: Results, path: Path, *, judge: str) -> None:
    """Write the values of a run as the baseline of later ones, in a CSV file that it replaces.

    `judge` is the fingerprint of the run's style judge. Raises RunError if the run has no method beside the
    controls, or one has missing outputs or scores, or no value to compare: a gap would let a regression pass
    unseen.
    """
    methods = [entry.name for entry in results.configuration.methods]
    if not methods:
        raise RunError(
            "the run has no method beside the controls: there is nothing to compare later runs with"
        )
    for label in methods:
        check_finished(results, label)
        _check_values(results, label)
    rows = results.transfers.label.isin(methods)
    table = pd.concat([results.transfers.loc[rows, list(KEYS)], results.scores[rows]], axis=1)
    versions = {name: get(name).specification.version for name in results.scores.columns}
    about = {
        "suite": results.suite.version,
        "metrics": versions,
        "setting": results.configuration.suite.setting,
        "judge": judge,
        "content_judge": results.configuration.content_judge.name,
        "second_judge": results.second_judge,
    }
    write_text(path, f"# {json.dumps(about)}\n{csv_text(table, SIX_DIGITS)}")


def directional_metrics(names: Iterable[str]) -> list[str]:
    """Return the directional metrics among some, in their order: those of which more or less is better."""
    return [name for name in names if get(name).specification.direction != "none"]


def _check_values(results: Results, label: str) -> None:
    compared = directional_metrics(map(str, results.scores))
    values = results.scores[results.transfers.label == label][compared]
    if not values.notna().to_numpy().any():
        raise RunError(
            f"{label} has no value in any directional metric: there is nothing to compare later runs with"
        )


def read_baseline(path: Path) -> Baseline:
    """Read what :func:`write_baseline` wrote.

    Raises RunError if the file is missing, is not a baseline, or holds a value that is not a finite number.
    """
    head, _, text = read_text(path, CSV_BYTES, RunError).partition("\n")
    try:
        about = parse_object(head.removeprefix("# "), str(path), RunError)
        suite, written = str(about["suite"]), {str(name): int(v) for name, v in about["metrics"].items()}
        setting, judge, second = (str(about.get(name, "")) for name in ("setting", "judge", "second_judge"))
        # Older baselines do not say it, since there was one only.
        content_judge = str(about.get("content_judge", OWN_CONTENT_JUDGE))
        names = current_names(written)
        versions = {names[name]: version for name, version in written.items()}
        table = _read_table(text, str(path), list(written)).rename(columns=names)
    except (RunError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise RunError(
            f"{path}: not a baseline, or one of another version ({error}): write it again with "
            "`timbrebench baseline`"
        ) from error
    missing = [name for name in (*KEYS, *versions) if name not in table]
    if missing or table.empty:
        raise RunError(
            f"{path}: not a baseline, {', '.join(missing) or 'every row'} is missing: write it again"
        )
    if np.isinf(table[list(versions)].to_numpy()).any():
        raise RunError(f"{path}: a value is infinite, which no metric gives: write it again")
    return Baseline(suite, versions, table, setting, judge, content_judge, second)


def _read_table(text: str, where: str, metrics: list[str]) -> pd.DataFrame:
    """Read the rows. Methods and pieces may be called "NA" or "null": only an empty cell is missing."""
    texts = [name for name in KEYS if name != "seed"]
    types = {**dict.fromkeys(texts, "str"), "seed": "int64", **dict.fromkeys(metrics, "float64")}
    table = parse_csv(text.encode(), where, RunError, types)
    present = [name for name in texts if name in table]
    return table.assign(**{name: table[name].fillna("") for name in present})
