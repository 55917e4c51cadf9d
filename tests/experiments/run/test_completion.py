"""A run that has nothing left to do is known by its files and the code; what has changed is noticed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import timbrebench.audio
from timbrebench.core.files import write_json
from timbrebench.experiments.run.completion import Completion
from timbrebench.experiments.run.record_types import Transfer
from timbrebench.experiments.run.records import RecordsFile
from timbrebench.experiments.run.run_configuration import RunConfiguration

TEXT = "name = 'tiny'"

METHODS = """
    from timbrebench.transfer import Method

    class Halves(Method):
        name, version, source, summary = "halves", 1, "test", "halves the content"

        def transfer(self, content, style, *, sample_rate, seed):
            return 0.5 * content
"""

CHECK = """
    import sys
    from pathlib import Path
    from timbrebench.experiments.run.completion import Completion
    print(Completion(Path(sys.argv[1]), sys.argv[2]).is_reached())
"""


def finish(root, configuration):
    """Keep that a run is finished; what a run with that configuration would still do is not done."""
    write_json(root / "configuration.json", configuration.as_recorded())
    with Completion(root, TEXT).recorded(configuration):
        pass


def is_reached_elsewhere(root, *path):
    """Ask another process, with folders of modules of its own."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHECK), str(root), TEXT],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
    )
    return done.stdout.strip() == "True"


@pytest.fixture(scope="module")
def known_finished(run, tiny, tmp_path_factory):
    """A run that is known to be finished; tests must leave its folder as it is."""
    root = tmp_path_factory.mktemp("finished") / "run"
    shutil.copytree(run.root, root)
    finish(root, tiny)
    return root


@pytest.fixture
def finished(known_finished, tmp_path):
    """A finished run to do things to. Copies have the times of what they are copies of."""
    shutil.copytree(known_finished, tmp_path / "run")
    return tmp_path / "run"


def change_output(root):
    path = next((root / "outputs").rglob("*.flac"))
    path.write_bytes(path.read_bytes()[:-1])


def lose_output(root):
    next((root / "outputs").rglob("*.flac")).unlink()


def leave_half_an_output(root):
    (next((root / "outputs").iterdir()) / ".part-1.flac").touch()


def lose(name):
    def change(root):
        (root / name).unlink()

    return change


def append_to(name):
    def change(root):
        with (root / name).open("a") as file:
            file.write("\n")

    return change


def change_configuration(root):
    path = root / "configuration.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seeds": [1]}))


def test_a_finished_run_is_known(finished):
    assert Completion(finished, TEXT).is_reached()


def test_another_configuration_is_not_done(finished):
    assert not Completion(finished, TEXT + "\nseeds = [1]").is_reached()


@pytest.mark.parametrize(
    "change",
    [
        change_output,
        lose_output,
        leave_half_an_output,
        change_configuration,
        *(
            lose(name)
            for name in (
                "records.jsonl",
                "leaderboard.csv",
                "validity.json",
                "report.html",
                "sets.csv",
                "tables/leaderboard.md",
            )
        ),
        *(append_to(name) for name in ("records.jsonl", "leaderboard.csv", "listeners.csv", "suite.csv")),
        *(append_to(f"dataset/{name}") for name in ("dataset.json", "manifest.csv")),
        *(append_to(f"judge/{name}") for name in ("judge.pt", "key.json", "evaluation.json")),
        lose("judge/learning_curve.csv"),
        lose("finished.json"),
    ],
)
def test_what_has_changed_is_gone_through_again(finished, change):
    change(finished)
    assert not Completion(finished, TEXT).is_reached()


def test_nobody_takes_a_run_for_finished_that_another_is_at_work_in(finished):
    with RecordsFile(finished / "records.jsonl"):
        assert not Completion(finished, TEXT).is_reached()
    assert Completion(finished, TEXT).is_reached()


def test_a_folder_without_a_run_is_not_finished(tmp_path):
    assert not Completion(tmp_path / "absent", TEXT).is_reached()
    assert not (tmp_path / "absent").exists()


def test_what_goes_wrong_is_not_kept_as_finished(finished, tiny):
    (finished / "finished.json").unlink()
    with pytest.raises(KeyError), Completion(finished, TEXT).recorded(tiny):
        raise KeyError
    assert not (finished / "finished.json").exists()


def test_what_is_to_be_tried_again_is_not_finished(finished, tiny):
    def end(**how):
        with RecordsFile(finished / "records.jsonl") as store:
            store.add(Transfer(key="k", label="x", pair_id="p", seed=0, **how))
        finish(finished, tiny)
        return Completion(finished, TEXT).is_reached()

    assert not end(status="failed", reason="its process was ended by SIGKILL", transient=True)
    assert end(status="failed", reason="ValueError")


def test_a_metric_of_another_version_is_noticed(finished, tmp_path):
    """The code counts by what it says, wherever it lies."""
    project = Path(timbrebench.audio.__file__).parents[1]
    copied = tmp_path / "code" / "timbrebench"
    for name in ("core", "audio", "datasets", "classifier", "transfer", "metrics", "experiments"):
        shutil.copytree(project / name, copied / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / "audio" / "__pycache__").mkdir()
    (copied / "audio" / "__pycache__" / "clips.cpython-311.pyc.140234").touch()  # half written by another
    assert is_reached_elsewhere(finished, copied.parent)
    path = copied / "metrics" / "correlation.py"
    assert "version=2" in path.read_text()
    path.write_text(path.read_text().replace("version=2", "version=3", 1))
    assert not is_reached_elsewhere(finished, copied.parent)


def with_method(configuration, name, **parameters):
    methods = [{"method": name, "parameters": parameters}]
    return RunConfiguration.model_validate({**configuration.model_dump(), "methods": methods})


def test_a_method_that_is_given_files_is_asked_for_them(finished, tiny, tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    configuration = with_method(tiny, "finished-audio", folder=str(made))
    finish(finished, configuration)
    assert Completion(finished, TEXT).is_reached()
    (made / "000-piano-trumpet.wav").touch()
    assert not Completion(finished, TEXT).is_reached()


def test_files_that_change_during_the_run_are_not_taken_for_done(finished, tiny, tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    configuration = with_method(tiny, "finished-audio", folder=str(made))
    finish(finished, configuration)
    (finished / "finished.json").unlink()
    with Completion(finished, TEXT).recorded(configuration):
        (made / "000-piano-trumpet.wav").touch()
    assert not (finished / "finished.json").exists()
    with Completion(finished, TEXT).recorded(configuration):
        pass
    assert (finished / "finished.json").exists()


def test_a_method_of_others_is_asked_for_its_version(finished, tiny, tmp_path, monkeypatch):
    site = tmp_path / "site"
    info = site / "halving-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: halving\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[timbrebench.methods]\nhalves = halving_methods:Halves\n")
    (site / "halving_methods.py").write_text(textwrap.dedent(METHODS))
    assert not is_reached_elsewhere(finished, site)  # what is installed has changed
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    finish(finished, with_method(tiny, "halves"))
    assert is_reached_elsewhere(finished, site)
    (site / "halving_methods.py").write_text(textwrap.dedent(METHODS).replace('"halves", 1', '"halves", 2'))
    assert not is_reached_elsewhere(finished, site)
