"""Facts about the project as a whole: what is packaged, and what its names leave free."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("audio", "classifier", "core", "datasets", "experiments", "metrics", "transfer")


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_listed():
    found = {
        "timbrebench." + ".".join(path.parent.relative_to(ROOT).parts)
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("__init__.py")
    }
    assert set(project()["tool"]["setuptools"]["packages"]) == found


def test_data_files_are_packaged():
    packaged = {
        path
        for package, patterns in project()["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in (ROOT / Path(*package.split(".")[1:])).glob(pattern)
    }
    present = {
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert packaged == present


def test_what_is_pinned_is_what_is_asked_for():
    from packaging.requirements import Requirement
    from packaging.version import Version

    pins = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    )
    pins = {name.lower().replace("_", "-"): Version(version) for name, version in pins.items()}
    for text in project()["project"]["dependencies"]:
        requirement = Requirement(text)
        assert pins[requirement.name.lower().replace("_", "-")] in requirement.specifier


def test_another_package_named_datasets_stays_importable(tmp_path):
    """Ours are imported as timbrebench.datasets; the bare name belongs to others."""
    other = tmp_path / "datasets"
    other.mkdir()
    (other / "__init__.py").write_text("owner = 'somebody else'\n")
    code = (
        "import timbrebench.datasets, datasets; "
        "assert datasets.owner == 'somebody else'; assert timbrebench.datasets.Dataset"
    )
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)


def test_a_system_without_fcntl_is_told_so_at_once():
    """As on Windows: whichever package is imported first."""
    code = "import sys; sys.modules['fcntl'] = None; import timbrebench.metrics"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        "ImportError: timbrebench does not support this system (linux): it locks files by fcntl"
    )
    assert last.endswith("on Windows, use it inside WSL 2")


def test_every_package_says_that_it_is_typed():
    """Each by itself, since what holds them is a namespace."""
    assert all((ROOT / folder / "py.typed").is_file() for folder in FOLDERS)


def test_the_project_names_no_bare_folder():
    for path in (item for folder in FOLDERS for item in (ROOT / folder).rglob("*.py")):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]) and len(words) > 1:
                assert words[1].split(".")[0] not in FOLDERS, f"{path}: {line}"


def test_the_version_to_cite_is_the_project_s():
    version = project()["project"]["version"]
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version = {{{version}}}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_python_file_that_contributing_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.py)`", text))
    places = [ROOT, *(ROOT / folder for folder in FOLDERS), ROOT / "experiments" / "report"]
    assert len(named) > 20
    assert {name for name in named if not any((place / name).is_file() for place in places)} == set()


def test_names_of_modules_find_one_file():
    """All but what each registry and contract is called."""
    modules = [path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    repeated = {name for name in modules if modules.count(name) > 1}
    assert repeated == {"__init__.py", "contract.py", "registry.py"}


@pytest.mark.parametrize(
    ("target", "variables"),
    [
        ("benchmark", ("PROFILE", "OUT")),
        ("regression", ("OUT",)),
        ("baseline", ("OUT",)),
        ("validate-metrics", ("OUT", "DATASET")),
        ("bench-metrics", ("OUT",)),
        ("bench-transfer", ("OUT", "DATASET")),
        ("studies", ("RUN", "OUT", "SETTING")),
        ("bench-datasets", ("OUT", "MIDI", "AUDIOSET")),
        ("setup", ("PYTHON",)),
    ],
)
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_values_of_make_s_variables_are_handed_on_as_they_are(target, variables):
    values = {name: f"{name} of 'mine' & \"yours\"; (a)*" for name in variables}
    command = [
        "make",
        "--dry-run",
        "--always-make",
        target,
        *(f"{name}={value}" for name, value in values.items()),
    ]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = shlex.split(recipe)
    for value in values.values():
        assert any(word in {value, f"PYTHON={value}"} for word in words), f"{value!r} is not in\n{recipe}"
    pieces = {"of", "mine", "yours", "(a)*", "&"}
    assert pieces.isdisjoint(words)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("target", "is_for_developers"),
    [("setup", False), ("benchmark", False), ("regression", False), ("studies", False)]
    + [(name, True) for name in ("setup-dev", "test", "lint", "types", "docs")],
)
def test_what_developers_need_is_installed_for_them_alone(target, is_for_developers):
    command = ["make", "--dry-run", "--always-make", target]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "-c constraints.txt -e .\n" in recipe
    assert ("-e '.[dev,docs]'" in recipe) == is_for_developers
    assert ("--no-deps basic-pitch" in recipe) == is_for_developers


def test_every_variable_of_the_makefile_is_handed_on_quoted():
    for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines():
        if line.startswith("\t") and not line.startswith("\t@echo"):
            bare = re.sub(r"\$\(call quoted,\$\(\w+\)[^()]*\)|\$\(if \$\(\w+\),", "", line)
            fixed = {"BIN", "VENV", "BASELINE", "CHECK", "FOLDERS", "folder"}
            assert set(re.findall(r"\$\((\w+)\)", bare)) <= fixed, line


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_every_step_of_the_image_is_a_target_of_make_for_which_all_is_there(tmp_path):
    shutil.copy(ROOT / "system-packages.sh", tmp_path)  # what is not there yet where the first target is made
    shutil.copy(ROOT / "Makefile", tmp_path)
    steps = [
        shlex.split(line) for line in (ROOT / "Dockerfile").read_text().splitlines() if line[:1].isupper()
    ]
    made, has_all = [], False
    for instruction, *words in steps:
        if instruction == "COPY":
            has_all |= words == [".", "."]
            assert has_all or {*words[:-1]} <= {path.name for path in tmp_path.iterdir()}
        if instruction == "RUN":
            assert words[0] == "make"
            made += words[1:]
            where = ROOT if has_all else tmp_path
            subprocess.run(["make", "--dry-run", *words[1:]], cwd=where, capture_output=True, check=True)
    assert made == ["system", "setup"]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git/", *(ROOT / ".gitignore").read_text().split()} <= {
        line.removeprefix("**/") for line in ignored
    }


def test_the_python_versions_that_are_tested_are_those_that_are_supported():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    tested = workflow["jobs"]["test"]["strategy"]["matrix"]["python-version"]
    named = [line.rpartition(" ")[2] for line in project()["project"]["classifiers"] if ":: 3." in line]
    assert tested == named
    assert project()["project"]["requires-python"] == f">={tested[0]}"
