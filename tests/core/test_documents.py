"""JSON and TOML of any kind end in a value or in the error that was asked for."""

import json

import pytest

from timbrebench.core.documents import (
    MAX_DEPTH,
    MAX_DIGITS,
    TOML_BYTES,
    parse_json,
    parse_object,
    parse_toml,
    read_json,
    read_toml,
)
from timbrebench.core.errors import DatasetError

BAD_JSON = {
    "empty": ("", "not valid JSON"),
    "cut off": ('{"a": 1', "not valid JSON"),
    "nested, never closed": ("[" * 100_000, "nested"),
    "nested lists": ("[" * 1000 + "]" * 1000, "nested"),
    "nested objects": ('{"a":' * 200 + "1" + "}" * 200, "nested"),
    "long integer": (f'{{"a": {"9" * 6000}}}', "digits"),
    "integer beyond floats": (f'{{"a": -{"9" * 400}}}', "digits"),
    "half a character": ('{"a": "\\ud800"}', "half a character"),
    "half a character in a key": ('{"\\uDfff": 1}', "half a character"),
}

BAD_TOML = {
    "cut off": ("a = [", "not valid TOML"),
    "nested lists": ("a = " + "[" * 1000 + "]" * 1000, "nested"),
    "nested tables": ("a = " + "{a = " * 60 + "1" + "}" * 60, "nested"),
    "dotted key": ("a." * 50_000 + "a = 1", "nested"),
    "dotted key with quotes": ('"a" . ' * 50_000 + "a = 1", "nested"),
    "dotted header": ("[" + "a." * 60 + "a]", "nested"),
    "long integer": ("a = " + "9" * 6000, "digits"),
    "hexadecimal integer": ("a = 0x" + "f" * 400, "digits"),
    "too long": ("#" * (TOML_BYTES + 1), "more than"),
    "half a character": ('a = "\\ud800"', "not valid TOML"),
}


@pytest.mark.parametrize(("text", "reason"), BAD_JSON.values(), ids=BAD_JSON)
def test_json_that_cannot_be_read_is_an_error_that_names_where(text, reason):
    with pytest.raises(DatasetError, match=f"here: .*{reason}"):
        parse_json(text, "here", DatasetError)


@pytest.mark.parametrize(("text", "reason"), BAD_TOML.values(), ids=BAD_TOML)
def test_toml_that_cannot_be_read_is_an_error_that_names_where(text, reason):
    with pytest.raises(DatasetError, match=f"here: .*{reason}"):
        parse_toml(text, "here", DatasetError)


@pytest.mark.parametrize("text", ["[]", "3", '"a"', "null", "true"])
def test_json_of_another_type_is_no_object(text):
    with pytest.raises(DatasetError, match="expected an object"):
        parse_object(text, "here", DatasetError)


def test_what_honest_files_hold_is_read():
    deep = json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    value = {
        "seed": 10**MAX_DIGITS - 1,
        "text": "\N{MUSICAL SYMBOL G CLEF}",
        "deep": deep[0],
        "figure": [0.5, None],
    }
    assert parse_object(json.dumps(value), "here", DatasetError) == value
    text = 'seed = 3\n[a.b]\n"c.d" = "' + "x.y." * 20 + '"\nlist = [' + "0.5, " * 1000 + "]"
    assert parse_toml(text, "here", DatasetError)["a"]["b"]["list"] == [0.5] * 1000


def test_files_with_a_byte_order_mark_are_read(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfa = 1")
    assert (
        read_json(tmp_path / "a.json", DatasetError)
        == read_toml(tmp_path / "a.toml", DatasetError)
        == {"a": 1}
    )


def test_files_that_are_not_text_or_too_large_are_errors(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(DatasetError, match=r"a\.json: not UTF-8"):
        read_json(path, DatasetError)
    with pytest.raises(DatasetError, match=r"a\.json: has 10 bytes, more than the 9"):
        read_json(path, DatasetError, limit=9)
    with pytest.raises(DatasetError, match=r"b\.json: cannot be read \(No such file"):
        read_json(tmp_path / "b.json", DatasetError)
