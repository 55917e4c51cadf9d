"""The controls do exactly what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.audio import rms
from timbrebench.core.errors import MethodError
from timbrebench.transfer import apply, create


@pytest.fixture
def run(pair):
    def run(name, seed=0, **clips):
        return apply(create(name, {}), **{**pair, **clips}, seed=seed)

    return run


def test_identity_is_the_content(run, content):
    np.testing.assert_array_equal(run("identity"), content)


def test_reference_is_the_reference(run, reference):
    np.testing.assert_array_equal(run("reference"), reference)


def test_a_reference_of_another_length_is_refused(run, reference):
    with pytest.raises(MethodError, match=r"the output lasts .*, the content"):
        run("reference", reference=reference[: len(reference) // 2])


def test_a_long_style_is_cut(run, content, style):
    long = np.concatenate([style, style[::-1]])
    np.testing.assert_array_equal(run("style-copy", style=long), long[: len(content)])


def test_a_short_style_is_repeated(run, content, style):
    short = style[: len(content) * 2 // 5]
    copy = run("style-copy", style=short)
    for start in range(0, len(content), len(short)):
        piece = copy[start : start + len(short)]
        np.testing.assert_array_equal(piece, short[: len(piece)])


def test_silence_is_refused_as_every_silent_output(run):
    with pytest.raises(MethodError, match="the output is silent"):
        run("silence")


def test_noise_is_white_gaussian_and_as_loud_as_the_content(run, content):
    noise = run("noise")
    assert rms(noise) == pytest.approx(rms(content), rel=1e-3)
    standardised = noise / rms(noise)
    assert np.mean(standardised**4) == pytest.approx(3, rel=0.1)  # the kurtosis of a normal distribution
    neighbours = np.mean(standardised[1:] * standardised[:-1])
    assert abs(neighbours) < 5 / np.sqrt(len(noise))


def test_each_seed_has_its_own_noise(run):
    first, second = run("noise", seed=1), run("noise", seed=2)
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(len(first))


def test_noise_as_loud_as_a_square_wave_stays_in_range(run, content):
    noise = run("noise", content=np.sign(content) + (content == 0))
    assert np.abs(noise).max() == 1
    assert np.std(noise) > 0.7
