"""What a method is, and the one way to run it: check the input, transfer, check the output.

A method subclasses :class:`Method` and is made known by an entry point (see
:mod:`timbrebench.transfer.registry`). Everything that wants audio from a method calls :func:`apply`, so
that what counts as a valid output is decided in one place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from timbrebench.audio.clips import Samples, as_samples, fit_length
from timbrebench.audio.loudness import SILENCE_RMS, is_silent, rms
from timbrebench.core.errors import AudioError, MethodError, describe_validation

if TYPE_CHECKING:
    from pathlib import Path

    from timbrebench.datasets.dataset import Dataset

#: Seconds by which an output may miss the content's length. Methods that work in frames end a frame or two
#: early or late; 50 ms is also the window within which mir_eval takes two onsets for one.
LENGTH_TOLERANCE_S = 0.05


@dataclass(frozen=True)
class Learned:
    """What networks inside a method are, and what they have learned from.

    Attributes
    ----------
    weights : frozenset of str
        SHA-256 of the weights of each network
        (:func:`~timbrebench.classifier.fitting.weights_sha256`).
    clips : frozenset of str
        SHA-256 of the files they have learned from, beside what `prepare` is given.
    """

    weights: frozenset[str] = frozenset()
    clips: frozenset[str] = frozenset()


class Parameters(BaseModel):
    """Base of every method's parameters: unknown names are errors, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Method(ABC):
    """Something that gives the content of one clip the style of another.

    A subclass sets the class attributes and writes :meth:`transfer`; one that learns also writes
    :meth:`prepare`. One that has parameters lists them in a subclass of :class:`Parameters`, assigns it to
    `Parameters` and annotates `parameters` with it.

    Parameters
    ----------
    **parameters
        Values for the fields of `Parameters`; the others keep their defaults.

    Attributes
    ----------
    name : str
        The name that it is asked for by: lower-case words joined by hyphens.
    version : int
        Raised whenever the same parameters and seed give another output.
    summary : str
        What it does, in one line.
    source : str
        Where it was published.
    costs : frozenset of str
        What a run can measure of it in its own process: ``"seconds"`` and ``"peak_memory_mib"``. A method
        that has its work done elsewhere leaves out what would be the figure of something else.
    Parameters : type of BaseModel
        The model that its parameters are validated with.
    parameters : BaseModel
        The validated parameters.

    Raises
    ------
    ConfigurationError
        If a parameter does not exist (with the nearest name), has the wrong type or lies out of its range.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    summary: ClassVar[str]
    source: ClassVar[str]
    costs: ClassVar[frozenset[str]] = frozenset({"seconds", "peak_memory_mib"})
    Parameters: ClassVar[type[BaseModel]] = Parameters
    parameters: BaseModel

    def __init__(self, /, **parameters: object) -> None:
        try:
            self.parameters = self.Parameters(**parameters)
        except ValidationError as error:
            where = f"parameters of method {self.name!r}"
            raise describe_validation(error, where, self.Parameters.model_fields) from error

    def prepare(self, dataset: Dataset, workdir: Path) -> None:  # noqa: B027 - most methods learn nothing
        """Learn whatever is to be learned, once, before the first transfer.

        Parameters
        ----------
        dataset : Dataset
            What may be learned from. None of its pieces is in the suite that the method is run on.
        workdir : pathlib.Path
            Folder for what was learned, kept between runs with the same parameters and dataset. A method
            that finds its work done there loads it.
        """

    def learned(self) -> Learned:
        """Say what networks the method holds and what they learned from, once it is prepared.

        A method that holds networks overrides this; others have learned nothing. A judge and a method that
        it scores must not share weights or training clips: leaderboards mark it where they do.
        """
        return Learned()

    def fingerprint(self) -> str:
        """Return a fingerprint of what the outputs depend on beside version, parameters, pair and seed.

        A method that is given the paths of files overrides this: results are used again only as long as it
        returns the same. It does not fail where a file is missing; that is for :meth:`transfer` to say.

        Returns
        -------
        str
            Empty where there is nothing else.
        """
        return ""

    @abstractmethod
    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Return the content in the style.

        Parameters
        ----------
        content : numpy.ndarray, shape (n,), float32
            Mono samples in [-1, 1] whose notes and timing are to be kept.
        style : numpy.ndarray, shape (m,), float32
            Mono samples in [-1, 1] whose timbre is to be taken on.
        sample_rate : int
            Rate of both, and of what is returned, in hertz.
        seed : int
            Non-negative seed of every random draw: the same seed, the same output.

        Returns
        -------
        numpy.ndarray, shape (n,), float
            Mono samples in [-1, 1]; up to 50 ms more or less are cut or filled up with zeros.

        Raises
        ------
        MethodError
            If the method cannot work on such clips, with what it needs.
        """


class Control(Method):
    """A method whose score is known beforehand: shown beside the others, never ranked.

    The silence control is known to be refused: its outputs fail the check, and a run in which they pass is
    not to be trusted.
    """


class ReferenceControl(Control):
    """A control that is given the reference, which no method may see.

    Whatever subclasses this is a :class:`Control`, so what has seen the reference is never ranked.
    """

    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:  # noqa: ARG002
        """Refuse: without a reference there is nothing to work from.

        Raises
        ------
        MethodError
            Always.
        """
        raise MethodError(
            f"the control {self.name!r} needs the reference, the content's piece played by the style's "
            "instrument, and there is none: leave it out for such pairs"
        )

    @abstractmethod
    def transfer_from_reference(self, reference: Samples) -> Samples:
        """Return an output made from the reference, mono ``float32`` samples in [-1, 1]."""


