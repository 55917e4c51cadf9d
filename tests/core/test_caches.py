"""Caches can be written wherever the project runs, and a line says what to set."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

_PROBE = """
import os
from pathlib import Path
import platformdirs
from timbrebench.core.caches import use_writable_caches

use_writable_caches()
cache = Path(platformdirs.user_cache_dir("timbrebench"))
cache.mkdir(parents=True, exist_ok=True)
(cache / "new").touch()
print(cache)
print(*sorted(path.name for path in cache.iterdir()))
"""

_UNKNOWN_USER = """
import pwd

def getpwuid(_):
    raise KeyError

pwd.getpwuid = getpwuid
"""

_COMMAND = """
import sys
from timbrebench.experiments.commands.cli import main

sys.argv = ["timbrebench", "--help"]
main()
"""

_CAPBSET_DROP, _CAP_DAC_OVERRIDE = 24, 1


def obey_permissions():
    """Let permissions count in the program that is started next, even if the tests are run by root."""
    ctypes.CDLL(None).prctl(_CAPBSET_DROP, _CAP_DAC_OVERRIDE)


def probe(folder, code=_PROBE, **environment):
    usual = {name: os.environ[name] for name in ("PATH", "PYTHONSAFEPATH") if name in os.environ}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=usual | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=obey_permissions,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines(), result.stderr


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "file").touch()
    return tmp_path / "work"


def test_caches_that_can_be_written_stay_where_they_are(folder):
    (cache, entries), said = probe(folder, HOME=str(folder))
    assert (cache, entries) == (str(folder / ".cache" / "timbrebench"), "new")
    assert not said


@pytest.mark.parametrize("home", ["{file}", "/dev/null/x", "/proc/1", None])
def test_without_a_home_they_are_temporary_and_a_line_names_the_variables(folder, home):
    if home is None:
        (cache, entries), said = probe(folder, _UNKNOWN_USER + _PROBE)
    else:
        (cache, entries), said = probe(folder, HOME=home.format(file=folder.parent / "file"))
    assert entries == "new"
    assert not Path(cache).exists()
    assert said.count("\n") == 1
    assert "XDG_CACHE_HOME" in said
    assert "MPLCONFIGDIR" in said
    assert not list(folder.iterdir())


def test_variables_that_name_such_folders_are_kept(folder):
    variables = {name: str(folder / name) for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR")}
    (cache, _), said = probe(folder, HOME="/dev/null", **variables)
    assert cache == f"{variables['XDG_CACHE_HOME']}/timbrebench"
    assert not said


def test_what_a_cache_holds_that_can_only_be_read_is_read(folder):
    own = folder / ".cache" / "timbrebench"
    (own / "soundfonts").mkdir(parents=True)
    (own / "soundfonts" / "a.sf2").write_text("samples")
    own.chmod(0o500)
    code = f"{_PROBE}print((cache / 'soundfonts' / 'a.sf2').read_text())"
    (cache, entries, content), said = probe(folder, code, HOME=str(folder))
    own.chmod(0o700)
    assert cache != str(own)
    assert (entries, content) == ("new soundfonts", "samples")
    assert "XDG_CACHE_HOME" in said
    assert (own / "soundfonts" / "a.sf2").read_text() == "samples"


def test_functions_that_librosa_compiles_work_without_any_cache(folder):
    """As where the libraries belong to another user."""
    code = """
import timbrebench.core.caches as caches
caches.find_spec = lambda _: None  # the place beside librosa's files, which here can be written
caches.use_writable_caches()
import os, numba
print(os.environ["NUMBA_CACHE_DIR"], numba.config.CACHE_DIR)
"""
    (line,), said = probe(folder, code, HOME="/dev/null")
    assert len(set(line.split())) == 1
    assert "NUMBA_CACHE_DIR" in said


@pytest.mark.parametrize("module", ["audio.spectra", "datasets.soundfonts.recorded_notes", "metrics"])
def test_packages_that_are_imported_begin_with_it_as_well(folder, module):
    code = f"""
import timbrebench.core.caches as caches
caches.find_spec = lambda _: None
import timbrebench.{module}
import librosa, os
print(os.environ["NUMBA_CACHE_DIR"])
print(librosa.note_to_hz("A4"))
"""
    (cache, frequency), said = probe(folder, code, HOME="/dev/null")
    assert not Path(cache).exists()
    assert float(frequency) == pytest.approx(440)
    assert said.count("NUMBA_CACHE_DIR") == 1


def test_every_command_begins_with_it(folder):
    lines, said = probe(folder, _COMMAND, HOME="/dev/null")
    assert any("transfer" in line for line in lines)
    assert "XDG_CACHE_HOME" in said
