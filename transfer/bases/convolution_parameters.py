"""Settings that methods with one random convolution share; the defaults are those of Ulyanov & Lebedev."""

from __future__ import annotations

from pydantic import Field

from timbrebench.transfer.bases.conversion_method import FrameParameters


class KernelParameters(FrameParameters):
    """Settings of methods that optimise features of so many frames at a time.

    Attributes
    ----------
    kernel_width : int
        Frames that each filter spans.
    max_iterations : int
        Maximum iterations of L-BFGS.
    """

    kernel_width: int = Field(default=11, gt=0, le=10_000)
    max_iterations: int = Field(default=300, gt=0, le=1_000_000)

    @property
    def min_frames(self) -> int:
        """What a filter spans."""
        return self.kernel_width


class ConvolutionParameters(KernelParameters):
    """Settings of methods with a content and a style loss.

    Attributes
    ----------
    n_filters : int
        Number of random filters.
    content_weight : float
        Weight of the content loss; that of the style loss is 1.
    """

    n_filters: int = Field(default=4096, gt=0, le=1 << 16)
    content_weight: float = Field(default=1e-2, ge=0, allow_inf_nan=False)
