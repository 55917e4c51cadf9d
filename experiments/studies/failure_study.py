"""A transfer that failed whatever its authors tried, and what makes the same data work.

The multi-instrument report (2023) optimises a spectrogram by the features of a network that classifies
instruments (``classifier-features``), and finds nothing transferred: not after 300 iterations nor after
3,000, not from noise, the content or the style, not with total variation, other weights or another optimiser.
In the small setting each of these is changed alone, with a third of the iterations; in the paper's setting
all are combined.

An output counts as a transfer where the judge predicts the style's instrument and at least half of the
content's notes are kept: its note F1 is half of the reference's or more. The same pairs are given to methods
that came later: the closed form of a random convolution (``wide-limit``), and one that reads the notes and
plays them again (``reinstrument``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from timbrebench.core.progress import Tracker
from timbrebench.experiments.studies.study import Study, StudyContext, StudyFinding, StudyResult, chosen_pairs
from timbrebench.experiments.studies.study_scores import mean_scores, prepared, score_method, score_pair
from timbrebench.experiments.studies.study_wording import counted
from timbrebench.experiments.studies.style_content_curve_study import BALANCED
from timbrebench.experiments.studies.verdicts import decided
from timbrebench.experiments.suites.suite import Pair
from timbrebench.transfer import Method, create

#: The report's method.
FAILED = "classifier-features"

_METRICS = ("style_accuracy", "style_confidence", "note_f1")

#: Share of the reference's note F1 from which the notes count as kept.
_KEPT = 0.5

#: Total variation of a picture in decibels, and contents' and styles' weights (alpha and beta).
_VARIATION = 1e-3
_GRID = ((1e-3, 1e2), (1e-3, 1e5), (1.0, 1.0))


@dataclass(frozen=True)
class FailureCondition:
    """A method with its parameters; the name says what is changed."""

    name: str
    method: str
    parameters: Mapping[str, object]


def one_at_a_time(
    base: Mapping[str, object], iterations: tuple[int, int], lbfgs_iterations: int
) -> Iterator[FailureCondition]:
    """Yield the published setting, and those that differ from it in one thing.

    `base` are the parameters that all have, `iterations` few and many; L-BFGS has its own number, as it
    evaluates the losses more than once in each.
    """
    few = {**base, "iterations": iterations[0]}
    yield FailureCondition(f"published, {iterations[0]} iterations", FAILED, few)
    yield FailureCondition(f"{iterations[1]} iterations", FAILED, {**base, "iterations": iterations[1]})
    yield FailureCondition("from the content", FAILED, {**few, "start": "content"})
    yield FailureCondition("from the style", FAILED, {**few, "start": "style"})
    yield FailureCondition("total variation", FAILED, {**few, "total_variation_weight": _VARIATION})
    for alpha, beta in _GRID:
        weights = {"content_weight": alpha, "style_weight": beta}
        yield FailureCondition(f"alpha {alpha:g}, beta {beta:g}", FAILED, {**few, **weights})
    strong = {"content_weight": _GRID[1][0], "style_weight": _GRID[1][1], "start": "content"}
    yield FailureCondition(f"from the content, beta {_GRID[1][1]:g}", FAILED, {**few, **strong})
    lbfgs = {**base, "iterations": lbfgs_iterations, "optimiser": "lbfgs"}
    yield FailureCondition("L-BFGS", FAILED, lbfgs)


def all_combined() -> Iterator[FailureCondition]:
    """Yield every combination of what the report changed, the published setting first."""
    weights = ((1e-3, 1.0), *_GRID)
    for count, start, variation, (alpha, beta), optimiser in product(
        (300, 3000), ("noise", "content", "style"), (0.0, _VARIATION), weights, ("adam", "lbfgs")
    ):
        yield FailureCondition(
            f"{count} iterations from {start}, variation {variation:g}, alpha {alpha:g}, beta {beta:g}, "
            f"{optimiser}",
            FAILED,
            {
                "iterations": count,
                "start": start,
                "total_variation_weight": variation,
                "content_weight": alpha,
                "style_weight": beta,
                "optimiser": optimiser,
            },
        )


SMALL = (
    *one_at_a_time({"n_fft": 1024, "hop_length": 512}, (100, 1000), 30),
    FailureCondition("wide-limit", "wide-limit", {**BALANCED, "max_iterations": 60}),
    FailureCondition("reinstrument", "reinstrument", {}),
)
PAPER = (
    *all_combined(),
    FailureCondition("wide-limit", "wide-limit", BALANCED),
    FailureCondition("reinstrument", "reinstrument", {}),
)


def run(context: StudyContext, conditions: tuple[FailureCondition, ...]) -> StudyResult:
    """Transfer all pairs in every condition, the first of which is the published one."""
    pairs = chosen_pairs(context)
    methods = [prepared(context, condition.method, condition.parameters) for condition in conditions]
    identity = create("identity", {})
    with Tracker("failure", (1 + len(methods)) * len(pairs), "outputs") as tracker:
        means = mean_scores(partial(_scores, context, identity), pairs, tracker)
        rows = [{"condition": "untouched content", "method": "identity", **means}]
        for condition, method in zip(conditions, methods, strict=True):
            means = mean_scores(partial(_scores, context, method), pairs, tracker)
            rows.append({"condition": condition.name, "method": condition.method, **means})
    table = pd.DataFrame(rows)
    return StudyResult(table, _figure(table), _text(table, len(pairs)), findings(table))


def _scores(context: StudyContext, method: Method, pair: Pair) -> dict[str, float]:
    scores = score_method(context, method, pair, metrics=_METRICS)
    reference = score_pair(context, pair, context.clips.samples(pair.target), ("note_f1",))
    has_notes = scores["note_f1"] >= _KEPT * reference["note_f1"]
    return {**scores, "transferred": float(scores["style_accuracy"] == 1 and has_notes)}


def _figure(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(9, 0.34 * min(len(table), 60) + 1.2), layout="constrained")
    shown = table.iloc[-60:][::-1]
    places = np.arange(len(shown))
    axes = figure.subplots()
    for offset, column, colour, label in (
        (0.2, "style_confidence", "#D55E00", "judge's confidence in the style's instrument"),
        (-0.2, "note_f1", "#0072B2", "note F1 against the content's notes"),
    ):
        axes.barh(places + offset, shown[column], 0.38, color=colour, label=label)
    axes.set_yticks(places, [f"{row.condition} ({row.transferred:.0%})" for row in shown.itertuples()])
    axes.set(xlim=(0, 1), xlabel="mean over the pairs; in brackets, the share of outputs that are transfers")
    axes.grid(axis="x", alpha=0.3)
    axes.margins(y=0.01)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def findings(table: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge the report's claim, and whether other methods do better, by a table as :func:`run` makes it."""
    failed = table[table.method == FAILED]
    others = table[~table.method.isin([FAILED, "identity"])]
    best = failed.iloc[int(failed.transferred.argmax())]
    worked = others.transferred.max() if len(others) else 0.0
    listed = ", ".join(f"`{row.condition}` {row.transferred:.0%}" for row in others.itertuples())
    return (
        StudyFinding(
            "Nothing is transferred, whatever is changed (multi-instrument report 2023)",
            decided(failed.transferred.max() == 0),
            f"{counted(len(failed), 'setting')}; "
            + (
                "no output is a transfer."
                if best.transferred == 0
                else f"the most transfers, {best.transferred:.0%} of the outputs, with: {best.condition}."
            ),
        ),
        StudyFinding(
            "The same data works with another method: more outputs are transfers than with any of these "
            "settings",
            decided(worked > failed.transferred.max()),
            f"Share of outputs that are transfers: {listed}.",
        ),
    )


