"""Cut one recording into clips: what a worker does at a time."""

from __future__ import annotations

import hashlib
import itertools
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.audio.decoding import measure
from timbrebench.audio.loudness import cancellation, is_silent
from timbrebench.audio.windows import Windows, decode_windows
from timbrebench.core.documents import read_json
from timbrebench.core.errors import AudioError, CorpusError, DatasetError, StorageError
from timbrebench.core.files import file_sha256, fingerprint, why_no_file, write_json
from timbrebench.datasets.building import JOURNAL
from timbrebench.datasets.excerpts import SLACK_S, write_pcm
from timbrebench.datasets.importing.recording_notes import (
    Levels,
    NotesSource,
    RecordingNotes,
    refuse_beyond,
    refuse_long_tail,
    settle,
)
from timbrebench.datasets.importing.recording_sources import ListedRecording, RecordingEntry
from timbrebench.datasets.note_tables import LONGEST_S
from timbrebench.datasets.notes import write_notes

#: What file systems and spreadsheets take everywhere; the longest name they take is 255 bytes.
_AWKWARD, _LONGEST = re.compile(r"[^A-Za-z0-9_-]+"), 80


def recording_id(source: str) -> str:
    """Return what a recording's clips are named after: its name in plain letters, and a part of its SHA-256.

    It has at most 89 characters and differs for different names.

    >>> recording_id("piano/Für Elise.wav")
    'piano-F-r-Elise-wav-65be163a'
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    return f"{_AWKWARD.sub('-', source)[-_LONGEST:].strip('-')}-{digest}"


@dataclass(frozen=True)
class RecordingJob:
    """A recording to be cut into clips, in the dataset's folder.

    `sample_rate` is that of the clips in hertz, `clip_duration_s` their length in seconds.
    """

    root: Path
    recording: ListedRecording
    sample_rate: int
    clip_duration_s: float

    @property
    def entry(self) -> Path:
        """The journal's file that lists the clips once all are written."""
        return self.root / JOURNAL / "recordings" / f"{recording_id(self.recording.source)}.json"

    def outcome(self) -> dict[str, Any] | None:
        """Return what the journal says; None where the recording has changed, or clips are missing."""
        try:
            outcome = read_json(self.entry, DatasetError)
            is_same = outcome["state"] == self._state()
            # Failures are tried again: a decoder may have been installed since.
            files = [clip["path"] for clip in outcome["clips"]]
            files += [outcome["notes"]["path"]] if "notes" in outcome else []
            whole = outcome["clips"] and all((self.root / path).is_file() for path in files)
        except (DatasetError, OSError, KeyError, TypeError):
            return None
        return outcome if is_same and whole else None

    def run(self) -> dict[str, Any]:
        """Write the clips and enter them into the journal.

        Returns
        -------
        dict
            ``clips``: for each ``clip_id``, ``path``, ``start_s``, ``missing_s``, the seconds of zeros at its
            end, ``sha256``, and what was said of it beforehand; ``failures``: why there are no others;
            ``sha256`` and ``state`` of the recording; and of one with notes ``notes``, what is known of them,
            or ``notes_problem``, why they cannot be used.

        Raises
        ------
        StorageError
            If something cannot be written.
        """
        outcome: dict[str, Any] = {"clips": [], "failures": [], "sha256": "", "state": []}
        try:
            outcome["state"] = self._state()
            outcome["sha256"] = file_sha256(self.recording.path)
            outcome |= self._import()
        except StorageError:
            raise
        except FileNotFoundError:
            outcome["failures"] = [why_no_file(self.recording.path)]
        except OSError as error:
            outcome["failures"] = [f"cannot be read: {error.strerror}"]
        except AudioError as error:
            outcome["failures"] = [str(error)]
        # Decoders are other people's code at work on anybody's files: what one of them makes of a damaged
        # file must not end the build.
        except Exception as error:
            outcome["failures"] = [f"cannot be decoded: {type(error).__name__}"]
        return self.enter(outcome)

    def enter(self, outcome: dict[str, Any]) -> dict[str, Any]:
        """Enter an outcome into the journal, and return it."""
        write_json(self.entry, outcome)
        return outcome

    def _state(self) -> list[int | str]:
        """Return what changes whenever the recording or its labels do."""
        status = self.recording.path.stat()
        labels = [[entry.label, entry.piece, entry.split, entry.start_s] for entry in self.recording.entries]
        notes = self.recording.notes
        known = [] if notes is None else [notes.name, notes.digest()]
        return [status.st_size, status.st_mtime_ns, fingerprint(labels), *known]

    def _import(self) -> dict[str, Any]:
        """Cut the recording, with its notes where they are known and can be used."""
        source = self.recording.notes
        if source is None:
            return self._cut(None)
        try:
            notes = _read(source)
            length, rate, _ = measure(self.recording.path, LONGEST_S)
            refuse_beyond(notes, length / rate)
            return self._cut(notes) | {"notes": self._write_notes(source, notes)}
        except CorpusError as error:
            problem = {"notes_problem": str(error)}
        return problem if source.is_required else self._cut(None) | problem

    def _write_notes(self, source: NotesSource, notes: RecordingNotes) -> dict[str, Any]:
        """Write the table of notes, and return what a dataset says of it."""
        table, repairs = settle(notes)
        path = f"notes/{recording_id(source.name)}.csv"
        write_notes(self.root / path, table)
        return {
            "path": path,
            "name": source.name,
            "sha256": source.digest(),
            "n_notes": len(table),
            "median_cents": round(float(np.median(notes.cents)), 1),
            "max_cents": round(float(np.abs(notes.cents).max()), 1),
            "repairs": list(repairs),
        }

    def _cut(self, notes: RecordingNotes | None) -> dict[str, Any]:
        length = round(self.clip_duration_s * self.sample_rate)
        first = self.recording.entries[0]
        if first.start_s is None:
            starts: Iterable[float] = _Onwards(self.clip_duration_s)
            take = self._take_all
        else:
            starts, take = [entry.start_s or 0.0 for entry in self.recording.entries], self._take_listed
        clips, failures = decode_windows(
            self.recording.path, starts, length, self.sample_rate, partial(take, notes)
        )
        return {"clips": clips, "failures": failures}

    def _take_all(
        self, notes: RecordingNotes | None, windows: Windows
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """Make clips of consecutive windows, up to the end."""
        entry, clips, unused = self.recording.entries[0], [], []
        causes, sounds = set(), False
        levels = Levels(self.sample_rate)
        for number, window in enumerate(windows):
            start = number * self.clip_duration_s
            samples, missing_s = self._whole(window)
            levels.add(start, samples[: window.shape[1]])
            if missing_s > SLACK_S or not window.size:
                if not number:
                    length = window.shape[1] / self.sample_rate
                    return [], [f"too short: lasts {length:.3f} s, a clip {self.clip_duration_s:g} s"]
                break
            if is_silent(samples):
                causes.add(cancellation(window))
                unused.append(self._silent(start, window))
            elif notes is not None and not self._has_onset(notes, start):
                sounds = True
                unused.append(self._without_onset(start))
            else:
                sounds = True
                clips.append(self._write(entry, start, samples, missing_s))
        if notes is not None:
            refuse_long_tail(notes, levels)
        return clips, unused if sounds else [f"silent throughout{max(causes, default='')}"]

    def _take_listed(
        self, notes: RecordingNotes | None, windows: Windows
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """Make clips of windows that begin where they were asked for."""
        clips, failures = [], []
        for entry, window in zip(self.recording.entries, windows, strict=True):
            start = entry.start_s or 0.0
            samples, missing_s = self._whole(window)
            if missing_s > SLACK_S:
                length = window.shape[1] / self.sample_rate
                failures.append(
                    f"too short: ends {length:.3f} s after {start:g} s, a clip {self.clip_duration_s:g} s"
                )
            elif is_silent(samples):
                failures.append(self._silent(start, window))
            elif notes is not None and not self._has_onset(notes, start):
                failures.append(self._without_onset(start))
            else:
                clips.append(self._write(entry, start, samples, missing_s))
        return clips, failures

    def _silent(self, start_s: float, window: NDArray[np.float32]) -> str:
        return f"silent from {start_s:g} s to {start_s + self.clip_duration_s:g} s{cancellation(window)}"

    def _has_onset(self, notes: RecordingNotes, start_s: float) -> bool:
        """Whether a note begins in a clip; one in which none does has nothing that could be asked for."""
        return bool(notes.rows.onset_s.between(start_s, start_s + self.clip_duration_s, "left").any())

    def _without_onset(self, start_s: float) -> str:
        return f"no note begins from {start_s:g} s to {start_s + self.clip_duration_s:g} s"

    def _whole(self, window: NDArray[np.float32]) -> tuple[Samples, float]:
        """Return the mean of a window's channels, filled up with zeros, and how many seconds of these."""
        length = round(self.clip_duration_s * self.sample_rate)
        missing = length - window.shape[1]
        return np.pad(window.mean(axis=0), (0, missing)), round(missing / self.sample_rate, 6)

    def _write(
        self, entry: RecordingEntry, start_s: float, samples: Samples, missing_s: float
    ) -> dict[str, Any]:
        name = recording_id(entry.source)
        clip_id = f"{name}--{round(start_s * 1000):07d}"
        # 256 folders share what could be millions.
        path = f"audio/{zlib.crc32(name.encode()) % 256:02x}/{clip_id}.flac"
        write_pcm(self.root / path, samples[None], self.sample_rate)
        return {
            "clip_id": clip_id,
            "path": path,
            "label": entry.label,
            "piece": entry.piece,
            "split": entry.split,
            "start_s": round(start_s, 6),
            "missing_s": missing_s,
            "sha256": file_sha256(self.root / path),
        }


def _read(source: NotesSource) -> RecordingNotes:
    """Read the notes of a recording. Raises CorpusError, whatever is wrong with them."""
    try:
        return source.read()
    except CorpusError:
        raise
    # Their parsers, too, are at work on anybody's files, and what breaks on them says nothing of the sound.
    except Exception as error:
        raise CorpusError(f"{source.name}: cannot be read: {type(error).__name__}") from error


@dataclass(frozen=True)
class _Onwards:
    """Starts of consecutive windows, without end."""

    step_s: float

    def __iter__(self) -> Iterator[float]:
        return (number * self.step_s for number in itertools.count())
