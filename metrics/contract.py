"""What a metric is: a pure function of one output, with a declared specification.

A metric answers one question about an output with one number, or says why it cannot. It is made from a
function by the decorator :func:`metric`::

    @metric(
        name="loudness_error",
        version=1,
        unit="dB",
        lower=0.0,
        upper=math.inf,
        direction="lower",
        relevant_change=1.0,
        summary="How much louder or softer than the content is the output?",
    )
    def loudness_error(trial: Trial) -> float:
        if is_silent(trial.output):
            raise Unscorable("the output is silent")
        ...

and found by its entry point in the group ``timbrebench.metrics``. Calling a metric never yields a number
that looks like a score and is none: what it needs is checked first, and a result that is not finite or lies
outside the declared range is refused.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples, as_samples
from timbrebench.audio.errors import ConfigurationError, DatasetError, JudgeError, suggestion
from timbrebench.metrics.detection import Times, detect_onsets

Direction = Literal["higher", "lower", "none"]

_NEEDS = {
    "reference": "needs a reference, none was given",
    "notes": "needs the notes of the content, none were given",
    "judge": "needs a judge, none was given",
    "content_judge": "needs a content judge, none was given",
    "labels": "needs the labels of content and style, not both were given",
}

_NOTE_COLUMNS = ("onset_s", "offset_s", "pitch", "velocity")


class Unscorable(Exception):  # noqa: N818 - no error: an outcome that a metric declares
    """Raised by a metric that has no answer for an output; the message is the reason."""


@dataclass(frozen=True)
class Score:
    """What a metric says of an output.

    Parameters
    ----------
    value : float
        The answer, in the metric's unit; NaN where there is none.
    reason : str, optional
        Why there is none. Given if and only if `value` is NaN.
    """

    value: float
    reason: str | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.value) != bool(self.reason):
            raise ValueError(
                f"a score is either a number or a reason, got {self.value!r} and {self.reason!r}"
            )


@dataclass(frozen=True)
class Specification:
    """What a metric declares about itself.

    Parameters
    ----------
    name : str
        The name under which it is asked for: lower-case letters, digits and underscores.
    version : int
        Raised whenever the metric gives other values than before, so that stored scores are not mixed.
    unit : str
        Unit of the values; "1" for a plain number.
    lower, upper : float
        Range of the values, ends included; infinite where there is no bound.
    direction : {"higher", "lower", "none"}
        Which values are better; "none" for a metric that describes an output without valuing it.
    needs : frozenset of str
        What has to be known beside output, content and style: any of "reference", "notes", "judge",
        "content_judge", "labels".
    relevant_change : float
        The smallest difference of two means that matters to a user, in the metric's unit. A regression gate
        leaves smaller ones alone, however significant.
    summary : str
        The question that the metric answers, in one line.

    Raises
    ------
    ConfigurationError
        If any of these is not what it should be.
    """

    name: str
    version: int
    unit: str
    lower: float
    upper: float
    direction: Direction
    needs: frozenset[str]
    relevant_change: float
    summary: str

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ConfigurationError(f"metric {self.name!r}: {problem}")

    def _problems(self) -> Iterable[str]:
        if not (self.name.isidentifier() and self.name == self.name.lower()):
            yield "the name may hold lower-case letters, digits and underscores"
        if self.version < 1:
            yield f"versions count from 1, got {self.version}"
        if not self.lower < self.upper:
            yield f"the range [{self.lower}, {self.upper}] is empty"
        if self.direction not in ("higher", "lower", "none"):
            yield f"the direction is 'higher', 'lower' or 'none', got {self.direction!r}"
        for need in sorted(self.needs - _NEEDS.keys()):
            yield f"unknown need {need!r}{suggestion(need, _NEEDS)}"
        if not 0 < self.relevant_change < math.inf:
            yield f"the relevant change is a positive number, got {self.relevant_change}"
        if not self.summary or "\n" in self.summary:
            yield "the summary is one line"


class Judge(Protocol):
    """What a metric asks of a judge: how probable each of its labels is for a clip."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it knows."""

    @property
    def fingerprint(self) -> str:
        """What tells it from every judge that answers differently."""

    def probabilities(self, samples: Samples, sample_rate: int) -> NDArray[np.floating]:
        """Return the probability of each label, shape (labels,), in the order of `labels`."""


