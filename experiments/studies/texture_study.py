"""What a texture keeps of its source's rhythm, the farther its features see (Barry & Kim 2018, section 4.1).

Textures are made of one source alone, without content. The text claims that a mel network with a long
receptive field gives them the source's rhythm, which the STFT alone does not: the longer the field, the less
the inter-onset intervals diverge from the source's, and the more consistent is the hierarchy that the mean
local autocorrelation shows; and the source is not copied, since the maximum cross-correlation of texture and
source does not depend much on the field. Its figure 4 shows histograms of intervals and curves of
autocorrelation for one source; here these panels stand beside means over several.

How it is measured is :mod:`timbrebench.experiments.studies.librosa_rhythm`; the cross-correlation is the
metric ``xcorr_style``, divided by both norms, which the text does not say of its own.

The fields of figure 4 are illegible. Here the text's network grows to its full size: the STFT alone, with its
kernel of 11 frames; a first mel layer of half the kernel, and of the whole kernel of 50 frames; one and two
residual blocks, with kernels of 25, after that. The text does not say either whether the STFT's style is
compared beside the mel bands'; here it is (the configuration ``texture``).

``wide-limit`` without content is not the paper's. It is the closed form of one random convolution, which sees
as far as its kernel is wide, and has its optimum in reach: it shows what the same measures say where
optimisation is not what limits the texture.

A trend is the slope over the logarithm of the field, of each source by itself; its interval is over sources.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd

from timbrebench.audio.clips import Samples, resample
from timbrebench.core.progress import Tracker
from timbrebench.datasets import Clip
from timbrebench.experiments.studies.librosa_rhythm import Rhythm, curve_error, divergence
from timbrebench.experiments.studies.playing import RATE
from timbrebench.experiments.studies.study import Study, StudyContext, StudyFinding, StudyResult, chosen_pairs
from timbrebench.experiments.studies.study_scores import transfer
from timbrebench.experiments.studies.study_wording import counted, format_distinct, listed, with_interval
from timbrebench.experiments.studies.texture_figure import Panel, panel_tables, texture_figure
from timbrebench.experiments.studies.verdicts import Verdict, interval_verdict, mean_interval
from timbrebench.metrics.correlation import COPY
from timbrebench.metrics.cross_correlation import max_cross_correlation
from timbrebench.metrics.sound import Sound
from timbrebench.transfer import Method
from timbrebench.transfer.methods.multi_representation.multi_representation import MultiRepresentation
from timbrebench.transfer.methods.wide_limit.wide_limit import WideLimit

#: The figures of a texture.
FIGURES = ["ioi_kl", "autocorrelation_error", "max_cross_correlation"]

#: What textures are made with.
CONDITION = ["method", "receptive_field_s"]

#: The method whose claims these are.
CLAIMANT = MultiRepresentation.name

#: Rise of the maximum cross-correlation that counts as significant: a ninth of what makes a copy.
RISE = 0.1


@dataclass(frozen=True)
class TextureSettings:
    """How much is done.

    `mel_networks` are settings of ``multi-representation``'s mel network in order of their receptive fields,
    beside the STFT alone, which is the first condition; `kernel_widths` are widths of ``wide-limit``'s
    kernel in frames, ascending. Each source has a texture for each of `seeds`. The rest are other settings of
    both methods.
    """

    mel_networks: tuple[Mapping[str, object], ...]
    kernel_widths: tuple[int, ...]
    seeds: tuple[int, ...]
    multi_representation: Mapping[str, object] = field(default_factory=dict)
    wide_limit: Mapping[str, object] = field(default_factory=dict)


#: Half of the text's first layer, the whole, and one and two blocks after it.
_GROWTH = (
    {"kernel_width": 25, "n_blocks": 0},
    {"kernel_width": 50, "n_blocks": 0},
    {"kernel_width": 50, "block_width": 25, "n_blocks": 1},
    {"kernel_width": 50, "block_width": 25, "n_blocks": 2},
)
_WIDTHS = (11, 25, 50, 100)

SMALL = TextureSettings(
    mel_networks=tuple({**network, "n_filters": 64, "style_bands": 128} for network in _GROWTH),
    kernel_widths=_WIDTHS,
    seeds=(0,),
    multi_representation={
        "sample_rate": 11_025,
        "n_fft": 1024,
        "hop_length": 256,
        "stft_network": {"n_filters": 128, "kernel_width": 11},
        "max_iterations": 100,
    },
    wide_limit={"max_iterations": 100},
)
PAPER = TextureSettings(mel_networks=_GROWTH, kernel_widths=_WIDTHS, seeds=(0, 1, 2))


@dataclass(frozen=True, eq=False)
class _Source:
    """What textures are made of, at 22,050 Hz, and its rhythm."""

    clip: Clip
    samples: Samples
    rhythm: Rhythm


def run(context: StudyContext, settings: TextureSettings) -> StudyResult:
    """Make textures of the styles of the pairs with every receptive field, and compare them with these."""
    methods = list(_methods(settings))
    clips = {pair.style.clip_id: pair.style for pair in chosen_pairs(context)}
    sources = [_source(context, clip) for clip in clips.values()]
    rows, panels = [], []
    with Tracker("texture", len(sources) * len(methods) * len(settings.seeds), "textures") as tracker:
        for source, (method, seconds), seed in product(sources, methods, settings.seeds):
            # The content gives the length and the level alone.
            texture = transfer(method, source.samples, source.samples, RATE, seed=seed)
            rhythm = None if texture is None else Rhythm.of(texture)
            figures = _compare(texture, rhythm, source)
            rows.append(
                {
                    "method": method.name,
                    "receptive_field_s": seconds,
                    "clip_id": source.clip.clip_id,
                    "piece": source.clip.piece,
                    "seed": seed,
                    **figures,
                }
            )
            if rhythm and source is sources[0] and seed == settings.seeds[0] and method.name == CLAIMANT:
                panels.append(Panel(seconds, rhythm, figures))
            tracker.advance()
    textures = pd.DataFrame(rows)
    example, pieces = sources[0].rhythm, by_piece(textures)
    return StudyResult(
        pieces.groupby(CONDITION, sort=False)[FIGURES].mean().reset_index(),
        texture_figure(pieces, example, panels),
        _text(textures),
        findings(textures),
        {"textures": textures, **panel_tables(example, panels)},
    )


def _source(context: StudyContext, clip: Clip) -> _Source:
    samples = resample(context.clips.samples(clip), clip.sample_rate, RATE)
    return _Source(clip, samples, Rhythm.of(samples))


def _compare(texture: Samples | None, rhythm: Rhythm | None, source: _Source) -> dict[str, float]:
    """Return the figures of a texture; NaN for a missing texture, or too few onsets."""
    if texture is None or rhythm is None:
        return dict.fromkeys(FIGURES, math.nan)
    return {
        "ioi_kl": divergence(rhythm.intervals, source.rhythm.intervals),
        "autocorrelation_error": curve_error(rhythm.autocorrelation, source.rhythm.autocorrelation),
        "max_cross_correlation": max_cross_correlation(Sound(texture, RATE), Sound(source.samples, RATE)),
    }


def _methods(settings: TextureSettings) -> Iterator[tuple[Method, float]]:
    """Yield each method with its receptive field in seconds."""
    shared = settings.multi_representation
    conditions: list[dict[str, object]] = [{"weights": {"mel_style": 0.0}}]
    conditions += [{"mel_network": network} for network in settings.mel_networks]
    for condition in conditions:
        claimant = MultiRepresentation(configuration="texture", **shared, **condition)
        parameters = claimant.parameters
        yield claimant, parameters.min_frames * parameters.hop_length / parameters.sample_rate
    for width in settings.kernel_widths:
        wide = WideLimit(kernel_width=width, content_weight=0.0, **settings.wide_limit)
        yield wide, width * wide.parameters.hop_length / RATE


def by_piece(textures: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each figure over the seeds and clips of one piece, as far as it is complete.

    Clips of one piece are not independent evidence. A figure that is missing with one receptive field is
    missing with all of them, since a trend needs them all.
    """
    pieces = textures.groupby([*CONDITION, "piece"], sort=False)[FIGURES]
    means = pieces.mean(skipna=False).reset_index()
    complete = means[FIGURES].notna().groupby([means.method, means.piece]).transform("all")
    means[FIGURES] = means[FIGURES].where(complete)
    return means


