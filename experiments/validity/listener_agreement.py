"""How well distances agree with how dissimilar listeners find sounds: four measures for each anchor.

Definition
----------
As the public collection defines them (arXiv 2507.07764). Each sound of a study is once the anchor; the others
are ordered by their distance to it and by their dissimilarity to it.

- ``spearman`` and ``kendall``: rank correlation (tau-b) of the two orders; 0 where a distance is the same to
  all.
- ``triplets``: of all pairs of others whose dissimilarities to the anchor differ by more than 0.1 of the
  study's maximum, the share that the distance puts in the same order. An equal distance is not the same
  order.
- ``ndcg``: normalised discounted cumulative gain of the others, nearest first, where the gain of a sound is 1
  less its dissimilarity.

A study's figure is the mean over its anchors, and the figure over all is the mean over all anchors, so that a
study counts by the number of its sounds. Dissimilarities are divided by their maximum in the study.
"""

from __future__ import annotations

import numpy as np
import scipy.stats
from numpy.typing import NDArray
from sklearn.metrics import ndcg_score

Floats = NDArray[np.float64]

#: The measures, in the order of :func:`agreement_by_anchor`'s columns.
MEASURES = ("spearman", "kendall", "triplets", "ndcg")

#: By how much dissimilarities to the anchor must differ to count as an order.
MARGIN = 0.1


def agreement_by_anchor(distances: Floats, dissimilarity: Floats) -> Floats:
    """Return how well distances agree with dissimilarities.

    Parameters
    ----------
    distances : numpy.ndarray, shape (n, n)
        Symmetric, finite.
    dissimilarity : numpy.ndarray, shape (n, n)
        Symmetric, 0 to 1.

    Returns
    -------
    numpy.ndarray, shape (n, 4)
        The :data:`MEASURES` for each anchor.

    Examples
    --------
    >>> rated = np.array([[0, 0.2, 1], [0.2, 0, 0.6], [1, 0.6, 0]])
    >>> agreement_by_anchor(rated**2, rated).mean(axis=0)
    array([1., 1., 1., 1.])
    """
    rows = []
    for anchor in range(len(distances)):
        others = np.arange(len(distances)) != anchor
        rows.append(_agreement(distances[anchor, others], dissimilarity[anchor, others]))
    return np.column_stack([rank_correlations(distances, dissimilarity), rows])


def rank_correlations(distances: Floats, dissimilarity: Floats) -> Floats:
    """Return Spearman's rank correlation for each anchor, shape (n,), as :func:`agreement_by_anchor`."""
    ranked = [
        np.stack([scipy.stats.rankdata(np.delete(row, anchor)) for anchor, row in enumerate(matrix)])
        for matrix in (distances, dissimilarity)
    ]
    first, second = (rows - rows.mean(axis=1, keepdims=True) for rows in ranked)
    lengths = np.sqrt(np.square(first).sum(axis=1) * np.square(second).sum(axis=1))
    products: Floats = (first * second).sum(axis=1)
    correlations: Floats = np.divide(products, lengths, out=np.zeros(len(products)), where=lengths > 0)
    return correlations


def _agreement(distances: Floats, dissimilarity: Floats) -> tuple[float, float, float]:
    """Return the other measures, for one anchor."""
    is_flat = np.ptp(distances) == 0 or np.ptp(dissimilarity) == 0
    kendall = 0.0 if is_flat else float(scipy.stats.kendalltau(distances, dissimilarity).statistic)
    near, far = ordered_pairs(dissimilarity)
    triplets = float(np.mean(distances[near] < distances[far])) if len(near) else 0.0
    return kendall, triplets, float(ndcg_score([1 - dissimilarity], [-distances]))


def ordered_pairs(dissimilarity: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of sounds whose dissimilarities to an anchor differ by more than the margin.

    Takes the dissimilarities, shape (n,); returns the indices of the nearer and of the farther of each pair.
    """
    near, far = np.nonzero(dissimilarity[None, :] - dissimilarity[:, None] > MARGIN)
    return near, far