class ContentJudge(Protocol):
    """What a metric asks of a content judge: which notes are heard in a clip."""

    @property
    def fingerprint(self) -> str:
        """What tells it from every content judge that answers differently."""

    def transcribe(self, samples: Samples, sample_rate: int) -> pd.DataFrame:
        """Return the notes: columns ``onset_s, offset_s, pitch``."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One output, with everything that is known about it.

    Clips may differ in length. What several metrics use is computed once, when first asked for.

    Parameters
    ----------
    output : numpy.ndarray, shape (n,)
        What a method has made, in [-1, 1]. All clips are checked by
        :func:`~timbrebench.audio.clips.as_samples`.
    content, style : numpy.ndarray, shape (m,)
        What it was made from.
    sample_rate : int
        Rate of all clips in hertz.
    reference : numpy.ndarray, shape (k,), optional
        The content's notes played by the style's instrument.
    notes : pandas.DataFrame, optional
        Ground-truth notes of the content: columns ``onset_s`` and ``offset_s`` in seconds from the start of
        the clip, where a note that sounds already has a negative onset, ``pitch`` (MIDI) and ``velocity``
        (MIDI).
    content_label, style_label : str, optional
        Labels of content and style.
    judge : Judge, optional
        Who is asked which instrument the output sounds like.
    content_judge : ContentJudge, optional
        Who is asked which notes are heard in it.

    Raises
    ------
    AudioError
        If a clip is empty, or holds NaN or infinity, or is no audio.
    ConfigurationError
        If the sample rate is not positive.
    DatasetError
        If `notes` lacks a column, holds a time that is not finite or a note that ends before it begins.
    """

    output: Samples
    content: Samples
    style: Samples
    sample_rate: int
    reference: Samples | None = None
    notes: pd.DataFrame | None = None
    content_label: str | None = None
    style_label: str | None = None
    judge: Judge | None = None
    content_judge: ContentJudge | None = None

    def __post_init__(self) -> None:
        if self.sample_rate <= 0:
            raise ConfigurationError(f"the sample rate is a positive number of hertz, got {self.sample_rate}")
        for name in ("output", "content", "style", "reference"):
            clip = getattr(self, name)
            if clip is not None:
                object.__setattr__(self, name, as_samples(clip, name=f"the {name}"))
        if self.notes is not None:
            _check_notes(self.notes)

    @cached_property
    def output_onsets(self) -> Times:
        """Onsets detected in the output, seconds."""
        return detect_onsets(self.output, self.sample_rate)

    @cached_property
    def content_onsets(self) -> Times:
        """Onsets detected in the content, seconds."""
        return detect_onsets(self.content, self.sample_rate)

    @cached_property
    def style_onsets(self) -> Times:
        """Onsets detected in the style, seconds."""
        return detect_onsets(self.style, self.sample_rate)

    @cached_property
    def output_notes(self) -> pd.DataFrame:
        """Notes that the content judge reads in the output.

        Raises
        ------
        Unscorable
            If there is no content judge, or it has no answer.
        """
        if self.content_judge is None:
            raise Unscorable(_NEEDS["content_judge"])
        try:
            return self.content_judge.transcribe(self.output, self.sample_rate)
        except JudgeError as error:
            raise Unscorable(f"the content judge has no answer: {error}") from error

    @cached_property
    def output_probabilities(self) -> NDArray[np.float64]:
        """Probability of each of the judge's labels for the output.

        Raises
        ------
        Unscorable
            If there is no judge, it has no answer, or its answer is no distribution over its labels.
        """
        if self.judge is None:
            raise Unscorable(_NEEDS["judge"])
        try:
            answer = self.judge.probabilities(self.output, self.sample_rate)
        except JudgeError as error:
            raise Unscorable(f"the judge has no answer: {error}") from error
        probabilities = np.asarray(answer, dtype=np.float64)
        if probabilities.shape != (len(self.judge.labels),):
            raise Unscorable(
                f"the judge's answer has shape {probabilities.shape} for {len(self.judge.labels)} labels"
            )
        if not (np.all(probabilities >= 0) and math.isclose(probabilities.sum(), 1, abs_tol=1e-3)):
            raise Unscorable("the judge's answer is no probability distribution")
        return probabilities

    def lacks(self, need: str) -> bool:
        """Tell whether something that metrics need is unknown: a key of :data:`_NEEDS`."""
        if need == "labels":
            return self.content_label is None or self.style_label is None
        return getattr(self, need) is None


