import errno
import pickle

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from timbrebench.core.errors import (
    MethodError,
    MissingResourceError,
    StorageError,
    UnknownNameError,
    describe_error,
    describe_validation,
    is_transient,
    suggestion,
)


def test_the_nearest_name_is_suggested():
    assert suggestion("clarinette", ["clarinet", "piano"]) == ": did you mean 'clarinet'?"
    assert suggestion("xyz", ["clarinet", "piano"]) == ": choose from clarinet, piano"


def test_of_a_message_longer_than_a_page_beginning_and_end_are_shown():
    text = str(UnknownNameError("instrument", "x" * 100_000, ["piano", "trumpet"]))
    assert len(text) < 4000
    assert text.startswith("unknown instrument 'xxx")
    assert text.endswith("choose from piano, trumpet")


def test_unknown_names_survive_the_way_back_from_a_worker():
    error = UnknownNameError("instrument", "pinao", ["piano"])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301
    assert "piano" in str(error)


def test_validation_is_reported_key_by_key():
    class Model(BaseModel):
        model_config = ConfigDict(extra="forbid")
        pieces: int = 1

    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"peices": 2, "pieces": "many"})
    text = str(describe_validation(caught.value, "run.toml", Model.model_fields))
    assert text.startswith("run.toml: ")
    assert "unknown key 'peices': did you mean 'pieces'?" in text
    assert "'many'" in text


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
        (MuteError(), "MuteError, whose message cannot be read"),
    ],
)
def test_an_error_is_described_in_one_text(error, text):
    assert describe_error(error) == text


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (OSError(errno.ENOSPC, "no space left"), True),
        (OSError(errno.ENOENT, "no such file"), False),
        (StorageError("no space left"), True),
        (MissingResourceError("install it"), True),
        (MethodError("it is too short"), False),
        (MemoryError(), False),
    ],
)
def test_an_error_outside_the_code_is_transient(error, transient):
    assert is_transient(error) == transient
