"""Tutorials, README and other pages with code, run block by block as a reader would type them.

Blocks of Python are executed, blocks with a title are written to the file of that name, lines of shell are
run and must end with status 0 or the one that their comment says, and blocks of text are compared with what
the block before them printed, with ``...`` for what may differ. A block that is not run is preceded by
``<!-- skip: next "reason" -->``. Blocks of TOML without a title are parts of files: their keys and values are
checked. A block without a language, or of BibTeX, is no code.

Profiles and the suite of six instruments are small here, so that pages take seconds.
"""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from unittest import SkipTest

import pytest
from sybil import Document, Region
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer
from typer.testing import CliRunner

from timbrebench.audio import write_audio
from timbrebench.core.workers import executor_addresses
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets.audioset.audioset_configuration import AudioSetConfiguration
from timbrebench.experiments import benchmark
from timbrebench.experiments.commands import cli
from timbrebench.experiments.commands.cli import app
from timbrebench.experiments.run import configuration_text
from timbrebench.experiments.run.opened_run import open_suite
from timbrebench.experiments.run.run_configuration import RunConfiguration, parse_configuration
from timbrebench.experiments.submissions import rescoring
from timbrebench.experiments.submissions.submission_packing import submit
from timbrebench.experiments.suites import frozen_suite
from timbrebench.experiments.suites.frozen_suite import freeze
from timbrebench.experiments.suites.kinds.rendered_kind import RenderedKind
from timbrebench.experiments.suites.recipes import Recipe

ROOT = Path(__file__).resolve().parents[3]
PAGES = {
    path.stem: path
    for path in (
        *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
        ROOT / "docs" / "index.md",
        ROOT / "docs" / "taking-part.md",
        ROOT / "README.md",
    )
}

#: What runs score by: the two halves of the headline, and a distance.
METRICS = ("style_accuracy", "note_f1", "log_stft_mse")

INFO = re.compile(r'(?P<language>\w*)(?: title="(?P<title>[^"]+)")?[^\n]*\n')
STATUS = re.compile(r"# exit status (\d)")
NEEDS_SHELL = re.compile(r"[|<>;&$]")


@pytest.fixture(scope="module")
def small_suite(run, tiny):
    """The pairs of the tiny run, frozen under the name of the suite of six instruments."""
    made = RenderedKind(dataset=tiny.dataset, draw=tiny.suite)
    recipe = Recipe(name="instruments-6", version=1, summary="Piano and trumpet.", made=made)
    return freeze(open_suite(run.root).suite, recipe).text()


@pytest.fixture
def in_small(small_suite, tiny, as_toml, without_report, monkeypatch):
    """Let runs have few pairs, quick methods and few metrics, and work in this process."""
    packaged, of_source = frozen_suite.read_packaged, configuration_text.configuration_text

    def read_packaged(name):
        return small_suite if name == "instruments-6-1.json" else packaged(name)

    def small_configuration(source):
        text, where = of_source(source)
        if source == "trained":
            return as_toml(tiny), where
        if source == "leaderboard":
            text = text.split("[[methods]]")[0] + '[[methods]]\nmethod = "cross-synthesis"\n'
        return text if "metrics = " in text else f"metrics = {list(METRICS)}\n{text}", where

    monkeypatch.setattr(frozen_suite, "read_packaged", read_packaged)
    for module in (configuration_text, cli):
        monkeypatch.setattr(module, "configuration_text", small_configuration)
    for module, name in (
        (benchmark, "open_executor"),
        (executor_addresses, "open_executor"),
        (rescoring, "LocalExecutor"),
    ):
        monkeypatch.setattr(module, name, lambda *_: InlineExecutor())


@pytest.fixture
def reader(tmp_path_factory, tmp_path, synthesizer, scale, monkeypatch):
    """Where the reader works: in a folder with some recordings, with pip installing into another one."""
    prefix = tmp_path_factory.mktemp("installed")
    (prefix / "bin").mkdir()
    pip = prefix / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pip "$@"\n', encoding="utf-8")
    pip.chmod(0o755)
    for key, value in (("PREFIX", prefix), ("NO_INDEX", 1), ("NO_BUILD_ISOLATION", 0), ("NO_DEPS", 1)):
        monkeypatch.setenv(f"PIP_{key}", str(value))
    for folder in (Path(sys.executable).parent, prefix / "bin"):
        monkeypatch.setenv("PATH", str(folder), prepend=":")
    for name, program in (("piano", 0), ("trumpet", 56), ("clarinet", 71)):
        write_audio(tmp_path / f"{name}.wav", synthesizer.render(scale, program, 2.0, 22050), 22050)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(sysconfig.get_path("purelib", "posix_prefix", vars={"base": str(prefix)}))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def run_of_many_pieces(tiny, tmp_path_factory):
    """A run like the tiny one on enough pieces for a loss to be significant, with few metrics."""
    content = tiny.model_dump(mode="json")
    content["dataset"] |= {
        "pieces": 24,
        "clips_per_piece": 1,
        "splits": {"train": 0.05, "judge": 0.05, "validation": 0.05, "test": 0.85},
    }
    content["suite"]["pairs_per_direction"] = 4
    content |= {"judge": {"name": "instruments-6-1"}, "metrics": list(METRICS)}
    root = tmp_path_factory.mktemp("many")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark, "open_executor", lambda *_: InlineExecutor())
        patch.setattr("timbrebench.experiments.report.report_writing.write_report", lambda *_: None)
        benchmark.run_benchmark(RunConfiguration.model_validate(content), root)
    return root


