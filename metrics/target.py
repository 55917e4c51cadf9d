"""How far the output is from the content's notes played by the style's instrument.

Definition
----------
The mean squared error between the log-magnitude spectrograms of output and reference.

1. Clips at other rates are resampled to 22,050 Hz, and both are scaled to a root mean square of 0.1, so that
   loudness does not count.
2. Where the lengths differ by at most 50 ms, frames are compared up to the end of the shorter; where they
   differ by more, there is no score, since different times would be compared.
3. ``log(1 + |STFT|)`` with centred Hann windows of 2,048 samples, 512 samples apart
   (:func:`~timbrebench.audio.spectra.log_magnitude`); a sine of amplitude 1 has the magnitude 512.
4. The mean over all bins and frames of the squared difference, in squared natural-log units.

Range 0 to infinity, lower is better. A silent output or reference has no score: silence cannot be scaled.

The reference is one rendering out of many that would be right. Phases do not count, but other onsets by
some tens of milliseconds or another articulation do. What to compare with, on renderings of 5 s by FluidR3:
the untouched content 0.21 on average, the untouched style 0.32, white noise 1.3, and the reference's notes
and instrument by another soundfont (TimGM6mb) 0.10.

References
----------
S. Barry and Y. Kim, "'Style' transfer for musical audio using multiple time-frequency representations",
submission to the International Conference on Learning Representations (ICLR), 2018, section 4.2: content
and style there are one and the same music in two keys, so that the right output is known, and the error is
that of the log-magnitude STFT. Here the right output is known because it was rendered; level and length are
settled here.
"""

from __future__ import annotations

import math

import numpy as np

from timbrebench.metrics.contract import Response, metric
from timbrebench.metrics.sound import Sound, Unscorable
from timbrebench.metrics.trial import Trial

#: By how many seconds two clips may differ in length and still be compared frame by frame.
LENGTH_TOLERANCE_S = 0.05

#: Responses that all distances from the reference share: it moves away from itself as it is degraded. In
#: another key everything is wrong from the first semitone on, so that transposition is not among them.
DISTANCE_RESPONSES: dict[str, Response] = dict.fromkeys(
    ("noise", "lowpass", "wrong_instrument", "wrong_notes", "shifted_onsets", "time_stretch"), "rises"
)


def check_lengths(output: Sound, reference: Sound) -> None:
    """Raise Unscorable where two clips differ by more than 50 ms in length."""
    excess_s = output.duration_s - reference.duration_s
    if abs(excess_s) > LENGTH_TOLERANCE_S + 1e-9:
        raise Unscorable(
            f"the {output.name} is {abs(excess_s):.3f} s {'longer' if excess_s > 0 else 'shorter'} than the "
            f"{reference.name}, more than {LENGTH_TOLERANCE_S:g} s"
        )


def log_spectral_mse(output: Sound, reference: Sound) -> float:
    """Return the mean squared error between two log-magnitude spectrograms; the same in either order.

    Unscorable if either clip is silent or their lengths differ by more than 50 ms.

    Examples
    --------
    >>> import numpy as np
    >>> tone = Sound(np.sin(2 * np.pi * 440 * np.arange(22050) / 22050), 22050)
    >>> log_spectral_mse(tone, tone)
    0.0
    """
    check_lengths(output, reference)
    frames = min(output.log_magnitude.shape[1], reference.log_magnitude.shape[1])
    error = output.log_magnitude[:, :frames] - reference.log_magnitude[:, :frames]
    return float(np.mean(np.square(error, dtype=np.float64)))


@metric(
    version=2,
    unit="squared log magnitude",
    upper=math.inf,
    direction="lower",
    needs=("reference",),
    relevant_change=0.01,
    summary="How far is the output from the content's notes played by the style's instrument?",
    responds=DISTANCE_RESPONSES,
)
def log_stft_mse(trial: Trial) -> float:
    """Return the error of the output's log-magnitude spectrogram against the reference's."""
    assert trial.reference is not None  # noqa: S101 - declared as needed
    return log_spectral_mse(trial.output, trial.reference)
