"""How alike two waveforms are, however one is delayed, scaled or inverted."""

from __future__ import annotations

import numpy as np
import scipy.signal

from timbrebench.metrics.sound import Sound


def max_cross_correlation(first: Sound, second: Sound) -> float:
    """Return the maximum of the normalised cross-correlation over all lags, 0 to 1; the same in either order.

    Unscorable if either clip, of whatever length, is silent.

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
