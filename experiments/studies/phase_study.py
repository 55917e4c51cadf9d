"""How fast ways of finding a phase converge, in iterations and in time.

Each way of :mod:`timbrebench.audio.inversion` gets magnitudes and returns samples; how far the magnitudes of
those are from the ones it got is the spectral convergence. The magnitudes are of two kinds. Those of a clip
can be met exactly. The geometric mean of those of content and style is what no clip has: there a way of
finding the phase has to make the best of it, as it has to after every transfer.

Times are those of the processor, not of the clock, so that other work on the machine does not count. They
include the phase to start from.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from timbrebench.audio.clips import fit_length
from timbrebench.audio.inversion import Inversion, invert, spectral_convergence
from timbrebench.audio.spectra import Spectrogram, magnitude
from timbrebench.core.progress import Tracker, muted
from timbrebench.experiments.studies.study import Study, StudyContext, StudyFinding, StudyResult, chosen_pairs
from timbrebench.experiments.studies.study_wording import counted, format_distinct, with_interval
from timbrebench.experiments.studies.verdicts import all_positive

ALGORITHMS = ("griffin-lim", "fast-griffin-lim", "le-roux", "waveform")
STARTS = ("random", "pghi")

#: Columns that name a way, and its key.
_WAY = ["magnitudes", "algorithm", "start", "iterations"]
_Way = tuple[str, str, str, int]

#: Kinds of magnitudes.
CLIP, MIXTURE = "of a clip", "of no clip"

_LABELS = {
    "griffin-lim": "Griffin-Lim",
    "fast-griffin-lim": "fast Griffin-Lim",
    "le-roux": "Le Roux",
    "waveform": "waveform descent",
    "pghi": "PGHI alone",
}
_COLOURS = dict(zip(_LABELS, ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000"), strict=True))
_STYLES = {"random": "-", "pghi": "--"}


#: Numbers of iterations, ascending.
SMALL = (1, 4, 16, 64)
PAPER = (*SMALL, 256, 1024)


def run(context: StudyContext, iterations: tuple[int, ...]) -> StudyResult:
    """Invert magnitudes of both kinds in all ways, with each number of iterations."""
    ways = list(_ways(iterations))
    rows = []
    with Tracker("phase", 2 * context.pairs * len(ways), "inversions") as tracker:
        _compile()
        for clip, kind, length, wanted in _magnitudes(context):
            for inversion in ways:
                rows.append({"clip": clip, "magnitudes": kind, **_measure(wanted, length, inversion)})
                tracker.advance()
    inversions = pd.DataFrame(rows)
    # The median, since one interruption makes one time long.
    table = inversions.groupby(_WAY, sort=False, as_index=False).agg(
        {"convergence_db": "mean", "cpu_seconds": "median"}
    )
    text = _text(table, context.pairs)
    return StudyResult(table, _figure(table), text, findings(inversions), {"inversions": inversions})


def _ways(iterations: tuple[int, ...]) -> Iterator[Inversion]:
    yield Inversion(algorithm="pghi")
    for algorithm, start, count in product(ALGORITHMS, STARTS, iterations):
        yield Inversion.model_validate({"algorithm": algorithm, "start": start, "iterations": count})


def _compile() -> None:
    """Have compiled and imported what is so when first used, which is no part of the work."""
    noise = np.random.default_rng(0).normal(size=8192).astype(np.float32)
    for inversion in _ways((1,)):
        _measure(magnitude(noise), len(noise), inversion)


def _magnitudes(context: StudyContext) -> Iterator[tuple[str, str, int, Spectrogram]]:
    """Yield the pair, the kind, how many samples are wanted, and the magnitudes."""
    for pair in chosen_pairs(context):
        content = context.clips.samples(pair.content)
        style = fit_length(context.clips.samples(pair.style), len(content))
        own, other = magnitude(content), magnitude(style)
        yield pair.pair_id, CLIP, len(content), own
        yield pair.pair_id, MIXTURE, len(content), np.sqrt(own * other)


def _measure(wanted: Spectrogram, length: int, inversion: Inversion) -> dict[str, object]:
    with muted():
        started = time.process_time()
        samples = invert(wanted, length=length, inversion=inversion, seed=0)
        seconds = time.process_time() - started
    return {
        "algorithm": inversion.algorithm,
        "start": inversion.start or "",
        "iterations": inversion.iterations or 0,
        "convergence_db": spectral_convergence(samples, wanted),
        "cpu_seconds": seconds,
    }


def _figure(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(9.5, 7), layout="constrained")
    grid = figure.subplots(2, 2, sharey="row")
    for row, kind in zip(grid, (CLIP, MIXTURE), strict=True):
        own = table[table.magnitudes == kind]
        for axes, column in zip(row, ("iterations", "cpu_seconds"), strict=True):
            for (algorithm, start), points in own.groupby(["algorithm", "start"], sort=False):
                if algorithm == "pghi":
                    axes.axhline(points.convergence_db.iloc[0], color=_COLOURS["pghi"], lw=0.8, ls=":")
                    continue
                axes.plot(
                    points[column],
                    points.convergence_db,
                    _STYLES[str(start)],
                    marker="o",
                    markersize=4,
                    color=_COLOURS[str(algorithm)],
                )
            axes.set_xscale("log")
            axes.grid(alpha=0.3)
        row[0].set_ylabel(f"spectral convergence in dB,\nmagnitudes {kind}")
    counts = sorted(table.iterations[table.iterations > 0].unique())
    for axes in grid[:, 0]:
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        axes.minorticks_off()
    grid[1, 0].set_xlabel("iterations")
    grid[1, 1].set_xlabel("seconds of one core for a clip")
    _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    axes = figure.axes[0]
    lines = [axes.plot([], [], color=_COLOURS[name], label=_LABELS[name])[0] for name in ALGORITHMS]
    lines += axes.plot([], [], ":", lw=0.8, color=_COLOURS["pghi"], label=_LABELS["pghi"])
    lines += [
        axes.plot([], [], _STYLES[start], color="#7F7F7F", label=f"from {label}")[0]
        for start, label in (("random", "a random phase"), ("pghi", "PGHI's phase"))
    ]
    figure.legend(handles=lines, loc="outside upper center", ncols=4, frameon=False)


def findings(inversions: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge what the ways' authors claim, by intervals over clips: a row for each inversion of each clip."""
    of_clips = inversions.pivot_table(index="clip", columns=_WAY, values="convergence_db")
    counts = [int(count) for count in sorted(inversions.iterations.unique()) if count > 1]
    return (*_against_griffin_lim(of_clips, counts), *_of_pghi(of_clips, counts))


