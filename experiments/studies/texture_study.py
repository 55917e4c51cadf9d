"""What a texture keeps of its source's rhythm, the farther its features see (Barry & Kim 2018, section 4.1).

Textures are made of one source alone, without content, by random features whose receptive fields grow. The
longer the field, the more of the rhythm should come back: inter-onset intervals distributed as the source's
(Kullback-Leibler divergence, :mod:`timbrebench.metrics.rhythm`), and a rhythm that repeats after the same
times (mean local autocorrelation, :mod:`timbrebench.metrics.periodicity`). It should come back without the
source being copied, which the maximum cross-correlation would show.

Two ways of making textures are looked at. ``multi-representation`` is the authors': its mel network sees as
far as its blocks reach, each of which doubles the step between its taps. ``wide-limit`` without content, the
closed form of one random convolution, sees as far as its kernel is wide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from timbrebench.audio.clips import Samples, resample
from timbrebench.core.progress import Tracker
from timbrebench.experiments.studies.playing import RATE
from timbrebench.experiments.studies.study import Study, StudyContext, StudyFinding, StudyResult, chosen_pairs
from timbrebench.experiments.studies.study_scores import mean_scores, metric_values, transfer
from timbrebench.experiments.studies.study_wording import counted, format_distinct
from timbrebench.experiments.studies.verdicts import Verdict, decided
from timbrebench.metrics import Trial
from timbrebench.metrics.correlation import COPY
from timbrebench.transfer import Method
from timbrebench.transfer.methods.multi_representation.multi_representation import MultiRepresentation
from timbrebench.transfer.methods.wide_limit.wide_limit import WideLimit

#: The figures, and their metrics.
METRICS = {
    "ioi_kl": "ioi_kl_style",
    "autocorrelation_error": "autocorrelation_error_style",
    "max_cross_correlation": "xcorr_style",
}

#: Rise of the maximum cross-correlation from which it counts as one.
_RISE = 0.1

_TITLES = {
    "ioi_kl": "KL divergence of\ninter-onset intervals in nats",
    "autocorrelation_error": "difference of mean\nlocal autocorrelation",
    "max_cross_correlation": "maximum cross-correlation\nwith the source",
}
_COLOURS = ("#0072B2", "#D55E00")


@dataclass(frozen=True)
class TextureSettings:
    """How much is done.

    `blocks` are numbers of residual blocks of ``multi-representation``'s mel network, `kernel_widths` widths
    of ``wide-limit``'s kernel in frames, both ascending; the rest are other settings of both methods.
    """

    blocks: tuple[int, ...]
    kernel_widths: tuple[int, ...]
    multi_representation: Mapping[str, object] = field(default_factory=dict)
    wide_limit: Mapping[str, object] = field(default_factory=dict)


SMALL = TextureSettings(
    blocks=(0, 1, 2, 3, 4, 5),
    kernel_widths=(4, 8, 16, 32, 64, 128),
    multi_representation={
        "sample_rate": 11_025,
        "n_fft": 1024,
        "hop_length": 256,
        "stft_network": {"n_filters": 128},
        "mel_network": {"n_filters": 64, "kernel_width": 4, "block_width": 5, "style_bands": 128},
        "max_iterations": 100,
        "weights": {"sparsity": 0.0},
    },
    wide_limit={"max_iterations": 100},
)
PAPER = TextureSettings(
    blocks=(0, 1, 2, 3, 4, 5),
    kernel_widths=(4, 8, 16, 32, 64, 128),
    multi_representation={"mel_network": {"kernel_width": 4, "block_width": 5}},
)


def run(context: StudyContext, settings: TextureSettings) -> StudyResult:
    """Make textures of the styles of the pairs with every receptive field, and compare them with these."""
    methods = list(_methods(settings))
    clips = [pair.style for pair in chosen_pairs(context)]
    sources = [resample(context.clips.samples(clip), clip.sample_rate, RATE) for clip in clips]
    rows = []
    with Tracker("texture", len(methods) * len(sources), "textures") as tracker:
        for method, seconds in methods:
            means = mean_scores(partial(_scores, method), sources, tracker)
            rows.append({"method": method.name, "receptive_field_s": seconds, **means})
    table = pd.DataFrame(rows)
    return StudyResult(table, _figure(table), _text(table, len(sources)), findings(table))


def _methods(settings: TextureSettings) -> Iterator[tuple[Method, float]]:
    """Yield each method with its receptive field in seconds."""
    own = dict(settings.multi_representation)
    mel = own.pop("mel_network", {})
    for blocks in settings.blocks:
        network = {**mel, "n_blocks": blocks} if isinstance(mel, Mapping) else {"n_blocks": blocks}
        authors = MultiRepresentation(configuration="texture", mel_network=network, **own)
        parameters = authors.parameters
        yield authors, parameters.min_frames * parameters.hop_length / parameters.sample_rate
    for width in settings.kernel_widths:
        wide = WideLimit(kernel_width=width, content_weight=0.0, **settings.wide_limit)
        yield wide, width * wide.parameters.hop_length / wide.parameters.sample_rate


def _scores(method: Method, source: Samples) -> dict[str, float]:
    # The content gives the length and the level alone.
    output = transfer(method, source, source, RATE)
    if output is None:
        return dict.fromkeys(METRICS, math.nan)
    trial = Trial.of(output, content=source, style=source, sample_rate=RATE)
    values = metric_values(trial, METRICS.values())
    return {column: values[name] for column, name in METRICS.items()}


def _figure(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    for axes, column in zip(figure.subplots(1, len(METRICS)), METRICS, strict=True):
        _draw(axes, table, column)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def _draw(axes: Axes, table: pd.DataFrame, column: str) -> None:
    for (name, points), colour in zip(table.groupby("method", sort=False), _COLOURS, strict=False):
        axes.plot(points.receptive_field_s, points[column], marker="o", color=colour, label=str(name))
    axes.set_xscale("log")
    ticks = [0.1, 0.3, 1, 3]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="receptive field in s", ylabel=_TITLES[column], ylim=(0, None))
    if column == "max_cross_correlation":
        axes.axhline(COPY, ls=":", color="#7F7F7F", label="a copy")
        axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)


#: What is said of a figure that is missing somewhere, which bears nothing out.
_MISSING = "It could not be worked out with every field."

#: What is claimed of each figure.
_CLAIMS = {
    "ioi_kl": "the longer the field, the nearer inter-onset intervals come to the source's",
    "autocorrelation_error": "the longer the field, the more of the hierarchy of the rhythm comes back",
    "max_cross_correlation": "the maximum cross-correlation with the source does not rise",
}


def findings(table: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge Barry & Kim's claims for each method by a table as :func:`run` makes it."""
    tests = {"ioi_kl": _falls, "autocorrelation_error": _falls, "max_cross_correlation": _stays}
    return tuple(
        StudyFinding(f"With `{name}`, {claim}", *tests[column](points.receptive_field_s, points[column]))
        for name, points in table.groupby("method", sort=False)
        for column, claim in _CLAIMS.items()
    )


