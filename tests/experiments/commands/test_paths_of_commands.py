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

#: Commands that write a file, with the ending of its name, and that write into a folder. What they read is
#: absent: a message about AT has come before any work.
WRITTEN_FILES = {
    "transfer identity a.wav b.wav AT": ".wav",
    "score outputs --content c --style s --csv AT": ".csv",
    "check run --baseline b.csv --markdown AT": ".md",
    "check run --baseline b.csv --junit AT": ".xml",
    "baseline run --out AT": ".csv",
    "compare one two --run run --out AT": ".md",
    "dataset info dataset --plot AT": ".png",
    "submit run --out AT --submitter A": ".zip",
    "suite segments instruments-6 --out AT": ".csv",
}
WRITTEN_FOLDERS = (
    "run smoke --out AT",
    "dataset build AT --config smoke",
    "dataset rebuild dataset AT",
    "judge train dataset --out AT",
    "judge card judge dataset --out AT",
    "judge spectrograms dataset --out AT",
    "judge publish run --out AT --suite instruments-6-1",
    "judge train-content AT",
    "train-notes AT",
    "learn-spectra AT",
    "validate-metrics --out AT",
    "validate-human data --out AT",
    "listen make run --out AT",
    "bench-metrics --out AT",
    "bench-transfer --out AT",
    "bench-datasets --out AT",
    "study phase --run run --out AT",
    "submission merge a.zip --out AT",
    "suite freeze instruments-6 --out AT",
    "suite freeze instruments-6 --out . --clips AT",
    "suite build instruments-6 AT",
    "pairs export run --out AT",
    "transfer templates a.wav b.wav c.wav --dataset dataset --learned AT",
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


@pytest.mark.parametrize("command", WRITTEN_FILES)
def test_commands_look_at_the_file_that_they_write_before_any_work(command, place):
    at = place.with_suffix(WRITTEN_FILES[command])
    folder(at)
    assert f"{at.name}: it is a folder: name a file" in printed(command, at)
    at.rmdir()
    if not command.startswith("check"):  # a summary of each check, whatever its name
        for wrong in ("o", "o.mp4"):
            assert f"{wrong}: the name of the file to write must end in ." in printed(
                command, at.with_name(wrong)
            )
    inside_a_file(at)
    assert f"{at.name}: part of the path is a file" in printed(command, at)


@pytest.mark.parametrize("command", [line for line in WRITTEN_FILES if not line.startswith("check")])
def test_commands_replace_a_file_only_by_force(command, place):
    at = place.with_suffix(WRITTEN_FILES[command])
    file(at)
    assert f"{at.name}: exists already: choose another name, or replace it with --force" in printed(
        command, at
    )
    if not command.startswith("suite"):  # that has nothing to wait for
        assert "exists already" not in printed(f"{command} --force", at)
    assert at.read_bytes() == b"not what was wanted"


@pytest.mark.parametrize("command", WRITTEN_FOLDERS)
def test_commands_look_at_the_folder_that_they_write_before_any_work(command, place):
    file(place)
    assert "at.toml: it is a file, not a folder: name a folder" in printed(command, place)
    place.unlink()
    inside_a_file(place)
    assert "part of the path is a file" in printed(command, place)


@pytest.mark.parametrize(
    "command",
    [
        "transfer identity AT b.wav AT --force",
        "transfer identity a.wav AT AT --force",
        "score AT --content c.wav --style s.wav --csv AT --force",
        "score out.wav --content c.wav --style s.wav --notes AT --csv AT --force",
        "check run --baseline AT --markdown AT",
    ],
)
def test_an_input_is_never_replaced(command, place):
    at = place.with_suffix(".wav" if command.startswith("transfer") else ".csv")
    file(at)
    assert f"{at.name}: is the input" in printed(command, at)
    assert at.read_bytes() == b"not what was wanted"
