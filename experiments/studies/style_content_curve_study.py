"""What does the content weight buy: style against notes, for the random convolution and its closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from timbrebench.core.progress import Tracker
from timbrebench.experiments.studies.study import Study, StudyContext, StudyResult, chosen_pairs
from timbrebench.experiments.studies.study_scores import mean_scores, score_method
from timbrebench.experiments.studies.study_wording import counted, listed
from timbrebench.transfer import create

#: Settings of ``wide-limit`` at which style and notes balance, for other studies.
BALANCED: Mapping[str, object] = {"content_weight": 0.1}

_METRICS = ("style_accuracy", "note_f1")


@dataclass(frozen=True)
class CurveSettings:
    """How much is done.

    `methods` are parameters by method, but for the content weight; `about` says, in a sentence, how these
    differ from the published ones. The content `weights` ascend; the published one is 0.01.
    """

    methods: Mapping[str, Mapping[str, object]]
    about: str
    weights: tuple[float, ...] = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


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
PAPER = CurveSettings({"ulyanov": {}, "wide-limit": {}}, "Both methods at their published settings.")


def run(context: StudyContext, settings: CurveSettings) -> StudyResult:
    """Run both methods at every weight on the same pairs."""
    pairs = chosen_pairs(context)
    rows = []
    steps = len(settings.methods) * len(settings.weights) * len(pairs)
    with Tracker("style-content-curve", steps, "outputs") as tracker:
        for name, parameters in settings.methods.items():
            for weight in settings.weights:
                method = create(name, {**parameters, "content_weight": weight})
                means = mean_scores(partial(score_method, context, method, metrics=_METRICS), pairs, tracker)
                rows.append({"method": name, "content_weight": weight, **means})
    table = pd.DataFrame(rows)
    return StudyResult(table, _figure(table), _text(table, len(pairs), settings))


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
    source="Ulyanov & Lebedev 2016 leave it to the ear",
    run=run,
    small=SMALL,
    paper=PAPER,
    pairs=5,
    paper_pairs=30,
)
