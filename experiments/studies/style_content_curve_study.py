"""What does the content weight buy: style against notes, for the random convolution and its closed form.

Ulyanov & Lebedev (2016) leave the weight to the ear. A project report of 2021, whose model is their random
convolution, says what it does: the higher the weight ("alpha"), the more content there is in the output, and
at 0 the output has lost it. Content is measured by note F1. Notes of the content that the style happens to
hold count as well, so that the style in the output's place shows what 0 is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from timbrebench.core.progress import Tracker
from timbrebench.experiments.studies.study import (
    STUDY_SETTINGS,
    Study,
    StudyContext,
    StudyFinding,
    StudyResult,
    chosen_pairs,
)
from timbrebench.experiments.studies.study_scores import score_method
from timbrebench.experiments.studies.study_wording import counted, listed, with_interval
from timbrebench.experiments.studies.verdicts import all_positive
from timbrebench.transfer import create

#: Settings of ``wide-limit`` at which style and notes balance, for other studies.
BALANCED: Mapping[str, object] = {"content_weight": 0.1}

_METRICS = ("style_accuracy", "note_f1")

#: Name of the style in the output's place, in the table of outputs.
_COPY = "style-copy"

#: Note F1 above that of the style itself up to which an output counts as without content.
_NO_CONTENT = 0.05


@dataclass(frozen=True)
class CurveSettings:
    """How much is done.

    `methods` are parameters by method, but for the content weight; `about` says, in a sentence, how these
    differ from the published ones. The content `weights` ascend from 0, no content loss; the published one is
    0.01.
    """

    methods: Mapping[str, Mapping[str, object]]
    about: str
    weights: tuple[float, ...] = (0.0, 1e-3, 1e-2, 1e-1, 1.0, 10.0)


#: A pair takes seconds.
SMALL = CurveSettings(
    methods={
        "ulyanov": {
            "n_fft": 1024,
            "hop_length": 256,
            "n_filters": 1024,
            "max_iterations": 30,
            "inversion": {"iterations": 30},
        },
        "wide-limit": {"max_iterations": 60, "inversion": {"iterations": 30}},
    },
    about="`ulyanov` has 1,024 filters, a window of 1,024 and 30 iterations, `wide-limit` 60 iterations and "
    "otherwise its own settings; both find the phase by 30 iterations of fast Griffin-Lim.",
)
PAPER = CurveSettings(
    {"ulyanov": {}, "wide-limit": {}}, "`ulyanov` at its published settings, `wide-limit` at its own."
)


def run(context: StudyContext, settings: CurveSettings) -> StudyResult:
    """Run both methods at every weight on the same pairs, and copy the styles."""
    pairs = chosen_pairs(context)
    rows = []
    steps = (len(settings.methods) * len(settings.weights) + 1) * len(pairs)
    with Tracker("style-content-curve", steps, "outputs") as tracker:
        for pair in pairs:
            for name, parameters in settings.methods.items():
                for weight in settings.weights:
                    method = create(name, {**parameters, "content_weight": weight})
                    scores = score_method(context, method, pair, metrics=_METRICS)
                    rows.append({"pair": pair.pair_id, "method": name, "content_weight": weight, **scores})
                    tracker.advance()
            scores = score_method(context, create("style-copy", {}), pair, metrics=_METRICS)
            rows.append({"pair": pair.pair_id, "method": _COPY, "content_weight": 0.0, **scores})
            tracker.advance()
    outputs = pd.DataFrame(rows)
    made = outputs[outputs.method != _COPY]
    table = made.groupby(["method", "content_weight"], sort=False, as_index=False)[list(_METRICS)].mean()
    return StudyResult(
        table,
        _figure(table),
        _text(table, len(pairs), settings),
        findings(outputs),
        further={"outputs": outputs},
    )


def findings(outputs: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge the report's claims by the scores of each output: a row for each pair, method and weight."""
    rises, remains, shown_rises, shown_remains = [], [], [], []
    copied = outputs[outputs.method == _COPY].set_index("pair").note_f1
    for name, own in outputs[outputs.method != _COPY].groupby("method"):
        notes = own.pivot_table(index="pair", columns="content_weight", values="note_f1", dropna=False)
        rises.append(notes.apply(_rank_correlation, axis=1))
        shown_rises.append(f"`{name}`: {with_interval(rises[-1])}")
        remains.append(notes[0.0] - copied)
        shown_remains.append(f"`{name}`: {with_interval(remains[-1])}")
    return (
        StudyFinding(
            "The higher the content weight, the more content there is in the output (project report 2021)",
            all_positive(rises),
            f"Rank correlation of weight and note F1 {listed(shown_rises)}.",
        ),
        StudyFinding(
            "At a content weight of 0 there is no content in the output (project report 2021): its note F1 "
            f"is less than {_NO_CONTENT} above that of the style itself",
            all_positive([_NO_CONTENT - above for above in remains]),
            f"Note F1 above the style's {listed(shown_remains)}.",
        ),
    )


def _rank_correlation(notes: pd.Series) -> float:
    """Return Spearman's correlation of a pair's note F1 with the weight, its index; 0 if none changes it."""
    if notes.nunique() < 2:
        return 0.0
    return float(notes.corr(pd.Series(notes.index, notes.index), "spearman"))


def _figure(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(5.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for (name, points), colour in zip(table.groupby("method"), ("#0072B2", "#D55E00"), strict=False):
        axes.plot(points.note_f1, points.style_accuracy, marker="o", color=colour, label=name)
        for number, row in enumerate(points.itertuples()):
            # Neighbours may lie on one another: their labels are above and below in turn.
            place = (4, 5) if number % 2 == 0 else (4, -13)
            where = (row.note_f1, row.style_accuracy)
            axes.annotate(
                f"{row.content_weight:g}", where, xytext=place, textcoords="offset points", color=colour
            )
    axes.set(xlabel="note F1", ylabel="style accuracy", xlim=(0, 1), ylim=(-0.08, 1.08))
    axes.legend(title="content weight of", frameon=False)
    return figure


def _text(table: pd.DataFrame, pairs: int, settings: CurveSettings) -> str:
    sentences = [f"{counted(pairs, 'pair')}. {settings.about}"]
    for name, points in table.groupby("method"):
        sentences.append(
            f"`{name}` goes from style accuracy {points.style_accuracy.iloc[0]:.2f} and note F1 "
            f"{points.note_f1.iloc[0]:.2f} at {points.content_weight.iloc[0]:g} to "
            f"{points.style_accuracy.iloc[-1]:.2f} and {points.note_f1.iloc[-1]:.2f} at "
            f"{points.content_weight.iloc[-1]:g}; {_largest(points)}."
        )
    return " ".join(sentences)


def _largest(points: pd.DataFrame) -> str:
    """Say at which content weights style and notes are best together."""
    products = points.style_accuracy * points.note_f1
    if not products.max() > 0:
        return "no weight brings style and notes together"
    best = points.content_weight[products == products.max()]
    return f"their product is largest at {listed([f'{weight:g}' for weight in best])}"


STUDY = Study(
    name="style-content-curve",
    question="What does the content weight buy: style against notes?",
    source="Ulyanov & Lebedev 2016, project report 2021",
    run=run,
    small=SMALL,
    paper=PAPER,
    pairs=5,
    paper_pairs=30,
    changes=dict.fromkeys(
        STUDY_SETTINGS,
        "The report judges by ear, on 40 songs, and does not list the weights that it tried. It cuts styles "
        "to the content's length; those of a pair are equally long here. Its remark that speech gave mostly "
        "noise is not tested: there is no speech among the project's data.",
    ),
)
