"""What becomes of bandwidth and overtones when one instrument takes on the sound of another.

Verma & Smith (2017) show two pairs of 2.57 s: a harp with a tuning fork for style, whose bandwidth shrinks
down to the fundamental, and a singing voice with a note of a violin for style, whose bandwidth grows, as the
strength of its higher harmonics shows. Here the harp and the voice play the beginning of *The Star-Spangled
Banner*, the fork is struck once, and the violin plays one note. As the tune is known, it is also known how
the style's instrument would play it. All is repeated in other keys, with another note of the style and
another seed each time, so that verdicts come from intervals.

Measured are, in windows of 93 ms at 22,050 Hz:

- the *bandwidth*: the standard deviation of the frequency around its mean, weighted by power, within each
  window, so that it does not count how far a tune moves; the mean over windows is weighted by their power;

and, with the true notes, in windows of 186 ms, of the power within half a semitone of the harmonics of the
note that sounds, up to the tenth:

- *overtones*: the share of the second to the tenth harmonic in it: the harmonic energy;
- *notes*: how much of all power it is. Noise has bandwidth, too: where this share is low, what has grown is
  no instrument's bandwidth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import librosa
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.audio.spectra import magnitude
from timbrebench.core.progress import Tracker
from timbrebench.datasets.notes import notes_table
from timbrebench.experiments.studies.playing import RATE, play
from timbrebench.experiments.studies.study import (
    Study,
    StudyContext,
    StudyFinding,
    StudyResult,
)
from timbrebench.experiments.studies.study_scores import prepared, transfer
from timbrebench.experiments.studies.study_wording import counted, with_interval
from timbrebench.experiments.studies.style_content_curve_study import BALANCED
from timbrebench.experiments.studies.tuning_fork import tuning_forks
from timbrebench.experiments.studies.verdicts import all_positive
from timbrebench.experiments.suites.melodies import star_spangled_banner

#: The method whose claims these are.
CLAIMANT = "verma-smith"

HARP, FORK, VOICE, VIOLIN = "harp", "tuning fork", "voice", "violin"

#: Content and style of each direction.
DIRECTIONS = ((HARP, FORK), (VOICE, VIOLIN))

#: General MIDI programs of the instruments, counted from 0.
_PROGRAMS = {HARP: 46, VOICE: 53, VIOLIN: 40}

#: Share of the content's power at the notes from which its tune counts as kept.
_KEPT = 0.5

#: Seconds of the paper's spectrograms.
_DURATION_S = 2.57

#: Semitones by which the tune is moved in each repetition, in turn; the style's note moves the other way.
_KEYS = (0, 2, -3, 5, -5, 3, -2, 4)

#: MIDI pitch and velocity of the style's note where the tune is not moved: the A that forks sound.
_STYLE_PITCH, _STYLE_VELOCITY = 69, 90

_HARMONICS = 10
_N_FFT, _HOP_LENGTH = 4096, 512

#: What is measured, by its column.
_FIGURES = ("bandwidth_hz", "overtones", "notes")

#: Window that the figure shows, its highest frequency in hertz, and its range in decibels.
_SHOWN_N_FFT, _SHOWN_HZ, _SHOWN_DB = 1024, 6000, 70


@dataclass(frozen=True)
class CrossSettings:
    """How much is done: methods with their parameters, the claimant among them, and how often, 8 at most."""

    methods: Mapping[str, Mapping[str, object]]
    repetitions: int


#: Training of a network with few filters, at a tenth of the cost.
_NARROW = {"network": "alexnet-narrow", "max_epochs": 12, "learning_rate": 1e-3}

SMALL = CrossSettings(
    {
        CLAIMANT: {"training": _NARROW},
        "cross-synthesis": {},
        "wide-limit": {**BALANCED, "max_iterations": 100},
    },
    repetitions=5,
)
PAPER = CrossSettings({CLAIMANT: {}, "cross-synthesis": {}, "wide-limit": BALANCED}, repetitions=len(_KEYS))


def run(context: StudyContext, settings: CrossSettings) -> StudyResult:
    """Transfer both pairs with each method in each key, and measure the outputs."""
    methods = {name: prepared(context, name, parameters) for name, parameters in settings.methods.items()}
    soundfont = context.suite.configuration.playing_soundfont
    rows: list[dict[str, object]] = []
    shown: dict[tuple[str, str], Samples | None] = {}
    steps = len(DIRECTIONS) * settings.repetitions * len(methods)
    with Tracker("cross-synthesis", steps, "outputs") as tracker:
        for number, key in enumerate(_KEYS[: settings.repetitions]):
            for content_name, style_name in DIRECTIONS:
                banner, note = star_spangled_banner(key), _style_note(-key)
                content = _perform(content_name, banner, soundfont)
                style = _perform(style_name, note, soundfont)
                clips: dict[str, tuple[Samples | None, pd.DataFrame]] = {
                    "content": (content, banner),
                    "style": (style, note),
                    "target": (_perform(style_name, banner, soundfont), banner),
                }
                for name, method in methods.items():
                    clips[name] = (transfer(method, content, style, RATE, seed=number), banner)
                    tracker.advance()
                direction = f"{content_name} to {style_name}"
                for name, (samples, notes) in clips.items():
                    rows.append(
                        {"direction": direction, "sound": name, "key": key, **measure(samples, notes)}
                    )
                    shown.setdefault((direction, name), samples)
    repetitions = pd.DataFrame(rows)
    table = means(repetitions)
    return StudyResult(
        table,
        _figure(shown, repetitions[repetitions.key == _KEYS[0]]),
        _text(table, settings.repetitions),
        findings(repetitions),
        further={"repetitions": repetitions},
    )


def means(repetitions: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each figure over the keys, for each direction and sound in their order."""
    return repetitions.groupby(["direction", "sound"], sort=False, as_index=False)[list(_FIGURES)].mean()


