"""What stands behind the pages, for programs: CSV and JSON, whose names and columns stay."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd

from timbrebench.core.tables import SIX_DIGITS, csv_text
from timbrebench.experiments.site.site_contents import EntryRow, SuiteContents

#: Fields of a card that are columns of a leaderboard as well.
_CARD_COLUMNS = ("learned_from", "training_data", "code", "paper", "licence", "hardware", "date")


def leaderboard_csv(suite: SuiteContents) -> str:
    """Return a suite's leaderboard with all its figures and what the cards state."""
    table = suite.merged.table.copy()
    cards = {row.name: row.entry.card for row in suite.rows}
    for name in _CARD_COLUMNS:
        table[name] = [str(getattr(cards[label], name)) if label in cards else "" for label in table.method]
    return csv_text(table, SIX_DIGITS)


def leaderboard_json(suite: SuiteContents) -> str:
    """Return the same as JSON, with what the suite is."""
    return _json(suite_description(suite))


def suite_description(suite: SuiteContents) -> dict[str, Any]:
    """Describe a suite with its entries and controls."""
    about = suite.entries[0].submission.about
    return {
        "suite": suite.name,
        "suite_version": about.suite_version,
        "setting": about.setting,
        "question": suite.question,
        "rule": suite.rule,
        "summary": suite.recipe.summary,
        "pairs": len(suite.pairs),
        "pieces": suite.pieces,
        "judges": suite.judges,
        "headline_version": suite.merged.results.headline.version,
        "metrics": about.metrics,
        "notes": list(suite.merged.notes),
        "methods": [entry_description(suite, row) for row in suite.rows],
        "controls": [{"method": row["label"], "figures": _figures(suite, row)} for row in suite.controls],
    }


def entry_json(suite: SuiteContents, row: EntryRow) -> str:
    """Return an entry as JSON."""
    matrix = row.matrix
    shares = {} if matrix is None else {"matrix": _matrix(matrix.shares), "counts": _matrix(matrix.counts)}
    return _json({"suite": suite.name, **entry_description(suite, row), **shares})


def entry_description(suite: SuiteContents, row: EntryRow) -> dict[str, Any]:
    """Describe an entry: card, rank and figures."""
    return {
        "method": row.name,
        "rank": row.row["rank"],
        "is_tied": row.row["is_tied"],
        "why_unranked": row.row["why_unranked"],
        "submitter": row.submitter,
        "verified": row.verified,
        "card": row.entry.card.model_dump(mode="json"),
        "settings": row.row["settings"],
        "figures": _figures(suite, row.row),
    }


def entry_csv(suite: SuiteContents, row: EntryRow) -> str:
    """Return the scores of each output of an entry."""
    rows = suite.merged.results.of(row.name)
    return csv_text(
        rows.drop(columns=["label", "output", "reason"]).rename(columns={"pair_id": "pair"}), "%.5g"
    )


def results_json(suites: list[SuiteContents]) -> str:
    """Return all leaderboards as JSON."""
    return _json({"suites": [suite_description(suite) for suite in suites]})


def _figures(suite: SuiteContents, row: dict[str, Any]) -> dict[str, Any]:
    return {
        column.name: {key: _number(cell[key]) for key in ("value", "low", "high")}
        for column, cell in zip(suite.contents.columns, row["cells"], strict=True)
    }


def _matrix(table: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    return {
        str(content): {str(style): _number(table.loc[content, style]) for style in table.columns}
        for content in table.index
    }


def _number(value: float) -> float | None:
    """Return a figure with six significant digits; None, which JSON has, for NaN."""
    number = float(np.float64(value))
    return float(f"{number:.6g}") if math.isfinite(number) else None


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
