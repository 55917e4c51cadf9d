"""Whether the output is a copy.

Definition
----------
The maximum over all lags of the normalised cross-correlation of two waveforms::

    max over l of |sum over n of x[n] y[n + l]| / (||x|| ||y||)

- Clips at other rates are resampled to 22,050 Hz.
- All lags at which the clips overlap, by a single sample or more; beyond its ends a clip is zero. Both
  norms are of the whole clips, so an excerpt of a clip scores the square root of its share of the clip's
  energy.
- The mean is not removed: audio has none. The magnitude is taken, so a clip and its negative are copies.
- Range 0 to 1: 1 for a copy, however delayed, scaled or inverted; near 0 for unrelated sounds of some
  seconds. The same notes played by another instrument are low, too, since their phases are unrelated.
- A silent clip has no score.

Neither direction is better. A value near 1 exposes a method that hands back what it was given; below that,
a lower value is no merit, since noise has the lowest.

References
----------
S. Barry and Y. Kim, "'Style' transfer for musical audio using multiple time-frequency representations",
submission to the International Conference on Learning Representations (ICLR), 2018, section 4.1: the
maximum cross-correlation shows that a texture does not repeat its source.
"""

from __future__ import annotations

import numpy as np
import scipy.signal

from timbrebench.metrics.contract import metric
from timbrebench.metrics.sound import Sound
from timbrebench.metrics.trial import Trial


def max_cross_correlation(first: Sound, second: Sound) -> float:
    """Return the maximum of the normalised cross-correlation over all lags.

    Parameters
    ----------
    first, second : Sound
        Clips of any lengths.

    Returns
    -------
    float
        0 to 1; the same in either order.

    Raises
    ------
    Unscorable
        If either is silent.

    Examples
    --------
    >>> import numpy as np
    >>> clip = 0.1 * np.random.default_rng(0).standard_normal(10_000)
    >>> delayed = np.concatenate([np.zeros(300), -0.5 * clip])
    >>> round(max_cross_correlation(Sound(clip, 22050), Sound(delayed, 22050)), 6)
    1.0
    """
    # Single precision would leave an error of the size of a low score.
    x, y = first.standard.astype(np.float64), second.standard.astype(np.float64)
    peak = np.abs(scipy.signal.correlate(x, y, mode="full", method="fft")).max()
    return min(1.0, float(peak / (np.linalg.norm(x) * np.linalg.norm(y))))


@metric(
    name="xcorr_content",
    version=2,
    unit="1",
    lower=0.0,
    upper=1.0,
    direction="none",
    relevant_change=0.05,
    summary="Is the output a copy of the content?",
)
def xcorr_content(trial: Trial) -> float:
    """Return the maximum cross-correlation of output and content."""
    return max_cross_correlation(trial.output, trial.content)


@metric(
    name="xcorr_style",
    version=2,
    unit="1",
    lower=0.0,
    upper=1.0,
    direction="none",
    relevant_change=0.05,
    summary="Is the output a copy of the style?",
)
def xcorr_style(trial: Trial) -> float:
    """Return the maximum cross-correlation of output and style."""
    return max_cross_correlation(trial.output, trial.style)
