"""Audio mosaicing: what updates promise, what constraints do, and that a known phrase is found again."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import non_negative_factorization

from timbrebench.audio.spectra import magnitude
from timbrebench.core.errors import ConfigurationError
from timbrebench.transfer import apply, create
from timbrebench.transfer.algorithms.nmf import (
    activate,
    kl_divergence,
    move_pitch,
    update_activations,
    update_templates,
)
from timbrebench.transfer.methods.musaicing import (
    Musaicing,
    sum_diagonals,
    weaken_repetitions,
    weaken_the_rest,
)


@pytest.fixture
def spectrogram(content):
    return magnitude(content)


@pytest.fixture
def templates(style):
    return magnitude(style)


class TestUpdates:
    def test_the_divergence_is_the_one_of_the_definition(self, generator):
        wanted, given = generator.random((2, 5, 7))
        wanted[0, 0] = 0
        terms = [
            (v * np.log(v / y) if v else 0.0) - v + y for v, y in zip(wanted.flat, given.flat, strict=True)
        ]
        assert kl_divergence(wanted, given) == pytest.approx(sum(terms))
        assert kl_divergence(wanted, wanted) == 0

    def test_no_update_raises_it(self, spectrogram, templates, generator):
        activations = generator.random((templates.shape[1], spectrogram.shape[1]), dtype=np.float32)
        divergences = [kl_divergence(spectrogram, templates @ activations)]
        for _ in range(10):
            activations = update_activations(spectrogram, templates, activations)
            divergences.append(kl_divergence(spectrogram, templates @ activations))
            templates = update_templates(spectrogram, templates, activations)
            divergences.append(kl_divergence(spectrogram, templates @ activations))
        assert divergences == sorted(divergences, reverse=True)

    def test_activations_are_those_of_scikit_learn(self, generator):
        spectrogram = generator.random((40, 30), dtype=np.float32) + 0.1
        templates = generator.random((40, 6), dtype=np.float32)
        expected, _, _ = non_negative_factorization(
            spectrogram.T,
            H=np.ascontiguousarray(templates.T),
            n_components=6,
            update_H=False,
            solver="mu",
            beta_loss="kullback-leibler",
            max_iter=3000,
            tol=0,
        )
        ours = activate(spectrogram, templates, 3000)
        np.testing.assert_allclose(ours, expected.T, atol=2e-3)

    def test_silence_gives_zeros(self, templates):
        silent = np.zeros_like(templates)
        np.testing.assert_array_equal(activate(silent, templates, 3), 0)
        np.testing.assert_array_equal(activate(templates, silent, 3), 0)


class TestConstraints:
    def test_after_repetition_only_the_largest_within_reach_is_left(self, generator):
        activations = generator.random((20, 50), dtype=np.float32)
        left = weaken_repetitions(activations, 3, keep=0)
        for row, column in zip(*np.nonzero(left), strict=True):
            near = activations[row, max(0, column - 3) : column + 4]
            assert activations[row, column] == near.max()
            assert np.count_nonzero(left[row, max(0, column - 3) : column + 4]) == 1
        assert (left.max(axis=1) == activations.max(axis=1)).all()

    def test_after_polyphony_the_largest_of_each_frame_are_left(self, generator):
        activations = generator.random((20, 50), dtype=np.float32)
        left = weaken_the_rest(activations, 4, keep=0)
        assert (np.count_nonzero(left, axis=0) == 4).all()
        np.testing.assert_array_equal(np.sort(left, axis=0)[-4:], np.sort(activations, axis=0)[-4:])

    def test_weakened_activations_keep_their_share(self, generator):
        activations = generator.random((20, 50), dtype=np.float32)
        for weakened in (weaken_repetitions(activations, 3, 0.25), weaken_the_rest(activations, 4, 0.25)):
            changed = weakened != activations
            np.testing.assert_allclose(weakened[changed], 0.25 * activations[changed])

    def test_more_polyphony_than_templates_leaves_all(self, generator):
        activations = generator.random((3, 5), dtype=np.float32)
        np.testing.assert_array_equal(weaken_the_rest(activations, 10, keep=0), activations)

    def test_continuity_spreads_an_activation_along_its_diagonal(self):
        activations = np.zeros((9, 12), dtype=np.float32)
        activations[4, 6] = 1
        expected = np.zeros_like(activations)
        for step in (-2, -1, 0, 1, 2):
            expected[4 + step, 6 + step] = 1
        np.testing.assert_array_equal(sum_diagonals(activations, 2), expected)

    def test_continuity_stops_at_the_edges(self):
        total = sum_diagonals(np.ones((2, 3), dtype=np.float32), 3)
        np.testing.assert_array_equal(total, [[2, 2, 1], [1, 2, 2]])

    def test_keys_are_too_far_apart_for_a_diagonal(self, templates):
        method = Musaicing(transpositions=1, continuity=3)
        offered = method._offer(templates)
        frames = templates.shape[1]
        assert offered.shape[1] == 3 * (frames + 3)
        np.testing.assert_array_equal(offered[:, frames : frames + 3], 0)
        np.testing.assert_array_equal(offered[:, frames + 3 : 2 * frames + 3], templates)


class TestMovePitch:
    def test_an_octave_doubles_every_frequency(self):
        spectrum = np.zeros((64, 1), dtype=np.float32)
        spectrum[[4, 9]] = 1
        assert np.argmax(move_pitch(spectrum, 12)[:, 0]) == 8
        assert move_pitch(spectrum, 12)[18, 0] == 1
        assert move_pitch(spectrum, -12)[2, 0] == 1

    def test_what_leaves_the_axis_is_lost(self):
        spectrum = np.ones((64, 1), dtype=np.float32)
        np.testing.assert_array_equal(move_pitch(spectrum, -12)[32:], 0)
        np.testing.assert_array_equal(move_pitch(spectrum, 0), spectrum)


class TestTransfer:
    def test_a_phrase_of_the_styles_own_frames_is_found_again(self, style):
        spectrogram = magnitude(style)
        order = np.r_[30:40, 5:15]
        phrase = spectrogram[:, order]
        method = Musaicing(transpositions=0)
        mosaic = method.transform(phrase, spectrogram, np.random.default_rng(0))
        cosine = np.sum(mosaic * phrase, axis=0) / (
            np.linalg.norm(mosaic, axis=0) * np.linalg.norm(phrase, axis=0)
        )
        assert np.median(cosine) > 0.99

    def test_other_keys_reach_what_the_style_never_plays(self, content, style, sample_rate):
        wanted = magnitude(content)
        rng = np.random.default_rng
        alone, all_keys = (
            Musaicing(transpositions=reach).transform(wanted, magnitude(style), rng(0)) for reach in (0, 12)
        )
        assert kl_divergence(wanted, all_keys) < 0.7 * kl_divergence(wanted, alone)

    def test_a_long_content_is_made_in_blocks(self, content, style, sample_rate, monkeypatch):
        monkeypatch.setattr(Musaicing, "block_s", 0.6)
        monkeypatch.setattr(Musaicing, "overlap_s", 0.2)
        method = Musaicing(transpositions=0, inversion={"iterations": 1})
        output = apply(method, content, style, sample_rate=sample_rate, seed=0)
        assert output.shape == content.shape

    def test_a_short_style_at_another_rate_will_do(self, content, style):
        method = Musaicing(transpositions=1, inversion={"iterations": 1})
        output = apply(method, content, style[:2000], sample_rate=16000, seed=0)
        assert output.shape == content.shape

    @pytest.mark.parametrize(
        ("parameters", "reason"),
        [
            ({"polyphony": 0}, "polyphony: .* greater than 0"),
            ({"repetition": -1}, "repetition: .* greater than or equal to 0"),
            ({"transpositions": 25}, "transpositions: .* less than or equal to 24"),
            ({"polyphonie": 3}, r"unknown key 'polyphonie': did you mean 'polyphony'\?"),
        ],
    )
    def test_impossible_settings_are_refused(self, parameters, reason):
        with pytest.raises(ConfigurationError, match=f"method 'musaicing': .*{reason}"):
            create("musaicing", parameters)
