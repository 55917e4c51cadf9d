"""What a metric is: a pure function of one output, with a declared specification.

A metric answers one question about an output with one number, or says why it cannot. It is made from a
function by the decorator :func:`metric`::

    @metric(
        unit="dB",
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
that only looks like a score: what it needs is checked first, and a result that is not finite or lies outside
the declared range becomes NaN with a reason.
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

#: Changes of an output to which a metric may be invariant: of level, of sign, a delay of a few samples.
INVARIANCES = frozenset({"gain", "polarity", "shift"})

#: Graded ways to degrade a reference (:mod:`timbrebench.experiments.validity.corruptions`).
CORRUPTIONS = (
    "noise",
    "lowpass",
    "wrong_notes",
    "shifted_onsets",
    "wrong_instrument",
    "time_stretch",
    "transposition",
    "holes",
    "burst",
    "smear",
    "ring",
)


@dataclass(frozen=True)
class Score:
    """The value of a metric for one output, or the reason why it has no value.

    Parameters
    ----------
    value : float
        In the metric's unit; NaN where it cannot be computed.
    reason : str, optional
        Why not. Given if and only if `value` is NaN.
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
        Lower-case letters, digits and underscores.
    version : int
        Raised whenever the values change, so that stored scores of two versions are not mixed.
    unit : str
        Unit of the values; "1" for a dimensionless number.
    lower, upper : float
        Range of the values, ends included; infinite where there is no bound.
    direction : {"higher", "lower", "none"}
        Which values are better; "none" for a metric that describes an output without a direction.
    needs : frozenset of str
        Required inputs beside output, content and style: keys of :data:`~timbrebench.metrics.trial.NEEDS`.
    relevant_change : float
        The smallest difference of two means that matters to a user, in the metric's unit. A regression gate
        tolerates smaller ones, however significant.
    summary : str
        The question that the metric answers, in one line.
    responds : mapping of str to {"rises", "falls"}
        Corruptions (:data:`CORRUPTIONS`) under which the value is monotonic in the grade. Under others it may
        change or not.
    invariant_to : frozenset of str
        Those of :data:`INVARIANCES` that change the value by at most a tenth of `relevant_change`.

    Raises
    ------
    ConfigurationError
        If any of these is not valid.
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
    invariant_to: frozenset[str] = INVARIANCES

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ConfigurationError(f"metric {self.name!r}: {problem}")

    def _problems(self) -> Iterable[str]:
        if not (self.name.isidentifier() and self.name == self.name.lower()):
            yield "a name consists of lower-case letters, digits and underscores"
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
        for name in sorted(self.invariant_to - INVARIANCES):
            yield f"unknown invariance {name!r}{suggestion(name, INVARIANCES)}"


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
                f"{declared.name} returned {value}, outside its range from {declared.lower:g} to "
                f"{declared.upper:g}: a fault of the metric",
            )
        return Score(value)

    @property
    def question(self) -> str:
        """The question that the metrics of its module answer: the first line of the module's docstring."""
        lines = (sys.modules[self._function.__module__].__doc__ or "").strip().splitlines()
        return lines[0] if lines else self.specification.summary

    def __repr__(self) -> str:
        return f"<Metric {self.specification.name} v{self.specification.version}>"

    def __reduce__(self) -> str:
        # A name in its module, where the decorator has put it in the function's place: workers import it.
        return cast("str", self.__qualname__)  # type: ignore[attr-defined] # set by update_wrapper


def metric(
    *,
    direction: Direction,
    relevant_change: float,
    summary: str,
    name: str | None = None,
    version: int = 1,
    unit: str = "1",
    lower: float = 0.0,
    upper: float = 1.0,
    needs: Iterable[str] = (),
    responds: Mapping[str, Response] | None = None,
    invariant_to: Iterable[str] = INVARIANCES,
) -> Callable[[Callable[[Trial], float]], Metric]:
    """Declare the decorated function of a trial to be a metric.

    The function returns a number or raises :class:`Unscorable`. Any other exception is a fault of the
    metric and propagates.

    Parameters
    ----------
    direction, relevant_change, summary
        As in :class:`Specification`.
    name : str, optional
        By default the function's.
    version, unit, lower, upper, needs, responds, invariant_to
        As in :class:`Specification`; by default version 1 of a dimensionless number from 0 to 1 that needs
        output, content and style only, declares no response, and is invariant to all that it can be.

    Returns
    -------
    callable
        A decorator that turns the function into a :class:`Metric`.

    Raises
    ------
    ConfigurationError
        If the specification is not valid; raised by the decorator.
    """

    def declare(function: Callable[[Trial], float]) -> Metric:
        specification = Specification(
            name=name or function.__name__,
            version=version,
            unit=unit,
            lower=lower,
            upper=upper,
            direction=direction,
            needs=frozenset(needs),
            relevant_change=relevant_change,
            summary=summary,
            responds=dict(responds or {}),
            invariant_to=frozenset(invariant_to),
        )
        return Metric(function, specification)

    return declare


def evaluate(trial: Trial, metrics: Iterable[Metric]) -> dict[str, Score]:
    """Score one output by several metrics.

    Parameters
    ----------
    trial : Trial
        The output and what is known about it.
    metrics : iterable of Metric
        At least one, of different names.

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
            raise ConfigurationError(f"the metric {name!r} is listed twice")
        scores[name] = asked(trial)
    return scores
