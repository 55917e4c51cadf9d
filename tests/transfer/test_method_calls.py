"""Answers of methods that are not what they should be."""

from __future__ import annotations

import pytest

from timbrebench.core.errors import MethodError
from timbrebench.transfer import Learned, create
from timbrebench.transfer.method_calls import query_fingerprint, query_learned


@pytest.fixture
def method():
    return create("envelope", {})


@pytest.mark.parametrize(
    "answer",
    [None, Learned(weights=["a"]), Learned(clips=frozenset({1})), Learned(clips=frozenset({"\udcff"}))],
)
def test_what_names_no_networks_and_clips_is_refused(method, monkeypatch, answer):
    monkeypatch.setattr(type(method), "learned", lambda self: answer)
    with pytest.raises(MethodError, match=r"learned\(\) of method 'envelope' gave .*: return Learned"):
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
    def fingerprint(self):
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(type(method), "fingerprint", fingerprint)
    told, found = query_fingerprint(method)
    assert told == ""
    assert found.startswith(f"its fingerprint() failed: {problem}")


def test_ctrl_c_is_not_taken_for_an_answer(method, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(method), "fingerprint", interrupt)
    with pytest.raises(KeyboardInterrupt):
        query_fingerprint(method)
