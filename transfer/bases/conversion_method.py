"""The frame of methods that work on samples: resampling, the shortest duration, level and peak.

A subclass states its working rate and the shortest clip it needs, and converts samples at that rate.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, TypeVar

from pydantic import Field

from timbrebench.audio.clips import Samples, fit_length, resample
from timbrebench.audio.loudness import limit_peak, rms, scale_to_rms
from timbrebench.audio.spectra import HOP_LENGTH
from timbrebench.core.errors import MethodError
from timbrebench.transfer.contract import Method, Parameters

State = TypeVar("State")


class ConversionMethod(Method):
    """A method that converts samples at a rate of its choice.

    Both clips are resampled to that rate, and refused if they are too short. The output is brought back to
    the clips' rate and the content's length, and scaled down where it exceeds full scale.

    Attributes
    ----------
    keeps_level : bool
        Whether the output gets the root mean square of the content.
    remedy : str
        What helps beside a longer clip, for the error about a short one.
    """

    keeps_level: ClassVar[bool] = False
    remedy: ClassVar[str] = "other settings"

    def working_rate(self, sample_rate: int) -> int:
        """Return the rate to work at, in hertz, for clips at `sample_rate`: by default the same."""
        return sample_rate

    @abstractmethod
    def min_length(self, sample_rate: int) -> int:
        """Return the least number of samples of a clip at `sample_rate`, the working rate."""

    @abstractmethod
    def convert(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Return the content in the style, at the working rate.

        Parameters
        ----------
        content, style : numpy.ndarray, shapes (n,) and (m,), float32
            Samples at the working rate, as many as :meth:`min_length` or more.
        sample_rate : int
            The working rate in hertz.
        seed : int
            Seed of every random draw.

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
            If a clip is too short, with the duration that is needed.
        """
        rate = self.working_rate(sample_rate)
        clips = [resample(clip, sample_rate, rate) for clip in (content, style)]
        for clip, name in zip(clips, ("content", "style"), strict=True):
            self._check_length(clip, name, rate)
        converted = self.convert(*clips, sample_rate=rate, seed=seed)
        output = fit_length(resample(converted, rate, sample_rate), len(content))
        return limit_peak(scale_to_rms(output, rms(content)) if self.keeps_level else output)

    def _check_length(self, clip: Samples, name: str, rate: int) -> None:
        needed = self.min_length(rate)
        if len(clip) < needed:
            seconds = math.ceil(1000 * needed / rate) / 1000
            raise MethodError(
                f"the {name} lasts {len(clip) / rate:.3f} s, but {self.name} needs {seconds:.3f} s: "
                f"use a longer clip or {self.remedy}"
            )

    def prepared(self, state: State | None) -> State:
        """Return what `prepare` has learned; raise :class:`MethodError` if it is None."""
        if state is None:
            raise MethodError(
                f"the method {self.name!r} has not been prepared: call `prepare` with a dataset first"
            )
        return state


class FrameParameters(Parameters):
    """Settings that every :class:`FrameMethod` has.

    Attributes
    ----------
    sample_rate : int
        Rate that the method works at, in hertz.
    hop_length : int
        Samples from one frame to the next.
    """

    sample_rate: int = Field(default=22_050, gt=0, le=384_000)
    hop_length: int = Field(default=HOP_LENGTH, gt=0, le=1 << 20)

    @property
    def min_frames(self) -> int:
        """Least number of frames of a clip: as many as one feature depends on."""
        return 1


class FrameMethod(ConversionMethod):
    """A method that works at the rate in its parameters, on centred frames."""

    Parameters: ClassVar[type[FrameParameters]] = FrameParameters
    parameters: FrameParameters

    def working_rate(self, sample_rate: int) -> int:
        """Return the rate in the parameters."""
        return self.parameters.sample_rate

    def min_length(self, sample_rate: int) -> int:
        """Return the samples from the centre of the first frame to that of the last."""
        return (self.parameters.min_frames - 1) * self.parameters.hop_length
