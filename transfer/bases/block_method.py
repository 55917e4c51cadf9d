"""What methods share that make samples of samples, at a rate of their own and block by block."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from pydantic import Field

from timbrebench.audio.clips import Samples, fit_length, resample
from timbrebench.audio.loudness import limit_peak
from timbrebench.transfer.algorithms.blocks import transform_blocks
from timbrebench.transfer.bases.spectrogram_method import check_length
from timbrebench.transfer.contract import Method, Parameters


class BlockParameters(Parameters):
    """Settings that every :class:`BlockMethod` has.

    Attributes
    ----------
    sample_rate : int
        Rate that the method works at, in hertz.
    hop_length : int
        Samples from one frame to the next.
    """

    sample_rate: int = Field(default=22_050, ge=1000)
    hop_length: int = Field(default=512, gt=0)


class BlockMethod(Method):
    """A method that makes samples itself, phase and all.

    Clips are resampled to the method's rate. A content of more than :attr:`block_s` is made in blocks that
    overlap by :attr:`overlap_s` and are cross-faded, so that memory does not grow with it. All blocks draw
    the same numbers. What was made is brought back to the clips' rate and length, and scaled down where it
    exceeds full scale.

    Attributes
    ----------
    block_s, overlap_s : float
        In seconds.
    """

    Parameters: ClassVar[type[BlockParameters]] = BlockParameters
    parameters: BlockParameters
    block_s: ClassVar[float] = 30.0
    overlap_s: ClassVar[float] = 1.0

    @property
    @abstractmethod
    def fewest_frames(self) -> int:
        """Frames that a clip needs at least."""

    @abstractmethod
    def make(self, content: Samples, style: Samples, rng: np.random.Generator) -> Samples:
        """Return a block of the output.

        Parameters
        ----------
        content, style : numpy.ndarray, shapes (n,) and (m,), float32
            A block of the content, and the style, at the method's rate.
        rng : numpy.random.Generator
            Source of all that is drawn.

        Returns
        -------
        numpy.ndarray, shape (n,), float32
            Samples, which may exceed [-1, 1].
        """

    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Return the content in the style; see :meth:`Method.transfer`.

        Raises
        ------
        MethodError
            If a clip has fewer frames than the method needs, with the duration that it needs.
        """
        settings = self.parameters
        inner = {"content": content, "style": style}
        inner = {name: resample(clip, sample_rate, settings.sample_rate) for name, clip in inner.items()}
        for name, clip in inner.items():
            check_length(
                clip,
                name,
                method=self.name,
                frames=self.fewest_frames,
                hop_length=settings.hop_length,
                sample_rate=settings.sample_rate,
            )
        output = transform_blocks(
            inner["content"],
            lambda block: self.make(block, inner["style"], np.random.default_rng(seed)),
            longest=round(self.block_s * settings.sample_rate),
            overlap=round(self.overlap_s * settings.sample_rate),
        )
        return limit_peak(fit_length(resample(output, settings.sample_rate, sample_rate), len(content)))
