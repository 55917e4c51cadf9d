"""What holds of all methods that compute their output in closed form: what they ignore, need and keep."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.audio import resample, rms
from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.transfer import apply, create

METHODS = ["adain", "wct", "envelope", "cross-synthesis"]

#: Another value for each parameter.
OTHER = {
    "adain": {
        "alpha": 0.5,
        "n_channels": 10,
        "range_db": 50,
        "sample_rate": 16000,
        "n_fft": 1024,
        "hop_length": 256,
        "inversion": {"algorithm": "griffin-lim", "iterations": 2, "start": "random"},
    },
    "envelope": {"smoothing_octaves": 1, "max_gain_db": 6, "window_s": 0.05},
    "cross-synthesis": {"poles_per_khz": 0.5, "window_s": 0.03, "share": 0.1},
}
OTHER["wct"] = OTHER["adain"]


def run(name, content, style, sample_rate=22050, seed=0, **parameters):
    return apply(create(name, parameters), content, style, sample_rate=sample_rate, seed=seed)


def difference(first, second):
    """Return the error of one clip as a share of the other."""
    return rms(first.astype(float) - second) / rms(second)


@pytest.fixture(params=METHODS)
def name(request):
    return request.param


def test_the_style_changes_the_content_and_not_its_level(name, content, style):
    quiet = content / 8  # with room for higher peaks
    output = run(name, quiet, style)
    assert difference(output, quiet) > 0.2
    assert rms(output) == pytest.approx(rms(quiet), rel=0.1)


def test_content_in_its_own_style_stays_as_it_is(name, content):
    # A frame takes the mean envelope of the clip in cross-synthesis, unless only the frame as loud counts.
    parameters = {"share": 1e-6} if name == "cross-synthesis" else {}
    assert difference(run(name, content, content, **parameters), content) < 2e-3


def test_how_loud_the_style_is_does_not_matter(name, content, style):
    assert difference(run(name, content, style / 8), run(name, content, style)) < 1e-4


def test_how_loud_the_content_is_is_kept(name, content, style):
    assert difference(8 * run(name, content / 64, style), run(name, content / 8, style)) < 1e-4


def test_nothing_is_drawn(name, content, style):
    np.testing.assert_array_equal(run(name, content, style, seed=1), run(name, content, style, seed=2))


def test_silence_stays_silent(name, content, style):
    paused = np.concatenate([content, np.zeros(22050, np.float32), content])
    output = run(name, paused, style)
    middle = output[len(content) + 4096 : len(content) + 22050 - 4096]
    assert np.abs(middle).max() < 1e-4


@pytest.mark.parametrize("sample_rate", [8000, 44100])
def test_other_rates_bring_the_same_change(name, content, style, sample_rate):
    """What both rates hold changes alike; at 8 kHz, where most of the style is gone, it works at least.

    The ends apart, 30 ms each: how a clip goes on beyond them is predicted from all frequencies of a rate.
    """
    clips = [0.9 * resample(clip, 22050, sample_rate) for clip in (content, style)]
    output = run(name, *clips, sample_rate=sample_rate)
    assert len(output) == len(clips[0])
    if sample_rate > 22050:
        back = resample(output, sample_rate, 22050)[: len(content)] / 0.9
        inner = slice(661, -661)
        assert difference(back[inner], run(name, content, style)[inner]) < 0.35


def test_square_waves_at_full_scale_stay_in_range(name, content, style):
    loud = [np.clip(20 * clip, -1, 1) for clip in (content, style)]
    assert 0.3 < np.abs(run(name, *loud)).max() <= 1


@pytest.mark.parametrize("short", ["content", "style"])
def test_a_clip_shorter_than_a_window_is_refused_by_name(name, short, content, style):
    clips = {"content": content, "style": style}
    clips[short] = clips[short][: round(0.055 * 22050)]
    with pytest.raises(MethodError, match=rf"the {short} lasts 0\.055 s.* 0\.09\d s.*use a longer clip"):
        run(name, **clips)


def test_a_clip_of_a_tenth_of_a_second_will_do(name, content, style):
    assert len(run(name, content[:2205], style[5000:7205])) == 2205


def test_every_parameter_changes_the_output(name, content, style):
    default = run(name, content, style)
    assert set(create(name, {}).parameters.model_dump()) == set(OTHER[name])
    for parameter, value in OTHER[name].items():
        assert difference(run(name, content, style, **{parameter: value}), default) > 1e-2, parameter


@pytest.mark.parametrize(
    ("method", "parameters", "reason"),
    [
        ("adain", {"alpha": 1.1}, "alpha: .* less than or equal to 1"),
        ("wct", {"alpha": "nan"}, "alpha: "),
        ("wct", {"n_channels": 0}, "n_channels: .* greater than or equal to 1"),
        (
            "adain",
            {"n_channels": 66, "n_fft": 128, "hop_length": 32},
            "n_channels 66 is more than the 65 bins",
        ),
        ("adain", {"range_db": 5}, "range_db: .* greater than or equal to 20"),
        ("envelope", {"max_gain_db": -1}, "max_gain_db: .* greater than or equal to 0"),
        ("envelope", {"smoothing_octaves": "inf"}, "smoothing_octaves: "),
        ("cross-synthesis", {"share": 0}, "share: .* greater than 0"),
        ("cross-synthesis", {"poles_per_khz": 9}, "poles_per_khz: .* less than or equal to 5"),
    ],
)
def test_impossible_settings_are_refused(method, parameters, reason):
    with pytest.raises(ConfigurationError, match=f"method '{method}': .*{reason}"):
        create(method, parameters)
