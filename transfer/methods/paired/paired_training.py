"""Train the networks of `paired`: the same notes played by two timbres, and a clip of the second.

An example is a content, a target and a style. Content and target are clips of the same window of a piece by
two timbres, drawn anew each time: label, program and soundfont. The style is another piece by the target's
timbre, so an embedding can hold nothing of what is played. The loss is the mean absolute difference between
logarithms of magnitudes in bands.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from torch.utils.data import DataLoader

from timbrebench.audio.clips import resample
from timbrebench.audio.loudness import is_silent
from timbrebench.audio.spectra import magnitude
from timbrebench.classifier.lightning import EpochSampler, Fit, FittedModule, fit
from timbrebench.core.errors import DatasetError
from timbrebench.core.progress import Tracker
from timbrebench.datasets.dataset import Dataset
from timbrebench.transfer.algorithms.network_training import hold_out
from timbrebench.transfer.algorithms.note_templates import timbre_of
from timbrebench.transfer.methods.paired.paired_configuration import PairedTraining
from timbrebench.transfer.methods.paired.paired_network import EMBEDDING, PairedNetwork
from timbrebench.transfer.methods.paired.trained_paired import level_of

#: Magnitude below which the loss tells little: 43 dB under a sine as loud as the whole clip.
LOSS_FLOOR = 1e-2

#: Weight of naming the style's timbre beside the loss.
TIMBRE_WEIGHT = 0.1


@dataclass(frozen=True)
class PairedClip:
    """A clip to learn from.

    Attributes
    ----------
    magnitudes : torch.Tensor, shape (bins, frames), float16
        At level 1.
    bands : torch.Tensor, shape (bands, frames)
        The same as the style encoder takes it.
    timbre, piece : str
        What plays what.
    start_s : float
        Where the clip begins in the piece.
    held_out : bool
        Whether it is to choose the epoch by, and not to learn from.
    """

    magnitudes: Tensor
    bands: Tensor
    timbre: str
    piece: str
    start_s: float
    held_out: bool


def gather(dataset: Dataset, network: PairedNetwork, hop_length: int, seed: int) -> list[PairedClip]:
    """Analyse every clip of a dataset that sounds; the seed is that of the pieces held out."""
    clips = []
    manifest = hold_out(dataset.manifest, seed)
    with Tracker("analysing clips", len(dataset), "clips") as tracker:
        for clip, split in zip(dataset.clips(), manifest.split, strict=True):
            samples = resample(dataset.samples(clip), clip.sample_rate, network.sample_rate)
            if not is_silent(samples):
                spectrum = magnitude(samples, network.n_fft, hop_length)
                magnitudes = torch.from_numpy(spectrum / np.float32(level_of(spectrum)))
                clips.append(
                    PairedClip(
                        magnitudes.half(),
                        network.bands(magnitudes),
                        timbre_of(clip),
                        clip.piece,
                        clip.start_s,
                        split == "validation",
                    )
                )
            tracker.advance()
    return clips


@dataclass(frozen=True)
class AlignedPairs:
    """Which clips may be content and style of which target.

    Attributes
    ----------
    clips : sequence of PairedClip
        All clips.
    """

    clips: Sequence[PairedClip]

    @cached_property
    def contents(self) -> list[list[int]]:
        """For each clip the numbers of those that have the same notes in another timbre."""
        windows = self._grouped(lambda clip: (clip.piece, clip.start_s))
        return [
            [
                number
                for number in windows[clip.piece, clip.start_s]
                if self.clips[number].timbre != clip.timbre
            ]
            for clip in self.clips
        ]

    @cached_property
    def styles(self) -> list[list[int]]:
        """For each clip the numbers of those that may be its style: its timbre, other pieces to learn from.

        Where there is no such clip it is the clip itself, so that nothing held out is learned from.
        """
        timbres = self._grouped(lambda clip: clip.timbre)
        found = []
        for own, clip in enumerate(self.clips):
            alike = ((number, self.clips[number]) for number in timbres[clip.timbre])
            others = [number for number, other in alike if other.piece != clip.piece and not other.held_out]
            found.append(others or [own])
        return found

    def _grouped(self, key: Callable[[PairedClip], Hashable]) -> dict[Hashable, list[int]]:
        groups: dict[Hashable, list[int]] = {}
        for number, clip in enumerate(self.clips):
            groups.setdefault(key(clip), []).append(number)
        return groups

    def targets(self, *, held_out: bool) -> list[int]:
        """Return the numbers of the clips that have a content."""
        return [
            number
            for number, (clip, contents) in enumerate(zip(self.clips, self.contents, strict=True))
            if contents and clip.held_out is held_out
        ]


class _Trained(nn.Module):
    """The networks, and a classifier of timbres by the embedding, which is needed in training alone."""

    def __init__(self, network: PairedNetwork, timbres: int) -> None:
        super().__init__()
        self.network = network
        self.classifier = nn.Linear(EMBEDDING, timbres)


class _PairedModule(FittedModule):
    """Trains on numbers of targets, for which it draws contents and styles."""

    def __init__(self, network: PairedNetwork, configuration: PairedTraining, pairs: AlignedPairs) -> None:
        steps = -(-len(pairs.targets(held_out=False)) // configuration.batch_size)
        timbres = sorted({clip.timbre for clip in pairs.clips})
        super().__init__(_Trained(network, len(timbres)), configuration, steps)
        self._pairs, self._frames = pairs, configuration.excerpt_frames
        self._timbres = torch.tensor([timbres.index(clip.timbre) for clip in pairs.clips])

    def training_step(self, targets: Sequence[int], _: int) -> Tensor:
        contents = [_drawn(self._pairs.contents[target]) for target in targets]
        styles = [_drawn(self._pairs.styles[target]) for target in targets]
        places = torch.rand(len(targets)).tolist()
        trained = cast("_Trained", self.network)
        embedding = self._embedding(trained.network, styles)
        loss = self._difference(trained.network, contents, targets, embedding, places)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(targets))
        timbres = self._timbres[list(targets)].to(self.device)
        return loss + TIMBRE_WEIGHT * cross_entropy(trained.classifier(embedding), timbres)

    def validation_step(self, targets: Sequence[int], _: int) -> None:
        # The same content, style and place for a target in each epoch, spread over those there are.
        contents, styles = (
            [choices[target][7 * target % len(choices[target])] for target in targets]
            for choices in (self._pairs.contents, self._pairs.styles)
        )
        places = [target * 0.618 % 1 for target in targets]
        network = cast("_Trained", self.averaged.module).network
        loss = self._difference(network, contents, targets, self._embedding(network, styles), places)
        self.log("validation_loss", loss, batch_size=len(targets))

    def _difference(
        self,
        network: PairedNetwork,
        contents: Sequence[int],
        targets: Sequence[int],
        embedding: Tensor,
        places: Sequence[float],
    ) -> Tensor:
        content, wanted = (
            torch.stack(
                [self._excerpt(number, place) for number, place in zip(numbers, places, strict=True)]
            ).to(self.device)
            for numbers in (contents, targets)
        )
        return spectral_difference(network, network(content, embedding), wanted)

    def _embedding(self, network: PairedNetwork, styles: Sequence[int]) -> Tensor:
        clips = [self._pairs.clips[number].bands for number in styles]
        shortest = min(clip.shape[1] for clip in clips)
        whole = torch.stack([clip[:, :shortest] for clip in clips]).to(self.device)
        embedding: Tensor = network.encoder(whole)
        return embedding

    def _excerpt(self, number: int, place: float) -> Tensor:
        magnitudes = self._pairs.clips[number].magnitudes
        missing = magnitudes.shape[1] - self._frames
        if missing <= 0:
            return pad(magnitudes.float(), (0, -missing))
        start = int(place * (missing + 1))
        return magnitudes[:, start : start + self._frames].float()


def spectral_difference(network: PairedNetwork, made: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean absolute difference of logarithms of magnitudes in bands, in nepers.

    `made` and `wanted` are magnitudes, shape (clips, bins, frames). Bands weigh the octaves alike, where most
    bins lie in the highest two. What is much less than :data:`LOSS_FLOOR` does not count.
    """
    logarithms = [torch.log1p(network.bands.gather(clip) / LOSS_FLOOR) for clip in (made, wanted)]
    return (logarithms[0] - logarithms[1]).abs().mean()


