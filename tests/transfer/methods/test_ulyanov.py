"""Ulyanov & Lebedev's method: its objective computed independently, and what it does to sound."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import torch

from timbrebench.audio import log_magnitude, rms
from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.datasets.notes import notes_table
from timbrebench.transfer import apply, create
from timbrebench.transfer.algorithms.block_convolution import BlockConvolution
from timbrebench.transfer.algorithms.fixed_products import BatchedProducts, PackedProducts, fixed_products
from timbrebench.transfer.algorithms.gram_loss import ByFilters, ByPositions, gram_loss
from timbrebench.transfer.algorithms.random_convolution import Objective, draw_filters
from timbrebench.transfer.methods.ulyanov import Ulyanov, minimise

#: Four filters for each frequency bin, as in the published settings, but with few bins.
SMALL = {
    "n_fft": 256,
    "hop_length": 128,
    "n_filters": 512,
    "max_iterations": 60,
    "inversion": {"iterations": 30},
}


def features(spectrogram, filters):
    """Compute the random features in float64, from the definition of a convolution without padding."""
    width = filters.shape[2]
    patches = np.lib.stride_tricks.sliding_window_view(spectrogram, width, axis=1)
    return np.maximum(np.einsum("nck,ctk->nt", filters, patches, optimize=True), 0)


def gram(spectrogram, filters):
    f = features(spectrogram, filters)
    return f @ f.T / spectrogram.shape[1]


def loss(x, content, style, filters, content_weight):
    content_loss = np.sum((features(x, filters) - features(content, filters)) ** 2)
    style_loss = np.sum((gram(x, filters) - gram(style, filters)) ** 2)
    return content_weight * content_loss + style_loss


def textbook(x, content, style, filters, content_weight):
    """Evaluate the definition in float64: convolution, ReLU, Gram matrices of the filters, autograd."""
    x, content, style, filters = (
        torch.from_numpy(array.astype(np.float64)) for array in (x, content, style, filters)
    )
    x.requires_grad_()

    def features(spectrogram):
        return torch.nn.functional.conv1d(spectrogram[None], filters)[0].relu()

    def gram(spectrogram):
        return features(spectrogram) @ features(spectrogram).T / spectrogram.shape[1]

    content_loss = (features(x) - features(content)).square().sum()
    value = content_weight * content_loss + (gram(x) - gram(style)).square().sum()
    value.backward()
    return float(value.detach()), x.grad.numpy()


def spectrogram(clip):
    return log_magnitude(clip, SMALL["n_fft"], SMALL["hop_length"]).astype(np.float64)


def gram_distance(clip, other):
    """Compare two clips by the Gram matrices of filters that no method has seen."""
    filters = np.random.default_rng(99).standard_normal((300, 129, 11)) / 40
    return np.linalg.norm(gram(spectrogram(clip), filters) - gram(spectrogram(other), filters))


def spectral_distance(clip, other):
    return np.sqrt(np.mean((spectrogram(clip) - spectrogram(other)) ** 2))


@pytest.fixture
def problem(content, style):
    """A content, a style of another length, filters, and a spectrogram to evaluate, all in float64."""
    rng = np.random.default_rng(5)
    spectra = [log_magnitude(clip, 128, 64).astype(np.float64) for clip in (content[:6000], style[:4000])]
    filters = rng.standard_normal((40, 65, 7)).astype(np.float32).astype(np.float64) / 20
    return *spectra, filters, rng.uniform(0, 2, spectra[0].shape)


def objective(content, style, filters, content_weight):
    return Objective(*(array.astype(np.float32) for array in (content, style, filters)), content_weight)


class TestObjective:
    @pytest.mark.parametrize("content_weight", [0, 1e-2, 10])
    def test_loss_agrees_with_the_definition(self, problem, content_weight):
        content, style, filters, x = problem
        value, _ = objective(content, style, filters, content_weight)(x.ravel())
        assert value == pytest.approx(loss(x, content, style, filters, content_weight), rel=1e-5)

    @pytest.mark.parametrize("content_weight", [0, 1e-2, 10])
    def test_gradient_agrees_with_finite_differences_of_the_definition(self, problem, content_weight):
        content, style, filters, x = problem
        _, gradient = objective(content, style, filters, content_weight)(x.ravel())
        for seed in range(3):
            direction = np.random.default_rng(seed).standard_normal(x.shape)
            ahead, behind = (
                loss(x + step * direction, content, style, filters, content_weight) for step in (1e-6, -1e-6)
            )
            assert gradient @ direction.ravel() == pytest.approx((ahead - behind) / 2e-6, rel=1e-4)

    def test_the_content_has_no_content_loss(self, problem):
        content, _, filters, _ = problem
        value, gradient = objective(content, content, filters, 1.0)(content.ravel())
        assert value == 0
        assert not gradient.any()

    def test_a_style_played_twice_is_the_same_style(self, problem):
        content, style, filters, x = problem
        # A repetition changes the Gram matrix only by the patches at the seam.
        once, twice = (
            objective(content, np.tile(style, times), filters, 0.0)(x.ravel())[0] for times in (4, 8)
        )
        assert twice == pytest.approx(once, rel=0.02)


class TestOnMusic:
    """Loss and gradient on renderings, also where the optimisation has made terms cancel."""

    @pytest.fixture
    def music(self, synthesizer):
        notes = notes_table(
            [(0.25 * i, 0.25 * i + 0.2, pitch, 90) for i, pitch in enumerate((60, 64, 67, 72))]
        )
        clips = [
            synthesizer.render(notes, program, length, 22050) for program, length in ((0, 0.9), (56, 0.7))
        ]
        return [log_magnitude(clip, 512, 256) for clip in clips]

    # With many filters the Gram matrices are multiplied out, with few they are not.
    @pytest.mark.parametrize(("n_filters", "arrangement"), [(768, ByPositions), (96, ByFilters)])
    def test_it_agrees_with_the_textbook_all_the_way(self, music, n_filters, arrangement):
        content, style = music
        rng = np.random.default_rng(3)
        filters = draw_filters(rng, n_filters=n_filters, n_bins=257, kernel_width=11)
        evaluate = Objective(content, style, filters, 1e-2)
        assert isinstance(evaluate._style_loss, arrangement)
        start = rng.standard_normal(content.shape) * 1e-3
        for iterations in (0, 1, 3, 10):
            x = minimise(evaluate, start, iterations) if iterations else start
            x = x.astype(np.float32).astype(np.float64)  # what the objective sees
            value, gradient = evaluate(x.ravel())
            wanted, wanted_gradient = textbook(x, content, style, filters, 1e-2)
            assert value == pytest.approx(wanted, rel=1e-5)
            error = np.linalg.norm(gradient.reshape(x.shape) - wanted_gradient)
            assert error < 1e-5 * np.linalg.norm(wanted_gradient)


class TestBlockConvolution:
    @pytest.mark.parametrize("shape", [(30, 50, 20, 11), (7, 11, 5, 11), (5, 9, 4, 1), (9, 40, 3, 2)])
    def test_it_is_a_convolution_and_its_transpose(self, shape):
        n_bins, frames, n_filters, width = shape
        generator = torch.Generator().manual_seed(0)
        x, filters, slopes = (
            torch.randn(size, generator=generator, dtype=torch.float64)
            for size in ((n_bins, frames), (n_filters, n_bins, width), (frames - width + 1, n_filters))
        )
        convolve = BlockConvolution(filters)
        torch.testing.assert_close(convolve(x), torch.nn.functional.conv1d(x[None], filters)[0].T)
        torch.testing.assert_close(
            convolve.transpose(slopes), torch.nn.functional.conv_transpose1d(slopes.T[None], filters)[0]
        )

    def test_a_level_that_never_changes_is_only_rounded_once(self):
        generator = torch.Generator().manual_seed(0)
        filters = torch.randn(6, 80, 11, generator=generator)
        # Three blocks of 22 frames, each of which begins 12 after the one before it.
        made = BlockConvolution(filters)(torch.full((80, 46), 1 / 3))
        wanted = filters.double().sum((1, 2)) * float(torch.tensor(1 / 3))
        torch.testing.assert_close(made.double(), wanted.expand(36, 6), rtol=1e-7, atol=0)


class TestFixedProducts:
    def test_both_kinds_are_products_with_each_matrix(self):
        generator = torch.Generator().manual_seed(0)
        matrices, rows, back = (
            torch.randn(size, generator=generator) for size in ((3, 50, 33), (3, 7, 33), (3, 7, 50))
        )
        for products in (PackedProducts(matrices), BatchedProducts(matrices, count=3, like=matrices[0])):
            torch.testing.assert_close(products.forward(rows), rows @ matrices.mT)
            torch.testing.assert_close(products.transpose(back), back @ matrices)

    def test_only_single_precision_that_fits_is_packed(self, monkeypatch):
        matrices = torch.zeros(2, 4, 3)
        single, double = matrices[0], matrices[0].double()
        assert isinstance(fixed_products(matrices, count=2, like=single), PackedProducts)
        assert isinstance(fixed_products(matrices.double(), count=2, like=double), BatchedProducts)
        module = "timbrebench.transfer.algorithms.fixed_products"
        monkeypatch.setattr(f"{module}._MAX_BYTES", matrices.nbytes - 1)
        assert isinstance(fixed_products(matrices, count=2, like=single), BatchedProducts)

    def test_a_torch_without_the_operators_batches(self, monkeypatch):
        monkeypatch.setattr(torch._C, "_has_mkldnn", False)
        matrices = torch.zeros(2, 4, 3)
        assert isinstance(fixed_products(matrices, count=2, like=matrices[0]), BatchedProducts)


class TestGramLoss:
    def test_both_arrangements_give_the_definition(self, generator):
        features, style = (torch.from_numpy(generator.standard_normal(size)) for size in ((9, 14), (6, 14)))
        features.requires_grad_()
        wanted = (features.T @ features / 12 - style.T @ style / 10).square().sum()
        (slope,) = torch.autograd.grad(wanted, features)
        for arrangement in (ByFilters, ByPositions):
            value, found = arrangement(style, 10, 12)(features.detach())
            assert value == pytest.approx(float(wanted.detach()))
            torch.testing.assert_close(found(), slope)

    @pytest.mark.parametrize(
        ("positions", "filters", "arrangement"), [(140, 200, ByPositions), (160, 200, ByFilters)]
    )
    def test_the_arrangement_with_fewer_products_is_taken(self, positions, filters, arrangement):
        made = gram_loss(torch.zeros(50, filters), 60, positions=positions, divisor=60)
        assert isinstance(made, arrangement)


class TestMinimise:
    def test_without_content_the_gram_matrix_of_the_style_is_reached(self, problem):
        content, style, filters, _ = problem
        start = np.random.default_rng(0).standard_normal(content.shape) * 1e-3
        optimised = minimise(objective(content, style, filters, 0.0), start, 100)
        target = gram(style, filters)
        distances = [np.linalg.norm(gram(x, filters) - target) for x in (optimised, content, start)]
        assert distances[0] < 0.05 * min(distances[1:])

    def test_more_iterations_reach_a_lower_loss(self, problem):
        content, style, filters, start = problem
        evaluate = objective(content, style, filters, 1e-2)
        losses = [evaluate(minimise(evaluate, start, count).ravel())[0] for count in (1, 10, 100)]
        assert losses == sorted(losses, reverse=True)


class TestTransfer:
    def run(self, content, style, sample_rate, seed=0, **parameters):
        return apply(Ulyanov(**SMALL, **parameters), content, style, sample_rate=sample_rate, seed=seed)

    def test_a_huge_content_weight_keeps_the_content(self, content, style, sample_rate):
        output = self.run(content, style, sample_rate, content_weight=1e6)
        as_long = np.resize(style, len(content))
        assert spectral_distance(output, content) < 0.3 * spectral_distance(output, as_long)

    def test_less_content_weight_brings_more_style(self, content, style, sample_rate):
        free, default, bound = (
            self.run(content, style, sample_rate, content_weight=weight) for weight in (0, 1e-2, 1e6)
        )
        to_content = [spectral_distance(output, content) for output in (free, default, bound)]
        assert to_content == sorted(to_content, reverse=True)
        for stylised in (free, default):
            assert gram_distance(stylised, style) < 0.75 * gram_distance(bound, style)

    def test_each_seed_has_its_own_output(self, content, style, sample_rate):
        first, second = (self.run(content, style, sample_rate, seed=seed) for seed in (1, 2))
        assert not np.allclose(first, second, atol=1e-3)

    @pytest.mark.parametrize("sample_rate", [16000, 44100])
    def test_other_rates_are_resampled_and_back(self, content, style, sample_rate):
        content = content[:-123]
        output = self.run(content, style, sample_rate)
        assert output.shape == content.shape
        assert rms(output) > 0.1 * rms(content)

    def test_full_scale_clips_stay_in_range(self, content, style, sample_rate):
        loud = [np.clip(20 * clip, -1, 1) for clip in (content, style)]
        output = self.run(*loud, sample_rate, content_weight=1)
        assert 0.5 < np.abs(output).max() <= 1

    @pytest.mark.parametrize("short", ["content", "style"])
    def test_a_clip_shorter_than_a_filter_is_refused_with_what_it_needs(self, pair, short):
        method = Ulyanov(n_filters=8, max_iterations=1, inversion={"iterations": 1})
        needed_s = 0.233  # ten hops of 512 samples from the first of eleven frames to the last
        pair[short] = pair[short][: round((needed_s - 0.001) * 22050)]
        with pytest.raises(MethodError, match=rf"the {short} lasts 0\.232 s.* needs 0\.233 s"):
            apply(method, **pair, seed=0)

    def test_a_clip_as_long_as_a_filter_will_do(self, content, style, sample_rate):
        method = Ulyanov(n_filters=8, max_iterations=5, inversion={"iterations": 5})
        length = int(np.ceil(0.233 * 22050))
        output = apply(method, content[:length], style[:length], sample_rate=sample_rate, seed=0)
        assert len(output) == length

    def test_the_script_cuts_the_style_to_the_content(self, content, style):
        spectra = [np.expm1(spectrogram(clip)).astype(np.float32) for clip in (content[:6000], style[:9000])]
        quick = {**SMALL, "n_filters": 16, "max_iterations": 3}
        text, code = (Ulyanov(**quick, preset=preset) for preset in ("text", "code"))
        made = code.transform(*spectra, np.random.default_rng(0))
        cut = spectra[1][:, : spectra[0].shape[1]]
        np.testing.assert_array_equal(made, text.transform(spectra[0], cut, np.random.default_rng(0)))
        assert not np.allclose(made, text.transform(*spectra, np.random.default_rng(0)))

    def test_an_interruption_ends_it_at_once(self, content, style, sample_rate):
        method = Ulyanov(**{**SMALL, "max_iterations": 10**6, "inversion": {"iterations": 10**6}})
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        try:
            with pytest.raises(KeyboardInterrupt):
                method.transfer(content, style, sample_rate=sample_rate, seed=0)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)


class TestParameters:
    def test_the_defaults_are_the_published_settings(self):
        assert Ulyanov().parameters.model_dump() == {
            "preset": "text",
            "sample_rate": 22050,
            "n_fft": 2048,
            "hop_length": 512,
            "n_filters": 4096,
            "kernel_width": 11,
            "content_weight": 1e-2,
            "max_iterations": 300,
            "device": "auto",
            "inversion": {"algorithm": "griffin-lim", "iterations": 500, "start": "random"},
        }

    def test_numbers_may_be_written_as_text(self):
        parameters = create("ulyanov", {"n_filters": "64", "content_weight": "1e-3"}).parameters
        assert (parameters.n_filters, parameters.content_weight) == (64, 1e-3)

    @pytest.mark.parametrize(
        ("parameters", "reason"),
        [
            ({"n_filter": 64}, r"unknown key 'n_filter': did you mean 'n_filters'\?"),
            ({"n_filters": 0}, "n_filters: .* greater than 0, got 0"),
            ({"n_filters": "many"}, "n_filters: .* valid integer"),
            ({"n_fft": 255}, "n_fft: .* multiple of 2"),
            ({"hop_length": 2048}, "hop_length 2048 is more than half of n_fft 2048"),
            ({"content_weight": -1}, "content_weight: .* greater than or equal to 0"),
            ({"content_weight": "nan"}, "content_weight: .* finite"),
        ],
    )
    def test_impossible_settings_are_refused(self, parameters, reason):
        with pytest.raises(ConfigurationError, match=f"method 'ulyanov': .*{reason}"):
            create("ulyanov", parameters)
