"""Spectrograms stored beside the audio of a dataset, for studies that train on them directly.

The four variants are those of the multi-instrument report (2023): the short-time Fourier transform and mel
bands, each in decibels and as ``log(1 + magnitude)``. They are made from what the audio file holds, so that
anyone can make them again from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from timbrebench.audio.clips import Samples
from timbrebench.audio.power_spectra import mel_power, power_to_decibels, power_to_log1p, stft_power
from timbrebench.audio.spectra import HOP_LENGTH, N_FFT, Spectrogram
from timbrebench.core.errors import DatasetError
from timbrebench.core.files import atomic_path, file_sha256
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.identifiers import path_within
from timbrebench.core.tables import read_csv
from timbrebench.datasets.dataset_checks import MANIFEST_BYTES

#: The folder inside a dataset's that holds them, and the table that lists them.
FOLDER = "spectrograms"
TABLE = "spectrograms.csv"

Variant = Literal["stft-decibel", "stft-log1p", "mel-decibel", "mel-log1p"]

VARIANTS: tuple[Variant, ...] = get_args(Variant)

_SCALES: Mapping[str, Callable[[Spectrogram], Spectrogram]] = {
    "decibel": power_to_decibels,
    "log1p": power_to_log1p,
}

#: Columns of the table.
_COLUMNS = ("clip_id", "variant", "path", "sha256")


class StoredSpectrograms(FrozenModel):
    """Which spectrograms are stored.

    Attributes
    ----------
    variants : tuple of str
        Among :data:`VARIANTS`; by default all.
    n_fft : int
        Window in samples.
    hop_length : int
        Samples from one frame to the next.
    n_mels : int
        Mel bands.
    """

    variants: tuple[Variant, ...] = Field(default=VARIANTS, min_length=1)
    n_fft: int = Field(default=N_FFT, ge=64, le=65_536)
    hop_length: int = Field(default=HOP_LENGTH, ge=16, le=65_536)
    n_mels: int = Field(default=128, ge=1, le=2_048)

    @field_validator("variants")
    @classmethod
    def _no_repeats(cls, variants: tuple[Variant, ...]) -> tuple[Variant, ...]:
        if len(set(variants)) < len(variants):
            raise ValueError("a variant stands in the list twice")
        return variants

    def compute(self, samples: Samples, sample_rate: int) -> dict[Variant, Spectrogram]:
        """Compute the spectrograms of a clip.

        Parameters
        ----------
        samples : numpy.ndarray, shape (n,)
            Mono samples.
        sample_rate : int
            Their rate in hertz.

        Returns
        -------
        dict
            Variant to float32 array of shape (bands, 1 + n // hop_length). There are 1 + n_fft // 2 bands
            for "stft" and n_mels for "mel". Decibels lie from -80 to 0, the loudest value of the clip;
            ``log(1 + magnitude)`` from 0 up, at the level that the clip has.
        """
        power: dict[str, Spectrogram] = {}
        spectrograms: dict[Variant, Spectrogram] = {}
        for variant in self.variants:
            kind, scale = variant.split("-")
            if kind not in power:
                power[kind] = self._power(kind, samples, sample_rate)
            spectrograms[variant] = _SCALES[scale](power[kind])
        return spectrograms

    def _power(self, kind: str, samples: Samples, sample_rate: int) -> Spectrogram:
        if kind == "stft":
            return stft_power(samples, n_fft=self.n_fft, hop_length=self.hop_length)
        return mel_power(
            samples, sample_rate, n_fft=self.n_fft, hop_length=self.hop_length, n_mels=self.n_mels
        )

    def write(self, root: Path, audio_path: str, samples: Samples, sample_rate: int) -> list[dict[str, str]]:
        """Write the spectrograms of a clip.

        Parameters
        ----------
        root : pathlib.Path
            The dataset's folder.
        audio_path : str
            Of the clip, relative to it.
        samples, sample_rate
            What the file holds: see :meth:`compute`.

        Returns
        -------
        list of dict
            ``variant``, ``path`` and ``sha256`` of each file.
        """
        written = []
        for variant, spectrogram in self.compute(samples, sample_rate).items():
            path = spectrogram_path(audio_path, variant)
            with atomic_path(root / path) as temporary:
                np.save(temporary, spectrogram, allow_pickle=False)
            written.append({"variant": str(variant), "path": path, "sha256": file_sha256(root / path)})
        return written


def spectrogram_path(audio_path: str, variant: Variant) -> str:
    """Return where a clip's spectrogram lies: as its audio does, in a folder for the variant."""
    below = PurePosixPath(audio_path).relative_to("audio").with_suffix(".npy")
    return str(PurePosixPath(FOLDER, variant) / below)


def spectrogram_table(clips: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """List the ``spectrograms`` of clips as :data:`TABLE` does: ``clip_id, variant, path, sha256``."""
    rows = [{"clip_id": clip["clip_id"], **entry} for clip in clips for entry in clip["spectrograms"]]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def listed_spectrograms(root: Path) -> dict[str, str]:
    """Return path and SHA-256 of every spectrogram that a dataset lists; empty where it stores none.

    Raises DatasetError if the list cannot be read.
    """
    path = root / TABLE
    if not path.exists():
        return {}
    table = read_csv(path, DatasetError, dict.fromkeys(_COLUMNS, "str"), MANIFEST_BYTES)
    if missing := [column for column in ("path", "sha256") if column not in table]:
        raise DatasetError(f"{path}: lacks the columns {', '.join(missing)}: build the dataset again")
    return dict(zip(table.path, table.sha256, strict=True))


def load_spectrogram(root: Path, audio_path: str, variant: Variant) -> Spectrogram:
    """Read a clip's stored spectrogram: float32, shape (bands, frames).

    Its values are those of :meth:`StoredSpectrograms.compute`. Raises DatasetError if the dataset does not
    store it, or the file is damaged.
    """
    path = root
    try:
        path = path_within(root, spectrogram_path(audio_path, variant))
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path}: no such spectrogram: build the dataset with `spectrograms` in its configuration"
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path}: cannot be read as a spectrogram ({error})") from error