def _check_notes(notes: pd.DataFrame) -> None:
    missing = [column for column in _NOTE_COLUMNS if column not in notes.columns]
    if missing:
        raise DatasetError(
            f"the notes lack the columns {', '.join(missing)}: they have {list(notes.columns)}"
        )
    onsets, offsets = (notes[column].to_numpy(dtype=np.float64) for column in _NOTE_COLUMNS[:2])
    if not (np.isfinite(onsets).all() and np.isfinite(offsets).all()):
        raise DatasetError("the notes hold times that are not finite")
    if (offsets < onsets).any():
        raise DatasetError(
            "the notes hold one that ends before it begins: times are in seconds, both of them"
        )


class Metric:
    """A function of a trial that answers one question, with its specification. Made by :func:`metric`."""

    def __init__(self, function: Callable[[Trial], float], specification: Specification) -> None:
        self.specification = specification
        self._function = function
        functools.update_wrapper(self, function)

    def __call__(self, trial: Trial) -> Score:
        """Score one output.

        Parameters
        ----------
        trial : Trial
            The output and what is known about it.

        Returns
        -------
        Score
            A finite value within the declared range, or NaN with the reason.
        """
        declared = self.specification
        for need in sorted(declared.needs):
            if trial.lacks(need):
                return Score(math.nan, _NEEDS[need])
        try:
            value = float(self._function(trial))
        except Unscorable as outcome:
            return Score(math.nan, str(outcome) or f"{declared.name} gave no reason")
        if not (math.isfinite(value) and declared.lower <= value <= declared.upper):
            return Score(
                math.nan,
                f"{declared.name} returned {value}, which is no number in its range from {declared.lower:g} "
                f"to {declared.upper:g}: a fault of the metric",
            )
        return Score(value)

    def __repr__(self) -> str:
        return f"<Metric {self.specification.name} v{self.specification.version}>"

    def __reduce__(self) -> str:
        # A name in its module, where the decorator has put it in the function's place: workers import it.
        return cast("str", self.__qualname__)  # type: ignore[attr-defined] # set by update_wrapper


def metric(
    *,
    name: str,
    version: int,
    unit: str,
    lower: float,
    upper: float,
    direction: Direction,
    relevant_change: float,
    summary: str,
    needs: Iterable[str] = (),
) -> Callable[[Callable[[Trial], float]], Metric]:
    """Declare the decorated function of a trial to be a metric.

    The function returns a number or raises :class:`Unscorable`. Any other exception is a fault of the
    metric and passes through.

    Parameters
    ----------
    name, version, unit, lower, upper, direction, relevant_change, summary
        As in :class:`Specification`.
    needs : iterable of str
        As in :class:`Specification`; nothing by default.

    Returns
    -------
    callable
        A decorator that turns the function into a :class:`Metric`.

    Raises
    ------
    ConfigurationError
        If the specification is not valid.
    """
    specification = Specification(
        name=name,
        version=version,
        unit=unit,
        lower=lower,
        upper=upper,
        direction=direction,
        needs=frozenset(needs),
        relevant_change=relevant_change,
        summary=summary,
    )
    return lambda function: Metric(function, specification)


def evaluate(trial: Trial, metrics: Iterable[Metric]) -> dict[str, Score]:
    """Score one output by several metrics.

    Parameters
    ----------
    trial : Trial
        The output and what is known about it.
    metrics : iterable of Metric
        What to ask.

    Returns
    -------
    dict of str to Score
        By the metrics' names, in their order.

    Raises
    ------
    ConfigurationError
        If two metrics have the same name.
    """
    scores: dict[str, Score] = {}
    for asked in metrics:
        name = asked.specification.name
        if name in scores:
            raise ConfigurationError(f"the metric {name!r} was asked for twice")
        scores[name] = asked(trial)
    return scores
