"""The limit of infinitely many filters: its gradient, and that random filters approach it."""

import math

import numpy as np
import pytest
import torch

from timbrebench.audio.spectra import log_magnitude
from timbrebench.core.errors import MethodError
from timbrebench.transfer import apply, create
from timbrebench.transfer.algorithms.random_convolution import Objective
from timbrebench.transfer.methods.wide_limit.arc_cosine import kernel, spread_diagonals, sum_diagonals
from timbrebench.transfer.methods.wide_limit.wide_limit import WideObjective

WIDTH = 11
QUICK = {"max_iterations": 30, "inversion": {"iterations": 10}}


@pytest.fixture
def spectrograms(generator):
    content, style, output = (np.abs(generator.standard_normal((40, frames))) for frames in (30, 35, 30))
    return content, style, output


def explicit_loss(content, style, output, content_weight):
    """The definition, patch by patch, in double precision."""

    def patches(frames):
        return [frames[:, t : t + WIDTH].ravel() for t in range(frames.shape[1] - WIDTH + 1)]

    def k(a, b):
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        angle = math.acos(min(1.0, float(a @ b) / lengths))
        return (lengths * math.sin(angle) + (math.pi - angle) * float(a @ b)) / (2 * math.pi)

    x, c, s = patches(output), patches(content), patches(style)
    gain = 4 / WIDTH
    content_loss = sum(k(a, a) - 2 * k(a, b) + k(b, b) for a, b in zip(x, c, strict=True))
    style_loss = sum(k(a, b) ** 2 for a in x for b in x) / output.shape[1] ** 2
    style_loss -= 2 * sum(k(a, b) ** 2 for a in x for b in s) / (output.shape[1] * style.shape[1])
    style_loss += sum(k(a, b) ** 2 for a in s for b in s) / style.shape[1] ** 2
    return content_weight * gain * content_loss + gain**2 * style_loss


@pytest.mark.parametrize("content_weight", [0.0, 0.01, 10.0])
def test_the_loss_is_its_definition(content_weight, spectrograms):
    content, style, output = spectrograms
    loss, _ = WideObjective(content, style, WIDTH, content_weight)(output.ravel())
    assert loss == pytest.approx(explicit_loss(content, style, output, content_weight), rel=1e-9)


@pytest.mark.parametrize("content_weight", [0.0, 0.01, 10.0])
def test_the_gradient_is_that_of_the_loss(content_weight, spectrograms, generator):
    content, style, output = spectrograms
    objective = WideObjective(content, style, WIDTH, content_weight)
    direction = generator.standard_normal(output.size)
    step = 1e-5
    ahead, behind = (objective(output.ravel() + sign * step * direction)[0] for sign in (1, -1))
    _, gradient = objective(output.ravel())
    assert float(gradient @ direction) == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)


def test_nothing_is_lost_where_output_content_and_style_are_one(spectrograms):
    clip = spectrograms[0]
    loss, gradient = WideObjective(clip, clip, WIDTH, 1.0)(clip.ravel())
    assert loss == pytest.approx(0, abs=1e-9)
    assert np.abs(gradient).max() < 1e-5


def test_random_filters_come_nearer_the_more_there_are(content, style, generator):
    content, style = (log_magnitude(clip, 256, 128)[:, :60] for clip in (content, style))
    output = np.abs(content + 0.3 * generator.standard_normal(content.shape)).astype(np.float32)
    bins = content.shape[0]
    limit, limit_gradient = WideObjective(content, style, WIDTH, 0.01)(output.ravel())
    losses, directions = [], []
    for filters in (256, 1024, 4096):
        std = 2 / math.sqrt((bins + filters) * WIDTH)
        weights = np.float32(std) * generator.standard_normal((filters, bins, WIDTH), dtype=np.float32)
        loss, gradient = Objective(content, style, weights, 0.01)(output.ravel().astype(np.float64))
        # What the published variance lacks of its limit.
        share = filters / (bins + filters)
        losses.append(abs(loss / share**2 / limit - 1))
        directions.append(np.corrcoef(gradient, limit_gradient)[0, 1])
    assert losses[-1] < 0.1
    assert directions == sorted(directions)
    assert directions[-1] > 0.95


