"""The kinds of listening test: what a page puts side by side, on which scale, and what gives a listener away.

``mushra`` follows Recommendation ITU-R BS.1534-3 (2015): all outputs of a pair stand beside the hidden
reference and anchors and are rated from 0 to 100 with five words. ``mos`` is the absolute category rating of
ITU-T P.800 (1996): each output alone, a grade from 1 to 5. ``abx`` compares two methods at a time: which of A
and B is nearer to X, as listening tests of voice conversion ask; it is not the discrimination test of the
same name, in which X is A or B itself.

What is the same in all of them: style, content and sound quality are asked on pages of their own, and for
each question one condition is right and one is wrong, which the run's controls provide. Where a suite has no
references, the untouched content is right about notes and sound, the style copy about style; MUSHRA, which
rates against a reference, needs one.

The anchors are not those of BS.1534 alone. Its low anchor, the reference through a low-pass filter of 3.5
kHz, is wrong about sound quality only; the untouched content is wrong about style and the style copy about
content. BS.1534-3 asks for a mid anchor of 7 kHz as well, which is left out here to keep pages short, and
with it the rule of post-screening for who gives it more than 90.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, Literal

import pandas as pd

from timbrebench.core.errors import UnknownNameError

Question = Literal["style", "content", "quality"]

#: What is asked of each output, in the order of tables.
QUESTIONS: tuple[Question, ...] = ("style", "content", "quality")

#: The conditions beside the methods, by the run's names of the controls, and the low-pass anchor.
REFERENCE, CONTENT, STYLE, LOW_PASS = "reference", "identity", "style-copy", "low-pass"

#: Maximum number of stimuli on a page of a MUSHRA test (BS.1534-3).
_MAX_STIMULI = 12

#: Points by which ratings of a page may differ and still be a straight line.
_FLAT_POINTS = 2

#: Probability of choosing one side throughout at random, below which it is taken for a straight line.
_CHANCE = 0.001


@dataclass(frozen=True)
class Conditions:
    """What is heard of a pair: outputs of methods, and the anchors.

    Attributes
    ----------
    methods : tuple of str
        Labels of the run.
    has_truth : bool
        Whether the suite has references.
    """

    methods: tuple[str, ...]
    has_truth: bool

    @property
    def anchors(self) -> tuple[str, ...]:
        """The conditions beside the methods."""
        known = (CONTENT, STYLE, LOW_PASS)
        return (REFERENCE, *known) if self.has_truth else known

    @property
    def all(self) -> tuple[str, ...]:
        """Anchors, then methods."""
        return (*self.anchors, *self.methods)

    def right(self, question: Question) -> str:
        """Return the condition that no output can surpass: the hidden reference, where there is one."""
        if self.has_truth:
            return REFERENCE
        return STYLE if question == "style" else CONTENT

    def wrong(self, question: Question) -> str:
        """Return the condition that fails by what is asked."""
        return {"style": CONTENT, "content": STYLE, "quality": LOW_PASS}[question]


def _ends(conditions: Conditions, question: Question) -> tuple[str, str]:
    return conditions.right(question), conditions.wrong(question)


class ListeningKind(ABC):
    """A kind of listening test.

    Attributes
    ----------
    name : str
        As in ``--kind``.
    low, high : int
        Ends of the scale.
    scores : sequence of int
        What a stimulus may be given.
    level : str
        Level of measurement, for Krippendorff's alpha.
    right_at_least : int
        What the right condition must be given; less than it in more than 15 % of the items excludes a
        listener. 90 is BS.1534-3's; 4 of 5 and a comparison won are settled here.
    is_of_methods : bool
        Whether methods are put together with each other, and of the anchors only what is right with what is
        wrong.
    trains_on_all : bool
        Whether training shows all that is heard of a pair, or what is right and what is wrong.
    names_reference : bool
        Whether pages have the reference beside the stimuli, named as what it is.
    """

    name: ClassVar[str]
    low: ClassVar[int]
    high: ClassVar[int]
    scores: ClassVar[Sequence[int]]
    level: ClassVar[Literal["interval", "ordinal", "nominal"]]
    right_at_least: ClassVar[int]
    is_of_methods: ClassVar[bool] = False
    trains_on_all: ClassVar[bool] = False
    names_reference: ClassVar[bool] = False

    @property
    def span(self) -> int:
        """Length of the scale."""
        return self.high - self.low

    @abstractmethod
    def together(self, stimuli: Sequence[str]) -> list[tuple[str, ...]]:
        """Spread stimuli over pages: what stands together, for each page."""

    def groups(self, conditions: Conditions, question: Question) -> list[tuple[str, ...]]:
        """List what stands together on a page of a pair, for each page about a question."""
        if not self.is_of_methods:
            return self.together(conditions.all)
        return [*self.together(conditions.methods), *self.together(_ends(conditions, question))]

    def training_groups(self, conditions: Conditions, question: Question) -> list[tuple[str, ...]]:
        """List the same for the pages before the test."""
        return self.together(conditions.all if self.trains_on_all else _ends(conditions, question))

    def problem(self, scores: Sequence[int]) -> str:
        """Say what is wrong with the scores of a page; empty where nothing is."""
        unknown = sorted(set(scores) - set(self.scores))
        return f"a {self.name} test has no score of {unknown[0]}" if unknown else ""

    def misfit(self, conditions: Conditions) -> str:
        """Say why conditions cannot be heard in such a test; empty where they can."""
        return "" if conditions.methods else "the run has no method to be heard: name controls or add methods"

    @abstractmethod
    def flat_share(self, rows: pd.DataFrame) -> float:
        """Return which share of a listener's answers is a straight line.

        `rows` has ``page``, ``question``, ``position`` (that of the stimulus on the page, from 0) and
        ``score``.
        """


class Mushra(ListeningKind):
    """All outputs of a pair on one page, against a reference, 0 to 100."""

    name, low, high, scores, level, right_at_least = "mushra", 0, 100, range(101), "interval", 90

    trains_on_all = names_reference = True

    def together(self, stimuli: Sequence[str]) -> list[tuple[str, ...]]:
        """Return one page with everything."""
        return [tuple(stimuli)]

    def misfit(self, conditions: Conditions) -> str:
        """Require a reference, and no more stimuli than BS.1534 allows."""
        if not conditions.has_truth:
            return "a mushra test rates against references, and this suite has none: choose mos or abx"
        if len(conditions.all) > _MAX_STIMULI:
            most = _MAX_STIMULI - len(conditions.anchors)
            return f"a page of a mushra test holds at most {most} methods beside its anchors: name them"
        return super().misfit(conditions)

    def flat_share(self, rows: pd.DataFrame) -> float:
        """Return the share of pages on which all stimuli have nearly one score."""
        pages = rows.groupby("page").score
        return float((pages.max() - pages.min() <= _FLAT_POINTS).mean())


class Mos(ListeningKind):
    """Each output alone, a grade from 1 to 5."""

    name, low, high, scores, level, right_at_least = "mos", 1, 5, range(1, 6), "ordinal", 4

    def together(self, stimuli: Sequence[str]) -> list[tuple[str, ...]]:
        """Return a page for each stimulus."""
        return [(stimulus,) for stimulus in stimuli]

    def flat_share(self, rows: pd.DataFrame) -> float:
        """Return the share of questions of which all grades are one."""
        grades = rows.groupby("question").score
        return float((grades.min() == grades.max()).mean())


class Abx(ListeningKind):
    """Two methods at a time: which of A and B is nearer to X. The chosen one has 100, the other 0."""

    name, low, high, scores, level, right_at_least = "abx", 0, 100, (0, 100), "nominal", 100

    is_of_methods = True

    def together(self, stimuli: Sequence[str]) -> list[tuple[str, ...]]:
        """Return a page for each two stimuli."""
        return list(combinations(stimuli, 2))

    def misfit(self, conditions: Conditions) -> str:
        """Require two methods."""
        if len(conditions.methods) < 2:
            return "an abx test compares methods: it needs two of them"
        return super().misfit(conditions)

    def problem(self, scores: Sequence[int]) -> str:
        """Require that one of the two was chosen."""
        return super().problem(scores) or ("" if sum(scores) == 100 else "one of two has to be chosen")

    def flat_share(self, rows: pd.DataFrame) -> float:
        """Return 1 where the chosen one always stood at the same place, beyond chance; 0 otherwise."""
        places = rows.position[rows.score == self.high]
        chance = 2 * 0.5 ** len(places)
        return float(places.min() == places.max() and chance < _CHANCE)


KINDS = {kind.name: kind for kind in (Mushra(), Abx(), Mos())}


def kind_of(name: str) -> ListeningKind:
    """Return a kind of test by its name; raise UnknownNameError for others."""
    if name not in KINDS:
        raise UnknownNameError("kind of listening test", name, KINDS)
    return KINDS[name]
