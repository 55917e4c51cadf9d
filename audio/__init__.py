"""Signals: clips and their files, loudness, time-frequency front ends and their inversion.

Conventions
-----------
Samples are one-dimensional ``float32`` arrays in [-1, 1]; times are seconds, frequencies hertz, and
``sample_rate`` is in hertz. Spectrograms are ``(bins, frames)``, as in librosa.
"""

from typing import TYPE_CHECKING

import lazy_loader as lazy

from timbrebench.core.caches import use_writable_caches

if TYPE_CHECKING:
    from timbrebench.audio.clips import as_samples, fit_length, read_audio, resample, write_audio
    from timbrebench.audio.inversion import Inversion, invert, spectral_convergence
    from timbrebench.audio.loudness import is_silent, limit_peak, rms, scale_to_rms
    from timbrebench.audio.spectra import log_magnitude, magnitude

__all__ = [
    "Inversion",
    "as_samples",
    "fit_length",
    "invert",
    "is_silent",
    "limit_peak",
    "log_magnitude",
    "magnitude",
    "read_audio",
    "resample",
    "rms",
    "scale_to_rms",
    "spectral_convergence",
    "write_audio",
]

# What is imported as a library needs places for librosa's caches as much as a command does.
use_writable_caches()

# Every import of a module below comes through here, and SciPy takes a second.
__getattr__, __dir__, _ = lazy.attach(
    __name__,
    submod_attrs={
        "clips": ["as_samples", "fit_length", "read_audio", "resample", "write_audio"],
        "inversion": ["Inversion", "invert", "spectral_convergence"],
        "loudness": ["is_silent", "limit_peak", "rms", "scale_to_rms"],
        "spectra": ["log_magnitude", "magnitude"],
    },
)
