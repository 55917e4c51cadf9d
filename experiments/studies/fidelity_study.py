"""Whether methods do what their authors' own do: their published outputs beside ours.

A method that starts from noise has another output with each seed. It is *faithful* where its outputs lie as
near to its author's output as they lie to each other: where the first distance, of ours to the author's, is
at most 1.25 times the second, of two seeds of ours to each other. What has a ratio is an author's output: the
mean distance of our seeds to it over their mean distance from each other. The verdict is on the outputs that
there are, by their mean ratio in each measure: authors publish few, of contents and styles that they share,
which no interval can be made of.

Distances are of two kinds:

- of style: of the Gram matrices of a random convolution that no method has (256 filters over 11 frames of log
  magnitudes, always the same), as a share of their size, and of mean spectral envelopes
  (`mfcc_style_distance`);
- of content: of spectra frame by frame (`log_spectral_distance`), and how far the correlation of onset
  envelopes (`onset_envelope_correlation`) and that of pitch classes (`chroma_cosine`) is from 1.

Clips of any format, rate and number of channels become mono. Inputs are resampled to the rate of the author's
output, whose beginning is compared with ours over what both last: methods that work in frames end a window
early or late. For metrics all are at 22,050 Hz and of one level, so that a limiter's gain does not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples, read_audio
from timbrebench.audio.loudness import is_silent
from timbrebench.audio.spectra import N_FFT
from timbrebench.core.errors import ConfigurationError
from timbrebench.core.files import atomic_path, fingerprint
from timbrebench.core.progress import Tracker
from timbrebench.experiments.studies.authors_context import AuthorsContext
from timbrebench.experiments.studies.published_outputs import PublishedOutput
from timbrebench.experiments.studies.study import Study, StudyFinding, StudyResult
from timbrebench.experiments.studies.study_scores import metric_values
from timbrebench.experiments.studies.study_wording import counted
from timbrebench.experiments.studies.verdicts import decided
from timbrebench.metrics import Trial
from timbrebench.metrics.sound import Sound
from timbrebench.transfer import Method, apply, create
from timbrebench.transfer.algorithms.block_convolution import BlockConvolution
from timbrebench.transfer.algorithms.random_convolution import draw_filters

#: How many times the distance of two seeds the distance to the author's output may be.
TOLERANCE = 1.25

#: What is compared, by the kind of distance.
MEASURES: Mapping[str, tuple[str, ...]] = {
    "style": ("gram_distance", "mfcc_style_distance"),
    "content": ("log_spectral_distance", "onset_distance", "chroma_distance"),
}

#: The metrics that are distances from 1, by the names that they have here.
_FROM_ONE = {"onset_distance": "onset_envelope_correlation", "chroma_distance": "chroma_cosine"}
_METRICS = ("mfcc_style_distance", "log_spectral_distance", *_FROM_ONE.values())

#: The convolution that Gram matrices are compared with.
_N_FILTERS, _KERNEL_WIDTH, _FILTER_SEED = 256, 11, 226

#: Least ratio of the lengths of an output and of what it was made of.
_LEAST_SHARE = 0.9

_COLOURS = {"style": "#D55E00", "content": "#0072B2"}


@dataclass(frozen=True)
class FidelitySettings:
    """How many seeds are taken, and how many iterations at most; None for the authors'."""

    seeds: int
    max_iterations: int | None


SMALL = FidelitySettings(seeds=2, max_iterations=5)
PAPER = FidelitySettings(seeds=3, max_iterations=None)


@dataclass(frozen=True)
class _Comparison:
    """An author's output with what it was made of, at its rate, and the method with its settings."""

    published: PublishedOutput
    method: Method
    content: Samples
    style: Samples
    output: Samples
    sample_rate: int


def run(context: AuthorsContext, settings: FidelitySettings) -> StudyResult:
    """Make outputs with each seed, and compare them with the author's and with each other."""
    comparisons = [_comparison(output, settings) for output in context.outputs]
    rows: list[dict[str, object]] = []
    with Tracker("fidelity", len(comparisons) * settings.seeds, "outputs") as tracker:
        for comparison in comparisons:
            ours = []
            for seed in range(settings.seeds):
                ours.append(_output(comparison, seed, context.workdir))
                tracker.advance()
            rows += _distances(comparison, ours)
    measured = pd.DataFrame(rows)
    table = _summary(measured)
    made = findings(measured, reduced=settings.max_iterations is not None)
    return StudyResult(table, _figure(table), text_of(measured), made, {"distances": measured})


