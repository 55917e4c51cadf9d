"""Build a dataset: render every piece on every instrument of every soundfont.

A build can be stopped at any moment and goes on where it was. What is finished, one piece on one soundfont,
is listed in a journal inside the folder; ``dataset.json`` is written last, so a folder that has it is whole.
"""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from timbrebench.audio.clips import Samples, fit_length, write_audio
from timbrebench.audio.errors import DatasetError
from timbrebench.audio.executors import Executor, LocalExecutor
from timbrebench.audio.loudness import is_silent, limit_peak, scale_to_rms
from timbrebench.audio.progress import Tracker, log, muted
from timbrebench.audio.storage import exclusive, file_sha256, write_json, write_text
from timbrebench.datasets.building import JOURNAL, begin, is_finished, tally
from timbrebench.datasets.configuration import DatasetConfiguration
from timbrebench.datasets.dataset import (
    DESCRIPTION,
    FAILURES,
    MANIFEST,
    MANIFEST_COLUMNS,
    SCHEMA,
    Dataset,
)
from timbrebench.datasets.instruments import programs_of
from timbrebench.datasets.notes import write_notes
from timbrebench.datasets.planning import CALLS, PlannedPiece, plan_pieces, shared_range
from timbrebench.datasets.soundfonts import Soundfont, find_soundfont
from timbrebench.datasets.synthesis import fluidsynth_version

#: Root mean square that each rendering is scaled to, so that no instrument is told by its level.
_LEVEL = 0.1


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
        If the folder holds something else, or another configuration's dataset.
    MissingResourceError
        If a soundfont or libfluidsynth is missing; nothing is written then.
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


