"""Style transfer with one random convolution on a wavelet transform, after a project proposal of 2021.

What Ulyanov & Lebedev (2016) do with the short-time Fourier transform is done with the continuous wavelet
transform: its windows are long for low frequencies and short for high ones, as in hearing. The logarithm of
the magnitudes of the output is optimised by L-BFGS, from noise, so that the features of 4,096 random
filters match those of the content, and their correlations over time (the Gram matrix) those of the style,
whose picture is resized to the content's. The phase is then found by Griffin-Lim through the inverse
wavelet transform: transform back, transform again, keep the phase, put the magnitudes back.

As proposed, and the defaults here: one layer of 4,096 filters, differences of feature maps for the content
and of Gram matrices for the style, both pictures resized to one size, L-BFGS, Griffin-Lim through the
inverse wavelet transform.

Not as proposed:

- *Maps.* The proposal's have the width times the height of a picture, so its filters move over frequency,
  too. Here, as in Ulyanov & Lebedev's network, a filter sees all bands at once and moves over time alone: a
  map is one frame high. 4,096 maps as large as the picture of 5 s, 202 × 216, are 0.7 GB, and their Gram
  matrix and its gradient 3 TFLOP: a minute of one core for each of some 300 evaluations.
- *Audio.* The proposal's is stereo at 44,100 Hz in 10 s, AudioSet's. Here it is mono at 22,050 Hz, of any
  length.

What the proposal leaves open, and how it is settled here; objective and other settings are those of
:mod:`timbrebench.transfer.methods.ulyanov` (11 frames, content weight 1e-2, 300 iterations):

- *Wavelet and bands.* No wavelet is named. Here it is a complex Morlet wavelet, "cmor1.5-6.0" of
  PyWavelets, which is as wide as a semitone, in 24 bands per octave from C1 to half the sample rate, 202 of
  them (:mod:`timbrebench.audio.wavelets`).
- *Size.* The bands of both pictures are the same, so that only the style's frames are resampled, to as many
  as the content's: linear interpolation between the frames, or the mean of those that fall together.
- *Frames.* The network has a frame for every 512 samples, as it does in the original: of each band the mean
  magnitude over that time, so that nothing between the frames is missed.
- *Scale.* log(1 + x) needs a unit. As in the original, a sine of amplitude 1 is 512, in every band.
- *Range.* Optimised values are clamped to [0, the highest of content and style].
- *Phase.* Frames are too far apart to hold one. It is estimated where nothing is lost: on the coefficients
  that the transform needs, up to one for every 8 samples, with magnitudes drawn as straight lines from
  frame to frame. Of notes on the piano, the coefficients' own magnitudes differ from such lines by -20 dB
  with frames for every 512 samples and by -24 dB with 256. There and back at these coefficients, what lies
  between the lowest and the highest band is kept to -50 dB and less.
- *Griffin-Lim.* 100 iterations of the fast variant, from the phase of the content. After 60 from a random
  phase it was at -24 dB where the plain one was at -19 dB. On six pairs the content's phase was neither
  better nor worse to start from than a random one.
- *Long contents.* More than 30 s are made in blocks that are cross-faded over a second. Their phases are
  estimated separately and do not agree, so that second comes out about 1 dB quieter.

A content and a style of 5 s take about 23 s of one core (CPU time on a busy AMD EPYC; from 11 iterations).
With 1,024 filters, 60 iterations and 60 for the phase they take 3.4 s, and 5.1 s with a hop of 256 samples.
Content and style of 10 s need 0.9 GB of memory.

References
----------
A. Karagoz, Y. Menacer and Y. Yang, "Audio style transfer", project proposal, 2021.
D. Ulyanov and V. Lebedev, "Audio texture synthesis and style transfer", blog post, 2016.
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from timbrebench.audio.clips import Samples
from timbrebench.audio.projections import FAST, project
from timbrebench.audio.spectra import N_FFT, Spectrogram
from timbrebench.audio.wavelets import WaveletFrame
from timbrebench.transfer.algorithms.blocks import even_blocks
from timbrebench.transfer.algorithms.optimisation import minimise_lbfgs
from timbrebench.transfer.algorithms.random_convolution import START_STD, Objective, draw_filters
from timbrebench.transfer.bases.block_method import BlockMethod
from timbrebench.transfer.bases.convolution_parameters import ConvolutionParameters

#: What a sine of amplitude 1 reaches in a short-time Fourier transform with the original's windows.
FULL_SCALE = N_FFT / 4


class CwtShallowParameters(ConvolutionParameters):
    """Settings of :class:`CwtShallow`.

    Attributes
    ----------
    bands_per_octave : int
        Bands of the transform in an octave. The wavelet leaves gaps between fewer than 12.
    phase_iterations : int
        Iterations of fast Griffin-Lim.
    """

    sample_rate: int = Field(default=22_050, ge=1000, le=384_000)
    bands_per_octave: int = Field(default=24, ge=12, le=10_000)
    phase_iterations: int = Field(default=100, ge=0, le=1_000_000)


class CwtShallow(BlockMethod):
    """Style transfer with one random convolution on a wavelet transform; see the module."""

    name = "cwt-shallow"
    version = 2
    summary = "ulyanov on a continuous wavelet transform, with Griffin-Lim through its inverse"
    source = "after A. Karagoz, Y. Menacer and Y. Yang, Audio style transfer, project proposal, 2021"
    Parameters = CwtShallowParameters
    parameters: CwtShallowParameters

    def make(self, content: Samples, style: Samples, rng: np.random.Generator) -> Samples:
        """Optimise the magnitudes of the transform, and find their phase."""
        frame = self._frame(len(content))
        picture = frame.magnitude(content)
        target = frame.spread(self.match(picture, resized(self._magnitude(style), picture.shape[1]), rng))
        phase = np.exp(1j * np.angle(frame.forward(content)))
        iterations = self.parameters.phase_iterations
        return frame.inverse(project(phase * target, target, frame, iterations=iterations, momentum=FAST))

    def match(self, content: Spectrogram, style: Spectrogram, rng: np.random.Generator) -> Spectrogram:
        """Return amplitudes that minimise the objective, from noise, no higher than those of both clips.

        Shapes are (bands, frames) and (bands, frames of the style); filters and noise are drawn from `rng`.
        """
        settings = self.parameters
        content, style = (np.log1p(FULL_SCALE * magnitude) for magnitude in (content, style))
        filters_rng, start_rng = rng.spawn(2)
        filters = draw_filters(
            filters_rng,
            n_filters=settings.n_filters,
            n_bins=len(content),
            kernel_width=settings.kernel_width,
        )
        objective = Objective(content, style, filters, settings.content_weight)
        start = torch.from_numpy(start_rng.standard_normal(content.shape, dtype=np.float32) * START_STD)
        log_magnitude = minimise_lbfgs(
            objective.evaluate, start, max_iterations=settings.max_iterations, name=self.name
        )
        optimised = np.clip(log_magnitude.numpy(), 0, max(content.max(), style.max()))
        magnitude: Spectrogram = np.expm1(optimised) / np.float32(FULL_SCALE)
        return magnitude

    def _frame(self, length: int) -> WaveletFrame:
        settings = self.parameters
        return WaveletFrame(
            length,
            settings.sample_rate,
            hop_length=settings.hop_length,
            bins_per_octave=settings.bands_per_octave,
        )

    def _magnitude(self, style: Samples) -> Spectrogram:
        """Return the magnitudes of the style, a block at a time."""
        blocks = even_blocks(len(style), round(self.block_s * self.parameters.sample_rate))
        parts = [self._frame(block.stop - block.start).magnitude(style[block]) for block in blocks]
        return np.concatenate(parts, axis=1)


def resized(picture: Spectrogram, frames: int) -> Spectrogram:
    """Return a picture with another number of frames, as resizing images does it.

    Parameters
    ----------
    picture : numpy.ndarray, shape (bands, n)
        Magnitudes.
    frames : int
        Number of frames wanted, 1 or more.

    Returns
    -------
    numpy.ndarray, shape (bands, frames), float32
        The picture itself where it has as many; else linear interpolation, or, with fewer frames than before,
        weighted means of those that fall together.
    """
    if picture.shape[1] == frames:
        return picture
    wanted = functional.interpolate(
        torch.from_numpy(picture)[None, None], (len(picture), frames), mode="bilinear", antialias=True
    )
    return np.asarray(wanted[0, 0].numpy(), dtype=np.float32)
