"""The wheel, installed outside of the checkout, in the hands of newcomers with an empty home.

It is built and installed by pip once, into an environment that sees the libraries of the tests but not their
timbrebench. Nothing is fetched. Of the action, the steps that are shell are run as they are written.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from timbrebench.audio import read_audio, write_audio
from timbrebench.datasets.notes import notes_table

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "examples" / "method-template"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = [step for step in ACTION["runs"]["steps"] if step.get("shell") == "bash"]
FOLDERS = ("audio", "classifier", "core", "datasets", "experiments", "metrics", "transfer")
NO_BUILDS = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".*_cache")

#: As small as a run can be that has enough pieces for a loss to be significant.
GATE = """
name = "gate"
metrics = ["style_accuracy", "note_f1", "log_stft_mse"]
resamples = 200

[dataset]
corpus = "corpus"
pieces = 13
renderings = 1
instruments = ["piano", "trumpet"]
soundfonts = ["TimGM6mb"]
clip_duration_s = 2.0
clips_per_piece = 1
splits = { train = 0.1, judge = 0.1, validation = 0.1, test = 0.7 }

[suite]
soundfont = "TimGM6mb"
pairs_per_direction = 5

[judge]
name = "instruments-6-1"

[[methods]]
method = "long-term-spectrum"
"""


class Installed:
    """A virtual environment and a home, both empty, and a folder to work in."""

    def __init__(self, folder):
        self.bin, self.home, self.work = folder / "environment" / "bin", folder / "home", folder / "work"
        venv.create(folder / "environment", with_pip=False)
        for made in (self.home, self.work):
            made.mkdir()
        (self.site,) = (folder / "environment").glob("lib/python*/site-packages")
        (self.bin / "apt-get").write_text("#!/bin/sh\necho tests install no system packages; exit 1\n")
        (self.bin / "apt-get").chmod(0o755)
        self.variables = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "OMP_NUM_THREADS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_DEPS": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as: do not isolate
        }

    def show_libraries(self):
        """Let it see what the tests have installed: after pip, which must not see their timbrebench."""
        folders = [path for path in sys.path if Path(path).name == "site-packages"]
        (self.site / "libraries.pth").write_text("\n".join(folders) + "\n", encoding="utf-8")

    def run(self, *command, status=0, cwd=None, **variables):
        before = os.times()
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd or self.work,
            env=self.variables | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        now = os.times()
        used = now.children_user - before.children_user + now.children_system - before.children_system
        line = " ".join([Path(command[0]).name, *map(str, command[1:])])
        sys.stdout.write(f"{used:5.1f} s of CPU: {line}\n")
        return done

    def timbrebench(self, *arguments, **options):
        return self.run(self.bin / "timbrebench", *arguments, **options)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy since builds leave things behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=NO_BUILDS)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    build = ["wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([sys.executable, "-m", "pip", *build, folder / "source"], check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    installed = Installed(tmp_path_factory.mktemp("installed"))
    pip = [sys.executable, "-m", "pip", "--python", str(installed.bin / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True)
    installed.show_libraries()
    return installed


@pytest.fixture(scope="module")
def recordings(installed, synthesizer):
    """What a musician has: two files."""
    for name, program, pitches in (("piano", 0, (60, 64, 67, 72)), ("clarinet", 71, (57, 62, 65, 69))):
        notes = notes_table([(0.5 * i, 0.5 * i + 0.4, pitch, 90) for i, pitch in enumerate(pitches)])
        write_audio(installed.work / f"{name}.wav", synthesizer.render(notes, program, 2.0, 22050), 22050)


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel):
    present = {
        f"timbrebench/{path.relative_to(ROOT).as_posix()}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == present


def test_what_is_imported_is_the_wheel(installed):
    code = (
        "import timbrebench.core, timbrebench.experiments as e; print(timbrebench.core.__file__, e.__file__)"
    )
    paths = installed.run(installed.bin / "python", "-c", code).stdout.split()
    assert all(Path(path).is_relative_to(installed.site) for path in paths)


def test_a_stranger_looks_around(installed):
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert installed.timbrebench("--version").stdout == f"timbrebench {version}\n"
    assert "transfer" in installed.timbrebench("--help").stdout
    assert "reinstrument" in installed.timbrebench("methods").stdout
    profile = installed.timbrebench("profile", "default").stdout
    assert profile == (ROOT / "experiments" / "profiles" / "default.toml").read_text(encoding="utf-8")
    typo = installed.timbrebench("metods", status=2)
    assert "Did you mean" in typo.stderr
    assert list(installed.work.iterdir()) == []


def test_a_musician_begins_with_the_demo(installed):
    shown = installed.timbrebench("demo").stdout
    verdicts = dict(re.findall(r"^([\w-]+) +(\w.*of the notes\.)$", shown, re.MULTILINE))
    assert set(verdicts) == {"reinstrument", "wct", "envelope", "musaicing"}
    assert verdicts["reinstrument"].startswith("Sounds like the style")
    page = Path(shown.split()[-1])
    assert page == installed.work / "demo" / "index.html"
    assert page.read_text(encoding="utf-8").count("<audio") == 3 + len(verdicts)


def test_a_musician_has_two_files(installed, recordings):
    installed.timbrebench("transfer", "envelope", "piano.wav", "clarinet.wav", "out.wav")
    content, output = (read_audio(installed.work / name)[0] for name in ("piano.wav", "out.wav"))
    assert output.shape == content.shape
    assert not np.allclose(output, content, atol=0.01)
    scored = installed.timbrebench("score", "out.wav", "--content", "piano.wav", "--style", "clarinet.wav")
    assert "note" in scored.stdout.splitlines()[-1]
    assert "piano" in scored.stdout  # what the judge that comes with the wheel has heard
    refused = installed.timbrebench(
        "transfer", "envelope", "piano.wav", "clarinet.wav", "piano.wav", status=1
    )
    assert "piano.wav" in refused.stderr


@pytest.fixture(scope="module")
def repository(installed, corpus_of_tunes):
    """The repository of an engineer: the template, with a run as small as it can be."""
    folder = installed.work.parent / "repository"
    shutil.copytree(TEMPLATE, folder, ignore=NO_BUILDS)
    shutil.copytree(corpus_of_tunes(beat_s=0.25), folder / "corpus")
    (folder / "gate.toml").write_text(GATE, encoding="utf-8")
    return folder


class Outcome:
    """What the action's steps lead to, in a folder, up to the first that fails; or the one step of a name."""

    def __init__(self, installed, folder, step="", **given):
        written = {
            name: folder.parent / f"{folder.name}-{name.lower()}" for name in ("OUTPUT", "STEP_SUMMARY")
        }
        for path in written.values():
            path.write_text("")
        github = {f"GITHUB_{name}": str(path) for name, path in written.items()}
        github["GITHUB_ACTION_PATH"] = str(ROOT)
        inputs = {name: given.get(name, item["default"]) for name, item in ACTION["inputs"].items()}
        self.printed = ""
        for part in (part for part in STEPS if step in {"", part["name"]}):
            variables = {
                name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: inputs[match[1]], value)
                for name, value in part.get("env", {}).items()
            }
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", part["run"]],
                cwd=folder,
                env=installed.variables | github | variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            self.exit_status = done.returncode
            self.printed += done.stdout
            if done.returncode:
                break
        self.output = written["OUTPUT"].read_text().strip()
        self.summary = written["STEP_SUMMARY"].read_text()


