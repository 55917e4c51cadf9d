"""Style transfer with random networks on STFT, mel bands and CQT at once (Barry & Kim, 2018).

The waveform of the output is optimised, from noise, so that its features match those of the content and their
correlations (Gram matrices) those of the style. Features come from networks with random weights that work
side by side: a wide convolution on the log-magnitude STFT, for harmony and timbre; a long one, followed by
dilated residual blocks, on mel bands, for rhythm; one over time and pitch, followed by such blocks, on the
constant-Q transform, where another key is the same picture, moved. There is no phase to estimate afterwards.

- :mod:`timbrebench.transfer.methods.multi_representation.representations` and
  :mod:`timbrebench.transfer.methods.multi_representation.representation_settings` define the networks;
- :mod:`timbrebench.transfer.methods.multi_representation.representation_losses` the up to six terms that they
  give, a content and a style loss for each;
- :mod:`timbrebench.transfer.methods.multi_representation.gradient_normalisation` how terms are balanced: each
  is scaled so that its gradient has norm 1 where the optimisation starts, and then by a weight.

Which terms there are is the configuration, a number or name, ``{content}/{style}``, of the text's table 1:

=== ======================== ======== =================================================================
no. configuration            content  style
=== ======================== ======== =================================================================
1   ``stft/stft``            STFT     STFT
2   ``stft/stft+mel``        STFT     STFT, mel (1 layer)
3   ``stft/stft+mel+cqt``    STFT     STFT, mel (1 layer, 2 blocks), CQT (1 layer, 3 blocks)
4   ``mel+cqt/stft``         mel, CQT STFT
5   ``mel+cqt/stft+mel``     mel, CQT STFT, mel (1 layer)
6   ``mel+cqt/stft+mel+cqt`` mel, CQT STFT, mel (1 layer, 2 blocks), CQT (1 layer, 3 blocks); default
..  ``texture``              none     STFT, mel (1 layer, 2 blocks), as long as the content and as loud
=== ======================== ======== =================================================================

Content has networks of one layer: on few mel bands, and on the CQT with a maximum over two neighbouring
pitches. Other combinations are reached by `weights`: 0 takes a term away, another number adds or scales it,
as ``configuration = 2, weights = { stft_content = 0, mel_content = 1 }``.

The defaults are those of the text (``preset = "text"``); ``preset = "code"`` takes those of the experiment
that comes with the authors' code, where the two differ:

============================== ================================== ======================================
setting                        ``text``                           ``code``
============================== ================================== ======================================
filters of the STFT            4,096 of 11 frames                 4,096 of 5 frames
filters of the mel networks    1,025 of 50 frames, 25 in blocks   1,024 of 50 frames, 25 in blocks
mel scale                      1125 ln(1 + f / 700)               Slaney's
dilation of the mel blocks     2, 4                               1, 2
bins of the CQT, from C1       86                                 84
filters of the CQT             256 of 11 × 11                     the same
dilation of the CQT's blocks   2, 4, 8                            1, 2, 4
networks of the content        1 layer; CQT: maximum over 2 × 1   as deep as the style's, without maximum
bins of the CQT gather         magnitudes                         logarithms, times √(window's length)
weights of the filters         normal, variance 1 / fan-in        the same, cut at 2 standard deviations
norm of each term's gradient   1                                  that of the content's; sparsity's own
sparsity                       where mel bands are content        in every configuration
============================== ================================== ======================================

Both have 16 mel bands for the content and 512 for the style; the text names the ranges 8 to 16 and 16 to 512.

What the text leaves open, and how it is settled here:

- *Rate and frames.* The text gives 22,050 Hz and windows of 2,048 samples, and no hop: 512 is the code's. Its
  1 s for 50 frames would be 441 samples; its 25 ms for 11 frames seems to be a tenth of what is meant. With
  512, the two blocks on mel bands reach over 50 + 24 · (2 + 4) = 194 frames, 4.5 s, where the text says "up
  to 4 s". Clips have to be that long.
- *Upper ends.* Mel bands up to 22.05 kHz need a sample rate of 44.1 kHz. Here the style's bands end at half
  the sample rate, and the content's at 11.025 kHz or, where that is less, there too.
- *CQT.* 86 bins from C1 end at C♯8, not at the D8 of the text. The length of its windows is not given:
  `filter_scale` 0.1 is the code's. Magnitudes are gathered, as a pseudo-CQT is defined, and there is one
  logarithm, log(1 + magnitude), as for the others. The code gathers logarithms, scales each band by the root
  of its window's length, leaves out the smallest weights of each, which make up a hundredth of their sum, and
  takes a logarithm again; so does the preset, with windows of today's librosa, which are 3% longer than those
  of the code's. Blocks are dilated over time and over pitch, as in the code.
- *Blocks.* h = selu(s), s + V selu(W h): as in the encoder of WaveNet's autoencoder, which the text names. A
  single block is not dilated. Networks with blocks are padded with silence; those without keep to positions
  that their filters lie within.
- *Gram matrices* are divided by the number of positions, so that lengths may differ.
- *Weights.* The text balances terms by the norm of their gradients (equation 7), and gives no Γ (equation 8):
  1 for content, 50 for style and 0.1 for sparsity are the code's. The code does not change the content loss,
  which it multiplies by 0.01, nor sparsity, and scales style terms to the content's gradient, and so the
  CQT's content loss beside that of mel bands
  (:func:`~timbrebench.transfer.methods.multi_representation.gradient_normalisation.script_weights`). Under
  "text", the sparsity has norm 1 as well.
- *Activation.* SELU without instance normalisation, as in the text, whose claims that ReLU is worse and that
  such layers add noise are not tested.
- *Sparsity.* The L1 norm of the output's log-magnitude STFT. The text adds it to restrain breathiness where
  mel bands are the content.
- *Iterations.* 15,000 of L-BFGS, the code's. It stops earlier only if no step is possible.
- *Long clips.* Memory grows with length, so a content of more than 30 s is optimised in blocks. Each begins
  with the last second of the one before it, which stays as it is, and so goes on where that stopped. Gram
  matrices of a longer style are averaged over parts.
- *Level.* Clips are brought to a peak of 1, as in the code. The output is scaled back by the content's peak,
  and scaled down as a whole where it exceeds full scale.

Time
----
With the default settings, a content and a style of 5 s each, the networks as they are written down take 1.9
TFLOP for the losses and their gradient, 1.8 of them in the blocks on the CQT: 19.8 s of one core of a server.
By tiles in frequency (:mod:`timbrebench.transfer.algorithms.tiled_convolution`) the blocks on the CQT take 58
GFLOP, all of it 144, and an evaluation 2.4 s of a core, an eighth; losses and gradient differ by 2e-7. The
process takes 1.9 GiB beside its libraries, two thirds of them spectra of filters, and faster arrangements of
the products would take more. 15,000 iterations take half a day. Within reach of a benchmark on CPUs are few
iterations of small networks, as these::

    preset = "code", configuration = 2, max_iterations = 150
    weights = { stft_style = 0.3, mel_style = 0.3, sparsity = 0 }
    stft_network = { n_filters = 512 }, mel_network = { n_filters = 64, style_bands = 128, n_blocks = 2 }

References
----------
S. Barry and Y. Kim, "'Style' transfer for musical audio using multiple time-frequency representations",
submission to ICLR 2018, https://openreview.net/forum?id=BybQ7zWCb; examples at
https://anonymousiclr2018.github.io/jekyll/update/2017/05/20/musical-style-transfer.html

D. Ulyanov and V. Lebedev, "Audio texture synthesis and style transfer", blog post, 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from timbrebench.audio.clips import Samples
from timbrebench.audio.spectra import N_FFT
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.transfer.algorithms.blocks import even_blocks
from timbrebench.transfer.algorithms.optimisation import Device, find_device, minimise_lbfgs, with_gradient
from timbrebench.transfer.algorithms.random_convolution import START_STD
from timbrebench.transfer.bases.conversion_method import FrameMethod, FrameParameters
from timbrebench.transfer.methods.multi_representation.gradient_normalisation import (
    normalising_weights,
    script_weights,
    weighted_sum,
)
from timbrebench.transfer.methods.multi_representation.loss_configurations import (
    CONFIGURATIONS,
    TABLE_1,
    Kind,
    Preset,
    configuration_name,
    with_defaults,
)
from timbrebench.transfer.methods.multi_representation.representation_losses import (
    ContinuationLosses,
    RepresentationLosses,
)
from timbrebench.transfer.methods.multi_representation.representation_settings import (
    CQTNetwork,
    Frames,
    MelNetwork,
    RepresentationSettings,
    STFTNetwork,
)
from timbrebench.transfer.methods.multi_representation.representations import Network, lecun_normal

#: Weights of the terms that a configuration has.
CONTENT_WEIGHT, STYLE_WEIGHT, SPARSITY_WEIGHT = 1.0, 50.0, 0.1


class TermWeights(FrozenModel):
    """How hard each term pulls at the start; None, the default of all, leaves that to the configuration.

    Attributes
    ----------
    stft_content, mel_content, cqt_content : float or None
        Weights of the content losses.
    stft_style, mel_style, cqt_style : float or None
        Weights of the style losses.
    sparsity : float or None
        Weight of the L1 norm of the output's log-magnitude STFT.
    """

    stft_content: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    mel_content: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cqt_content: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    stft_style: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    mel_style: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cqt_style: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    sparsity: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class MultiRepresentationParameters(FrameParameters):
    """Settings of :class:`MultiRepresentation`; the defaults are those of the text.

    Attributes
    ----------
    preset : {"text", "code"}
        Whose settings hold where nothing else is said: the text's, or those of the authors' script where the
        two differ.
    configuration : str
        Which terms there are: a row of the table in the module, by its number or name.
    weights : TermWeights
        Weights that replace those of the configuration. 0 leaves a term out, and a term that the
        configuration lacks can be added.
    n_fft : int
        Window of the spectrograms in samples.
    stft_network : STFTNetwork
        The network on the STFT.
    mel_network : MelNetwork
        The network on mel bands.
    cqt_network : CQTNetwork
        The network on the CQT.
    max_iterations : int
        Maximum iterations of L-BFGS.
    device : {"auto", "cpu", "cuda"}
        Where to compute; "auto" is a GPU where there is one.
    """

    preset: Preset = "text"
    configuration: str = TABLE_1[5]
    weights: TermWeights = TermWeights()
    n_fft: int = Field(default=N_FFT, ge=2, multiple_of=2, le=1 << 20)
    stft_network: STFTNetwork = STFTNetwork()
    mel_network: MelNetwork = MelNetwork()
    cqt_network: CQTNetwork = CQTNetwork()
    max_iterations: int = Field(default=15_000, gt=0, le=1_000_000)
    device: Device = "auto"

    @model_validator(mode="before")
    @classmethod
    def _take_defaults(cls, given: object) -> object:
        return with_defaults(given) if isinstance(given, Mapping) else given

    @field_validator("configuration", mode="before")
    @classmethod
    def _configuration_exists(cls, value: object) -> str:
        return configuration_name(value)

    @model_validator(mode="after")
    def _every_sample_counts(self) -> Self:
        if self.hop_length > self.n_fft // 2:
            raise ValueError(
                f"hop_length {self.hop_length} is more than half of n_fft {self.n_fft}: "
                "such windows overlap too little to cover every sample"
            )
        if not self.terms.keys() - {"sparsity"}:
            raise ValueError("every weight of content and style is 0: leave at least one term in")
        return self

    @property
    def terms(self) -> dict[str, float]:
        """The weight of each term that there is, by name."""
        content, style = CONFIGURATIONS[self.configuration]
        weights = {f"{name}_content": CONTENT_WEIGHT for name in content}
        weights |= {f"{name}_style": STYLE_WEIGHT for name in style}
        weights |= self.weights.model_dump(exclude_none=True)
        if self.preset == "code" or weights.get("mel_content"):
            weights.setdefault("sparsity", SPARSITY_WEIGHT)
        return {name: weight for name, weight in weights.items() if weight > 0}

    @property
    def networks(self) -> dict[str, RepresentationSettings]:
        """The settings of the networks of each representation, by name."""
        return {"stft": self.stft_network, "mel": self.mel_network, "cqt": self.cqt_network}

    @property
    def script_units(self) -> dict[str, float]:
        """What the losses of the authors' script are of these, by term, where that is not 1.

        Content losses there have a factor of 0.01 instead of ½, and Gram matrices' distances are not divided
        by the square of the filters' number.
        """
        content = {f"{name}_content": 0.02 for name in self.networks}
        style = {f"{name}_style": float(network.n_filters**2) for name, network in self.networks.items()}
        return content | style

    @property
    def min_frames(self) -> int:
        """Frames that a feature of any of the networks depends on."""
        return max(
            network.receptive_field(kind)
            for name, network in self.networks.items()
            for kind in self.compared(name)
        )

    def compared(self, representation: str) -> list[Kind]:
        """Return which of content and style are compared by a representation."""
        kinds: tuple[Kind, ...] = ("content", "style")
        return [kind for kind in kinds if f"{representation}_{kind}" in self.terms]


class MultiRepresentation(FrameMethod):
    """Style transfer with random networks on STFT, mel bands and CQT; see the module.

    Attributes
    ----------
    block_s, overlap_s : float
        Longest content in seconds that is optimised as a whole, and what each further block repeats of the
        one before it.
    """

    name = "multi-representation"
    version = 2
    summary = "optimises a waveform to match features of random networks on its STFT, mel bands and CQT"
    source = (
        "S. Barry and Y. Kim, Style transfer for musical audio using multiple time-frequency representations"
    )
    Parameters = MultiRepresentationParameters
    parameters: MultiRepresentationParameters
    block_s: ClassVar[float] = 30.0
    overlap_s: ClassVar[float] = 1.0

    def convert(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Optimise samples from noise, with both clips at a peak of 1."""
        device = find_device(self.parameters.device)
        weights_rng, start_rng = np.random.default_rng(seed).spawn(2)
        losses = self.losses(int(weights_rng.integers(2**63)), device)
        scaled, scaled_style = (
            torch.from_numpy(clip / np.abs(clip).max()).to(device) for clip in (content, style)
        )
        start = torch.from_numpy(start_rng.standard_normal(len(content), dtype=np.float32)).to(device)
        made = self._optimise(losses, scaled, scaled_style, start * START_STD)
        output: Samples = made.cpu().numpy() * np.abs(content).max()
        return output

    def _optimise(
        self, losses: RepresentationLosses, content: Tensor, style: Tensor, start: Tensor
    ) -> Tensor:
        """Optimise block after block, each with the end of what was made before it as its beginning."""
        settings = self.parameters
        max_length, overlap = (
            round(seconds * settings.sample_rate) for seconds in (self.block_s, self.overlap_s)
        )
        style_parts = [style[part] for part in even_blocks(len(style), max_length)]
        made = start[:0]
        for part in even_blocks(len(content), max_length, overlap):
            terms = ContinuationLosses(losses.towards(content[part], style_parts), made[part.start :])
            free = start[len(made) : part.stop]
            if settings.preset == "code":
                betas = script_weights(terms, free, settings.script_units)
            else:
                betas = normalising_weights(terms, free)
            weights = {name: weight * betas[name] for name, weight in settings.terms.items()}
            objective = with_gradient(weighted_sum(terms, weights))
            block = minimise_lbfgs(objective, free, max_iterations=settings.max_iterations, name=self.name)
            made = torch.cat([made, block])
        return made

    def losses(self, seed: int, device: torch.device) -> RepresentationLosses:
        """Draw the networks that the configuration needs, and return its losses.

        The weights of one network do not depend on which others there are.
        """
        settings = self.parameters
        frames = Frames(settings.sample_rate, settings.n_fft, settings.hop_length)
        networks: dict[Kind, dict[str, Network]] = {"content": {}, "style": {}}
        for number, (name, representation) in enumerate(settings.networks.items()):
            kinds = settings.compared(name)
            draw = lecun_normal(seed + number, truncated=settings.preset == "code", device=device)
            drawn = representation.draw(kinds, frames, draw) if kinds else {}
            for kind, network in drawn.items():
                networks[kind][name] = network
        sparsity_n_fft = settings.n_fft if "sparsity" in settings.terms else None
        return RepresentationLosses(
            networks["content"], networks["style"], settings.hop_length, sparsity_n_fft
        )