def _style_note(transposition: int) -> pd.DataFrame:
    """Return one note for the whole clip."""
    return notes_table([(0.0, _DURATION_S, _STYLE_PITCH + transposition, _STYLE_VELOCITY)])


def _perform(instrument: str, notes: pd.DataFrame, soundfont: str) -> Samples:
    if instrument == FORK:
        return tuning_forks(notes, _DURATION_S, RATE)
    return play(notes, soundfont, _PROGRAMS[instrument], _DURATION_S)


def measure(samples: Samples | None, notes: pd.DataFrame) -> dict[str, float]:
    """Measure a clip of one tune.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,), or None
        The clip, at 22,050 Hz, not silent; None for an output that was refused.
    notes : pandas.DataFrame
        The tune, one note at a time.

    Returns
    -------
    dict of str to float
        ``bandwidth_hz``; ``overtones`` and ``notes``, from 0 to 1. See the module. NaN for what was refused.
    """
    if samples is None:
        return dict.fromkeys(_FIGURES, math.nan)
    power = np.square(magnitude(samples, 2048, 512).astype(np.float64))
    within = librosa.feature.spectral_bandwidth(S=power, sr=RATE, n_fft=2048)[0]
    harmonics, total = _harmonic_power(samples, notes)
    return {
        "bandwidth_hz": float(np.average(within, weights=power.sum(axis=0))),
        "overtones": float(harmonics[1:].sum() / harmonics.sum()),
        "notes": float(harmonics.sum() / total),
    }


