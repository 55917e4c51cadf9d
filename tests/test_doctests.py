"""The examples in docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("audio", "classifier", "core", "datasets", "experiments", "metrics", "transfer")

#: How many examples each module has.
EXAMPLES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): count
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if (count := path.read_text(encoding="utf-8").count(">>> "))
}


@pytest.mark.parametrize("module", EXAMPLES)
def test_the_examples_of_a_module_give_what_they_say(module):
    done = doctest.testmod(importlib.import_module(f"timbrebench.{module}"))
    assert done.failed == 0
    assert done.attempted == EXAMPLES[module]  # none of them is where doctest does not look


def test_there_are_examples():
    assert len(EXAMPLES) > 20


def test_an_example_that_is_wrong_is_found():
    parsed = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "sum", None, None)
    assert doctest.DocTestRunner(verbose=False).run(parsed, out=lambda _: None).failed == 1