def learns(method: Method) -> bool:
    """Tell whether a method has a `prepare` of its own."""
    return type(method).prepare is not Method.prepare


def apply(
    method: Method,
    content: Samples,
    style: Samples,
    *,
    sample_rate: int,
    seed: int,
    reference: Samples | None = None,
) -> Samples:
    """Run a method on one pair, with its input and its output checked.

    Parameters
    ----------
    method : Method
        The method, prepared where it learns.
    content, style : numpy.ndarray, shapes (n,) and (m,), float
        Mono samples in [-1, 1]. The method gets copies.
    sample_rate : int
        Rate of all clips in hertz.
    seed : int
        Non-negative seed of every random draw.
    reference : numpy.ndarray, shape (n,), float, optional
        The content's piece and window played by the style's instrument. Only a :class:`ReferenceControl`
        is shown it.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        The output, in [-1, 1].

    Raises
    ------
    AudioError
        If a clip is empty, not of floats or not finite.
    MethodError
        If a clip is too short, silent or out of range, or the output is not valid audio.
    Exception
        Whatever the method raises.
    """
    content = check_input(content, name="content", sample_rate=sample_rate)
    style = check_input(style, name="style", sample_rate=sample_rate)
    if isinstance(method, ReferenceControl) and reference is not None:
        reference = check_input(reference, name="reference", sample_rate=sample_rate)
        output = method.transfer_from_reference(reference.copy())
    else:
        output = method.transfer(content.copy(), style.copy(), sample_rate=sample_rate, seed=seed)
    return check_output(
        output,
        content_length=len(content),
        sample_rate=sample_rate,
    )


def check_input(samples: Samples, *, name: str, sample_rate: int) -> Samples:
    """Check a clip before any work is done on it.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,), float
        The clip.
    name : str
        What the clip is, for errors: "content", "style".
    sample_rate : int
        Rate of `samples` in hertz.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        The clip.

    Raises
    ------
    AudioError
        If the clip is empty, not one-dimensional, not of floats, or holds NaN or infinity.
    MethodError
        If it lasts less than 50 ms, where every output would be near enough to its length; if it leaves
        [-1, 1]; if it is silent.
    """
    clip = _mono_floats(samples, name=f"the {name}")
    if len(clip) < LENGTH_TOLERANCE_S * sample_rate:
        raise MethodError(
            f"the {name} lasts {_duration(len(clip), sample_rate)}: "
            f"use a clip of {LENGTH_TOLERANCE_S} s or more"
        )
    _check_range(clip, f"the {name}")
    if is_silent(clip):
        raise MethodError(
            f"the {name} is silent ({_level(clip)}): choose another clip, or a louder part of it"
        )
    return clip


def check_output(samples: Samples, *, content_length: int, sample_rate: int) -> Samples:
    """Turn what a method returned into samples of exactly the content's length, or say why it is no output.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,), float
        What the method returned. Anything else is refused with its type.
    content_length : int
        Number of samples of the content.
    sample_rate : int
        Rate of both in hertz.

    Returns
    -------
    numpy.ndarray, shape (content_length,), float32
        The output: cut, or filled up with zeros, where it was up to 50 ms too long or too short.

    Raises
    ------
    MethodError
        If the output is not a one-dimensional array of floats, is empty, holds NaN or infinity, leaves
        [-1, 1], is silent, or misses the content's length by more than 50 ms.
    """
    try:
        clip = _mono_floats(samples, name="the output")
    except AudioError as error:
        raise MethodError(str(error)) from error
    _check_range(clip, "the output")
    if abs(len(clip) - content_length) > LENGTH_TOLERANCE_S * sample_rate:
        raise MethodError(
            f"the output lasts {_duration(len(clip), sample_rate)}, the content "
            f"{_duration(content_length, sample_rate)}: return as many samples as the content has "
            f"(within {LENGTH_TOLERANCE_S} s)"
        )
    clip = fit_length(clip, content_length)
    if is_silent(clip):
        raise MethodError(f"the output is silent ({_level(clip)})")
    return clip


def _mono_floats(samples: Samples, name: str) -> Samples:
    """Return a one-dimensional array of finite floats as ``float32``; refuse anything else."""
    if not isinstance(samples, np.ndarray):
        raise AudioError(f"{name} is of type {type(samples).__name__}: expected a NumPy array of floats")
    if samples.ndim != 1:
        raise AudioError(f"{name} has shape {samples.shape}: expected mono samples of shape (n,)")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and so out of range
        return as_samples(samples, name=name)


def _check_range(clip: Samples, name: str) -> None:
    peak = float(np.abs(clip).max())
    if peak > 1:
        raise MethodError(f"{name} peaks at {peak:.4g}: samples must lie in [-1, 1], so scale it down")


def _duration(length: int, sample_rate: int) -> str:
    return f"{length / sample_rate:.3f} s ({length} samples)"


def _level(clip: Samples) -> str:
    return f"its root mean square is {rms(clip):.1g}, under {SILENCE_RMS:g}"
