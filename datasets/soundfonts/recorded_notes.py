"""Play notes with recordings of single notes, as a sampler does.

A folder of recorded notes takes the place of a soundfont: ``manifest.csv`` with the columns ``path``
(relative to the folder), ``instrument``, ``source`` (who recorded which instrument) and ``midi`` (the pitch).
It lets a judge be asked about instruments that no soundfont has ever held.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.audio.clips import LONGEST_S, Samples, as_samples, resample
from timbrebench.audio.decoding import decode_whole
from timbrebench.audio.loudness import is_silent
from timbrebench.core.errors import AudioError, DatasetError
from timbrebench.core.identifiers import is_below
from timbrebench.core.tables import read_csv
from timbrebench.datasets.instruments import SIX_INSTRUMENTS
from timbrebench.datasets.note_tables import PITCH_ADVICE

MANIFEST = "manifest.csv"
_COLUMNS = ("path", "instrument", "source", "midi")

#: Rate in hertz at which notes are kept and mixed.
_RATE = 44_100

#: Semitones by which a recording is shifted at most: half the widest gap that is still bridged.
_FARTHEST = 6

#: A recording begins where it first comes within this many decibels of its peak: encoders add silence.
_ONSET_DB = 40.0

#: Where fundamentals are looked for, in hertz: the keys of a piano, without the highest that few pitch
#: trackers hear.
_LOWEST_HZ, _HIGHEST_HZ = 27.5, 2_000.0

#: Samples in which a pitch is looked for: more than two periods of the lowest.
_WINDOW = 4096

#: Seconds in which a note that is let go fades by 60 dB.
_RELEASE_S = 0.15


class RecordedNotes:
    """Plays notes with the recordings of a folder.

    Parameters
    ----------
    path : pathlib.Path
        The folder.

    Raises
    ------
    DatasetError
        If it has no manifest, one without the columns, or lists a file that cannot be read.

    Notes
    -----
    The n-th source of an instrument, in the order of their names, stands for the n-th program of it in
    :data:`timbrebench.datasets.instruments.SIX_INSTRUMENTS`. A note is played by the recording of the nearest
    pitch, resampled by at most six semitones, scaled to a peak of ``(velocity / 127) ** 1.5`` and, after its
    offset, faded out within 0.15 s.

    Collections count octaves differently. Where most recordings of a source sound a whole number of octaves
    off their stated pitch, all its pitches are moved by as many.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._notes: dict[Path, Samples] = {}
        self._recordings: dict[int, dict[int, Path]] = {}
        manifest = _read_manifest(path / MANIFEST)
        for instrument, programs in SIX_INSTRUMENTS.items():
            own = manifest[manifest.instrument == instrument]
            for program, source in zip(programs, sorted(own.source.unique()), strict=False):
                stated = own[own.source == source].set_index("midi").path.map(Path).to_dict()
                octaves = self._octaves_off(stated)
                self._recordings[program] = {pitch + 12 * octaves: file for pitch, file in stated.items()}

    def render(
        self, notes: pd.DataFrame, program: int, duration_s: float, sample_rate: int, *, channels: int = 1
    ) -> Samples:
        """Render notes as a ``Synthesizer`` does; all channels are alike."""
        length = round(duration_s * _RATE)
        mix = np.zeros(length, dtype=np.float32)
        for onset, offset, pitch, velocity in zip(
            notes.onset_s, notes.offset_s, notes.pitch, notes.velocity, strict=True
        ):
            start = round(onset * _RATE)
            if start >= length:
                continue
            note = self._note(program, int(pitch), offset - onset)[: length - start]
            mix[start : start + len(note)] += (velocity / 127) ** 1.5 * note
        mono = resample(mix, _RATE, sample_rate)[: round(duration_s * sample_rate)]
        return mono if channels == 1 else np.stack([mono] * channels)

    def render_drums(
        self, drums: pd.DataFrame, duration_s: float, sample_rate: int, *, channels: int = 1
    ) -> Samples:
        """Refuse strokes of drums, of which there are no recordings; without any, return silence.

        Raises
        ------
        DatasetError
            If there is a stroke.
        """
        if len(drums):
            raise DatasetError(f"{self.path}: holds no drums: choose a soundfont for them, or leave them out")
        length = round(duration_s * sample_rate)
        return np.zeros(length if channels == 1 else (channels, length), dtype=np.float32)

    def programs(self) -> set[int]:
        """Return the General MIDI programs that there are recordings for."""
        return set(self._recordings)

    def has_drum_kit(self) -> bool:
        """Return False: recorded notes have no drum kit."""
        return False

    def sounding_pitches(self, program: int) -> set[int]:
        """Return the MIDI pitches that are within six semitones of a recording; none for other programs."""
        return {
            pitch + shift
            for pitch in self._recordings.get(program, {})
            for shift in range(-_FARTHEST, _FARTHEST + 1)
        }

    def _octaves_off(self, stated: Mapping[int, Path]) -> int:
        """Return how many octaves above their stated pitches most recordings sound."""
        sounding = [_fundamentals(self._recording(path)[: 2 * _RATE]) for path in stated.values()]
        measured = np.array([np.median(librosa.hz_to_midi(track)) for track in sounding])
        return round(float(np.median(measured - list(stated))) / 12)

    def _note(self, program: int, pitch: int, duration_s: float) -> Samples:
        """Return a note from its onset until it has died away."""
        recordings = self._recordings.get(program, {})
        nearest = min(recordings, key=lambda recorded: (abs(recorded - pitch), recorded), default=None)
        if nearest is None or abs(nearest - pitch) > _FARTHEST:
            raise DatasetError(f"{self.path}: no recording near MIDI pitch {pitch} for program {program}")
        # Played faster, it sounds higher.
        faster = round(_RATE * 2 ** ((pitch - nearest) / 12))
        note = resample(self._recording(recordings[nearest]), faster, _RATE)
        held, release = round(duration_s * _RATE), round(_RELEASE_S * _RATE)
        note = note[: held + release].copy()
        note[held:] *= (10.0 ** (-3 * np.arange(release) / release))[: len(note[held:])]
        return note

    def _recording(self, path: Path) -> Samples:
        """Read a recording once: from its onset, with a peak of 1."""
        if path not in self._notes:
            try:
                recording = decode_whole(self.path / path, LONGEST_S)
                samples = resample(as_samples(recording.samples), recording.sample_rate, _RATE)
            except AudioError as error:
                raise DatasetError(
                    f"{self.path / MANIFEST}: lists {path}, but: {self.path / path}: {error}"
                ) from error
            if is_silent(samples):
                raise DatasetError(f"{self.path / MANIFEST}: lists {path}, which is silent: leave it out")
            loud = np.flatnonzero(
                librosa.amplitude_to_db(np.abs(samples), ref=np.max, top_db=None) > -_ONSET_DB
            )
            self._notes[path] = samples[loud[0] :] / np.abs(samples).max()
        return self._notes[path]


def _fundamentals(samples: Samples) -> NDArray[np.float64]:
    """Return the fundamental of each frame in hertz."""
    track: NDArray[np.float64] = librosa.yin(
        samples, fmin=_LOWEST_HZ, fmax=_HIGHEST_HZ, sr=_RATE, frame_length=_WINDOW
    )
    return track


def _read_manifest(path: Path) -> pd.DataFrame:
    manifest = read_csv(path, DatasetError, {})
    missing = [column for column in _COLUMNS if column not in manifest]
    if missing:
        raise DatasetError(f"{path}: lacks the columns {', '.join(missing)}")
    pitches = pd.to_numeric(manifest.midi, errors="coerce")
    wrong = np.flatnonzero(~pitches.isin(range(128)))
    if len(wrong):
        value = manifest.midi.iloc[wrong[0]]
        raise DatasetError(f"{path}, row {wrong[0] + 2}: midi is {value}: {PITCH_ADVICE}")
    for row, name in enumerate(manifest.path, start=2):
        if not isinstance(name, str) or not is_below(name):
            raise DatasetError(f"{path}, row {row}: the path {name!r} leads out of the folder")
    return manifest.assign(midi=pitches.astype(np.int64))
