"""Build a dataset: render every piece on every instrument of every soundfont.

A build can be stopped at any moment and continues from there. What is finished, one piece on one soundfont,
is listed in a journal inside the folder; ``dataset.json`` is written last, so a folder that has it is whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from timbrebench.core.errors import DatasetError
from timbrebench.core.progress import Tracker, log
from timbrebench.core.workers.executors import Executor, LocalExecutor
from timbrebench.datasets.building import (
    Builder,
    build_folder,
    configuration_of,
    finish_dataset,
    is_finished,
)
from timbrebench.datasets.corpora.corpus import Corpus
from timbrebench.datasets.corpora.corpus_opening import begin_with, find_corpus
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.dataset_card import software
from timbrebench.datasets.dataset_checks import MANIFEST_COLUMNS
from timbrebench.datasets.notes import write_notes
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import CALLS, PlannedPiece, plan_pieces
from timbrebench.datasets.rendering.render_jobs import RenderingJob
from timbrebench.datasets.rendering.soundfont_parts import (
    SoundfontPart,
    find_parts,
    find_sounding,
    require_programs,
    shared_pitches,
)
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont
from timbrebench.datasets.soundfonts.synthesis import fluidsynth_version
from timbrebench.datasets.stored_spectrograms import TABLE, spectrogram_table

RENDERING = Builder(
    "rendered-midi",
    DatasetConfiguration,
    "Rendered music with known notes",
    "Pieces rendered note for note by several instruments on each soundfont. A piece sounds on all "
    "instruments in the same seconds with the same notes, so that for each clip and each instrument the "
    "right answer of a transfer is known. `notes/` has the notes of each piece, in seconds from its start.",
)

#: The table of pieces whose files leave something open, and how that was read. Few datasets have it.
REPAIRS = "repairs.csv"

#: What plays each piece on each soundfont, by the names of both: programs by instrument.
Played = Mapping[tuple[str, str], Mapping[str, tuple[int, ...]]]

#: Columns that the manifest has besides those of every dataset; the last three where there are copies.
_FURTHER_COLUMNS = (
    "composer",
    "soundfont_family",
    "source_piece",
    "transposition",
    "tempo_factor",
    "velocity_factor",
)


def build_dataset(
    configuration: DatasetConfiguration, root: Path | str, *, executor: Executor | None = None
) -> Dataset:
    """Build a dataset, or what is missing of it.

    Parameters
    ----------
    configuration : DatasetConfiguration
        What it is made of.
    root : path-like
        Its folder.
    executor : Executor, optional
        Where the work is done; by default on all cores of this machine. The result is the same everywhere.

    Returns
    -------
    Dataset
        The finished dataset.

    Raises
    ------
    DatasetError
        If the folder holds something else, or another configuration's dataset, or a soundfont lacks the
        program of an instrument that it is to play, or drums that are kept.
    CorpusError
        If the corpus cannot be read, or differs from the one that the build was begun with.
    MissingResourceError
        If a soundfont, the corpus or libfluidsynth is missing; nothing is written then.
    StorageError
        If a file cannot be written, or another process is building there; what is finished is kept.
    """
    root = Path(root)
    if is_finished(configuration, root):
        return Dataset.open(root)
    with contextlib.ExitStack() as stack:
        work = executor or stack.enter_context(LocalExecutor([__name__]))
        _build(configuration, root, work)
    return Dataset.open(root)


def soundfonts_of(dataset: Dataset) -> list[Soundfont]:
    """Find the soundfonts that a dataset was rendered with, which its configuration names.

    Raises DatasetError if it was not rendered by :func:`build_dataset`, and MissingResourceError if a
    soundfont is not on this machine and cannot be fetched.
    """
    configuration = configuration_of(dataset.description, DatasetConfiguration)
    if configuration is None or dataset.description["builder"] != RENDERING.name:
        raise DatasetError(
            f"{dataset.root}: was not rendered from notes: build one with `timbrebench dataset build`"
        )
    return [part.soundfont for part in find_parts(configuration)]


def _build(configuration: DatasetConfiguration, root: Path, executor: Executor) -> None:
    parts = find_parts(configuration)
    corpus = find_corpus(configuration.corpus, configuration.corpus_sha256)
    require_programs(configuration, parts, executor)
    with build_folder(configuration, root):
        begin_with(corpus, root)
        log(f"building {root}: {configuration.pieces} pieces of {configuration.corpus}")
        sounding = find_sounding(configuration, parts, executor)
        pitch_range = shared_pitches(configuration, sounding)
        pieces, failures = plan_pieces(configuration, corpus, pitch_range, executor)
        _write_notes(pieces, root)
        # One soundfont after the other, so that a process does not load them in turns.
        jobs = [
            RenderingJob(
                configuration,
                root.resolve(),
                piece,
                part.soundfont,
                part.choose_programs(configuration, piece, sounding),
            )
            for part in parts
            for piece in pieces
        ]
        rows = _render_all(jobs, executor)
        sources = (corpus, [part.soundfont for part in parts])
        _finish(
            configuration, root, sources, rows=rows, pieces=pieces, failures=failures, pitch_range=pitch_range
        )


def build_pieces(
    about: BaseModel,
    configuration: DatasetConfiguration,
    pieces: Sequence[PlannedPiece],
    root: Path,
    *,
    pitch_range: tuple[int, int],
    executor: Executor,
    more: Callable[[Path], list[dict[str, Any]]] | None = None,
    played: Played | None = None,
) -> Dataset:
    """Build a dataset of pieces that are chosen already, each instrument played by its first program.

    The clips are those that :func:`build_dataset` makes of the same pieces with the same configuration.

    Parameters
    ----------
    about : pydantic.BaseModel
        What the dataset is made of: its description holds it, and other datasets have another one.
    configuration : DatasetConfiguration
        Its instruments, soundfonts, clips and rate count.
    pieces : sequence of PlannedPiece
        What is played.
    root : pathlib.Path
        The dataset's folder.
    pitch_range : tuple of int
        What the pieces were folded into.
    executor : Executor
        Where the work is done.
    more : callable, optional
        Writes clips that are not rendered below a folder, and returns their rows of the manifest.
    played : mapping, optional
        Programs by instrument for each piece and soundfont that are wanted, by their names; by default every
        instrument plays every piece on every soundfont.

    Returns
    -------
    Dataset
        The finished dataset.

    Raises
    ------
    DatasetError, MissingResourceError, StorageError
        As :func:`build_dataset`.
    """
    if is_finished(about, root):
        return Dataset.open(root)
    parts = find_parts(configuration)
    with build_folder(about, root):
        _write_notes(pieces, root)
        jobs = [
            RenderingJob(configuration, root.resolve(), piece, part.soundfont, programs)
            for part in parts
            for piece in pieces
            if (programs := _programs(part, piece.name, played))
        ]
        rows = [*_render_all(jobs, executor), *(more(root) if more else ())]
        corpus = find_corpus(configuration.corpus, configuration.corpus_sha256)
        sources = (corpus, [part.soundfont for part in parts])
        _finish(about, root, sources, rows=rows, pieces=pieces, failures=[], pitch_range=pitch_range)
    return Dataset.open(root)


def _programs(part: SoundfontPart, piece: str, played: Played | None) -> dict[str, tuple[int, ...]]:
    """Return what plays a piece on a soundfont."""
    if played is None:
        return part.first_programs
    return dict(played.get((piece, part.soundfont.name), {}))


def _write_notes(pieces: Iterable[PlannedPiece], root: Path) -> None:
    for piece in pieces:
        write_notes(root / "notes" / f"{piece.name}.csv", piece.notes, piece.drums)


def find_pieces(
    configuration: DatasetConfiguration, executor: Executor, quotas: Mapping[str, int] | None = None
) -> tuple[list[PlannedPiece], tuple[int, int]]:
    """Return the pieces that a dataset of this configuration holds, and the pitches they are folded into.

    `quotas` are as in :func:`~timbrebench.datasets.rendering.piece_planning.plan_pieces`.

    Raises
    ------
    DatasetError, MissingResourceError
        As :func:`build_dataset`.
    """
    parts = find_parts(configuration)
    require_programs(configuration, parts, executor)
    # The range is that of the first programs, so the others need not be tried.
    first = configuration.model_copy(update={"renderings": 1})
    pitch_range = shared_pitches(first, find_sounding(first, parts, executor))
    corpus = find_corpus(configuration.corpus, configuration.corpus_sha256)
    return plan_pieces(configuration, corpus, pitch_range, executor, quotas)[0], pitch_range


def _render_all(jobs: list[RenderingJob], executor: Executor) -> list[dict[str, Any]]:
    """Run the jobs that the journal does not list yet, and return the manifest's rows."""
    missing = [job for job in jobs if not job.is_done()]
    with Tracker("rendering", sum(job.clips for job in missing), "clips") as tracker:
        for clips in executor.map(RenderingJob.run, missing, CALLS):
            tracker.advance(clips)
    rows = [row for job in jobs for row in job.rows()]
    return sorted(rows, key=lambda row: str(row["clip_id"]))


