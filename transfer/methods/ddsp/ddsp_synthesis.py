"""The synthesiser of DDSP: a bank of harmonic oscillators for each voice, and one filtered noise.

It works on *rows*: a row is one frame of one voice, in any order. Amplitudes are linear between frames,
frequencies stay for a frame, and the phase of a voice is continuous. What the network puts out is
differentiated, frequencies are not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

#: Windows of the multi-scale spectral loss in samples, each a quarter apart.
WINDOWS = (2048, 1024, 512, 256, 128, 64)

#: Added to magnitudes before their logarithm, as in the authors' code.
_FLOOR = 1e-5


@dataclass(frozen=True)
class Rows:
    """Frames of voices.

    Attributes
    ----------
    frame : torch.Tensor, shape (rows,), int
        Number of the frame of the output, that of several clips one after the other.
    f0 : torch.Tensor, shape (rows,)
        Fundamental frequency of the frame in hertz.
    phase : torch.Tensor, shape (rows,)
        Phase of the fundamental where it begins, in cycles.
    following : torch.Tensor, shape (rows,), int
        Row of the voice's next frame; that of the last is its own.
    last : torch.Tensor, shape (rows,), bool
        Whether the voice ends with the frame; it fades out in it.
    """

    frame: Tensor
    f0: Tensor
    phase: Tensor
    following: Tensor
    last: Tensor


def scaled_sigmoid(values: Tensor) -> Tensor:
    """Return the authors' positive scale of a network's outputs: from 1e-7 to 2, steep and then flat."""
    scaled: Tensor = 2 * torch.sigmoid(values) ** math.log(10) + 1e-7
    return scaled


def harmonic_amplitudes(loudness: Tensor, distribution: Tensor, f0: Tensor, sample_rate: int) -> Tensor:
    """Return the amplitude of each harmonic: positive, 0 from half the sample rate on.

    Parameters
    ----------
    loudness : torch.Tensor, shape (rows,)
        Outputs of the network for the sum of the amplitudes.
    distribution : torch.Tensor, shape (rows, harmonics)
        Outputs of the network for their shares.
    f0 : torch.Tensor, shape (rows,)
        Fundamentals in hertz.
    sample_rate : int
        Rate in hertz.

    Returns
    -------
    torch.Tensor, shape (rows, harmonics)
    """
    numbers = torch.arange(1, distribution.shape[1] + 1, device=f0.device)
    shares = scaled_sigmoid(distribution) * (f0[:, None] * numbers < sample_rate / 2)
    return scaled_sigmoid(loudness)[:, None] * shares / shares.sum(1, keepdim=True).clamp(min=1e-7)


def oscillators(amplitudes: Tensor, rows: Rows, frames: int, hop_length: int, sample_rate: int) -> Tensor:
    """Return the sum of all voices.

    A sine whose frequency stays within a frame is a sum of a sine and a cosine that begin with it. All rows
    of one frequency share these, so that a sample of a harmonic costs a product and no sine.

    Parameters
    ----------
    amplitudes : torch.Tensor, shape (rows, harmonics)
        Amplitudes where each frame begins; 0 from half the sample rate on.
    rows : Rows
        The frames.
    frames, hop_length : int
        Frames of the output and their length in samples.
    sample_rate : int
        Rate in hertz.

    Returns
    -------
    torch.Tensor, shape (frames, hop_length)
        Samples.
    """
    within = torch.arange(hop_length, device=amplitudes.device)
    share = within / hop_length
    frequencies, group, counts = torch.unique(rows.f0, return_inverse=True, return_counts=True)
    order, sizes = torch.argsort(group, stable=True), counts.tolist()
    endings = amplitudes[rows.following] * ~rows.last[:, None]
    made = []
    for frequency, phase, *ends in zip(
        frequencies.tolist(),
        *(torch.split_with_sizes(part[order], sizes) for part in (rows.phase, amplitudes, endings)),
        strict=True,
    ):
        audible = min(amplitudes.shape[1], math.ceil(sample_rate / 2 / frequency) - 1)
        numbers = torch.arange(1, audible + 1, device=amplitudes.device)
        angles = 2 * math.pi * frequency / sample_rate * numbers[:, None] * within
        waves = torch.cat([angles.cos(), angles.sin()])
        phases = 2 * math.pi * ((phase[:, None] * numbers) % 1)
        starts = torch.cat([phases.sin(), phases.cos()], dim=1)
        begin, end = (part[:, :audible].repeat(1, 2) * starts for part in ends)
        made.append(torch.cat([begin, end], dim=1) @ torch.cat([waves * (1 - share), waves * share]))
    return amplitudes.new_zeros(frames, hop_length).index_add(0, rows.frame[order], torch.cat(made))


def filtered_noise(magnitudes: Tensor, noise: Tensor) -> Tensor:
    """Filter the noise of each frame by a zero-phase filter with a Hann window.

    Parameters
    ----------
    magnitudes : torch.Tensor, shape (clips, frames, bands)
        Magnitudes of the filter from 0 to half the sample rate.
    noise : torch.Tensor, shape (clips, frames, hop_length)
        Noise in [-1, 1].

    Returns
    -------
    torch.Tensor, shape (clips, frames * hop_length)
        Samples.
    """
    clips, frames, hop_length = noise.shape
    taps = 2 * (magnitudes.shape[2] - 1)
    window = torch.hann_window(taps, device=noise.device)
    responses = torch.fft.irfft(magnitudes).roll(taps // 2, -1) * window
    size = hop_length + taps
    filtered = torch.fft.irfft(torch.fft.rfft(noise, size) * torch.fft.rfft(responses, size), size)
    # Frames overlap by the taps of the filter.
    length = (frames - 1) * hop_length + size
    audio = torch.nn.functional.fold(
        filtered.transpose(1, 2), (1, length), (1, size), stride=(1, hop_length)
    ).reshape(clips, length)
    return audio[:, taps // 2 : taps // 2 + frames * hop_length]


def spectral_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Return the multi-scale spectral loss of the authors: absolute errors of magnitudes and logarithms.

    Parameters
    ----------
    made, wanted : torch.Tensor, shape (clips, samples)
        Samples.

    Returns
    -------
    torch.Tensor, shape ()
        The sum over :data:`WINDOWS` of both mean absolute differences; 0 for equal clips.
    """
    losses = []
    for size in WINDOWS:
        window = torch.hann_window(size, device=made.device)
        spectra = [
            torch.stft(
                pad(clips, (0, max(0, size - clips.shape[1]))),
                size,
                size // 4,
                window=window,
                center=False,
                return_complex=True,
            )
            for clips in (made, wanted)
        ]
        first, second = (_magnitude(spectrum) for spectrum in spectra)
        losses.append((first - second).abs().mean())
        losses.append(((first + _FLOOR).log() - (second + _FLOOR).log()).abs().mean())
    return torch.stack(losses).sum()


def _magnitude(spectrum: Tensor) -> Tensor:
    """Return magnitudes whose gradient is finite where they are 0."""
    return (spectrum.real.square() + spectrum.imag.square() + 1e-14).sqrt()
