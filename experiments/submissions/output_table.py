"""The outputs of a reduced submission: a row for each, from which its records follow.

A record has a key, which is the SHA-256 of what the result depends on and takes more room than the result.
All that it depends on is known here: the suite and the judges are the project's, the rest is in the row. The
cell of a metric is its value, with five significant digits, or the reason why there is none.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pydantic import ValidationError

from timbrebench.core.errors import RunError, describe_validation, shown
from timbrebench.core.tables import csv_text, parse_csv
from timbrebench.experiments.ranking.results import Results
from timbrebench.experiments.run.record_types import ScoreRecord, Transfer
from timbrebench.experiments.run.records import Records
from timbrebench.experiments.run.run_judges import JudgeFingerprints
from timbrebench.experiments.run.scores import score_key
from timbrebench.experiments.run.tasks import Task

#: What a row says beside its scores: whose output it is of what, and the facts of its record.
_OF = ("method", "pair", "seed")
_FACTS = ("status", "seconds", "peak_memory_mib", "output_sha256")

_SHA256 = re.compile(r"[0-9a-f]{64}")


def output_table(results: Results, tasks: Sequence[Task], records: Records) -> str:
    """Return the table of a run as CSV, with a row for each task, in their order.

    Parameters
    ----------
    results : Results
        The tables of the run's records.
    tasks : sequence of Task
        What these are of, all of them recorded.
    records : Records
        Of the run.
    """
    transfers = [records.transfers[task.key] for task in tasks]
    table = pd.DataFrame(
        {
            "method": [task.entry.name for task in tasks],
            "pair": [task.pair.pair_id for task in tasks],
            "seed": [task.seed for task in tasks],
            "status": [transfer.status for transfer in transfers],
            "seconds": [_digits(transfer.seconds, 3) for transfer in transfers],
            "peak_memory_mib": [_digits(transfer.peak_memory_mib, 4) for transfer in transfers],
            "output_sha256": [transfer.output_sha256 for transfer in transfers],
        }
    )
    for name in results.scores:
        cells = zip(results.scores[name], results.reasons[name], transfers, strict=True)
        table[str(name)] = [
            _digits(value, 5) or reason if transfer.status == "ok" else ""
            for value, reason, transfer in cells
        ]
    return csv_text(table)


def _digits(value: float | None, digits: int) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.{digits}g}"


def read_output_table(
    text: str, where: str, tasks: Sequence[Task], metrics: Mapping[str, str], judges: JudgeFingerprints
) -> tuple[dict[str, Transfer], dict[str, ScoreRecord]]:
    """Read the records that a table stands for.

    Parameters
    ----------
    text : str
        The table as CSV.
    where : str
        Where it is from, for messages.
    tasks : sequence of Task
        What it is to have rows for, in this order.
    metrics : mapping of str to str
        Name of each metric today, by its name in the table.
    judges : JudgeFingerprints
        What has scored the outputs.

    Returns
    -------
    transfers : dict of str to Transfer
        By key.
    scores : dict of str to ScoreRecord
        By key.

    Raises
    ------
    RunError
        If it is not such a table, has other columns or rows, or a cell cannot be what it stands for; the
        message has the line.
    """
    table = parse_csv(text.encode(), where, RunError, defaultdict(lambda: "str")).fillna("")
    wanted = [*_OF, *_FACTS, *metrics]
    if sorted(table.columns) != sorted(wanted):
        raise RunError(f"{where}: has the columns {shown(list(table.columns))}, expected {wanted}")
    if len(table) != len(tasks):
        raise RunError(f"{where}: has {len(table)} rows, and its methods and pairs have {len(tasks)} outputs")
    transfers, scores = {}, {}
    for line, (task, row) in enumerate(zip(tasks, table.to_dict("records"), strict=True), start=2):
        place = f"{where}: line {line}"
        _check_row(row, task, place)
        transfer = _transfer(row, task, place)
        transfers[task.key] = transfer
        for column, metric in metrics.items():
            if row[column]:
                key = score_key(transfer, task.pair, metric, judges)
                value = _number(row[column], place, column)
                reason = "" if value is not None else row[column]
                scores[key] = ScoreRecord(key=key, metric=metric, value=value, reason=reason)
    return transfers, scores


def _check_row(row: Mapping[Any, str], task: Task, place: str) -> None:
    expected = (task.entry.name, task.pair.pair_id, str(task.seed))
    given = tuple(row[name] for name in _OF)
    if given != expected:
        raise RunError(f"{place}: is of {shown(' '.join(given))}, expected {' '.join(expected)}")
    if row["status"] == "ok" and not _SHA256.fullmatch(row["output_sha256"]):
        raise RunError(f"{place}: output_sha256 is {shown(row['output_sha256'])}, expected 64 digits")


def _transfer(row: Mapping[Any, str], task: Task, place: str) -> Transfer:
    is_there = row["status"] == "ok"
    fields = {
        "key": task.key,
        "label": task.entry.name,
        "pair_id": task.pair.pair_id,
        "seed": task.seed,
        "status": row["status"],
        "seconds": row["seconds"] or None,
        "peak_memory_mib": row["peak_memory_mib"] or None,
        "output": task.output.as_posix() if is_there else "",
        "output_sha256": row["output_sha256"] if is_there else "",
    }
    try:
        return Transfer.model_validate(fields)
    except ValidationError as error:
        raise describe_validation(error, place, Transfer.model_fields) from error


def _number(cell: str, place: str, column: str) -> float | None:
    """Return the number that a cell holds, or None where it holds a reason."""
    try:
        value = float(cell)
    except ValueError:
        return None
    if not math.isfinite(value):
        raise RunError(f"{place}: {column} is {shown(cell)}, which is no score: leave out what has no value")
    return value
