"""Build a dataset: render every piece on every instrument of every soundfont.

A build can be stopped at any moment and continues from there. What is finished, one piece on one soundfont,
is listed in a journal inside the folder; ``dataset.json`` is written last, so a folder that has it is whole.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
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
from timbrebench.datasets.instruments import programs_of
from timbrebench.datasets.notes import write_notes
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import CALLS, PlannedPiece, plan_pieces, shared_range
from timbrebench.datasets.rendering.render_jobs import RenderingJob
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont, find_soundfont
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
        If the folder holds something else, or another configuration's dataset, or drums are kept and a
        soundfont has none.
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
    return [find_soundfont(name) for name in configuration.soundfonts]


def _build(configuration: DatasetConfiguration, root: Path, executor: Executor) -> None:
    soundfonts = [find_soundfont(name) for name in configuration.soundfonts]
    corpus = find_corpus(configuration.corpus, configuration.corpus_sha256)
    if configuration.keep_drums:
        _require_drum_kits(soundfonts, executor)
    with build_folder(configuration, root):
        begin_with(corpus, root)
        log(f"building {root}: {configuration.pieces} pieces of {configuration.corpus}")
        sounding = _sounding(configuration, soundfonts, executor)
        pitch_range = _shared_range(configuration, sounding)
        pieces, failures = plan_pieces(configuration, corpus, pitch_range, executor)
        _write_notes(pieces, root)
        # One soundfont after the other, so that a process does not load them in turns.
        jobs = [
            RenderingJob(
                configuration,
                root.resolve(),
                piece,
                soundfont,
                _programs(configuration, piece, soundfont, sounding),
            )
            for soundfont in soundfonts
            for piece in pieces
        ]
        rows = _render_all(jobs, executor)
        sources = (corpus, soundfonts)
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
    soundfonts = [find_soundfont(name) for name in configuration.soundfonts]
    programs = {name: programs_of(name)[:1] for name in configuration.instruments}
    with build_folder(about, root):
        _write_notes(pieces, root)
        jobs = [
            RenderingJob(configuration, root.resolve(), piece, soundfont, programs)
            for soundfont in soundfonts
            for piece in pieces
        ]
        rows = [*_render_all(jobs, executor), *(more(root) if more else ())]
        corpus = find_corpus(configuration.corpus, configuration.corpus_sha256)
        sources = (corpus, soundfonts)
        _finish(about, root, sources, rows=rows, pieces=pieces, failures=[], pitch_range=pitch_range)
    return Dataset.open(root)


def _write_notes(pieces: Iterable[PlannedPiece], root: Path) -> None:
    for piece in pieces:
        write_notes(root / "notes" / f"{piece.name}.csv", piece.notes, piece.drums)


def _require_drum_kits(soundfonts: list[Soundfont], executor: Executor) -> None:
    """Refuse soundfonts without drums before anything is written."""
    without = [
        soundfont.name
        for soundfont, has_drums in zip(
            soundfonts, executor.map(_has_drum_kit, soundfonts, CALLS), strict=True
        )
        if not has_drums
    ]
    if without:
        raise DatasetError(
            f"no drum kit in {', '.join(without)}: choose other soundfonts, or leave drums out with "
            "keep_drums = false"
        )


def _has_drum_kit(soundfont: Soundfont) -> bool:
    return soundfont.player().has_drum_kit()


def find_pieces(
    configuration: DatasetConfiguration, executor: Executor
) -> tuple[list[PlannedPiece], tuple[int, int]]:
    """Return the pieces that a dataset of this configuration holds, and the pitches they are folded into.

    Raises
    ------
    DatasetError, MissingResourceError
        As :func:`build_dataset`.
    """
    soundfonts = [find_soundfont(name) for name in configuration.soundfonts]
    # The range is that of the first programs, so the others need not be tried.
    first = configuration.model_copy(update={"renderings": 1})
    pitch_range = _shared_range(first, _sounding(first, soundfonts, executor))
    corpus = find_corpus(configuration.corpus, configuration.corpus_sha256)
    return plan_pieces(configuration, corpus, pitch_range, executor)[0], pitch_range


#: The pitches that each program of each soundfont, by its name, sounds.
_Sounding = Mapping[tuple[str, int], set[int]]


def _sounding(
    configuration: DatasetConfiguration, soundfonts: list[Soundfont], executor: Executor
) -> _Sounding:
    """Find the pitches that each program that may play sounds on each soundfont."""
    considered = None if configuration.renderings > 1 else 1
    programs = sorted({p for name in configuration.instruments for p in programs_of(name)[:considered]})
    presets = [(soundfont, program) for soundfont in soundfonts for program in programs]
    sounding = executor.map(_sounding_one, presets, CALLS)
    return {(font.name, program): pitches for (font, program), pitches in zip(presets, sounding, strict=True)}


def _sounding_one(preset: tuple[Soundfont, int]) -> set[int]:
    soundfont, program = preset
    return soundfont.player().sounding_pitches(program)


def _shared_range(configuration: DatasetConfiguration, sounding: _Sounding) -> tuple[int, int]:
    first = {programs_of(name)[0]: name for name in configuration.instruments}
    return shared_range(
        (f"{first[program]} of {soundfont}", pitches)
        for (soundfont, program), pitches in sounding.items()
        if program in first
    )


def _programs(
    configuration: DatasetConfiguration, piece: PlannedPiece, soundfont: Soundfont, sounding: _Sounding
) -> dict[str, tuple[int, ...]]:
    """Choose the programs that play a piece, by instrument: the first, and others drawn."""
    pitches = set(piece.notes.pitch)
    renderings = 1 if piece.split == "train" else configuration.renderings
    chosen = {}
    for name in configuration.instruments:
        first, *others = programs_of(name)
        able = [program for program in others if pitches <= sounding.get((soundfont.name, program), set())]
        drawn = np.random.default_rng(
            [configuration.seed, *(zlib.crc32(word.encode()) for word in (piece.name, soundfont.name, name))]
        ).permutation(able)
        chosen[name] = (first, *(int(program) for program in drawn[: renderings - 1]))
    return chosen


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
