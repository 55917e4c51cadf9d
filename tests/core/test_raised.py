"""What others raise is told in one text, whatever it is."""

from __future__ import annotations

import errno

import pytest

from timbrebench.core.errors import MethodError, MissingResourceError, StorageError
from timbrebench.core.raised import describe_error, may_pass


class MuteError(Exception):
    def __str__(self):
        raise ValueError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no\n"), "ValueError: no"),
        (ValueError(), "ValueError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (MethodError("it is too short"), "it is too short"),
        (MethodError(), "MethodError"),
        (MuteError(), "MuteError, whose message cannot be told"),
    ],
)
def test_an_error_is_told_in_one_text(error, text):
    assert describe_error(error) == text


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (OSError(errno.ENOSPC, "no space left"), True),
        (OSError(errno.ENOENT, "no such file"), False),
        (StorageError("no space left"), True),
        (MissingResourceError("install it"), True),
        (MethodError("it is too short"), False),
        (MemoryError(), False),
    ],
)
def test_what_lies_outside_the_code_may_pass(error, passing):
    assert may_pass(error) == passing