def _harmonic_power(samples: Samples, notes: pd.DataFrame) -> tuple[NDArray[np.float64], float]:
    """Return the power near each harmonic of the notes, shape (10,), and all power while they sound."""
    power = np.square(magnitude(samples, _N_FFT, _HOP_LENGTH).astype(np.float64))
    hertz = librosa.fft_frequencies(sr=RATE, n_fft=_N_FFT)
    times = librosa.frames_to_time(np.arange(power.shape[1]), sr=RATE, hop_length=_HOP_LENGTH)
    harmonics, total = np.zeros(_HARMONICS), 0.0
    for onset, offset, pitch in zip(notes.onset_s, notes.offset_s, notes.pitch, strict=True):
        sounding = power[:, (times >= onset) & (times < offset)].sum(axis=1)
        total += float(sounding.sum())
        multiples = librosa.midi_to_hz(pitch) * np.arange(1, _HARMONICS + 1)
        for number, multiple in enumerate(multiples):
            # The window spreads a partial over two bins to either side, however low it is.
            width = max(multiple * (2 ** (1 / 24) - 1), 2 * RATE / _N_FFT)
            harmonics[number] += sounding[np.abs(hertz - multiple) <= width].sum()
    return harmonics, total


def _figure(outputs: dict[tuple[str, str], Samples | None], table: pd.DataFrame) -> Figure:
    directions = list(dict.fromkeys(direction for direction, _ in outputs))
    names = list(dict.fromkeys(name for _, name in outputs))
    figure = Figure(figsize=(2.0 * len(names), 4.8), layout="constrained")
    grid = figure.subplots(len(directions), len(names), sharex=True, sharey=True)
    bandwidths = table.set_index(["direction", "sound"]).bandwidth_hz
    for row, direction in zip(grid, directions, strict=True):
        for axes, name in zip(row, names, strict=True):
            samples = outputs[direction, name]
            if samples is None:
                axes.set_title(f"{name}\nrefused", fontsize=9)
                continue
            shown = magnitude(samples, _SHOWN_N_FFT, _HOP_LENGTH)
            levels = librosa.amplitude_to_db(shown, ref=np.max, top_db=_SHOWN_DB)
            rows = round(_SHOWN_HZ / RATE * _SHOWN_N_FFT)
            extent = (0, _DURATION_S, 0, _SHOWN_HZ / 1000)
            axes.imshow(levels[:rows], origin="lower", aspect="auto", cmap="magma", extent=extent)
            axes.set_title(f"{name}\nbandwidth {bandwidths[direction, name]:,.0f} Hz", fontsize=9)
        row[0].set_ylabel(f"{direction}\nfrequency in kHz")
    for axes in grid[-1]:
        axes.set_xlabel("time in s")
    return figure


