import pickle

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from timbrebench.core.errors import UnknownNameError, describe_validation, suggestion


def test_the_nearest_name_is_suggested():
    assert suggestion("clarinette", ["clarinet", "piano"]) == ": did you mean 'clarinet'?"
    assert suggestion("xyz", ["clarinet", "piano"]) == ": choose from clarinet, piano"


def test_unknown_names_survive_the_way_back_from_a_worker():
    error = UnknownNameError("instrument", "pinao", ["piano"])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301
    assert "piano" in str(error)


def test_validation_is_told_key_by_key():
    class Model(BaseModel):
        model_config = ConfigDict(extra="forbid")
        pieces: int = 1

    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"peices": 2, "pieces": "many"})
    text = str(describe_validation(caught.value, "run.toml", Model.model_fields))
    assert text.startswith("run.toml: ")
    assert "unknown key 'peices': did you mean 'pieces'?" in text
    assert "'many'" in text
