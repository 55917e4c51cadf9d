"""The headline: the harmonic mean of style accuracy and of content kept, and what follows from it.

Content is note F1 on a scale of the run's own: 0 at what copying the style reaches, where notes agree by
chance, 1 at what the reference reaches, which is all that the content judge can hear. Doing nothing has no
style, copying the style keeps no content; both score 0.

The headline is not a mean of pairs, but follows from two means. Each piece adds to four sums: style
accuracies, their number, note F1 and their number. From these it can be resampled, tested by sign flips and
taken apart piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.core.statistics.paired import average_seeds, group_sums, seed_means
from timbrebench.core.statistics.permutation import swap_p_value

Floats = NDArray[np.float64]

#: The metrics that the headline is made of.
STYLE, CONTENT = "style_accuracy", "note_f1"

#: The columns of the headline and of its half beside style accuracy.
HEADLINE, CONTENT_KEPT = "headline", "content_kept"

#: The smallest difference of two headlines that matters, as of the shares that it is made of.
RELEVANT_CHANGE = 0.02


def has_headline(metrics: Iterable[str]) -> bool:
    """Return whether metrics are enough for a headline."""
    return {STYLE, CONTENT} <= set(metrics)


@dataclass(frozen=True)
class HeadlineScale:
    """The bounds between which content counts.

    Attributes
    ----------
    chance, ceiling : float or numpy.ndarray, shape (n,)
        Note F1 of the style copy and of the reference, in each of `n` resamples where they are resampled.
    """

    chance: float | Floats
    ceiling: float | Floats

    @classmethod
    def of_controls(cls, style_copy: pd.DataFrame, reference: pd.DataFrame) -> HeadlineScale:
        """Return the scale of a run, from the scores of both controls, one row for each pair and seed."""
        controls = (average_seeds(rows, [CONTENT])[CONTENT] for rows in (style_copy, reference))
        chance, ceiling = (float(values.mean()) for values in controls)
        return cls(chance, ceiling)

    def content_kept(self, content: Floats) -> Floats:
        """Return the share of the notes that is kept, 0 to 1, for note F1 of any shape.

        NaN where an input is, or where the reference does not exceed the style copy.
        """
        room = np.subtract(self.ceiling, self.chance)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(room > 0, np.clip((content - self.chance) / room, 0, 1), np.nan)

    def headline(self, style: Floats, content: Floats) -> Floats:
        """Return the headline, 0 to 1, of style accuracy, 0 to 1, and note F1 of the same shape.

        NaN where an input is, or where the reference does not exceed the style copy.
        """
        content_kept = self.content_kept(content)
        with np.errstate(invalid="ignore", divide="ignore"):
            total = style + content_kept
            return np.where(
                total > 0, 2 * style * content_kept / total, np.where(np.isnan(total), np.nan, 0.0)
            )

    def of_sums(self, sums: Floats) -> Floats:
        """Return the headline of summed pieces.

        Parameters
        ----------
        sums : numpy.ndarray, shape (n, 4)
            `n` sums of what :func:`headline_sums` returns.

        Returns
        -------
        numpy.ndarray, shape (n,)
            0 to 1; NaN where a metric has no value.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            style, content = sums[:, 0] / sums[:, 1], sums[:, 2] / sums[:, 3]
        return self.headline(style, content)

    def p_value(self, first: Floats, second: Floats, signs: Floats) -> float:
        """Test whether two methods differ in their headline, with the controls as they are.

        Parameters
        ----------
        first, second : numpy.ndarray, shape (pieces, 4)
            Of :func:`headline_sums`.
        signs : numpy.ndarray, shape (permutations, pieces)
            Of :func:`~timbrebench.core.statistics.permutation.sign_flips`.

        Returns
        -------
        float
            Two-sided p-value; NaN where a method has no headline.
        """
        return swap_p_value(first, second, self.of_sums, signs)

    def differences(self, first: Floats, second: Floats) -> Floats:
        """Return the share that each piece has in the difference of two headlines.

        It is what a headline changes by when the first method's outputs on that piece take the place of the
        second's, all other pieces being the mean of both, times the number of pieces. Where both are alike on
        a piece it is 0, which the difference of a jackknife's pseudo-values would not be, since the headline
        is not a mean. For a plain mean it is the difference on the piece.

        Parameters
        ----------
        first, second : numpy.ndarray, shape (pieces, 4)
            Of :func:`headline_sums`.

        Returns
        -------
        numpy.ndarray, shape (pieces,)
            Positive where the first is better. Their mean is about the difference of the headlines. NaN
            without a headline.
        """
        middle, half = (first + second).sum(axis=0) / 2, (first - second) / 2
        return len(first) * (self.of_sums(middle + half) - self.of_sums(middle - half))

    def seed_deviation(self, rows: pd.DataFrame) -> float:
        """Return how far a method's headline moves when only the seed changes.

        It is the standard deviation over seeds (n - 1), of the pairs that have a value with every seed; NaN
        for fewer than two seeds, or without such a pair. `rows` has ``pair_id``, ``seed`` and both metrics,
        one row for each pair and seed.
        """
        style, content = seed_means(rows, STYLE), seed_means(rows, CONTENT)
        return float(self.headline(style, content).std(ddof=1)) if len(style) > 1 else float("nan")


def headline_sums(pairs: pd.DataFrame, piece_of: NDArray[np.intp], pieces: int) -> Floats:
    """Return what each piece adds to a method's headline.

    Parameters
    ----------
    pairs : pandas.DataFrame
        One row for each pair, with the columns of both metrics.
    piece_of : numpy.ndarray, shape (n,)
        Index of each pair's piece.
    pieces : int
        Number of pieces.

    Returns
    -------
    numpy.ndarray, shape (pieces, 4)
        Sum and number of the style accuracies, sum and number of the note F1.
    """
    sums, numbers = group_sums(pairs[[STYLE, CONTENT]].to_numpy(dtype=np.float64), piece_of, pieces)
    return np.stack([sums[:, 0], numbers[:, 0], sums[:, 1], numbers[:, 1]], axis=1)
