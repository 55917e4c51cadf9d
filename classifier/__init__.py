"""The judge: a network that says which instrument it hears, and the evidence for how far to believe it."""

from timbrebench.classifier.evaluation import Evaluation, evaluate_judge
from timbrebench.classifier.judge import Judge
from timbrebench.classifier.pipeline import build_judge
from timbrebench.classifier.training import JudgeConfiguration, train_judge

__all__ = [
    "Evaluation",
    "Judge",
    "JudgeConfiguration",
    "build_judge",
    "evaluate_judge",
    "train_judge",
]