def _gain(of_clips: pd.DataFrame, way: _Way, other: _Way) -> pd.Series:
    """Return by how many decibels a way comes nearer than another, for each clip."""
    return of_clips[other] - of_clips[way]


def _against_griffin_lim(of_clips: pd.DataFrame, counts: list[int]) -> Iterator[StudyFinding]:
    """Yield what is claimed of ways that start from a random phase."""
    errors = of_clips.mean()
    kinds, final = (CLIP, MIXTURE), counts[-1]
    for name, what, source, compared in (
        ("fast-griffin-lim", "Fast Griffin-Lim", "Perraudin et al. 2013", counts),
        ("le-roux", "Local consistency", "Le Roux et al. 2010", counts),
        ("waveform", "Descent on the waveform", "Decorsière et al. 2015", [final]),
    ):
        both = {
            (kind, n): (errors[kind, name, "random", n], errors[kind, "griffin-lim", "random", n])
            for kind, n in product(kinds, compared)
        }
        leads = {where: plain - own for where, (own, plain) in both.items()}
        ends, others = zip(*(format_distinct(*both[kind, final], decimals=1) for kind in kinds), strict=True)
        figures = (
            f"After {final} iterations from a random phase, on magnitudes of a clip and of no clip: "
            f"{' and '.join(ends)} dB against {' and '.join(others)} dB."
        )
        if len(compared) > 1:
            kind, n = min(leads, key=leads.__getitem__)
            own, plain = format_distinct(*both[kind, n], decimals=1)
            figures += f" The lead is least after {n} on magnitudes {kind}: {own} dB against {plain} dB."
        when = "in as many iterations" if len(compared) > 1 else "in the end"
        yield StudyFinding(
            f"{what} comes nearer than Griffin-Lim {when} ({source})",
            all_positive(
                [
                    _gain(of_clips, (kind, name, "random", n), (kind, "griffin-lim", "random", n))
                    for kind, n in product(kinds, compared)
                ]
            ),
            figures,
        )


