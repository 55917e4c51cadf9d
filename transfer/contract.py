"""What a method is: subclass :class:`Method`, and register the class by an entry point.

An entry point is a line in ``pyproject.toml`` (see :mod:`timbrebench.transfer.registry`). A run calls
:meth:`Method.prepare` once and :meth:`Method.transfer` for each pair, with both clips and the output checked
(:mod:`timbrebench.transfer.method_calls`). Base classes that resample, cut into frames or invert spectrograms
are in :mod:`timbrebench.transfer.bases`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ValidationError

from timbrebench.audio.clips import Samples
from timbrebench.core.errors import MethodError, describe_validation
from timbrebench.core.frozen_model import FrozenModel

if TYPE_CHECKING:
    from pathlib import Path

    from timbrebench.datasets.dataset import Dataset

#: Seconds by which an output may miss the content's length. Methods that work in frames end a frame or two
#: early or late; 50 ms is also the window within which mir_eval takes two onsets for one.
LENGTH_TOLERANCE_S = 0.05


@dataclass(frozen=True)
class Learned:
    """The networks inside a method, and what they were trained on.

    Attributes
    ----------
    weights : frozenset of str
        SHA-256 of the weights of each network
        (:func:`~timbrebench.classifier.fitting.weights_sha256`).
    clips : frozenset of str
        SHA-256 of their training files, beside the clips that `prepare` is given.
    soundfonts : frozenset of str
        Names of the soundfonts, or folders of recorded notes, that played them. Methods that have learned
        from a suite's soundfont, or a relative of it, are not ranked where that is a new timbre.
    programs : frozenset of int
        General MIDI programs, counted from 0, that played them.
    """

    weights: frozenset[str] = frozenset()
    clips: frozenset[str] = frozenset()
    soundfonts: frozenset[str] = frozenset()
    programs: frozenset[int] = frozenset()


class Parameters(FrozenModel):
    """Base of every method's parameters: unknown names are errors, and values are immutable."""


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
        The name in configurations: lower-case words joined by hyphens.
    version : int
        Raised whenever the same parameters and seed give another output.
    summary : str
        What it does, in one line.
    source : str
        Where it was published.
    costs : frozenset of str
        What a run can measure of it in its own process: ``"seconds"`` and ``"peak_memory_mib"``. A method
        whose work is done by another process leaves out what cannot be measured from here.
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
        """Learn, once, before the first transfer.

        Parameters
        ----------
        dataset : Dataset
            The training clips. No piece of the suite that the method is run on is among them.
        workdir : pathlib.Path
            Folder for what was learned, kept between runs with the same parameters and dataset. A method
            that finds its work done there loads it.
        """

    def learned(self) -> Learned:
        """Return the networks that the method holds and what they learned from, once it is prepared.

        A method that holds networks overrides this; others have learned nothing. A judge and a method that
        it scores must not share weights or training clips: leaderboards mark it where they do.
        """
        return Learned()

    def fingerprint(self) -> str:
        """Return a fingerprint of what the outputs depend on beside version, parameters, pair and seed.

        A method that is given the paths of files overrides this: results are used again only as long as it
        returns the same. A missing file is not an error here, but in :meth:`transfer`.

        Returns
        -------
        str
            Empty where the outputs depend on nothing else.
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


class ComesPrepared(Method):
    """A method that learns, and that can also work with what comes with the package.

    That is for two recordings and no dataset. A run calls :meth:`Method.prepare` and never this.
    """

    @abstractmethod
    def load_packaged(self) -> str:
        """Prepare with what comes with the package.

        Returns
        -------
        str
            What that is and what it was learned from, in a sentence without its subject.

        Raises
        ------
        ConfigurationError
            If the parameters ask for something else to be learned.
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

    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Refuse with :class:`MethodError`: this control works from the reference alone."""
        raise MethodError(
            f"the control {self.name!r} needs the reference, the content's piece played by the style's "
            "instrument, and this pair has no reference: leave the control out for such pairs"
        )

    @abstractmethod
    def transfer_from_reference(self, reference: Samples) -> Samples:
        """Return an output made from the reference, mono ``float32`` samples in [-1, 1]."""


def learns(method: Method) -> bool:
    """Return whether a method has a `prepare` of its own."""
    return type(method).prepare is not Method.prepare
