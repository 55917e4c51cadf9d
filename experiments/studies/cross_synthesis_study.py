"""What becomes of bandwidth and overtones when one instrument takes on the sound of another.

Verma & Smith (2017) show two pairs: a harp with a tuning fork for style, whose bandwidth should shrink to
that of the fork, and a singing voice with a violin for style, whose bandwidth should grow. Here the harp and
the voice play the beginning of *The Star-Spangled Banner*, and the styles that of the *Ode to Joy*; as the
notes are known, the tune as the style's instrument plays it is known, too.

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

import librosa
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.audio.spectra import magnitude
from timbrebench.core.progress import Tracker
from timbrebench.experiments.studies.playing import RATE, play
from timbrebench.experiments.studies.study import (
    STUDY_SETTINGS,
    Study,
    StudyContext,
    StudyFinding,
    StudyResult,
)
from timbrebench.experiments.studies.study_scores import prepared, transfer
from timbrebench.experiments.studies.study_wording import format_distinct
from timbrebench.experiments.studies.style_content_curve_study import BALANCED
from timbrebench.experiments.studies.tuning_fork import tuning_forks
from timbrebench.experiments.studies.verdicts import decided
from timbrebench.experiments.suites.melodies import ode_to_joy, star_spangled_banner

#: The method whose claims these are.
CLAIMANT = "verma-smith"

HARP, FORK, VOICE, VIOLIN = "harp", "tuning fork", "voice", "violin"

#: Content and style of each direction.
DIRECTIONS = ((HARP, FORK), (VOICE, VIOLIN))

#: General MIDI programs of the instruments, counted from 0.
_PROGRAMS = {HARP: 46, VOICE: 53, VIOLIN: 40}

#: Share of the content's power at the notes from which its tune counts as kept.
_KEPT = 0.5

_DURATION_S = 4.0
_HARMONICS = 10
_N_FFT, _HOP_LENGTH = 4096, 512

#: Window that the figure shows, its highest frequency in hertz, and its range in decibels.
_SHOWN_N_FFT, _SHOWN_HZ, _SHOWN_DB = 1024, 6000, 70


#: Methods and their parameters, the claimant among them.
SMALL: Mapping[str, Mapping[str, object]] = {
    CLAIMANT: {},
    "cross-synthesis": {},
    "wide-limit": {**BALANCED, "max_iterations": 100},
}
PAPER: Mapping[str, Mapping[str, object]] = {CLAIMANT: {}, "cross-synthesis": {}, "wide-limit": BALANCED}


def run(context: StudyContext, settings: Mapping[str, Mapping[str, object]]) -> StudyResult:
    """Transfer both pairs with each method, and measure the outputs."""
    methods = {name: prepared(context, name, parameters) for name, parameters in settings.items()}
    soundfont = context.suite.configuration.playing_soundfont
    rows, outputs = [], {}
    with Tracker("cross-synthesis", len(DIRECTIONS) * len(methods), "outputs") as tracker:
        for content_name, style_name in DIRECTIONS:
            banner, ode = star_spangled_banner(), ode_to_joy()
            content = _perform(content_name, banner, soundfont)
            style = _perform(style_name, ode, soundfont)
            clips: dict[str, tuple[Samples | None, pd.DataFrame]] = {
                "content": (content, banner),
                "style": (style, ode),
                "target": (_perform(style_name, banner, soundfont), banner),
            }
            for name, method in methods.items():
                clips[name] = (transfer(method, content, style, RATE), banner)
                tracker.advance()
            direction = f"{content_name} to {style_name}"
            for name, (samples, notes) in clips.items():
                rows.append({"direction": direction, "sound": name, **measure(samples, notes)})
                outputs[direction, name] = samples
    table = pd.DataFrame(rows)
    return StudyResult(table, _figure(outputs, table), _text(table), findings(table))


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
        return dict.fromkeys(("bandwidth_hz", "overtones", "notes"), math.nan)
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


def findings(table: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge Verma & Smith's claims by a table as :func:`run` makes it."""
    found = []
    for (direction, own), (_, style), verb in zip(
        _by_direction(table), DIRECTIONS, ("shrinks", "grows"), strict=True
    ):
        for column, what in (("bandwidth_hz", "bandwidth"), ("overtones", "share of overtones")):
            before, after, target = own[column][["content", CLAIMANT, "target"]]
            right_way = after < before if verb == "shrinks" else after > before
            found.append(
                StudyFinding(
                    f"From {direction} the {what} {verb}, towards the {style}'s (Verma & Smith 2017)",
                    decided(right_way and abs(after - target) < abs(before - target)),
                    _change(before, after, target, style, column),
                )
            )
    shares = {
        direction: own.notes[CLAIMANT] / own.notes["content"] for direction, own in _by_direction(table)
    }
    found.append(
        StudyFinding(
            "The output is still the content's tune: half of its power or more, as a share of the content's, "
            "lies at the harmonics of the notes",
            decided(all(share >= _KEPT for share in shares.values())),
            f"{', '.join(f'{direction}: {_share(share)}' for direction, share in shares.items())}.",
        )
    )
    return tuple(found)


def _by_direction(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    names = [f"{content} to {style}" for content, style in DIRECTIONS]
    return [(name, table[table.direction == name].set_index("sound")) for name in names]


def _change(before: float, after: float, target: float, style: str, column: str) -> str:
    """Say what has become of a figure, and what it should have become."""
    if math.isnan(after):
        return "The output was refused."
    if column == "overtones":
        shown = format_distinct(before, after, target, decimals=0, kind="%")
    else:
        shown = [f"{hertz} Hz" for hertz in format_distinct(before, after, target, decimals=0)]
    return f"From {shown[0]} to {shown[1]}; the tune on the {style} has {shown[2]}."


def _share(share: float) -> str:
    return "refused" if math.isnan(share) else format_distinct(share, _KEPT, decimals=0, kind="%")[0]


def _text(table: pd.DataFrame) -> str:
    sentences = ["The claims are about `verma-smith`."]
    for direction, own in _by_direction(table):
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
            f"From {direction} (content {own.bandwidth_hz['content']:,.0f} Hz, target "
            f"{own.bandwidth_hz['target']:,.0f} Hz): {', '.join(measured)}."
        )
    return " ".join(sentences)


STUDY = Study(
    name="cross-synthesis",
    question="What becomes of bandwidth and overtones when one instrument takes on the sound of another?",
    source="Verma & Smith 2017",
    run=run,
    small=SMALL,
    paper=PAPER,
    changes=dict.fromkeys(
        STUDY_SETTINGS,
        "The paper shows one recording of each direction, with a single note of the violin, and gives no "
        "figures; here tunes are rendered, so that what the style's instrument would play is known.",
    ),
)
