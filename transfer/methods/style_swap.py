"""Patches of the style in the place of the content's, after Chen & Schmidt (2016), on log spectrograms.

Each patch of the content is exchanged for the patch of the style that correlates with it most, and where
patches overlap, their mean is taken. Nothing is learned, optimised or drawn.

As published: the exchange. A patch s of the style is best for a patch c of the content where ⟨c, s⟩ / ‖s‖
is largest, the normalised cross-correlation (the norm of c decides nothing); the style's patch is put in as
it is, at its own level; patches overlap and are averaged.

Not as published, and why:

- *Features.* The source's are those of VGG-19 (relu3_1), a network for images whose weights cannot be had
  here, inverted by an optimisation or by a trained network. Here they are the decibels of the spectrogram
  itself, from a floor under the clip's loudest bin, which counts as 0.
- *Place.* In the source a patch of the style may come from anywhere in the picture. In a spectrogram the
  place in frequency is pitch and timbre: a patch is taken from any time of the style, but from no further
  than `max_shift` bins up or down, 4 by default. That is enough for a partial of the style to be found
  wherever the content has one, and too little to move its level to another part of the spectrum.
- *Patches* are of 32 bins and 3 frames (345 Hz, 70 ms), one for every frame and every 8 bins; the source's
  are of 3 × 3 features. Patches of all bins are frames of the style as they were, notes included.
- *Silence.* Where the content's patch is on the floor, nothing correlates with it, and it stays there.
- *Phase.* The content's to start from, then fast Griffin-Lim.
- *Level.* The output's magnitudes have the content's root mean square.

Measured on 30 pairs of training pieces (FluidR3, 5 s): style accuracy, note F1, and the log-spectral
distance from the reference.

================================================= ===== ===== ======
patches                                           style notes dB
================================================= ===== ===== ======
the untouched content                             0.03  0.79  9.4
32 bins × 3 frames, moved by up to 4              0.63  0.50  9.9
not moved                                         0.77  0.30  9.9
moved by up to 8                                  0.53  0.57  9.7
moved by up to 16                                 0.30  0.61  9.5
16 bins × 3 frames, moved by up to 8              0.27  0.64  9.2
all bins × 3 frames                               0.73  0.10  10.7
================================================= ===== ===== ======

Correlations of patches less their mean did the same (moved by up to 4: 0.73 and 0.49), and so did PGHI's
phase to start from.

The least that it costs is its matrix products: 2 · bins / `stride` · frames of the content · frames of the
style · (2 `max_shift` + 1) · bins and frames of a patch, 40 GFLOP for two clips of 10 s. On one core (AMD
EPYC) the bare products take 0.45 s, and all of the exchange 0.7 s.

References
----------
T. Q. Chen and M. Schmidt, "Fast patch-based style transfer of arbitrary style", NIPS Workshop on Constructive
Machine Learning, 2016, arXiv:1612.04337.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from timbrebench.audio.inversion import Inversion
from timbrebench.audio.spectra import Spectrogram
from timbrebench.core.progress import Tracker
from timbrebench.transfer.bases.spectrogram_method import (
    SpectrogramMethod,
    SpectrogramParameters,
    match_energy,
)

#: Maximum number of correlations that are held at once, which bounds memory on long clips: 64 MiB.
_MAX_CORRELATIONS = 1 << 24


class StyleSwapParameters(SpectrogramParameters):
    """Settings of :class:`StyleSwap`.

    Attributes
    ----------
    patch_bins, patch_frames : int
        Height and width of a patch.
    stride : int
        Bins from one patch to the next, no more than `patch_bins`; there is one for every frame.
    max_shift : int
        Bins up and down by which a patch of the style may be moved. Cost grows with it.
    range_db : float
        Floor of a spectrogram under its loudest bin, in decibels, from 20 to 120.
    inversion : Inversion
        60 iterations of fast Griffin-Lim from the content's phase by default.
    """

    patch_bins: int = Field(default=32, ge=1, le=1 << 16)
    patch_frames: int = Field(default=3, ge=1, le=10_000)
    stride: int = Field(default=8, ge=1, le=1 << 16)
    max_shift: int = Field(default=4, ge=0, le=1 << 16)
    range_db: float = Field(default=80.0, ge=20, le=120)
    inversion: Inversion = Inversion(algorithm="fast-griffin-lim", iterations=60, start="given")

    @property
    def min_frames(self) -> int:
        """The width of a patch."""
        return self.patch_frames

    @model_validator(mode="after")
    def _patches_cover_the_spectrogram(self) -> Self:
        n_bins = 1 + self.n_fft // 2
        if self.patch_bins > n_bins:
            raise ValueError(
                f"patch_bins {self.patch_bins} is more than the {n_bins} bins of n_fft {self.n_fft}"
            )
        if self.stride > self.patch_bins:
            raise ValueError(
                f"stride {self.stride} is more than patch_bins {self.patch_bins}: bins would be left out"
            )
        return self


class StyleSwap(SpectrogramMethod):
    """Exchanges patches of the content for those of the style; see the module."""

    name = "style-swap"
    version = 1
    summary = "exchanges patches of the spectrogram for the style's that correlate with them most"
    source = "after T. Q. Chen and M. Schmidt, Fast patch-based style transfer of arbitrary style, 2016"
    Parameters = StyleSwapParameters
    parameters: StyleSwapParameters

    def transform(self, content: Spectrogram, style: Spectrogram, rng: np.random.Generator) -> Spectrogram:
        """Return the magnitudes of the exchanged patches, as loud as the content; nothing is drawn."""
        settings = self.parameters
        levels = (above_floor(clip, settings.range_db) for clip in (content, style))
        swapped = swap_patches(
            *levels,
            patch=(settings.patch_bins, settings.patch_frames),
            stride=settings.stride,
            max_shift=settings.max_shift,
        )
        magnitude = np.where(swapped > 0, 10 ** ((swapped - settings.range_db) / 20), 0)
        return match_energy(magnitude.astype(np.float32), content)


def above_floor(magnitude: Spectrogram, range_db: float) -> Spectrogram:
    """Return magnitudes in decibels above a floor that lies `range_db` under the loudest, float32.

    From 0, on the floor or below it, to `range_db`.
    """
    relative = np.maximum(magnitude / magnitude.max(), np.finfo(np.float32).tiny)
    return np.asarray(np.maximum(20 * np.log10(relative) + range_db, 0), dtype=np.float32)


def swap_patches(
    content: Spectrogram, style: Spectrogram, *, patch: tuple[int, int], stride: int, max_shift: int
) -> Spectrogram:
    """Exchange each patch for the one of the style that correlates with it most.

    Parameters
    ----------
    content, style : numpy.ndarray, shapes (bins, frames) and (bins, frames of the style), float32
        Values of 0 or more; 0 is silence.
    patch : (int, int)
        Bins and frames of a patch, no more than either clip has.
    stride : int
        Bins from one patch to the next; the last one ends with the last bin.
    max_shift : int
        Bins up and down from where a patch of the style may come.

    Returns
    -------
    numpy.ndarray, shape of `content`, float32
        The mean of the patches at each place.
    """
    height, width = patch
    n_bins, n_frames = content.shape
    total, count = np.zeros_like(content), np.zeros_like(content)
    last = n_bins - height
    starts = sorted({*range(0, last, stride), last})
    with Tracker("style-swap", len(starts), "bands") as tracker:
        for start in starts:
            lowest, highest = max(0, start - max_shift), min(last, start + max_shift)
            offered = np.concatenate(
                [patches(style[low : low + height], width) for low in range(lowest, highest + 1)]
            )
            exchanged = best_matches(patches(content[start : start + height], width), offered)
            band = slice(start, start + height)
            for place, columns in enumerate(exchanged.reshape(-1, height, width).transpose(2, 1, 0)):
                frames = slice(place, place + n_frames - width + 1)
                total[band, frames] += columns
                count[band, frames] += 1
            tracker.advance()
    return total / count


def patches(band: Spectrogram, width: int) -> Spectrogram:
    """Return all patches of `width` frames of a band, one after the other.

    From the shape (bins, frames) to (frames - width + 1, bins · width).
    """
    windows = np.lib.stride_tricks.sliding_window_view(band, width, axis=1)
    return windows.transpose(1, 0, 2).reshape(windows.shape[1], -1)


def best_matches(wanted: Spectrogram, offered: Spectrogram) -> NDArray[np.float32]:
    """Return for each patch the offered one with the highest normalised correlation.

    Parameters
    ----------
    wanted, offered : numpy.ndarray, shapes (n, values) and (m, values), float32
        Patches, with values of 0 or more.

    Returns
    -------
    numpy.ndarray, shape (n, values), float32
        Rows of `offered`, the first of those that correlate alike; zeros where nothing correlates.
    """
    norms = np.linalg.norm(offered, axis=1, keepdims=True)
    normalised = (offered / np.maximum(norms, np.finfo(np.float32).tiny)).T
    made = np.empty_like(wanted)
    rows = max(1, _MAX_CORRELATIONS // len(offered))
    for first in range(0, len(wanted), rows):
        correlations = wanted[first : first + rows] @ normalised
        best = correlations.argmax(axis=1)
        audible = correlations[np.arange(len(best)), best] > 0
        made[first : first + rows] = np.where(audible[:, None], offered[best], 0)
    return made
