"""Give a recorded note the length that it is played with, without clicks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate

from timbrebench.audio.clips import Samples
from timbrebench.datasets.soundfonts.take_measurement import TAKE_RATE

#: Seconds in which a note that is let go fades by 60 dB.
RELEASE_S = 0.15

#: Samples over which the end of a recording fades, and over which a loop crosses into its next round: 5, 30
#: ms.
_END_FADE, _LOOP_FADE = 220, 1323

#: Samples that a loop lasts at least: 0.1 s, since shorter ones sound like an organ.
_SHORTEST_LOOP = 4410

#: A longer loop is taken where the signal resembles itself as well as where it does best, but for this.
_AS_ALIKE = 0.02


def fade_ends(samples: Samples, attack: int) -> Samples:
    """Return a copy that fades in over `attack` samples and out over the last 5 ms."""
    faded = samples.astype(np.float32, copy=True)
    attack, end = min(attack, len(faded)), min(_END_FADE, len(faded))
    faded[:attack] *= _rise(attack)
    faded[len(faded) - end :] *= _rise(end)[::-1]
    return faded


def let_go(note: Samples, held: int) -> Samples:
    """Return a note that fades out after `held` samples: by 60 dB in 0.15 s, and to nothing at their end."""
    release = round(RELEASE_S * TAKE_RATE)
    note = note[: held + release].copy()
    along = (np.arange(release, dtype=np.float32) / np.float32(release))[: len(note[held:])]
    note[held:] *= np.float32(10.0) ** (-3 * along) * (1 - along)
    return note


def sustain(body: Samples, first: int, last: int, length: int) -> Samples:
    """Hold a note for longer than it was played, by a loop.

    Parameters
    ----------
    body : numpy.ndarray, shape (n,)
        A take from its onset.
    first, last : int
        From where to where its tone is steady enough to be repeated.
    length : int
        Samples that are wanted.

    Returns
    -------
    numpy.ndarray, shape (length,) or (n,)
        The take up to `last`, and then what lies before `last` again and again, each time from where the
        signal is most alike. A steady part of less than 0.16 s is not repeated: the take is as it was.
    """
    template_start = last - _LOOP_FADE
    latest = template_start - _SHORTEST_LOOP
    if latest - first < _LOOP_FADE:
        return body
    template = body[template_start:last].astype(np.float64)
    region = body[first : latest + _LOOP_FADE].astype(np.float64)
    alike = correlate(region, template, mode="valid") / np.sqrt(_energies(region, _LOOP_FADE))
    start = first + int(np.argmax(alike >= alike.max() - _AS_ALIKE * np.sqrt(template @ template)))
    weights = _rise(_LOOP_FADE)
    crossing = body[template_start:last] * (1 - weights) + body[start : start + _LOOP_FADE] * weights
    cycle = np.concatenate([crossing, body[start + _LOOP_FADE : template_start]])
    rounds = max(0, -(-(length - template_start) // len(cycle)))
    return np.concatenate([body[:template_start], np.tile(cycle, rounds)])[:length]


def _energies(samples: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the sum of squares of each window of a width, above zero."""
    sums = np.concatenate([[0.0], np.cumsum(samples**2)])
    energies: NDArray[np.float64] = np.maximum(sums[width:] - sums[:-width], 1e-12)
    return energies


def _rise(length: int) -> NDArray[np.float32]:
    """Return weights that rise from nearly 0 to nearly 1 without a corner."""
    along = (np.arange(length) + 0.5) / max(length, 1)
    return (0.5 - 0.5 * np.cos(np.pi * along)).astype(np.float32)
