"""A network that learns from the same notes in two timbres."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from timbrebench.audio.spectra import magnitude
from timbrebench.core.errors import DatasetError, MethodError
from timbrebench.transfer import apply, create
from timbrebench.transfer.methods.paired.paired_network import BINS_PER_OCTAVE, FMIN, Bands, PairedNetwork
from timbrebench.transfer.methods.paired.paired_training import (
    AlignedPairs,
    PairedClip,
    gather,
    spectral_difference,
)
from timbrebench.transfer.methods.paired.trained_paired import level_of

SMALL = {
    "n_fft": 1024,
    "inversion": {"iterations": 3, "start": "given"},
    "training": {"max_epochs": 4, "channels": 2, "excerpt_frames": 16, "learning_rate": 0.02},
}


def sine(frequency, seconds=1.0):
    return np.sin(2 * np.pi * frequency * np.arange(int(22050 * seconds)) / 22050).astype(np.float32)


class TestBands:
    def test_a_sine_is_loudest_in_the_band_of_its_frequency(self):
        bands = Bands(22050, 2048)
        assert bands.count % 8 == 0
        for frequency in (220.0, 1000.0, 5000.0):
            heard = bands(torch.from_numpy(magnitude(sine(frequency))))[:, 20]
            assert abs(int(heard.argmax()) - BINS_PER_OCTAVE * math.log2(frequency / FMIN)) <= 1.5

    def test_what_is_the_same_in_all_bands_is_so_in_all_bins(self):
        bands = Bands(22050, 2048)
        torch.testing.assert_close(bands.interpolation @ torch.ones(bands.count), torch.ones(1025))

    def test_a_steady_sine_of_any_level_has_one_magnitude_and_one_value(self):
        peaks = []
        for gain in (0.01, 1.0):
            spectrum = magnitude(gain * sine(22050 / 2048 * 40))[:, 8:-8]
            peaks.append(float((spectrum / level_of(spectrum)).max()))
        np.testing.assert_allclose(peaks, math.sqrt(2), rtol=0.01)


class TestNetwork:
    @pytest.fixture
    def network(self):
        torch.manual_seed(0)
        return PairedNetwork(2, 22050, 1024).eval()

    def test_it_starts_from_the_content_as_it_is(self, network):
        content = torch.rand(2, 513, 13)
        made = network(content, torch.randn(2, 32))
        torch.testing.assert_close(made, content, atol=1e-3, rtol=0)

    def test_the_style_changes_what_is_made_and_may_last_one_frame(self, network):
        torch.nn.init.normal_(network.heads.weight)
        content, style = torch.rand(1, 513, 16), torch.rand(1, 513, 40)
        first, other = (network(content, network.embed(clip)) for clip in (style, style**4))
        assert (first - other).abs().max() > 1e-4
        assert network.embed(style[..., :1]).shape == (1, 32)

    def test_each_clip_of_a_batch_is_made_by_itself(self, network):
        torch.nn.init.normal_(network.heads.weight)
        contents, embeddings = torch.rand(2, 513, 16), torch.randn(2, 32)
        both = network(contents, embeddings)
        torch.testing.assert_close(both[1:], network(contents[1:], embeddings[1:]), atol=1e-5, rtol=1e-4)

    def test_the_loss_is_nothing_for_the_target_and_grows_with_the_error(self, network):
        wanted = torch.rand(1, 513, 8)
        losses = [float(spectral_difference(network, gain * wanted, wanted)) for gain in (1, 2, 4)]
        assert losses[0] == 0
        assert 0.5 < losses[1] < losses[2]


def clip(timbre, piece, start_s=0.0, *, held_out=False):
    return PairedClip(torch.zeros(1, 1), torch.zeros(1, 1), timbre, piece, start_s, held_out)


class TestPairs:
    def test_contents_have_the_targets_notes_and_styles_its_timbre(self):
        clips = [
            clip(timbre, piece, start) for piece, start in (("a", 0), ("a", 5), ("b", 0)) for timbre in "xyz"
        ]
        clips += [clip(timbre, "c", held_out=True) for timbre in "xy"]
        pairs = AlignedPairs(clips)
        for target, one in enumerate(clips):
            contents = [clips[number] for number in pairs.contents[target]]
            assert {(other.piece, other.start_s) for other in contents} == {(one.piece, one.start_s)}
            assert {other.timbre for other in contents} == {*"xyz"[: 2 if one.held_out else 3]} - {one.timbre}
            styles = [clips[number] for number in pairs.styles[target]]
            assert {other.timbre for other in styles} == {one.timbre}
            assert {other.piece for other in styles} == {"a", "b"} - {one.piece}
        assert pairs.targets(held_out=True) == [9, 10]

    def test_what_is_held_out_is_no_style_of_what_is_learned(self):
        pairs = AlignedPairs([clip("x", "a"), clip("x", "b", held_out=True), clip("y", "a")])
        assert pairs.styles == [[0], [0], [2]]


@pytest.fixture(scope="module")
def prepared(training_music, tmp_path_factory):
    method = create("paired", SMALL)
    method.prepare(training_music, tmp_path_factory.mktemp("paired"))
    return method


class TestMethod:
    def test_training_lowers_the_loss_on_what_it_learns_from(self, training_music, tmp_path):
        training = {
            "max_epochs": 12,
            "patience": 12,
            "channels": 4,
            "excerpt_frames": 32,
            "learning_rate": 0.02,
        }
        create("paired", {**SMALL, "training": training}).prepare(training_music, tmp_path)
        curve = pd.read_csv(tmp_path / "paired_curve.csv")
        assert curve.train_loss.iloc[-3:].mean() < 0.8 * curve.train_loss.iloc[0]

    def test_what_was_learned_is_loaded_and_declared_and_made_again_where_damaged(
        self, prepared, training_music, tmp_path, pair
    ):
        first = create("paired", SMALL)
        assert not first.learned().weights
        with pytest.raises(MethodError, match="has not been prepared"):
            apply(first, **pair, seed=0)
        first.prepare(training_music, tmp_path)
        files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        again = create("paired", {**SMALL, "inversion": {"iterations": 1}})
        again.prepare(training_music, tmp_path)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
        assert first.learned() == again.learned() == prepared.learned()
        assert first.learned().clips == frozenset(training_music.manifest.sha256)
        next(tmp_path.glob("paired-*.pt")).write_bytes(b"damaged")
        again.prepare(training_music, tmp_path)
        assert again.learned() == prepared.learned()

    def test_the_style_changes_the_output_and_not_its_level(self, prepared, pair):
        first = apply(prepared, **pair, seed=0)
        other = apply(prepared, **{**pair, "style": pair["content"]}, seed=0)
        assert np.abs(first - other).max() > 1e-6
        assert np.sqrt(np.mean(first**2)) == pytest.approx(np.sqrt(np.mean(pair["content"] ** 2)), rel=0.01)

    def test_the_level_of_a_clip_changes_nothing_but_the_level(self, prepared, pair):
        loud = apply(prepared, **pair, seed=0)
        quiet = apply(
            prepared, **{**pair, "content": pair["content"] / 8, "style": pair["style"] / 4}, seed=0
        )
        np.testing.assert_allclose(quiet, loud / 8, atol=1e-4)

    @pytest.mark.parametrize("length", [0.06, 0.3])
    def test_short_styles_and_single_notes_will_do(self, prepared, pair, length):
        given = {**pair, "style": pair["style"][: int(length * 22050)], "content": pair["content"][:5512]}
        output = apply(prepared, **given, seed=0)
        assert len(output) == 5512
        assert np.isfinite(output).all()

    def test_noise_stays_audio(self, prepared, pair):
        noise = np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)
        output = apply(prepared, **{**pair, "content": noise}, seed=0)
        assert np.isfinite(output).all()

    @pytest.mark.parametrize("selection", [{"label": "string"}, {"piece": "up"}])
    def test_notes_in_one_timbre_or_one_piece_are_too_little(self, training_music, tmp_path, selection):
        with pytest.raises(DatasetError, match=r"two pieces, each played by two timbres"):
            create("paired", SMALL).prepare(training_music.select(**selection), tmp_path)


def test_silent_clips_are_left_out(training_music, monkeypatch):
    network = PairedNetwork(2, 22050, 1024)
    everything = gather(training_music, network, 512, seed=0)
    assert [len(everything), everything[0].magnitudes.shape[0]] == [4, 513]
    monkeypatch.setattr(type(training_music), "samples", lambda *_: np.zeros(22050, np.float32))
    assert gather(training_music, network, 512, seed=0) == []
