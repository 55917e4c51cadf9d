"""Infinitely many random filters: the inner products of their features, in closed form.

For a filter ``w`` with independent standard normal weights, the features ``relu(w · a)`` and ``relu(w · b)``
of two patches have the mean product

    k(a, b) = (‖a‖ ‖b‖ sin t + (π − t) a · b) / 2π,    t the angle between a and b,

the arc-cosine kernel of order 1. Patches of neighbouring frames overlap, so that inner products of patches
are sums of those of frames along a diagonal: a window of 11 frames costs little more than one frame does.

References
----------
Y. Cho and L. Saul, "Kernel methods for deep learning", Advances in Neural Information Processing Systems 22,
2009.
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import conv1d, pad


def sum_diagonals(products: Tensor, width: int) -> Tensor:
    """Turn inner products of frames, shape (n, m), into those of patches of `width` frames.

    Returns ``sum over d < width of products[i + d, j + d]``, shape (n - width + 1, m - width + 1).
    """
    rows, columns = products.shape[0] - width + 1, products.shape[1] - width + 1
    total, run, length = products[:0], products, 1
    done = 0
    # Runs of 1, 2, 4, ... frames, some of which make up the width: five additions for eleven frames.
    while done < width:
        if width & length:
            part = run[done : done + rows, done : done + columns]
            total, done = total + part if done else part, done + length
        if done < width:
            run, length = run[:-length, :-length] + run[length:, length:], 2 * length
    return total


def spread_diagonals(slopes: Tensor, width: int) -> Tensor:
    """Apply the transpose of :func:`sum_diagonals`: from derivatives by patches to those by frames.

    Parameters
    ----------
    slopes : torch.Tensor, shape (n - width + 1, m - width + 1)
        Derivatives with respect to inner products of patches.
    width : int
        Frames in a patch.

    Returns
    -------
    torch.Tensor, shape (n, m)
        Derivatives with respect to inner products of frames.
    """
    return sum_diagonals(pad(slopes, (width - 1,) * 4), width)


def sum_windows(values: Tensor, width: int) -> Tensor:
    """Sum neighbouring values: from squared lengths of frames, say, to those of patches.

    Parameters
    ----------
    values : torch.Tensor, shape (n,)
        One value for each frame.
    width : int
        Frames in a patch.

    Returns
    -------
    torch.Tensor, shape (n - width + 1,)
        ``sum over d < width of values[i + d]``.
    """
    return conv1d(values[None, None], values.new_ones(1, 1, width))[0, 0]


def spread_windows(slopes: Tensor, width: int) -> Tensor:
    """Apply the transpose of :func:`sum_windows`: shape (n,) from shape (n - width + 1,)."""
    return sum_windows(pad(slopes, (width - 1, width - 1)), width)


def kernel(products: Tensor, norms_a: Tensor, norms_b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the arc-cosine kernel of order 1 and what its derivatives are made of, all of one shape.

    Lengths ‖a‖ and ‖b‖ broadcast to the shape of the inner products ``a · b``. Returned are ``k(a, b)``,
    ‖a‖²/2 where a equals b; its derivative by ``a · b`` with ‖a‖ and ‖b‖ fixed, (π − t) / 2π; and sin t / 2π:
    the derivative by ‖a‖ is ‖b‖ times this, and the other way round. Both derivatives exist everywhere, other
    than those of the cosine.
    """
    lengths = norms_a * norms_b
    cosine = (products / lengths.clamp(min=1e-20)).clamp_(-1, 1)
    sine = cosine.square().neg_().add_(1).sqrt_().div_(2 * math.pi)
    by_product = cosine.acos_().div_(-2 * math.pi).add_(0.5)
    return (products * by_product).addcmul_(lengths, sine), by_product, sine