def _finish(
    configuration: BaseModel,
    root: Path,
    sources: tuple[Corpus, list[Soundfont]],
    *,
    rows: list[dict[str, Any]],
    pieces: Sequence[PlannedPiece],
    failures: list[tuple[str, str]],
    pitch_range: tuple[int, int],
) -> None:
    corpus, soundfonts = sources
    further = [name for name in _FURTHER_COLUMNS if any(name in row for row in rows)]
    manifest = pd.DataFrame(rows, columns=[*MANIFEST_COLUMNS, *further])
    repairs = pd.DataFrame(
        [(piece.name, repair) for piece in pieces if not piece.variation for repair in piece.repairs],
        columns=["piece", "repair"],
    )
    tables = {TABLE: spectrogram_table(rows), REPAIRS: repairs}
    finish_dataset(
        root,
        RENDERING,
        configuration,
        manifest=manifest,
        failures=failures,
        tables={name: table for name, table in tables.items() if not table.empty},
        sources=[corpus.source(), *(soundfont.source() for soundfont in soundfonts)],
        software=software("music21", "pretty_midi", "numpy", "soxr") | {"fluidsynth": fluidsynth_version()},
        counted=("soundfont",),
        counts={
            "source_pieces": int(manifest.source_piece.nunique()),
            "composers": int(manifest.composer.nunique()),
            **({} if repairs.empty else {"repaired_pieces": int(repairs.piece.nunique())}),
        },
        facts={"pitch_range": list(pitch_range)},
    )
