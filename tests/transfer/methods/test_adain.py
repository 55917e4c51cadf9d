"""Adaptive instance normalisation: the statistics of features."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.audio import magnitude, rms
from timbrebench.core.progress import Tracker
from timbrebench.transfer import apply, create
from timbrebench.transfer.bases.smooth_shapes import SmoothShapes, analyse, sounding_frames
from timbrebench.transfer.methods.adain import AdaIN, adain


@pytest.fixture
def draws():
    rng = np.random.default_rng(3)
    content = rng.standard_normal((12, 200)) * rng.uniform(0.5, 3, (12, 1)) + rng.uniform(-5, 5, (12, 1))
    style = rng.standard_normal((12, 77)) * rng.uniform(0.5, 3, (12, 1)) + rng.uniform(-5, 5, (12, 1))
    return content, style


def test_each_channel_gets_the_styles_mean_and_deviation(draws):
    content, style = draws
    made = adain(content, style)
    np.testing.assert_allclose(made.mean(axis=1), style.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(made.std(axis=1), style.std(axis=1), rtol=1e-4)


def test_the_course_of_each_channel_is_the_contents(draws):
    content, style = draws
    made = adain(content, style)
    for before, after in zip(content, made, strict=True):
        assert np.corrcoef(before, after)[0, 1] == pytest.approx(1)


def test_a_channel_that_does_not_vary_becomes_the_styles_mean(draws):
    content, style = draws
    content[4] = 2.5
    np.testing.assert_allclose(adain(content, style)[4], style[4].mean())


def statistics(spectrogram):
    """Of windows that lie within the clip."""
    spectrogram = spectrogram[:, 2:-2]
    shapes = SmoothShapes(40, 1025, 22050)
    features = analyse(spectrogram, shapes, 80.0, Tracker("test", 1))[:, sounding_frames(spectrogram)]
    return features.mean(axis=1)[1:], features.std(axis=1)[1:]


def test_the_magnitudes_made_have_the_styles_statistics(content, style):
    hiss = 1e-2 * np.random.default_rng(0).standard_normal(
        len(content)
    )  # so that no bin lies under the floor
    spectra = [magnitude(clip + hiss[: len(clip)]) for clip in (content, style)]
    made = AdaIN().transform(*spectra, np.random.default_rng(0))
    for number in (0, 1):
        wanted, before, after = (statistics(spectrum)[number] for spectrum in (spectra[1], spectra[0], made))
        assert np.linalg.norm(after - wanted) < 0.05 * np.linalg.norm(before - wanted)


def test_less_alpha_is_nearer_to_the_content(content, style, sample_rate):
    outputs = [
        apply(create("adain", {"alpha": alpha}), content, style, sample_rate=sample_rate, seed=0)
        for alpha in (0, 0.3, 0.6, 1)
    ]
    distances = [rms(output - content) for output in outputs]
    assert distances == sorted(distances)
    assert distances[0] < 1e-5