def findings(repetitions: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge Verma & Smith's claims by what :func:`run` measures: a row for each direction, key and sound.

    A figure moves towards the style's where it changes in the right direction and ends nearer to that of the
    tune on the style's instrument: bandwidths by their logarithm, shares as they are.
    """
    made = []
    for (content, style), verb in zip(DIRECTIONS, ("shrinks", "grows"), strict=True):
        direction = f"{content} to {style}"
        for column, what in (
            ("bandwidth_hz", "bandwidth"),
            ("overtones", "strength of the higher harmonics"),
        ):
            figure = _by_key(repetitions, direction, column)
            gains = _gains(figure.map(math.log) if column == "bandwidth_hz" else figure, verb)
            made.append(
                StudyFinding(
                    f"From {direction} the {what} {verb}, towards the {style}'s (Verma & Smith 2017)",
                    all_positive(gains),
                    _change(figure, gains, style, column),
                )
            )
    shares_kept = {}
    for content, style in DIRECTIONS:
        notes = _by_key(repetitions, f"{content} to {style}", "notes")
        shares_kept[f"{content} to {style}"] = notes[CLAIMANT] / notes["content"]
    made.append(
        StudyFinding(
            "The output is still the content's tune: half of its power or more, as a share of the content's, "
            "lies at the harmonics of the notes",
            all_positive([shares - _KEPT for shares in shares_kept.values()]),
            f"{', '.join(f'{direction}: {_share(shares)}' for direction, shares in shares_kept.items())}.",
        )
    )
    return tuple(made)


def _by_key(repetitions: pd.DataFrame, direction: str, column: str) -> pd.DataFrame:
    """Return a figure of one direction: a row for each key, a column for each sound."""
    own = repetitions[repetitions.direction == direction]
    return own.pivot_table(index="key", columns="sound", values=column, dropna=False)


def _gains(figure: pd.DataFrame, verb: str) -> tuple[pd.Series, pd.Series]:
    """Return by how much a figure moves the right way, and how much nearer to the target, in each key."""
    before, after, target = (figure[sound] for sound in ("content", CLAIMANT, "target"))
    moved = before - after if verb == "shrinks" else after - before
    return moved, (before - target).abs() - (after - target).abs()


def _change(figure: pd.DataFrame, gains: tuple[pd.Series, pd.Series], style: str, column: str) -> str:
    """Say what has become of a figure, and what it should have become."""
    if figure[CLAIMANT].isna().any():
        return f"{figure[CLAIMANT].isna().sum()} of {len(figure)} outputs were refused."
    before, after, target = (figure[sound].mean() for sound in ("content", CLAIMANT, "target"))
    change = figure[CLAIMANT] - figure["content"]
    if column == "overtones":
        by = with_interval(100 * change, decimals=1, unit=" points")
        shown, wanted = f"{before:.0%} to {after:.0%}, by {by}", f"{target:.0%}"
    else:
        by = with_interval(change, decimals=0, unit=" Hz")
        shown, wanted = f"{before:,.0f} Hz to {after:,.0f} Hz, by {by}", f"{target:,.0f} Hz"
    moved, nearer = (int((gain > 0).sum()) for gain in gains)
    return (
        f"From {shown}; the tune on the {style} has {wanted}. "
        f"In the right direction in {moved} of {len(figure)} keys, nearer to it in {nearer}."
    )


def _share(shares: pd.Series) -> str:
    """Write a mean share with its interval."""
    return "refused" if shares.isna().any() else with_interval(shares, decimals=0, kind="%")


def _text(table: pd.DataFrame, repetitions: int) -> str:
    sentences = [
        f"The claims are about `verma-smith`. Figures are means over {counted(repetitions, 'key')}; "
        "the figure shows the first."
    ]
    for content, style in DIRECTIONS:
        own = table[table.direction == f"{content} to {style}"].set_index("sound")
        methods = own.drop(index=["content", "style", "target"])
        away = np.log(methods.bandwidth_hz / own.bandwidth_hz["target"]).abs().dropna()
        measured = [
            f"`{name}` {row.bandwidth_hz:,.0f} Hz with {row.notes:.0%} of the power at the notes"
            if name in away.index
            else f"`{name}` was refused"
            for name, row in methods.iterrows()
        ]
        if len(away):
            measured[-1] += f"; nearest to the target's bandwidth is `{away.idxmin()}`"
        sentences.append(
            f"From {content} to {style} (content {own.bandwidth_hz['content']:,.0f} Hz, target "
            f"{own.bandwidth_hz['target']:,.0f} Hz): {', '.join(measured)}."
        )
    return " ".join(sentences)


_CHANGED = (
    "The paper shows one recording of each direction and gives no figures; here a tune is rendered in "
    "several keys, so that what the style's instrument would play is known, and the fork is computed. "
    "The network is trained on the run's instruments instead of AudioSet's 80 classes; weights, layers "
    "and iterations are those of `verma-smith`, since the paper states none."
)

STUDY = Study(
    name="cross-synthesis",
    question="What becomes of bandwidth and overtones when one instrument takes on the sound of another?",
    source="Verma & Smith 2017",
    run=run,
    small=SMALL,
    paper=PAPER,
    changes={
        "small": f"{_CHANGED} The network has 32 to 96 filters in the place of 96 to 384.",
        "paper": _CHANGED,
    },
)
