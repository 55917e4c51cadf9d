"""The convolution by tiles against the direct one, in float64, and its transpose."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d, pad

from timbrebench.transfer.algorithms.tiled_convolution import Scratch, TiledConvolution


def direct(features, filters, dilation):
    """What is convolved by definition, in float64."""
    margins, apart = [], []
    for taps in filters.shape[2:]:
        apart.append(dilation if taps > 1 else 1)
        margins = [(taps - 1) // 2 * apart[-1], taps // 2 * apart[-1], *margins]
    padded = pad(features.double().permute(2, 0, 1)[None], margins)
    return conv2d(padded, filters.double(), dilation=tuple(apart))[0].permute(1, 2, 0)


@pytest.mark.parametrize(
    ("taps", "dilation", "size", "arranged_for"),
    [
        ((3, 5), 2, (11, 17), (11, 17)),  # a phase is a tile
        ((3, 4), 1, (33, 47), (33, 20)),  # several tiles, an even number of taps
        ((5, 3), 4, (86, 30), (86, 216)),
        ((1, 5), 4, (1, 90), (1, 216)),  # over time alone
        ((3, 3), 8, (5, 6), (86, 216)),  # fewer positions than a filter spans
    ],
)
def test_it_is_the_direct_convolution_and_so_is_its_transpose(taps, dilation, size, arranged_for):
    generator = torch.Generator().manual_seed(0)
    filters = torch.randn(5, 4, *taps, generator=generator)
    convolve = TiledConvolution(
        filters, dilation=dilation, size=arranged_for, longest_step=9, scratch=Scratch()
    )
    features = torch.randn(*size, 4, generator=generator, requires_grad=True)
    expected = direct(features, filters, dilation)
    torch.testing.assert_close(convolve(features.detach()), expected.float(), rtol=0, atol=2e-5)
    slopes = torch.randn(*size, 5, generator=generator)
    (expected,) = torch.autograd.grad(expected, features, slopes.double())
    torch.testing.assert_close(convolve.transpose(slopes), expected.float(), rtol=0, atol=2e-5)


def test_the_precision_is_that_of_the_filters():
    filters = torch.randn(3, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    features = torch.ones(20, 30, 2, dtype=torch.float64)
    made = TiledConvolution(filters, size=(20, 30), longest_step=9, scratch=Scratch())(features)
    torch.testing.assert_close(made, direct(features, filters, 1), rtol=1e-12, atol=1e-12)