def _of_pghi(of_clips: pd.DataFrame, counts: list[int]) -> Iterator[StudyFinding]:
    """Yield what is claimed of PGHI: as a start, and alone."""
    kinds, final = (CLIP, MIXTURE), counts[-1]
    each = {
        (kind, name, n): _gain(of_clips, (kind, name, "pghi", n), (kind, name, "random", n))
        for kind, name, n in product(kinds, ALGORITHMS, counts)
    }
    gains = {way: float(own.mean()) for way, own in each.items()}
    last = [gains[kind, name, final] for kind, name in product(kinds, ALGORITHMS)]
    worst = min(gains, key=gains.__getitem__)
    least, _ = format_distinct(gains[worst], 0.0, decimals=1)
    kind, name, n = worst
    yield StudyFinding(
        "From PGHI's phase every way comes nearer than from a random one (Průša et al. 2017)",
        all_positive(list(each.values())),
        f"The gain after {final} iterations is {min(last):.1f} to {max(last):.1f} dB. It is least, "
        f"{least} dB, for {_LABELS[name]} after {n} on magnitudes {kind}.",
    )
    for kind in kinds:
        alone, end = (kind, "pghi", "", 0), (kind, "griffin-lim", "random", final)
        gain = _gain(of_clips, alone, end)
        shown, other = format_distinct(of_clips[alone].mean(), of_clips[end].mean(), decimals=1)
        yield StudyFinding(
            f"On magnitudes {kind}, PGHI alone comes nearer than {final} iterations of Griffin-Lim from a "
            "random phase (Průša et al. 2017)",
            all_positive([gain]),
            f"PGHI {shown} dB, Griffin-Lim {other} dB: nearer by "
            f"{with_interval(gain, decimals=1, unit=' dB')}.",
        )


def _text(table: pd.DataFrame, pairs: int) -> str:
    sentences = [
        f"{counted(pairs, 'clip')} and {counted(pairs, 'mixture')}. Lower is nearer; times are seconds of "
        "one core for a clip."
    ]
    for kind, own in table.groupby("magnitudes", sort=False):
        best = own.iloc[int(own.convergence_db.argmin())]
        quick = own[own.convergence_db <= best.convergence_db + 1]
        quick = quick.iloc[int(quick.cpu_seconds.argmin())]
        cheaper = (
            "nothing quicker came within 1 dB of that"
            if quick.cpu_seconds == best.cpu_seconds
            else f"within 1 dB of that the quickest was {_name(quick)}, {quick.convergence_db:.1f} dB in "
            f"{quick.cpu_seconds:.2f} s"
        )
        sentences.append(
            f"On magnitudes {kind}, {_name(best)} came nearest, {best.convergence_db:.1f} dB in "
            f"{best.cpu_seconds:.2f} s; {cheaper}."
        )
    return " ".join(sentences)


def _name(row: pd.Series) -> str:
    if row.algorithm == "pghi":
        return _LABELS["pghi"]
    start = "PGHI's phase" if row.start == "pghi" else "a random phase"
    return f"{_LABELS[row.algorithm]} with {row.iterations} iterations from {start}"


STUDY = Study(
    name="phase",
    question="How fast do ways of finding a phase converge, in iterations and in time?",
    source="Griffin & Lim 1984, Le Roux et al. 2010, Perraudin et al. 2013, Decorsière et al. 2015, "
    "Průša et al. 2017",
    run=run,
    small=SMALL,
    paper=PAPER,
    pairs=8,
    paper_pairs=30,
    changes={
        "small": "Clips of this benchmark instead of each paper's own recordings, at most 64 iterations, and "
        "means over 8 clips.",
        "paper": "Clips of this benchmark instead of each paper's own recordings.",
    },
)
