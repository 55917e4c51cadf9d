"""Style swap: which patch is best, what a style can bring, and what it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.audio.spectra import magnitude
from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.transfer import apply
from timbrebench.transfer.methods import style_swap
from timbrebench.transfer.methods.style_swap import StyleSwap, above_floor, best_matches, swap_patches

RATE = 22050
QUICK = {"inversion": {"algorithm": "fast-griffin-lim", "iterations": 5, "start": "given"}}


def sines(*hertz, duration_s=1.0):
    time = np.arange(round(duration_s * RATE)) / RATE
    return (0.4 * np.mean([np.sin(2 * np.pi * f * time) for f in hertz], axis=0)).astype(np.float32)


def swapped_by_definition(content, style, patch, stride, max_shift):
    """Chen & Schmidt's exchange, patch by patch, in float64."""
    height, width = patch
    total, count = np.zeros(content.shape), np.zeros(content.shape)
    last = content.shape[0] - height
    for k in sorted({*range(0, last, stride), last}):
        for t in range(content.shape[1] - width + 1):
            wanted = content[k : k + height, t : t + width].astype(float)
            best, highest = np.zeros(patch), 0.0
            for j in range(max(0, k - max_shift), min(last, k + max_shift) + 1):
                for u in range(style.shape[1] - width + 1):
                    offered = style[j : j + height, u : u + width].astype(float)
                    norm = np.linalg.norm(offered)
                    if norm and (wanted * offered).sum() / norm > highest:
                        best, highest = offered, (wanted * offered).sum() / norm
            total[k : k + height, t : t + width] += best
            count[k : k + height, t : t + width] += 1
    return total / count


@pytest.mark.parametrize("max_shift", [0, 2])
@pytest.mark.parametrize(("patch", "stride"), [((3, 2), 1), ((4, 3), 3), ((11, 1), 5)])
def test_the_exchange_is_that_of_its_definition(generator, patch, stride, max_shift):
    content, style = (generator.random((11, frames), dtype=np.float32) for frames in (7, 9))
    made = swap_patches(content, style, patch=patch, stride=stride, max_shift=max_shift)
    expected = swapped_by_definition(content, style, patch, stride, max_shift)
    np.testing.assert_allclose(made, expected, atol=1e-5)


def test_a_patch_is_matched_by_direction_and_keeps_the_level_of_the_style():
    wanted = np.float32([[1, 2], [3, 0], [0, 0]])
    offered = np.float32([[10, 10], [40, 0], [0.1, 0.2], [0, 0]])
    np.testing.assert_array_equal(best_matches(wanted, offered), np.float32([[0.1, 0.2], [40, 0], [0, 0]]))


def test_matches_do_not_depend_on_how_many_are_held_at_once(generator, monkeypatch):
    wanted, offered = (generator.random((n, 6), dtype=np.float32) for n in (50, 40))
    at_once = best_matches(wanted, offered)
    monkeypatch.setattr(style_swap, "_MAX_CORRELATIONS", 7 * 40)
    np.testing.assert_array_equal(best_matches(wanted, offered), at_once)


def test_the_content_as_style_gives_the_content(content, sample_rate):
    output = apply(StyleSwap(**QUICK), content, content, sample_rate=sample_rate, seed=0)
    assert np.linalg.norm(output - content) < 0.01 * np.linalg.norm(content)


def test_a_style_of_two_tones_yields_those_tones_alone(content, sample_rate):
    output = apply(
        StyleSwap(max_shift=0, **QUICK), content, sines(500, 1500), sample_rate=sample_rate, seed=0
    )
    power = np.square(magnitude(output)).sum(axis=1)
    hertz = np.linspace(0, RATE / 2, len(power))
    near = (np.abs(hertz - 500) < 60) | (np.abs(hertz - 1500) < 60)
    assert power[near].sum() > 0.98 * power.sum()


def test_a_tone_moves_no_further_than_it_may(sample_rate):
    above, style = sines(560), sines(500)
    bin_hz = RATE / 2048
    for max_shift in (2, 10):
        output = apply(StyleSwap(max_shift=max_shift, **QUICK), above, style, sample_rate=sample_rate, seed=0)
        peak = magnitude(output).sum(axis=1).argmax() * bin_hz
        assert peak == pytest.approx(min(560, 500 + max_shift * bin_hz), abs=bin_hz)


def test_pauses_stay_pauses(content, style, sample_rate):
    paused = content.copy()
    paused[8_000:16_000] = 0
    output = apply(StyleSwap(**QUICK), paused, style, sample_rate=sample_rate, seed=0)
    assert np.abs(output[10_500:13_500]).max() < 1e-3 * np.abs(output).max()


def test_neither_the_seed_nor_the_style_s_level_matters(content, style, sample_rate):
    first = apply(StyleSwap(**QUICK), content, style, sample_rate=sample_rate, seed=1)
    other = apply(StyleSwap(**QUICK), content, style / 4, sample_rate=sample_rate, seed=2)
    np.testing.assert_allclose(first, other, atol=1e-4)


def test_the_floor_is_zero_and_the_loudest_is_the_range(content):
    levels = above_floor(magnitude(content), 60)
    assert levels.min() == 0
    assert levels.max() == pytest.approx(60)


def test_a_clip_shorter_than_a_patch_is_refused(pair):
    with pytest.raises(MethodError, match="the style lasts"):
        apply(StyleSwap(patch_frames=45), **{**pair, "style": pair["style"][:20_000]}, seed=0)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"patch_bins": 1026}, "more than the 1025 bins"),
        ({"patch_bins": 4, "stride": 5}, "bins would be left out"),
        ({"patch_frames": 0}, "patch_frames"),
        ({"max_shift": -1}, "max_shift"),
    ],
)
def test_settings_that_do_not_fit_are_refused(parameters, reason):
    with pytest.raises(ConfigurationError, match=reason):
        StyleSwap(**parameters)
