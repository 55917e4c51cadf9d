"""Any folder or archive of MIDI files as a corpus.

The folders that files lie in stand for their composers or genres, and name the pieces together with the
files' names. A folder that holds all files, as one of an archive's name often does, does not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

import platformdirs

from timbrebench.core.errors import CorpusError
from timbrebench.core.files import file_sha256, fingerprint, why_no_file
from timbrebench.core.folders import files_below, is_visible
from timbrebench.core.progress import Tracker, log
from timbrebench.core.unpacking import SUFFIXES as ARCHIVES
from timbrebench.core.unpacking import is_archive, unpack_archive
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.corpora.corpus import (
    Candidates,
    Corpus,
    CorpusScore,
    in_folders,
    piece_name,
    round_robin_by_composer,
)
from timbrebench.datasets.corpora.midi_index import index_scores
from timbrebench.datasets.corpora.piece_selection import PieceSelection

#: Endings of MIDI files.
SUFFIXES = (".mid", ".midi")

#: Other endings of MIDI files: of karaoke, and of files wrapped in RIFF.
_OTHER_SUFFIXES = (".kar", ".rmi", ".smf")

#: What stands for the composer of files that lie in no folder.
_UNKNOWN = "unknown"

#: Longest name of a piece. File names have room for 255 bytes, and others are added.
_LONGEST_NAME = 120


@dataclass(frozen=True)
class MidiCorpus(Corpus):
    """The MIDI files in a folder and all folders below it.

    `archive_sha256` is that of the archive that they come from; empty for a folder.
    """

    name: str
    folder: Path
    archive_sha256: str = ""

    @property
    def sha256(self) -> str:
        """SHA-256 of the archive, or a fingerprint of the paths and contents of a folder's MIDI files."""
        if self.archive_sha256:
            return self.archive_sha256
        return fingerprint([[score.source, score.sha256] for score in self._scores])

    def source(self) -> dict[str, str]:
        """Return its name and SHA-256."""
        return {"name": self.name, "sha256": self.sha256}

    def scores(self) -> list[CorpusScore]:
        """Return all files, sorted by path."""
        return list(self._scores)

    def candidates(self, selection: PieceSelection, seed: int, executor: Executor) -> Candidates:
        """Return the files that fit; all are read for that once, and the index is cached.

        Of files with the same music only the first by its path is a candidate, whatever is selected, so that
        no piece has two names and with them two splits.
        """
        wanted = {score.source for score in in_folders(self._scores, selection)}
        index = index_scores(self._scores, executor)
        usable, failures = [], []
        for score, entry in zip(self._scores, index, strict=True):
            if score.source not in wanted:
                continue
            if entry.failure:
                failures.append((score.source, entry.failure))
            elif selection.takes(entry.duration_s, entry.polyphony):
                usable.append(score)
        return Candidates(round_robin_by_composer(usable, seed), failures)

    @cached_property
    def _scores(self) -> list[CorpusScore]:
        return _list_files(self.folder)


def open_midi_corpus(path: Path, *, name: str = "", sha256: str | None = None) -> MidiCorpus:
    """Open a folder or an archive of MIDI files, with at least one file.

    An archive is a ``.zip``, ``.tar``, ``.tar.gz`` or ``.tgz``, which is unpacked into the user's cache. The
    name, as datasets list it, is by default the last part of the path. With `sha256`,
    :attr:`MidiCorpus.sha256` has to be that; an archive that has another one is not unpacked. Raises
    CorpusError if there is no such folder or archive, it has another SHA-256, cannot be unpacked, or holds no
    MIDI file, and StorageError if the cache cannot be written.
    """
    name = name or path.resolve().name
    if path.is_dir():
        corpus = MidiCorpus(name, path)
    elif path.is_file() and is_archive(path):
        digest = _archive_sha256(path)
        _compare(path, digest, sha256)
        folder = Path(platformdirs.user_cache_dir("timbrebench")) / "corpora" / digest
        unpack_archive(path, folder, suffixes=SUFFIXES)
        corpus = MidiCorpus(name, folder, digest)
    else:
        problem = f"it ends in none of {', '.join(ARCHIVES)}" if path.is_file() else why_no_file(path)
        raise CorpusError(f"{path}: no corpus: {problem}: give a folder or an archive of MIDI files")
    if not corpus.scores():
        raise CorpusError(f"{path}: holds no file that ends in {' or '.join(SUFFIXES)}")
    _compare(path, corpus.sha256, sha256)
    return corpus


def _compare(path: Path, digest: str, wanted: str | None) -> None:
    if wanted not in {None, digest}:
        raise CorpusError(
            f"{path}: not the corpus that is wanted: its SHA-256 is {digest}, expected {wanted}: "
            "get the one with that SHA-256, or correct corpus_sha256"
        )


def _archive_sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror})") from error


def _list_files(folder: Path) -> list[CorpusScore]:
    """List the MIDI files below a folder, sorted by path; the folders that hold all of them do not count."""
    names = [name for name in files_below(folder, is_visible) if is_visible(PurePosixPath(name).name)]
    paths = [folder / name for name in names if name.lower().endswith(SUFFIXES)]
    others = [name for name in names if name.lower().endswith(_OTHER_SUFFIXES)]
    if others:
        log(
            f"{folder}: {len(others)} MIDI files left out, such as {others[0]}: rename them to end in "
            f"{' or '.join(SUFFIXES)}"
        )
    scores = []
    with Tracker("reading MIDI files", len(paths), "files") as tracker:
        for path in sorted(path for path in paths if path.is_file()):
            scores.append(_score(path, path.relative_to(folder)))
            tracker.advance()
    return _with_own_names(_without_common_folders(scores))


def _score(path: Path, relative: Path) -> CorpusScore:
    # Names that are not UTF-8, as other systems make them, could not be written into lists.
    source = relative.as_posix().encode("utf-8", "backslashreplace").decode()
    try:
        sha256 = file_sha256(path)
    except OSError:
        sha256 = ""
    return CorpusScore("", "", path, source, sha256)


def _without_common_folders(scores: Sequence[CorpusScore]) -> list[CorpusScore]:
    """Take the folders off the paths that all files lie in, one in the other."""
    parts = [score.source.split("/") for score in scores]
    while parts and len({own[0] for own in parts}) == 1 and min(len(own) for own in parts) > 1:
        parts = [own[1:] for own in parts]
    return [replace(score, source="/".join(own)) for score, own in zip(scores, parts, strict=True)]


def _with_own_names(scores: Sequence[CorpusScore]) -> list[CorpusScore]:
    """Name the pieces after their paths; a hash of the path separates those that would have the same name."""
    names = [piece_name(score.source.rpartition(".")[0].split("/")) for score in scores]
    # Some file systems do not distinguish capitals from small letters.
    shared = Counter(name.lower() for name in names)
    named = []
    for score, name in zip(scores, names, strict=True):
        own = name
        if not name or len(name) > _LONGEST_NAME or shared[name.lower()] > 1:
            own = f"{name[:_LONGEST_NAME] or 'piece'}-{fingerprint(score.source)[:8]}"
        composer = score.source.rpartition("/")[0] or _UNKNOWN
        named.append(replace(score, piece=own, composer=composer))
    return named
