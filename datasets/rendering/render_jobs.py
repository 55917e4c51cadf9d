"""Turn one piece on one soundfont into clips: what a worker does at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.audio.encoding import encode_audio, recode
from timbrebench.audio.loudness import limit_peak, rms
from timbrebench.core.documents import JSON_BYTES, parse_json
from timbrebench.core.errors import DatasetError
from timbrebench.core.files import file_sha256, read_text, write_json
from timbrebench.core.progress import muted
from timbrebench.datasets.building import JOURNAL
from timbrebench.datasets.dataset import read_clip
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import PlannedPiece
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont

#: Root mean square that each rendering is scaled to, so that no instrument is recognised by its level.
_LEVEL = 0.1

#: No sample is louder, so that rounding to 16 bits does not clip.
_PEAK = 0.99


@dataclass(frozen=True)
class RenderingJob:
    """One piece on one soundfont, to be rendered into the dataset's folder.

    `programs` are the General MIDI programs that play it, by instrument.
    """

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

    def rows(self) -> list[dict[str, Any]]:
        """Return what the journal lists: the manifest's rows, each with its ``spectrograms``."""
        text = read_text(self.entry, JSON_BYTES, DatasetError)
        rows: list[dict[str, Any]] = parse_json(text, str(self.entry), DatasetError)
        return rows

    def is_done(self) -> bool:
        """Whether the journal lists the clips, and all their files are there."""
        try:
            files = [file["path"] for row in self.rows() for file in (row, *row["spectrograms"])]
        except (DatasetError, KeyError, TypeError):
            return False
        return all((self.root / path).is_file() for path in files)

    def run(self) -> int:
        """Render the piece on every instrument, list its clips in the journal and return their number."""
        rows = []
        with muted():
            drums = self._drums()
            for instrument, programs in self.programs.items():
                for program in programs:
                    clips = enumerate(self._clips(instrument, program, drums))
                    rows += [self._write(instrument, program, number, samples) for number, samples in clips]
        write_json(self.entry, rows)
        return len(rows)

    def _drums(self) -> Samples | None:
        """Play the drums, which are the same beside every instrument; None where they are left out."""
        if self.piece.drums is None:
            return None
        return self.soundfont.player().render_drums(
            self.piece.drums,
            self.piece.starts_s[-1] + self.configuration.clip_duration_s,
            self.configuration.sample_rate,
            channels=self.configuration.channels,
        )

    def _clips(self, instrument: str, program: int, drums: Samples | None) -> list[NDArray[np.float32]]:
        """Play the piece and cut its clips out; all clips of a rendering are scaled alike."""
        rate, duration = self.configuration.sample_rate, self.configuration.clip_duration_s
        starts = self.piece.starts_s
        rendering = self.soundfont.player().render(
            self.piece.notes, program, starts[-1] + duration, rate, channels=self.configuration.channels
        )
        mono = rendering if rendering.ndim == 1 else rendering.mean(axis=0)
        # Soft notes and long rests are scaled like all else: only what does not sound at all is silent.
        if not mono.any():
            raise DatasetError(
                f"{self.piece.name} is silent on {instrument} (program {program}) of {self.soundfont.name}"
            )
        if drums is not None:
            rendering = rendering + drums
        mono = rendering if rendering.ndim == 1 else rendering.mean(axis=0)
        rendering = limit_peak(np.asarray(rendering * (_LEVEL / rms(mono)), dtype=np.float32), _PEAK)
        if self.configuration.track_format is not None:
            rendering = limit_peak(recode(rendering, rate, self.configuration.track_format), _PEAK)
        length = round(duration * rate)
        return [_cut(rendering, round(start * rate), length) for start in starts]

    def _write(
        self, instrument: str, program: int, number: int, samples: NDArray[np.float32]
    ) -> dict[str, Any]:
        """Write a clip and return its row of the manifest."""
        piece, soundfont, rate = self.piece, self.soundfont, self.configuration.sample_rate
        folder = Path("audio") / soundfont.name / f"{instrument}-{program:03d}"
        path = folder / f"{piece.name}--{number:02d}.{self.configuration.audio_format}"
        encode_audio(self.root / path, samples, rate)
        row = {
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
            "source_piece": piece.source_piece,
            "spectrograms": self._spectrograms(path.as_posix()),
        }
        if self.configuration.augmentation is not None:
            row |= _changes(piece)
        return row

    def _spectrograms(self, path: str) -> list[dict[str, str]]:
        wanted = self.configuration.spectrograms
        if wanted is None:
            return []
        rate = self.configuration.sample_rate
        samples = read_clip(self.root / path, self.configuration.clip_duration_s, rate)
        return wanted.write(self.root, path, samples, rate)


def _changes(piece: PlannedPiece) -> dict[str, float]:
    """Return how a copy differs from its original, in the columns of an augmented dataset's manifest."""
    variation = piece.variation
    if variation is None:
        return {"transposition": 0, "tempo_factor": 1.0, "velocity_factor": 1.0}
    return {
        "transposition": variation.transposition,
        "tempo_factor": variation.tempo,
        "velocity_factor": variation.velocity,
    }


def _cut(samples: NDArray[np.float32], first: int, length: int) -> NDArray[np.float32]:
    """Cut a window out of all channels; what lies beyond the end is silent."""
    window = samples[..., first : first + length]
    missing = length - window.shape[-1]
    return np.pad(window, [(0, 0)] * (window.ndim - 1) + [(0, missing)]) if missing else window
