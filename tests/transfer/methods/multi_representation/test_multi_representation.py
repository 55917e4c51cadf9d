"""Random networks on STFT, mel bands and CQT: their terms, how these are balanced, and what comes out."""

from __future__ import annotations

import math

import librosa
import numpy as np
import pytest
import torch

from timbrebench.audio import log_magnitude
from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.transfer import apply, create
from timbrebench.transfer.algorithms.optimisation import minimise_lbfgs, with_gradient
from timbrebench.transfer.methods.multi_representation.gradient_normalisation import (
    gradient_norms,
    normalising_weights,
    script_weights,
    weighted_sum,
)
from timbrebench.transfer.methods.multi_representation.loss_configurations import CONFIGURATIONS, TABLE_1
from timbrebench.transfer.methods.multi_representation.multi_representation import MultiRepresentation
from timbrebench.transfer.methods.multi_representation.representation_losses import ContinuationLosses
from timbrebench.transfer.methods.multi_representation.representation_settings import Frames, MelNetwork
from timbrebench.transfer.methods.multi_representation.representations import dilations, lecun_normal

SMALL = {
    "n_fft": 1024,
    "hop_length": 256,
    "stft_network": {"n_filters": 64},
    "mel_network": {"n_filters": 32, "kernel_width": 6, "block_width": 3, "style_bands": 48},
    "cqt_network": {"n_filters": 6, "kernel_bins": 5, "kernel_width": 3, "n_blocks": 1},
    "max_iterations": 40,
    "device": "cpu",
}

SIX_TERMS = {"stft_content": 1, "sparsity": 0}

ALL = ("stft", "mel", "cqt")


def method(**settings):
    return MultiRepresentation(**{**SMALL, **settings})


def full_scale(clip, dtype=torch.float32):
    return torch.from_numpy(clip / np.abs(clip).max()).to(dtype)


def prepared(method, content, style):
    """The terms of a method for a pair, as its transfer sets them up."""
    losses = method.losses(0, torch.device("cpu"))
    return losses.towards(full_scale(content), [full_scale(style)])


def noise(length, dtype=torch.float32):
    return 1e-3 * torch.randn(length, generator=torch.Generator().manual_seed(5), dtype=dtype)


def melody(transposition):
    """Play five notes with five harmonics each, a quarter of a second long."""
    time = np.arange(5512) / 22050
    frequencies = [261.6 * 2 ** ((step + transposition) / 12) for step in (0, 4, 7, 12, 7)]
    partials = [[np.sin(2 * np.pi * n * f * time) / n for n in range(1, 6)] for f in frequencies]
    return (np.sum(partials, axis=1) * np.exp(-4 * time)).ravel().astype(np.float32)


class TestTerms:
    def test_there_are_up_to_six_and_the_sparsity(self, content, style):
        terms = prepared(method(weights={"stft_content": 1}), content, style)(noise(len(content)))
        assert set(terms) == {f"{name}_{kind}" for name in ALL for kind in ("content", "style")} | {
            "sparsity"
        }

    def test_the_weights_give_every_term_a_gradient_of_norm_one(self, content, style):
        terms = prepared(method(weights={"stft_content": 1}), content, style)
        start = noise(len(content))
        raw = gradient_norms(terms, start)
        assert max(raw.values()) > 1e3 * min(raw.values())
        betas = normalising_weights(terms, start)
        balanced = gradient_norms(lambda x: {n: betas[n] * loss for n, loss in terms(x).items()}, start)
        assert balanced == pytest.approx(dict.fromkeys(raw, 1.0), rel=1e-4)

    def test_a_term_without_a_gradient_is_refused(self):
        with pytest.raises(MethodError, match="'flat' has a gradient of norm 0"):
            normalising_weights(lambda x: {"flat": (0 * x).sum()}, torch.ones(3))

    def test_content_and_style_fit_themselves(self, content):
        terms = prepared(method(weights=SIX_TERMS), content, content)
        fitted, start = terms(full_scale(content)), terms(noise(len(content)))
        assert all(float(loss) < 1e-6 * float(start[name]) for name, loss in fitted.items())

    def test_a_settled_beginning_is_part_of_the_whole(self, content, style):
        whole = prepared(method(), content, style)
        x = noise(len(content))
        assert ContinuationLosses(whole, x[:7000])(x[7000:]) == whole(x)

    @pytest.mark.parametrize("configuration", sorted(CONFIGURATIONS))
    def test_the_loss_of_every_configuration_falls(self, content, style, configuration):
        model = method(configuration=configuration)
        terms = prepared(model, content, style)
        start = noise(len(content))
        betas = normalising_weights(terms, start)
        total = weighted_sum(terms, {n: weight * betas[n] for n, weight in model.parameters.terms.items()})
        found = minimise_lbfgs(with_gradient(total), start, max_iterations=10, name="test")
        assert float(total(found)) < 0.8 * float(total(start))


