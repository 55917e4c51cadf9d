"""The types of record that a run keeps: outcomes of transfers, scores, what was learned, predictions."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator

from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.identifiers import RelativePath

Status = Literal["ok", "failed", "timeout", "skipped"]

#: Maximum length of a stored reason, in characters: what others' code raises may be of any length.
_LONGEST_REASON = 6000


def _storable(reason: object) -> object:
    """Make a reason storable: replace unpaired surrogates, which file names may hold, and cut long ones."""
    if not isinstance(reason, str):
        return reason
    shown = reason.encode(errors="replace").decode()
    return shown if len(shown) <= _LONGEST_REASON else f"{shown[: _LONGEST_REASON - 1]}…"


Reason = Annotated[str, BeforeValidator(_storable)]

#: A share, and a value of an embedding: what a network of floats gives is far smaller.
Probability = Annotated[float, Field(ge=0, le=1 + 1e-3)]
Coordinate = Annotated[float, Field(ge=-1e9, le=1e9)]

#: A duration in seconds; a 0 in older files stands for what was not measured.
Seconds = Annotated[float | None, AfterValidator(lambda seconds: seconds or None)]


class Transfer(FrozenModel):
    """The outcome of a method on a pair.

    Attributes
    ----------
    key : str
        Fingerprint of method, version, parameters, pair and seed.
    label, pair_id : str
        For people; the key decides.
    seed : int
        Seed of the method's draws.
    status : {"ok", "failed", "timeout", "skipped"}
        Only "ok" has an output.
    reason : str
        Why there is no output; empty for "ok".
    seconds : float or None
        What the method took, reading and writing apart; None where it was not run, or its work was done
        elsewhere.
    peak_memory_mib : float or None
        Peak memory of the process in the meantime, libraries included; None where it cannot be known.
    output, output_sha256 : str
        Path relative to the run's folder, and the file's SHA-256; empty unless "ok".
    broke : dict of str to float
        The limit that it exceeded, by its name in the configuration; under a wider one it is retried.
    transient : bool
        Whether it is retried at the next start: its process was killed from outside, the disk was full, or
        something has to be installed first. Files of earlier versions call it ``passing``.
    """

    kind: Literal["transfer"] = "transfer"
    key: str
    label: str
    pair_id: str
    seed: int
    status: Status
    reason: Reason = ""
    seconds: Seconds = None
    peak_memory_mib: float | None = None
    output: RelativePath = ""
    output_sha256: str = ""
    broke: dict[str, float] = Field(default={})
    transient: bool = Field(default=False, validation_alias=AliasChoices("transient", "passing"))


class ScoreRecord(FrozenModel):
    """The score of an output by a metric.

    Attributes
    ----------
    key : str
        Fingerprint of the output's SHA-256, the pair, the metric, its version and, where it needs one, the
        judge.
    metric : str
        The metric's name.
    value : float or None
        None where it could not be computed.
    reason : str
        Why not; empty where there is a value.
    """

    kind: Literal["score"] = "score"
    key: str
    metric: str
    value: float | None
    reason: Reason = ""


class LearnedRecord(FrozenModel):
    """What a judge, or a method that holds networks, has learned.

    Attributes
    ----------
    key : str
        The judge's fingerprint, or the method's key.
    weights : tuple of str
        SHA-256 of the weights of each network
        (:func:`~timbrebench.classifier.fitting.weights_sha256`).
    clips : tuple of str
        SHA-256 of each clip that they have learned from.
    soundfonts : tuple of str
        What played, as far as it is known: names of soundfonts and folders of recorded notes.
    programs : tuple of int
        General MIDI programs of it, -1 for recordings.
    """

    kind: Literal["learned"] = "learned"
    key: str
    weights: tuple[str, ...]
    clips: tuple[str, ...]
    soundfonts: tuple[str, ...] = ()
    programs: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was learned."""
        return not (self.weights or self.clips or self.soundfonts or self.programs)

    def shares(self, other: LearnedRecord) -> str:
        """Say what two have in common that they must not; empty where there is nothing."""
        if set(self.weights) & set(other.weights):
            return "holds a judge's own network"
        common = len(set(self.clips) & set(other.clips))
        return f"has learned from {common} clips that a judge learned from" if common else ""


class DependencyRecord(FrozenModel):
    """What a method's outputs, or an embedding, depended on, beside its parameters, when it was last run.

    It lets a run be read when the files behind it have changed since, or are gone.

    Attributes
    ----------
    key : str
        Fingerprint of the method or the embedding as configured.
    fingerprint : str
        What its :meth:`~timbrebench.transfer.contract.Method.fingerprint` was.
    problem : str
        Why the query failed, so that the method was not run; empty where it did not.
    """

    kind: Literal["dependency"] = "dependency"
    key: str
    fingerprint: str
    problem: Reason = ""


class PredictionRecord(FrozenModel):
    """The prediction of the style judge for a clip, which the scores of a whole set follow from.

    Attributes
    ----------
    key : str
        Fingerprint of the output's SHA-256 and the judge.
    probabilities : tuple of float
        Of each of the judge's labels, 0 to 1, their sum 1; empty where the judge had no answer.
    embedding : tuple of float
        What its last layer decides by, of any sign; empty as well.
    reason : str
        Why there is no prediction.
    """

    kind: Literal["impression"] = "impression"
    key: str
    probabilities: tuple[Probability, ...] = Field(default=(), max_length=10_000)
    embedding: tuple[Coordinate, ...] = Field(default=(), max_length=10_000)
    reason: Reason = ""

    @model_validator(mode="after")
    def _is_distribution(self) -> Self:
        if bool(self.probabilities) != bool(self.embedding):
            raise ValueError("a prediction has probabilities and an embedding, or neither")
        if self.probabilities and abs(sum(self.probabilities) - 1) > 1e-3:
            raise ValueError("the sum of the probabilities is not 1")
        return self


class EmbeddingRecord(FrozenModel):
    """A clip's embedding by a network of others, which Fréchet distances follow from.

    Attributes
    ----------
    key : str
        Fingerprint of the clip's SHA-256 and the embedding with its weights.
    embedding : tuple of float
        The vector; empty for a silent clip.
    reason : str
        Why not.
    """

    kind: Literal["embedding"] = "embedding"
    key: str
    embedding: tuple[Coordinate, ...] = Field(default=(), max_length=10_000)
    reason: Reason = ""

    @property
    def probabilities(self) -> tuple[Probability, ...]:
        """Of labels, which such a network does not know: none."""
        return ()


Record = Transfer | ScoreRecord | LearnedRecord | DependencyRecord | PredictionRecord | EmbeddingRecord

#: By the name that a line gives; in the order of the fields of
#: :class:`~timbrebench.experiments.run.records.Records`.
RECORD_TYPES: dict[Any, type[Record]] = {
    "transfer": Transfer,
    "score": ScoreRecord,
    "learned": LearnedRecord,
    "dependency": DependencyRecord,
    "impression": PredictionRecord,
    "embedding": EmbeddingRecord,
}
