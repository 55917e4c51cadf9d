"""What does the content weight buy: style against notes, for the random convolution and its closed form."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from timbrebench.audio.progress import Tracker
from timbrebench.classifier import load_content_judge
from timbrebench.experiments.studies.study import Study, StudyContext, StudyResult, chosen_pairs
from timbrebench.experiments.suite import Pair
from timbrebench.metrics import Trial, get
from timbrebench.metrics.contract import evaluate
from timbrebench.transfer import apply, create

#: Content weights; the published one is 0.01.
WEIGHTS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)

#: Settings under which a pair takes seconds; what differs from the published ones is in the text.
METHODS: Mapping[str, dict[str, object]] = {
    "ulyanov": {
        "n_fft": 1024,
        "hop_length": 256,
        "n_filters": 1024,
        "max_iterations": 30,
        "inversion": {"iterations": 30},
    },
    "wide-limit": {"max_iterations": 60, "inversion": {"iterations": 30}},
}

_METRICS = ("style_accuracy", "note_f1")


def run(
    context: StudyContext,
    weights: tuple[float, ...] = WEIGHTS,
    methods: Mapping[str, dict[str, object]] = METHODS,
) -> StudyResult:
    """Run both methods at every weight on the same pairs."""
    pairs = chosen_pairs(context)
    rows = []
    with Tracker("style-content-curve", len(methods) * len(weights) * len(pairs), "outputs") as tracker:
        for name, settings in methods.items():
            for weight in weights:
                scores = []
                for pair in pairs:
                    scores.append(_scores(context, pair, name, {**settings, "content_weight": weight}))
                    tracker.advance()
                means = pd.DataFrame(scores).mean()
                rows.append({"method": name, "content_weight": weight, **means.to_dict()})
    table = pd.DataFrame(rows)
    return StudyResult(table, _figure(table), _text(table, len(pairs)))


def _scores(context: StudyContext, pair: Pair, name: str, settings: dict[str, object]) -> dict[str, float]:
    dataset, rate = context.dataset, pair.content.sample_rate
    content, style, reference = (dataset.samples(clip) for clip in (pair.content, pair.style, pair.reference))
    output = apply(create(name, settings), content, style, sample_rate=rate, seed=0)
    trial = Trial.of(
        output,
        content=content,
        style=style,
        reference=reference,
        sample_rate=rate,
        judge=context.judge,
        content_judge=load_content_judge(),
        notes=dataset.notes(pair.content),
        style_notes=dataset.notes(pair.style),
        content_label=pair.content.label,
        style_label=pair.style.label,
    )
    found = evaluate(trial, [get(metric) for metric in _METRICS])
    return {metric: score.value for metric, score in found.items()}


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


def _text(table: pd.DataFrame, pairs: int) -> str:
    sentences = [
        f"{pairs} pairs. `ulyanov` with 1,024 filters, a window of 1,024 and 30 iterations; `wide-limit` at "
        "its own at 60 iterations."
    ]
    for name, points in table.groupby("method"):
        best = points.iloc[int((points.style_accuracy * points.note_f1).to_numpy().argmax())]
        sentences.append(
            f"`{name}` goes from style accuracy {points.style_accuracy.iloc[0]:.2f} and note F1 "
            f"{points.note_f1.iloc[0]:.2f} at {points.content_weight.iloc[0]:g} to "
            f"{points.style_accuracy.iloc[-1]:.2f} and {points.note_f1.iloc[-1]:.2f} at "
            f"{points.content_weight.iloc[-1]:g}; their product is largest at {best.content_weight:g}."
        )
    return " ".join(sentences)


STUDY = Study(
    name="style-content-curve",
    question="What does the content weight buy: style against notes?",
    source="Ulyanov & Lebedev 2016 leave it to the ear",
    pairs=6,
    run=run,
)
