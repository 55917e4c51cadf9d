"""The judges, which say what instrument and which notes are heard, and how far they can be believed."""

from timbrebench.classifier.content.decoding import Reading
from timbrebench.classifier.content.judge import ContentJudge, load_content_judge
from timbrebench.classifier.style.evaluation import Evaluation, evaluate_judge
from timbrebench.classifier.style.judge import Impression, Judge
from timbrebench.classifier.style.pipeline import build_judge
from timbrebench.classifier.style.training import JudgeConfiguration, train_judge

__all__ = [
    "ContentJudge",
    "Evaluation",
    "Impression",
    "Judge",
    "JudgeConfiguration",
    "Reading",
    "build_judge",
    "evaluate_judge",
    "load_content_judge",
    "train_judge",
]
