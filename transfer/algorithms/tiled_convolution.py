"""A dilated convolution over one or two axes with fixed filters, and its transpose, by tiles in frequency.

256 filters of 11 × 11 on 256 channels cost 31,000 products for every position and filter. Tiles of both axes,
transformed with some 30 × 40 points, need a thirtieth of them: one complex product of matrices, filters ×
channels, for each frequency. What is paid for it is memory: the filters' spectra take several times what the
filters do, the more, the longer the tiles. Over time alone and with memory to spare,
:mod:`timbrebench.transfer.algorithms.block_convolution` takes fewer products.

Taps that are d apart take every d-th position, so the positions fall into d phases along each axis that have
nothing to do with one another, and each is a convolution with taps side by side. A tile of a phase holds as
many positions more than it makes as the filter reaches beyond one (overlap-save); where it holds a whole
phase, which has silence on both sides, half of them are enough, since what wraps around meets zeros.

A transform at 0, 1, 2 … periods has one or two frequencies without an imaginary part, which would take the
time and memory of the others; at ½, 1½, 2½ … an even number of points has none. What wraps around changes its
sign then, and is not used.

The transforms are matrix products with cosines and sines of so few points, which take less time than a fast
Fourier transform and leave the numbers in the order in which the next product wants them: frequencies,
positions, channels.

References
----------
T. Stockham, "High-speed convolution and correlation", Proceedings of the AFIPS Spring Joint Computer
Conference, 1966.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

#: Values of a part of the frequencies that stay in the processor's cache.
_CACHED_VALUES = 1 << 20


class Scratch:
    """Memory that the convolutions of a network use one after the other.

    New pages of memory cost more time than most of what is written into them.
    """

    def __init__(self) -> None:
        self._memory: dict[str, Tensor] = {}

    def take(self, purpose: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return a tensor of any values, of the precision and on the device of another.

        It is valid until the next time that memory is taken for the same purpose.
        """
        count = math.prod(shape)
        if purpose not in self._memory or self._memory[purpose].numel() < count:
            self._memory[purpose] = like.new_empty(count)
        return self._memory[purpose][:count].view(shape)


@dataclass(frozen=True)
class _Tiling:
    """How the positions of a phase are cut along one axis, into `count` tiles.

    A tile takes `inputs` positions, `padding` of which lie before the first that it makes, and makes `step`.
    """

    count: int
    step: int
    inputs: int
    padding: int

    def taken(self, tile: int, length: int) -> tuple[slice, slice]:
        """Return which positions of a phase of some length a tile takes, and their places in the tile."""
        start = tile * self.step - self.padding
        first, last = max(0, start), max(0, min(length, start + self.inputs))
        return slice(first, max(first, last)), slice(first - start, max(first, last) - start)

    def made(self, tile: int, length: int) -> slice:
        """Return which positions of a phase of some length a tile makes."""
        first = min(length, tile * self.step)
        return slice(first, min(length, first + self.step))


