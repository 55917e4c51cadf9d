"""Where a run was made is recorded, and where it has gone on since."""

from __future__ import annotations

import json

import pytest

from timbrebench.core.errors import RunError
from timbrebench.experiments.run import environment
from timbrebench.experiments.run.environment import (
    describe_environment,
    read_environments,
    record_environment,
)


@pytest.fixture
def upgrade(monkeypatch):
    """Let torch have another version."""

    def upgrade(version):
        monkeypatch.setattr(environment, "installed_versions", lambda: {"python": "3", "torch": version})

    return upgrade


def torches(path):
    return [start["versions"]["torch"] for start in read_environments(path)]


def test_the_first_start_is_recorded_as_it_is(tmp_path):
    path = tmp_path / "environment.json"
    recorded = record_environment(path)
    assert json.loads(path.read_text()) == describe_environment()
    assert recorded == read_environments(path) == [describe_environment()]


def test_other_versions_are_added_once_and_the_first_stay_in_their_place(tmp_path, upgrade):
    path = tmp_path / "environment.json"
    for version in ("1", "1", "2", "3", "1", "2"):
        upgrade(version)
        known = record_environment(path)
    assert torches(path) == ["1", "2", "3"]
    assert read_environments(path) == known
    assert json.loads(path.read_text())["versions"]["torch"] == "1"


def test_another_machine_is_added_and_another_command_is_not(tmp_path, monkeypatch):
    path = tmp_path / "environment.json"
    record_environment(path)
    monkeypatch.setattr("sys.argv", ["timbrebench", "run", "elsewhere.toml"])
    assert len(record_environment(path)) == 1
    monkeypatch.setattr(environment, "_processor", lambda: "another one")
    assert [start["machine"]["processor"] for start in record_environment(path)][1:] == ["another one"]


def test_without_a_file_nothing_is_known(tmp_path):
    assert read_environments(tmp_path / "environment.json") == []


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", '{"machine": 1, "versions": {}}'])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "environment.json"
    path.write_text(text)
    with pytest.raises(RunError, match=r"environment\.json: does not say where the run was made: remove it"):
        record_environment(path)
