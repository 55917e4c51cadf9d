"""Every registered method keeps to the contract."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.transfer import (
    Control,
    ReferenceControl,
    apply,
    create,
    default_parameters,
    method_class,
    method_names,
)

QUICK = {
    "grinstein": {"n_filters": 16, "max_iterations": 5, "inversion": {"iterations": 3}},
    "grinstein-auditory": {"lowest_modulation_hz": 4, "max_rounds": 3},
    "ulyanov": {"n_filters": 16, "max_iterations": 5, "inversion": {"iterations": 3}},
    "wide-limit": {"max_iterations": 5, "inversion": {"iterations": 3}},
    "style-swap": {
        "max_shift": 1,
        "inversion": {"algorithm": "fast-griffin-lim", "iterations": 3, "start": "given"},
    },
    "musaicing": {"transpositions": 1, "inversion": {"iterations": 3}},
    "templates": {"inversion": {"iterations": 3}},
    "ddsp": {"training": {"max_epochs": 1, "channels": 8, "layers": 1, "harmonics": 10}},
    "paired": {
        "inversion": {"iterations": 3, "start": "given"},
        "training": {"max_epochs": 1, "channels": 2},
    },
    "reinstrument": {"recogniser": {"max_epochs": 2}, "inversion": {"iterations": 3}},
    "cwt-shallow": {"bands_per_octave": 12, "n_filters": 16, "max_iterations": 5, "phase_iterations": 3},
    "time-domain": {"n_fft": 512, "win_length": 512, "hop_length": 128, "n_filters": 8, "max_iterations": 5},
    "multi-representation": {
        "stft_network": {"n_filters": 32},
        "mel_network": {"n_filters": 16, "kernel_width": 5, "block_width": 3, "style_bands": 32},
        "cqt_network": {"n_filters": 4, "kernel_bins": 5, "kernel_width": 3, "n_blocks": 1},
        "max_iterations": 3,
    },
    "verma-smith": {
        "training": {"max_epochs": 1, "network": "alexnet-narrow"},
        "iterations": 3,
        "inversion": {"iterations": 3},
    },
    "classifier-features": {"training": {"max_epochs": 1}, "iterations": 3, "inversion": {"iterations": 3}},
}


# The silence control is made to be refused.
AUDIBLE = [name for name in method_names() if name != "silence"]


@pytest.fixture(params=AUDIBLE, scope="module")
def method(request, training_music, required_parameters, tmp_path_factory):
    quick, required = (settings.get(request.param, {}) for settings in (QUICK, required_parameters))
    method = create(request.param, {**quick, **required})
    method.prepare(training_music, tmp_path_factory.mktemp("learned"))
    return method


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
