"""Train the networks of DDSP on clips with known notes.

An example is a clip and a style, which is a clip of another piece by the same timbre: label, program and
soundfont. The networks play the voices of the clip in that style, and the loss is the multi-scale spectral
loss between what they play and the clip. So an embedding can hold nothing of what the style clip plays. Half
of the clips are played from the loudness of each frame, the others from that of each note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.data import DataLoader

from timbrebench.audio.clips import fit_length, resample
from timbrebench.audio.loudness import is_silent, scale_to_rms
from timbrebench.classifier.lightning import EpochSampler, Fit, FittedModule, fit
from timbrebench.core.errors import DatasetError
from timbrebench.core.progress import Tracker
from timbrebench.datasets.dataset import Dataset
from timbrebench.transfer.algorithms.network_training import hold_out
from timbrebench.transfer.algorithms.note_templates import NoteTemplates, timbre_of
from timbrebench.transfer.methods.ddsp.ddsp_configuration import DdspTraining
from timbrebench.transfer.methods.ddsp.ddsp_synthesis import spectral_loss
from timbrebench.transfer.methods.ddsp.decoder import DdspNetwork
from timbrebench.transfer.methods.ddsp.voice_playing import (
    ClipVoices,
    Loudness,
    VoiceBatch,
    play,
    style_coefficients,
)
from timbrebench.transfer.methods.ddsp.voices import LEVEL, Grid, known_voices, pitch_levels

_LOUDNESS: tuple[Loudness, Loudness] = ("frames", "notes")

#: Largest norm of a step's gradient, as published.
_MAX_NORM = 3.0


@dataclass(frozen=True)
class PlayedClip:
    """A clip to learn from.

    Attributes
    ----------
    voices : ClipVoices
        Its notes.
    samples : torch.Tensor, shape (n,)
        At the level of :data:`~timbrebench.transfer.methods.ddsp.voices.LEVEL`.
    coefficients : torch.Tensor, shape (frames, 30)
        Its MFCCs.
    timbre, piece : str
        What plays what.
    held_out : bool
        Whether it is to choose the epoch by, and not to learn from.
    """

    voices: ClipVoices
    samples: Tensor
    coefficients: Tensor
    timbre: str
    piece: str
    held_out: bool


def gather(dataset: Dataset, templates: NoteTemplates, grid: Grid, seed: int) -> list[PlayedClip]:
    """Analyse every clip of a dataset that holds a note; the seed is that of the pieces held out."""
    played = []
    manifest = hold_out(dataset.manifest, seed)
    with Tracker("analysing voices", len(dataset), "clips") as tracker:
        for clip, split in zip(dataset.clips(), manifest.split, strict=True):
            samples = resample(dataset.samples(clip), clip.sample_rate, grid.sample_rate)
            notes = dataset.notes(clip)
            if len(notes) and not is_silent(samples):
                sounding = np.isin(templates.pitches, notes.pitch)
                spectra = templates.spectra[templates.timbres.index(timbre_of(clip))][:, :, sounding]
                levels = pitch_levels(samples, spectra, grid)
                voices = known_voices(notes, levels, templates.pitches[sounding], grid)
                length = grid.cover(samples) * grid.hop_length
                played.append(
                    PlayedClip(
                        ClipVoices.of(voices, grid),
                        torch.from_numpy(fit_length(scale_to_rms(samples, LEVEL), length)),
                        style_coefficients(samples, grid.sample_rate),
                        timbre_of(clip),
                        clip.piece,
                        split == "validation",
                    )
                )
            tracker.advance()
    return played


class _DdspModule(FittedModule):
    """Trains on numbers of clips, of which it holds the rest."""

    def __init__(
        self, network: DdspNetwork, configuration: DdspTraining, clips: Sequence[PlayedClip], grid: Grid
    ) -> None:
        steps = -(-sum(not clip.held_out for clip in clips) // configuration.batch_size)
        super().__init__(network, configuration, steps)
        self._clips, self._grid = clips, grid
        self._styles = [_styles(clip, clips) for clip in clips]
        self._frames = max(len(clip.samples) for clip in clips) // grid.hop_length

    def training_step(self, numbers: Sequence[int], _: int) -> Tensor:
        styles = [
            self._styles[number][int(torch.randint(len(self._styles[number]), ()))] for number in numbers
        ]
        noise = 2 * torch.rand(len(numbers), self._frames, self._grid.hop_length) - 1
        loudness = [_LOUDNESS[int(torch.randint(2, ()))] for _ in numbers]
        loss = self._loss(cast("DdspNetwork", self.network), numbers, styles, loudness, noise)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(numbers))
        return loss

    def validation_step(self, numbers: Sequence[int], _: int) -> None:
        styles = [self._styles[number][number % len(self._styles[number])] for number in numbers]
        generator = torch.Generator().manual_seed(numbers[0])
        noise = 2 * torch.rand(len(numbers), self._frames, self._grid.hop_length, generator=generator) - 1
        loudness = [_LOUDNESS[number % 2] for number in numbers]
        loss = self._loss(cast("DdspNetwork", self.averaged.module), numbers, styles, loudness, noise)
        self.log("validation_loss", loss, batch_size=len(numbers))

    def _loss(
        self,
        network: DdspNetwork,
        numbers: Sequence[int],
        styles: Sequence[int],
        loudness: Sequence[Loudness],
        noise: Tensor,
    ) -> Tensor:
        clips = [self._clips[number] for number in numbers]
        batch = VoiceBatch.of([clip.voices for clip in clips], loudness, self._frames).to(self.device)
        missing = self._frames * self._grid.hop_length
        wanted = torch.stack([pad(clip.samples, (0, missing - len(clip.samples))) for clip in clips])
        coefficients = [self._clips[style].coefficients for style in styles]
        shortest = min(map(len, coefficients))
        embedding = network.encoder(torch.stack([part[:shortest] for part in coefficients]).to(self.device))
        made = play(network, batch, embedding, noise.to(self.device), self._grid)
        return spectral_loss(made, wanted.to(self.device))

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *_: object, **__: object) -> None:
        """Keep a step's gradient to the published norm."""
        self.clip_gradients(optimizer, gradient_clip_val=_MAX_NORM, gradient_clip_algorithm="norm")


