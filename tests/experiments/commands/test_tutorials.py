"""The tutorials of the documentation, run block by block as a reader would type them.

Blocks of Python are executed, blocks with a title are written to the file of that name, lines of shell are
run and must end with status 0 or one that their comment says, and blocks of text are compared with what
the block before them printed, with ``...`` for what may differ. A block that is not run is preceded by
``<!-- skip: next "reason" -->``.
"""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

import pytest
from sybil import Document, Region
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer
from typer.testing import CliRunner

from timbrebench.experiments.commands.cli import app

TUTORIALS = Path(__file__).resolve().parents[3] / "docs" / "tutorials"
PAGES = sorted(path.stem for path in TUTORIALS.glob("*.md"))

INFO = re.compile(r'(?P<language>\w*)(?: title="(?P<title>[^"]+)")?[^\n]*\n')
STATUS = re.compile(r"# exit status (\d)(?:, or (\d))?")
NEEDS_SHELL = re.compile(r"[|<>;&$]")


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Where the reader works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    return tmp_path


class Blocks:
    """A parser and an evaluator for all fenced blocks of a page."""

    def __init__(self):
        self.printed, self.ran = "", 0

    def __call__(self, document):
        for block in RawFencedCodeBlockLexer(INFO)(document):
            yield Region(block.start, block.end, block.lexemes, self.evaluate)

    def evaluate(self, example):
        language, title, source = (example.parsed[key] for key in ("language", "title", "source"))
        if title:
            Path(title).write_text(source, encoding="utf-8")
        elif language == "python":
            exec(compile("\n" * example.line + source, example.path, "exec"), example.namespace)  # noqa: S102
        elif language == "sh":
            self.printed = "".join(map(run_line, lines_of(source)))
        elif language == "text":
            assert matches(source, self.printed), (
                f"line {example.line} says\n{source}\nprinted was\n{self.printed}"
            )
        else:
            raise AssertionError(f"line {example.line}: a block of {language!r} is neither run nor skipped")
        self.ran += 1


def lines_of(source):
    joined = source.replace("\\\n", " ").splitlines()
    return [line for line in joined if line.strip() and not line.lstrip().startswith("#")]


def run_line(line):
    stated = STATUS.search(line)
    expected = {int(status) for status in stated.groups() if status} if stated else {0}
    if line.startswith("timbrebench ") and not NEEDS_SHELL.search(line):
        done = CliRunner().invoke(app, shlex.split(line, comments=True)[1:])
        status, printed, said = done.exit_code, done.stdout, f"{done.output}{done.exception or ''}"
    else:
        process = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        status, printed, said = process.returncode, process.stdout, process.stdout + process.stderr
    assert status in expected, f"{line}\nended with status {status}:\n{said}"
    return printed


def matches(wanted, printed):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(wanted, printed, flags)


def run_page(text, path="page.md"):
    """Run all blocks of a page and return how many were run, and the reasons of the others."""
    document = Document(text, path)
    blocks = Blocks()
    for parser in (SkipParser(), blocks):
        for region in parser(document):
            document.add(region)
    reasons = []
    for example in document:
        try:
            example.evaluate()
        except SkipTest as skipped:
            reasons.append(str(skipped))
    return blocks.ran, reasons


@pytest.mark.parametrize("page", PAGES)
def test_the_tutorial_works_as_it_stands(page, reader, run):
    shutil.copytree(run.root, reader / "runs" / "default")
    ran, reasons = run_page((TUTORIALS / f"{page}.md").read_text(encoding="utf-8"), f"{page}.md")
    assert ran > len(reasons)
    assert all(len(reason) > 10 for reason in reasons)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("```python\nassert 1 == 2, 'one is not two'\n```\n", "one is not two"),
        ("```sh\nfalse\n```\n", "status 1"),
        ("```sh\ntimbrebench transfer nothing a b c\n```\n", "status 1"),
        ("```sh\ntrue  # exit status 1\n```\n", "status 0"),
        ("```sh\necho one\n```\n\n```text\ntwo\n```\n", "printed was"),
        ("```toml\nkey = 1\n```\n", "neither run nor skipped"),
    ],
)
def test_a_tutorial_that_does_not_work_is_found(text, wrong, reader):
    with pytest.raises(AssertionError, match=wrong):
        run_page(text)


def test_what_is_skipped_says_why(reader):
    page = '<!-- skip: next "it needs a week" -->\n\n```sh\nfalse\n```\n\n```sh\ntrue\n```\n'
    assert run_page(page) == (1, ["it needs a week"])
