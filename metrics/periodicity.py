"""Whether the rhythm is kept, or taken over.

Definition
----------
All four metrics use the onset envelope (:func:`~timbrebench.metrics.detection.onset_envelope`), 86.13
frames a second: how much the spectrum rises, whatever the loudness and the instrument.

``onset_envelope_correlation``: do notes begin when the content's do? The Pearson correlation of the two
envelopes, up to the end of the shorter one and without 10 frames (116 ms) at either end, where windows reach
beyond the clip. One envelope may be late by up to 4 frames (46 ms, less than the 50 ms by which an onset may
be off in onset F1): the greatest correlation over these nine lags counts. There is no score where the
lengths differ by more than 50 ms, nor for clips under 1 s.

The *hierarchy* of a clip is how much its envelope resembles itself some time later, for lags from a short
note to a bar:

1. Windows of 2 s (172 frames), one from each frame, each less its own mean. Local, so that a slow change of
   density does not pass for periodicity.
2. For each lag: the sum over all windows of the product of a window with the one that begins a lag later,
   over the geometric mean of their sums of squares. So windows count by how much happens in them, and those
   in which nothing does need no rule. 1 for a rhythm that repeats after the lag, 0 for none, at least -1.
3. Lags: 64 of equal ratio (4.9 %) from 0.1 s to 2 s, interpolated between the frames: each octave of a
   metre counts alike.

``autocorrelation_error_content``, ``autocorrelation_error_style``: the root mean square difference of the
output's hierarchy and the content's or style's, over the 64 lags. When notes begin does not count, only
after which times the rhythm repeats; lengths may differ.

``tempo_error``: ``|log2(tempo of the output / tempo of the content)|`` in octaves. The tempo is that of the
lag, up to 2 s, where the local autocorrelation times the prior ``exp(-log2(tempo / 120)^2 / 2)`` is greatest,
among tempi from 30 to 304 beats a minute (lags of 17 to 172 frames; at 120 a frame is 2.3 %, 0.03 octaves).
An octave too fast counts as one octave: where quavers take over, more has changed than nothing. Regular beats
resemble themselves after two beats, too, so of a tempo and its half the one nearer 120 is taken: above 170
it is the half. Estimates jump by octaves and by parts of a bar: the share of small errors says more than the
mean.

Range: -1 to 1 for the correlation, higher is better; 0 to 2 for the errors of autocorrelation, lower is
better for the content's, neither direction for the style's, which tells a rhythm taken over from one that is
kept; 0 to 3.34 octaves for the tempo, lower is better. A clip that is silent, has fewer than 3 onsets or,
but for the correlation, is shorter than 4 s (twice the longest lag) has no score, nor has a tempo where no
autocorrelation is positive.

What to compare with: the medians on 28 renderings of 5 s (six instruments, one soundfont), for the content's
notes played by another instrument, and for other pieces:

============================= ========== =========== =================================================
metric                        same notes other piece area under the receiver operating characteristic
============================= ========== =========== =================================================
onset_envelope_correlation    0.91       0.08        1.00
autocorrelation_error_content 0.06       0.35        1.00
tempo_error                   0.00       0.41        0.89
============================= ========== =========== =================================================

The tempo is the same (within a tenth of an octave) in 86 % of the former and in 14 % of the latter.
White noise has too few onsets in a third of all cases; elsewhere its correlation is 0.07.

References
----------
S. Barry and Y. Kim, "'Style' transfer for musical audio using multiple time-frequency representations",
submission to the International Conference on Learning Representations (ICLR), 2018, section 4.1: the mean
local autocorrelation shows how much of the rhythmic hierarchy a texture keeps. It is shown as a curve there;
windows, lags and the distance of two curves are settled here.

P. Grosche, M. Müller and F. Kurth, "Cyclic tempogram: a mid-level tempo representation for music signals",
International Conference on Acoustics, Speech and Signal Processing (ICASSP), 2010: the local autocorrelation
of an onset envelope.

D. P. W. Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36(1), 2007: the prior
over tempi, with the centre and width of ``librosa.feature.tempo``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from timbrebench.metrics.contract import metric
from timbrebench.metrics.sound import RATE, Sound, Unscorable
from timbrebench.metrics.target import check_lengths
from timbrebench.metrics.trial import Trial

#: Frames of an onset envelope a second.
FRAME_RATE = RATE / 256

#: By how many frames an envelope may be late or early: 46 ms.
MAX_DELAY = 4

#: Frames at either end whose windows, or those that they are compared with, reach beyond the clip.
EDGE = 10

#: Frames of a window (2 s) and of the longest lag (2 s).
WINDOW = LONGEST = int(2.0 * FRAME_RATE)
LAGS_S = np.geomspace(0.1, LONGEST / FRAME_RATE, 64)

#: Frames of the shortest beat, 304 a minute.
SHORTEST_BEAT = 17
TYPICAL_BPM = 120.0

_FEWEST_ONSETS = 3
_TWO_WINDOWS_S = 4.0


def envelope_correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Return the greatest correlation of two onset envelopes over delays of up to 4 frames.

    Parameters
    ----------
    first, second : array_like, shape (frames,)
        Envelopes of 86.13 frames a second, not constant; the end of the longer one is left out.

    Returns
    -------
    float
        -1 to 1; the same in either order.

    Raises
    ------
    Unscorable
        If either has fewer than 20 frames or is constant.

    Examples
    --------
    >>> import numpy as np
    >>> clicks = np.tile([1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 20)
    >>> round(envelope_correlation(clicks, np.roll(3 * clicks, 2)), 6)
    1.0
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    n = min(len(x), len(y))
    inner = slice(MAX_DELAY, n - MAX_DELAY)  # what is compared at every delay
    if n < 20 or np.ptp(x[inner]) == 0 or np.ptp(y[inner]) == 0:
        raise Unscorable("the onset envelope is constant or has fewer than 20 frames")
    correlations = [
        np.corrcoef(x[max(0, -delay) : n - max(0, delay)], y[max(0, delay) : n - max(0, -delay)])[0, 1]
        for delay in range(-MAX_DELAY, MAX_DELAY + 1)
    ]
    return min(1.0, float(max(correlations)))


def local_autocorrelation(envelope: ArrayLike) -> NDArray[np.float64]:
    """Return the mean autocorrelation of an onset envelope within windows of 2 s.

    Parameters
    ----------
    envelope : array_like, shape (frames,)
        At least 344 frames, 86.13 a second, not constant.

    Returns
    -------
    numpy.ndarray, shape (173,), float64
        -1 to 1, for lags of 0 to 172 frames (2 s); the first is 1.

    Raises
    ------
    Unscorable
        If the envelope is shorter or constant.
    """
    values = np.asarray(envelope, dtype=np.float64)
    if len(values) < WINDOW + LONGEST:
        raise Unscorable(f"the onset envelope has {len(values)} frames, {WINDOW + LONGEST} are needed")
    if np.ptp(values) == 0:
        raise Unscorable("the onset envelope is constant")
    windows = sliding_window_view(values, WINDOW)
    windows = windows - windows.mean(axis=1, keepdims=True)
    n = len(windows)
    energy = np.concatenate([[0.0], np.cumsum(np.square(windows).sum(axis=1))])
    lags = np.arange(LONGEST + 1)
    shared = [np.vdot(windows[: n - lag], windows[lag:]) for lag in lags]
    norms = np.sqrt(energy[n - lags] * (energy[n] - energy[lags]))
    return np.asarray(np.array(shared) / norms)


def hierarchy(envelope: ArrayLike) -> NDArray[np.float64]:
    """Return the local autocorrelation at 64 lags of equal ratio from 0.1 s to 2 s.

    Takes what :func:`local_autocorrelation` takes and raises what it raises; shape (64,).
    """
    return _levels(local_autocorrelation(envelope))


def _levels(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.interp(LAGS_S * FRAME_RATE, np.arange(len(correlation)), correlation))


def tempo_bpm(envelope: ArrayLike) -> float:
    """Return the tempo of an onset envelope, 30 to 304 beats a minute.

    Takes and raises what :func:`local_autocorrelation` does; Unscorable, too, if the envelope resembles
    itself after no lag.
    """
    return _likeliest_tempo(local_autocorrelation(envelope))


def _likeliest_tempo(correlation: NDArray[np.float64]) -> float:
    lags = np.arange(SHORTEST_BEAT, LONGEST + 1)
    tempi = 60 * FRAME_RATE / lags
    likely = correlation[lags] * np.exp(-0.5 * np.log2(tempi / TYPICAL_BPM) ** 2)
    best = int(likely.argmax())
    if likely[best] <= 0:
        raise Unscorable("there is no beat: the onset envelope resembles itself after no lag up to 2 s")
    return float(tempi[best])


def _envelope(sound: Sound, shortest_s: float) -> NDArray[np.float32]:
    """Return the onset envelope of a clip that has a rhythm."""
    if sound.duration_s < shortest_s - 0.01:  # a file may lack some samples
        raise Unscorable(
            f"the {sound.name} is too short: it lasts {sound.duration_s:.2f} s, {shortest_s:g} s are needed"
        )
    _ = sound.standard  # silence is the better reason where there are no onsets, either
    if len(sound.onsets) < _FEWEST_ONSETS:
        raise Unscorable(
            f"the {sound.name} has too few onsets: {len(sound.onsets)} found, {_FEWEST_ONSETS} needed"
        )
    return sound.onset_envelope


def _autocorrelation(sound: Sound) -> NDArray[np.float64]:
    return local_autocorrelation(_envelope(sound, _TWO_WINDOWS_S))


def _hierarchy_error(output: Sound, target: Sound) -> float:
    difference = _levels(output.once(_autocorrelation)) - _levels(target.once(_autocorrelation))
    return float(np.sqrt(np.mean(difference**2)))


@metric(
    lower=-1.0,
    direction="higher",
    relevant_change=0.05,
    summary="Do notes begin when the content's do?",
    responds={"noise": "falls", "shifted_onsets": "falls", "time_stretch": "falls"},
)
def onset_envelope_correlation(trial: Trial) -> float:
    """Return the correlation of the onset envelopes of output and content."""
    check_lengths(trial.output, trial.content)
    output, content = (_envelope(sound, 1.0)[EDGE:-EDGE] for sound in (trial.output, trial.content))
    return envelope_correlation(output, content)


@metric(
    upper=2.0,
    direction="lower",
    relevant_change=0.02,
    summary="Does the output repeat itself after the same times as the content?",
    responds={"shifted_onsets": "rises", "time_stretch": "rises"},
)
def autocorrelation_error_content(trial: Trial) -> float:
    """Return the distance of the output's rhythmic hierarchy from the content's."""
    return _hierarchy_error(trial.output, trial.content)


@metric(
    upper=2.0,
    direction="none",
    relevant_change=0.02,
    summary="Does the output repeat itself after the same times as the style?",
)
def autocorrelation_error_style(trial: Trial) -> float:
    """Return the distance of the output's rhythmic hierarchy from the style's."""
    return _hierarchy_error(trial.output, trial.style)


@metric(
    unit="octaves",
    upper=math.log2(LONGEST / SHORTEST_BEAT),
    direction="lower",
    relevant_change=0.1,
    summary="How far is the output's tempo from the content's?",
    responds={"time_stretch": "rises"},
)
def tempo_error(trial: Trial) -> float:
    """Return by how many octaves the output's tempo differs from the content's."""
    output, content = (
        _likeliest_tempo(sound.once(_autocorrelation)) for sound in (trial.output, trial.content)
    )
    return abs(math.log2(output / content))