def _build(configuration: DatasetConfiguration, root: Path, executor: Executor) -> None:
    soundfonts = [find_soundfont(name) for name in configuration.soundfonts]
    begin(configuration, root)
    with exclusive(root / JOURNAL / "lock"):
        log(f"building {root}: {configuration.pieces} pieces of {configuration.corpus}")
        sounding = _sounding(configuration, soundfonts, executor)
        pitch_range = _shared_range(configuration, sounding)
        pieces, failures = plan_pieces(configuration, pitch_range, executor)
        for piece in pieces:
            write_notes(root / "notes" / f"{piece.name}.csv", piece.notes)
        # One soundfont after the other, so that a process does not load them in turns.
        jobs = [
            _Job(
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
        _finish(
            configuration, root, rows=rows, failures=failures, soundfonts=soundfonts, pitch_range=pitch_range
        )


#: The pitches that each program of each soundfont, by its name, sounds.
_Sounding = Mapping[tuple[str, int], set[int]]


def _sounding(
    configuration: DatasetConfiguration, soundfonts: list[Soundfont], executor: Executor
) -> _Sounding:
    """Find the pitches that each program that may play sounds on each soundfont."""
    considered = None if configuration.renderings > 1 else 1
    programs = sorted({p for name in configuration.instruments for p in programs_of(name)[:considered]})
    presets = [(soundfont, program) for soundfont in soundfonts for program in programs]
    found = list(executor.map(_sounding_one, presets, CALLS))
    return {(font.name, program): pitches for (font, program), pitches in zip(presets, found, strict=True)}


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


def _render_all(jobs: list[_Job], executor: Executor) -> list[dict[str, Any]]:
    """Run the jobs that the journal does not list yet, and return the manifest's rows."""
    missing = [job for job in jobs if not job.is_done()]
    with Tracker("rendering", sum(job.clips for job in missing), "clips") as tracker:
        for clips in executor.map(_Job.run, missing, CALLS):
            tracker.advance(clips)
    rows = [row for job in jobs for row in json.loads(job.entry.read_text(encoding="utf-8"))]
    return sorted(rows, key=lambda row: str(row["clip_id"]))


@dataclass(frozen=True)
class _Job:
    """One piece on one soundfont: what a worker does at a time."""

    configuration: DatasetConfiguration
    root: Path
    piece: PlannedPiece
    soundfont: Soundfont
    programs: dict[str, tuple[int, ...]]

    @property
    def clips(self) -> int:
        """How many it makes."""
        return len(self.piece.starts_s) * sum(len(programs) for programs in self.programs.values())

    @property
    def entry(self) -> Path:
        """The journal's file that lists the clips once all are written."""
        return self.root / JOURNAL / f"{self.piece.name}--{self.soundfont.name}.json"

    def is_done(self) -> bool:
        """Tell whether the journal lists the clips, and all of them are there."""
        try:
            rows = json.loads(self.entry.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return all((self.root / row["path"]).is_file() for row in rows)

    def run(self) -> int:
        """Render the piece on every instrument, list its clips in the journal and return their number."""
        rows = []
        with muted():
            for instrument, programs in self.programs.items():
                for program in programs:
                    clips = enumerate(self._clips(instrument, program))
                    rows += [self._write(instrument, program, number, samples) for number, samples in clips]
        write_json(self.entry, rows)
        return len(rows)

    def _clips(self, instrument: str, program: int) -> list[Samples]:
        """Play the piece and cut its clips out; all clips of a rendering are scaled alike."""
        rate, duration = self.configuration.sample_rate, self.configuration.clip_duration_s
        starts = self.piece.starts_s
        player = self.soundfont.player()
        rendering = player.render(self.piece.notes, program, starts[-1] + duration, rate)
        if is_silent(rendering):
            raise DatasetError(
                f"{self.piece.name} is silent on {instrument} (program {program}) of {self.soundfont.name}"
            )
        rendering = limit_peak(scale_to_rms(rendering, _LEVEL), 0.99)
        length = round(duration * rate)
        firsts = [round(start * rate) for start in starts]
        return [fit_length(rendering[first : first + length], length) for first in firsts]

    def _write(self, instrument: str, program: int, number: int, samples: Samples) -> dict[str, Any]:
        """Write a clip and return its row of the manifest."""
        piece, soundfont, rate = self.piece, self.soundfont, self.configuration.sample_rate
        path = (
            Path("audio")
            / soundfont.name
            / f"{instrument}-{program:03d}"
            / f"{piece.name}--{number:02d}.flac"
        )
        write_audio(self.root / path, samples, rate)
        return {
            "clip_id": f"{piece.name}--{soundfont.name}--{instrument}-{program:03d}--{number:02d}",
            "path": path.as_posix(),
            "label": instrument,
            "piece": piece.name,
            "instrument": instrument,
            "program": program,
            "soundfont": soundfont.name,
            "start_s": piece.starts_s[number],
            "duration_s": self.configuration.clip_duration_s,
            "sample_rate": rate,
            "split": piece.split,
            "sha256": file_sha256(self.root / path),
            "composer": piece.composer,
            "soundfont_family": soundfont.family,
        }


def _finish(
    configuration: DatasetConfiguration,
    root: Path,
    *,
    rows: list[dict[str, Any]],
    failures: list[dict[str, str]],
    soundfonts: list[Soundfont],
    pitch_range: tuple[int, int],
) -> None:
    """Write the manifest, the failures and, last, the description; then the journal can go."""
    manifest = pd.DataFrame(rows, columns=[*MANIFEST_COLUMNS, "composer", "soundfont_family"])
    write_text(root / MANIFEST, manifest.to_csv(index=False, lineterminator="\n"))
    table = pd.DataFrame(failures, columns=["source", "reason"])
    write_text(root / FAILURES, table.to_csv(index=False, lineterminator="\n"))
    notes = sorted((root / "notes").glob("*.csv"))
    write_json(
        root / DESCRIPTION,
        {
            "schema": SCHEMA,
            "builder": "rendered-midi",
            "configuration": configuration.model_dump(mode="json"),
            "pitch_range": list(pitch_range),
            "sources": _sources(soundfonts),
            "software": _software(),
            "counts": _counts(manifest, failures),
            "files": {
                path.relative_to(root).as_posix(): file_sha256(path)
                for path in [root / MANIFEST, root / FAILURES, *notes]
            },
        },
    )
    shutil.rmtree(root / JOURNAL)


def _sources(soundfonts: Iterable[Soundfont]) -> list[dict[str, str]]:
    corpus = {"name": "music21", "version": version("music21")}
    return [corpus] + [
        {"name": font.name, "family": font.family, "sha256": font.sha256()} for font in soundfonts
    ]


def _software() -> dict[str, str]:
    packages = ("timbrebench", "music21", "pretty_midi", "numpy", "soxr")
    return {
        "python": platform.python_version(),
        "fluidsynth": fluidsynth_version(),
        "libsndfile": soundfile.__libsndfile_version__,
        **{name: version(name) for name in packages},
    }


def _counts(manifest: pd.DataFrame, failures: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "clips": len(manifest),
        "hours": round(float(manifest.duration_s.sum()) / 3600, 4),
        "pieces": int(manifest.piece.nunique()),
        "composers": int(manifest.composer.nunique()),
        "failures": len(failures),
        **{column: tally(manifest[column]) for column in ("label", "split", "soundfont")},
    }
