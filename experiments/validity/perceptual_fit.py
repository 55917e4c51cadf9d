"""The weights of ``perceptual_timbre_distance``, learned from listening studies and judged on others.

Definition
----------
A sound is described by groups of features (:mod:`~timbrebench.metrics.perceptual_timbre`). Group k has a
squared distance q_k, divided by its mean over all pairs of the studies that are learned from; the distance of
two sounds is ``sqrt(sum of w_k q_k)``. Weights are at least 0 and minimise, over all triplets of an anchor, a
nearer and a farther sound whose dissimilarities differ by more than 0.1,

    mean of ln(1 + exp(-(d_far - d_near) / 0.15)) + ridge * K * sum of (w_k - 1/K)^2

where anchors count alike, and K is the number of groups: the greater the ridge, the more alike are the
weights. Minimised by L-BFGS over the square roots of the weights, from equal ones.

A study's figure is from weights learned without it, and without all studies that share a sound with it, since
some play the same sounds to other listeners. What else is chosen, the ridge and which groups take part
(:data:`WAYS`), is chosen without these as well: by the mean rank correlation over the *other* studies, each
left out in turn in the same way (nested cross-validation). What is published is learned from all studies,
with what is chosen in the same way on all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from timbrebench.experiments.validity.listener_agreement import ordered_pairs, rank_correlations
from timbrebench.metrics.perceptual_timbre import EMBEDDING, GROUPS

Floats = NDArray[np.float64]

#: Groups of features that take part: all, and all that need no network.
WAYS: Mapping[str, tuple[str, ...]] = {
    "with the judge's embedding": GROUPS,
    "without a network": tuple(name for name in GROUPS if name != EMBEDDING),
}

#: How strongly weights are drawn towards equal ones.
RIDGES = (0.03, 0.1, 0.3)

#: Difference of two distances at which an order is as good as certain: a seventh of a mean distance.
_SOFTNESS = 0.15


@dataclass(frozen=True, eq=False)
class DescribedStudy:
    """What weights are learned from: the squared distances of each group, and the listeners' answer.

    Attributes
    ----------
    name : str
        Of the study.
    squares : dict of str to numpy.ndarray, shape (n, n)
        Of each group, between all sounds.
    dissimilarity : numpy.ndarray, shape (n, n)
        As listeners rated it.
    sounds : frozenset of str
        What its sounds are known by: studies with one in common are not independent.
    """

    name: str
    squares: Mapping[str, Floats]
    dissimilarity: Floats
    sounds: frozenset[str]


def squared_distances(descriptions: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Return the squared distance of each two sounds, group by group."""
    squares = {}
    for group in GROUPS:
        rows = np.stack([description[group] for description in descriptions])
        squares[group] = np.square(rows[:, None] - rows[None]).sum(axis=2)
    return squares


@dataclass(frozen=True)
class Weights:
    """Learned weights.

    Attributes
    ----------
    way : str
        A key of :data:`WAYS`.
    ridge : float
        One of :data:`RIDGES`.
    scaled : dict of str to float
        By group: the weight of its squared distance, divided by that distance's mean.
    shares : dict of str to float
        By group: its share of a mean squared distance. They sum to 1.
    """

    way: str
    ridge: float
    scaled: Mapping[str, float]
    shares: Mapping[str, float]

    def distances(self, study: DescribedStudy) -> Floats:
        """Return the distance of each two sounds of a study."""
        total = sum(weight * study.squares[group] for group, weight in self.scaled.items())
        return np.asarray(np.sqrt(total), dtype=np.float64)


# Cached: of two studies left out, one for the other's sake, it does not matter which is which.
@lru_cache(maxsize=4096)
def learn(studies: tuple[DescribedStudy, ...], way: str, ridge: float) -> Weights:
    """Learn weights from studies, in one of the :data:`WAYS` and with a ridge."""
    groups = WAYS[way]
    means = {
        group: float(np.mean([_mean_pair(study.squares[group]) for study in studies])) for group in groups
    }
    near, far, counts = _triplets(studies, means)
    equal = 1 / len(groups)

    def loss(roots: Floats) -> tuple[float, Floats]:
        weights = roots**2
        d_near, d_far = (np.sqrt(weights @ squares + 1e-9) for squares in (near, far))
        margin = (d_far - d_near) / _SOFTNESS
        steep = -counts / (1 + np.exp(margin)) / _SOFTNESS
        gradient = far @ (steep / (2 * d_far)) - near @ (steep / (2 * d_near))
        away = len(groups) * (weights - equal)
        value = counts @ np.logaddexp(0, -margin) + ridge * away @ (weights - equal)
        return float(value), (gradient + 2 * ridge * away) * 2 * roots

    start = np.full(len(groups), np.sqrt(equal))
    weights = minimize(loss, start, jac=True, method="L-BFGS-B").x ** 2
    shares = weights / weights.sum()
    return Weights(
        way,
        ridge,
        {group: float(share / means[group]) for group, share in zip(groups, shares, strict=True)},
        dict(zip(groups, map(float, shares), strict=True)),
    )


def _mean_pair(squares: Floats) -> float:
    return float(squares[np.triu_indices(len(squares), 1)].mean())


def _triplets(studies: Sequence[DescribedStudy], means: Mapping[str, float]) -> tuple[Floats, Floats, Floats]:
    """Return the scaled squares of nearer and farther sounds, (groups, triplets), and how each counts."""
    near, far, counts = [], [], []
    for study in studies:
        squares = np.stack([study.squares[group] / mean for group, mean in means.items()])
        for anchor in range(len(study.dissimilarity)):
            others = np.arange(len(study.dissimilarity)) != anchor
            nearer, farther = ordered_pairs(study.dissimilarity[anchor, others])
            if len(nearer):
                row = squares[:, anchor, others]
                near.append(row[:, nearer])
                far.append(row[:, farther])
                counts.append(np.full(len(nearer), 1 / len(nearer)))
    count = np.concatenate(counts)
    return np.concatenate(near, axis=1), np.concatenate(far, axis=1), count / count.sum()


def choose(studies: tuple[DescribedStudy, ...], ways: Sequence[str] = tuple(WAYS)) -> Weights:
    """Learn weights from studies, in the way and with the ridge that do best on each of them left out."""
    candidates = list(itertools.product(ways, RIDGES))
    way, ridge = max(candidates, key=lambda candidate: _left_out_mean(studies, *candidate))
    return learn(studies, way, ridge)


def _left_out_mean(studies: tuple[DescribedStudy, ...], way: str, ridge: float) -> float:
    """Return the mean rank correlation over all anchors, of weights learned without the anchor's study."""
    correlations = [
        rank_correlations(learn(rest, way, ridge).distances(study), study.dissimilarity)
        for study, rest in each_left_out(studies)
    ]
    return float(np.concatenate(correlations).mean())


def each_left_out(
    studies: tuple[DescribedStudy, ...],
) -> list[tuple[DescribedStudy, tuple[DescribedStudy, ...]]]:
    """Return each study with those others that share no sound with it."""
    return [
        (study, tuple(other for other in studies if other.sounds.isdisjoint(study.sounds)))
        for study in studies
    ]
