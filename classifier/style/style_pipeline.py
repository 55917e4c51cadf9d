"""From a dataset to a judge in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from timbrebench.classifier.style.judge_configuration import JUDGE_SPLITS, JudgeConfiguration
from timbrebench.classifier.style.phrases.phrase_features import add_phrases
from timbrebench.classifier.style.published_judges import load_published, published_card
from timbrebench.classifier.style.style_evaluation import Evaluation, evaluate_on
from timbrebench.classifier.style.style_features import StyleFeatures, compute_features
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.classifier.style.training_stages import training_key
from timbrebench.core.documents import JSON_BYTES, parse_json, read_json
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import read_text, storage_error, write_json
from timbrebench.core.tables import SIX_DIGITS, write_csv
from timbrebench.datasets.dataset import Dataset

JUDGE_FILE = "judge.pt"
EVALUATION_FILE = "evaluation.json"
CURVE_FILE = "learning_curve.csv"
_KEY_FILE = "key.json"


def build_judge(dataset: Dataset, configuration: JudgeConfiguration, folder: Path | str) -> Judge:
    """Train, evaluate and store a judge, or load the stored one; a published one is copied.

    Parameters
    ----------
    dataset : Dataset
        What to learn from and be tested on. A published judge has learned already, and was tested.
    configuration : JudgeConfiguration
        How, or which one.
    folder : path-like
        Gets ``judge.pt``, ``evaluation.json`` and, of a judge that is trained, ``learning_curve.csv``. What
        lies there is used again for the same dataset and configuration, and replaced for others.

    Returns
    -------
    Judge
        The judge.

    Raises
    ------
    JudgeError
        If the dataset has too few labels or pieces.
    MissingResourceError
        If a soundfont of its phrases is missing.
    """
    folder = Path(folder)
    stored = find_judge(dataset, configuration, folder)
    if stored is not None:
        return stored
    try:
        # Before anything is replaced: an old key must never stand beside a new judge.
        for name in (_KEY_FILE, CURVE_FILE):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(folder / _KEY_FILE, error) from error
    if configuration.name:
        judge, evaluation = load_published(configuration.name), published_card(configuration.name).evaluation
    else:
        judge, evaluation = _train(dataset, configuration, folder)
    judge.save(folder / JUDGE_FILE)
    write_json(folder / EVALUATION_FILE, evaluation.model_dump(mode="json"))
    key = _key(dataset, configuration)
    shutil.rmtree(_scratch(folder, key), ignore_errors=True)
    write_json(folder / _KEY_FILE, key)  # last: without it, none of the others counts
    return judge


def _train(dataset: Dataset, configuration: JudgeConfiguration, folder: Path) -> tuple[Judge, Evaluation]:
    """Train and evaluate a judge, and write its learning curve."""
    from timbrebench.classifier.style.style_training import train_judge, with_familiarity  # noqa: PLC0415 - Lightning takes seconds

    features = learned_features(dataset.select(split=JUDGE_SPLITS), configuration)
    test = compute_features(dataset.select(split="test"), configuration.front_end).first_programs()
    scratch = _scratch(folder, _key(dataset, configuration))
    training = train_judge(features, configuration, folder=scratch)
    evaluation = evaluate_on(training.judge, test)
    write_csv(folder / CURVE_FILE, training.curve, SIX_DIGITS)
    return with_familiarity(training.judge, features), evaluation


def learned_features(dataset: Dataset, configuration: JudgeConfiguration) -> StyleFeatures:
    """Compute the spectrograms of a dataset's clips, their varied copies and the phrases beside them.

    JudgeError if there is no clip, one is silent, or no soundfont of the phrases has one of the labels.
    """
    features = compute_features(dataset, configuration.front_end, configuration.variation)
    if configuration.phrases is None:
        return features
    clip = next(dataset.clips())
    return add_phrases(
        features,
        configuration.phrases,
        configuration.variation,
        duration_s=clip.duration_s,
        sample_rate=clip.sample_rate,
    )


def _scratch(folder: Path, key: str) -> Path:
    """Return the folder of what training needs to go on after an interruption."""
    return folder / f"training-{key[:8]}"


def _key(dataset: Dataset, configuration: JudgeConfiguration) -> str:
    """Return the fingerprint of all that decides which judge it is."""
    if configuration.name:
        return published_card(configuration.name).fingerprint
    return training_key(dataset.manifest, configuration)


def find_judge(dataset: Dataset, configuration: JudgeConfiguration, folder: Path | str) -> Judge | None:
    """Return the judge that :func:`build_judge` has stored for a dataset and a configuration.

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

    Raises
    ------
    MissingResourceError
        If a soundfont of its phrases is missing: whether it is the one that was learned from is unknown.
    """
    folder = Path(folder)
    key = _key(dataset, configuration)
    try:
        if parse_json(read_text(folder / _KEY_FILE, JSON_BYTES, JudgeError), _KEY_FILE, JudgeError) != key:
            return None
        Evaluation.model_validate(read_json(folder / EVALUATION_FILE, JudgeError))
        is_whole = bool(configuration.name) or (folder / CURVE_FILE).is_file()
        return Judge.load(folder / JUDGE_FILE) if is_whole else None
    except (OSError, ValueError, JudgeError):
        return None
