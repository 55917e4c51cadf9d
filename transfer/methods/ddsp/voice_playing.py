"""From voices to samples: the rows of a batch, what the network plays, and what is heard of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import librosa
import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from timbrebench.audio.clips import Samples
from timbrebench.audio.loudness import scale_to_rms
from timbrebench.transfer.methods.ddsp.ddsp_synthesis import (
    Rows,
    filtered_noise,
    harmonic_amplitudes,
    oscillators,
    scaled_sigmoid,
)
from timbrebench.transfer.methods.ddsp.decoder import BANDS, COEFFICIENTS, DdspNetwork
from timbrebench.transfer.methods.ddsp.voices import LEVEL, Grid, Voice

#: Window of the MFCCs in samples; a shorter style is repeated.
_MFCC_WINDOW = 1024

#: What the network knows of a note's loudness: that of each frame, as published, or that of its loudest
#: frame.
Loudness = Literal["frames", "notes"]


@dataclass(frozen=True)
class ClipVoices:
    """The voices of one clip as tensors.

    Attributes
    ----------
    frames : torch.Tensor, shape (rows,), int
        Frame of the clip, voice after voice.
    f0, phase : torch.Tensor, shape (rows,)
        Fundamental in hertz and phase in cycles.
    loudness, loudest : torch.Tensor, shape (rows,)
        Loudness in decibels, and that of the loudest frame of the note.
    held : torch.Tensor, shape (rows,), bool
        Whether the note is held.
    lengths : tuple of int
        Frames of each voice.
    """

    frames: Tensor
    f0: Tensor
    phase: Tensor
    loudness: Tensor
    loudest: Tensor
    held: Tensor
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, voices: Sequence[Voice], grid: Grid) -> ClipVoices:
        """Return the voices of a clip, which has one at least."""
        phases = []
        for voice in voices:
            cycles = np.cumsum(voice.f0, dtype=np.float64) * grid.hop_length / grid.sample_rate
            phases.append(np.concatenate([[0.0], cycles[:-1]]) % 1)
        f0, loudness, held = (
            torch.from_numpy(np.concatenate([getattr(voice, name) for voice in voices]))
            for name in ("f0", "loudness", "held")
        )
        return cls(
            torch.from_numpy(np.concatenate([voice.start + np.arange(len(voice.f0)) for voice in voices])),
            f0,
            torch.from_numpy(np.concatenate(phases).astype(np.float32)),
            loudness,
            torch.cat([torch.full((len(voice.f0),), float(voice.loudness.max())) for voice in voices]),
            held,
            tuple(len(voice.f0) for voice in voices),
        )

    def features(self, loudness: Loudness) -> Tensor:
        """Return what the network is given, shape (rows, 4)."""
        followed = loudness == "frames"
        level = self.loudness if followed else self.loudest
        pitch = 12 * torch.log2(self.f0 / 440) + 69
        rest = torch.full_like(pitch, float(followed))
        return torch.stack([(pitch - 60) / 24, (level + 40) / 20, self.held.float(), rest], dim=1)


@dataclass(frozen=True)
class VoiceBatch:
    """Voices of several clips as one packed sequence.

    Attributes
    ----------
    features : PackedSequence
        What the network is given.
    rows : Rows
        The frames of the voices, in the order of the packed sequence.
    clip : torch.Tensor, shape (rows,), int
        Number of the clip that each belongs to.
    clips, frames : int
        Clips, and frames of each.
    """

    features: PackedSequence
    rows: Rows
    clip: Tensor
    clips: int
    frames: int

    @classmethod
    def of(cls, by_clip: Sequence[ClipVoices], loudness: Sequence[Loudness], frames: int) -> VoiceBatch:
        """Return the batch of some clips, each of so many frames, with what is known of their loudness."""
        lengths = [length for clip in by_clip for length in clip.lengths]
        features = torch.cat([clip.features(kind) for clip, kind in zip(by_clip, loudness, strict=True)])
        packed = pack_sequence(list(torch.split_with_sizes(features, lengths)), enforce_sorted=False)
        total = len(features)
        order = pack_sequence(
            list(torch.split_with_sizes(torch.arange(total), lengths)), enforce_sorted=False
        ).data
        place = torch.empty(total, dtype=torch.long)
        place[order] = torch.arange(total)
        last = torch.zeros(total, dtype=torch.bool)
        last[torch.tensor(lengths).cumsum(0) - 1] = True
        following = torch.arange(total) + ~last
        clip = torch.repeat_interleave(
            torch.arange(len(by_clip)), torch.tensor([len(part.f0) for part in by_clip])
        )
        frame = torch.cat([part.frames for part in by_clip]) + clip * frames
        rows = Rows(
            frame[order],
            torch.cat([part.f0 for part in by_clip])[order],
            torch.cat([part.phase for part in by_clip])[order],
            place[following[order]],
            last[order],
        )
        return cls(packed, rows, clip[order], len(by_clip), frames)

    def to(self, device: torch.device) -> VoiceBatch:
        """Return the batch on a device."""
        rows = Rows(*(getattr(self.rows, field.name).to(device) for field in fields(Rows)))
        order, inverse = (
            None if part is None else part.to(device)
            for part in (self.features.sorted_indices, self.features.unsorted_indices)
        )
        data = self.features.data.to(device)
        return replace(
            self,
            features=self.features._replace(data=data, sorted_indices=order, unsorted_indices=inverse),
            rows=rows,
            clip=self.clip.to(device),
        )


def play(network: DdspNetwork, voices: VoiceBatch, embedding: Tensor, noise: Tensor, grid: Grid) -> Tensor:
    """Return what the network plays.

    Parameters
    ----------
    network : DdspNetwork
        The network.
    voices : VoiceBatch
        The voices.
    embedding : torch.Tensor, shape (clips, 16)
        Style of each clip.
    noise : torch.Tensor, shape (clips, frames, hop_length)
        Noise in [-1, 1].
    grid : Grid
        The frames.

    Returns
    -------
    torch.Tensor, shape (clips, frames * hop_length)
        Samples of clips at :data:`~timbrebench.transfer.methods.ddsp.voices.LEVEL`.
    """
    loudness, distribution, bands = network.decoder(voices.features, embedding[voices.clip])
    amplitudes = harmonic_amplitudes(loudness, distribution, voices.rows.f0, grid.sample_rate)
    frames = voices.clips * voices.frames
    harmonic = oscillators(amplitudes, voices.rows, frames, grid.hop_length, grid.sample_rate)
    magnitudes = bands.new_zeros(frames, BANDS).index_add(0, voices.rows.frame, scaled_sigmoid(bands))
    hissed = filtered_noise(magnitudes.reshape(voices.clips, voices.frames, BANDS), noise)
    return harmonic.reshape(voices.clips, -1) + hissed


def style_coefficients(samples: Samples, sample_rate: int) -> Tensor:
    """Return the MFCCs that a style clip is embedded from, shape (frames, 30), for the clip at one level."""
    if len(samples) < _MFCC_WINDOW:
        samples = np.resize(samples, _MFCC_WINDOW)
    mfcc = librosa.feature.mfcc(
        y=scale_to_rms(samples, LEVEL),
        sr=sample_rate,
        n_mfcc=COEFFICIENTS,
        n_fft=_MFCC_WINDOW,
        hop_length=512,
    )
    return torch.from_numpy(mfcc.T.astype(np.float32))
