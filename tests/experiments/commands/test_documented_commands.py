"""Every command that the documentation, a docstring or a message names is one that exists.

Whole command lines are parsed as the program would parse them: options exist, and required arguments are
given. A command that is only named, as in `timbrebench judge card` or `timbrebench submit --audio`, has to
exist, and so have its options.
"""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer
from sybil import Document
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer
from typer.core import TyperGroup

from timbrebench.experiments.commands.cli import app

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("audio", "classifier", "core", "datasets", "experiments", "metrics", "transfer")
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
        *ROOT.glob("Makefile"),
    ]
)
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

INFO = re.compile(r"(?P<language>\w*)[^\n]*\n")
#: Code in a line of prose, which may go on in the next line.
INLINE = re.compile(r"(?<!`)(`{1,2})(?!`)(timbrebench [^`]+)\1(?!`)")
NEEDS_SHELL = re.compile(r"[|<>;&]|\$\(")
PROGRAM = typer.main.get_command(app)
#: What typer's parser raises, which it does not export.
UsageError = typer.BadParameter.__base__


def of_page(path):
    """List a page's command lines, and the commands that it names in prose."""
    text = path.read_text(encoding="utf-8")
    lines, prose = [], text
    for block in RawFencedCodeBlockLexer(INFO)(Document(text, str(path))):
        prose = prose.replace(block.lexemes["source"], "")
        source = block.lexemes["source"].replace("\\\n", " ")
        lines += [line.strip().removeprefix("- run: ") for line in source.splitlines()]
    lines = [line for line in lines if line.startswith("timbrebench ")]
    named = [" ".join(match[2].split()) for match in INLINE.finditer(prose)]
    return lines, named


def of_module(path):
    """List the commands that a module's texts name; what is filled in later is X."""
    texts = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            texts.append(
                "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
            )
    return [" ".join(match[2].split()) for text in texts for match in INLINE.finditer(text)]


def resolve(words):
    """Follow the names of a command line; return the command and what is left of the line."""
    command = PROGRAM
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        name, *words = words
        assert name in command.commands, f"there is no command {name!r}, but {', '.join(command.commands)}"
        command = command.commands[name]
    return command, words


def check(line, *, is_whole):
    command, words = resolve(shlex.split(line, comments=True)[1:])
    if isinstance(command, TyperGroup):
        assert not is_whole or words == ["--help"], f"{line}: names a group of commands"
        return
    if not is_whole and (not words or words[0].startswith("-")):
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word.split("=")[0] for word in words if word.startswith("-")} <= options, line
        return  # only named, or with an option
    try:
        command.make_context(command.name, words)
    except UsageError as error:
        raise AssertionError(f"{line}: {error.format_message()}") from error


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_page_exists_and_takes_what_it_is_given(page):
    lines, named = of_page(page)
    for line in lines:
        check(NEEDS_SHELL.split(line)[0], is_whole=True)
    for line in named:
        check(line, is_whole=False)


def test_every_command_that_a_text_of_the_program_names_exists():
    named = [line for path in MODULES for line in of_module(path)]
    assert len(named) > 20
    for line in named:
        check(line, is_whole=False)


def test_there_are_many_commands_in_the_documentation():
    pages = [of_page(page) for page in PAGES]
    assert sum(len(lines) for lines, _ in pages) > 50
    assert sum(len(named) for _, named in pages) > 20


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("timbrebench judge train mine judge", "--out"),
        ("timbrebench judge evaluate judge.pt", "dataset"),
        ("timbrebench judge cards judge mine", "no command 'cards'"),
        ("timbrebench run default --output runs", "--output"),
        ("timbrebench judge", "a group of commands"),
        ("timbrebench score a.wav --content b.wav", "--style"),
        ("timbrebench judge spectrograms mine --out x --max-epochs none", "max-epochs"),
    ],
)
def test_a_command_that_does_not_parse_is_found(line, wrong):
    with pytest.raises(AssertionError, match=wrong):
        check(line, is_whole=True)


def test_every_target_and_variable_of_make_exists():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"\.PHONY: (.*)", text)[1].split())
    variables = set(re.findall(r"\$\(([A-Z]+)\)", text))
    codes = re.compile(r"`(make [^`]*)`|^(make .*)$", re.MULTILINE)
    for page in PAGES:
        for match in codes.finditer(page.read_text(encoding="utf-8")):
            words = shlex.split(match[1] or match[2], comments=True)[1:]
            assert {word for word in words if "=" not in word} <= targets, (page, words)
            assert {word.split("=")[0] for word in words if "=" in word} <= variables, (page, words)
