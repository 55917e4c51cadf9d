"""The real tables of AudioSet, and a library of long files made for the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data" / "audioset"
SEGMENTS = ("balanced_train_segments.csv", "eval_segments.csv")


@pytest.fixture(scope="session")
def audioset() -> Path:
    """The folder of the real tables, which are not ours to give away."""
    if not (DATA / "ontology.json").is_file():
        pytest.skip("AudioSet's tables and ontology are not there (../shared/data/audioset)")
    return DATA


@pytest.fixture(scope="session")
def settings(audioset):
    """Settings of a configuration on the real tables."""
    return {
        "segments": tuple(str(audioset / name) for name in SEGMENTS),
        "ontology": str(audioset / "ontology.json"),
        "class_labels": str(audioset / "class_labels_indices.csv"),
    }
