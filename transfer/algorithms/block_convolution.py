"""A convolution over time with fixed filters, and its transpose, block by block through the FFT.

A filter that spans 11 frames costs 11 products for every frame, bin and filter. Over blocks of 14 output
frames, transformed with 24 points, the same sums cost 46 real products for 14 frames, 3.3 for each, and the
rest is small. What is paid for it is memory: the filters' spectra take 2.4 times what the filters do.

A spectrogram is not negative, so most of a block is its mean, whose rounding all features of the block would
share, and errors that are shared do not average out in a Gram matrix. The means are convolved in ``float64``.

References
----------
T. Stockham, "High-speed convolution and correlation", Proceedings of the AFIPS Spring Joint Computer
Conference, 1966.
"""

from __future__ import annotations

import torch
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn.functional import pad


class BlockConvolution:
    """What ``torch.nn.functional.conv1d`` does to a spectrogram, for many spectrograms and the same filters.

    Features are laid out frame by frame here, positions × filters, as the products that follow want them.

    Parameters
    ----------
    filters : torch.Tensor, shape (filters, bins, kernel_width)
        The weights; their precision is that of the computation, their device the place. They are not stored.
    """

    def __init__(self, filters: Tensor) -> None:
        n_filters, n_bins, self._width = filters.shape
        # Longer blocks save no more time than the growing spectra take to be read.
        self._points = next_fast_len(2 * self._width, real=True)
        self._step = self._points - self._width + 1
        self._sums = filters.sum(2, dtype=torch.float64)
        self._spectra = torch.empty(
            (self._points // 2 + 1, n_filters, n_bins),
            dtype=filters.dtype.to_complex(),
            device=filters.device,
        )
        # Filter by filter, since the transform of all of them would take twice the memory for a moment.
        for filter_, spectrum in zip(filters, self._spectra.unbind(1), strict=True):
            spectrum.copy_(torch.fft.rfft(filter_.T, self._points, dim=0).conj())

    def __call__(self, spectrogram: Tensor) -> Tensor:
        """Return the features, shape (frames - kernel_width + 1, filters), of a spectrogram (bins, frames).

        That is ``sum over b, w of filters[n, b, w] * spectrogram[b, t + w]`` for every position t and filter
        n; there have to be at least as many frames as the filters span.
        """
        positions = spectrogram.shape[1] - self._width + 1
        blocks = -(-positions // self._step)
        missing = (blocks - 1) * self._step + self._points - spectrogram.shape[1]
        cut = pad(spectrogram.T, (0, 0, 0, missing)).unfold(0, self._points, self._step)
        means = cut.mean(2, dtype=torch.float64)
        spectra = torch.fft.rfft((cut - means[:, :, None]).to(cut.dtype), dim=2).permute(2, 0, 1)
        made = torch.fft.irfft(torch.bmm(spectra, self._spectra.mT), self._points, dim=0)[: self._step]
        made = (made + means @ self._sums.T).to(cut.dtype)
        features: Tensor = made.transpose(0, 1).flatten(0, 1)[:positions]
        return features

    def transpose(self, slopes: Tensor) -> Tensor:
        """Apply the transpose: from derivatives by the features to those by the spectrogram.

        Parameters
        ----------
        slopes : torch.Tensor, shape (frames - kernel_width + 1, filters)
            Derivatives with respect to the output of a call.

        Returns
        -------
        torch.Tensor, shape (bins, frames)
            Derivatives with respect to its spectrogram.
        """
        positions = len(slopes)
        blocks = -(-positions // self._step)
        whole = pad(slopes, (0, 0, 0, blocks * self._step - positions))
        cut = whole.view(blocks, self._step, whole.shape[1])
        spectra = torch.fft.rfft(cut, self._points, dim=1).transpose(0, 1).conj().resolve_conj()
        parts = torch.fft.irfft(torch.bmm(spectra, self._spectra).conj(), self._points, dim=0).transpose(0, 1)
        # Each part runs on into the next one's place by one frame less than a filter spans.
        total = parts.new_zeros(blocks + 1, self._step, parts.shape[2])
        total[:-1] = parts[:, : self._step]
        total[1:, : self._width - 1] += parts[:, self._step :]
        frames: Tensor = total.flatten(0, 1)[: positions + self._width - 1]
        return frames.T
