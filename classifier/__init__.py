"""The judges: the style judge predicts the instrument, the content judge transcribes the notes."""

from typing import TYPE_CHECKING

from timbrebench.classifier.content.content_judge import ContentJudge, load_content_judge
from timbrebench.classifier.content.installed_content_judges import (
    OWN_CONTENT_JUDGE,
    InstalledContentJudge,
    content_judge_names,
    installed_content_judge,
)
from timbrebench.classifier.content.note_decoding import Transcription
from timbrebench.classifier.style.judge_configuration import JUDGE_SPLITS, JudgeConfiguration
from timbrebench.classifier.style.style_evaluation import Evaluation, evaluate_judge
from timbrebench.classifier.style.style_judge import Judge, Prediction
from timbrebench.classifier.style.style_pipeline import build_judge, find_judge

if TYPE_CHECKING:
    from timbrebench.classifier.style.style_training import train_judge

__all__ = [
    "JUDGE_SPLITS",
    "OWN_CONTENT_JUDGE",
    "ContentJudge",
    "Evaluation",
    "InstalledContentJudge",
    "Judge",
    "JudgeConfiguration",
    "Prediction",
    "Transcription",
    "build_judge",
    "content_judge_names",
    "evaluate_judge",
    "find_judge",
    "installed_content_judge",
    "load_content_judge",
    "train_judge",
]


def __getattr__(name: str) -> object:
    """Import what trains when it is asked for: PyTorch Lightning takes seconds."""
    if name != "train_judge":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from timbrebench.classifier.style.style_training import train_judge  # noqa: PLC0415 - Lightning takes seconds

    return train_judge
