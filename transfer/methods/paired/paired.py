"""A network that learns from aligned pairs: the same notes played by two instruments.

Networks that translate spectrograms, of images or by diffusion, mostly learn without pairs, since the field
has none. Renderings of one score by many timbres are pairs. So what a network of this size can do is limited
here by its means, and not by a lack of supervision: it is a bound for that family. Published by nobody.

1. *Embed* the style clip: convolutions over its spectrogram in log-frequency bands, and the mean over time.
2. *Map* the content's bands to a gain and a level for each band and frame, by a U-Net that the embedding
   conditions (:mod:`timbrebench.transfer.methods.paired.paired_network`). The content's magnitudes times the
   gain, plus the level, are the output's: the gain keeps partials as sharp as the content's, and the level
   adds what the content lacks.
3. *Invert*: fast Griffin-Lim from the content's phase.

`prepare` trains both (:mod:`timbrebench.transfer.methods.paired.paired_training`) on excerpts of 1.5 s: a
window of a piece by one timbre, the same by another, and as style another piece by the second. The loss is
the mean absolute difference of logarithms of magnitudes. Labels, programs and soundfonts of the clips are
what pairs are found by, and a classifier names them by the embedding, in training alone.

References
----------
O. Ronneberger, P. Fischer and T. Brox, "U-Net: Convolutional networks for biomedical image segmentation",
MICCAI 2015, arXiv:1505.04597.
E. Perez, F. Strub, H. de Vries, V. Dumoulin and A. Courville, "FiLM: Visual reasoning with a general
conditioning layer", AAAI 2018, arXiv:1709.07871.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from timbrebench.audio.inversion import Inversion
from timbrebench.audio.spectra import Spectrogram
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import fingerprint
from timbrebench.core.tables import SIX_DIGITS, write_csv
from timbrebench.datasets.dataset import Dataset
from timbrebench.transfer.bases.spectrogram_method import (
    AnalysedClip,
    SpectrogramMethod,
    SpectrogramParameters,
)
from timbrebench.transfer.contract import Learned
from timbrebench.transfer.methods.paired.paired_configuration import PairedTraining
from timbrebench.transfer.methods.paired.paired_network import PairedNetwork
from timbrebench.transfer.methods.paired.trained_paired import TrainedPaired, level_of

#: The training curve, in the folder of what was learned.
CURVE = "paired_curve.csv"


class PairedParameters(SpectrogramParameters):
    """Settings of :class:`Paired`.

    Attributes
    ----------
    sample_rate, n_fft, hop_length : int
        Rate in hertz; window and hop in samples.
    inversion : Inversion
        Fast Griffin-Lim from the content's phase: its partials stay where they are.
    training : PairedTraining
        How the networks are trained.
    """

    sample_rate: int = Field(default=22_050, ge=4_000, le=96_000)
    n_fft: int = Field(default=2048, ge=64, multiple_of=2, le=1 << 14)
    inversion: Inversion = Inversion(iterations=30, start="given")
    training: PairedTraining = PairedTraining()


class Paired(SpectrogramMethod):
    """A U-Net conditioned on the style clip; see the module."""

    name = "paired"
    version = 1
    summary = "filters the content's spectrogram by a network that learned from the same notes in two timbres"
    source = "this benchmark, after O. Ronneberger et al., U-Net, 2015, and E. Perez et al., FiLM, 2018"
    keeps_level = True
    block_s = 60.0
    Parameters = PairedParameters
    parameters: PairedParameters

    def __init__(self, /, **parameters: object) -> None:
        super().__init__(**parameters)
        self.trained: TrainedPaired | None = None

    def prepare(self, dataset: Dataset, workdir: Path) -> None:
        """Train the networks, or load those that were trained on the same clips before.

        An interrupted call goes on after its last epoch; a damaged file is made again. The training curve is
        written beside the networks (:data:`CURVE`). Raises :class:`DatasetError` if too few clips have their
        notes in another timbre, too, :class:`JudgeError` if the training diverges, and :class:`StorageError`
        if something cannot be written.
        """
        workdir.mkdir(parents=True, exist_ok=True)
        settings = self.parameters.model_dump(mode="json", exclude={"inversion"})
        clips = frozenset(dataset.manifest.sha256)
        path = workdir / f"paired-{fingerprint([self.version, settings, sorted(clips)])[:16]}.pt"
        try:
            self.trained = TrainedPaired.load(path)
        except JudgeError:
            self.trained = TrainedPaired(self._train(dataset, workdir, path.with_suffix("")), clips)
            self.trained.save(path)
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)

    def learned(self) -> Learned:
        """Return the weights of the networks and the clips that they learned from."""
        if self.trained is None:
            return Learned()
        return Learned(frozenset({self.trained.weights_sha256}), self.trained.training_clips)

    def make(self, content: AnalysedClip, style: AnalysedClip, rng: np.random.Generator) -> Spectrogram:
        """Play the content, a long one block by block, at the level that the networks have learned from."""
        self.prepared(self.trained)
        return super().make(_levelled(content), _levelled(style), rng)

    def transform(self, content: Spectrogram, style: Spectrogram, rng: np.random.Generator) -> Spectrogram:
        """Play a block of the content."""
        del rng
        return self.prepared(self.trained).play(content, style)

    def _train(self, dataset: Dataset, workdir: Path, folder: Path) -> PairedNetwork:
        from timbrebench.transfer.methods.paired.paired_training import (  # noqa: PLC0415 - Lightning takes seconds to import
            AlignedPairs,
            gather,
            train_paired,
        )

        settings, training = self.parameters, self.parameters.training
        torch.manual_seed(training.seed)
        network = PairedNetwork(training.channels, settings.sample_rate, settings.n_fft)
        pairs = AlignedPairs(gather(dataset, network, settings.hop_length, training.seed))
        curve = train_paired(pairs, network, training, folder=folder).curve
        write_csv(workdir / CURVE, curve, SIX_DIGITS)
        return network


def _levelled(clip: AnalysedClip) -> AnalysedClip:
    """Return a clip whose magnitudes have level 1."""
    return AnalysedClip(clip.samples, clip.magnitude / np.float32(level_of(clip.magnitude)))
