"""How well distances between sounds agree with published listeners, study by study.

What compares clips frame by frame is given clips of one length: those of a study are filled up with zeros to
its longest. What a style judge embeds lasts 0.5 s at least, filled up in the same way.

``perceptual_timbre_distance`` has learned its weights from studies. The figures of such a study are from
weights that were learned, and chosen, without it and without all that share a sound with it;
``perceptual_weights.json`` holds them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples, fit_length, read_audio
from timbrebench.classifier.clip_preparation import SHORTEST_S
from timbrebench.classifier.embeddings.embedding import Embedding
from timbrebench.classifier.fitting import one_thread
from timbrebench.classifier.style.published_judges import load_published, published_names
from timbrebench.core.files import file_sha256
from timbrebench.core.progress import Tracker
from timbrebench.core.statistics.bootstrap import interval, resample_groups, resampled_means
from timbrebench.experiments.validity.listener_agreement import MEASURES, agreement_by_anchor
from timbrebench.experiments.validity.listening_studies import PUBLISHED, ListeningStudy
from timbrebench.experiments.validity.perceptual_fit import (
    WAYS,
    DescribedStudy,
    Weights,
    choose,
    each_left_out,
    learn,
    squared_distances,
)
from timbrebench.metrics.cepstrum import cepstral_distortion_db
from timbrebench.metrics.log_spectrum import spectral_distance_db
from timbrebench.metrics.multi_resolution import multi_resolution_distance
from timbrebench.metrics.perceptual_timbre import describe, left_out_weights, published_weights
from timbrebench.metrics.sound import Sound
from timbrebench.metrics.target import log_spectral_mse
from timbrebench.metrics.timbre import cosine_distance, mfcc_distance

Floats = NDArray[np.float64]
T = TypeVar("T")

#: Distances of pairs of clips, by the metric that they are.
_OF_PAIRS: Mapping[str, Callable[[Sound, Sound], float]] = {
    "mfcc_style_distance": mfcc_distance,
    "log_stft_mse": log_spectral_mse,
    "log_spectral_distance": spectral_distance_db,
    "mel_cepstral_distortion": cepstral_distortion_db,
    "multi_resolution_stft": multi_resolution_distance,
}

#: Those of them for which clips have one length.
_FRAME_BY_FRAME = frozenset(_OF_PAIRS) - {"mfcc_style_distance"}

PERCEPTUAL = "perceptual_timbre_distance"
_RESAMPLES = 10_000


@dataclass(frozen=True, eq=False)
class HumanValidation:
    """How well distances agree with listeners.

    Attributes
    ----------
    studies : tuple of ListeningStudy
        What was at hand.
    agreement : pandas.DataFrame
        One row for each distance, study and anchor: ``distance, study, anchor`` and the measures.
    described : tuple of DescribedStudy
        What weights can be learned from.
    """

    studies: tuple[ListeningStudy, ...]
    agreement: pd.DataFrame
    described: tuple[DescribedStudy, ...]

    @property
    def absent(self) -> list[str]:
        """The published studies that were not at hand."""
        return [name for name in PUBLISHED if name not in {study.name for study in self.studies}]

    @property
    def distances(self) -> list[str]:
        """The distances, the one that agrees best by rank correlation first."""
        means = self.agreement.groupby("distance").spearman.mean()
        return [str(name) for name in means.sort_values(ascending=False, kind="stable").index]

    def summary(self) -> pd.DataFrame:
        """Return each measure of each distance with ``_low`` and ``_high``, its interval over studies."""
        names = sorted({study.name for study in self.studies})
        counts = resample_groups(len(names), _RESAMPLES, seed=0)
        rows = []
        for distance in self.distances:
            own = self.agreement[self.agreement.distance == distance]
            study_of = np.searchsorted(names, own.study.to_numpy(dtype=str))
            row: dict[str, object] = {"distance": distance}
            for measure in MEASURES:
                values = own[measure].to_numpy(dtype=np.float64)
                row[measure] = float(values.mean())
                row[f"{measure}_low"], row[f"{measure}_high"] = interval(
                    resampled_means(values, study_of, counts)
                )
            rows.append(row)
        return pd.DataFrame(rows)

    def by_study(self, measure: str) -> pd.DataFrame:
        """Return a measure's mean over anchors: one row for each study, one column for each distance."""
        table = self.agreement.pivot_table(index="study", columns="distance", values=measure)
        return table[self.distances]


def validate_distances(
    studies: Sequence[ListeningStudy], embeddings: Mapping[str, Embedding]
) -> HumanValidation:
    """Compute every distance between the sounds of each study, and hold it against the listeners.

    `embeddings` are further ones by the name they are shown by.

    Raises
    ------
    AudioError
        If a sound cannot be decoded.
    JudgeError
        If an embedding has no answer for one.
    """
    rows: list[pd.DataFrame] = []
    described = []
    with Tracker("listening studies", len(studies), "studies") as tracker, one_thread():
        for study in studies:
            clips = [read_audio(path) for path in study.sounds]
            squares = squared_distances([describe(_sound(*clip)) for clip in clips])
            known_by = frozenset(map(file_sha256, study.sounds))
            described.append(DescribedStudy(study.name, squares, study.dissimilarity, known_by))
            matrices = _matrices(clips, embeddings)
            matrices[PERCEPTUAL] = _perceptual(described[-1])
            rows += [
                agreement_table(name, study.name, matrix, study.dissimilarity)
                for name, matrix in matrices.items()
            ]
            tracker.advance()
    return HumanValidation(tuple(studies), pd.concat(rows, ignore_index=True), tuple(described))


