"""A run as small as it can be and still be one."""

from __future__ import annotations

import pytest

from timbrebench.experiments.benchmark import run_benchmark
from timbrebench.experiments.configuration import RunConfiguration

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
    """The finished run; tests must leave its folder as it is."""
    return run_benchmark(tiny, tmp_path_factory.mktemp("run"))
