"""Style transfer with random networks on STFT, mel bands and CQT at once (Barry & Kim, 2018).

The waveform of the output is optimised, from noise, so that its features match those of the content and their
correlations (Gram matrices) those of the style. Features come from three networks with random weights that
work side by side: a wide convolution on the log-magnitude STFT, for harmony and timbre; a long one with
dilated residual blocks on mel bands, for rhythm; one over time and pitch on the constant-Q transform, with a
maximum over neighbouring pitches and residual blocks, whose features hardly change with the key. There is no
phase to estimate afterwards.

- :mod:`timbrebench.transfer.methods.multi_representation.representations` and
  :mod:`timbrebench.transfer.methods.multi_representation.representation_settings` define the networks;
- :mod:`timbrebench.transfer.methods.multi_representation.representation_losses` the up to six terms that they
  give, a content and a style loss for each;
- :mod:`timbrebench.transfer.methods.multi_representation.gradient_normalisation` how terms are balanced: each
  is scaled so that its gradient has norm 1 where the optimisation starts, and then by a weight.

Which terms there are is the configuration, named ``{content}/{style}``:

======================== ========= ================= ======================================================
configuration            content   style             from
======================== ========= ================= ======================================================
``stft/stft``            STFT      STFT              Ulyanov & Lebedev's terms, on a waveform
``stft/stft+mel``        STFT      STFT, mel         the earlier article: where keys agree
``mel/stft+mel``         mel       STFT, mel         the earlier article: where keys or tunings differ
``stft/mel+cqt``         STFT      mel, CQT          page of examples, no. 6, second result
``mel+cqt/mel+cqt``      mel, CQT  mel, CQT          page of examples, no. 6, first result
``mel+cqt/stft+mel+cqt`` mel, CQT  STFT, mel, CQT    the experiment that comes with the authors' code; default
``texture``              none      STFT, mel         textures with rhythm: the style alone, as long as the
                                                     content and as loud
======================== ========= ================= ======================================================

Any of them is changed by `weights`: 0 takes a term away, another number adds or scales it. Content by 16 mel
bands and by the CQT with its short windows keeps onsets and rough pitch rather than notes. With small
networks, five notes played a semitone higher changed the content of the STFT by 95 % of its norm, that of the
mel bands by 17 % and that of the CQT by 10 %. A `filter_scale` of 1, whose windows resolve semitones, made it
57 % without a maximum over pitch, and 16 % with one over 12 bins (`pooling`). How long the rhythms of a
texture are follows from the receptive field, and so from `kernel_width`, `block_width` and `n_blocks` of the
mel network.

The defaults are the settings of the experiment that comes with the authors' code: 22,050 Hz, n_fft 2048,
hop_length 512; 4,096 filters of 5 frames on the STFT; 1,024 filters of 50 frames and two residual blocks of
25 taps on mel bands, 512 for the style and 16 for the content; 256 filters of 11 × 11 and three blocks of
11 × 11 on 84 bins from C1 with a `filter_scale` of 0.1; weights 1 for content, 50 for style and 0.1 for
sparsity; 15,000 iterations of L-BFGS.

What the sources leave open, and how it is settled here. They are the abstract, the authors' page of examples,
their code, and an article by them on an earlier version; of the submission's text nothing more was at hand,
nor was its table of combinations, of which the page has a picture only.

- *Table.* The first six rows above are the combinations that the sources name; the first is the method that
  theirs builds on.
- *Weights.* The code scales each style term to the gradient of the content, and not the sparsity term. Here
  every term is scaled to a gradient of norm 1, and then by its weight: the same but for that one, whose share
  at the start was measured as 0.06 of the content's with mel bands, so that 0.1 is left as it is.
- *Sparsity.* The L1 norm of the output's log-magnitude STFT, as in the code: it keeps silent what neither
  content nor style asks for.
- *CQT.* The code gathers the logarithms of STFT bins and takes a logarithm again. Here magnitudes are
  gathered, as a pseudo-CQT is defined, and there is one logarithm.
- *Maximum over pitch.* The code has it, two bins wide, and its experiment leaves it out. It is on by default,
  because the CQT of the content is meant not to depend on the key; `pooling` 1 takes it away.
- *Layers.* Style is compared after the first convolution and after each block, content after the last, as in
  the code. Both mel networks have a first convolution of their own, and share their blocks.
- *Lengths.* Content and style may be of any lengths that the networks' longest receptive field fits in.
- *Long clips.* Memory grows with length, so a content of more than 30 s is optimised in blocks. Each begins
  with the last second of the one before it, which stays as it is, and so goes on where that stopped. Gram
  matrices of a longer style are averaged over parts.
- *Level.* Clips are brought to a peak of 1, as in the code. The output is scaled back by the content's peak,
  and scaled down as a whole where it exceeds full scale.
- *Stopping.* It stops before the last iteration only if no step is possible.

Time
----
With the default settings one evaluation of the losses took 11 s on one core of a server for a content and a
style of 5 s each, and 1.9 GB of memory: 15,000 iterations take two days. They are made for a GPU. In a
benchmark on CPUs these settings took 8.2 s of one core for a pair of that length, most of it the STFT::

    configuration = "stft/stft+mel", max_iterations = 150
    weights = { stft_style = 0.3, mel_style = 0.3, sparsity = 0 }
    stft_network = { n_filters = 512 }, mel_network = { n_filters = 64, style_bands = 128 }

So few iterations do not get far with the weights of the default, which make little of the content. Six pairs
of training pieces (FluidR3; style accuracy, note F1; the untouched content has 0 and 0.89) gave:

================================================== ========== ===== ====
settings                                           iterations style note
================================================== ========== ===== ====
those above                                        150        0.50  0.38
style weights 0.1                                  90         0.33  0.49
style weights 1                                    150        0.50  0.29
style weights 10                                   90         0.50  0.04
``mel+cqt/mel+cqt`` with 64 and 8 filters          90         0.17  0.00
================================================== ========== ===== ====

References
----------
S. Barry and Y. Kim, "'Style' transfer for musical audio using multiple time-frequency representations",
submission to ICLR 2018, https://openreview.net/forum?id=BybQ7zWCb; examples at
https://anonymousiclr2018.github.io/jekyll/update/2017/05/20/musical-style-transfer.html

S. Barry and Y. Kim, "Transferring musical 'style' without learning it", 2017 (the earlier article).

D. Ulyanov and V. Lebedev, "Audio texture synthesis and style transfer", blog post, 2016.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from timbrebench.audio.clips import Samples
from timbrebench.audio.spectra import N_FFT
from timbrebench.core.errors import suggestion
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.transfer.algorithms.blocks import even_blocks
from timbrebench.transfer.algorithms.optimisation import Device, find_device, minimise_lbfgs, with_gradient
from timbrebench.transfer.algorithms.random_convolution import START_STD
from timbrebench.transfer.bases.conversion_method import FrameMethod, FrameParameters
from timbrebench.transfer.methods.multi_representation.gradient_normalisation import (
    normalising_weights,
    weighted_sum,
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

#: Weights of the terms that a configuration has.
CONTENT_WEIGHT, STYLE_WEIGHT, SPARSITY_WEIGHT = 1.0, 50.0, 0.1

#: Representations that each configuration takes content and style from.
CONFIGURATIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "stft/stft": (("stft",), ("stft",)),
    "stft/stft+mel": (("stft",), ("stft", "mel")),
    "mel/stft+mel": (("mel",), ("stft", "mel")),
    "stft/mel+cqt": (("stft",), ("mel", "cqt")),
    "mel+cqt/mel+cqt": (("mel", "cqt"), ("mel", "cqt")),
    "mel+cqt/stft+mel+cqt": (("mel", "cqt"), ("stft", "mel", "cqt")),
    "texture": ((), ("stft", "mel")),
}

REPRESENTATIONS = ("stft", "mel", "cqt")


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
    """Settings of :class:`MultiRepresentation`; the defaults are those of the authors' experiment.

    Attributes
    ----------
    configuration : str
        Which terms there are: a row of the table in the module.
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

    configuration: str = "mel+cqt/stft+mel+cqt"
    weights: TermWeights = TermWeights()
    n_fft: int = Field(default=N_FFT, ge=2, multiple_of=2, le=1 << 20)
    stft_network: STFTNetwork = STFTNetwork()
    mel_network: MelNetwork = MelNetwork()
    cqt_network: CQTNetwork = CQTNetwork()
    max_iterations: int = Field(default=15_000, gt=0, le=1_000_000)
    device: Device = "auto"

    @field_validator("configuration")
    @classmethod
    def _configuration_exists(cls, name: str) -> str:
        if name not in CONFIGURATIONS:
            raise ValueError(f"unknown configuration {name!r}{suggestion(name, CONFIGURATIONS)}")
        return name

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
        weights |= {"sparsity": SPARSITY_WEIGHT}
        weights |= self.weights.model_dump(exclude_none=True)
        return {name: weight for name, weight in weights.items() if weight > 0}

    @property
    def networks(self) -> dict[str, RepresentationSettings]:
        """The network of each representation that is compared, by name."""
        networks = {"stft": self.stft_network, "mel": self.mel_network, "cqt": self.cqt_network}
        compared = {*self.representations("content"), *self.representations("style")}
        return {name: network for name, network in networks.items() if name in compared}

    @property
    def min_frames(self) -> int:
        """Frames that a feature of any of the networks depends on."""
        return max(network.receptive_field for network in self.networks.values())

    def representations(self, kind: Literal["content", "style"]) -> list[str]:
        """Return the representations whose content or style is compared."""
        return [name for name in REPRESENTATIONS if f"{name}_{kind}" in self.terms]


class MultiRepresentation(FrameMethod):
    """Style transfer with random networks on STFT, mel bands and CQT; see the module.

    Attributes
    ----------
    block_s, overlap_s : float
        Longest content in seconds that is optimised as a whole, and what each further block repeats of the
        one before it.
    """

    name = "multi-representation"
    version = 1
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
        styles = losses.styles(style_parts, settings.representations("style"))
        made = start[:0]
        for part in even_blocks(len(content), max_length, overlap):
            contents = losses.contents(content[part], settings.representations("content"))
            terms = ContinuationLosses(losses, contents, styles, made[part.start :])
            free = start[len(made) : part.stop]
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
        representations = {}
        for name, network in settings.networks.items():
            number = REPRESENTATIONS.index(name)
            representation = network.draw(frames, torch.Generator().manual_seed((seed + number) % 2**63))
            representation.content.to(device)
            representation.style.to(device)
            representations[name] = representation
        sparsity_n_fft = settings.n_fft if "sparsity" in settings.terms else None
        return RepresentationLosses(representations, settings.hop_length, sparsity_n_fft)
