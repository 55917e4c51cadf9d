"""Long clips are divided into blocks that add up to the whole."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.transfer.algorithms.blocks import even_blocks, faded_blocks, transform_blocks


@pytest.mark.parametrize(("length", "max_length", "overlap"), [(54, 34, 13), (100, 30, 0), (101, 30, 7)])
def test_blocks_are_of_about_one_length_and_their_weights_sum_to_one(length, max_length, overlap):
    blocks = list(faded_blocks(length, max_length, overlap))
    sizes = [block.stop - block.start for block, _ in blocks]
    assert len(blocks) > 1
    assert max(sizes) <= max_length
    assert max(sizes) - min(sizes) < len(blocks)
    covered = np.zeros(length)
    for block, fade in blocks:
        covered[block] += fade
    np.testing.assert_allclose(covered, 1, atol=1e-6)


def test_what_fits_is_one_block():
    assert even_blocks(30, 30, 10) == [slice(0, 30)]


def test_a_transform_of_single_samples_does_not_depend_on_the_blocks():
    samples = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    squares = transform_blocks(samples, np.square, max_length=300, overlap=50)
    np.testing.assert_allclose(squares, samples**2, rtol=1e-5)
