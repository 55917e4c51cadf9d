"""Products of a few rows with many fixed matrices, each in both directions.

A general product copies its large factor into an order of its own each time. With some 40 rows that takes
longer than multiplying, and the fixed matrices never change: oneDNN keeps them in its order. That is for
``float32`` on the CPU, and takes a copy for each direction; elsewhere the products are batched.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor

#: What matrices that are kept twice may take once: where they take more, memory counts for more than time.
_MAX_BYTES = 2 << 30


class FixedProducts(Protocol):
    """Products with fixed matrices, each of shape (n, m), made by :func:`fixed_products`."""

    def forward(self, rows: Tensor) -> Tensor:
        """Multiply rows, shape (matrices, k, m), by each matrix transposed: (matrices, k, n)."""

    def transpose(self, rows: Tensor) -> Tensor:
        """Multiply rows, shape (matrices, k, n), by each matrix: (matrices, k, m)."""


def fixed_products(matrices: Iterable[Tensor], *, count: int, like: Tensor) -> FixedProducts:
    """Keep so many matrices, all of the shape, precision and device of `like`."""
    is_packable = (
        like.dtype == torch.float32
        and like.device.type == "cpu"
        and count * like.nbytes <= _MAX_BYTES
        and _has_packed_products()
    )
    return PackedProducts(matrices) if is_packable else BatchedProducts(matrices, count=count, like=like)


def _has_packed_products() -> bool:
    """Whether torch has oneDNN and the operators, which it does not document, that keep a matrix for it."""
    names = ("_reorder_linear_weight", "_linear_pointwise")
    return torch._C._has_mkldnn and all(hasattr(torch.ops.mkldnn, name) for name in names)


class BatchedProducts:
    """Products that torch batches; see :class:`FixedProducts`."""

    def __init__(self, matrices: Iterable[Tensor], *, count: int, like: Tensor) -> None:
        self._matrices = like.new_empty(count, *like.shape)  # where stacking would need it twice
        for own, matrix in zip(self._matrices, matrices, strict=True):
            own.copy_(matrix)

    def forward(self, rows: Tensor) -> Tensor:
        """Multiply by the transposed matrices."""
        return torch.bmm(rows, self._matrices.mT)

    def transpose(self, rows: Tensor) -> Tensor:
        """Multiply by the matrices."""
        return torch.bmm(rows, self._matrices)


class PackedProducts:
    """Products by oneDNN, in ``float32`` on the CPU; see :class:`FixedProducts`."""

    def __init__(self, matrices: Iterable[Tensor]) -> None:
        packed = [(_pack(matrix), _pack(matrix.T.contiguous())) for matrix in matrices]
        self._matrices, self._transposed = zip(*packed, strict=True)

    def forward(self, rows: Tensor) -> Tensor:
        """Multiply by the transposed matrices."""
        return _multiply(rows, self._matrices)

    def transpose(self, rows: Tensor) -> Tensor:
        """Multiply by the matrices."""
        return _multiply(rows, self._transposed)


def _pack(matrix: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(matrix)
    return packed


def _multiply(rows: Tensor, packed: Iterable[Tensor]) -> Tensor:
    linear = torch.ops.mkldnn._linear_pointwise
    return torch.stack(
        [linear(part, matrix, None, "none", [], "") for part, matrix in zip(rows, packed, strict=True)]
    )
