"""Audio mosaicing with constrained activations, "Let it Bee" (Driedger, Prätzlich & Müller, 2015).

The content's magnitude spectrogram is approximated by a sum of frames of the style: a non-negative matrix
factorisation whose templates are the frames of the style, in their order, and stay as they are. Left alone it
would mix frames at will and give the content's timbre back. So each of the L iterations first reshapes the
activations, with a strength that grows from 1/L to 1:

1. *Repetition*: what is not the largest activation of its frame within r frames to either side is weakened,
   so that no frame of the style stutters.
2. *Polyphony*: what is not among the p largest activations at its time is weakened.
3. *Continuity*: each activation becomes the sum over 2c + 1 places along its diagonal, so that stretches of
   the style are played as they were.

Then follows one Kullback-Leibler update. What is weakened is multiplied by 1 - l/L in iteration l.

Published settings, defaults here: n_fft 2048, L = 20, r = 3, p = 10, c = 3, activations drawn at random.

What is settled otherwise, on pairs made of training pieces of the default dataset:

- *Pitch.* A style that lacks the content's pitches cannot play them, so it is offered in other keys, too.
  Played as it is, the judge heard the style in 0.73 of 30 outputs, at a note F1 of 0.20; with all keys up to
  3 semitones away in 0.67, at 0.36; 6 semitones: 0.57, 0.44; 12 semitones: 0.57, 0.45, at 1.6 times the cost.
  Resampling the style instead of moving its magnitudes on the logarithmic frequency axis did no better, and
  changes how long its frames last. Diagonals do not go on from one key to the next.
- *Phase.* The activations may weight the style's complex frames, but phases do not go on from one frame to
  another that was not its neighbour. Here magnitudes are mixed and their phase is estimated: note F1 0.37,
  against 0.27 for overlapped complex frames (12 pairs, both at 6 semitones, by resampling).
- *Hop.* 512 samples, as everywhere in this project: with it r and c span 70 ms to either side.
- *Length.* Contents of more than 10 s are made in blocks, since the activations are as many as the frames of
  the content times those of the style in all keys.

References
----------
J. Driedger, T. Prätzlich and M. Müller, "Let it Bee - Towards NMF-inspired audio mosaicing", ISMIR 2015.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from scipy.ndimage import maximum_filter1d

from timbrebench.audio.spectra import Spectrogram
from timbrebench.core.progress import Tracker
from timbrebench.transfer.algorithms.nmf import Matrix, move_pitch, update_activations
from timbrebench.transfer.bases.spectrogram_method import SpectrogramMethod, SpectrogramParameters


class MusaicingParameters(SpectrogramParameters):
    """Settings of :class:`Musaicing`.

    Attributes
    ----------
    iterations : int
        Updates of the activations, 1 or more; the constraints hold in full at the last.
    repetition : int
        Frames to either side within which a frame of the style is used once; 0 leaves repetitions alone.
    polyphony : int
        Frames of the style that may sound at once, 1 or more, before continuity adds their neighbours.
    continuity : int
        Frames to either side over which diagonals are summed; 0 leaves frames on their own.
    transpositions : int
        Semitones, from 0 to 24, up to which the style is offered in all keys, downwards and upwards. Time and
        memory grow with their number. 6 reach every pitch class; more gained nothing.
    """

    iterations: int = Field(default=20, gt=0, le=1_000_000)
    repetition: int = Field(default=3, ge=0, le=10_000)
    polyphony: int = Field(default=10, gt=0, le=10_000)
    continuity: int = Field(default=3, ge=0, le=10_000)
    transpositions: int = Field(default=6, ge=0, le=24)


class Musaicing(SpectrogramMethod):
    """Audio mosaicing with constrained activations; see the module for what is published and what is not."""

    name = "musaicing"
    version = 1
    summary = "plays the content with stretches of the style, found by a constrained factorisation"
    source = "J. Driedger, T. Prätzlich and M. Müller, Let it Bee, ISMIR 2015"
    Parameters = MusaicingParameters
    parameters: MusaicingParameters
    block_s: ClassVar[float | None] = 10.0

    def transform(self, content: Spectrogram, style: Spectrogram, rng: np.random.Generator) -> Spectrogram:
        """Return the mosaic's magnitudes; see :meth:`SpectrogramMethod.transform`."""
        templates = self._offer(style)
        iterations = self.parameters.iterations
        activations: Matrix = rng.random((templates.shape[1], content.shape[1]), dtype=np.float32)
        with Tracker("musaicing", iterations, "iterations") as tracker:
            for iteration in range(iterations):
                constrained = self._constrain(activations, 1 - (iteration + 1) / iterations)
                activations = update_activations(content, templates, constrained)
                tracker.advance()
        mosaic: Spectrogram = templates @ activations
        return mosaic

    def _offer(self, style: Spectrogram) -> Matrix:
        """Return the style's frames in all keys, with so much silence between two keys as diagonals reach."""
        furthest, gap = self.parameters.transpositions, self.parameters.continuity
        keys = [move_pitch(style, semitones) for semitones in range(-furthest, furthest + 1)]
        return np.hstack([np.pad(key, ((0, 0), (0, gap))) for key in keys])

    def _constrain(self, activations: Matrix, keep: float) -> Matrix:
        settings = self.parameters
        activations = weaken_repetitions(activations, settings.repetition, keep)
        activations = weaken_the_rest(activations, settings.polyphony, keep)
        return sum_diagonals(activations, settings.continuity)


def weaken_repetitions(activations: Matrix, reach: int, keep: float) -> Matrix:
    """Weaken every activation that has a larger one of the same template near it.

    Parameters
    ----------
    activations : numpy.ndarray, shape (templates, frames)
        Activations.
    reach : int
        Frames to either side that count as near.
    keep : float
        What weakened activations are multiplied by, from 0 to 1.

    Returns
    -------
    numpy.ndarray, shape (templates, frames)
        The activations.
    """
    highest = maximum_filter1d(activations, 2 * reach + 1, axis=1, mode="constant")
    return np.where(activations >= highest, activations, activations * np.float32(keep))


def weaken_the_rest(activations: Matrix, count: int, keep: float) -> Matrix:
    """Weaken all but the `count` largest activations of each frame, as :func:`weaken_repetitions` does.

    Activations as large as the last of those are not weakened either.
    """
    if count >= len(activations):
        return activations
    last = np.partition(activations, -count, axis=0)[-count]
    return np.where(activations >= last, activations, activations * np.float32(keep))


def sum_diagonals(activations: Matrix, reach: int) -> Matrix:
    """Replace every activation by the sum of those up to `reach` places before and after on its diagonal.

    Along a diagonal the template advances with time: the style is played on at its own speed. What lies
    outside the matrix counts as zero.

    Parameters
    ----------
    activations : numpy.ndarray, shape (templates, frames)
        Activations.
    reach : int
        Places to either side.

    Returns
    -------
    numpy.ndarray, shape (templates, frames)
        The sums.
    """
    rows, columns = activations.shape
    padded = np.pad(activations, reach)
    total = np.zeros_like(activations)
    for shift in range(2 * reach + 1):
        total += padded[shift : shift + rows, shift : shift + columns]
    return total
