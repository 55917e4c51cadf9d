"""The judges: the style judge predicts the instrument, the content judge transcribes the notes."""

from typing import TYPE_CHECKING

import lazy_loader as lazy

if TYPE_CHECKING:
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

# Every import of a module below comes through here. Most of them load torch, and training PyTorch Lightning.
__getattr__, __dir__, _ = lazy.attach(
    __name__,
    submod_attrs={
        "content.content_judge": ["ContentJudge", "load_content_judge"],
        "content.installed_content_judges": [
            "OWN_CONTENT_JUDGE",
            "InstalledContentJudge",
            "content_judge_names",
            "installed_content_judge",
        ],
        "content.note_decoding": ["Transcription"],
        "style.judge_configuration": ["JUDGE_SPLITS", "JudgeConfiguration"],
        "style.style_evaluation": ["Evaluation", "evaluate_judge"],
        "style.style_judge": ["Judge", "Prediction"],
        "style.style_pipeline": ["build_judge", "find_judge"],
        "style.style_training": ["train_judge"],
    },
)