@pytest.fixture(scope="module")
def first_time(installed, repository, wheel):
    """The action where nobody has stored a baseline: the run is made, and nothing can be compared."""
    return Outcome(installed, repository, timbrebench=str(wheel))


@pytest.fixture(scope="module")
def run_folder(first_time, repository):
    return repository / "runs" / "gate"


def test_an_engineer_without_a_baseline_has_not_passed(first_time):
    assert (first_time.exit_status, first_time.output) == (2, "status=2"), first_time.printed
    assert first_time.summary.startswith("## The check could not be made\n")
    assert "baseline.csv" in first_time.summary


@pytest.fixture(scope="module")
def baseline(installed, repository, run_folder):
    installed.timbrebench("baseline", "runs/gate", "--out", "same.csv", cwd=repository)
    return repository / "same.csv"


def test_a_method_as_good_as_its_baseline_passes(installed, repository, baseline):
    outcome = Outcome(installed, repository, step="Run and check", baseline=baseline.name)
    assert (outcome.exit_status, outcome.output) == (0, "status=0"), outcome.printed
    assert "long-term-spectrum" in outcome.printed
    assert outcome.summary.startswith("## ")


def test_a_method_that_has_become_worse_fails(installed, repository, baseline):
    about, _, rows = baseline.read_text().partition("\n")
    table = pd.read_csv(io.StringIO(rows), dtype={"pair_id": str})
    table["log_stft_mse"] = 0.0
    better = repository / "better 'by far'; $(touch it).csv"
    better.write_text(f"{about}\n{table.to_csv(index=False)}")
    outcome = Outcome(installed, repository, step="Run and check", baseline=better.name)
    assert (outcome.exit_status, outcome.output) == (1, "status=1"), outcome.printed
    assert "log_stft_mse" in outcome.summary
    assert not (repository / "it").exists()