def _text(table: pd.DataFrame, pairs: int) -> str:
    failed = table[table.method == FAILED]
    most_style = failed.iloc[int(failed.style_confidence.argmax())]
    most_notes = failed.iloc[int(failed.note_f1.argmax())]
    both = failed[(failed.style_confidence >= _KEPT) & (failed.note_f1 >= _KEPT)]
    own = table[table.method == "identity"].iloc[0]
    best_notes = (
        f"the notes are kept best with '{most_notes.condition}' (note F1 {most_notes.note_f1:.2f}, "
        f"confidence {most_notes.style_confidence:.2f})"
        if most_notes.note_f1 > 0
        else "no setting keeps any note"
    )
    together = (
        "No setting brings both to one half."
        if both.empty
        else f"{len(both)} of {len(failed)} settings bring both to one half."
    )
    return (
        f"{counted(pairs, 'pair')}. Of the settings of `{FAILED}`, the style is heard most with "
        f"'{most_style.condition}' (confidence {most_style.style_confidence:.2f}, note F1 "
        f"{most_style.note_f1:.2f}), and {best_notes}. {together} The untouched content has a note F1 of "
        f"{own.note_f1:.2f}."
    )


STUDY = Study(
    name="failure",
    question="Why did a trained network transfer nothing, and what makes the same data work?",
    source="multi-instrument report 2023",
    run=run,
    small=SMALL,
    paper=PAPER,
    pairs=2,
    paper_pairs=30,
)
