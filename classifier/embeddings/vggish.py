"""VGGish, the embedding of the first Fréchet audio distance, with the weights of torchvggish.

The weights are the file ``vggish-10086976.pth`` of https://github.com/harritaylor/torchvggish, which were
converted from Google's release. The network is made from the tensors of that file; torchvggish itself is not
needed.

As published: at 16 kHz, magnitudes of Hann windows of 25 ms every 10 ms, 64 triangles on HTK's mel scale from
125 to 7500 Hz, ``log(mel + 0.01)``, windows of 96 frames (0.96 s) without overlap, incomplete ones left out;
six convolutions, three linear layers, a ReLU behind each, 128 numbers. The principal components and eight
bits that AudioSet's published features went through are left out, as they are in Fréchet audio distances.

Settled here: clips are resampled by soxr; one that is shorter than a window is filled up with zeros.

References
----------
S. Hershey et al., "CNN architectures for large-scale audio classification", IEEE International Conference on
Acoustics, Speech and Signal Processing (ICASSP), 2017; K. Kilgour et al., "Fréchet audio distance: a
reference-free metric for evaluating music enhancement algorithms", Interspeech, 2019.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from timbrebench.audio.clips import Samples
from timbrebench.classifier.embeddings.embedding import Embedding, read_state
from timbrebench.core.errors import JudgeError

_RATE, _WINDOW, _HOP, _N_FFT = 16_000, 400, 160, 512
_MELS, _FMIN, _FMAX, _OFFSET = 64, 125.0, 7500.0, 0.01
_FRAMES = 96

#: Samples that the frames of one window take.
_SHORTEST = _WINDOW + (_FRAMES - 1) * _HOP

#: The convolutions' places in the sequence ``features``, each followed by a ReLU; 0 stands for maximum
#: pooling by two. And those of the linear layers in ``embeddings``.
_CONVOLUTIONS: tuple[int | None, ...] = (0, None, 3, None, 6, 8, None, 11, 13, None)
_LINEAR = (0, 2, 4)


class VGGish(Embedding):
    """VGGish without principal components: 128 numbers for each 0.96 s."""

    name = "vggish"
    version = 1
    sample_rate = _RATE
    source = "torchvggish's vggish-10086976.pth"

    def vectors(self, clip: Samples) -> Tensor:
        """Return the 128 numbers of each whole window."""
        windows = torch.from_numpy(log_mel_windows(clip)).unsqueeze(1)
        return torch.cat([self._forward(window.unsqueeze(0)) for window in windows])

    def _forward(self, levels: Tensor) -> Tensor:
        for place in _CONVOLUTIONS:
            if place is None:
                levels = nn.functional.max_pool2d(levels, 2)
            else:
                levels = nn.functional.conv2d(levels, *self._layer(f"features.{place}"), padding=1).relu()
        # Time, then pitch, then channels: the order of TensorFlow, in which the weights were learned.
        vector = levels.permute(0, 2, 3, 1).flatten(1)
        for place in _LINEAR:
            vector = nn.functional.linear(vector, *self._layer(f"embeddings.{place}")).relu()
        return vector

    def _layer(self, name: str) -> tuple[Tensor, Tensor]:
        return self._state[f"{name}.weight"], self._state[f"{name}.bias"]

    @cached_property
    def _state(self) -> dict[str, Tensor]:
        state = read_state(self.weights, self.source)
        layers = [f"features.{place}" for place in _CONVOLUTIONS if place is not None]
        layers += [f"embeddings.{place}" for place in _LINEAR]
        for name in (f"{layer}.{part}" for layer in layers for part in ("weight", "bias")):
            if name not in state:
                raise JudgeError(f"{self.weights}: not {self.source}: it lacks {name}")
        return state


def log_mel_windows(clip: Samples) -> NDArray[np.float32]:
    """Return what VGGish sees of a clip at 16 kHz: shape (windows, 96, 64), at least one window."""
    padded = np.pad(clip, (0, max(0, _SHORTEST - len(clip)))).astype(np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    levels = np.log(np.abs(np.fft.rfft(frames * hann, _N_FFT)) @ _mel_triangles() + _OFFSET)
    windows = len(levels) // _FRAMES
    return levels[: windows * _FRAMES].reshape(windows, _FRAMES, _MELS).astype(np.float32)


@lru_cache(maxsize=1)
def _mel_triangles() -> NDArray[np.float64]:
    """Return triangles that are straight on the mel scale: shape (257, 64); librosa's are so in hertz."""
    lines, low, high = (
        1127.0 * np.log1p(np.asarray(hertz) / 700.0)
        for hertz in (np.linspace(0, _RATE / 2, _N_FFT // 2 + 1), _FMIN, _FMAX)
    )
    edges = np.linspace(low, high, _MELS + 2)
    rising = (lines[:, np.newaxis] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - lines[:, np.newaxis]) / np.diff(edges)[1:]
    return np.maximum(0.0, np.minimum(rising, falling))