class _Axis:
    """The discrete Fourier transform along one axis, at odd multiples of half its base, for `taps` taps.

    `length` positions of a phase are what the number of points is chosen for.
    """

    def __init__(self, taps: int, length: int, longest_step: int) -> None:
        self.taps, self.before = taps, (taps - 1) // 2
        self.after = taps - 1 - self.before
        self.points = length + self.after
        if self.points > taps - 1 + longest_step:
            count = -(-length // longest_step)
            self.points = taps - 1 + -(-length // count)
        self.frequencies = -(-self.points // 2)
        #: Frequencies that have a negative of their own: all but the last of an odd number of points.
        self.paired = self.points // 2

    def tiling(self, length: int, before: int) -> _Tiling:
        """Cut the positions of a phase; a filter reaches `before` positions back."""
        if length + self.after <= self.points:
            return _Tiling(1, length, length, 0)
        step = self.points - self.taps + 1
        return _Tiling(-(-length // step), step, self.points, before)

    def cosines_and_sines(self, positions: range) -> Tensor:
        """Return both for positive frequencies, shape (2, frequencies, positions), ``float64``."""
        products = torch.outer(2 * torch.arange(self.frequencies) + 1, torch.tensor(list(positions)))
        angles = products.double() * (math.pi / self.points)
        return torch.stack([angles.cos(), angles.sin()])


class TiledConvolution:
    """A convolution of features, zeros beyond their ends, with as many positions as they have.

    Parameters
    ----------
    filters : torch.Tensor, shape (filters, channels, taps along the height, taps along the width)
        The weights; their precision is that of the computation, their device the place. They are not stored.
    dilation : int
        Distance between taps, along each axis with more than one.
    size : tuple of int
        Height and width that the tiles are chosen for. Others are convolved as well.
    longest_step : int
        Maximum positions that a tile makes along an axis. More take fewer products and more memory.
    scratch : Scratch
        Memory to compute in, which other convolutions may use as well, but not at the same time.

    Attributes
    ----------
    dilation : int
        As above.
    """

    def __init__(
        self,
        filters: Tensor,
        *,
        dilation: int = 1,
        size: tuple[int, int],
        longest_step: int,
        scratch: Scratch,
    ) -> None:
        _, _, *taps = filters.shape
        self._scratch = scratch
        self.dilation = dilation
        self._apart = [dilation if count > 1 else 1 for count in taps]
        self._axes = [
            _Axis(count, -(-length // apart), longest_step)
            for count, length, apart in zip(taps, size, self._apart, strict=True)
        ]
        self._cosine_sums, self._sine_sums = self._transform(filters)

    def _transform(self, filters: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sums of the filters times cosines, and times sines, of the taps' phases.

        Their shape is (frequencies of both axes, channels, filters): along the height the positive ones, then
        the others.
        """
        rows, columns = self._axes
        by_row, by_column = (
            axis.cosines_and_sines(range(-axis.before, axis.after + 1)).to(filters) for axis in self._axes
        )
        signed = torch.cat([by_row, by_row[:, : rows.paired]], dim=1)
        signed[1, rows.frequencies :].neg_()
        n_filters, channels = filters.shape[:2]
        sums = filters.new_empty(2, signed.shape[1], columns.frequencies, channels, n_filters)
        taps = filters.permute(2, 3, 1, 0).flatten(1).contiguous()
        for cosines, sines, made in zip(*signed, sums.unbind(1), strict=True):
            real, imaginary = ((row @ taps).view(columns.taps, -1) for row in (cosines, sines))
            torch.mm(by_column[0], real, out=made[0].flatten(1)).addmm_(by_column[1], imaginary, alpha=-1)
            torch.mm(by_column[0], imaginary, out=made[1].flatten(1)).addmm_(by_column[1], real)
        cosine_sums, sine_sums = sums.flatten(1, 2)
        return cosine_sums, sine_sums

    def __call__(self, features: Tensor) -> Tensor:
        """Return the convolution, shape (height, width, filters), of features (height, width, channels).

        A filter's tap number ``(taps - 1) // 2``, counted from 0, stands at the position that is made.
        """
        return self._convolve(features, [axis.before for axis in self._axes], transposed=False)

    def transpose(self, slopes: Tensor) -> Tensor:
        """Apply the transpose: from derivatives by the output to those by the features, shapes as above."""
        return self._convolve(slopes, [axis.after for axis in self._axes], transposed=True)

    def _convolve(self, features: Tensor, before: list[int], *, transposed: bool) -> Tensor:
        size = features.shape[:2]
        lengths = [-(-length // apart) for length, apart in zip(size, self._apart, strict=True)]
        tilings = [
            axis.tiling(length, reach)
            for axis, length, reach in zip(self._axes, lengths, before, strict=True)
        ]
        products = self._multiply(self._analyse(features, tilings), transposed=transposed)
        return self._synthesise(products, tilings, size)

    def _analyse(self, features: Tensor, tilings: list[_Tiling]) -> Tensor:
        """Return the spectra of all tiles; the conjugate, as sums of features times cosines and sines.

        Shape (signed frequencies along the height, frequencies along the width, real and imaginary, tiles and
        phases along the height, the same along the width, channels).
        """
        height, width, channels = features.shape
        (rows, columns), (down, across), (apart_down, apart_across) = self._axes, tilings, self._apart
        # Phases along the width are channels of their own from here on.
        phases = pad(features, (0, 0, 0, -width % apart_across)).view(height, -1, apart_across * channels)
        by_row, by_column = (
            axis.cosines_and_sines(range(tiling.inputs)).to(features)
            for axis, tiling in zip(self._axes, tilings, strict=True)
        )
        # No sines of a frequency that has none: that of the width stays, as zeros, to have pairs.
        by_row = torch.cat([by_row[0], by_row[1, : rows.paired]])
        by_column = by_column.flatten(0, 1).expand(height, -1, -1)
        tiles = down.count, apart_down, across.count, apart_across
        spectra = self._scratch.take(
            "spectra", (rows.points, columns.frequencies, 2, *tiles, channels), features
        )
        along = self._scratch.take("along", (*by_column.shape[:2], phases.shape[2]), features)
        values = self._scratch.take(
            "values", (rows.points, 2, columns.frequencies, apart_across, channels), features
        )
        for across_tile in range(across.count):
            taken, places = across.taken(across_tile, phases.shape[1])
            torch.bmm(by_column[:, :, places], phases[:, taken], out=along)
            for phase in range(apart_down):
                of_phase = along[phase::apart_down].flatten(1)
                for down_tile in range(down.count):
                    taken, places = down.taken(down_tile, len(of_phase))
                    torch.mm(by_row[:, places], of_phase[taken], out=values.flatten(1))
                    self._combine(values.movedim(1, 0), spectra[:, :, :, down_tile, phase, across_tile])
        return spectra

    def _combine(self, values: Tensor, spectra: Tensor) -> None:
        """Make complex spectra of products of cosines and sines; values have these of the width in front."""
        rows = self._axes[0]
        pairs = slice(rows.paired)
        cosines, sines = values[:, : rows.frequencies], values[:, rows.frequencies :]
        plus, minus = spectra[: rows.frequencies], spectra[rows.frequencies :]
        if rows.frequencies > rows.paired:
            plus[-1] = cosines[:, -1].movedim(0, 1)
        torch.sub(cosines[0, pairs], sines[1], out=plus[pairs, :, 0])
        torch.add(cosines[1, pairs], sines[0], out=plus[pairs, :, 1])
        torch.add(cosines[0, pairs], sines[1], out=minus[:, :, 0])
        torch.sub(cosines[1, pairs], sines[0], out=minus[:, :, 1])

    def _multiply(self, spectra: Tensor, *, transposed: bool) -> Tensor:
        """Return the spectra of the output, of the shape of those of the input but for the channels."""
        shape, channels = spectra.shape[:-1], spectra.shape[-1]
        flat = spectra.view(shape[0] * shape[1], -1, channels)
        half = flat.shape[1] // 2
        n_made = self._cosine_sums.shape[1 if transposed else 2]
        # Memory is what limits the tiles' length.
        made = flat if n_made == channels else self._scratch.take("made", (*flat.shape[:2], n_made), flat)
        sign = -1 if transposed else 1
        count = max(1, _CACHED_VALUES // made[0].numel())
        for first in range(0, len(flat), count):
            part = slice(first, first + count)
            by_cosine, by_sine = self._cosine_sums[part], self._sine_sums[part]
            if transposed:
                by_cosine, by_sine = by_cosine.mT, by_sine.mT
            direct, crossed = torch.bmm(flat[part], by_cosine), torch.bmm(flat[part], by_sine)
            torch.add(direct[:, :half], crossed[:, half:], alpha=sign, out=made[part, :half])
            torch.sub(direct[:, half:], crossed[:, :half], alpha=sign, out=made[part, half:])
        return made.view(*shape, n_made)

    def _synthesise(self, spectra: Tensor, tilings: list[_Tiling], size: torch.Size) -> Tensor:
        """Return the positions that the tiles make, shape (height, width, filters)."""
        (rows, columns), (down, across), (apart_down, apart_across) = self._axes, tilings, self._apart
        height, width, n_filters = *size, spectra.shape[-1]
        by_row, by_column = (
            axis.cosines_and_sines(range(tiling.padding, tiling.padding + tiling.step)) / axis.points
            for axis, tiling in zip(self._axes, tilings, strict=True)
        )
        by_column[:, : columns.paired] *= 2
        by_row = torch.cat([by_row[0], by_row[1, : rows.paired]]).T.to(spectra)
        by_column = by_column.flatten(0, 1).T.to(spectra).expand(height, -1, -1)
        made = spectra.new_empty(height, -(-width // apart_across), apart_across * n_filters)
        along = self._scratch.take("along", (height, by_column.shape[2], made.shape[2]), spectra)
        for across_tile in range(across.count):
            for phase in range(apart_down):
                of_phase = along[phase::apart_down].flatten(1)
                for down_tile in range(down.count):
                    values = self._separate(spectra[:, :, :, down_tile, phase, across_tile])
                    positions = down.made(down_tile, len(of_phase))
                    count = positions.stop - positions.start
                    torch.mm(by_row[:count], values.flatten(1), out=of_phase[positions])
            positions = across.made(across_tile, made.shape[1])
            count = positions.stop - positions.start
            torch.bmm(by_column[:, :count], along, out=made[:, positions])
        return made.view(height, -1, n_filters)[:, :width]

    def _separate(self, spectra: Tensor) -> Tensor:
        """Undo :meth:`_combine`, up to the factors of the inverse transform.

        Returns the shape (cosines and sines along the height, the same along the width, frequencies along the
        width, phases along the width, filters).
        """
        rows = self._axes[0]
        pairs = slice(rows.paired)
        _, frequencies, _, apart_across, n_filters = spectra.shape
        made = self._scratch.take("values", (rows.points, 2, frequencies, apart_across, n_filters), spectra)
        values = made.movedim(1, 0)
        cosines, sines = values[:, : rows.frequencies], values[:, rows.frequencies :]
        plus, minus = spectra[: rows.frequencies], spectra[rows.frequencies :]
        if rows.frequencies > rows.paired:
            cosines[:, -1] = plus[-1].movedim(1, 0)
        torch.add(plus[pairs, :, 0], minus[:, :, 0], out=cosines[0, pairs])
        torch.add(plus[pairs, :, 1], minus[:, :, 1], out=cosines[1, pairs])
        torch.sub(plus[pairs, :, 1], minus[:, :, 1], out=sines[0])
        torch.sub(minus[:, :, 0], plus[pairs, :, 0], out=sines[1])
        return made
