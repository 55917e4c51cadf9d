"""What the file of a trained network may hold.

Whoever made a file may be a stranger, and what it says decides how much is computed: every field has a bound,
generous for what a judge is, and small enough that reading and asking it takes seconds and not gigabytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from torch import nn

from timbrebench.classifier.fitting import state_sha256
from timbrebench.classifier.weights_archive import MAX_BYTES, read_archive
from timbrebench.core.errors import JudgeError, describe_validation
from timbrebench.core.files import fingerprint
from timbrebench.core.frozen_model import FrozenModel

#: Maximum tensors of a network, several times the 64 of the content judge.
_MAX_TENSORS = 800

_DIGEST_BYTES = 32


def pack_hashes(hashes: frozenset[str]) -> torch.Tensor:
    """Return SHA-256 sums as bytes, in an order of their own: half the room that their digits take."""
    packed = bytearray.fromhex("".join(sorted(hashes)))
    return torch.frombuffer(packed, dtype=torch.uint8) if packed else torch.empty(0)


def _unpack_hashes(packed: object) -> object:
    """Return the digits of what :func:`pack_hashes` has packed; anything else, such as digits, as it is."""
    if not isinstance(packed, torch.Tensor):
        return packed
    if packed.dim() != 1 or (len(packed) and packed.dtype != torch.uint8) or len(packed) % _DIGEST_BYTES:
        raise ValueError(f"not a row of SHA-256 sums, which have {_DIGEST_BYTES} bytes each")
    digits = _dense(packed).numpy().tobytes().hex()
    length = 2 * _DIGEST_BYTES
    return [digits[start : start + length] for start in range(0, len(digits), length)]


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """Refuse a tensor that is larger than what the file holds of it: one number may stand for any number."""
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError(f"of shape {tuple(tensor.shape)}, and the file holds fewer numbers")
    return tensor


def check_printable(text: str) -> str:
    """Return a text that can be shown on one line of a terminal; raise ValueError for another."""
    if not text.isprintable():
        raise ValueError("holds a character that cannot be printed")
    return text


_Weights = Annotated[
    dict[Annotated[str, Field(max_length=200)], torch.Tensor],
    Field(max_length=_MAX_TENSORS),
]

#: One in thirty-two bytes of the largest file.
_TrainingClips = Annotated[
    frozenset[Annotated[str, Field(max_length=2 * _DIGEST_BYTES)]],
    Field(max_length=MAX_BYTES // _DIGEST_BYTES),
    BeforeValidator(_unpack_hashes),
]


class StoredNetwork(FrozenModel):
    """What the file of every trained network holds.

    Attributes
    ----------
    weights : dict of str to torch.Tensor
        The network's state: dense and finite.
    training_clips : frozenset of str
        SHA-256 of the files of the clips that it has learned from or was chosen by.
    fingerprint : str
        SHA-256 of all that decides its answers.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    weights: _Weights
    training_clips: _TrainingClips
    fingerprint: Annotated[str, Field(max_length=2 * _DIGEST_BYTES)]

    def settings(self) -> list[Any]:
        """Return what decides the network's answers besides its weights, as JSON can hold it."""
        raise NotImplementedError


Stored = TypeVar("Stored", bound=StoredNetwork)


def read_stored(path: Path, model: type[Stored], *, kind: str, schema: int, hint: str) -> Stored:
    """Read the file of a trained network, without making the network. Nothing in the file is ever run.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    model : type of StoredNetwork
        What it has to hold.
    kind, schema, hint
        As for :func:`~timbrebench.classifier.weights_archive.read_archive`.

    Returns
    -------
    StoredNetwork
        Its content, within the bounds of `model`, whose fingerprint is that of the weights and settings.

    Raises
    ------
    JudgeError
        If the file is missing, too large, damaged, of another version, or of another kind, or a field is
        outside its bounds.
    """
    content = read_archive(path, kind=kind, schema=schema, hint=hint)
    try:
        stored = model.model_validate(content)
    except ValidationError as error:
        problem = describe_validation(error, str(path), model.model_fields)
        raise JudgeError(f"{problem}: not a {kind}, or damaged: train it again") from error
    _check_weights(stored.weights, path)
    if fingerprint([state_sha256(stored.weights), *stored.settings()]) != stored.fingerprint:
        # torch does not check what it reads, and damaged weights answer like any others.
        raise JudgeError(f"{path}: damaged, its weights are not those that were saved: train it again")
    return stored


def _check_weights(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Refuse tensors that are larger than what the file holds of them, or are not of finite numbers."""
    total = 0
    for name, tensor in weights.items():
        try:
            total += _dense(tensor).numel() * tensor.element_size()
        except ValueError as error:
            raise JudgeError(f"{path}: weights.{name} is {error}: train it again") from error
        if total > MAX_BYTES:
            raise JudgeError(f"{path}: its weights have more than {MAX_BYTES} bytes together: train it again")
        if not torch.isfinite(tensor).all():
            raise JudgeError(f"{path}: weights.{name} holds NaN or infinity: train it again")


def load_weights(network: nn.Module, weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Give a network the weights of a file, and set it to evaluation.

    Raises
    ------
    JudgeError
        If a tensor is missing, is not the network's, or has another shape or type.
    """
    expected = network.state_dict()
    for name in sorted(expected.keys() | weights.keys()):
        stated, wanted = _describe(weights.get(name)), _describe(expected.get(name))
        if stated != wanted:
            raise JudgeError(f"{path}: weights.{name} is {stated}, the network has {wanted}: train it again")
    network.load_state_dict(weights)
    network.eval()


def _describe(tensor: torch.Tensor | None) -> str:
    return "missing" if tensor is None else f"{tensor.dtype} of shape {tuple(tensor.shape)}"
