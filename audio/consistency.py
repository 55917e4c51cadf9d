"""Phase from local consistency: every bin takes the phase that its neighbours call for.

Transforming a spectrum to samples and back makes each bin a weighted sum of the bins around it, with weights
that depend on window and hop only. A spectrum is that of a clip where this changes nothing. The weights
fade quickly, so a few neighbours carry nearly all: those up to two bins away and in all frames whose windows
overlap hold 0.999 of the squared weights (n_fft 2048, hop_length 512). One iteration visits all bins, frame
by frame, and gives each the phase of the sum over its neighbours. Two things make it faster than Griffin-Lim:
the sum leaves out the bin itself, which only defends the phase it has, and it uses at once what was updated
before.

Not taken over is the option of updating loud bins first and quieter ones in later iterations. It saves time,
because most bins are quiet, a tenth of it being left in one setting, and converged a little less in as many
iterations: -25.6 instead of -26.2 dB after 60 for a clarinet.

Where hop_length does not divide n_fft into three or more, windows do not add up evenly and the weights are
those of the mean. Frames beyond the ends of the clip count as silent.

Compiling the loop takes a second, once in each process.

References
----------
J. Le Roux, H. Kameoka, N. Ono and S. Sagayama, "Fast signal reconstruction from magnitude STFT spectrogram
based on spectrogram consistency", International Conference on Digital Audio Effects (DAFx), 2010.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from timbrebench.audio.fourier import ShortTimeFourier, Spectrum
from timbrebench.audio.spectra import Spectrogram
from timbrebench.core.progress import Tracker

#: Bins to either side that count as neighbours. Five instead of two gained less than 0.2 dB in 60 iterations.
REACH = 2


def make_consistent(
    start: Spectrum, magnitude: Spectrogram, transform: ShortTimeFourier, *, iterations: int
) -> Spectrum:
    """Improve the phase of a spectrum by making neighbouring bins agree.

    Parameters
    ----------
    start : numpy.ndarray, shape (bins, frames), complex64
        The magnitudes with the phase to start from.
    magnitude : numpy.ndarray, shape (bins, frames)
        The magnitudes.
    transform : ShortTimeFourier
        Where they are from.
    iterations : int
        How often to visit all bins.

    Returns
    -------
    numpy.ndarray, shape (bins, frames), complex64
        The magnitudes with a better phase.
    """
    weights = local_weights(transform)
    offsets = np.arange(len(weights)) - len(weights) // 2
    weights[len(weights) // 2, REACH] = 0
    advance = 2 * np.pi * transform.hop_length / transform.n_fft * np.arange(len(start))
    turns = np.exp(-1j * np.outer(offsets, advance))
    # Frames first, so that what the loop visits together lies together.
    spectrum = np.ascontiguousarray(start.T, dtype=np.complex128)
    wanted = np.ascontiguousarray(magnitude.T, dtype=np.float64)
    with Tracker("Le Roux", iterations, "iterations") as tracker:
        for _ in range(iterations):
            _visit(spectrum, wanted, weights, turns)
            tracker.advance()
    return np.ascontiguousarray(spectrum.T, dtype=np.complex64)


def local_weights(transform: ShortTimeFourier) -> NDArray[np.complex128]:
    """Return the weights with which a bin is the sum of its neighbours.

    With w the window, N its length, a the hop and C the sum of w² over all windows that cover a sample, the
    spectrum after going there and back is

        H'[k, n] = Σ_q exp(-2πi k q a / N) Σ_p α[q, p] H[k + p, n + q],
        α[q, p] = exp(-2πi p q a / N) / (N C) Σ_t w[t] w[t - q a] exp(2πi p t / N).

    They are α for q over all frames that overlap and p from -REACH to REACH: shape (2 * overlap + 1, 2 *
    REACH + 1), complex128.
    """
    n_fft, hop_length, window = transform.n_fft, transform.hop_length, transform.window
    overlap = -(-n_fft // hop_length) - 1
    cover = float(window @ window) / hop_length
    bins = np.arange(-REACH, REACH + 1)
    padded = np.pad(window, n_fft)
    rows = []
    for shift in hop_length * np.arange(-overlap, overlap + 1):
        product = window * padded[n_fft - shift : 2 * n_fft - shift]
        rows.append(np.exp(-2j * np.pi * bins * shift / n_fft) * np.fft.ifft(product)[bins] / cover)
    return np.array(rows)


@njit(cache=True)
def _visit(
    spectrum: NDArray[np.complex128],
    magnitude: NDArray[np.float64],
    weights: NDArray[np.complex128],
    turns: NDArray[np.complex128],
) -> None:
    """Give every bin of `spectrum`, of shape (frames, bins), the phase of the sum over its neighbours."""
    frames, bins = spectrum.shape
    overlap, reach = weights.shape[0] // 2, weights.shape[1] // 2
    for frame in range(frames):
        first, last = max(-overlap, -frame), min(overlap, frames - 1 - frame)
        for k in range(bins):
            total = 0j
            for q in range(first, last + 1):
                part = 0j
                for p in range(-reach, reach + 1):
                    neighbour = k + p
                    if neighbour < 0:  # samples are real: what lies beyond mirrors what lies within
                        value = spectrum[frame + q, -neighbour].conjugate()
                    elif neighbour >= bins:
                        value = spectrum[frame + q, 2 * bins - 2 - neighbour].conjugate()
                    else:
                        value = spectrum[frame + q, neighbour]
                    part += weights[q + overlap, p + reach] * value
                total += part * turns[q + overlap, k]
            size = abs(total)
            if size > 0:
                spectrum[frame, k] = total * (magnitude[frame, k] / size)
