"""Style transfer with one random convolution (Ulyanov & Lebedev, 2016).

The log-magnitude spectrogram of the output is optimised, from noise, so that the features of a shallow
network with random weights match those of the content, and their correlations over time (the Gram matrix)
those of the style. The network sees the spectrogram as a sequence of frames with one channel for each
frequency; it is one convolution over 11 frames, followed by a ReLU. The phase is estimated afterwards.

The text says: a spectrogram whose frequencies are channels, a network of one random layer with 4,096
filters, Griffin-Lim. All other settings are those of the authors' script, and the defaults here: 22,050 Hz,
n_fft 2048, hop_length 512, log(1 + magnitude), filters over 11 frames, content weight 1e-2, L-BFGS with 300
iterations, Griffin-Lim with 500.

Where the script does what the text does not say (preset ``code``):

- *Lengths.* The script cuts the style to the content's length. By default (preset ``text``) all of it counts.

What differs from the script under either preset:

- *Division.* Each Gram matrix is divided by the number of spectrogram frames of its own clip: the same where
  the lengths are equal. The script also cuts the content to the style's length; here the output is as long as
  the content.
- *Range.* Nothing keeps the optimised log-magnitudes in the range of audio, and ``expm1`` makes negative or
  infinite magnitudes of those that leave it. They are clamped to [0, the highest of content and style].
- *Other rates.* Clips at another rate are resampled to the published one, and the output back.
- *Convergence.* L-BFGS keeps scipy's tolerances, so it may stop before the last iteration.
- *Level.* Output that exceeds full scale is scaled down as a whole.

References
----------
D. Ulyanov and V. Lebedev, "Audio texture synthesis and style transfer", blog post, 2016,
https://dmitryulyanov.github.io/audio-texture-synthesis-and-style-transfer/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from timbrebench.audio.inversion import Inversion
from timbrebench.audio.spectra import Spectrogram
from timbrebench.core.progress import Tracker
from timbrebench.transfer.algorithms.optimisation import Device, find_device
from timbrebench.transfer.algorithms.random_convolution import START_STD, Objective, draw_filters
from timbrebench.transfer.bases.convolution_parameters import ConvolutionParameters
from timbrebench.transfer.bases.spectrogram_method import SpectrogramMethod, SpectrogramParameters


class UlyanovParameters(SpectrogramParameters, ConvolutionParameters):
    """Settings of :class:`Ulyanov`; the defaults are the published ones.

    Attributes
    ----------
    preset : {"text", "code"}
        "code" cuts the style to the content's length, as the authors' script does.
    inversion : Inversion
        500 iterations of Griffin-Lim from a random phase by default.
    device : {"auto", "cpu", "cuda"}
        Where loss and gradient are computed; "auto", a GPU where there is one, by default.
    """

    preset: Literal["text", "code"] = "text"
    inversion: Inversion = Inversion(algorithm="griffin-lim", iterations=500, start="random")
    device: Device = "auto"


#: Loss and gradient of a flattened spectrogram.
_Evaluate = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]


def minimise(objective: _Evaluate, start: NDArray[np.float64], max_iterations: int) -> NDArray[np.float64]:
    """Minimise an objective with L-BFGS, at scipy's tolerances, and show how far it is.

    Parameters
    ----------
    objective : callable
        What to minimise: returns loss and gradient of a flattened spectrogram, as
        :class:`~timbrebench.transfer.algorithms.random_convolution.Objective` does.
    start : numpy.ndarray, shape (bins, frames)
        The spectrogram to start from.
    max_iterations : int
        Maximum iterations.

    Returns
    -------
    numpy.ndarray, shape (bins, frames), float64
        The best spectrogram; its values are not bounded.
    """
    with Tracker("ulyanov", max_iterations, "iterations") as tracker:
        result = minimize(
            objective,
            start.ravel(),
            method="L-BFGS-B",
            jac=True,
            callback=lambda _: tracker.advance(),
            # A line search may take up to 20 evaluations; only the iterations are to be limited.
            options={"maxiter": max_iterations, "maxfun": 100 * max_iterations},
        )
    optimised: NDArray[np.float64] = result.x.reshape(start.shape)
    return optimised


class Ulyanov(SpectrogramMethod):
    """Style transfer with one random convolution; see the module for what is published and what is not."""

    name = "ulyanov"
    version = 4
    summary = "optimises a spectrogram to match features and Gram matrix of one random convolution"
    source = "D. Ulyanov and V. Lebedev, Audio texture synthesis and style transfer, 2016"
    Parameters = UlyanovParameters
    parameters: UlyanovParameters

    def minimise(self, objective: _Evaluate, start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the optimised spectrogram (:func:`minimise`)."""
        return minimise(objective, start, self.parameters.max_iterations)

    def transform(self, content: Spectrogram, style: Spectrogram, rng: np.random.Generator) -> Spectrogram:
        """Return the magnitudes whose logarithm minimises the objective, from noise."""
        settings = self.parameters
        if settings.preset == "code":
            style = style[:, : content.shape[1]]
        content, style = np.log1p(content), np.log1p(style)
        filters_rng, start_rng = rng.spawn(2)
        filters = draw_filters(
            filters_rng,
            n_filters=settings.n_filters,
            n_bins=len(content),
            kernel_width=settings.kernel_width,
        )
        objective = Objective(content, style, filters, settings.content_weight, find_device(settings.device))
        start = start_rng.standard_normal(content.shape) * START_STD
        optimised = self.minimise(objective, start)
        magnitudes: Spectrogram = np.expm1(np.clip(optimised, 0, max(content.max(), style.max())))
        return magnitudes
