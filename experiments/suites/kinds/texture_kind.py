"""The kind ``texture``: sounds that are to be made anew out of noise."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from timbrebench.audio.clips import write_audio
from timbrebench.audio.loudness import scale_to_rms
from timbrebench.core.files import file_sha256
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import PlannedPiece, plan_named
from timbrebench.datasets.rendering.rendered_dataset import find_pieces
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont
from timbrebench.experiments.suites.frozen_pairs import FrozenPairs
from timbrebench.experiments.suites.kinds.rendered_clips import Planned, RenderedClips
from timbrebench.experiments.suites.suite import OpenedSuite, Pair, SuiteConfiguration

#: Label of contents that are noise, and root mean square that datasets scale their clips to.
_NOISE, _LEVEL = "noise", 0.1


class TextureKind(RenderedClips):
    """Sounds that are to be made anew out of noise, so that they are like the style and copy nothing.

    The content is white noise, which has no notes: what is asked of an output is rhythm and timbre of the
    style, without its order. That is the experiment of Barry & Kim (submission to ICLR, 2018, section 4.1).
    There is no right answer, as any other such sound would do.

    Attributes
    ----------
    kind : "texture"
        Which kind this is.
    soundfont : str
        What plays the styles.
    clip_duration_s : float
        Length of the clips in seconds. A distribution of the times between onsets needs more of them than 5 s
        hold.
    pieces : int
        How many test pieces are played by each instrument; those of one piece share their noise, so that
        figures of one piece are resampled together.
    seed : int
        Seed of the noise.
    dataset : DatasetConfiguration
        Gives instruments and pieces. Judges and methods of a run learn from it, unless it has another one.
    """

    kind: Literal["texture"]
    soundfont: str = "FluidR3_GM"
    clip_duration_s: float = Field(default=10.0, ge=1.0, le=60.0)
    pieces: int = Field(default=10, ge=1, le=10_000)
    seed: int = Field(default=0, ge=0)
    dataset: DatasetConfiguration = DatasetConfiguration()

    @property
    def clips_configuration(self) -> DatasetConfiguration:
        """The dataset on the suite's soundfont alone, with the styles' length."""
        update = {"soundfonts": (self.soundfont,), "renderings": 1, "clip_duration_s": self.clip_duration_s}
        return self.dataset.model_copy(update=update)

    def choose_pieces(self, executor: Executor, learned: Collection[str]) -> Planned:
        """Choose the first test pieces that no judge has learned from and that last long enough."""
        longer = self.dataset.model_copy(update={"clip_duration_s": self.clip_duration_s})
        pieces, pitch_range = find_pieces(longer, executor)
        unknown = [piece for piece in pieces if piece.split == "test" and piece.name not in learned]
        return unknown[: self.pieces], pitch_range

    def plan_frozen(
        self, frozen: FrozenPairs, pitch_range: tuple[int, int], executor: Executor
    ) -> list[PlannedPiece]:
        """Plan the styles' pieces again; no corpus holds those of the noise."""
        names = list(dict.fromkeys(frozen.clips[pair.style].piece for pair in frozen.pairs))
        return plan_named(names, self.clips_configuration, pitch_range, executor)

    def write_extra_clips(self, pieces: Sequence[str], root: Path) -> list[dict[str, Any]]:
        """Write the noise that goes with each piece, and return its rows of the manifest.

        A piece has the same samples on every machine and among any others, as numpy's draws are.
        """
        return [self._write_noise(piece, root) for piece in pieces]

    def _write_noise(self, piece: str, root: Path) -> dict[str, Any]:
        rate = self.dataset.sample_rate
        # Drawn by the piece's name, so that it does not matter in which order pieces are planned.
        generator = np.random.default_rng([self.seed, zlib.crc32(piece.encode())])
        samples = generator.standard_normal(round(self.clip_duration_s * rate)).astype(np.float32)
        samples = np.clip(scale_to_rms(samples, _LEVEL), -1, 1)
        name = f"{_NOISE}-{piece}"
        path = Path("audio") / _NOISE / f"{piece}.flac"
        write_audio(root / path, samples, rate)
        return {
            "clip_id": f"{name}--{_NOISE}",
            "path": path.as_posix(),
            "label": _NOISE,
            "piece": name,
            "instrument": _NOISE,
            "program": -1,
            "soundfont": self.soundfont,
            "start_s": 0.0,
            "duration_s": self.clip_duration_s,
            "sample_rate": rate,
            "split": "test",
            "sha256": file_sha256(root / path),
            "composer": "none",
            "soundfont_family": find_soundfont(self.soundfont).family,
            "source_piece": name,
            "spectrograms": [],
        }

    def pair_clips(self, dataset: Dataset, pieces: Sequence[str], learned: Collection[str]) -> OpenedSuite:
        """Pair each style with the noise of its piece."""
        del pieces, learned
        noise = {clip.piece: clip for clip in dataset.clips() if clip.label == _NOISE}
        styles = [clip for clip in dataset.clips() if clip.label != _NOISE]
        pairs = [
            Pair(f"{number:03d}-{clip.label}-{clip.piece}", noise[f"{_NOISE}-{clip.piece}"], clip, None, "")
            for number, clip in enumerate(sorted(styles, key=lambda clip: (clip.label, clip.piece)))
        ]
        configuration = SuiteConfiguration(soundfont=self.soundfont)
        return OpenedSuite(configuration, tuple(pairs), tuple(styles), dataset=dataset)