def test_a_filter_sees_half_of_a_patchs_energy():
    patch = torch.arange(5.0)
    norm = patch.norm()
    values, by_product, sine = kernel((patch @ patch)[None], norm[None], norm[None])
    assert float(values) == pytest.approx(float(norm**2 / 2), rel=1e-6)
    assert float(by_product) == pytest.approx(0.5, abs=1e-3)
    assert float(sine) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("width", [1, 2, 7, 8, 11])
def test_patches_are_summed_along_diagonals(width, generator):
    products = torch.from_numpy(generator.standard_normal((15, 12)))
    expected = sum(products[d : d + 16 - width, d : d + 13 - width] for d in range(width))
    torch.testing.assert_close(sum_diagonals(products, width), expected)


def test_single_precision_is_enough_on_music(content, style):
    spectra = [log_magnitude(clip, 512, 256) for clip in (content, style)]
    rough, fine = (
        WideObjective(*(spectrum.astype(kind) for spectrum in spectra), WIDTH, 0.01)
        for kind in (np.float32, np.float64)
    )
    output = (0.7 * spectra[0]).ravel()
    (loss, gradient), (wanted, wanted_gradient) = rough(output), fine(output)
    assert loss == pytest.approx(wanted, rel=1e-5)
    assert np.linalg.norm(gradient - wanted_gradient) < 1e-4 * np.linalg.norm(wanted_gradient)


def test_spreading_is_the_transpose_of_summing(generator):
    products, slopes = (torch.from_numpy(generator.standard_normal(size)) for size in ((9, 12), (6, 9)))
    summed, spread = sum_diagonals(products, 4), spread_diagonals(slopes, 4)
    assert float((summed * slopes).sum()) == pytest.approx(float((products * spread).sum()))


def test_a_heavy_content_weight_gives_the_content_back(pair, content):
    output = apply(create("wide-limit", {**QUICK, "content_weight": 1e4}), **pair, seed=0)
    kept, wanted = (log_magnitude(clip) for clip in (output, content))
    assert np.abs(kept - wanted).mean() < 0.25 * wanted.mean()


def test_without_content_the_output_has_the_styles_spectrum(pair, content, style):
    output = apply(create("wide-limit", {**QUICK, "content_weight": 0.0}), **pair, seed=0)
    spectra = {
        name: log_magnitude(clip).mean(axis=1)
        for name, clip in (("output", output), ("content", content), ("style", style))
    }
    assert np.corrcoef(spectra["output"], spectra["style"])[0, 1] > 0.9
    assert np.corrcoef(spectra["output"], spectra["content"])[0, 1] < 0.9


def test_same_seed_same_output(pair):
    first, again, other = (apply(create("wide-limit", QUICK), **pair, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_long_contents_are_worked_on_in_blocks(pair, monkeypatch):
    method = create("wide-limit", {**QUICK, "content_weight": 1e4})
    whole = apply(method, **pair, seed=0)
    monkeypatch.setattr(type(method), "block_s", 0.8)
    monkeypatch.setattr(type(method), "overlap_s", 0.3)
    parts = apply(method, **pair, seed=0)
    assert not np.array_equal(parts, whole)
    assert np.abs(log_magnitude(parts) - log_magnitude(whole)).mean() < 0.3 * log_magnitude(whole).mean()


def test_a_clip_shorter_than_a_patch_is_refused(pair):
    with pytest.raises(MethodError, match=r"wide-limit needs 0\.233 s"):
        apply(create("wide-limit", QUICK), **{**pair, "style": pair["style"][:4000]}, seed=0)
