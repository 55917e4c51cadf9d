"""YAML is a mapping of texts: nothing in it makes objects, refers to anything, or means something else."""

from __future__ import annotations

import pytest

from timbrebench.core.errors import RunError
from timbrebench.core.yaml_documents import MAX_DEPTH, parse_yaml, read_yaml


def test_every_scalar_is_the_text_that_was_written():
    text = "a: no\nb: 'x: y'\nc: [1, 2.50]\nd: {e: null, f: 2026-11-30}\ng: >\n  two\n  lines\n"
    assert parse_yaml(text, "card", RunError) == {
        "a": "no",
        "b": "x: y",
        "c": ["1", "2.50"],
        "d": {"e": "null", "f": "2026-11-30"},
        "g": "two lines\n",
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\nb: &x [1]\nc: *x", "line 2: has an anchor"),
        ("a: *x", "line 1: has an anchor or an alias"),
        ("a: !!python/object/apply:os.system [true]", "line 1: has a tag"),
        ("a: 1\n\na: 2", "line 3: the key 'a' is there twice"),
        ("? [1]\n: 2", "line 1: a key is a list"),
        ("a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, f"line 1: is nested deeper than {MAX_DEPTH}"),
        ("[" * 100_000, "line 1: is nested deeper"),
        ("- 1", "holds no mapping"),
        ("", "holds no mapping"),
        ("a: b: c", r"not valid YAML \(line 1: mapping values are not allowed here\): .* in quotes"),
        ("a: 'b", "not valid YAML"),
        ("a: \x00", "not valid YAML"),
        ("a: 1\n---\nb: 2", ".*another document"),
    ],
)
def test_anything_else_is_refused_with_its_place(text, why):
    with pytest.raises(RunError, match=f"^card.yaml: {why}"):
        parse_yaml(text, "card.yaml", RunError)


def test_a_file_has_a_maximum_of_bytes(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text("a: b\n", encoding="utf-8")
    assert read_yaml(path, RunError, 5) == {"a": "b"}
    with pytest.raises(RunError, match=r"has 5 bytes, more than the 4"):
        read_yaml(path, RunError, 4)