def test_a_run_that_fails_has_measured_nothing(installed, repository, baseline):
    """Whatever an earlier one has left in its folder."""
    outcome = Outcome(
        installed,
        repository,
        step="Run and check",
        configuration="$(touch it).toml",
        baseline=baseline.name,
    )
    assert (outcome.exit_status, outcome.output) == (2, "status=2"), outcome.printed
    assert outcome.summary == "## The check could not be made\n\nThe run failed: see the log.\n"
    assert not (repository / "it").exists()


def test_a_student_compares_methods(installed, repository, run_folder):
    """On the run that is there: the same command again has nothing to do but to show it."""
    assert "instruments-6-1" in installed.timbrebench("suite", "list").stdout
    shown = installed.timbrebench("run", "gate.toml", "--out", "runs/gate", cwd=repository)
    assert "long-term-spectrum" in shown.stdout
    assert "transferring" not in shown.stderr
    leaderboard = pd.read_csv(run_folder / "leaderboard.csv")
    assert {"long-term-spectrum", "identity", "reference"} <= set(leaderboard["method"])
    assert "<audio" in next((run_folder / "pairs").glob("*.html")).read_text(encoding="utf-8")


def test_the_template_s_own_tests_pass(installed, repository, first_time):
    assert (
        "3 passed"
        in installed.run(installed.bin / "python", "-m", "pytest", "-q", "tests", cwd=repository).stdout
    )


def of_workflow(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_workflow_for_others_hands_every_input_on():
    workflow = of_workflow(ROOT / ".github" / "workflows" / "gate.yml")
    (call,) = [
        value["workflow_call"] for key, value in workflow.items() if key is True
    ]  # YAML reads `on` as true
    (job,) = workflow["jobs"].values()
    (used,) = [step for step in job["steps"] if step.get("uses") == "./.timbrebench"]
    assert used["with"] == {name: f"${{{{ inputs.{name} }}}}" for name in used["with"]}
    assert set(used["with"]) == set(call["inputs"]) - {"timeout-minutes"} == set(ACTION["inputs"]) - {"out"}
    for name in used["with"]:
        assert call["inputs"][name]["default"] == ACTION["inputs"][name]["default"]
    assert job["outputs"] == {"status": f"${{{{ steps.{used['id']}.outputs.status }}}}"}
    uploaded = [step["with"]["path"] for step in job["steps"] if "upload" in step["uses"]]
    assert uploaded == [ACTION["inputs"]["out"]["default"]]


def test_the_template_s_workflow_and_run_are_what_the_workflow_for_others_takes():
    (job,) = of_workflow(TEMPLATE / ".github" / "workflows" / "gate.yml")["jobs"].values()
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert job["uses"] == f"OWNER/timbrebench/.github/workflows/gate.yml@v{version}"
    assert set(job["with"]) <= set(ACTION["inputs"])
    assert (TEMPLATE / job["with"]["configuration"]).is_file()


WORKFLOWS = [
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
    TEMPLATE / ".github" / "workflows" / "gate.yml",
]


@pytest.mark.parametrize(
    "path", [ROOT / "action.yml", *WORKFLOWS], ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_value_becomes_part_of_a_shell_s_text(path):
    content = of_workflow(path)
    jobs = [content["runs"]] if "runs" in content else content["jobs"].values()
    steps = [step for job in jobs for step in job.get("steps", [])]
    assert steps or all("uses" in job for job in jobs)
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize(
    "path", [ROOT / "action.yml", *WORKFLOWS], ids=lambda path: str(path.relative_to(ROOT))
)
def test_whatever_installs_takes_torch_without_cuda(path):
    text = path.read_text(encoding="utf-8")
    installs = re.search(r"pip install|\.ci/run|\bmake ", text)
    assert bool(installs) == ("PIP_EXTRA_INDEX_URL: https://download.pytorch.org/whl/cpu" in text)
