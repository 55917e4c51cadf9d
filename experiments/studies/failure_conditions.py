"""What the study of the failed transfer changes, one thing at a time, and how much of it is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from timbrebench.experiments.studies.style_content_curve_study import BALANCED

#: The report's method.
FAILED = "classifier-features"

#: What the report says of itself, in the order of its section V: names of conditions.
PUBLISHED = "as published"
MORE_ITERATIONS = "more iterations"
CONTENT_ONLY = "content only"
FROM_CONTENT = "from the content"
FROM_STYLE = "from the style"
VARIATION = "total variation"
LBFGS = "L-BFGS"
ULYANOV = "ulyanov"

#: What its authors' code does otherwise.
RESHAPED = "reshaped arrays"
CODE = "authors' code"

#: Iterations of Ulyanov & Lebedev's method in the small setting; their script has 300.
ULYANOV_ITERATIONS = 40

#: Weight of the total variation, of the authors' code.
VARIATION_WEIGHT = 1e-6

#: Weights of content and style (alpha and beta): those of the curves in the authors' code, and some with
#: which the style weighs more.
OTHER_WEIGHTS = ((1e-2, 1e-1), (1e-3, 1e5))
STRONGEST_STYLE = OTHER_WEIGHTS[-1]

#: The map's weights: a step of ten, over the ranges that the authors' code names.
ALPHAS = (1e-3, 1e-2, 1e-1, 1.0)
BETAS = (1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class FailureCondition:
    """A method with its parameters; the name says what is changed.

    `recorded` says whether it is also tried on recorded notes.
    """

    name: str
    method: str
    parameters: Mapping[str, object]
    recorded: bool = False


@dataclass(frozen=True)
class FailureSettings:
    """How much is done.

    Attributes
    ----------
    base : mapping
        Parameters that all conditions of the report's method share.
    iterations, more_iterations : int
        Iterations of Adam, for which the report has 300 and 3,000.
    lbfgs : int
        Iterations of L-BFGS.
    map_iterations : int
        Iterations for each place of the map, for which the report has 1,000.
    others : tuple of FailureCondition
        Other methods.
    full_size : bool
        Whether ``ulyanov`` has as many iterations as in its authors' script, so that a failure to converge
        counts.
    """

    base: Mapping[str, object]
    iterations: int
    more_iterations: int
    lbfgs: int
    map_iterations: int
    others: tuple[FailureCondition, ...]
    full_size: bool = True

    @property
    def conditions(self) -> tuple[FailureCondition, ...]:
        """All conditions, the published one first."""
        return (*self._of_report(), *self.others)

    def _of_report(self) -> Iterator[FailureCondition]:
        """Yield the published setting, and those that differ from it in one thing."""
        common = {**self.base, "iterations": self.iterations}

        def condition(name: str, *, recorded: bool = False, **changed: object) -> FailureCondition:
            return FailureCondition(name, FAILED, {**common, **changed}, recorded)

        yield condition(PUBLISHED, recorded=True)
        yield condition(MORE_ITERATIONS, iterations=self.more_iterations)
        yield condition(CONTENT_ONLY, style_weight=0.0)
        yield condition(FROM_CONTENT, start="content", recorded=True)
        yield condition(FROM_STYLE, start="style")
        yield condition(VARIATION, total_variation_weight=VARIATION_WEIGHT)
        for alpha, beta in OTHER_WEIGHTS:
            yield condition(f"alpha {alpha:g}, beta {beta:g}", content_weight=alpha, style_weight=beta)
        alpha, beta = STRONGEST_STYLE
        yield condition(
            f"{FROM_CONTENT}, beta {beta:g}", content_weight=alpha, style_weight=beta, start="content"
        )
        yield condition(LBFGS, iterations=self.lbfgs, optimiser="lbfgs")
        yield condition(RESHAPED, layout="reshaped")
        yield condition(CODE, preset="code")


SMALL = FailureSettings(
    base={"n_fft": 1024, "hop_length": 512},
    iterations=300,
    more_iterations=1000,
    lbfgs=60,
    map_iterations=300,
    others=(
        FailureCondition(
            ULYANOV, ULYANOV, {"preset": "code", "max_iterations": ULYANOV_ITERATIONS}, recorded=True
        ),
        FailureCondition("wide-limit", "wide-limit", {**BALANCED, "max_iterations": 60}),
        FailureCondition("reinstrument", "reinstrument", {}),
    ),
    full_size=False,
)
PAPER = FailureSettings(
    base={},
    iterations=300,
    more_iterations=3000,
    lbfgs=300,
    map_iterations=1000,
    others=(
        FailureCondition(ULYANOV, "ulyanov", {"preset": "code"}, recorded=True),
        FailureCondition("wide-limit", "wide-limit", BALANCED),
        FailureCondition("reinstrument", "reinstrument", {}),
    ),
)
