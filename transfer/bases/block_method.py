"""Base of methods that generate samples, phase and all, block by block."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from timbrebench.audio.clips import Samples
from timbrebench.transfer.algorithms.blocks import transform_blocks
from timbrebench.transfer.bases.conversion_method import FrameMethod


class BlockMethod(FrameMethod):
    """A method that makes samples itself, phase and all.

    A content of more than :attr:`block_s` is made in blocks that overlap by :attr:`overlap_s` and are
    cross-faded, so that memory does not grow with it. All blocks draw the same numbers.

    Attributes
    ----------
    block_s, overlap_s : float
        In seconds.
    """

    block_s: ClassVar[float] = 30.0
    overlap_s: ClassVar[float] = 1.0

    @abstractmethod
    def make(self, content: Samples, style: Samples, rng: np.random.Generator) -> Samples:
        """Return a block of the output.

        Parameters
        ----------
        content, style : numpy.ndarray, shapes (n,) and (m,), float32
            A block of the content, and the style, at the method's rate.
        rng : numpy.random.Generator
            Source of every random draw.

        Returns
        -------
        numpy.ndarray, shape (n,), float32
            Samples, which may exceed [-1, 1].
        """

    def convert(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Make the content in the style, a long one block by block."""
        return transform_blocks(
            content,
            lambda block: self.make(block, style, np.random.default_rng(seed)),
            max_length=round(self.block_s * sample_rate),
            overlap=round(self.overlap_s * sample_rate),
        )
