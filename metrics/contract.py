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
        if trial.output.is_silent:
            raise Unscorable("the output is silent")
        ...

and found by its entry point in the group ``timbrebench.metrics``. Calling a metric never yields a number
that looks like a score and is none: what it needs is checked first, and a result that is not finite or lies
outside the declared range is refused.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from timbrebench.core.errors import ConfigurationError, suggestion
from timbrebench.metrics.sound import Unscorable
from timbrebench.metrics.trial import NEEDS, Trial

Direction = Literal["higher", "lower", "none"]
Response = Literal["rises", "falls"]

#: What can be done to an output without a metric noticing: a change of level, of sign, a few samples' delay.
INDIFFERENCES = frozenset({"gain", "polarity", "shift"})

#: Graded ways of spoiling a reference (:mod:`timbrebench.experiments.validity.corruptions`).
CORRUPTIONS = (
    "noise",
    "lowpass",
    "wrong_notes",
    "shifted_onsets",
    "wrong_instrument",
    "time_stretch",
    "transposition",
)


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
        What has to be known beside output, content and style: any of "reference", "notes", "style_notes",
        "judge", "content_judge", "labels".
    relevant_change : float
        The smallest difference of two means that matters to a user, in the metric's unit. A regression gate
        leaves smaller ones alone, however significant.
    summary : str
        The question that the metric answers, in one line.
    responds : mapping of str to {"rises", "falls"}
        Corruptions, by their names in :data:`CORRUPTIONS`, under which the value goes one way only, the worse
        they are. Others may move it, too, or not.
    ignores : frozenset of str
        Which of :data:`INDIFFERENCES` leave the value where it is, within a tenth of `relevant_change`.

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
    responds: Mapping[str, Response] = field(default_factory=dict)
    ignores: frozenset[str] = INDIFFERENCES

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
        for need in sorted(self.needs - NEEDS.keys()):
            yield f"unknown need {need!r}{suggestion(need, NEEDS)}"
        yield from self._unsound_promises()
        if not 0 < self.relevant_change < math.inf:
            yield f"the relevant change is a positive number, got {self.relevant_change}"
        if not self.summary or "\n" in self.summary:
            yield "the summary is one line"

    def _unsound_promises(self) -> Iterable[str]:
        for name, way in self.responds.items():
            if name not in CORRUPTIONS:
                yield f"unknown corruption {name!r}{suggestion(name, CORRUPTIONS)}"
            if way not in ("rises", "falls"):
                yield f"under {name} the value 'rises' or 'falls', got {way!r}"
        for name in sorted(self.ignores - INDIFFERENCES):
            yield f"unknown indifference {name!r}{suggestion(name, INDIFFERENCES)}"


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
                return Score(math.nan, NEEDS[need])
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

    @property
    def question(self) -> str:
        """The question that it answers with others: the first line of its module's description."""
        lines = (sys.modules[self._function.__module__].__doc__ or "").strip().splitlines()
        return lines[0] if lines else self.specification.summary

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
    responds: Mapping[str, Response] | None = None,
    ignores: Iterable[str] = INDIFFERENCES,
) -> Callable[[Callable[[Trial], float]], Metric]:
    """Declare the decorated function of a trial to be a metric.

    The function returns a number or raises :class:`Unscorable`. Any other exception is a fault of the
    metric and passes through.

    Parameters
    ----------
    name, version, unit, lower, upper, direction, relevant_change, summary
        As in :class:`Specification`.
    needs, responds, ignores
        As in :class:`Specification`; by default it needs nothing, promises no response and ignores all that
        can be ignored.

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
        responds=dict(responds or {}),
        ignores=frozenset(ignores),
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