def check(context: AuthorsContext) -> None:
    """Read every file and make every method, so that what is wrong is said before any work."""
    for output in context.outputs:
        _comparison(output, PAPER)


def _comparison(published: PublishedOutput, settings: FidelitySettings) -> _Comparison:
    """Read the clips and make the method of an output.

    Raises `AudioError`, `UnknownNameError` or `ConfigurationError` if that cannot be done, or if the output
    lasts much longer or shorter than what it was made of.
    """
    output, rate = read_audio(published.output)
    content, style = (read_audio(path, rate)[0] for path in (published.content, published.style))
    parameters = dict(published.parameters)
    method = create(published.method, parameters)
    if settings.max_iterations is not None:
        method = create(published.method, {**parameters, "max_iterations": settings.max_iterations})
    if is_silent(output):
        raise ConfigurationError(f"{published.output}: is silent")
    expected = min(len(content), len(style))
    if min(expected, len(output)) < _LEAST_SHARE * max(expected, len(output)):
        raise ConfigurationError(
            f"{published.output}: lasts {len(output) / rate:.2f} s, its content {len(content) / rate:.2f} s "
            f"and its style {len(style) / rate:.2f} s: an output is as long as the shorter of these"
        )
    return _Comparison(published, method, content, style, output, rate)


def _output(comparison: _Comparison, seed: int, workdir: Path) -> Samples:
    """Return our output, which is kept in a folder: at authors' settings one may take an hour."""
    method, rate = comparison.method, comparison.sample_rate
    parameters = method.parameters.model_dump(mode="json")
    digests = [hashlib.sha256(clip.tobytes()).hexdigest() for clip in (comparison.content, comparison.style)]
    name = fingerprint([method.name, method.version, parameters, digests, rate, seed])
    path = workdir / "fidelity" / f"{name}.npy"
    if not path.is_file():
        made = apply(method, comparison.content, comparison.style, sample_rate=rate, seed=seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.save(file, made)
    output: Samples = np.load(path)
    return output


def _distances(comparison: _Comparison, ours: Sequence[Samples]) -> Iterator[dict[str, object]]:
    """Yield every distance: of ours and of the content to the author's, and of ours to each other."""
    length = min(map(len, (comparison.content, comparison.output, *ours)))
    content, author, *outputs = (
        Sound(samples[:length], comparison.sample_rate)
        for samples in (comparison.content, comparison.output, *ours)
    )
    clips = {
        "method": comparison.method.name,
        "content": comparison.published.content.stem,
        "style": comparison.published.style.stem,
        "settings": ", ".join(
            f"{name} {_shown(value)}" for name, value in comparison.published.parameters.items()
        )
        or "defaults",
    }
    for seed, own in enumerate(outputs):
        yield {**clips, "of": "author", "seed": seed, **distances(own, author)}
    for (seed, own), (_, other) in combinations(enumerate(outputs), 2):
        yield {**clips, "of": "seeds", "seed": seed, **distances(own, other)}
    yield {**clips, "of": "content", **distances(content, author)}


def distances(own: Sound, other: Sound) -> dict[str, float]:
    """Compare two clips of the same length.

    Returns
    -------
    dict of str to float
        The measures of :data:`MEASURES` by name: 0 for the same clip, NaN where a metric has no answer.
    """
    trial = Trial(output=own, content=other, style=other, reference=other)
    values = metric_values(trial, _METRICS)
    values |= {name: 1 - values.pop(metric) for name, metric in _FROM_ONE.items()}
    grams = [sound.once(_gram) for sound in (own, other)]
    size = np.sqrt(np.prod([np.linalg.norm(gram) for gram in grams]))
    return {"gram_distance": float(np.linalg.norm(grams[0] - grams[1]) / size), **values}


@cache
def _convolution() -> BlockConvolution:
    """Return the random convolution that Gram matrices are compared with."""
    filters = draw_filters(
        np.random.default_rng(_FILTER_SEED),
        n_filters=_N_FILTERS,
        n_bins=1 + N_FFT // 2,
        kernel_width=_KERNEL_WIDTH,
    )
    return BlockConvolution(torch.from_numpy(filters))


def _gram(sound: Sound) -> NDArray[np.float64]:
    spectrogram = sound.log_magnitude
    features = _convolution()(torch.from_numpy(spectrogram)).relu_().double()
    gram: NDArray[np.float64] = (features.T @ features / spectrogram.shape[1]).numpy()
    return gram


def _summary(measured: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each method and measure: mean distances, and the first over the second."""
    rows = []
    for method, of_method in measured.groupby("method", sort=False):
        ratios = output_ratios(of_method)
        for kind, measures in MEASURES.items():
            for measure in measures:
                means = of_method.groupby("of")[measure].mean()
                rows.append(
                    {
                        "method": method,
                        "kind": kind,
                        "measure": measure,
                        "to_author": means["author"],
                        "between_seeds": means["seeds"],
                        "ratio": ratios[measure].mean(),
                        "lowest_ratio": ratios[measure].min(),
                        "highest_ratio": ratios[measure].max(),
                        "content_to_author": means["content"],
                    }
                )
    return pd.DataFrame(rows)


def output_ratios(of_method: pd.DataFrame) -> pd.DataFrame:
    """Return the ratio of the two distances for each output and measure, by content and style."""
    measures = [measure for own in MEASURES.values() for measure in own]
    author, seeds = (
        of_method[of_method.of == name].groupby(["content", "style"], sort=False)[measures].mean()
        for name in ("author", "seeds")
    )
    return author / seeds


def findings(measured: pd.DataFrame, *, reduced: bool) -> tuple[StudyFinding, ...]:
    """Judge each method by each kind of distance; fewer iterations than the authors' decide nothing."""
    made = []
    for method, of_method in measured.groupby("method", sort=False):
        ratios = output_ratios(of_method)
        outputs = counted(len(ratios), "published output")
        for kind, measures in MEASURES.items():
            own = ratios[list(measures)]
            shown = ", ".join(
                f"{values.mean():.2f} ({values.min():.2f} to {values.max():.2f}) by {measure}"
                for measure, values in own.items()
            )
            faithful = bool((own.mean() <= TOLERANCE).all())
            made.append(
                StudyFinding(
                    f"`{method}` is faithful in {kind} on {outputs}: ours are no further from them than "
                    f"{TOLERANCE} times what they are from each other, by each measure",
                    "not decided" if reduced else decided(faithful),
                    f"Times as far, mean and range over outputs: {shown}.",
                )
            )
    return tuple(made)


def _figure(table: pd.DataFrame) -> Figure:
    methods = list(table.method.unique())
    figure = Figure(figsize=(9.5, 1.2 + 2.3 * len(methods)), layout="constrained")
    grid = figure.subplots(len(methods), 1, squeeze=False, sharex=True)[:, 0]
    for axes, method in zip(grid, methods, strict=True):
        own = table[table.method == method].iloc[::-1]
        reach = [own.ratio - own.lowest_ratio, own.highest_ratio - own.ratio]
        axes.barh(own.measure, own.ratio, color=own.kind.map(_COLOURS), xerr=reach, capsize=3, height=0.6)
        axes.axvline(1, color="#000000", lw=0.8)
        axes.axvline(TOLERANCE, color="#000000", lw=0.8, ls="--")
        axes.set_title(method, loc="left")
        axes.grid(axis="x", alpha=0.3)
    grid[-1].set_xlabel(
        "distance to the author's output, in distances of two seeds (bars: mean; lines: range)"
    )
    return figure


def text_of(measured: pd.DataFrame) -> str:
    """Say what was compared, by the table of distances."""
    outputs = measured[["method", "content", "style", "settings"]].drop_duplicates()
    counts = outputs.method.value_counts(sort=False)
    each = "; ".join(f"`{method}` {counted(count, 'output')}" for method, count in counts.items())
    parameters = "; ".join(f"{row.content} by `{row.method}`: {row.settings}" for row in outputs.itertuples())
    seeds = measured[measured.of == "author"].seed.nunique()
    return (
        f"Authors' outputs: {each}; {counted(seeds, 'seed')} of ours for each. `to_author` is the "
        "mean distance of our outputs to the author's, `between_seeds` that of two of ours, "
        f"`content_to_author` that of the untouched content; 0 is nearest. Settings: {parameters}."
    )


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


STUDY = Study(
    name="fidelity",
    question="Do methods do what their authors' own do?",
    source="authors' published outputs",
    run=run,
    small=SMALL,
    paper=PAPER,
    changes={
        "small": f"Methods stop after {SMALL.max_iterations} iterations, where their authors take 300, so "
        f"that nothing is decided; {SMALL.seeds} seeds.",
        "paper": f"{PAPER.seeds} seeds; authors' settings and iterations. Outputs of `ulyanov` in the "
        "repository of `time-domain` are by a port of its method; the content weight allows for the port's "
        "larger filters.",
    },
    takes_data="authors' outputs",
    needs_run=False,
    check=check,
)
