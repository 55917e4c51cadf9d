"""Whether the whole set of outputs sounds like real renderings.

Asked of sets, not of single outputs: of the embeddings of n outputs, by a judge or another network, beside
those of m real renderings. A set can be right on average and still be wrong, when all its outputs sound
alike.

Definition
----------
- ``frechet`` is the squared Fréchet distance between normal distributions with the means and covariances of
  both sets: ``|mean_x - mean_y|^2 + tr(C_x) + tr(C_y) - 2 tr((C_x C_y)^(1/2))``, with covariances divided by
  n - 1. The last trace is the sum of the singular values of the product of both centred data matrices, so
  that no root of a matrix is taken and fewer outputs than dimensions do no harm to the arithmetic.
- ``frechet_extrapolated`` is its value for infinitely many outputs. The Fréchet distance is biased: few
  outputs lie farther from the real than many of the same kind, by about a constant over n. It is taken of
  random subsets of 15 sizes from n / 2 to n, four of each, and the line through the values over 1 / n is
  read where 1 / n is 0. In simulations it came within a tenth of the bias of 100 outputs in 10
  dimensions, and nearer with 300 in 128, but took only half to four fifths of it away where outputs were
  fewer than dimensions. The bias of the real renderings' number stays: have several times as many of those
  as dimensions.
- ``kernel`` is the squared maximum mean discrepancy under the kernel ``(x y / d + 1)^3``, d being the
  embeddings' length: the mean over pairs of outputs, plus that over pairs of real renderings, less twice
  that over mixed pairs, no embedding paired with itself. That makes it unbiased for any n and m.
- ``classifier_score`` is ``exp(mean KL(p(label | output) || p(label)))``, p(label) being the mean over the
  outputs: the number of labels where each output is surely one and all are as frequent, 1 where all outputs
  have the same predicted label, rightly or not. It needs no real renderings and does not measure accuracy.
- Intervals hold the middle 95 % of resampled outputs (of whole pieces, where these are given, because clips
  of one piece are not independent), moved so that the resamples' mean is the value itself: a resample repeats
  outputs, which alone makes the Fréchet distance larger. They say how far the value would vary with as many
  other outputs, against the same real renderings. The kernel's resamples pair no output with its own repeats.
  Where outputs are fewer than dimensions, the Fréchet distance's intervals are wider than they need be.

Range of ``frechet`` 0 to infinity, in squared units of the embedding; of ``kernel`` about 0 to infinity,
slightly negative for sets that are equally distributed; of ``classifier_score`` 1 to the number of labels.
``frechet_extrapolated`` may be slightly negative, too. Lower is better but for the classifier score, where
higher means more variety. Values of one embedding cannot be set beside those of another, so that tables name
it (``style-judge``, or one of :mod:`timbrebench.classifier.embeddings`), nor Fréchet distances of different
numbers of outputs. Fewer than 10 outputs or real renderings have no score in a table.

References
----------
M. Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
Advances in Neural Information Processing Systems 30, 2017 (Fréchet distance of embeddings); K. Kilgour et
al., "Fréchet audio distance: a reference-free metric for evaluating music enhancement algorithms",
Interspeech, 2019; M. Chong and D. Forsyth, "Effectively unbiased FID and Inception score and where to find
them", Conference on Computer Vision and Pattern Recognition, 2020 (extrapolation); M. Bińkowski et al.,
"Demystifying MMD GANs", International Conference on Learning Representations, 2018 (kernel distance); T.
Salimans et al., "Improved techniques for training GANs", Advances in Neural Information Processing Systems
29, 2016 (classifier score); B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13
(percentiles of resamples).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy.linalg
import scipy.special
from numpy.typing import ArrayLike

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.statistics.bootstrap import Floats, interval, resample_groups
from timbrebench.metrics.sound import Unscorable

#: Sizes of subsets, from half of the outputs to all, and how many of each: what the extrapolation rests on.
_SIZES, _SUBSETS = 15, 4

#: Eigenvalues under this share of the largest are rounding errors of zero.
_NEGLIGIBLE = 1e-13


class Distance(Protocol):
    """A distance between outputs and real renderings, ready to be taken of any resample of the outputs."""

    @property
    def outputs(self) -> int:
        """How many outputs there are."""

    def __call__(self, weights: Floats) -> float:
        """Return the distance, with each output as often as its weight says: shape (outputs,)."""


class FrechetDistance:
    """The Fréchet distance of outputs, as often as weights say, from real renderings.

    Parameters
    ----------
    outputs : array_like, shape (n, d)
        Embeddings of the outputs; n at least 2.
    real : array_like, shape (m, d)
        Embeddings of the real renderings; m at least 2.

    Raises
    ------
    ConfigurationError
        If these are not tables of finite numbers with one d.
    Unscorable
        If either has fewer than two rows.
    """

    def __init__(self, outputs: ArrayLike, real: ArrayLike) -> None:
        embeddings, expected = _embeddings(outputs, real)
        center = expected.mean(axis=0)
        # In the real renderings' principal axes their covariance is diagonal, and so is its root.
        _, deviations, axes = scipy.linalg.svd(expected - center, full_matrices=False)
        deviations /= np.sqrt(len(expected) - 1)
        self.outputs = len(embeddings)
        self._offsets = embeddings - center
        self._products = (self._offsets @ axes.T) * deviations
        self._real_variance = float(np.square(deviations).sum())

    def __call__(self, weights: Floats) -> float:
        """Return the distance, with output i taken ``weights[i]`` times."""
        taken = weights > 0
        total = weights.sum()
        shares = weights[taken] / total
        offsets, products = self._offsets[taken], self._products[taken]
        mean = shares @ offsets
        scale = np.sqrt(shares * total / (total - 1))[:, None]
        variance = np.square(scale * (offsets - mean)).sum()
        common = _sum_of_singular_values(scale * (products - shares @ products))
        return max(0.0, float(mean @ mean + variance + self._real_variance - 2 * common))


def _sum_of_singular_values(matrix: Floats) -> float:
    small = matrix @ matrix.T if len(matrix) < matrix.shape[1] else matrix.T @ matrix
    eigenvalues = scipy.linalg.eigvalsh(small, check_finite=False)
    return float(np.sqrt(eigenvalues[eigenvalues > _NEGLIGIBLE * eigenvalues[-1]]).sum())


class KernelDistance:
    """The kernel distance of outputs, as often as weights say, from real renderings.

    Takes and raises what :class:`FrechetDistance` does. Repeats of an output are not paired with each other.
    """

    def __init__(self, outputs: ArrayLike, real: ArrayLike) -> None:
        embeddings, expected = _embeddings(outputs, real)
        self.outputs = len(embeddings)
        self._pairs = _kernel(embeddings, embeddings)
        np.fill_diagonal(self._pairs, 0.0)
        self._mixed = _kernel(embeddings, expected).mean(axis=1)
        within = _kernel(expected, expected)
        m = len(expected)
        self._real = float(within.sum() - np.trace(within)) / (m * (m - 1))

    def __call__(self, weights: Floats) -> float:
        """Return the distance, with output i taken ``weights[i]`` times; at least two of them not 0."""
        total = weights.sum()
        pairs = total**2 - np.square(weights).sum()
        within = weights @ self._pairs @ weights / pairs
        return float(within + self._real - 2 * (weights @ self._mixed) / total)


def _kernel(first: Floats, second: Floats) -> Floats:
    return np.asarray((first @ second.T / first.shape[1] + 1) ** 3, dtype=np.float64)


def frechet_distance(outputs: ArrayLike, real: ArrayLike) -> float:
    """Return the squared Fréchet distance between two sets of embeddings.

    Parameters
    ----------
    outputs : array_like, shape (n, d)
        Embeddings of the outputs.
    real : array_like, shape (m, d)
        Embeddings of real renderings.

    Returns
    -------
    float
        At least 0, in squared units of the embedding; the same in either order but for rounding.

    Raises
    ------
    ConfigurationError, Unscorable
        As :class:`FrechetDistance`.

    Examples
    --------
    >>> round(frechet_distance([[0.0], [2.0]], [[3.0], [5.0]]), 9)
    9.0
    """
    distance = FrechetDistance(outputs, real)
    return distance(np.ones(distance.outputs))


def kernel_distance(outputs: ArrayLike, real: ArrayLike) -> float:
    """Return the unbiased squared maximum mean discrepancy under the cubic polynomial kernel.

    Parameters
    ----------
    outputs, real : array_like, shapes (n, d) and (m, d)
        Embeddings.

    Returns
    -------
    float
        0 on average for two samples of one distribution, so slightly negative about as often as positive.

    Raises
    ------
    ConfigurationError, Unscorable
        As :class:`FrechetDistance`.

    Examples
    --------
    >>> kernel_distance([[0.0], [0.0]], [[1.0], [1.0]])
    7.0
    """
    distance = KernelDistance(outputs, real)
    return distance(np.ones(distance.outputs))


def extrapolated_frechet_distance(outputs: ArrayLike, real: ArrayLike, *, seed: int) -> float:
    """Return the Fréchet distance that infinitely many such outputs would have.

    Parameters
    ----------
    outputs, real : array_like, shapes (n, d) and (m, d)
        Embeddings; n at least 10.
    seed : int
        Seed by which subsets are drawn.

    Returns
    -------
    float
        The line's value at 1 / n = 0, which may be slightly negative.

    Raises
    ------
    ConfigurationError
        As :class:`FrechetDistance`.
    Unscorable
        If there are fewer than 10 outputs, too few for subsets of several sizes.
    """
    return extrapolate(FrechetDistance(outputs, real), seed=seed)


def extrapolate(distance: Distance, *, seed: int) -> float:
    """Return what a distance of random subsets tends to as they grow: see the module's definition."""
    n = distance.outputs
    if n < 10:
        raise Unscorable(f"{n} outputs: at least 10 are needed to extrapolate")
    generator = np.random.default_rng(seed)
    sizes = np.unique(np.linspace(n / 2, n, _SIZES).round().astype(int))
    inverses, values = [], []
    for size in sizes:
        # All outputs together are one subset only, but count as much as the others.
        for _ in range(_SUBSETS):
            weights = np.zeros(n)
            weights[generator.choice(n, size, replace=False)] = 1.0
            inverses.append(1 / size)
            values.append(distance(weights))
    _, intercept = np.polyfit(inverses, values, deg=1)
    return float(intercept)


