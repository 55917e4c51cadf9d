"""Whitening and colouring: the covariances of features."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.transfer import apply, create
from timbrebench.transfer.methods.adain import adain
from timbrebench.transfer.methods.wct import WCT, covariance, whiten_and_colour


@pytest.fixture
def draws():
    """Correlated features: many frames of content, fewer of style."""
    rng = np.random.default_rng(3)
    mixtures = np.linalg.qr(rng.standard_normal((2, 8, 8)))[0] * np.linspace(0.5, 2, 8)
    return [
        mixture @ rng.standard_normal((8, n)) + 4 for mixture, n in zip(mixtures, (4000, 3000), strict=True)
    ]


def test_whitened_features_have_the_identity_as_covariance(draws):
    content, _ = draws
    whitened = whiten_and_colour(np.cov(content), np.eye(8)) @ content
    np.testing.assert_allclose(np.cov(whitened), np.eye(8), atol=1e-9)


def test_coloured_features_have_the_covariance_of_the_style(draws):
    content, style = draws
    made = whiten_and_colour(np.cov(content), np.cov(style)) @ content
    np.testing.assert_allclose(np.cov(made), np.cov(style), atol=1e-8)


def test_with_many_frames_mean_and_covariance_are_the_styles(draws):
    content, style = draws
    made = WCT().match(content, style)
    np.testing.assert_allclose(made.mean(axis=1), style.mean(axis=1), atol=1e-9)
    assert np.linalg.norm(np.cov(made) - np.cov(style)) < 0.05 * np.linalg.norm(np.cov(style))


def test_content_in_its_own_style_is_the_content(draws):
    content, _ = draws
    np.testing.assert_allclose(WCT().match(content, content), content, atol=1e-9)


def test_independent_features_are_treated_as_by_adain():
    rng = np.random.default_rng(8)
    content, style = (rng.standard_normal((5, 20000)) * rng.uniform(1, 2, (5, 1)) + 3 for _ in range(2))
    np.testing.assert_allclose(WCT().match(content, style), adain(content, style), atol=0.15)


def test_the_map_is_that_of_an_independent_definition(draws):
    content, style = (np.cov(features) for features in draws)
    u, s, _ = np.linalg.svd(content)
    v, t, _ = np.linalg.svd(style)
    expected = v @ np.diag(np.sqrt(t)) @ v.T @ u @ np.diag(1 / np.sqrt(s)) @ u.T
    np.testing.assert_allclose(whiten_and_colour(content, style), expected, atol=1e-9)


def test_fewer_frames_than_features_are_whitened_without_blowing_up():
    rng = np.random.default_rng(1)
    content, style = rng.standard_normal((40, 12)), rng.standard_normal((40, 300))
    made = WCT().match(content, style)
    assert np.linalg.eigvalsh(covariance(content)).min() > 0.1
    assert 0.3 < made.std() / style.std() < 3


def test_features_that_do_not_vary_become_the_styles_mean():
    style = np.random.default_rng(0).standard_normal((4, 50))
    made = WCT().match(np.ones((4, 30)), style)
    np.testing.assert_allclose(made, np.broadcast_to(style.mean(axis=1, keepdims=True), (4, 30)))


def test_without_alpha_nothing_changes(content, style, sample_rate):
    output = apply(create("wct", {"alpha": 0}), content, style, sample_rate=sample_rate, seed=0)
    np.testing.assert_allclose(output, content, atol=1e-5)
