"""What lies at a path that a command is given is named: a folder for a file, a pipe, a link to nowhere."""

from __future__ import annotations

import os

import pytest
from typer.testing import CliRunner

from timbrebench.core.errors import TimbrebenchError
from timbrebench.core.files import why_no_file, why_no_folder
from timbrebench.experiments.commands.cli import app


def folder(path):
    path.mkdir()


def file(path):
    path.write_bytes(b"not what was wanted")


def link(path):
    path.symlink_to("nowhere")


def circle(path):
    path.symlink_to(path.name)


def inside_a_file(path):
    """The path's folder is a file."""
    path.parent.rmdir()
    path.parent.touch()


def nothing(path):
    pass


#: What is made at a path, with the word that names it where a file and where a folder is wanted.
MADE = {
    folder: ("folder", "folder"),
    file: ("file", "file, not a folder"),
    os.mkfifo: ("pipe", "pipe"),
    link: ("link to nowhere", "link to nowhere"),
    circle: ("symbolic links", "symbolic links"),
    inside_a_file: ("Not a directory", "Not a directory"),
    nothing: ("no such file", "no such folder"),
}

#: Commands that read a file, and that read a folder, with AT where it is.
FILES = (
    "transfer identity AT AT out.wav",
    "score clip.wav --content clip.wav --style clip.wav --judge AT",
    "dataset import AT mine",
    "dataset build mine --config AT",
    "run AT --out run",
    "audioset counts AT",
    "check run --baseline AT",
    "submission verify AT",
)
FOLDERS = (
    "dataset verify AT",
    "dataset info AT",
    "dataset card AT",
    "leaderboard AT",
    "compare one two --run AT",
    "compare AT AT",
    "pairs export AT --out pairs",
    "submit AT --out a.zip --submitter A",
    "judge spectrograms AT --out study",
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "place").mkdir()
    return tmp_path / "place" / "at.toml"


@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_what_is_there_is_named(make, place):
    make(place)
    wanted_file, wanted_folder = MADE[make]
    assert wanted_file in why_no_file(place)
    assert wanted_folder in why_no_folder(place)
    assert (why_no_file(place) == "it is a file") == (make is file)
    assert (why_no_folder(place) == "it is a folder") == (make is folder)


def printed(command, place):
    result = CliRunner().invoke(app, [str(place) if word == "AT" else word for word in command.split()])
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit | TimbrebenchError), result.exception
    return " ".join(f"{result.output} {result.exception}".split())


@pytest.mark.parametrize("make", [folder, os.mkfifo, link, nothing], ids=lambda make: make.__name__)
@pytest.mark.parametrize("command", FILES)
def test_commands_say_what_is_at_a_path_that_is_no_file(command, make, place):
    make(place)
    said = printed(command, place)
    assert "at.toml" in said
    assert make is nothing or MADE[make][0] in said


@pytest.mark.parametrize("make", [file, os.mkfifo, link, nothing], ids=lambda make: make.__name__)
@pytest.mark.parametrize("command", FOLDERS)
def test_commands_say_what_is_at_a_path_that_is_no_folder(command, make, place):
    make(place)
    said = printed(command, place)
    assert "at.toml" in said
    assert make is nothing or MADE[make][1] in said
