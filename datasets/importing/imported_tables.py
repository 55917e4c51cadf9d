"""The tables of a dataset of recordings: put together from what became of each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from timbrebench.core.errors import DatasetError
from timbrebench.core.files import fingerprint
from timbrebench.datasets.building import commonest
from timbrebench.datasets.excerpts import recorded_manifest

#: The tables of the recordings that clips come from, and of what of their notes was left out or changed.
SOURCES, REPAIRS = "sources.csv", "repairs.csv"


@dataclass
class ImportedTables:
    """What a dataset of recordings lists.

    Attributes
    ----------
    clips : list of dict
        The clips, with the recording that each comes from as ``source``, and with ``source_piece``.
    recordings : dict of str to dict
        What became of each recording that clips come from, by its name.
    failures : list of tuple of (str, str)
        What could not be used, and why.
    """

    clips: list[dict[str, Any]] = field(default_factory=list)
    recordings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, outcomes: Mapping[str, Mapping[str, Any]], failures: Mapping[str, str]) -> ImportedTables:
        """Put together the outcomes of recordings by their names; of equal files the first by name counts.

        `failures` are what could not be used before any recording was opened. DatasetError if there is no
        clip.
        """
        tables = cls(failures=list(failures.items()))
        first_of: dict[str, str] = {}
        for source, outcome in outcomes.items():
            tables.failures += [(source, reason) for reason in outcome["failures"]]
            if "notes_problem" in outcome:
                tables.failures.append((source, f"its notes cannot be used: {outcome['notes_problem']}"))
            if not outcome["clips"]:
                continue
            if (first := first_of.setdefault(outcome["sha256"], source)) != source:
                tables.failures.append((source, f"the same file as {first}"))
                continue
            tables.recordings[source] = outcome
            tables.clips += [_clip(clip, source, outcome) for clip in outcome["clips"]]
        if not tables.clips:
            reasons = commonest(reason for _, reason in tables.failures)
            raise DatasetError(f"no clip could be made: {reasons}")
        return tables

    @property
    def notes(self) -> dict[str, Mapping[str, Any]]:
        """What is known of each file of notes, by the piece that it is."""
        known = [outcome["notes"] for outcome in self.recordings.values() if "notes" in outcome]
        return {_piece(notes): notes for notes in sorted(known, key=lambda notes: str(notes["path"]))}

    def manifest(self, *, duration_s: float, sample_rate: int) -> pd.DataFrame:
        """Return the manifest of clips of `duration_s` seconds at `sample_rate` hertz."""
        manifest = recorded_manifest(self.clips, duration_s=duration_s, sample_rate=sample_rate)
        if not self.notes:
            return manifest
        source_pieces = {clip["clip_id"]: clip["source_piece"] for clip in self.clips}
        return manifest.assign(source_piece=manifest.clip_id.map(source_pieces))

    def further(self) -> dict[str, pd.DataFrame]:
        """Return the further tables by their names; what tells of notes only where there are some."""
        rows = [
            {"source": source, "sha256": outcome["sha256"], "clips": len(outcome["clips"]), **_notes(outcome)}
            for source, outcome in self.recordings.items()
        ]
        recordings = pd.DataFrame(rows)
        if "n_notes" in recordings:
            recordings = recordings.astype({"n_notes": "Int64"})
        repairs = [(piece, repair) for piece, notes in self.notes.items() for repair in notes["repairs"]]
        tables = {SOURCES: recordings}
        return tables | ({REPAIRS: pd.DataFrame(repairs, columns=["piece", "repair"])} if repairs else {})

    def sources(self, licence: str | None) -> list[dict[str, Any]]:
        """Return what the dataset was made from, as its description has it."""
        used = [[source, outcome["sha256"]] for source, outcome in self.recordings.items()]
        recordings = {"name": "recordings", "files": len(used), "sha256": fingerprint(used)}
        if licence is not None:
            recordings["licence"] = licence
        if not self.notes:
            return [recordings]
        digests = [[notes["name"], notes["sha256"]] for notes in self.notes.values()]
        notes = {"name": "notes", "files": len(digests), "sha256": fingerprint(digests)}
        return [recordings, notes if licence is None else {**notes, "licence": licence}]

    def counts(self) -> dict[str, int]:
        """Return how many pieces have notes, and how many notes these have; empty where none has."""
        if not self.notes:
            return {}
        total = sum(int(notes["n_notes"]) for notes in self.notes.values())
        return {"pieces_with_notes": len(self.notes), "notes": total}


def remove_unlisted_notes(root: Path, tables: ImportedTables) -> None:
    """Remove the notes of pieces that no clip is of, as builds that were stopped and changed leave them."""
    listed = {root / notes["path"] for notes in tables.notes.values()}
    for path in sorted(set((root / "notes").glob("*.csv")) - listed):
        path.unlink()


def _clip(clip: Mapping[str, Any], source: str, outcome: Mapping[str, Any]) -> dict[str, Any]:
    piece = _piece(outcome["notes"]) if "notes" in outcome else clip["piece"]
    return {**clip, "source": source, "piece": piece, "source_piece": clip["piece"]}


def _piece(notes: Mapping[str, Any]) -> str:
    return Path(str(notes["path"])).stem


def _notes(outcome: Mapping[str, Any]) -> dict[str, Any]:
    if "notes" not in outcome:
        return {}
    notes = outcome["notes"]
    known = {name: notes[name] for name in ("n_notes", "median_cents", "max_cents")}
    return {"notes": notes["name"], "notes_sha256": notes["sha256"], **known}
