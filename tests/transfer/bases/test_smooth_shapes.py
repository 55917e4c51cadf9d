"""Smooth shapes of a log spectrum: orthogonal, exactly invertible, blind to level."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.audio import magnitude
from timbrebench.core.progress import Tracker
from timbrebench.metrics.sound import Sound
from timbrebench.metrics.sound_quality import burst_db
from timbrebench.transfer import apply, create
from timbrebench.transfer.bases.smooth_shapes import (
    HEADROOM_DB,
    SmoothShapes,
    analyse,
    log_spectrum,
    sounding_frames,
    synthesise,
)

RANGE_DB = 80.0


@pytest.fixture
def shapes():
    return SmoothShapes(40, 1025, 22050)


def features(spectrogram, shapes):
    return analyse(spectrogram, shapes, RANGE_DB, Tracker("test", 1))


def changed(spectrogram, change, shapes):
    return synthesise(spectrogram, change, shapes, RANGE_DB, Tracker("test", 1))


@pytest.mark.parametrize("n_channels", [1, 40, 300])
def test_what_is_synthesised_is_analysed_as_it_was(n_channels):
    shapes = SmoothShapes(n_channels, 1025, 22050)
    np.testing.assert_allclose(shapes.analysis @ shapes.synthesis, np.eye(n_channels), atol=1e-10)


def test_all_shapes_together_hold_the_whole_spectrum():
    shapes = SmoothShapes(17, 17, 8000)
    np.testing.assert_allclose(shapes.synthesis @ shapes.analysis, np.eye(17), atol=1e-8)


def test_a_slope_over_the_octaves_is_smooth_and_a_comb_is_not(shapes):
    frequencies = np.linspace(0, 11025, 1025)
    slope = -6 * np.log2(1 + frequencies / 100)
    comb = np.cos(2 * np.pi * frequencies / 50)
    kept = [shapes.synthesis @ (shapes.analysis @ spectrum) for spectrum in (slope, comb)]
    assert np.std(kept[0] - slope) < 1e-2 * np.std(slope)
    high = frequencies > 1000  # where 50 Hz is far less than a shape is wide
    assert np.std(kept[1][high]) < 0.05


def test_no_change_leaves_every_bin_as_it_was(content, shapes):
    spectrogram = magnitude(content)
    same = changed(spectrogram, np.zeros((40, spectrogram.shape[1])), shapes)
    np.testing.assert_allclose(same, spectrogram, rtol=1e-5)


def test_a_change_is_found_again(content, shapes):
    """Where nothing meets the floor or the ceiling, features of the result are features plus change."""
    spectrogram = magnitude(content + 0.01 * np.random.default_rng(0).standard_normal(len(content))) + 0.1
    change = np.random.default_rng(1).standard_normal((40, spectrogram.shape[1])) * 0.05
    found = features(changed(spectrogram, change, shapes).astype(np.float64), shapes)
    error = found - features(spectrogram, shapes) - change
    np.testing.assert_allclose(error[1:], 0, atol=1e-5)
    np.testing.assert_allclose(error[0], error[0, 0], atol=1e-5)  # the level of the whole, which is kept


def test_level_moves_nothing(content, shapes):
    spectrogram = magnitude(content)
    np.testing.assert_allclose(features(spectrogram / 64, shapes), features(spectrogram, shapes), atol=1e-9)


def test_a_huge_change_of_one_frame_does_not_drown_the_others(content, shapes):
    spectrogram = magnitude(content)
    change = np.zeros((40, spectrogram.shape[1]))
    change[0, 20] = 500
    made = changed(spectrogram, change, shapes)
    assert np.isfinite(made).all()
    assert made.max() <= 1.01 * spectrogram.max() * 10 ** (HEADROOM_DB / 20)
    assert np.sum(made**2) == pytest.approx(np.sum(spectrogram**2), rel=1e-4)


def test_the_floor_is_where_it_is_said_to_be():
    spectrum = np.array([[1.0], [1e-3], [1e-9], [0.0]], np.float32)
    decibels = 20 / np.log(10) * log_spectrum(spectrum, 1.0, 80.0)
    np.testing.assert_allclose(decibels[:, 0], [0, -60, -80, -80], atol=1e-4)


def test_pauses_are_told_from_sound(content):
    spectrogram = magnitude(np.concatenate([content, np.zeros(22050, np.float32)]))
    sounding = sounding_frames(spectrogram)
    last = len(content) // 512
    assert sounding[: last - 2].all()
    assert not sounding[last + 4 :].any()


def test_where_one_frame_sounds_alone_all_count():
    spectrogram = np.zeros((5, 4), np.float32)
    spectrogram[2, 1] = 1
    assert sounding_frames(spectrogram).all()


@pytest.mark.parametrize("name", ["adain", "wct", "envelope"])
def test_a_clip_that_is_cut_within_its_notes_makes_no_burst(name, sample_rate):
    """Steps at its ends hold high frequencies that it has nowhere else, and that a bright style raises."""
    time = np.arange(2 * sample_rate) / sample_rate
    tremolo = 1 + 0.3 * np.sin(2 * np.pi * 3 * time)
    dull = 0.2 * tremolo * (np.cos(2 * np.pi * 220 * time) + 0.3 * np.cos(2 * np.pi * 440 * time))
    bright = np.random.default_rng(0).standard_normal(len(time)) * np.exp(-4 * (time % 0.5))
    content, style = (clip.astype(np.float32) for clip in (dull, 0.1 * bright))
    output = apply(create(name, {}), content, style, sample_rate=sample_rate, seed=0)
    assert burst_db(Sound(output, sample_rate)) == 0


@pytest.mark.parametrize("name", ["adain", "wct"])
def test_windows_that_reach_beyond_the_clips_change_like_their_neighbours_and_do_not_count(
    name, content, style
):
    method = create(name, {})
    faded = [clip * np.hanning(len(clip)).astype(np.float32) for clip in (content, style)]  # loudest within
    spectra = [magnitude(clip) for clip in faded]
    odd = [spectrum.copy() for spectrum in spectra]
    rng = np.random.default_rng(0)
    for spectrum in odd:
        for outer in (slice(2), slice(-2, None)):
            spectrum[:, outer] *= rng.uniform(0.3, 0.9, spectrum[:, outer].shape)
    made, of_odd = (method.transform(*pair, rng) for pair in (spectra, odd))
    level = np.linalg.norm(made[:, 2:-2]) / np.linalg.norm(of_odd[:, 2:-2])
    np.testing.assert_allclose(level * of_odd[:, 2:-2], made[:, 2:-2], rtol=1e-4, atol=1e-6)
    gain = made[:, :3] / spectra[0][:, :3]
    np.testing.assert_allclose(gain[:, 0], gain[:, 2], rtol=1e-4)
