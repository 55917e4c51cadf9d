"""Trained networks of DDSP on the disk, and what they have learned from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from timbrebench.audio.clips import Samples
from timbrebench.classifier.fitting import one_thread, weights_sha256
from timbrebench.classifier.stored_network import StoredNetwork, load_weights, read_stored
from timbrebench.classifier.weights_archive import write_archive
from timbrebench.core.files import fingerprint
from timbrebench.transfer.methods.ddsp.ddsp_configuration import MAX_CHANNELS, MAX_HARMONICS, MAX_LAYERS
from timbrebench.transfer.methods.ddsp.decoder import DdspNetwork
from timbrebench.transfer.methods.ddsp.voice_playing import (
    ClipVoices,
    Loudness,
    VoiceBatch,
    play,
    style_coefficients,
)
from timbrebench.transfer.methods.ddsp.voices import Grid, Voice

_KIND, _SCHEMA = "ddsp network", 1


@dataclass(frozen=True, eq=False)
class TrainedDdsp:
    """Networks that are ready to use.

    Attributes
    ----------
    network : DdspNetwork
        In evaluation mode.
    training_clips : frozenset of str
        SHA-256 of the clips that they were trained or chosen by.
    """

    network: DdspNetwork
    training_clips: frozenset[str]

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights."""
        return weights_sha256(self.network)

    def play(
        self,
        voices: list[Voice],
        style: Samples,
        *,
        loudness: Loudness,
        grid: Grid,
        frames: int,
        rng: np.random.Generator,
    ) -> Samples:
        """Return voices, one at least, played in a style, shape (frames * hop_length,).

        `style` is the style clip at the grid's rate; noise is drawn from `rng`.
        """
        drawn = rng.uniform(-1, 1, (1, frames, grid.hop_length)).astype(np.float32)
        with one_thread(), torch.inference_mode():
            embedding = self.network.encoder(style_coefficients(style, grid.sample_rate)[None])
            batch = VoiceBatch.of([ClipVoices.of(voices, grid)], [loudness], frames)
            made = play(self.network, batch, embedding, torch.from_numpy(drawn), grid)
        samples: Samples = made[0].numpy()
        return samples

    def save(self, path: Path) -> None:
        """Write it atomically."""
        network = self.network
        settings = [network.channels, network.layers, network.harmonics]
        content = {
            "channels": network.channels,
            "layers": network.layers,
            "harmonics": network.harmonics,
            "weights": network.state_dict(),
            "training_clips": sorted(self.training_clips),
            "fingerprint": fingerprint([self.weights_sha256, *settings]),
        }
        write_archive(path, kind=_KIND, schema=_SCHEMA, content=content)

    @classmethod
    def load(cls, path: Path) -> TrainedDdsp:
        """Read it; :class:`JudgeError` if the file is missing, damaged, or of another kind."""
        stored = read_stored(path, _StoredDdsp, kind=_KIND, schema=_SCHEMA, hint="prepare the method")
        network = DdspNetwork(stored.channels, stored.layers, stored.harmonics)
        load_weights(network, stored.weights, path)
        return cls(network, stored.training_clips)


class _StoredDdsp(StoredNetwork):
    """What the file holds."""

    channels: int = Field(ge=4, le=MAX_CHANNELS)
    layers: int = Field(ge=1, le=MAX_LAYERS)
    harmonics: int = Field(ge=1, le=MAX_HARMONICS)

    def settings(self) -> list[Any]:
        return [self.channels, self.layers, self.harmonics]
