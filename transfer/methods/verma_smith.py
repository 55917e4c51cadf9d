"""Verma & Smith's neural style transfer for audio spectrograms (2017).

The spectrogram is optimised, from Gaussian noise, so that the filters of a network trained to name
instruments respond as to the content, their Gram matrices are those of the style, and so are the energies of
frames and of frequencies. The Gram matrix knows nothing of the style's dynamics; the two energies bring them.

Published settings, all of them the defaults here: an AlexNet with 3×3 receptive fields (see
:class:`~timbrebench.classifier.style.style_networks.AlexNet`), which `prepare` trains with a cross-entropy;
16 kHz, a transform of 512 samples every 10 ms, log magnitudes; noise to start from; Griffin-Lim to end with.

What the source leaves open, and how it is settled here:

- *Window.* 32 ms, the length of the transform, for the source's 30 ms padded with zeros to it.
- *Losses.* The source calls the style loss a normalised Euclidean norm. Here content and style loss are
  relative: squared differences as a share of the target's squares, for the style the mean over the layers. Of
  energies it is the mean squared difference in decibels, over the variance of the pair. So no
  weight depends on the size of the clips, nor of the layers.
- *Energies* are mean powers, in decibels; those of the style's frames are cut, or repeated, to the content's
  length.
- *Layers.* Style of all five convolutions, content of the first. From the features of the fourth, which
  Gatys et al. would take, no notes come back.
- *Weights* are not given: 1 for the content, 0.1 for the style, 0.01 for each of the energies.
- *Descent.* The source says gradient descent. Here it is Adam with 300 steps of 1 dB, from noise with the
  mean and the deviation of the pair.
- *Training.* The source's network classified 80 instruments; here it is those of the clips. Its excerpts of
  2.57 s are shorter here, see :class:`~timbrebench.transfer.bases.trained_network_method.NetworkTraining`.

Layer and weights were settled on pairs of the default dataset that the network was not trained on
(FluidR3_GM, the default judge; 80 steps of 2 dB). Style accuracy, and F1 of the notes read in the output:

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

from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor, nn

from timbrebench.audio.inversion import Inversion
from timbrebench.transfer.algorithms.perceptual_losses import (
    activations,
    gram,
    relative_error,
    repeated,
    spectral_envelope,
    temporal_envelope,
)
from timbrebench.transfer.bases.trained_network_method import (
    SpectrogramPair,
    TrainedNetworkMethod,
    TrainedNetworkParameters,
)

#: Convolutions, the Gram matrices of all of which are the style.
_LAYERS = 5


class VermaSmithParameters(TrainedNetworkParameters):
    """Settings of :class:`VermaSmith`.

    Attributes
    ----------
    inversion : Inversion
        Griffin-Lim from a random phase; the number of iterations is not published.
    content_weight, style_weight : float
        Weights of features and of Gram matrices: the source's alpha and beta.
    temporal_weight, spectral_weight : float
        Weights of the energies of frames and of frequencies: the source's gamma and delta.
    content_layer : int
        Convolution whose features are the content, from 1 to 5.
    """

    sample_rate: int = Field(default=16_000, gt=0, le=384_000)
    n_fft: int = Field(default=512, ge=2, multiple_of=2, le=1 << 20)
    hop_length: int = Field(default=160, gt=0, le=1 << 20)
    inversion: Inversion = Inversion(algorithm="griffin-lim", iterations=100, start="random")
    content_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    style_weight: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    temporal_weight: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    spectral_weight: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    content_layer: int = Field(default=1, ge=1, le=_LAYERS)

    @property
    def min_frames(self) -> int:
        """One frame after the downsampling by eight before the fifth convolution."""
        return 8


class VermaSmith(TrainedNetworkMethod):
    """Features, Gram matrices and energies; see the module for what is published and what is not."""

    name = "verma-smith"
    version = 1
    summary = "optimises a spectrogram to match features, Gram matrices and energies under a trained AlexNet"
    source = "P. Verma and J. O. Smith, Neural style transfer for audio spectrograms, 2017, arXiv:1801.01589"
    Parameters = VermaSmithParameters
    parameters: VermaSmithParameters
    network_kind = "alexnet"

    def loss(self, pair: SpectrogramPair, layers: nn.Sequential) -> Callable[[Tensor], Tensor]:
        """Return the weighted sum of the four losses."""
        settings = self.parameters

        def features(spectrogram: Tensor) -> list[Tensor]:
            return activations(layers, pair.standardise(spectrogram), _LAYERS)

        content_layer = settings.content_layer - 1
        wanted_content = features(pair.content)[content_layer]
        wanted_grams = [gram(layer) for layer in features(pair.style)]
        wanted_temporal = repeated(temporal_envelope(pair.style), pair.content.shape[1])
        wanted_spectral = spectral_envelope(pair.style)

        def energy_loss(levels: Tensor, wanted: Tensor) -> Tensor:
            return ((levels - wanted) / pair.deviation).square().mean()

        def loss(spectrogram: Tensor) -> Tensor:
            every = features(spectrogram)
            style = [
                relative_error(gram(layer), wanted) for layer, wanted in zip(every, wanted_grams, strict=True)
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
