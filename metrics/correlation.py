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

Of ``xcorr_content`` and ``xcorr_style`` neither direction is better. A value near 1 exposes a method that
hands back what it was given; below that, a lower value is no merit, since noise has the lowest.

``is_noop`` (of the content) and ``is_style_copy`` (of the style) are 1 if the maximum is at least 0.9, else
0; their means over a suite are the shares of outputs that are copies, and lower is better. On 14 pieces of
the default dataset's training split, 5 s each, the same notes by the same instrument of another soundfont
reached 0.74 at most (0.41 in nine cases out of ten), and by another instrument 0.57. Copies of a piano:
with noise 20 dB under them 0.995 and 10 dB under them 0.953; cut off above 4 kHz at least 0.98, above 2 kHz
0.94, above 1 kHz 0.88; with the waveform clipped at twice its root mean square 0.95. A copy that has lost
its phases is not found (0.17 to 0.52 after Griffin-Lim), and neither is one stretched, transposed or cut to
less than 81 % of its energy.

References
----------
S. Barry and Y. Kim, "'Style' transfer for musical audio using multiple time-frequency representations",
submission to the International Conference on Learning Representations (ICLR), 2018, section 4.1: the
maximum cross-correlation shows that a texture does not repeat its source.
"""

from __future__ import annotations

from timbrebench.metrics.contract import metric
from timbrebench.metrics.trial import Trial

#: From which correlation on two clips are one and a copy of it.
COPY = 0.9


@metric(
    version=2,
    direction="none",
    relevant_change=0.05,
    summary="Is the output a copy of the content?",
    responds={"wrong_instrument": "rises"},
)
def xcorr_content(trial: Trial) -> float:
    """Return the maximum cross-correlation of output and content."""
    return trial.content_correlation


@metric(
    version=2,
    direction="none",
    relevant_change=0.05,
    summary="Is the output a copy of the style?",
)
def xcorr_style(trial: Trial) -> float:
    """Return the maximum cross-correlation of output and style."""
    return trial.style_correlation


@metric(
    direction="lower",
    relevant_change=0.02,
    summary="Is the output nothing but the content?",
)
def is_noop(trial: Trial) -> float:
    """Return 1 if the output is a copy of the content, else 0."""
    return float(trial.content_correlation >= COPY)


@metric(
    direction="lower",
    relevant_change=0.02,
    summary="Is the output nothing but the style?",
)
def is_style_copy(trial: Trial) -> float:
    """Return 1 if the output is a copy of the style, else 0."""
    return float(trial.style_correlation >= COPY)
