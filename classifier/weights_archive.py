"""How judges lie on the disk: a file that runs no code when it is read, and whose damage is noticed.

The file may come from a stranger. It is a zip archive of PyTorch's, with a pickle of what it holds and the
bytes of its tensors; both are looked at before torch reads them.
"""

from __future__ import annotations

import io
import os
import pickletools
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from timbrebench.core.errors import JudgeError, shown
from timbrebench.core.files import atomic_path, read_bytes

#: Maximum bytes of a file. Those that come with the package have less than one million; a million training
#: clips, each with its SHA-256, would add 32 million.
MAX_BYTES = 64 << 20

#: Maximum operations of a file's pickle. Two write a text into a list, so that this is a million training
#: pieces; torch executes a million in a second.
_MAX_OPERATIONS = 3_000_000

#: Maximum entries of a file: one for each tensor, and a few more.
_MAX_ENTRIES = 1_000

#: All that a pickle of dictionaries, lists, numbers, texts and dense tensors names.
_NAMES = re.compile(r"collections OrderedDict|torch\._utils _rebuild_tensor_v2|torch \w+Storage")

_PICKLE = "data.pkl"


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


def read_archive(path: Path, *, kind: str, schema: int, hint: str) -> dict[str, Any]:
    """Read what :func:`write_archive` has written. Nothing in the file is ever run.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    kind, schema
        What is expected.
    hint : str
        How to get a judge where the file is missing.

    Returns
    -------
    dict
        The content, unchecked but for the sizes of the archive and the number of what its pickle does.

    Raises
    ------
    JudgeError
        If the file is missing, too large, damaged, of another version, or of another kind.
    """
    if not os.path.lexists(path):
        raise JudgeError(f"{path}: no such file; {hint}")
    packed = read_bytes(path, MAX_BYTES, JudgeError)
    try:
        content = torch.load(_guarded(packed), map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign file fails in whatever way its bytes happen to be read
        reason = f" ({error})" if isinstance(error, _RefusedError) else ""
        raise JudgeError(f"{path}: not a {kind}, or damaged{reason}: train it again") from error
    if not isinstance(content, dict) or content.pop("kind", None) != kind:
        raise JudgeError(f"{path}: not a {kind}: choose another file, or train one")
    version = content.pop("schema", None)
    if version != schema:
        raise JudgeError(
            f"{path}: version {shown(version)}, this program reads {schema}: train the judge again"
        )
    return content


class _RefusedError(Exception):
    """An archive that torch is not given to read, and why."""


def _guarded(packed: bytes) -> io.BytesIO:
    """Return an archive with the entries of another one, if torch can read them in little time and memory.

    It is written anew because two readers of zip files may see two lists of entries in one file: torch reads
    what was looked at here.
    """
    guarded = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive, zipfile.ZipFile(guarded, "w") as copy:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if len(entries) > _MAX_ENTRIES:
            raise _RefusedError(f"holds {len(entries)} entries, {_MAX_ENTRIES} at most are read")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise _RefusedError("its entries are compressed, which PyTorch's are not")
        if (total := sum(entry.file_size for entry in entries.values())) > MAX_BYTES:
            raise _RefusedError(f"unpacks to {total} bytes, {MAX_BYTES} at most are read")
        for name, entry in entries.items():
            content = archive.read(entry)
            if name.rpartition("/")[2] == _PICKLE:
                _check_pickle(content)
            copy.writestr(name, content)
    guarded.seek(0)
    return guarded


def _check_pickle(content: bytes) -> None:
    for number, (operation, argument, _) in enumerate(pickletools.genops(content)):
        if number >= _MAX_OPERATIONS:
            raise _RefusedError(f"its pickle has more than {_MAX_OPERATIONS} operations")
        if operation.name == "GLOBAL" and not _NAMES.fullmatch(str(argument)):
            raise _RefusedError(f"its pickle names {shown(argument)}, which no judge needs")
