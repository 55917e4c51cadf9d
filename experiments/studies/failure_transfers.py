"""Transfers of the study of the failed transfer: made, logged and scored."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from timbrebench.experiments.studies.failure_cases import DISTORTION, FailureCase
from timbrebench.experiments.studies.failure_conditions import FAILED, ULYANOV, FailureCondition
from timbrebench.experiments.studies.study import StudyContext
from timbrebench.experiments.studies.study_scores import metric_values, prepared, taught, transfer
from timbrebench.experiments.studies.verdicts import Floats
from timbrebench.metrics import Trial
from timbrebench.transfer import Method
from timbrebench.transfer.algorithms.perceptual_losses import repeated
from timbrebench.transfer.bases.trained_network_method import SpectrogramPair
from timbrebench.transfer.methods.classifier_features import ClassifierFeatures
from timbrebench.transfer.methods.ulyanov import Ulyanov

#: Metrics that are 0 for an output that was refused.
_METRICS = ("style_accuracy", "content_label_share", "style_confidence", "note_f1")

#: Name of the condition in which nothing is done.
UNTOUCHED = "untouched content"

#: Share of the reference's note F1 from which the notes count as kept.
KEPT = 0.5

#: Iterations after which the report finds nothing moving.
SETTLED_AFTER = 500


class LossTerms(NamedTuple):
    """Terms of a loss, not weighted."""

    content: float
    style: float
    variation: float


class LoggedMethod(ABC):
    """A method that logs its last transfer."""

    @abstractmethod
    def figures(self, case: FailureCase, /) -> dict[str, object]:
        """Return what the log adds to the row of the last transfer, which was of this case."""


class LoggedClassifierFeatures(ClassifierFeatures, LoggedMethod):
    """The report's method, with what it does on the way.

    Attributes
    ----------
    pair : SpectrogramPair or None
        The spectrograms of the last transfer.
    curve : list of LossTerms
        Terms of its loss at each evaluation, of which Adam has one in each iteration, and at the end.
    snapshots : dict of int to torch.Tensor, shape (bins, frames)
        Its spectrogram in decibels before the iterations of this number.
    optimised, started : torch.Tensor or None, shape (bins, frames)
        Its last and its first spectrogram in decibels.
    """

    def __init__(self, /, **parameters: object) -> None:
        super().__init__(**parameters)
        self.pair: SpectrogramPair | None = None
        self.curve: list[LossTerms] = []
        self.snapshots: dict[int, Tensor] = {}
        self.optimised: Tensor | None = None
        self.started: Tensor | None = None
        self._wanted: frozenset[int] = frozenset()

    def keep(self, iterations: Sequence[int]) -> None:
        """Have the spectrograms before these iterations kept."""
        self._wanted = frozenset(iterations)

    def loss(self, pair: SpectrogramPair, layers: nn.Sequential) -> Callable[[Tensor], Tensor]:
        """Return the weighted loss, which notes its terms."""
        self.pair, terms = pair, self.terms(pair, layers)

        def loss(spectrogram: Tensor) -> Tensor:
            evaluated = terms(spectrogram)
            iteration = len(self.curve) - 1  # the first evaluation is that by which gradients are scaled
            if iteration in self._wanted:
                self.snapshots[iteration] = spectrogram.detach().clone()
            self.curve.append(LossTerms(*(float(term.detach()) for term in evaluated)))
            return self.weighted(evaluated)

        return loss

    def minimise(self, loss: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
        """Return the optimised spectrogram, and keep it."""
        self.curve.clear()
        self.snapshots.clear()
        self.started = start
        self.optimised = super().minimise(loss, start)
        loss(self.optimised)
        del self.curve[0]  # the evaluation by which gradients are scaled
        return self.optimised

    def losses(self) -> Floats:
        """Return the weighted loss at each evaluation, and at the end: shape (evaluations + 1,)."""
        settings = self.parameters
        weights = (settings.content_weight, settings.style_weight, settings.total_variation_weight)
        losses: Floats = np.asarray(self.curve, dtype=np.float64) @ np.asarray(weights)
        return losses

    def figures(self, case: FailureCase, /) -> dict[str, object]:
        """Return the figures of the optimised spectrogram, and how far the loss has fallen."""
        assert self.pair is not None  # noqa: S101 - a transfer has been made
        assert self.optimised is not None  # noqa: S101 - so it has a result
        assert self.started is not None  # noqa: S101 - and a start
        assert self.network is not None  # noqa: S101 - and a network
        seen = self.network.labels[int(self.probabilities(self.optimised).argmax())]
        losses, content = self.losses(), [terms.content for terms in self.curve]
        later = math.nan
        if self.parameters.optimiser == "adam" and len(losses) > SETTLED_AFTER + 1:
            later = _fall(losses[SETTLED_AFTER], losses[-1])
        apart = repeated(self.pair.style, self.pair.content.shape[1]) - self.pair.content
        return {
            "seen_as_content": float(seen == case.trial.content_label),
            "seen_as_style": float(seen == case.trial.style_label),
            "loss_fall": _fall(losses[0], losses[-1]),
            "content_fall": _fall(content[0], content[-1]),
            "later_fall": later,
            "moved": float((self.optimised - self.started).norm() / apart.norm()),
        }


class LoggedUlyanov(Ulyanov, LoggedMethod):
    """Ulyanov & Lebedev's method, with the loss at each evaluation of the last transfer in `losses`."""

    def __init__(self, /, **parameters: object) -> None:
        super().__init__(**parameters)
        self.losses: list[float] = []

    def minimise(self, objective: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
        """Return the optimised spectrogram, and log the losses on the way."""
        self.losses.clear()

        def logged(spectrogram: Floats) -> tuple[float, Floats]:
            loss, gradient = objective(spectrogram)
            self.losses.append(loss)
            return loss, gradient

        return super().minimise(logged, start)

    def figures(self, _: FailureCase, /) -> dict[str, object]:
        """Return how far the loss has fallen."""
        return {"loss_fall": _fall(self.losses[0], min(self.losses))}


def logged_transfer(
    context: StudyContext, case: FailureCase, parameters: Mapping[str, object], keep: Sequence[int] = ()
) -> LoggedClassifierFeatures:
    """Return the report's method after a transfer of a case; `keep` is for its own method of that name."""
    method = taught(context, LoggedClassifierFeatures(**parameters))
    method.keep(keep)
    content, style = case.trial.content, case.trial.style
    transfer(method, content.samples, style.samples, content.sample_rate, seed=case.seed)
    return method


def ready(context: StudyContext, condition: FailureCondition) -> Method:
    """Return the method of a condition, which has learned."""
    if condition.method == FAILED:
        return taught(context, LoggedClassifierFeatures(**condition.parameters))
    if condition.method == ULYANOV:
        return LoggedUlyanov(**condition.parameters)
    return prepared(context, condition.method, condition.parameters)


def untouched(case: FailureCase) -> dict[str, object]:
    """Return the row of a case's content as it is (:func:`scored`)."""
    return {**_row(case, UNTOUCHED, "identity"), **_scores(case, case.trial)}


def scored(condition: FailureCondition, method: Method, case: FailureCase) -> dict[str, object]:
    """Transfer a case, and return the row that the output has in the study's table of outputs.

    Beside what it is an output of, and its scores:

    - ``decidable``: whether the judge predicts the style's instrument for the reference. Where it does not,
      it cannot tell a transfer.
    - ``gain_db``: by how much the mel-cepstral distortion against the reference is less than that of the
      untouched content; negative where doing nothing would have been nearer.
    - ``transferred``: whether the judge predicts the style's instrument and at least half as many notes are
      kept as in the reference (note F1).
    - ``recordings``: the sources of the recorded notes that play it.
    - Of the report's method and of ``ulyanov``, ``loss_fall``: the share of the loss that the optimisation
      took away.
    - Of the report's method, ``seen_as_content`` and ``seen_as_style``, by the network before any inversion;
      ``content_fall``, the share of the content loss that was taken away; ``later_fall``, which share of the
      loss that is left after 500 iterations of Adam the others took away; and ``moved``, how far the
      spectrogram lies from its start, in distances from content to style.
    """
    trial = case.trial
    content, style = trial.content, trial.style
    output = transfer(method, content.samples, style.samples, content.sample_rate, seed=case.seed)
    row = _row(case, condition.name, condition.method)
    if output is None:
        return {**row, **dict.fromkeys(_METRICS, 0.0), "gain_db": math.nan, **_verdict(case, 0.0, 0.0)}
    row |= _scores(case, trial.with_output(output, content.sample_rate))
    if isinstance(method, LoggedMethod):
        row |= method.figures(case)
    return row


def _row(case: FailureCase, condition: str, method: str) -> dict[str, object]:
    return {
        "condition": condition,
        "method": method,
        "sounds": case.sounds,
        "recordings": case.recordings,
        "pair": case.pair.pair_id,
        "content_label": case.trial.content_label,
        "style_label": case.trial.style_label,
    }


def _scores(case: FailureCase, trial: Trial) -> dict[str, object]:
    scores = metric_values(trial, (*_METRICS, DISTORTION))
    gain = case.distortion_db - scores.pop(DISTORTION)
    return {**scores, "gain_db": gain, **_verdict(case, scores["style_accuracy"], scores["note_f1"])}


def _verdict(case: FailureCase, style_accuracy: float, note_f1: float) -> dict[str, object]:
    reference = case.reference_scores
    has_notes = note_f1 > 0 and note_f1 >= KEPT * reference["note_f1"]
    return {
        "decidable": reference["style_accuracy"] == 1,
        "transferred": style_accuracy == 1 and has_notes,
    }


def _fall(first: float, last: float) -> float:
    """Return which share of a loss is gone; NaN where it started at 0."""
    return 1 - last / first if first > 0 else math.nan