def bootstrap_interval(
    distance: Distance, *, resamples: int, seed: int, pieces: ArrayLike | None = None
) -> tuple[float, float]:
    """Return a bootstrap interval of a distance.

    Parameters
    ----------
    distance : FrechetDistance or KernelDistance
        Of the outputs from real renderings.
    resamples : int
        Number of resamples.
    seed : int
        Seed of the draws: the same for two methods with outputs of the same pairs draws the same pairs.
    pieces : array_like, shape (n,), optional
        The piece of each output: whole pieces are drawn. By default outputs are drawn one by one.

    Returns
    -------
    low, high : float
        The middle 95 %; (nan, nan) where all outputs are of one piece.

    Raises
    ------
    ConfigurationError
        If there is not one piece for each output, or nothing is to be drawn.
    """
    n = distance.outputs
    names = np.arange(n) if pieces is None else np.asarray(pieces)
    if names.shape != (n,):
        raise ConfigurationError(f"one piece for each of the {n} outputs is needed, got shape {names.shape}")
    if resamples < 1:
        raise ConfigurationError(f"the number of resamples is positive, got {resamples}")
    distinct, piece_of = np.unique(names, return_inverse=True)
    if len(distinct) < 2:
        return float("nan"), float("nan")
    weights = resample_groups(len(distinct), resamples, seed)[:, piece_of]
    values = np.array([distance(row) for row in weights[np.count_nonzero(weights, axis=1) >= 2]])
    if not len(values):
        return float("nan"), float("nan")
    mean, value = float(values.mean()), distance(np.ones(n))
    low, high = interval(values)
    return low - mean + value, high - mean + value


