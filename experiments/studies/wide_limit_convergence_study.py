"""How the random convolution approaches its closed form as filters are added."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from timbrebench.audio.clips import resample
from timbrebench.audio.spectra import Spectrogram, magnitude
from timbrebench.core.progress import Tracker
from timbrebench.datasets import Clip
from timbrebench.experiments.studies.study import Study, StudyContext, StudyResult, chosen_pairs
from timbrebench.experiments.studies.study_wording import format_distinct
from timbrebench.transfer.algorithms.random_convolution import Objective, draw_filters
from timbrebench.transfer.methods.wide_limit.wide_limit import WideObjective

#: Numbers of filters, four times as many each time.
FILTERS = (256, 1024, 4096, 16384)

#: Independent draws of the filters; one is enough where there are so many.
_DRAWS = {256: 4, 1024: 3, 4096: 2, 16384: 1}

_RATE, _WIDTH, _CONTENT_WEIGHT = 22_050, 11, 1e-2


def run(context: StudyContext, filters: tuple[int, ...]) -> StudyResult:
    """Compare losses and gradients at a point between content and style.

    Errors are relative. Filters are drawn with the variance that the published one tends to, 4 / (filters ·
    width); the published one itself is 4 / ((bins + filters) · width), which lowers all features by a factor
    that is known and has nothing to do with the draw.
    """
    rows = []
    steps = context.pairs * sum(_DRAWS.get(count, 1) for count in filters)
    with Tracker("wide-limit-convergence", steps, "draws") as tracker:
        for number, pair in enumerate(chosen_pairs(context)):
            content, style = (_log_spectrogram(context, clip) for clip in (pair.content, pair.style))
            rng = np.random.default_rng(number)
            # At the content itself the content loss would have no gradient, and noise is no music.
            frames = min(content.shape[1], style.shape[1])
            point = content.copy()
            point[:, :frames] = (content[:, :frames] + style[:, :frames]) / 2
            limit = WideObjective(content, style, _WIDTH, _CONTENT_WEIGHT)(point.ravel())
            for count in filters:
                for _ in range(_DRAWS.get(count, 1)):
                    drawn = _filters(rng, count, len(content))
                    objective = Objective(content, style, drawn, _CONTENT_WEIGHT)
                    errors = _errors(objective(point.ravel().astype(np.float64)), limit)
                    rows.append({"pair": pair.pair_id, "filters": count, **errors})
                    tracker.advance()
    table = pd.DataFrame(rows).groupby("filters", as_index=False)[["loss_error", "gradient_error"]].mean()
    rates = {name: _rate(table, name) for name in ("loss_error", "gradient_error")}
    return StudyResult(table, _figure(table), _text(table, rates))


def _log_spectrogram(context: StudyContext, clip: Clip) -> Spectrogram:
    samples = resample(context.clips.samples(clip), clip.sample_rate, _RATE)
    return np.asarray(np.log1p(magnitude(samples, 2048, 512)), dtype=np.float32)


def _filters(rng: np.random.Generator, count: int, bins: int) -> NDArray[np.float32]:
    drawn = draw_filters(rng, n_filters=count, n_bins=bins, kernel_width=_WIDTH)
    drawn *= np.float32(np.sqrt((bins + count) / count))
    return drawn


def _errors(
    drawn: tuple[float, NDArray[np.float64]], limit: tuple[float, NDArray[np.float64]]
) -> dict[str, float]:
    """Return how far loss and gradient with drawn filters are from their limit, relative to it."""
    gradient = float(np.linalg.norm(drawn[1] - limit[1]) / np.linalg.norm(limit[1]))
    return {"loss_error": abs(drawn[0] / limit[0] - 1), "gradient_error": gradient}


def _rate(table: pd.DataFrame, name: str) -> float:
    """Return the exponent with which an error falls: the slope in logarithms."""
    slope, _ = np.polyfit(np.log(table.filters), np.log(table[name]), 1)
    return float(slope)


def _figure(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(5.5, 4), layout="constrained")
    axes = figure.subplots()
    for name, marker, colour in (("loss_error", "o", "#0072B2"), ("gradient_error", "s", "#D55E00")):
        axes.loglog(table.filters, table[name], marker=marker, color=colour, label=name.replace("_", " "))
    guide = table.gradient_error.iloc[0] * np.sqrt(table.filters.iloc[0] / table.filters)
    axes.loglog(table.filters, guide, "--", color="#7F7F7F", label="one over the square root")
    axes.set(xlabel="filters", ylabel="relative error", xticks=list(table.filters))
    axes.set_xticks(list(table.filters), [f"{count:,}" for count in table.filters])
    axes.minorticks_off()
    axes.legend(frameon=False)
    return figure


def _text(table: pd.DataFrame, rates: dict[str, float]) -> str:
    last = table.iloc[-1]
    loss, gradient, _ = format_distinct(rates["loss_error"], rates["gradient_error"], 0.0, decimals=2)
    falling = [name.removesuffix("_error") for name, rate in rates.items() if rate < 0]
    change = {
        0: "Errors do not fall: they go",
        1: f"Of the errors that of the {' '.join(falling)} alone falls: they go",
        2: "Errors fall",
    }[len(falling)]
    return (
        f"With {int(last.filters):,} filters the loss is {last.loss_error:.1%} off its limit, the gradient "
        f"{last.gradient_error:.1%}. {change} with the number of filters to the power of {loss} (loss) and "
        f"{gradient} (gradient); independent draws that are averaged would give -0.5."
    )


STUDY = Study(
    name="wide-limit-convergence",
    question="Does the random convolution approach its closed form as filters are added, and how fast?",
    source="this benchmark, after Cho & Saul 2009",
    run=run,
    small=FILTERS,
    paper=FILTERS,
    pairs=3,
    paper_pairs=30,
)
