"""A run as small as it can be and still be one."""

from __future__ import annotations

import json
import os
import shutil
from itertools import product

import numpy as np
import pandas as pd
import pytest

from timbrebench.core.files import one_at_a_time
from timbrebench.experiments.benchmark import run_benchmark
from timbrebench.experiments.ranking.results import COSTS, Results
from timbrebench.experiments.run.run_configuration import RunConfiguration
from timbrebench.experiments.suites.suite import Suite

TINY = {
    "name": "tiny",
    "dataset": {
        "pieces": 12,
        "renderings": 1,
        "instruments": ["piano", "trumpet"],
        "soundfonts": ["TimGM6mb"],
        "clip_duration_s": 2.0,
        "clips_per_piece": 2,
    },
    "judge": {"max_epochs": 30, "batch_size": 8, "augmentation": {"share": 0.0}},
    "suite": {"soundfont": "TimGM6mb", "pairs_per_direction": 2},
    "methods": [
        {
            "method": "ulyanov",
            "parameters": {"n_filters": 16, "max_iterations": 3, "inversion": {"iterations": 2}},
        }
    ],
    "resamples": 200,
}


@pytest.fixture(scope="session")
def tiny() -> RunConfiguration:
    return RunConfiguration.model_validate(TINY)


@pytest.fixture(scope="session")
def run(tiny, tmp_path_factory):
    """The finished run, made once for all workers; tests must leave its folder as it is."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if session is None:
        return run_benchmark(tiny, tmp_path_factory.mktemp("run"))
    folder = tmp_path_factory.getbasetemp().parent / f"run-{session}"
    folder.mkdir(exist_ok=True)
    with one_at_a_time(folder):
        return run_benchmark(tiny, folder / "run")


@pytest.fixture
def without_report(monkeypatch):
    """Let runs write no report, which takes more time than all else that a finished run does."""
    monkeypatch.setattr("timbrebench.experiments.report.report_writing.write_report", lambda *_: None)


def toml_of(configuration):
    def text(item):
        if isinstance(item, dict):
            pairs = (f"{key} = {text(part)}" for key, part in item.items() if part is not None)
            return "{ " + ", ".join(pairs) + " }"
        if isinstance(item, list):
            return "[" + ", ".join(map(text, item)) + "]"
        return json.dumps(item)

    content = configuration.model_dump(mode="json")
    return "\n".join(f"{key} = {text(item)}" for key, item in content.items() if item is not None)


@pytest.fixture(scope="session")
def as_toml():
    """Write a configuration as the text of a file."""
    return toml_of


PIECES, PAIRS = 12, 36


def made_up(generator, *, changes=(), methods=("good", "twin", "poor"), seeds=(0,)):
    configuration = RunConfiguration.model_validate(
        {
            "name": "made up",
            "methods": [{"method": "ulyanov", "label": name} for name in methods],
            "metrics": ["style_accuracy", "note_f1", "log_stft_mse"],
            "resamples": 2000,
            "seeds": seeds,
        }
    )
    level = {
        "identity": (0, 0.8),
        "style-copy": (1, 0.3),
        "reference": (1, 0.8),
        "silence": (np.nan, np.nan),
        "noise": (0, 0.2),
        "good": (1, 0.7),
        "twin": (1, 0.7),
        "poor": (0, 0.5),
    }
    difficulty = generator.normal(scale=0.05, size=PIECES)
    transfers, scores = [], []
    for entry in configuration.entries:
        style, onset = level[entry.name]
        for pair, seed in product(range(PAIRS), seeds):
            piece = pair % PIECES
            status = "failed" if entry.name == "silence" else "ok"
            transfers.append(
                (entry.name, f"{pair:03d}", f"piece-{piece}", seed, status, "", 1.0, 0.2, 300.0, "")
            )
            noise = generator.normal(scale=0.02)
            scores.append((style, onset + difficulty[piece] + noise, 1 - onset + noise))
    columns = ["label", "pair_id", "piece", "seed", "status", "reason", *COSTS, "output"]
    table = pd.DataFrame(scores, columns=list(configuration.metrics), dtype=float)
    frame = pd.DataFrame(transfers, columns=columns)
    for label, metric, change in changes:
        rows = frame.label == label
        table.loc[rows, metric] = change(table.loc[rows, metric])
    return Results(
        configuration,
        Suite(configuration.suite, ()),
        frame,
        table,
        pd.DataFrame("", table.index, table.columns),
    )


@pytest.fixture(scope="session")
def results():
    """Make up results in which controls land where they must; `changes` are (label, metric, function)."""
    return made_up


@pytest.fixture(scope="module")
def browser():
    """Chromium, for the pages of a module."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip("no chromium is installed: the pages are not tried")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()