def classifier_score(probabilities: ArrayLike) -> float:
    """Return the effective number of labels that a judge predicts for a set of outputs: 1 to their number.

    Takes a judge's answers, shape (n, labels), each a distribution. Unscorable without an output;
    ConfigurationError if a row is not a distribution.

    Examples
    --------
    >>> round(classifier_score([[1, 0, 0], [0, 1, 0]]), 9)
    2.0
    """
    answers = np.asarray(probabilities, dtype=np.float64)
    if answers.ndim != 2:
        raise ConfigurationError(f"one row of probabilities for each output is needed, got {answers.shape}")
    if not len(answers):
        raise Unscorable("there are no outputs")
    if not (np.all(answers >= 0) and np.allclose(answers.sum(axis=1), 1, atol=1e-3)):
        raise ConfigurationError("a row of probabilities is no distribution: not negative, its sum 1")
    answers = answers / answers.sum(axis=1, keepdims=True)
    divergences = scipy.special.rel_entr(answers, answers.mean(axis=0)).sum(axis=1)
    return float(np.exp(max(0.0, divergences.mean())))


def _embeddings(outputs: ArrayLike, real: ArrayLike) -> tuple[Floats, Floats]:
    embeddings, expected = np.asarray(outputs, dtype=np.float64), np.asarray(real, dtype=np.float64)
    for name, table in (("outputs", embeddings), ("real renderings", expected)):
        if table.ndim != 2 or not table.shape[1]:
            raise ConfigurationError(f"embeddings of the {name} are a table, one row each, got {table.shape}")
        if len(table) < 2:
            raise Unscorable(f"a set is at least two, got {len(table)} {name}")
        if not np.isfinite(table).all():
            raise ConfigurationError(f"embeddings of the {name} hold NaN or infinity: leave these rows out")
    if embeddings.shape[1] != expected.shape[1]:
        raise ConfigurationError(
            f"embeddings of {embeddings.shape[1]} and {expected.shape[1]} numbers: both must be of one kind"
        )
    return embeddings, expected
