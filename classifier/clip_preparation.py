"""What every judge does with a clip before its spectrogram is computed."""

from __future__ import annotations

import numpy as np

from timbrebench.audio.clips import Samples, as_samples, resample
from timbrebench.audio.loudness import is_silent
from timbrebench.core.errors import JudgeError

#: Shortest clip in seconds that can be judged: a note and some of its decay.
SHORTEST_S = 0.5


def prepare_clip(samples: Samples, sample_rate: int, target_rate: int) -> Samples:
    """Return a mono clip of at least 0.5 s at the judge's rate and at a peak of 1; rates are in hertz.

    JudgeError if the clip is too short or silent: there is nothing to judge.
    """
    clip = as_samples(samples)
    if len(clip) < SHORTEST_S * sample_rate:
        raise JudgeError(
            f"the clip lasts {len(clip) / sample_rate:.3f} s: a judge needs at least {SHORTEST_S} s"
        )
    # Resampled first: a clip that sounds only above half the rate is silent afterwards.
    clip = resample(clip, sample_rate, target_rate)
    if is_silent(clip):
        raise JudgeError(f"the clip is silent below {target_rate / 2:g} Hz: there is nothing to judge")
    return np.asarray(clip / np.abs(clip).max(), dtype=np.float32)
