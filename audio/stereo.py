"""One channel spread over two, as the two channels of another recording are.

Methods are mono. What one has made of the mean of two channels, the *mid*, gets a *side*, half of left less
right, that is to it as the content's side is to the content's mid, in each bin of the short-time Fourier
transform and in phase, but never louder than the mid. So

- the mean of the output's channels is what the method has made of the mean of the content's: whoever listens
  in mono hears what a run scores;
- equal channels stay equal, and of one that is silent nothing is heard;
- a method that filters, whatever its filter is, filters both channels alike.

Two other ways were tried: the method on mid and side, the latter scaled to the width that it had, and the
method on each channel. Two lines, each panned by 10 dB to one side, in the style of another instrument
(FluidR3, four pairs of 4 s): how far the level of left against right is, in bands of 170 Hz, from that of
the two lines transferred by themselves and panned as before; and by how much the width, the level of the side
against that of the mid, differs from the content's.

============ ============ ============= ============= ===========
method       this way     mid and side  each channel  one channel
============ ============ ============= ============= ===========
envelope     3.1, -0.1 dB 8.2, 0.0 dB   3.3, -3.8 dB  6.9 dB
wct          4.4, 0.0 dB  9.5, 0.0 dB   5.4, -0.7 dB  7.4 dB
templates    3.8, -0.1 dB 8.4, 0.0 dB   3.5, 5.5 dB   7.9 dB
reinstrument 4.7, -0.2 dB 7.6, 0.0 dB   4.4, 6.2 dB   7.6 dB
============ ============ ============= ============= ===========

A method that is not linear answers mid and side with signals of unrelated phase, so that a line may come from
anywhere; and given each channel it makes what is in the middle wide. With reverberation that differs between
the channels the width becomes 1.0 to 1.2 dB less, by what is louder in the side than in the mid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.audio.fourier import ShortTimeFourier
from timbrebench.audio.loudness import limit_peak

#: Seconds of a window, a fourth of which lies between two: as the defaults of methods at 22,050 Hz.
_WINDOW_S = 0.093


def spread(output: Samples, mid: Samples, side: Samples, sample_rate: int) -> NDArray[np.float32]:
    """Give what was made of the mean of two channels two channels.

    Parameters
    ----------
    output : numpy.ndarray, shape (n,), float32
        What a method has made of `mid`.
    mid, side : numpy.ndarray, shape (n,), float32
        Mean of the content's channels, and half of left less right.
    sample_rate : int
        Rate of all in hertz.

    Returns
    -------
    numpy.ndarray, shape (2, n), float32
        Left and right, in [-1, 1]: scaled down together where one would exceed it.
    """
    n_fft = 4 * round(_WINDOW_S * sample_rate / 4)
    fourier = ShortTimeFourier(len(mid), n_fft, n_fft // 4, n_fft)
    middle, sides = fourier.forward(mid), fourier.forward(side)
    level = np.abs(middle)
    power = level * np.maximum(level, np.abs(sides))  # at least the level of the side: the ratio is at most 1
    ratio = np.divide(sides * middle.conj(), power, out=np.zeros_like(sides), where=power > 0)
    made_side = fourier.inverse(fourier.forward(output) * ratio)
    return limit_peak(np.stack([output + made_side, output - made_side]))
