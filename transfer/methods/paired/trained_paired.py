"""Trained networks of `paired` on the disk, and what they have learned from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from timbrebench.audio.spectra import Spectrogram
from timbrebench.classifier.fitting import one_thread, weights_sha256
from timbrebench.classifier.stored_network import StoredNetwork, load_weights, read_stored
from timbrebench.classifier.weights_archive import write_archive
from timbrebench.core.files import fingerprint
from timbrebench.transfer.methods.paired.paired_configuration import MAX_CHANNELS
from timbrebench.transfer.methods.paired.paired_network import PairedNetwork

_KIND, _SCHEMA = "paired network", 1


@dataclass(frozen=True, eq=False)
class TrainedPaired:
    """Networks that are ready to use.

    Attributes
    ----------
    network : PairedNetwork
        In evaluation mode.
    training_clips : frozenset of str
        SHA-256 of the clips that they were trained or chosen by.
    """

    network: PairedNetwork
    training_clips: frozenset[str]

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights."""
        return weights_sha256(self.network)

    def play(self, content: Spectrogram, style: Spectrogram) -> Spectrogram:
        """Return the magnitudes of a content in a style.

        Parameters
        ----------
        content, style : numpy.ndarray, shapes (bins, frames) and (bins, frames of the style), float32
            Magnitudes of clips of level 1 (:func:`level_of`).

        Returns
        -------
        numpy.ndarray, shape of `content`, float32
            Magnitudes.
        """
        with one_thread(), torch.inference_mode():
            clips = [torch.from_numpy(np.ascontiguousarray(clip))[None] for clip in (content, style)]
            magnitudes: Spectrogram = self.network(clips[0], self.network.embed(clips[1]))[0].numpy()
        return magnitudes

    def save(self, path: Path) -> None:
        """Write it atomically."""
        network = self.network
        settings = [network.channels, network.sample_rate, network.n_fft]
        content = {
            "channels": network.channels,
            "sample_rate": network.sample_rate,
            "n_fft": network.n_fft,
            "weights": network.state_dict(),
            "training_clips": sorted(self.training_clips),
            "fingerprint": fingerprint([self.weights_sha256, *settings]),
        }
        write_archive(path, kind=_KIND, schema=_SCHEMA, content=content)

    @classmethod
    def load(cls, path: Path) -> TrainedPaired:
        """Read it; :class:`JudgeError` if the file is missing, damaged, or of another kind."""
        stored = read_stored(path, _StoredPaired, kind=_KIND, schema=_SCHEMA, hint="prepare the method")
        network = PairedNetwork(stored.channels, stored.sample_rate, stored.n_fft)
        load_weights(network, stored.weights, path)
        return cls(network.eval(), stored.training_clips)


class _StoredPaired(StoredNetwork):
    """What the file holds."""

    channels: int = Field(ge=2, le=MAX_CHANNELS)
    sample_rate: int = Field(ge=4_000, le=96_000)
    n_fft: int = Field(ge=64, le=1 << 14)

    def settings(self) -> list[Any]:
        return [self.channels, self.sample_rate, self.n_fft]


def level_of(magnitudes: Spectrogram) -> float:
    """Return the level of a clip, that its magnitudes, shape (bins, frames), are divided by.

    A steady sine has a magnitude of the square root of 2 then, whatever its loudness: with a Hann window the
    squares of its bins sum to 1.5 times that of the highest.
    """
    power = float(np.mean(np.sum(np.square(magnitudes, dtype=np.float64), axis=0)))
    return max(float(np.sqrt(power / 3)), float(np.finfo(np.float32).tiny))
