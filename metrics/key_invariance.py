"""How far the output is from the style, where that is the content's tune in another key.

Definition
----------
The mean squared error between the log-magnitude spectrograms of output and style.

1. Content and style are one tune, played by one instrument: their labels are the same, and their notes begin
   and end at the same times, each of the style's as many semitones above or below the content's. They may be
   in one key. For any other pair there is no score, since nothing says that the style would be right.
2. All else is as for the distance from the reference, in the same units
   (:func:`~timbrebench.metrics.target.log_spectral_mse`): level, rate, length, frames, logarithm.

Range 0 to infinity, lower is better. A silent output or style has no score: silence cannot be scaled.

A method whose idea of the content does not depend on the key, and that takes the harmony from the style, can
make the style's very signal out of the content: an error near 0 says so. A method that keeps the content's
notes where they are stays as far from the style as the two keys are apart, and does not do worse for that
in any other respect. So does one of which nothing is left of either. Copying the style has no error at all,
which is why the metric tells representations of the content apart and ranks nothing.

What to compare with, on the first 4 s of *The Star-Spangled Banner* on the piano, clarinet and trumpet of
FluidR3, keys up to six semitones apart: the untouched content 0.22, 0.27 and 0.39 on average over the other
keys, white noise 1.4.

Versions 1 and 2 under this name compared with the reference; that is
:func:`~timbrebench.metrics.target.log_stft_mse`, and results of theirs are read as such.

References
----------
S. Barry and Y. Kim, "'Style' transfer for musical audio using multiple time-frequency representations",
submission to the International Conference on Learning Representations (ICLR), 2018, section 4.2 and figure 5:
content in the original key, styles moved by up to six semitones, and the error of the log-magnitude STFT
between result and style. Window, level and length are not given there, and are settled here.
"""

from __future__ import annotations

import math

from timbrebench.metrics.contract import metric
from timbrebench.metrics.target import DISTANCE_RESPONSES, log_spectral_mse
from timbrebench.metrics.trial import Trial


@metric(
    version=3,
    unit="squared log magnitude",
    upper=math.inf,
    direction="lower",
    needs=("one_tune",),
    relevant_change=0.01,
    summary="How far is the output from the style, which is the content's tune in another key?",
    responds=DISTANCE_RESPONSES,
)
def key_invariance_mse(trial: Trial) -> float:
    """Return the error of the output's log-magnitude spectrogram against the style's."""
    return log_spectral_mse(trial.output, trial.style)