def with_runs(reader, *, many, few, as_toml):
    """Fill the reader's folder with what pages take to be there: runs, and what README names."""
    for name in ("trained", "smoke"):
        shutil.copytree(few, reader / "runs" / name)
    root = shutil.copytree(many, reader / "runs" / "mine")
    (reader / "my-run.toml").write_text(as_toml(benchmark.read_results(root).configuration), encoding="utf-8")
    submit(root, reader / "theirs.zip", submitter="They")
    run_line("timbrebench baseline runs/mine --out before.csv")
    for folder, name in (("contents", "piano"), ("styles", "clarinet"), ("outputs", "trumpet")):
        (reader / folder).mkdir()
        shutil.copy(reader / f"{name}.wav", reader / folder / "scale.wav")
    for label in ("piano", "trumpet"):
        (reader / "recordings" / label).mkdir(parents=True)
        shutil.copy(reader / f"{label}.wav", reader / "recordings" / label)
    (reader / "recordings.toml").write_text(
        'clip_duration_s = 1.0\nsource = { kind = "subfolders", path = "recordings" }\n', encoding="utf-8"
    )


def begin(page, reader, *, many, few, as_toml):
    """Make what a page begins with."""
    if page in {"README", "index", "command-line"}:
        with_runs(reader, many=many, few=few, as_toml=as_toml)
    else:
        shutil.copytree(many if page == "compare-and-gate" else few, reader / "runs" / "trained")


class Blocks:
    """A parser and an evaluator for all fenced blocks of a page."""

    def __init__(self):
        self.printed, self.ran = "", 0

    def __call__(self, document):
        for block in RawFencedCodeBlockLexer(INFO)(document):
            yield Region(block.start, block.end, block.lexemes, self.evaluate)

    def evaluate(self, example):
        language, title, source = (example.parsed[key] for key in ("language", "title", "source"))
        if language in {"", "bibtex"}:
            return
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
        elif language == "toml":
            check_settings(tomllib.loads(source))
        else:
            raise AssertionError(f"line {example.line}: a block of {language!r} is neither run nor skipped")
        self.ran += 1


def check_settings(content):
    if "methods" in content:
        parse_configuration({"name": "it", **content}, "a profile")
    elif "segments" in content:
        AudioSetConfiguration.model_validate(content)
    else:
        ((group, methods),) = content["project"]["entry-points"].items()
        assert group == "timbrebench.methods"
        assert all(re.fullmatch(r"\w+:\w+", value) for value in methods.values())


def lines_of(source):
    joined = source.replace("\\\n", " ").splitlines()
    return [line for line in joined if line.strip() and not line.lstrip().startswith("#")]


def run_line(line):
    stated = STATUS.search(line)
    expected = int(stated[1]) if stated else 0
    if line.startswith("timbrebench ") and not NEEDS_SHELL.search(line.partition(" #")[0]):
        done = CliRunner().invoke(app, shlex.split(line, comments=True)[1:])
        status, printed, said = done.exit_code, done.stdout, f"{done.output}{done.exception or ''}"
    else:
        process = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        status, printed, said = process.returncode, process.stdout, process.stdout + process.stderr
    assert status == expected, f"{line}\nended with status {status}:\n{said}"
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
@pytest.mark.usefixtures("in_small")
def test_a_page_works_as_it_stands(page, reader, run, run_of_many_pieces, as_toml):
    begin(page, reader, many=run_of_many_pieces, few=run.root, as_toml=as_toml)
    ran, reasons = run_page(PAGES[page].read_text(encoding="utf-8"), str(PAGES[page]))
    assert ran >= len(reasons)
    assert all(len(reason) > 10 for reason in reasons)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("```python\nassert 1 == 2, 'one is not two'\n```\n", "one is not two"),
        ("```sh\nfalse\n```\n", "status 1"),
        ("```sh\ntimbrebench transfer nothing a b c\n```\n", "status 1"),
        ("```sh\ntrue  # exit status 1\n```\n", "status 0"),
        ("```sh\necho one\n```\n\n```text\ntwo\n```\n", "printed was"),
        ("```yaml\nkey: 1\n```\n", "neither run nor skipped"),
    ],
)
def test_a_tutorial_that_does_not_work_is_found(text, wrong, reader):
    with pytest.raises(AssertionError, match=wrong):
        run_page(text)


def test_what_is_skipped_says_why(reader):
    page = '<!-- skip: next "it needs a week" -->\n\n```sh\nfalse\n```\n\n```sh\ntrue\n```\n'
    assert run_page(page) == (1, ["it needs a week"])