class TestKeyInvariance:
    @pytest.fixture
    def change(self):
        """How far content features move when the content is played some semitones higher."""

        def measure(semitones, **cqt):
            settings = {**SMALL["cqt_network"], **cqt}
            model = method(weights={"stft_content": 1}, n_fft=2048, hop_length=512, cqt_network=settings)
            losses = model.losses(0, torch.device("cpu"))
            low, high = (losses.contents(full_scale(melody(shift))) for shift in (0, semitones))
            return {name: float((high[name] - low[name]).norm() / low[name].norm()) for name in ALL}

        return measure

    @pytest.mark.parametrize("semitones", [1, 2])
    def test_the_content_of_few_bands_and_of_the_cqt_hardly_changes_with_the_key(self, change, semitones):
        moved = change(semitones)
        assert moved["stft"] > 0.8
        assert moved["mel"] < 0.4 * moved["stft"]
        assert moved["cqt"] < 0.2 * moved["stft"]

    def test_a_maximum_over_an_octave_hides_a_semitone_where_windows_tell_it_apart(self, change):
        sharp = {"filter_scale": 1.0, "n_blocks": 0}
        assert change(1, **sharp, pooling=12)["cqt"] < 0.5 * change(1, **sharp, pooling=1)["cqt"]


class TestNetworks:
    def test_weights_have_the_variance_of_one_over_their_number_for_a_filter(self):
        scaled = lecun_normal(0, truncated=False)(0, (200, 30, 7)) * math.sqrt(30 * 7)
        assert float(scaled.mean()) == pytest.approx(0, abs=0.02)
        assert float(scaled.std()) == pytest.approx(1, abs=0.01)

    def test_those_of_the_script_are_cut_at_two_deviations(self):
        scaled = lecun_normal(0, truncated=True)(0, (200, 30, 7)) * math.sqrt(30 * 7)
        assert float(scaled.abs().max()) <= 2
        assert float(scaled.std()) == pytest.approx(0.88, abs=0.01)

    @pytest.mark.parametrize(("n_blocks", "expected"), [(0, ()), (1, (1,)), (2, (2, 4)), (3, (2, 4, 8))])
    def test_dilation_starts_at_two_and_doubles_where_there_are_several_blocks(self, n_blocks, expected):
        assert dilations(n_blocks, first=2) == expected

    @pytest.mark.parametrize("n_blocks", [0, 1, 2])
    def test_a_feature_depends_on_as_many_frames_as_the_settings_say(self, n_blocks):
        settings = MelNetwork(n_filters=4, kernel_width=6, block_width=3, style_bands=8, n_blocks=n_blocks)
        draw = lecun_normal(0, truncated=False)
        network = settings.draw(["style"], Frames(22_050, 256, 64), draw)["style"]
        magnitude = torch.rand(129, 60, generator=torch.Generator().manual_seed(0)).requires_grad_()
        network(magnitude)[-1][0, 30].sum().backward()
        slopes = magnitude.grad.abs().sum(dim=0)
        seen = torch.nonzero(slopes > 1e-4 * slopes.max())  # beyond it there is rounding
        assert int(seen.max() - seen.min()) + 1 == settings.receptive_field("style")

    def test_a_networks_weights_do_not_depend_on_which_others_there_are(self, content):
        def features(configuration):
            losses = method(configuration=configuration).losses(3, torch.device("cpu"))
            return losses.contents(full_scale(content))["mel"]

        torch.testing.assert_close(features(4), features(6))


