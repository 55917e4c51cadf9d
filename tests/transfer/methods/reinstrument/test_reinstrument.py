"""Tests of the method that reads notes and plays them, and of how it fits templates to a style."""

from __future__ import annotations

import shutil

import librosa
import numpy as np
import pandas as pd
import pytest

from timbrebench.audio.spectra import magnitude
from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.datasets.dataset import Dataset
from timbrebench.transfer import apply, create
from timbrebench.transfer.methods.reinstrument import reinstrument as module
from timbrebench.transfer.methods.reinstrument.note_adaptation import fit_templates, smooth_filter
from timbrebench.transfer.methods.reinstrument.reinstrument import PLAYING, READING, Reinstrument
from timbrebench.transfer.methods.reinstrument.trained_notes import packaged_notes

QUICK = {"learning_iterations": 4, "recogniser": {"max_epochs": 2}, "inversion": {"iterations": 5}}
TRAINED = {"notes": {"max_epochs": 1, "examples": 4, "frames": 32, "channels": 8}}


@pytest.fixture
def four_pieces(training_music, tmp_path):
    """The melodies under two names each: some to learn from, others to choose the epoch by."""
    shutil.copytree(training_music.root, tmp_path / "music")
    renamed = training_music.manifest.assign(
        piece=training_music.manifest.piece + "-again", clip_id=training_music.manifest.clip_id + "-again"
    )
    for piece in ("up", "down"):
        notes = tmp_path / "music" / "notes"
        shutil.copy(notes / f"{piece}.csv", notes / f"{piece}-again.csv")
    manifest = pd.concat([training_music.manifest, renamed], ignore_index=True)
    return Dataset(tmp_path / "music", {}, manifest)


def log_spectrum(clip):
    return np.log10(magnitude(clip, 2048, 512) + 1e-2)


def second_partial(clip):
    """How loud the second partial of the notes of `content` is, beside the first and the third."""
    spectrum = magnitude(clip, 2048, 512).mean(axis=1)
    first, second, third = (
        sum(spectrum[round(number * librosa.midi_to_hz(pitch) * 2048 / 22050)] for pitch in (60, 64, 67, 72))
        for number in (1, 2, 3)
    )
    return second / (first + third)


class TestTransfer:
    def test_a_string_played_as_a_reed_loses_its_even_partials(self, prepared, pair):
        output = apply(prepared, **pair, seed=0)
        assert second_partial(output) < 0.5 * second_partial(pair["content"])

    def test_it_is_as_loud_as_the_content(self, prepared, pair):
        output = apply(prepared, **pair, seed=0)
        levels = [np.sqrt(np.mean(clip**2)) for clip in (output, pair["content"])]
        assert levels[0] == pytest.approx(levels[1], rel=0.2)

    def test_a_softer_style_is_the_same_style(self, prepared, pair):
        loud = apply(prepared, **pair, seed=0)
        soft = apply(prepared, **{**pair, "style": 0.1 * pair["style"]}, seed=0)
        assert np.abs(log_spectrum(soft) - log_spectrum(loud)).mean() < 0.01

    def test_it_has_to_be_prepared(self, pair):
        with pytest.raises(MethodError, match="'reinstrument' has not been prepared"):
            apply(create("reinstrument", {}), **pair, seed=0)


class TestPrepare:
    def test_what_was_learned_is_loaded_again(self, four_pieces, tmp_path, monkeypatch):
        Reinstrument(**QUICK, **TRAINED).prepare(four_pieces, tmp_path)
        monkeypatch.setattr(module, "learn_templates", None)  # learning again would fail
        monkeypatch.setattr(module, "train_notes", None)
        again = Reinstrument(**QUICK, **TRAINED)
        again.prepare(four_pieces, tmp_path)
        assert packaged_notes().weights_sha256 not in again.learned().weights
        assert len(again.learned().weights) == 2

    @pytest.mark.parametrize("name", [READING, PLAYING])
    def test_a_damaged_file_is_made_again(self, prepared, training_music, learned_folder, tmp_path, name):
        shutil.copytree(learned_folder, tmp_path, dirs_exist_ok=True)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        Reinstrument(**prepared.parameters.model_dump()).prepare(training_music, tmp_path)
        assert (tmp_path / name).read_bytes() == whole

    def test_it_says_what_its_networks_have_learned_from(self, prepared, training_music):
        learned = prepared.learned()
        assert packaged_notes().weights_sha256 in learned.weights
        assert len(learned.weights) == 2
        assert packaged_notes().training_clips < learned.clips
        assert learned.clips - packaged_notes().training_clips <= set(training_music.manifest.sha256)
        assert Reinstrument().learned().weights == frozenset()

    def test_unknown_settings_of_a_training_are_refused(self):
        with pytest.raises(ConfigurationError, match="max_epoch"):
            create("reinstrument", {"notes": {"max_epoch": 3}})


class TestFitTemplates:
    """Two stages of three pitches; the clip holds the first pitch alone."""

    SHAPE = (2, 3, 22050)

    def clip(self, seed=0):
        rng = np.random.default_rng(seed)
        templates = rng.uniform(0.1, 1, (513, 6)).astype(np.float32)
        activations = np.zeros((6, 40), dtype=np.float32)
        activations[0, :10], activations[3, 10:] = 1, 1
        return templates, activations

    def test_what_fits_stays(self):
        templates, activations = self.clip()
        fitted = fit_templates(templates @ activations, templates, activations, self.SHAPE)
        np.testing.assert_allclose(fitted[:, [0, 3]], templates[:, [0, 3]], rtol=0.02)

    def test_what_is_heard_is_learned(self):
        templates, activations = self.clip()
        others, _ = self.clip(seed=1)
        fitted = fit_templates(others @ activations, templates, activations, self.SHAPE)
        before, after = (np.abs(spectra - others)[:, [0, 3]].mean() for spectra in (templates, fitted))
        assert after < 0.2 * before

    def test_notes_that_are_not_heard_get_the_moved_spectrum_as_loud_as_theirs(self):
        templates, activations = self.clip()
        peaked = np.full((513, 6), 0.01, dtype=np.float32)
        peaked[200] = 10
        fitted = fit_templates(peaked @ activations, templates, activations, self.SHAPE)
        assert fitted[:, 1].argmax() == pytest.approx(200 * 2 ** (1 / 12), abs=1)
        assert fitted[:, 5].argmax() == pytest.approx(200 * 2 ** (2 / 12), abs=1)

    def test_without_notes_nothing_changes(self):
        templates, activations = self.clip()
        fitted = fit_templates(templates @ activations, templates, 0 * activations, self.SHAPE)
        np.testing.assert_array_equal(fitted, templates)


class TestSmoothFilter:
    def test_equal_spectra_need_none_whatever_their_levels(self):
        clip = np.random.default_rng(0).uniform(1, 2, (1025, 20)).astype(np.float32)
        np.testing.assert_allclose(smooth_filter(clip, 9 * clip, 22050), 1, rtol=1e-5)

    def test_a_tilt_is_followed_and_limited(self):
        flat = np.ones((1025, 5), dtype=np.float32)
        frequencies = np.arange(1025)[:, None] + 1
        gentle = smooth_filter(flat / frequencies**0.3, flat, 22050)
        steep = smooth_filter(flat / frequencies**3, flat, 22050)
        assert (np.diff(gentle) <= 1e-6).all()
        assert steep.max() == pytest.approx(10 ** (12 / 20), rel=1e-3)

    def test_silence_says_nothing(self):
        silent = np.zeros((513, 4), dtype=np.float32)
        np.testing.assert_array_equal(smooth_filter(silent, silent + 1, 22050), 1)
