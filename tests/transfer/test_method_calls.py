"""What goes into a method, and what may come out: samples, what it has learned, its fingerprint."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
import torch

from timbrebench.core.errors import AudioError, MethodError
from timbrebench.transfer import Learned, Method, apply, create
from timbrebench.transfer.method_calls import check_input, check_output, query_fingerprint, query_learned


class Returning(Method):
    """A method that returns what it was made with."""

    name, version, summary, source = "returning", 1, "returns what it was given", "these tests"

    def __init__(self, value):
        super().__init__()
        self.value = value

    def transfer(self, content, style, *, sample_rate, seed):
        return self.value


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


@pytest.fixture
def method():
    return create("envelope", {})


@pytest.mark.parametrize(
    "answer",
    [None, Learned(weights=["a"]), Learned(clips=frozenset({1})), Learned(clips=frozenset({"\udcff"}))],
)
def test_what_names_no_networks_and_clips_is_refused(method, monkeypatch, answer):
    monkeypatch.setattr(type(method), "learned", lambda self: answer)
    expected = r"learned\(\) of method 'envelope' gave .*: (return Learned|weights and clips are sets)"
    with pytest.raises(MethodError, match=expected):
        query_learned(method)


def test_a_sound_answer_is_passed_on(method, monkeypatch):
    answer = Learned(weights=frozenset({"a" * 64}))
    monkeypatch.setattr(type(method), "learned", lambda self: answer)
    assert query_learned(method) is answer
    assert query_fingerprint(method) == ("", "")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "it returned None, not a text"),
        ("\udcff", "UnicodeEncodeError"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_a_fingerprint_that_is_none_is_a_problem(method, monkeypatch, answer, problem):
    def answering(self):
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(type(method), "fingerprint", answering)
    fingerprint, problem_found = query_fingerprint(method)
    assert fingerprint == ""
    assert problem_found.startswith(f"its fingerprint() failed: {problem}")


def test_ctrl_c_is_not_taken_for_an_answer(method, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(method), "fingerprint", interrupt)
    with pytest.raises(KeyboardInterrupt):
        query_fingerprint(method)