class TestParameters:
    @pytest.mark.parametrize("settings", [{"configuration": 2}, {"preset": "code", "configuration": 6}])
    def test_a_network_as_an_object_keeps_the_defaults_of_preset_and_table(self, settings):
        parameters = {**settings, "mel_network": {"n_filters": 64}}
        table = MultiRepresentation(**parameters).parameters
        given = MultiRepresentation(**settings, mel_network=MelNetwork(n_filters=64)).parameters
        assert given == table
        assert type(table).model_validate(table) == table

    @pytest.mark.parametrize("value", ["stft/stft+mell", "mel/stft+mel", "", 0, 7, True, None, [6]])
    def test_an_unknown_configuration_is_refused_with_the_six(self, value):
        with pytest.raises(ConfigurationError, match="unknown configuration: choose from") as refusal:
            method(configuration=value)
        assert all(f"{number} {name!r}" in str(refusal.value) for number, name in enumerate(TABLE_1, start=1))

    @pytest.mark.parametrize(("number", "name"), list(enumerate(TABLE_1, start=1)))
    def test_a_configuration_is_chosen_by_number_or_name(self, number, name):
        assert method(configuration=number).parameters == method(configuration=name).parameters

    @pytest.mark.parametrize(
        ("number", "content", "style"),
        [
            (1, {"stft": 1}, {"stft": 1}),
            (2, {"stft": 1}, {"stft": 1, "mel": 1}),
            (3, {"stft": 1}, {"stft": 1, "mel": 3, "cqt": 4}),
            (4, {"mel": 1, "cqt": 1}, {"stft": 1}),
            (5, {"mel": 1, "cqt": 1}, {"stft": 1, "mel": 1}),
            (6, {"mel": 1, "cqt": 1}, {"stft": 1, "mel": 3, "cqt": 4}),
        ],
    )
    def test_the_rows_of_table_1_have_their_representations_and_layers(self, number, content, style):
        networks = {**SMALL, "cqt_network": {"n_filters": 2}, "mel_network": {"n_filters": 2}}
        losses = MultiRepresentation(**networks, configuration=number).losses(0, torch.device("cpu"))
        for networks, layers in ((losses.content, content), (losses.style, style)):
            counts = {
                name: len(network(torch.rand(1 + network.front.n_fft // 2, 60)))
                for name, network in networks.items()
            }
            assert counts == layers

    def test_weights_replace_those_of_the_configuration(self):
        settings = method(
            configuration="stft/stft", weights={"stft_style": 3, "mel_content": 2, "sparsity": 0}
        )
        assert settings.parameters.terms == {"stft_content": 1, "stft_style": 3, "mel_content": 2}

    def test_weights_that_leave_nothing_are_refused(self):
        with pytest.raises(ConfigurationError, match="every weight of content and style is 0"):
            method(configuration="stft/stft", weights={"stft_style": 0, "stft_content": 0})

    def test_a_pool_that_is_wider_than_the_axis_is_refused(self):
        with pytest.raises(ConfigurationError, match="the 14 bins that are left"):
            method(cqt_network={"n_bins": 24, "pooling": 25})

    def test_the_texts_settings_are_the_defaults(self):
        settings = MultiRepresentation().parameters
        assert settings.configuration == TABLE_1[5]
        assert settings.terms == {
            "mel_content": 1,
            "cqt_content": 1,
            "stft_style": 50,
            "mel_style": 50,
            "cqt_style": 50,
            "sparsity": 0.1,
        }
        assert (settings.stft_network.n_filters, settings.stft_network.kernel_width) == (4096, 11)
        assert settings.mel_network.n_filters == 1025
        assert settings.min_frames == 194
        assert settings.cqt_network.n_bins == 86

    def test_the_scripts_settings_are_a_preset(self):
        settings = MultiRepresentation(preset="code", mel_network={"n_filters": 8}).parameters
        assert settings.stft_network.kernel_width == 5
        assert (settings.mel_network.n_filters, settings.mel_network.mel_scale) == (8, "slaney")
        assert settings.min_frames == 50 + 24 * (1 + 2)
        assert (settings.cqt_network.n_bins, settings.cqt_network.pooling) == (84, 1)

    @pytest.mark.parametrize(
        ("terms", "expected"),
        [
            # The measure is the content's 0.02 * 4, or 0.02 * 3 where the STFT has no term.
            (("stft_content", "mel_style"), {"stft_content": 0.02, "mel_style": 0.08 / 6}),
            (
                ("mel_content", "cqt_content", "stft_style", "cqt_style", "sparsity"),
                {
                    "mel_content": 0.02,
                    "cqt_content": 0.06 / 2,
                    "stft_style": 0.06 / 5,
                    "cqt_style": 0.06 / 7,
                    "sparsity": 1,
                },
            ),
            (("stft_style", "mel_style"), {"stft_style": 64**2, "mel_style": 64**2 * 5 / 6}),
        ],
    )
    def test_the_script_gives_style_terms_the_norm_of_the_content(self, terms, expected):
        norms = {"stft_content": 4, "mel_content": 3, "cqt_content": 2, "stft_style": 5, "mel_style": 6}
        norms |= {"cqt_style": 7, "sparsity": 8}
        units = method(preset="code").parameters.script_units

        def losses(x):
            return {name: norms[name] * x.sum() for name in terms}

        assert script_weights(losses, torch.ones(1), units) == pytest.approx(expected)

    def test_the_script_gathers_logarithms_times_the_root_of_the_windows_length(self):
        frames = Frames(22_050, 2048, 512)
        settings = MultiRepresentation(preset="code", cqt_network={"n_filters": 1}).parameters.cqt_network
        front = settings.draw(["style"], frames, lecun_normal(0, truncated=True))["style"].front
        assert front.n_fft == frames.n_fft  # the one STFT that the script has
        tones = librosa.cqt_frequencies(84, fmin=librosa.note_to_hz("C1"))
        ratio = 2 ** (1 / 12)
        alpha = (ratio**2 - 1) / (ratio**2 + 1)
        windows, lengths = librosa.filters.wavelet(freqs=tones, sr=22_050, filter_scale=0.1, alpha=alpha)
        spectra = np.abs(np.fft.fft(windows * lengths[:, None] / 2048, n=2048)[:, :1025])
        bands = (
            librosa.util.sparsify_rows(spectra, quantile=0.01).toarray() * np.sqrt(lengths / 2048)[:, None]
        )
        magnitude = 20 * np.random.default_rng(0).random((1025, 4))
        made = front.spectrogram(torch.from_numpy(magnitude).float())
        np.testing.assert_allclose(made, np.log1p(bands @ np.log1p(magnitude)), rtol=1e-4)

    def test_sparsity_is_where_mel_bands_are_the_content(self):
        def sparse(**settings):
            return "sparsity" in method(**settings).parameters.terms

        assert [sparse(configuration=number) for number in range(1, 7)] == [False] * 3 + [True] * 3
        assert sparse(configuration="texture", weights={"mel_content": 1})
        assert sparse(configuration=1, preset="code")


class TestTransfer:
    @pytest.mark.parametrize("short", ["content", "style"])
    def test_a_clip_shorter_than_the_receptive_field_is_refused_with_what_it_needs(self, pair, short):
        pair[short] = pair[short][:9000]
        wide = method(mel_network={"n_filters": 4, "kernel_width": 30, "block_width": 5})
        needed = (
            f"{math.ceil(1000 * 53 * 256 / 22050) / 1000:.3f} s"  # 30 frames, and 4 · (2 + 4) of the blocks
        )
        with pytest.raises(MethodError, match=f"the {short} lasts 0.408 s.*needs {needed}"):
            apply(wide, **pair, seed=0)

    def test_the_script_has_an_output_of_its_own(self, pair):
        text, code = (
            apply(method(preset=preset, max_iterations=2), **pair, seed=0) for preset in ("text", "code")
        )
        assert np.isfinite(code).all()
        assert not np.allclose(text, code, atol=1e-4)

    def test_a_texture_depends_on_the_content_for_length_and_level_alone(self, pair):
        texture = method(configuration="texture", max_iterations=5)
        other = {**pair, "content": pair["content"][::-1].copy()}
        np.testing.assert_array_equal(apply(texture, **pair, seed=0), apply(texture, **other, seed=0))

    def test_a_texture_has_the_spectrum_of_the_style(self, pair):
        def spectrum(clip):
            power = np.abs(np.fft.rfft(clip, 22050)) ** 2
            bands = np.log10(power[100:4100].reshape(80, 50).sum(axis=1))
            return bands - bands.mean()

        wide = method(configuration="texture", stft_network={"n_filters": 256}, max_iterations=100)
        made = spectrum(apply(wide, **pair, seed=0))
        likeness = {name: np.corrcoef(made, spectrum(pair[name]))[0, 1] for name in ("style", "content")}
        assert likeness["style"] > 0.6
        assert likeness["style"] > likeness["content"] + 0.2

    def test_content_alone_comes_back(self, pair):
        settings = {"configuration": "stft/stft", "weights": {"stft_style": 0, "sparsity": 0}}
        made = apply(method(**settings, stft_network={"n_filters": 512}), **pair, seed=0)
        spectra = [log_magnitude(clip, 1024, 256).ravel() for clip in (made, pair["content"])]
        assert np.corrcoef(spectra[0], spectra[1])[0, 1] > 0.9

    def test_a_quieter_pair_gives_the_same_output_at_the_contents_level(self, pair):
        model = method(max_iterations=3)
        quiet = {**pair, "content": pair["content"] / 4, "style": pair["style"] / 8}
        np.testing.assert_allclose(
            apply(model, **quiet, seed=0), apply(model, **pair, seed=0) / 4, rtol=1e-4, atol=1e-6
        )

    def test_long_contents_are_made_in_blocks_that_go_on_where_the_last_stopped(self, pair, monkeypatch):
        monkeypatch.setattr(MultiRepresentation, "block_s", 0.7)
        monkeypatch.setattr(MultiRepresentation, "overlap_s", 0.1)
        settings = {"configuration": "stft/stft", "weights": {"stft_style": 0, "sparsity": 0}}
        model = method(**settings, stft_network={"n_filters": 512}, max_iterations=60)
        made = apply(model, **pair, seed=0)
        jumps = np.abs(np.diff(made))
        seam = len(made) // 2 + round(0.05 * 22050)  # two blocks that share 0.1 s
        assert jumps[seam - 20 : seam + 20].max() < np.quantile(jumps, 0.999)

    def test_other_rates_are_worked_on_at_the_methods_own(self, pair):
        model = method(max_iterations=3)
        output = apply(model, pair["content"], pair["style"], sample_rate=16000, seed=0)
        assert output.shape == pair["content"].shape


def test_the_method_is_registered_under_its_name():
    assert isinstance(create("multi-representation", {}), MultiRepresentation)
