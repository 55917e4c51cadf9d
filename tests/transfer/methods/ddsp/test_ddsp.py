"""Oscillators and noise that a network controls, and the notes that it plays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from timbrebench.core.errors import DatasetError, MethodError
from timbrebench.transfer import apply, create
from timbrebench.transfer.methods.ddsp.ddsp_synthesis import (
    filtered_noise,
    harmonic_amplitudes,
    oscillators,
    spectral_loss,
)
from timbrebench.transfer.methods.ddsp.decoder import DdspNetwork
from timbrebench.transfer.methods.ddsp.voice_playing import ClipVoices, VoiceBatch, play
from timbrebench.transfer.methods.ddsp.voices import Grid, Voice, known_voices, read_voices

GRID = Grid(16_000, 256)
SMALL = {"training": {"max_epochs": 2, "channels": 8, "layers": 1, "harmonics": 10}}


def voice(start, frames, f0=440.0):
    return Voice(
        start,
        np.full(frames, f0, np.float32),
        np.full(frames, -20, np.float32),
        np.arange(frames) < frames - 2,
    )


def batch(*voices, frames=40):
    return VoiceBatch.of([ClipVoices.of(voices, GRID)], ["frames"], frames)


class TestSynthesis:
    def test_oscillators_are_sines_of_the_amplitudes_given(self):
        rows = batch(voice(3, 30, 400.0), voice(10, 20, 3000.0))
        numbers = torch.arange(1, 5)
        amplitudes = (0.1 / numbers).repeat(len(rows.rows.f0), 1) * (rows.rows.f0[:, None] * numbers < 8000)
        made = oscillators(amplitudes, rows.rows, 40, 256, 16_000).flatten().numpy()
        expected = np.zeros(40 * 256)
        for start, length, f0 in ((3, 29, 400.0), (10, 19, 3000.0)):  # the last frame fades out
            for number in range(1, 5):
                if f0 * number < 8000:
                    time = np.arange(length * 256) / 16_000
                    wave = 0.1 / number * np.sin(2 * np.pi * f0 * number * time)
                    expected[start * 256 : (start + length) * 256] += wave
        inner = slice(0, 28 * 256)
        np.testing.assert_allclose(made[inner], expected[inner], atol=2e-4)
        assert not made[33 * 256 :].any()
        assert abs(made[33 * 256 - 1]) < 0.01

    def test_phases_go_on_where_the_frequency_changes(self):
        f0 = np.linspace(300, 500, 30).astype(np.float32)
        changing = Voice(0, f0, np.full(30, -20, np.float32), np.ones(30, bool))
        rows = batch(changing)
        made = oscillators(torch.ones(30, 1), rows.rows, 30, 256, 16_000).flatten().numpy()[: 29 * 256]
        assert np.abs(np.diff(made)).max() < 1.05 * 2 * np.pi * 500 / 16_000

    def test_harmonics_from_half_the_rate_on_are_silent(self):
        f0 = torch.tensor([100.0, 3000.0])
        amplitudes = harmonic_amplitudes(torch.zeros(2), torch.zeros(2, 8), f0, 16_000)
        assert (amplitudes[0] > 0).all()
        assert (amplitudes[1] > 0).tolist() == [True, True] + [False] * 6
        torch.testing.assert_close(amplitudes[0].sum(), amplitudes[1].sum())

    def test_the_noise_has_the_spectrum_asked_for(self):
        bands = torch.zeros(1, 200, 65)
        bands[:, :, 16:24] = 1  # 2 to 3 kHz
        noise = 2 * torch.rand(1, 200, 256, generator=torch.Generator().manual_seed(0)) - 1
        made = filtered_noise(bands, noise)[0].numpy()
        assert len(made) == 200 * 256
        power = np.abs(np.fft.rfft(made)) ** 2
        hz = np.fft.rfftfreq(len(made), 1 / 16_000)
        assert power[(hz > 1800) & (hz < 3200)].sum() > 0.95 * power.sum()

    def test_the_loss_is_nothing_for_the_clip_itself_and_grows_with_the_error(self):
        clip = torch.sin(torch.arange(8000) * 0.2)[None]
        louder, other = (
            spectral_loss(made, clip) for made in (1.2 * clip, torch.sin(torch.arange(8000) * 0.3)[None])
        )
        assert spectral_loss(clip, clip) == 0
        assert 0 < louder < other


class TestVoices:
    def test_known_notes_become_voices_with_a_release(self):
        notes = pd.DataFrame({"onset_s": [-0.2, 0.5], "offset_s": [0.4, 0.9], "pitch": [60, 60]})
        levels = np.full((1, 100), -30, np.float32)
        first, second = known_voices(notes, levels, np.array([60]), GRID)
        assert (first.start, first.held.sum(), len(first.f0)) == (0, 25, 31)  # up to the next note
        assert (second.start, second.held.sum(), len(second.f0)) == (31, 25, 25 + 19)
        assert first.f0[0] == pytest.approx(261.63, abs=0.01)

    def test_notes_are_read_where_a_level_stands_out(self):
        levels = np.full((2, 100), -80, np.float32)
        levels[0, 10:40] = -20
        levels[1, 10:40] = -45  # a partial of the other
        levels[0, 60:62] = -20  # too short
        (read,) = read_voices(levels, np.array([60, 72]), GRID)
        assert (read.start, read.held.sum()) == (10, 30)

    def test_a_note_that_is_struck_again_is_two(self):
        levels = np.full((1, 100), -80, np.float32)
        levels[0, 10:40], levels[0, 40:80] = np.linspace(-20, -34, 30), np.linspace(-20, -34, 40)
        first, second = read_voices(levels, np.array([60]), GRID)
        assert first.start == 10
        assert abs(second.start - 40) <= 3


@pytest.fixture(scope="module")
def prepared(training_music, tmp_path_factory):
    method = create("ddsp", SMALL)
    method.prepare(training_music, tmp_path_factory.mktemp("ddsp"))
    return method


class TestMethod:
    def test_training_lowers_the_loss(self, training_music, tmp_path):
        training = {**SMALL["training"], "max_epochs": 8, "learning_rate": 0.03}
        create("ddsp", {"training": training}).prepare(training_music, tmp_path)
        curve = pd.read_csv(tmp_path / "ddsp_curve.csv")
        assert curve.train_loss.iloc[-1] < 0.95 * curve.train_loss.iloc[0]

    def test_what_was_learned_is_loaded_and_declared_and_made_again_where_damaged(
        self, prepared, training_music, tmp_path, pair
    ):
        first = create("ddsp", SMALL)
        assert not first.learned().weights
        with pytest.raises(MethodError, match="has not been prepared"):
            apply(first, **pair, seed=0)
        first.prepare(training_music, tmp_path)
        files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        again = create("ddsp", {**SMALL, "loudness": "notes"})
        again.prepare(training_music, tmp_path)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
        assert first.learned() == again.learned() == prepared.learned()
        assert first.learned().clips == frozenset(training_music.manifest.sha256)
        next(tmp_path.glob("ddsp-*.pt")).write_bytes(b"damaged")
        again.prepare(training_music, tmp_path)
        assert again.learned() == prepared.learned()

    def test_the_style_changes_the_output_and_not_its_level(self, prepared, pair):
        first = apply(prepared, **pair, seed=0)
        other = apply(prepared, **{**pair, "style": pair["content"]}, seed=0)
        assert np.abs(first - other).max() > 1e-4
        assert np.sqrt(np.mean(first**2)) == pytest.approx(np.sqrt(np.mean(pair["content"] ** 2)), rel=0.05)

    def test_a_content_without_notes_is_refused(self, prepared, pair):
        noise = np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)
        with pytest.raises(
            MethodError, match=r"no notes could be read in the content.*choose a content with pitch"
        ):
            apply(prepared, **{**pair, "content": noise}, seed=0)

    @pytest.mark.parametrize("length", [0.06, 0.3])
    def test_short_styles_and_single_notes_will_do(self, prepared, pair, length):
        given = {**pair, "style": pair["style"][: int(length * 22050)], "content": pair["content"][:5512]}
        output = apply(prepared, **given, seed=0)
        assert len(output) == 5512

    def test_one_piece_is_too_little(self, training_music, tmp_path):
        with pytest.raises(DatasetError, match="two pieces at least"):
            create("ddsp", SMALL).prepare(training_music.select(piece="up"), tmp_path)

    def test_the_preset_has_the_published_values_and_what_is_given_wins(self):
        settings = create("ddsp", {"preset": "published", "training": {"max_epochs": 3}}).parameters
        assert (settings.hop_length, settings.training.channels, settings.training.max_epochs) == (64, 512, 3)
        assert create("ddsp", {}).parameters.training.channels < 512


def test_the_network_plays_each_clip_of_a_batch_by_itself():
    torch.manual_seed(0)
    network = DdspNetwork(8, 1, 10).eval()
    clips = [
        ClipVoices.of([voice(0, 20), voice(5, 9, 660.0)], GRID),
        ClipVoices.of([voice(2, 30, 330.0)], GRID),
    ]
    embeddings, noise = torch.randn(2, 16), torch.rand(2, 40, 256)
    with torch.no_grad():
        both = play(network, VoiceBatch.of(clips, ["frames", "notes"], 40), embeddings, noise, GRID)
        for number, kind in enumerate(("frames", "notes")):
            one = VoiceBatch.of([clips[number]], [kind], 40)
            alone = play(network, one, embeddings[[number]], noise[[number]], GRID)
            torch.testing.assert_close(both[[number]], alone, atol=1e-5, rtol=1e-4)
