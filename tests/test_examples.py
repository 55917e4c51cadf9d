"""The examples are real packages, and what the documentation says about methods works as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np

from timbrebench.audio import read_audio, write_audio
from timbrebench.transfer import apply, method_names

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "examples" / "method-template"


class Environment:
    """A virtual environment beside the one of the tests, which sees all that is installed there."""

    def __init__(self, folder):
        venv.create(folder, with_pip=False)
        self.python = folder / "bin" / "python"
        (self.site,) = folder.glob("lib/python*/site-packages")
        # Its packages and its editable installs, as the environment of the tests itself finds them.
        ours = sysconfig.get_path("purelib")
        (self.site / "beside.pth").write_text(f"import site; site.addsitedir({ours!r})\n")

    def run(self, *arguments, **options):
        command = [str(self.python), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def pip(self, *arguments):
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "--disable-pip-version-check"]
        done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def files(self):
        return {path for path in self.site.rglob("*") if "__pycache__" not in path.parts}


def test_the_template_is_installed_tested_run_by_its_name_and_removed(tmp_path, synthesizer, scale):
    source = tmp_path / "method-template"  # a copy, since builds leave things behind
    shutil.copytree(TEMPLATE, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    environment = Environment(tmp_path / "environment")
    before = environment.files()
    environment.pip("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", source)
    assert environment.files() > before

    assert "3 passed" in environment.run("-m", "pytest", "-q", "tests", cwd=source)

    for name, program in (("content", 0), ("style", 56)):
        write_audio(tmp_path / f"{name}.wav", synthesizer.render(scale, program, 2.0, 22050), 22050)
    clips = [tmp_path / f"{name}.wav" for name in ("content", "style", "output")]
    command = ["-m", "timbrebench.experiments.commands.cli", "transfer", "long-term-spectrum", *clips]
    environment.run(*command, "--set", "range_db=30", cwd=tmp_path)
    content, style, output = (mean_spectrum_db(read_audio(path)[0]) for path in clips)
    assert distance(output, style) < distance(content, style) / 2

    environment.pip("uninstall", "--quiet", "--yes", "timbrebench-method-template")
    assert environment.files() == before
    assert "long-term-spectrum" not in method_names()


def test_the_method_of_the_documentation_works_as_it_stands():
    text = (ROOT / "docs" / "taking-part.md").read_text(encoding="utf-8")
    names = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], names)  # noqa: S102
    content, style = (np.sin(np.arange(22050) / period).astype(np.float32) for period in (20, 30))
    output = apply(names["Blend"](share=0.25), content, style, sample_rate=22050, seed=0)
    np.testing.assert_allclose(output, 0.75 * content + 0.25 * style, atol=1e-6)


def mean_spectrum_db(samples):
    frames = np.lib.stride_tricks.sliding_window_view(samples, 2048)[::512] * np.hanning(2048)
    power = np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0)
    power = power.reshape(-1)[:1024].reshape(64, 16).sum(axis=1)
    return 10 * np.log10(power / power.sum() + 1e-9)


def distance(one, other):
    return float(np.mean(np.abs(one - other)))
