"""The benchmark's controls: what doing nothing, cheating and noise score.

They show what a figure is worth. Identity must win on content and lose on style, the style copy the other
way round, the reference must win on both, and silence and noise on neither.
"""

from __future__ import annotations

import numpy as np

from timbrebench.audio.clips import Samples
from timbrebench.audio.loudness import rms, scale_to_rms
from timbrebench.transfer.contract import Control, ReferenceControl

_SOURCE = "control of this benchmark"


class Identity(Control):
    """The content as it is."""

    name = "identity"
    version = 1
    summary = "the content, untouched"
    source = _SOURCE

    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Return `content`."""
        return content


class StyleCopy(Control):
    """The style clip in place of the content: repeated from its start, or cut, to the content's length."""

    name = "style-copy"
    version = 1
    summary = "the style clip, repeated or cut to the content's length"
    source = _SOURCE

    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Return as many samples of `style` as `content` has."""
        return np.resize(style, len(content))


class Reference(ReferenceControl):
    """The right answer: the content's piece played by the style's instrument."""

    name = "reference"
    version = 1
    summary = "the true target, the content's piece played by the style's instrument"
    source = _SOURCE

    def transfer_from_reference(self, reference: Samples) -> Samples:
        """Return `reference`."""
        return reference


class Silence(Control):
    """No sound at all."""

    name = "silence"
    version = 1
    summary = "zeros"
    source = _SOURCE

    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Return zeros."""
        return np.zeros_like(content)


class Noise(Control):
    """White Gaussian noise as loud as the content."""

    name = "noise"
    version = 1
    summary = "white Gaussian noise at the content's root mean square"
    source = _SOURCE

    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Return noise at the root mean square of `content`; the rare sample beyond [-1, 1] is clipped."""
        noise = np.random.default_rng(seed).standard_normal(len(content), dtype=np.float32)
        return np.clip(scale_to_rms(noise, rms(content)), -1, 1)