#: What is claimed of each figure.
_CLAIMS = {
    "ioi_kl": "the longer the receptive field, the less do inter-onset intervals diverge from the source's",
    "autocorrelation_error": "the longer the receptive field, the more of the source's hierarchical rhythm "
    "does the mean local autocorrelation show",
    "max_cross_correlation": "the rhythm that a longer receptive field brings is no copy of the source: "
    "the divergence of inter-onset intervals falls, and the maximum cross-correlation does not significantly "
    "rise",
}

#: The second method is not the paper's.
_WHOSE = {CLAIMANT: "", WideLimit.name: ", which is not the paper's"}


def findings(textures: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge the claims for each method by the figures of every texture, as :func:`run` tabulates them."""
    made = []
    for name, own in by_piece(textures).groupby("method", sort=False):
        intervals, autocorrelation = (_falls(_wide(own, column)) for column in FIGURES[:2])
        no_copy = _no_copy(intervals, _stays(_wide(own, "max_cross_correlation")))
        for claim, judged in zip(_CLAIMS.values(), (intervals, autocorrelation, no_copy), strict=True):
            made.append(StudyFinding(f"With `{name}`{_WHOSE[str(name)]}, {claim}", *judged))
    return tuple(made)


def _wide(pieces: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a figure with a row for each piece that has it, and a column for each receptive field."""
    return pieces.pivot_table(index="piece", columns="receptive_field_s", values=column).dropna()


def _falls(values: pd.DataFrame) -> tuple[Verdict, str]:
    """Judge whether a figure falls with the field, by the slopes of all pieces."""
    if values.empty:
        return "not decided", _MISSING
    octaves = np.log2(values.columns.to_numpy(dtype=np.float64))
    octaves -= octaves.mean()
    slopes = values.to_numpy() @ octaves / (octaves @ octaves)
    low, high = mean_interval(slopes)
    change = with_interval(slopes)
    return interval_verdict(-high, -low), (
        f"{_ends(values)}; each doubling of the field changes it by {change}, over "
        f"{counted(len(values), 'piece')}."
    )


def _stays(values: pd.DataFrame) -> tuple[Verdict, str]:
    """Judge whether the rise from the shortest field to the longest is less than what is significant."""
    if values.empty:
        return "not decided", _MISSING
    rises = (values.iloc[:, -1] - values.iloc[:, 0]).to_numpy()
    low, high = mean_interval(rises)
    return interval_verdict(RISE - high, RISE - low), (
        f"{_ends(values)}, a rise of {with_interval(rises)} over "
        f"{counted(len(values), 'piece')}; {RISE:g} and more is significant."
    )


def _no_copy(intervals: tuple[Verdict, str], correlation: tuple[Verdict, str]) -> tuple[Verdict, str]:
    """Judge whether rhythm comes without a copy: where no rhythm comes, a low correlation shows nothing.

    Textures of noise have as low a correlation.
    """
    (comes, _), (stays, figures) = intervals, correlation
    verdict: Verdict = "not decided"
    if stays == "did not hold" or comes == stays == "held":
        verdict = stays
    elif stays == "held":
        figures = f"{figures} That the divergence falls is not shown."
    return verdict, f"The maximum cross-correlation: {figures}"


#: What is said where no piece has a figure with every field.
_MISSING = "No piece has it with every field."


def _ends(values: pd.DataFrame) -> str:
    first, last = format_distinct(values.iloc[:, 0].mean(), values.iloc[:, -1].mean(), decimals=2)
    return f"From {first} with {values.columns[0]:.2f} s to {last} with {values.columns[-1]:.2f} s"


def _text(textures: pd.DataFrame) -> str:
    pieces, seeds = textures.piece.nunique(), textures.seed.nunique()
    peaks = textures.groupby("method", sort=False).max_cross_correlation.max()
    copies = [f"{peak:.2f} with `{name}`" for name, peak in peaks.items()]
    return (
        f"Means over {counted(pieces, 'piece')}, {counted(seeds, 'texture')} of each source. The panels are "
        f"those of the paper's figure 4 for `{CLAIMANT}` and one source, {textures.clip_id.iloc[0]}. "
        f"The greatest cross-correlation of any texture is {listed(copies)}; a copy has {COPY:g} and more."
    )


_SOURCES = (
    "Sources are the suite's clips of 5 s instead of recorded songs: the longest field is most of a clip. "
    "The paper shows one source, here intervals are over several."
)

STUDY = Study(
    name="texture",
    question="What does a texture keep of its source's rhythm, the farther its features see?",
    source="Barry & Kim 2018, section 4.1 and figure 4",
    run=run,
    small=SMALL,
    paper=PAPER,
    pairs=10,
    paper_pairs=10,
    changes={
        "small": "The text's kernels (11 frames on the STFT, 50 and 25 on mel bands) and blocks with 128 "
        "filters of 4,096 and 64 of 1,025, at 11,025 Hz, on 128 mel bands, in 100 iterations of L-BFGS. "
        f"{_SOURCES}",
        "paper": _SOURCES,
    },
)
