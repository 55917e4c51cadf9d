"""The weights of one random convolution over all channels of a spectrogram (Ulyanov & Lebedev, 2016)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def draw_filters(
    rng: np.random.Generator, *, n_filters: int, n_bins: int, kernel_width: int, n_parts: int = 1
) -> NDArray[np.float32]:
    """Draw the weights.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draws.
    n_filters : int
        Number of filters.
    n_bins : int
        Frequencies that each of them gathers.
    kernel_width : int
        Frames that each of them spans.
    n_parts : int, default 1
        How many channels each frequency has: 3 for its real part, imaginary part and magnitude.

    Returns
    -------
    numpy.ndarray, shape (n_filters, n_parts * n_bins, kernel_width), float32
        Normal with the standard deviation √2 · √(2 / ((n_bins + n_filters) · kernel_width)), in which, as in
        the authors' code, the parts do not count.
    """
    std = 2 / math.sqrt((n_bins + n_filters) * kernel_width)
    shape = (n_filters, n_parts * n_bins, kernel_width)
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(std)
