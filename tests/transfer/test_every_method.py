"""The contract: what goes into a method, what may come out, and that every registered method keeps to it."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
import torch

from timbrebench.core.errors import AudioError, ConfigurationError, MethodError
from timbrebench.transfer import (
    Control,
    Method,
    ReferenceControl,
    apply,
    create,
    default_parameters,
    method_class,
    method_names,
)
from timbrebench.transfer.contract import check_input, check_output

QUICK = {
    "grinstein": {"n_filters": 16, "max_iterations": 5, "inversion": {"iterations": 3}},
    "grinstein-auditory": {"lowest_modulation_hz": 4, "max_rounds": 3},
    "ulyanov": {"n_filters": 16, "max_iterations": 5, "inversion": {"iterations": 3}},
    "musaicing": {"transpositions": 1, "inversion": {"iterations": 3}},
    "templates": {"inversion": {"iterations": 3}},
    "reinstrument": {"recogniser": {"max_epochs": 2}, "inversion": {"iterations": 3}},
    "cwt-shallow": {"bands_per_octave": 12, "n_filters": 16, "max_iterations": 5, "phase_iterations": 3},
    "time-domain": {"n_fft": 512, "hop_length": 128, "n_filters": 8, "kernel_width": 4, "max_iterations": 5},
    "multi-representation": {
        "stft_network": {"n_filters": 32},
        "mel_network": {"n_filters": 16, "kernel_width": 5, "block_width": 3, "style_bands": 32},
        "cqt_network": {"n_filters": 4, "kernel_bins": 5, "kernel_width": 3, "n_blocks": 1},
        "max_iterations": 3,
    },
    "verma-smith": {"training": {"max_epochs": 1}, "iterations": 3, "inversion": {"iterations": 3}},
    "classifier-features": {"training": {"max_epochs": 1}, "iterations": 3, "inversion": {"iterations": 3}},
}


# The silence control is made to be refused.
AUDIBLE = [name for name in method_names() if name != "silence"]


@pytest.fixture(params=AUDIBLE)
def method(request, training_music, required_parameters, tmp_path):
    quick, required = (settings.get(request.param, {}) for settings in (QUICK, required_parameters))
    method = create(request.param, {**quick, **required})
    method.prepare(training_music, tmp_path)
    return method


class Returning(Method):
    """A method that returns what it was made with."""

    name, version, summary, source = "returning", 1, "returns what it was given", "these tests"

    def __init__(self, value):
        super().__init__()
        self.value = value

    def transfer(self, content, style, *, sample_rate, seed):
        return self.value


class TestEveryMethod:
    def test_describes_itself(self, method):
        assert method.version >= 1
        assert method.summary
        assert "\n" not in method.summary
        assert method.source

    @pytest.mark.parametrize("style_length", [9000, 22050, 40001])
    def test_output_has_the_contents_length_and_is_audio(self, method, pair, style_length):
        pair["style"] = np.resize(pair["style"], style_length)
        output = apply(method, **pair, seed=0)
        assert output.shape == pair["content"].shape
        assert output.dtype == np.float32
        assert np.isfinite(output).all()
        assert np.abs(output).max() <= 1

    def test_same_seed_gives_the_same_output(self, method, pair):
        np.testing.assert_array_equal(apply(method, **pair, seed=7), apply(method, **pair, seed=7))

    def test_the_clips_are_left_as_they_were(self, method, pair):
        before = copy.deepcopy(pair)
        apply(method, **pair, seed=0)
        np.testing.assert_equal(pair, before)

    def test_only_reference_controls_depend_on_the_reference(self, method, pair):
        alone = {**pair, "reference": None}
        if isinstance(method, ReferenceControl):
            with pytest.raises(MethodError, match="needs the reference"):
                apply(method, **alone, seed=0)
        else:
            np.testing.assert_array_equal(apply(method, **pair, seed=0), apply(method, **alone, seed=0))

    @pytest.mark.parametrize("silent", ["content", "style"])
    def test_silent_input_is_refused_by_name(self, method, pair, silent):
        pair[silent] = np.zeros_like(pair[silent])
        with pytest.raises(MethodError, match=f"the {silent} is silent"):
            apply(method, **pair, seed=0)

    def test_a_misspelt_parameter_is_refused(self, method):
        for known in [*type(method).Parameters.model_fields, "anything"]:
            misspelt = known[:-1] + "_x"
            with pytest.raises(ConfigurationError, match=f"method '{method.name}': unknown key") as caught:
                create(method.name, {misspelt: 1})
            if known != "anything":
                assert f"did you mean '{known}'?" in str(caught.value)

    def test_only_what_has_no_default_has_to_be_given(self, method, required_parameters):
        if method.name in required_parameters:
            with pytest.raises(ConfigurationError, match="is missing: it has no default"):
                create(method.name, {})
        else:
            published = create(method.name, {}).parameters.model_dump(mode="json")
            assert default_parameters(method.name) == published

    def test_its_fingerprint_is_a_text_and_stays(self, method):
        assert isinstance(method.fingerprint(), str)
        assert method.fingerprint() == method.fingerprint()

    def test_parameters_cannot_be_changed_afterwards(self, method):
        for name in type(method).Parameters.model_fields:
            with pytest.raises(ValueError, match="frozen"):
                setattr(method.parameters, name, 1)


def test_only_the_benchmarks_own_figures_are_controls():
    controls = {name for name in method_names() if issubclass(method_class(name), Control)}
    assert controls >= {"identity", "style-copy", "reference", "silence", "noise"}
    assert "ulyanov" not in controls


class TestCheckInput:
    @pytest.mark.parametrize(
        ("clip", "error", "reason"),
        [
            (np.zeros(22050, np.float32), MethodError, "is silent"),
            (np.zeros(0, np.float32), AudioError, "is empty"),
            (
                np.full(22050, 0.1) + np.where(np.arange(22050) < 3, np.nan, 0),
                AudioError,
                "3 samples that are NaN",
            ),
            (np.full(1, 0.5, np.float32), MethodError, r"lasts 0\.000 s \(1 samples\)"),
            (np.full(22050, 7, np.int16), AudioError, "int16"),
            (np.full((2, 22050), 0.5, np.float32), AudioError, r"shape \(2, 22050\)"),
            (np.full(22050, 1.5, np.float32), MethodError, r"peaks at 1\.5"),
            ([0.5] * 22050, AudioError, "of type list"),
        ],
    )
    @pytest.mark.parametrize("name", ["content", "style"])
    def test_bad_clips_are_refused_before_any_work(self, content, name, clip, error, reason):
        clips = {"content": content, "style": content, name: clip}
        with pytest.raises(error, match=f"^the {name} .*{reason}"):
            apply(Returning(content), **clips, sample_rate=22050, seed=0)

    def test_a_bad_reference_is_named(self, pair):
        pair["reference"] = np.zeros_like(pair["reference"])
        with pytest.raises(MethodError, match="the reference is silent"):
            apply(create("reference", {}), **pair, seed=0)

    def test_other_floats_become_float32(self, content, sample_rate):
        checked = check_input(content.astype(np.float64), name="content", sample_rate=sample_rate)
        assert checked.dtype == np.float32
        np.testing.assert_array_equal(checked, content)


class TestCheckOutput:
    RATE = 8000
    LENGTH = 8000
    TOLERANCE = 400  # 50 ms

    def check(self, samples):
        return check_output(samples, content_length=self.LENGTH, sample_rate=self.RATE)

    def tone(self, length=LENGTH, dtype=np.float32):
        return (0.5 * np.sin(2 * np.pi * 440 * np.arange(length) / self.RATE)).astype(dtype)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_valid_output_passes_unchanged(self, dtype):
        np.testing.assert_array_equal(self.check(self.tone(dtype=dtype)), self.tone())

    @pytest.mark.parametrize("excess", [-400, -1, 1, 400])
    def test_a_length_within_the_tolerance_is_mended(self, excess):
        output = self.check(self.tone(self.LENGTH + excess))
        kept = min(self.LENGTH, self.LENGTH + excess)
        assert output.shape == (self.LENGTH,)
        np.testing.assert_array_equal(output[:kept], self.tone(kept))
        assert not output[kept:].any()

    @pytest.mark.parametrize("excess", [-401, 401])
    def test_a_length_beyond_the_tolerance_is_refused(self, excess):
        length = self.LENGTH + excess
        both = f"{length / self.RATE:.3f} s ({length} samples), the content 1.000 s (8000 samples)"
        with pytest.raises(MethodError, match=re.escape(both)):
            self.check(self.tone(length))

    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            (lambda tone: None, "of type NoneType"),
            (lambda tone: tone.tolist(), "of type list"),
            (torch.from_numpy, "of type Tensor"),
            (lambda tone: (tone * 32767).astype(np.int16), "int16"),
            (lambda tone: tone.astype(np.complex64), "complex64"),
            (lambda tone: tone[None], r"shape \(1, 8000\)"),
            (lambda tone: tone[:0], "is empty"),
            (lambda tone: np.where(np.arange(8000) < 5, np.nan, tone), "5 samples that are NaN or infinite"),
            (lambda tone: np.where(np.arange(8000) < 2, np.inf, tone), "2 samples that are NaN or infinite"),
            (lambda tone: tone * 0, "is silent"),
            (lambda tone: tone * 1e-5, "is silent"),
            (lambda tone: tone * 3, r"peaks at 1\.5"),
            (lambda tone: tone.astype(np.float64) * 1e300, "peaks at inf"),
        ],
    )
    def test_what_is_no_output_is_refused_with_the_reason(self, spoil, reason):
        with pytest.raises(MethodError, match=f"the output .*{reason}"):
            self.check(spoil(self.tone()))

    def test_apply_checks_the_output(self, pair):
        with pytest.raises(MethodError, match="the output is silent"):
            apply(Returning(np.zeros_like(pair["content"])), **pair, seed=0)


def test_what_a_method_raises_reaches_the_caller(pair):
    class Failing(Returning):
        def transfer(self, content, style, *, sample_rate, seed):
            raise ZeroDivisionError("inside the method")

    with pytest.raises(ZeroDivisionError, match="inside the method"):
        apply(Failing(None), **pair, seed=0)


def test_a_method_cannot_spoil_the_callers_clips(pair):
    class InPlace(Returning):
        def transfer(self, content, style, *, sample_rate, seed):
            content *= 0.5
            style *= 0
            return content

    before = copy.deepcopy(pair)
    output = apply(InPlace(None), **pair, seed=0)
    np.testing.assert_equal(pair, before)
    np.testing.assert_array_equal(output, before["content"] * np.float32(0.5))
