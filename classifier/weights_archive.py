"""How judges lie on the disk: a file that runs no code when it is read, and whose damage is noticed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from timbrebench.core.errors import JudgeError
from timbrebench.core.files import atomic_path


class Fingerprinted(Protocol):
    """What has a fingerprint of all that decides its answers."""

    @property
    def fingerprint(self) -> str:
        """SHA-256."""


Judged = TypeVar("Judged", bound=Fingerprinted)


def write_archive(path: Path | str, *, kind: str, schema: int, content: dict[str, Any]) -> None:
    """Write a judge, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file.
    kind : str
        What it is, such as "style judge".
    schema : int
        Version of `content`.
    content : dict
        Tensors, numbers, texts, lists and dicts; under ``fingerprint`` the judge's.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    # Written to a file, torch would put the file's name into it, and equal judges would differ.
    archive = io.BytesIO()
    torch.save({"kind": kind, "schema": schema, **content}, archive)
    with atomic_path(Path(path)) as temporary:
        temporary.write_bytes(archive.getvalue())


def read_archive(
    path: Path | str, build: Callable[[dict[str, Any]], Judged], *, kind: str, schema: int, hint: str
) -> Judged:
    """Read a judge. Nothing in the file is ever run.

    Parameters
    ----------
    path : path-like
        A file of :func:`write_archive`.
    build : callable
        Makes the judge of the content.
    kind, schema
        What is expected.
    hint : str
        How to get a judge where the file is missing.

    Returns
    -------
    Fingerprinted
        What `build` made, with the fingerprint that was saved.

    Raises
    ------
    JudgeError
        If the file is missing, damaged, of another version, or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise JudgeError(f"{path}: no such file; {hint}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign file fails in whatever way its bytes happen to be read
        raise JudgeError(f"{path}: not a {kind}, or damaged: train it again") from error
    if not isinstance(content, dict) or content.get("kind") != kind:
        raise JudgeError(f"{path}: not a {kind}: choose another file, or train one")
    if content.get("schema") != schema:
        version = content.get("schema")
        raise JudgeError(f"{path}: version {version}, this program reads {schema}: train the judge again")
    try:
        judge = build(content)
        whole = judge.fingerprint == content["fingerprint"]
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise JudgeError(f"{path}: not a {kind}, or damaged: train it again") from error
    if not whole:
        # torch does not check what it reads, and damaged weights answer like any others.
        raise JudgeError(f"{path}: damaged, its weights are not those that were saved: train it again")
    return judge


def pack_hashes(hashes: Iterable[str]) -> torch.Tensor:
    """Return SHA-256 sums as bytes, in an order of their own: half the room that their digits take."""
    packed = bytearray.fromhex("".join(sorted(hashes)))
    return torch.frombuffer(packed, dtype=torch.uint8) if packed else torch.empty(0)


def unpack_hashes(packed: torch.Tensor | Iterable[str]) -> frozenset[str]:
    """Return what :func:`pack_hashes` has packed; the digits themselves are taken too."""
    if not isinstance(packed, torch.Tensor):
        return frozenset(packed)
    digits = packed.numpy().tobytes().hex()
    return frozenset(digits[start : start + 64] for start in range(0, len(digits), 64))