def agreement_table(distance: str, study: str, matrix: Floats, dissimilarity: Floats) -> pd.DataFrame:
    """Return the agreement of a distance with a study, one row for each anchor."""
    table = pd.DataFrame(agreement_by_anchor(matrix, dissimilarity), columns=list(MEASURES))
    table.insert(0, "anchor", range(len(table)))
    table.insert(0, "study", study)
    table.insert(0, "distance", distance)
    return table


def _sound(samples: Samples, rate: int) -> Sound:
    return Sound(samples, rate, name="sound")


def _perceptual(study: DescribedStudy) -> Floats:
    weights = left_out_weights().get(study.name, published_weights())
    total = sum(weight * study.squares[group] for group, weight in weights.items())
    return np.asarray(np.sqrt(total), dtype=np.float64)


def _matrices(clips: Sequence[tuple[Samples, int]], embeddings: Mapping[str, Embedding]) -> dict[str, Floats]:
    """Return the distance of each two clips by each distance."""
    longest_s = max(len(samples) / rate for samples, rate in clips)
    plain = [_sound(*clip) for clip in clips]
    filled = [_sound(*_filled(*clip, longest_s)) for clip in clips]
    matrices = {
        name: _of_pairs(function, filled if name in _FRAME_BY_FRAME else plain)
        for name, function in _OF_PAIRS.items()
    }
    long_enough = [_filled(*clip, SHORTEST_S) for clip in clips]
    for name in published_names():
        judge = load_published(name)
        vectors = [judge.predict(*clip).embedding for clip in long_enough]
        matrices[f"embedding of {name}"] = _of_pairs(cosine_distance, vectors)
    for name, embedding in embeddings.items():
        matrices[f"embedding of {name}"] = _of_pairs(
            cosine_distance, [embedding.embed(*clip) for clip in clips]
        )
    return matrices


def _filled(samples: Samples, rate: int, seconds: float) -> tuple[Samples, int]:
    return fit_length(samples, max(len(samples), math.ceil(seconds * rate))), rate


def _of_pairs(distance: Callable[[T, T], float], items: Sequence[T]) -> Floats:
    """Return the distance of each two items, the mean of both orders."""
    matrix = np.zeros((len(items), len(items)))
    for row, first in enumerate(items):
        for column, second in enumerate(items):
            if row != column:
                matrix[row, column] = distance(first, second)
    return np.asarray((matrix + matrix.T) / 2)


@dataclass(frozen=True, eq=False)
class LearnedWeights:
    """Weights for the perceptual distance, and how well such weights agree with studies left out.

    Attributes
    ----------
    published : Weights
        Learned from all studies.
    left_out : dict of str to Weights
        By study: learned, and chosen, without it and all that share a sound with it.
    agreement : pandas.DataFrame
        As that of :class:`HumanValidation`, of weights learned without the study: ``distance`` is the way,
        ridge chosen without the study, or "as chosen", where the way is chosen without it, too; or "equal
        weights".
    """

    published: Weights
    left_out: Mapping[str, Weights]
    agreement: pd.DataFrame

    def record(self) -> dict[str, object]:
        """Return what ``perceptual_weights.json`` holds."""
        means = self.agreement.groupby("distance")[list(MEASURES)].mean().round(4)
        return {
            "way": self.published.way,
            "ridge": self.published.ridge,
            "weights": _six_digits(self.published.scaled),
            "shares": _six_digits(self.published.shares),
            "left_out": {
                name: {"way": weights.way, "ridge": weights.ridge, "weights": _six_digits(weights.scaled)}
                for name, weights in self.left_out.items()
            },
            "left_out_agreement": means.to_dict(orient="index"),
        }


def _six_digits(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.6g}") for name, value in values.items()}


def learn_weights(studies: tuple[DescribedStudy, ...]) -> LearnedWeights:
    """Learn the weights of the perceptual distance, and judge each way to do so on studies left out."""
    rows: list[pd.DataFrame] = []
    left_out = {}
    with Tracker("learning weights", len(studies), "studies") as tracker:
        for study, rest in each_left_out(studies):
            left_out[study.name] = choose(rest)
            tried = {way: choose(rest, [way]) for way in WAYS}
            tried |= {"as chosen": left_out[study.name], "equal weights": _equal(rest)}
            rows += [
                agreement_table(name, study.name, weights.distances(study), study.dissimilarity)
                for name, weights in tried.items()
            ]
            tracker.advance()
    return LearnedWeights(choose(studies), left_out, pd.concat(rows, ignore_index=True))


#: A ridge at which weights are as good as equal.
_equal = partial(learn, way=next(iter(WAYS)), ridge=1e6)
