"""What a listening test found, as files: tables for programs, a page of Markdown, and a figure.

Names of files and listeners, and reasons, come from strangers: they are escaped in Markdown, and CSV keeps
spreadsheets from reading them as formulas.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from timbrebench.core.figures import save_figure
from timbrebench.core.files import write_text
from timbrebench.core.tables import SIX_DIGITS, write_csv
from timbrebench.experiments.listening.listening_kinds import QUESTIONS
from timbrebench.experiments.listening.listening_questions import QUESTION_TEXTS, WORDS
from timbrebench.experiments.listening.listening_reading import ReadTest
from timbrebench.experiments.listening.screening import MAX_SHARE
from timbrebench.experiments.report.drawing import PAPER, style_axes
from timbrebench.experiments.report.escaping import plain_table
from timbrebench.experiments.report.leaderboard_tables import DASH, as_records

#: Files of the results.
TEXT, FIGURE = "results.md", "ratings"

#: Metrics that the page lists for each question; the CSV has all of them.
_SHOWN_METRICS = 10


def write_results(test: ReadTest, metrics: pd.DataFrame, folder: Path) -> Path:
    """Write what a test found, and return the path of its page.

    Parameters
    ----------
    test : ReadTest
        The test.
    metrics : pandas.DataFrame
        Correlations of metrics with ratings; empty where there is no run.
    folder : pathlib.Path
        Gets ``results.md``, ``ratings.svg`` and ``.png``, and ``means.csv``, ``comparisons.csv``,
        ``agreement.csv``, ``listeners-needed.csv``, ``metrics.csv``, ``listeners.csv``, ``left-out.csv``.

    Returns
    -------
    pathlib.Path
        Of ``results.md``.

    Raises
    ------
    StorageError
        If a file cannot be written.
    """
    findings = test.findings
    left_out = pd.DataFrame([(item.name, item.reason) for item in test.left_out], columns=["file", "reason"])
    tables = {
        "means": findings.means,
        "comparisons": findings.comparisons,
        "agreement": findings.agreement,
        "listeners-needed": findings.needed,
        "metrics": metrics,
        "listeners": test.listeners,
        "left-out": left_out,
    }
    for name, table in tables.items():
        write_csv(folder / f"{name}.csv", table, SIX_DIGITS)
    figure = ratings_figure(test)
    for suffix in (".svg", ".png"):
        save_figure(figure, (folder / FIGURE).with_suffix(suffix))
    path = folder / TEXT
    write_text(path, "\n\n".join(_sections(test, metrics, left_out)) + "\n")
    return path


def _sections(test: ReadTest, metrics: pd.DataFrame, left_out: pd.DataFrame) -> list[str]:
    kind, findings = test.key.test_kind, test.findings
    counted = test.ratings.listener.nunique()
    pieces, pairs = test.ratings.piece.nunique(), test.ratings.pair_id.nunique()
    parts = [
        f"# Listening test {test.key.test}",
        f"{kind.name}, {kind.low} to {kind.high}: {counted} listeners on {pairs} pairs of {pieces} pieces. "
        "Intervals, 95 %, and p-values are over listeners and pieces; p is corrected over all comparisons "
        "(Holm).",
        f"![Mean ratings with their intervals]({FIGURE}.svg)",
        "## Ratings",
        plain_table(_means(findings.means), 1),
    ]
    if len(findings.comparisons):
        parts += ["## Comparisons", plain_table(_comparisons(findings.comparisons), 3)]
    parts += [
        "## Agreement, and listeners needed",
        "Krippendorff's alpha is of what was rated of methods: 1 for equal answers, 0 for chance. The last "
        "column says how many listeners find such a difference of two methods, on these pieces, in one "
        "comparison, with a probability of 0.8; where the pieces differ too much, no number does, and more "
        "pieces are needed.",
        plain_table(_agreement(test), 1),
    ]
    if len(metrics):
        parts += [
            "## Metrics",
            "Rank correlation with the ratings, over outputs of methods; positive where the metric goes "
            "along with listeners.",
            plain_table(_metrics(metrics), 2),
        ]
    parts += ["## Listeners", plain_table(_listeners(test.listeners), 1)]
    parts.append(
        f"Excluded are listeners with more than {100 * MAX_SHARE:.0f} % of the items in which what is right "
        f"has less than {kind.right_at_least}, or of straight lines."
    )
    if len(left_out):
        parts += ["## Files that do not count", plain_table(left_out, 2)]
    return parts


def _number(value: float, decimals: int = 1) -> str:
    return DASH if math.isnan(value) else f"{value:.{decimals}f}"


def _interval(row: pd.Series, decimals: int = 1) -> str:
    return f"[{_number(row.low, decimals)}, {_number(row.high, decimals)}]"


def _means(means: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each condition, a column for each question."""
    texts = means.assign(text=[f"{_number(row['mean'])} {_interval(row)}" for _, row in means.iterrows()])
    wide = texts.pivot_table(
        index="condition", columns="question", values="text", aggfunc="first", sort=False
    )
    present = [question for question in QUESTIONS if question in wide]
    return wide[present].reset_index()


