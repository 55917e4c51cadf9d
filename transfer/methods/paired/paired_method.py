"""A network that learns from aligned pairs: the same notes played by two instruments.

Networks that translate spectrograms, of images or by diffusion, mostly learn without pairs, since the field
has none. Renderings of one score by many timbres are pairs: what a network learns from them is what that
family can hope for at the same size and time of training. Published by nobody.

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

The default training, 16 passes through the 672 clips of the default dataset, takes 6 minutes of one core with
the analysis. ``training = {channels = 64, batch_size = 32, max_epochs = 400, patience = 400, accelerator =
"auto"}`` is a longer one for a GPU; nobody has run it here. An interrupted training goes on after its last
pass.

Measured on 30 pairs of ``known-timbre-1``, unseen pieces on a soundfont that it knows, with intervals of 95 %
(judges ``instruments-6-2`` and ``instruments-6-mel-1``; log-spectral distance to the reference in decibels):

=========== ================= ================= ================= ================= ====
output      style             second judge      note F1           headline          dB
=========== ================= ================= ================= ================= ====
the content 0.03 [0.00, 0.10] 0.00 [0.00, 0.00] 0.91 [0.88, 0.94] 0.03 [0.00, 0.10] 8.6
paired      0.27 [0.13, 0.43] 0.27 [0.13, 0.43] 0.89 [0.84, 0.93] 0.42 [0.26, 0.57] 7.7
reference   1.00 [1.00, 1.00] 0.87 [0.73, 0.97] 0.91 [0.88, 0.94] 0.97 [0.93, 0.99] 0.0
=========== ================= ================= ================= ================= ====

So it keeps the notes and changes the timbre too little: 17 of 30 outputs are still named as the content's
instrument. On the first 20 of these pairs the headline of ``envelope`` is 0.40, that of ``templates``, which
learn from known notes, 0.93. Absolute differences lead to the median of what is possible, which is cautious,
and the training is short; the curve, ``docs/paired-training.svg``, is nearly flat at the end of the schedule.

What was compared, on 24 pairs of training pieces held out (FluidR3_GM, the same judges; distance here is the
mean absolute difference of decibels of bins):

==================================================== ====== ===== ====== ======= ====
network and training                                 passes style second note F1 dB
==================================================== ====== ===== ====== ======= ====
the content                                               –  0.04   0.00    0.92  7.2
loss in bins and bands, FiLM alone                        3  0.04   0.00    0.92  6.5
with the style's maps and the classifier                  5  0.04   0.08    0.91  6.5
and the loss in bands, floor 20 dB higher (default)      16  0.17   0.13    0.90  7.2
that, the phase from PGHI                                16  0.17   0.13    0.89  7.2
that, the content's phase kept as it is                  16  0.17   0.13    0.90  6.9
==================================================== ====== ===== ====== ======= ====

The rows differ in passes, too, and the learning rate rose from 4e-3 to 6e-3 with the loss, so they do not say
which of it helped. A loss in bins counts the noise floor of the highest octaves most, which may be why the
rows with it are nearer by that distance, and not by the judges.

How much the style decides: on 20 pairs held out the loss is 0.60 for the content as it is, 0.42 with the
right style and 0.52 with that of any other clip.

Gain and level alone, after a training of 2 passes and on 12 of those pairs, where a pair is 0.08 of style:

=================== ===== ===== ====== ======= ====
outputs             loss  style second note F1 dB
=================== ===== ===== ====== ======= ====
gain                0.518  0.17   0.00    0.84  6.4
level               0.486  0.00   0.25    0.80  9.4
both (default)      0.495  0.08   0.08    0.88  6.2
=================== ===== ===== ====== ======= ====

The level alone has the lower loss, in bands; partials that are no sharper than bands cost notes and bins.

A silent clip is refused; a style of one note, or without pitch, gives some filter. Blocks of 60 s limit
memory.

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