def _drawn(choices: Sequence[int]) -> int:
    return choices[int(torch.randint(len(choices), ()))]


def train_paired(
    pairs: AlignedPairs, network: PairedNetwork, configuration: PairedTraining, *, folder: Path | None = None
) -> Fit:
    """Train the networks; keep the weights of the epoch that did best on pieces held out.

    `folder` gets checkpoints that an interrupted training goes on from. Raises :class:`DatasetError` if too
    few clips share their notes, and :class:`JudgeError` if training diverges.
    """
    learned, checked = pairs.targets(held_out=False), pairs.targets(held_out=True)
    if not (learned and checked):
        raise DatasetError(
            f"{len(pairs.clips)} clips that sound, {len(learned) + len(checked)} of which have their notes "
            "in another timbre, too: two pieces, each played by two timbres in the same window, are needed "
            "at least, to learn from and to choose the epoch by"
        )
    size = configuration.batch_size
    return fit(
        _PairedModule(network, configuration, pairs),
        DataLoader(
            learned,  # type: ignore[arg-type] # a list is a data set, too
            size,
            sampler=EpochSampler(learned, configuration.seed),
            collate_fn=list,
        ),
        DataLoader(checked, size, collate_fn=list),  # type: ignore[arg-type] # as above
        configuration,
        description="training paired",
        folder=folder,
    )
