"""PANNs' Cnn14 at 32 kHz, with the weights of its authors.

The weights are the file ``Cnn14_mAP=0.431.pth`` of https://zenodo.org/record/3987831. The network is made
from the tensors of that file; neither ``panns_inference``, which downloads when it is imported, nor
``torchlibrosa`` is needed.

As published: at 32 kHz, power of Hann windows of 1024 samples every 320, centred and mirrored at the ends,
the checkpoint's own 64 mel filters from 50 Hz to 14 kHz, decibels down to 1e-10, six blocks of two
convolutions with batch normalisation, the mean over pitch, the sum of maximum and mean over time, and a
linear layer with a ReLU: 2048 numbers for the whole clip.

Settled here: clips are resampled by soxr, and have one window, whatever they last; what is shorter than the
0.32 s that pooling leaves one frame of is filled up with zeros.

Reference
---------
Q. Kong et al., "PANNs: large-scale pretrained audio neural networks for audio pattern recognition", IEEE/ACM
Transactions on Audio, Speech, and Language Processing 28, 2020.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from timbrebench.audio.clips import Samples
from timbrebench.classifier.embeddings.embedding import Embedding, read_state
from timbrebench.core.errors import JudgeError

_RATE, _N_FFT, _HOP, _MELS, _AMIN = 32_000, 1024, 320, 64, 1e-10

#: Blocks, each of two convolutions; all but the last end in pooling by two.
_BLOCKS = 6

#: Fewest samples: 32 frames, which five poolings leave one of.
_SHORTEST = 31 * _HOP

_MEL_FILTERS = "logmel_extractor.melW"


class Cnn14(Embedding):
    """Cnn14 of the pretrained audio neural networks: 2048 numbers for a clip."""

    name = "panns-cnn14"
    version = 1
    sample_rate = _RATE
    source = "the authors' Cnn14_mAP=0.431.pth"

    def vectors(self, clip: Samples) -> Tensor:
        """Return the 2048 numbers of the clip, as one window."""
        levels = self._normalised(self._log_mel(clip), "bn0")
        levels = levels.transpose(1, 3)  # to one channel, of time by pitch
        for block in range(1, _BLOCKS + 1):
            for half in (1, 2):
                weight = self._state[f"conv_block{block}.conv{half}.weight"]
                levels = nn.functional.conv2d(levels, weight, padding=1)
                levels = self._normalised(levels, f"conv_block{block}.bn{half}").relu()
            if block < _BLOCKS:
                levels = nn.functional.avg_pool2d(levels, 2)
        over_time = levels.mean(dim=3)
        vector = over_time.amax(dim=2) + over_time.mean(dim=2)
        return nn.functional.linear(vector, self._state["fc1.weight"], self._state["fc1.bias"]).relu()

    def _log_mel(self, clip: Samples) -> Tensor:
        """Return decibels, the mel bands as channels: shape (1, 64, frames, 1)."""
        padded = torch.from_numpy(np.pad(clip, (0, max(0, _SHORTEST - len(clip)))))
        spectrum = torch.stft(
            padded, _N_FFT, _HOP, window=torch.hann_window(_N_FFT), pad_mode="reflect", return_complex=True
        )
        power = spectrum.real**2 + spectrum.imag**2
        return 10 * torch.log10((self._state[_MEL_FILTERS].T @ power).clamp(min=_AMIN))[None, :, :, None]

    def _normalised(self, levels: Tensor, name: str) -> Tensor:
        mean, variance, weight, bias = (self._state[f"{name}.{part}"] for part in _STATISTICS)
        return nn.functional.batch_norm(levels, mean, variance, weight, bias)

    @cached_property
    def _state(self) -> dict[str, Tensor]:
        state = read_state(self.weights, self.source)
        layers = [f"conv_block{block}" for block in range(1, _BLOCKS + 1)]
        names = [f"{layer}.conv{half}.weight" for layer in layers for half in (1, 2)]
        names += [f"{layer}.bn{half}.{part}" for layer in layers for half in (1, 2) for part in _STATISTICS]
        names += [f"bn0.{part}" for part in _STATISTICS]
        for name in (_MEL_FILTERS, *names, "fc1.weight", "fc1.bias"):
            if name not in state:
                raise JudgeError(f"{self.weights}: not {self.source}: it lacks {name}")
        if state[_MEL_FILTERS].shape != (_N_FFT // 2 + 1, _MELS):
            raise JudgeError(
                f"{self.weights}: its mel filters have shape {tuple(state[_MEL_FILTERS].shape)}, Cnn14's "
                f"at 32 kHz ({_N_FFT // 2 + 1}, {_MELS}): it should be {self.source}"
            )
        return state


#: What batch normalisation holds, in the order in which PyTorch takes it.
_STATISTICS = ("running_mean", "running_var", "weight", "bias")
