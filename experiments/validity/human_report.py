"""How metrics agree with listeners, as a page of the documentation, tables and a figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from timbrebench.core.figures import save_figure
from timbrebench.core.files import write_json, write_text
from timbrebench.core.tables import SIX_DIGITS, markdown_table, write_csv
from timbrebench.experiments.report.drawing import PAPER, style_axes
from timbrebench.experiments.validity.human_validation import (
    PERCEPTUAL,
    HumanValidation,
    LearnedWeights,
)
from timbrebench.experiments.validity.known_agreement import AGREEMENT
from timbrebench.experiments.validity.listener_agreement import MEASURES
from timbrebench.experiments.validity.transfer_listening_test import TransferTest
from timbrebench.metrics.perceptual_timbre import WEIGHTS, learning_record
from timbrebench.metrics.registry import metric_names

PAGE, FIGURE, ANCHORS, SYSTEMS = "human.md", "human", "human.csv", "human_systems.csv"

#: Figures of arXiv 2507.07764 over all 21 studies, whatever is at hand here.
PUBLISHED = (
    ("MFCC, published, 21 studies", 0.448, 0.724),
    ("CLAP, published, 21 studies", 0.438, 0.718),
)

#: Metrics whose distance is that of a row under another name.
_SHOWN_AS = {
    "perceptual_timbre_reference_distance": PERCEPTUAL,
    "embedding_style_distance": "embedding of instruments-6-1",
    "embedding_reference_distance": "embedding of instruments-6-1",
}

_DPI = 110

#: What there is to say of the weights, and of the order of two systems.
_LEARNING = (
    "Means over all anchors, each study by weights that were learned without it and without all that share a "
    "sound with it; the ridge, and in the row *as chosen* the groups of features as well, were chosen "
    "without these, too. The row *as chosen* is the figure to quote. What no row can show: the groups "
    "themselves were designed with these studies in view, so that studies that nobody has looked at may "
    "agree somewhat less; with equal weights, where nothing is learned, there is the least room for that."
)
_ONE_ORDER = (
    "Two systems make one order, which many metrics share: no version of `sound_quality` can be shown by it "
    "to agree better with listeners than the halves of the headline do, so it stands beside the headline and "
    "not in it."
)


def write_human_validation(
    validation: HumanValidation, test: TransferTest | None, learned: LearnedWeights | None, out: Path
) -> None:
    """Write what was found into a folder, or raise a `StorageError`.

    The files are ``human.md`` with ``human.png`` and ``.svg``, ``human.csv`` (each anchor),
    ``human_systems.csv`` (each metric's order of systems, where a listening test was given),
    ``listener_agreement.json`` (what lists of metrics show) and, where weights were learned,
    ``perceptual_weights.json``.
    """
    summary = validation.summary()
    write_csv(out / ANCHORS, validation.agreement, SIX_DIGITS)
    write_json(out / AGREEMENT, _agreement(summary, test))
    if test is not None:
        write_csv(out / SYSTEMS, test.metrics, SIX_DIGITS)
    if learned is not None:
        write_json(out / WEIGHTS, learned.record())
    write_text(out / PAGE, page(validation, test, learned))
    figure = agreement_figure(validation, summary)
    for suffix in (".svg", ".png"):
        save_figure(figure, (out / FIGURE).with_suffix(suffix), dpi=_DPI)


def _agreement(summary: pd.DataFrame, test: TransferTest | None) -> dict[str, dict[str, object]]:
    """Return what is known of each metric: rank correlation with its interval, and the order of systems."""
    by_metric: dict[str, dict[str, object]] = {}
    correlations = summary.set_index("distance")
    for name in metric_names():
        row = _SHOWN_AS.get(name, name)
        if row in correlations.index:
            values = (correlations[column][row] for column in ("spearman", "spearman_low", "spearman_high"))
            by_metric.setdefault(name, {})["timbre"] = [round(float(value), 3) for value in values]
    if test is not None:
        for metric, agrees in zip(test.metrics.metric, test.metrics.agrees, strict=True):
            by_metric.setdefault(str(metric), {})["systems"] = str(agrees)
    return by_metric


def page(validation: HumanValidation, test: TransferTest | None, learned: LearnedWeights | None) -> str:
    """Return the page as Markdown."""
    parts = [
        "# Do the metrics agree with listeners?",
        "",
        "Made by `make validate-human`. Recordings and ratings are those of others, with no licence stated "
        "or with another one, and do not come with the package: `timbrebench validate-human FOLDER` reads "
        "them from a folder in the layout of the "
        "[public collection](https://github.com/tiianhk/timbremetrics).",
        "",
        "## Dissimilarity of timbre",
        "",
        *_timbre_part(validation),
        *_learning_part(learning_record() if learned is None else learned.record()),
        *(_systems_part(test) if test is not None else []),
    ]
    return "\n".join(parts) + "\n"


def _timbre_part(validation: HumanValidation) -> list[str]:
    studies = validation.studies
    sounds = sum(len(study.sounds) for study in studies)
    other = [study.name for study in studies if study.differs]
    pinned = (
        "Every file is the pinned one" if not other else f"**Not the pinned version**: {', '.join(other)}"
    )
    rows = [
        (
            _name(str(row.distance)),
            *(_with_interval(row, measure) for measure in MEASURES),
        )
        for row in validation.summary().itertuples()
    ]
    rows += [(name, f"{spearman:.3f}", "", f"{triplets:.3f}", "") for name, spearman, triplets in PUBLISHED]
    per_study = validation.by_study("spearman")
    table = per_study.map(lambda value: f"{value:.2f}").reset_index()
    table.columns = pd.Index(["study", *map(_name, per_study.columns)])
    return [
        f"{len(studies)} studies, {sounds} sounds. {pinned}. "
        + (f"Not at hand: {', '.join(validation.absent)}. " if validation.absent else "")
        + "Each sound is once the anchor; the others are ordered by their distance to it and by the "
        "listeners' dissimilarity. Rank correlations, the share of triplets in the listeners' order where "
        "their dissimilarities differ by more than 0.1, and NDCG, as the collection defines them: means over "
        "all anchors. In brackets, the 95 % interval of a bootstrap over studies.",
        "",
        "`perceptual_timbre_distance` has learned its weights from studies. Its figure for a study that it "
        "has learned from is that of weights learned, and of settings chosen, without that study and without "
        "all that share a sound with it.",
        "",
        markdown_table(
            pd.DataFrame(rows, columns=["distance", "Spearman", "Kendall", "triplets", "NDCG"]), names=1
        ),
        "",
        "What compares clips frame by frame gets them filled up with zeros to the longest of the study; "
        "`mfcc_style_distance` compares means over all frames. Published figures are over 21 studies, so "
        "that only rows of this table are comparable with each other.",
        "",
        f"![Agreement of each distance with listeners, over all and in each study]({FIGURE}.png)",
        "",
        "Spearman's rank correlation in each study:",
        "",
        markdown_table(table, names=1),
        "",
        *_odd_studies(validation),
    ]


def _odd_studies(validation: HumanValidation) -> list[str]:
    """Say how alike two studies with the same instruments are to each other, which bounds what can be had."""
    by_name = {study.name: study for study in validation.studies}
    lines = []
    for first, second in (
        ("Iverson1993_Whole", "Iverson1993_Remainder"),
        ("Siedenburg2016_e2set1", "Saitis2020_e2set1_general"),
        ("Siedenburg2016_e2set3", "Siedenburg2016_e3"),
    ):
        if first in by_name and second in by_name:
            own, other = (by_name[name].dissimilarity for name in (first, second))
            upper = np.triu_indices(len(own), 1)
            lines.append(f"{first} and {second} {np.corrcoef(own[upper], other[upper])[0, 1]:.2f}")
    if not lines:
        return []
    return [
        "Pearson's correlation between the listeners of two studies with the same sounds, or the same "
        f"instruments: {'; '.join(lines)}. Where it is low, no distance can agree with both.",
        "",
    ]


def _learning_part(record: Mapping[str, Any]) -> list[str]:
    rows = [
        (way, *(f"{means[measure]:.3f}" for measure in MEASURES))
        for way, means in record["left_out_agreement"].items()
    ]
    shares = ", ".join(f"{group} {share:.2f}" for group, share in record["shares"].items())
    chosen = Counter(f"{entry['way']}, ridge {entry['ridge']:g}" for entry in record["left_out"].values())
    return [
        "## The weights of `perceptual_timbre_distance`",
        "",
        _LEARNING,
        "",
        markdown_table(
            pd.DataFrame(rows, columns=["weights", "Spearman", "Kendall", "triplets", "NDCG"]), names=1
        ),
        "",
        f"Published: {record['way']}, ridge {record['ridge']:g}; shares of a mean squared distance: "
        f"{shares}. "
        "Chosen without a study: "
        f"{'; '.join(f'{way} ({times} of {chosen.total()})' for way, times in chosen.items())}.",
        "",
    ]


def _systems_part(test: TransferTest) -> list[str]:
    (first, liked), (second, other) = test.ratings.items()
    low, high = test.difference_interval
    words = {"yes": "yes", "contradicts": "**no**", "undecided": "undecided"}
    rows = [
        (
            f"`{row.metric}`",
            row.n,
            f"{row.first:.3g}",
            f"{row.second:.3g}",
            f"{row.better:+.3g} ({row.low:+.3g} to {row.high:+.3g})",
            words[str(row.agrees)],
        )
        for row in test.metrics.itertuples()
    ]
    counts = test.metrics.agrees.value_counts()
    contradicting = test.metrics.metric[test.metrics.agrees == "contradicts"]
    return [
        "## Order of two systems for timbre transfer",
        "",
        f"{test.listeners} listeners rated {test.trials} transfers of single instruments by each of two "
        f"systems from 1 to 5: {first} {liked:.2f}, {second} {other:.2f}; difference {low:.2f} to {high:.2f} "
        f"(95 %, bootstrap over listeners). The metrics scored {test.outputs} outputs of each, of "
        f"{test.pieces} pieces. Which file a trial played is not stated, so that single tracks cannot be set "
        "beside their ratings: two systems make one order, which a metric shares or does not. A metric "
        "*agrees* if the 95 % interval of its mean difference over pieces lies on the listeners' side of 0, "
        "and contradicts them if it lies on the other."
        + (" **Not the pinned files**: " + ", ".join(test.differs[:5]) if test.differs else ""),
        "",
        _ONE_ORDER,
        "",
        f"Of {len(test.metrics)} metrics {counts.get('yes', 0)} agree, {counts.get('undecided', 0)} are "
        f"undecided, and {counts.get('contradicts', 0)} contradict"
        + (f": {', '.join(f'`{name}`' for name in contradicting)}." if len(contradicting) else "."),
        "",
        markdown_table(
            pd.DataFrame(
                rows,
                columns=["metric", "outputs", first, second, f"{first} better by", "agrees with listeners"],
            ).astype(str),
            names=1,
        ),
        "",
    ]


def _name(distance: str) -> str:
    return f"`{distance}`" if distance in metric_names() else distance


def _with_interval(row: object, measure: str) -> str:
    value, low, high = (getattr(row, f"{measure}{end}") for end in ("", "_low", "_high"))
    return f"{value:.3f} ({low:.2f} to {high:.2f})"


def agreement_figure(validation: HumanValidation, summary: pd.DataFrame) -> Figure:
    """Draw the agreement of each distance, over all with its interval, and in each study."""
    figure = Figure(figsize=(9.5, 0.42 * len(summary) + 1.3), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(summary))[::-1]
    for axes, (measure, label) in zip(
        panels,
        (("spearman", "Spearman's rank correlation"), ("triplets", "share of triplets")),
        strict=True,
    ):
        style_axes(axes, PAPER)
        by_study = validation.by_study(measure)
        for place, row in zip(places, summary.itertuples(), strict=True):
            values = by_study[str(row.distance)]
            axes.plot(values, np.full(len(values), place), "|", color=PAPER.ink, alpha=0.35, markersize=7)
            low, high = getattr(row, f"{measure}_low"), getattr(row, f"{measure}_high")
            is_ours = row.distance == PERCEPTUAL
            colour = PAPER.accent if is_ours else PAPER.ink
            axes.plot([low, high], [place, place], color=colour, linewidth=2)
            axes.plot(getattr(row, measure), place, "o", color=colour, markersize=6)
        axes.set_xlabel(label)
    panels[0].set_yticks(places, list(summary.distance))
    return figure
