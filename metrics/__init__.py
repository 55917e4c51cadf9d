"""Metrics: one module for each question that is asked of an output.

Conventions
-----------
A metric takes a :class:`Trial`, whose clips are :class:`Sound` s, and returns a :class:`Score`. Times are
seconds from the start of a clip, frequencies hertz, samples one-dimensional ``float32`` arrays in [-1, 1].
How loud an output is does not count, as long as it is not silent, unless a metric declares that it does.
"""

from timbrebench.metrics.clip_predictions import ClipPrediction, FileScores
from timbrebench.metrics.contract import Metric, Score, Specification, evaluate, metric
from timbrebench.metrics.folder_scoring import score_folders
from timbrebench.metrics.output_scoring import Folders, score, score_file
from timbrebench.metrics.registry import get, metric_names
from timbrebench.metrics.sound import Predictor, Sound, Transcriber, Unscorable
from timbrebench.metrics.trial import Trial

__all__ = [
    "ClipPrediction",
    "FileScores",
    "Folders",
    "Metric",
    "Predictor",
    "Score",
    "Sound",
    "Specification",
    "Transcriber",
    "Trial",
    "Unscorable",
    "evaluate",
    "get",
    "metric",
    "metric_names",
    "score",
    "score_file",
    "score_folders",
]
