"""Two short pieces and a listener for the metrics."""

from __future__ import annotations

from itertools import pairwise

import librosa
import numpy as np
import pandas as pd
import pytest

from timbrebench.classifier import Prediction, load_content_judge
from timbrebench.datasets.notes import notes_table
from timbrebench.metrics import Trial

SAMPLE_RATE = 22_050
DURATION_S = 4.0
PIANO, ORGAN, TRUMPET, SAX, CLARINET, GUITAR = 0, 19, 56, 65, 71, 24


def melody(rhythm: list[float], pitches: list[int], start: float = 0.2) -> pd.DataFrame:
    """One legato voice: notes of the given lengths in seconds, the pitches over and over."""
    onsets = start + np.concatenate([[0.0], np.cumsum(rhythm)])
    return notes_table(
        [
            (float(onset), float(offset), pitches[i % len(pitches)], 90)
            for i, (onset, offset) in enumerate(pairwise(onsets))
        ]
    )


class CentroidJudge:
    """Tells instruments apart by brightness: the nearest spectral centroid among examples, in octaves.

    What lies three octaves from all of them is unfamiliar.
    """

    fingerprint = "spectral centroid"

    def __init__(self, examples: dict[str, np.ndarray]) -> None:
        self.labels = tuple(examples)
        self._centroids = np.array([self._centroid(clip, SAMPLE_RATE) for clip in examples.values()])

    def predict(self, samples, sample_rate):
        centroid = self._centroid(samples, sample_rate)
        octaves = np.abs(np.log2(self._centroids / centroid))
        weights = np.exp(-20 * (octaves - octaves.min()))
        return Prediction(
            weights / weights.sum(), np.array([np.log2(centroid), 1.0]), bool(octaves.min() > 3)
        )

    @staticmethod
    def _centroid(samples, sample_rate) -> float:
        spectrum = np.abs(np.fft.rfft(samples))
        frequencies = np.fft.rfftfreq(len(samples), 1 / sample_rate)
        return float((spectrum @ frequencies) / max(spectrum.sum(), 1e-12)) + 1.0


@pytest.fixture(scope="session")
def play(synthesizer):
    def render(notes: pd.DataFrame, program: int, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
        return synthesizer.render(notes, program, DURATION_S, sample_rate)

    return render


@pytest.fixture(scope="session")
def tune() -> pd.DataFrame:
    """Quavers and crotchets in C major."""
    return melody([0.25, 0.25, 0.5] * 3 + [0.5], [60, 64, 67, 65, 62, 71, 72])


@pytest.fixture(scope="session")
def waltz() -> pd.DataFrame:
    """Another piece: another key, and only dotted notes."""
    return melody([0.7, 0.35] * 3, [63, 66, 70, 68])


@pytest.fixture(scope="session")
def clips(play, tune, waltz) -> dict[str, np.ndarray]:
    return {
        "content": play(tune, PIANO),
        "style": play(waltz, TRUMPET),
        "reference": play(tune, TRUMPET),
    }


@pytest.fixture(scope="session")
def judge(clips) -> CentroidJudge:
    return CentroidJudge({"piano": clips["content"], "trumpet": clips["reference"]})


@pytest.fixture(scope="session")
def make_trial(clips, tune, waltz, judge):
    """A full trial of some output; anything in it can be replaced."""

    def make(output: np.ndarray, **changes: object) -> Trial:
        known = {
            **clips,
            "sample_rate": SAMPLE_RATE,
            "notes": tune,
            "style_notes": waltz,
            "content_label": "piano",
            "style_label": "trumpet",
            "judge": judge,
            "second_judge": judge,
            "content_judge": load_content_judge(),
        }
        return Trial.of(output, **{**known, **changes})

    return make


@pytest.fixture(scope="session")
def to_rate():
    def convert(samples: np.ndarray, rate: int) -> np.ndarray:
        return librosa.resample(samples, orig_sr=SAMPLE_RATE, target_sr=rate)

    return convert