def _styles(clip: PlayedClip, clips: Sequence[PlayedClip]) -> list[int]:
    """Return the numbers of the clips that may be its style: of its timbre and other pieces, if any."""
    alike = [number for number, other in enumerate(clips) if other.timbre == clip.timbre]
    return [number for number in alike if clips[number].piece != clip.piece] or alike


def train_ddsp(
    clips: Sequence[PlayedClip], configuration: DdspTraining, grid: Grid, *, folder: Path | None = None
) -> tuple[DdspNetwork, Fit]:
    """Train the networks; keep the weights of the epoch that did best on pieces held out.

    `folder` gets checkpoints that an interrupted training goes on from. Raises :class:`DatasetError` if there
    are too few clips with notes, and :class:`JudgeError` if training diverges.
    """
    parts = [[number for number, clip in enumerate(clips) if clip.held_out is held] for held in (False, True)]
    if not all(parts):
        raise DatasetError(
            f"{len(clips)} clips with notes, in {len({clip.piece for clip in clips})} pieces: "
            "two pieces at least are needed, to learn from and to choose the epoch by"
        )
    torch.manual_seed(configuration.seed)
    network = DdspNetwork(configuration.channels, configuration.layers, configuration.harmonics)
    learned, checked = parts
    size = configuration.batch_size
    fitted = fit(
        _DdspModule(network, configuration, clips, grid),
        DataLoader(
            learned,  # type: ignore[arg-type] # a list is a data set, too
            size,
            sampler=EpochSampler(learned, configuration.seed),
            collate_fn=list,
        ),
        DataLoader(checked, size, collate_fn=list),  # type: ignore[arg-type] # as above
        configuration,
        description="training ddsp",
        folder=folder,
    )
    return network, fitted