def _comparisons(comparisons: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "question": comparisons.question,
            "first": comparisons["first"],
            "second": comparisons.second,
            "difference": [
                f"{_number(row.difference)} {_interval(row)}" for _, row in comparisons.iterrows()
            ],
            "p": comparisons.p_holm.map(lambda p: "< 0.001" if p < 0.001 else _number(p, 3)),
        }
    )


def _agreement(test: ReadTest) -> pd.DataFrame:
    merged = test.findings.agreement.merge(test.findings.needed, how="left", on="question")
    return pd.DataFrame(
        {
            "question": merged.question,
            "alpha": merged.alpha.map(lambda value: _number(value, 2)),
            "sd over listeners": merged.sd_listeners.map(_number),
            "sd over pieces": merged.sd_pieces.map(_number),
            "sd of the rest": merged.sd_rest.map(_number),
            "difference": merged.difference.map(_number),
            "listeners needed": [_needed(row) for row in as_records(merged)],
        }
    )


def _needed(row: dict[str, Any]) -> str:
    if math.isinf(row["listeners_needed"]):
        return f"none with {row['pieces']:.0f} pieces"
    return _number(row["listeners_needed"], 0)


def _metrics(metrics: pd.DataFrame) -> pd.DataFrame:
    shown = metrics.groupby("question", sort=False).head(_SHOWN_METRICS)
    return pd.DataFrame(
        {
            "question": shown.question,
            "metric": shown.metric,
            "correlation": [f"{_number(row.spearman, 2)} {_interval(row, 2)}" for _, row in shown.iterrows()],
            "outputs": shown.outputs.astype(str),
        }
    )


def _listeners(listeners: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "listener": listeners.listener,
            "items missed, %": listeners.missed.map(lambda share: _number(100 * share, 0)),
            "straight lines, %": listeners.flat.map(lambda share: _number(100 * share, 0)),
            "minutes": listeners.minutes.map(_number),
            "excluded": listeners.reason,
        }
    )


def ratings_figure(test: ReadTest) -> Figure:
    """Draw the mean ratings of each question with their intervals, methods above the anchors."""
    means, kind = test.findings.means, test.key.test_kind
    order = [
        name for name in (*test.key.methods, *test.key.conditions.anchors) if name in set(means.condition)
    ]
    figure = Figure(figsize=(9.5, 1.3 + 0.32 * len(order)), layout="constrained")
    panels = figure.subplots(1, len(QUESTIONS), sharey=True)
    for axes, question in zip(panels, QUESTIONS, strict=True):
        rows = means[means.question == question].set_index("condition").reindex(order)
        places = range(len(order))
        colours = [PAPER.accent if name in test.key.methods else PAPER.ink for name in order]
        axes.hlines(places, rows.low, rows.high, colors=colours, linewidth=1.5, alpha=0.6)
        axes.scatter(rows["mean"], places, color=colours, s=26, zorder=3)
        margin = 0.03 * kind.span
        axes.set(title=QUESTION_TEXTS[question].title, xlim=(kind.low - margin, kind.high + margin))
        axes.set_yticks(list(places), order)
        style_axes(axes, PAPER)
    panels[0].invert_yaxis()
    figure.supxlabel(_axis(test), fontsize="medium", color=PAPER.ink)
    return figure


def _axis(test: ReadTest) -> str:
    kind = test.key.test_kind
    if kind.is_of_methods:
        return "comparisons won, %"
    return f"rating, {kind.low} {WORDS[0].lower()} to {kind.high} {WORDS[-1].lower()}"
