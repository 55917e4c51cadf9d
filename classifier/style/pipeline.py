"""From a dataset to a judge in a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from timbrebench.audio.errors import JudgeError
from timbrebench.audio.storage import storage_error, write_json, write_text
from timbrebench.classifier.style.configuration import JudgeConfiguration
from timbrebench.classifier.style.evaluation import Evaluation, evaluate_on
from timbrebench.classifier.style.features import compute_features
from timbrebench.classifier.style.judge import Judge
from timbrebench.classifier.style.stages import training_key
from timbrebench.datasets.dataset import Dataset

JUDGE_FILE = "judge.pt"
EVALUATION_FILE = "evaluation.json"
CURVE_FILE = "learning_curve.csv"
_KEY_FILE = "key.json"


def build_judge(dataset: Dataset, configuration: JudgeConfiguration, folder: Path | str) -> Judge:
    """Train a judge, evaluate it and keep it, or load the one that was kept.

    Parameters
    ----------
    dataset : Dataset
        What to learn from and be tested on.
    configuration : JudgeConfiguration
        How.
    folder : path-like
        Gets ``judge.pt``, ``evaluation.json`` and ``learning_curve.csv``. What lies there is used again for
        the same dataset and configuration, and replaced for others.

    Returns
    -------
    Judge
        The judge.

    Raises
    ------
    JudgeError
        If the dataset has too few labels or pieces.
    """
    folder = Path(folder)
    kept = find_judge(dataset, configuration, folder)
    if kept is not None:
        return kept
    key = training_key(dataset.manifest, configuration)
    from timbrebench.classifier.style.training import train_judge  # noqa: PLC0415 - Lightning takes seconds

    try:
        # Before anything is replaced: an old key must never stand beside a new judge.
        (folder / _KEY_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(folder / _KEY_FILE, error) from error
    features = compute_features(
        dataset.select(split=("judge", "validation", "test")), configuration.front_end
    )
    training = train_judge(features, configuration, folder=folder / f"training-{key[:8]}")
    evaluation = evaluate_on(training.judge, features.where(split=["test"]).first_programs())
    training.judge.save(folder / JUDGE_FILE)
    curve = training.curve.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_text(folder / CURVE_FILE, curve)
    write_json(folder / EVALUATION_FILE, evaluation.model_dump(mode="json"))
    shutil.rmtree(folder / f"training-{key[:8]}")
    write_json(folder / _KEY_FILE, key)  # last: without it, none of the others counts
    return training.judge


def find_judge(dataset: Dataset, configuration: JudgeConfiguration, folder: Path | str) -> Judge | None:
    """Return the judge that :func:`build_judge` has kept for a dataset and a configuration.

    Parameters
    ----------
    dataset : Dataset
        What it learned from and was tested on.
    configuration : JudgeConfiguration
        How.
    folder : path-like
        Where it would lie.

    Returns
    -------
    Judge or None
        None where there is none, or a file of it is missing or damaged.
    """
    folder = Path(folder)
    key = training_key(dataset.manifest, configuration)
    try:
        if json.loads((folder / _KEY_FILE).read_text(encoding="utf-8")) != key:
            return None
        Evaluation.model_validate_json((folder / EVALUATION_FILE).read_text(encoding="utf-8"))
        return Judge.load(folder / JUDGE_FILE) if (folder / CURVE_FILE).is_file() else None
    except (OSError, ValueError, JudgeError):
        return None
