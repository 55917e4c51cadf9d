"""CLAP's audio embedding, from a local folder in the format of transformers.

The folder is what ``ClapModel.save_pretrained`` and ``ClapFeatureExtractor.save_pretrained`` write, and what
the repositories ``laion/clap-htsat-unfused`` and ``laion/larger_clap_music`` of the Hugging Face Hub hold:
``config.json``, ``preprocessor_config.json`` and ``model.safetensors``. It is read with ``local_files_only``;
nothing is downloaded. The extra ``clap`` has transformers.

As published: the feature extractor of the folder, the audio tower with its projection, and vectors of
length 1.

Settled here: clips are resampled by soxr, and cut into windows of the extractor's maximum length (10 s), the
last of which is repeated and filled up as the extractor does it. The published extractor draws one window
of a longer clip at random instead, or joins three, so that a clip would not have one vector.

References
----------
Y. Wu et al., "Large-scale contrastive language-audio pretraining with feature fusion and keyword-to-caption
augmentation", IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP), 2023; A. Gui
et al., "Adapting Fréchet audio distance for generative music evaluation", ICASSP, 2024 (as a space of
Fréchet distances).
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from timbrebench.audio.clips import Samples
from timbrebench.classifier.embeddings.embedding import Embedding
from timbrebench.core.errors import JudgeError


class Clap(Embedding):
    """CLAP's audio tower with its projection: 512 numbers for each 10 s."""

    name = "clap"
    version = 1
    sample_rate = 48_000
    source = "a folder of transformers' ClapModel with its feature extractor"
    packages = ("transformers",)
    install = "pip install 'timbrebench[clap]'"

    def vectors(self, clip: Samples) -> Tensor:
        """Return a vector of length 1 for each window."""
        extractor, network = self._network
        longest = extractor.nb_max_samples
        # One at a time: among several, the extractor draws at random which counts as a longer clip.
        inputs = [
            extractor(clip[start : start + longest], sampling_rate=self.sample_rate, return_tensors="pt")
            for start in range(0, len(clip), longest)
        ]
        answers = [network(**window).audio_embeds for window in inputs]
        return nn.functional.normalize(torch.cat(answers), dim=-1)

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        transformers = import_module("transformers")
        try:
            extractor, network = (
                kind.from_pretrained(self.weights, local_files_only=True)
                for kind in (transformers.ClapFeatureExtractor, transformers.ClapAudioModelWithProjection)
            )
        except Exception as error:  # transformers raises whatever reading a foreign file brings
            raise JudgeError(
                f"{self.weights}: not {self.source} ({type(error).__name__}: {error})"
            ) from error
        if extractor.sampling_rate != self.sample_rate:
            raise JudgeError(
                f"{self.weights}: its feature extractor is for {extractor.sampling_rate} Hz, CLAP's for "
                f"{self.sample_rate}"
            )
        return extractor, network.eval()
