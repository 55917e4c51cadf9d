"""Code to copy works as it stands: the notebook, and the method of the documentation.

The package to copy is tried where it is installed beside the wheel.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from timbrebench.audio import read_audio
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.experiments import benchmark
from timbrebench.transfer import apply

ROOT = Path(__file__).resolve().parent.parent


def test_the_method_of_the_documentation_works_as_it_stands():
    text = (ROOT / "docs" / "taking-part.md").read_text(encoding="utf-8")
    names = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], names)  # noqa: S102
    content, style = (np.sin(np.arange(22050) / period).astype(np.float32) for period in (20, 30))
    output = apply(names["Blend"](share=0.25), content, style, sample_rate=22050, seed=0)
    np.testing.assert_allclose(output, 0.75 * content + 0.25 * style, atol=1e-6)


def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch):
    """As Jupyter would run it, but that its run works in this process and writes no report."""
    notebook = json.loads((ROOT / "examples" / "quick_start.ipynb").read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(benchmark, "open_executor", lambda *_: InlineExecutor())
    monkeypatch.setattr("timbrebench.experiments.report.report_writing.write_report", lambda *_: None)
    names = {}
    for cell in (cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
        assert (cell["outputs"], cell["execution_count"]) == ([], None)
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)  # noqa: S102
    assert {"envelope", "cross-synthesis", "identity", "reference"} <= set(names["leaderboard"]["method"])
    assert names["scores"]["style_accuracy"].value >= 0
    assert len(names["figure"].axes) == 3
    np.testing.assert_allclose(read_audio("output.wav")[0], names["output"], atol=1e-3)