def _falls(fields: pd.Series, values: pd.Series) -> tuple[Verdict, str]:
    """Tell whether a figure falls with the field, in rank and from the first to the last, and by what."""
    if not np.isfinite(values).all():
        return "not decided", _MISSING
    if (values == values.iloc[0]).all():
        return decided(False), f"It is {values.iloc[0]:.2f} with every field."
    correlation = float(spearmanr(fields, values).statistic)
    first, last = format_distinct(values.iloc[0], values.iloc[-1], decimals=2)
    shown, _ = format_distinct(correlation, 0.0, decimals=2)
    return (
        decided(correlation < 0 and values.iloc[-1] < values.iloc[0]),
        f"From {first} with the shortest to {last} with the longest; over all of them its rank correlation "
        f"with the field is {shown}.",
    )


def _stays(fields: pd.Series, values: pd.Series) -> tuple[Verdict, str]:
    """Tell whether a figure rises nowhere from that of the shortest field, and by what."""
    if not np.isfinite(values).all():
        return "not decided", _MISSING
    highest = int(values.to_numpy().argmax())
    if highest == 0:
        return decided(True), f"It is highest, {values.iloc[0]:.2f}, with the shortest."
    rise = float(values.iloc[highest] - values.iloc[0])
    first, peak = format_distinct(values.iloc[0], values.iloc[highest], decimals=2)
    shown, counts = format_distinct(rise, _RISE, decimals=2)
    return (
        decided(rise < _RISE),
        f"From {first} with the shortest to {peak} with {fields.iloc[highest]:.2f} s, where it is highest: a "
        f"rise of {shown}, which counts from {counts} on.",
    )


def _text(table: pd.DataFrame, sources: int) -> str:
    sentences = [f"Means over {counted(sources, 'source')}."]
    for name, points in table.groupby("method", sort=False):
        sentences.append(f"`{name}`: {_nearest(points)}, and {_copied(points)}.")
    return " ".join(sentences)


def _nearest(points: pd.DataFrame) -> str:
    compared = points.dropna(subset="ioi_kl")
    if compared.empty:
        return "no texture has inter-onset intervals to compare"
    nearest = compared.iloc[int(compared.ioi_kl.argmin())]
    return (
        f"inter-onset intervals are nearest to the source's with a field of "
        f"{nearest.receptive_field_s:.2f} s ({nearest.ioi_kl:.2f} nats)"
    )


def _copied(points: pd.DataFrame) -> str:
    copies = points.receptive_field_s[points.max_cross_correlation >= COPY]
    if len(copies):
        return f"with a field of {copies.min():.2f} s the texture is a copy"
    peak, _ = format_distinct(points.max_cross_correlation.max(), COPY, decimals=2)
    return f"no texture is a copy (cross-correlation {peak} at most)"


STUDY = Study(
    name="texture",
    question="What does a texture keep of its source's rhythm, the farther its features see?",
    source="Barry & Kim 2018, section 4.1",
    run=run,
    small=SMALL,
    paper=PAPER,
    pairs=3,
    paper_pairs=10,
)
