"""Verma & Smith's neural style transfer for audio spectrograms (2017).

The spectrogram is optimised, from Gaussian noise, so that the filters of a network trained to name
instruments respond as to the content, their Gram matrices are those of the style, and so are the energies
of frames and of frequencies. The Gram matrix knows nothing of the style's dynamics; the two energies bring
them.

As published, and the defaults here: an AlexNet of six layers with 96, 256, 384, 384 and 256 filters, 3×3
receptive fields and 2×2 pooling, which `prepare` trains by Adam with a cross-entropy on excerpts of 2.57 s;
16 kHz, frames of 30 ms every 10 ms in a
transform of 512 samples, log magnitudes; Gaussian noise to start from; content, Gram matrices, and the
temporal and the spectral energies of the style; Griffin-Lim to end with.

Not as published, or not said there, and how it is settled here:

- *Network.* The source calls it a standard AlexNet, and pools by 2×2; strides, and what the last layer sees,
  it does not state. See :class:`~timbrebench.classifier.style.style_networks.AlexNet` for them. The first
  weights are He's, spectrograms are standardised clip by clip.
- *Training.* Learning rate (5e-4) and batch (16 clips) are not given. Labels are drawn equally often, and the
  epoch is chosen by pieces held out.
- *Labels.* The source's network classified 80 instruments of AudioSet; here it is those of the clips, and
  the audio is the training split's.
- *Losses.* The source speaks of Euclidean norms, that of the style being normalised. Here content and style
  loss are squared norms, as those of Gatys et al., and relative: squared differences as a share of the
  target's squares, for the style the mean over the layers. Of energies it is the mean squared difference in
  decibels, over the variance of the pair. So no weight depends on the size of the clips, nor of the layers.
- *Energies* are mean powers, in decibels. The source weights its contour and does not say how; nothing is
  weighted here. Those of the style's frames are cut, or repeated, to the content's length.
- *Layers.* The source selected some for the style, and names none. Here the style is in all five
  convolutions by default, the content in the first. From the features of the fourth, which Gatys et al.
  would take, no notes come back.
- *Weights* are not given: 1 for the content, 0.1 for the style, 0.01 for each of the energies.
- *Optimiser.* The source says that back-propagation is used, not which descent follows. Here it is Adam
  with 300 steps of 1 dB, from noise with the mean and the deviation of the pair.
- *Epochs* are not given. Here the network passes through the clips 4 times. A step takes 0.25 to 0.4 s of
  one core for an excerpt, which makes some 16 minutes of the default dataset's 672 training clips; with
  ``training = {network = "alexnet-narrow"}`` it is a tenth of that.

How fast the network learns, measured on the training split of the default dataset, with the narrow filters
but for the last two rows; cross-entropy in nats and accuracy are of 168 clips of unseen pieces (last row but
one: 84), six instruments on four soundfonts, where guessing has 1.79 and 0.17:

======================================================== =============== ============== ========
first weights, optimiser, batch, last layer              excerpts seen   cross-entropy  accuracy
======================================================== =============== ============== ========
torch's; AdamW, one cycle up to 4e-3; 32; overall mean             1824            1.77     0.17
He's; Adam, 1e-3; 16; overall mean                                  800            1.71     0.24
He's; Adam, 1e-3; 16; overall mean                                 1200            1.62     0.36
He's; Adam, 1e-3; 16; 16 places of the frequency axis               800            1.34     0.40
the same with AlexNet's filters; 5e-4                               800            1.60     0.30
the same, the whole default training                               2400            1.79     0.67
======================================================== =============== ============== ========

The first row is how version 2 was trained, three quarters through a cycle of 2,400 excerpts. The last two
rows but one are a third of the default training, and at the same training loss (1.29). In the end the network
is right more often, and too sure where it is wrong.

Layer and weights were settled with the narrow filters and the training of version 2, on pairs of the default
dataset that the network was not trained on (FluidR3_GM, the default judge; 80 steps of 2 dB, windows of 32
ms, excerpts of 0.64 s). Style accuracy, and F1 of the notes read in the output:

============================================ ===== ===== =====
losses                                       pairs style notes
============================================ ===== ===== =====
content as it is                                 6  0.00  0.82
content of convolution 1 alone                   3  0.00  0.71
content of convolution 2 alone                   3  0.33  0.08
content of convolution 4 alone                   3  0.00  0.01
content 1, style and energies 0.01               6  0.17  0.62
content 1, style and energies 0.03               6  0.17  0.52
content 1, style 0.1, no energies                6  0.33  0.42
content 1, style 0.1, energies 0.01              6  0.33  0.42
content 1, style and energies 1                  3  0.00  0.19
============================================ ===== ===== =====

With all weights 1 and the content of the fourth convolution, outputs are noise (six pairs: 0.17 and 0.01).

References
----------
P. Verma and J. O. Smith, "Neural style transfer for audio spectrograms", NIPS 2017 Workshop on Machine
Learning for Creativity and Design, arXiv:1801.01589.
L. A. Gatys, A. S. Ecker and M. Bethge, "Image style transfer using convolutional neural networks", CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from timbrebench.audio.inversion import Inversion
from timbrebench.classifier.style.style_networks import NetworkKind
from timbrebench.transfer.algorithms.network_training import AdamConfiguration
from timbrebench.transfer.algorithms.perceptual_losses import (
    activations,
    gram,
    relative_error,
    repeated,
    spectral_envelope,
    temporal_envelope,
)
from timbrebench.transfer.bases.trained_network_method import (
    NetworkTraining,
    SpectrogramPair,
    TrainedNetworkMethod,
    TrainedNetworkParameters,
)

#: Convolutions, the Gram matrices of all of which are the style.
_LAYERS = 5

#: 30 ms at the source's rate, in samples.
WIN_LENGTH = 480


class VermaSmithTraining(NetworkTraining):
    """How the network is trained.

    Attributes
    ----------
    seed : int
        As in :class:`NetworkTraining`.
    network : {"alexnet-wide", "alexnet-narrow"}
        With AlexNet's filters by default, or with the few that cost a tenth; see
        :class:`~timbrebench.classifier.style.style_networks.AlexNet`.
    max_epochs : int
        Maximum passes through the clips.
    learning_rate : float
        Adam's, at all steps.
    excerpt_s : float
        Seconds of each clip in a pass: the source's 2.57.
    """

    network: Literal["alexnet-wide", "alexnet-narrow"] = "alexnet-wide"
    max_epochs: int = Field(default=4, ge=1, le=10_000)
    learning_rate: float = Field(default=5e-4, gt=0, allow_inf_nan=False)
    excerpt_s: float = Field(default=2.57, gt=0, allow_inf_nan=False)


class VermaSmithParameters(TrainedNetworkParameters):
    """Settings of :class:`VermaSmith`.

    Attributes
    ----------
    win_length : int
        Samples of a window, which the transform fills up with zeros; 480, which are 30 ms, by default, or
        `n_fft` where that is less.
    training : NetworkTraining
        How the network is trained: on excerpts of 2.57 s by default.
    inversion : Inversion
        Griffin-Lim from a random phase; the number of iterations is not published.
    content_weight, style_weight : float
        Weights of features and of Gram matrices: the source's alpha and beta.
    temporal_weight, spectral_weight : float
        Weights of the energies of frames and of frequencies: the source's gamma and delta.
    content_layer : int
        Convolution whose features are the content, from 1 to 5.
    style_layers : tuple of int
        Convolutions whose Gram matrices are the style, from 1 to 5, each once; all by default.
    """

    sample_rate: int = Field(default=16_000, gt=0, le=384_000)
    n_fft: int = Field(default=512, ge=2, multiple_of=2, le=1 << 20)
    win_length: int = Field(default=WIN_LENGTH, ge=2, le=1 << 20)
    hop_length: int = Field(default=160, gt=0, le=1 << 20)
    training: VermaSmithTraining = VermaSmithTraining()
    inversion: Inversion = Inversion(algorithm="griffin-lim", iterations=100, start="random")
    content_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    style_weight: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    temporal_weight: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    spectral_weight: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    content_layer: int = Field(default=1, ge=1, le=_LAYERS)
    style_layers: tuple[Annotated[int, Field(ge=1, le=_LAYERS)], ...] = Field(
        default=tuple(range(1, _LAYERS + 1)), min_length=1
    )

    @model_validator(mode="before")
    @classmethod
    def _fit_window(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        settings, n_fft = dict(given), given.get("n_fft")
        if isinstance(n_fft, int) and n_fft < WIN_LENGTH:
            settings.setdefault("win_length", n_fft)
        return settings

    @model_validator(mode="after")
    def _window_fits(self) -> Self:
        if self.win_length > self.n_fft:
            raise ValueError(f"win_length {self.win_length} is longer than n_fft {self.n_fft}")
        if self.hop_length > self.win_length // 2:
            raise ValueError(
                f"hop_length {self.hop_length} is more than half of win_length {self.win_length}: "
                "such windows overlap too little to estimate a phase"
            )
        if len(set(self.style_layers)) < len(self.style_layers):
            raise ValueError("a layer stands in style_layers twice")
        return self

    @property
    def min_frames(self) -> int:
        """One frame after the downsampling by eight before the fifth convolution."""
        return 8


class VermaSmith(TrainedNetworkMethod):
    """Features, Gram matrices and energies; see the module for what is published and what is not."""

    name = "verma-smith"
    version = 3
    summary = "optimises a spectrogram to match features, Gram matrices and energies under a trained AlexNet"
    source = "P. Verma and J. O. Smith, Neural style transfer for audio spectrograms, 2017, arXiv:1801.01589"
    Parameters = VermaSmithParameters
    parameters: VermaSmithParameters
    configuration_type = AdamConfiguration

    @property
    def network_kind(self) -> NetworkKind:
        """AlexNet, with as many filters as the parameters say."""
        return self.parameters.training.network

    @property
    def win_length(self) -> int:
        """Samples of the window."""
        return self.parameters.win_length

    def loss(self, pair: SpectrogramPair, layers: nn.Sequential) -> Callable[[Tensor], Tensor]:
        """Return the weighted sum of the four losses."""
        settings = self.parameters

        def features(spectrogram: Tensor) -> list[Tensor]:
            return activations(layers, pair.standardise(spectrogram), _LAYERS)

        content_layer = settings.content_layer - 1
        wanted_content = features(pair.content)[content_layer]

        def grams(layers: list[Tensor]) -> list[Tensor]:
            return [gram(layers[number - 1]) for number in settings.style_layers]

        wanted_grams = grams(features(pair.style))
        wanted_temporal = repeated(temporal_envelope(pair.style), pair.content.shape[1])
        wanted_spectral = spectral_envelope(pair.style)

        def energy_loss(levels: Tensor, wanted: Tensor) -> Tensor:
            return ((levels - wanted) / pair.deviation).square().mean()

        def loss(spectrogram: Tensor) -> Tensor:
            every = features(spectrogram)
            style = [
                relative_error(made, wanted) for made, wanted in zip(grams(every), wanted_grams, strict=True)
            ]
            return (
                settings.content_weight * relative_error(every[content_layer], wanted_content)
                + settings.style_weight * torch.stack(style).mean()
                + settings.temporal_weight * energy_loss(temporal_envelope(spectrogram), wanted_temporal)
                + settings.spectral_weight * energy_loss(spectral_envelope(spectrogram), wanted_spectral)
            )

        return loss

    def start(self, pair: SpectrogramPair, noise: Tensor) -> Tensor:
        """Return noise with the mean and the deviation of the pair."""
        return pair.mean + pair.deviation * noise
