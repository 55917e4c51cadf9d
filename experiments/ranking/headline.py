"""The headline: the harmonic mean of the style taken on and of the content kept, and what follows from it.

Style is the share of outputs to which the judge gives the style's label, where two judges are asked the mean
of both. Content is note F1 on a scale of the run's own: 0 at what copying the style reaches, where notes
agree by chance, 1 at what the content judge can hear at best. Doing nothing has no style, copying the style
keeps no content; both score 0.

Versions
--------
- Version 1 asks the first judge alone, takes onsets within 50 ms, and has its 1 at the reference.
- Version 2 takes the mean of both judges, onsets within 100 ms, and has its 1 at the lower of reference and
  untouched content; without references, at the untouched content. ``docs/headline.md`` has the measurement
  behind it: renderings are ranked alike by both tolerances, and notes that begin slowly are lost at 50 ms,
  whoever plays them. What is heard in the reference is no better a truth: it lacks the notes that the content
  judge misses there, and not every suite has a reference.

A run has version 2 if it measures ``note_f1_100ms``. Runs of before do not, and keep version 1.

The headline is not a mean of pairs, but follows from two means. Each piece adds to four sums: style
accuracies, their number, note F1 and their number. From these it can be resampled, tested by sign flips and
taken apart piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.core.statistics.paired import average_seeds, group_sums, seed_means
from timbrebench.core.statistics.permutation import swap_p_value
from timbrebench.experiments.run.run_configuration import headline_version

Floats = NDArray[np.float64]

#: The metrics that the headline is made of: what each judge hears, and the notes of each version.
STYLE, SECOND_STYLE = "style_accuracy", "second_style_accuracy"
_CONTENT_1, _CONTENT_2 = "note_f1", "note_f1_100ms"

#: The columns of the headline and of its halves: the mean of the judges' style accuracy, and content kept.
HEADLINE, MEAN_STYLE, CONTENT_KEPT = "headline", "mean_style_accuracy", "content_kept"

#: The controls that the scale follows from.
_BOUNDS = ("style-copy", "reference", "identity")

#: The smallest difference of two headlines that matters, as of the shares that it is made of.
RELEVANT_CHANGE = 0.02


@dataclass(frozen=True)
class Headline:
    """What a run's headline is made of.

    Attributes
    ----------
    version : int
        1 or 2.
    styles : tuple of str
        The metrics whose mean is the style taken on, one for each judge.
    content : str
        The metric that content kept follows from.
    """

    version: int
    styles: tuple[str, ...]
    content: str

    @classmethod
    def of(cls, metrics: Iterable[str], *, has_second_judge: bool) -> Headline:
        """Return the headline of a run that asks for metrics, be they enough for it or not."""
        names = set(metrics)
        if headline_version(names) == 1:
            return cls(1, (STYLE,), _CONTENT_1)
        second = (SECOND_STYLE,) if has_second_judge and SECOND_STYLE in names else ()
        return cls(2, (STYLE, *second), _CONTENT_2)

    def __str__(self) -> str:
        judges = "two style judges" if len(self.styles) > 1 else "one style judge"
        return f"version {self.version} of the headline by {judges}"

    @property
    def metrics(self) -> list[str]:
        """All metrics that it needs."""
        return [*self.styles, self.content]

    def is_measured_by(self, metrics: Iterable[str]) -> bool:
        """Return whether metrics are enough for it."""
        return set(self.metrics) <= set(metrics)

    def alone(self, style: str) -> Headline:
        """Return what it is by the word of one judge."""
        return Headline(self.version, (style,), self.content)

    def style(self, rows: pd.DataFrame) -> pd.Series:
        """Return the style that each output has taken on; NaN where a judge has no answer."""
        return rows[list(self.styles)].mean(axis=1, skipna=False)

    def scale(self, means: Mapping[str, float | Floats]) -> HeadlineScale:
        """Return the scale of content, given the mean of its metric of each control, resampled or not."""
        chance, reference, identity = (means[label] for label in _BOUNDS)
        ceiling = reference if self.version == 1 else np.fmin(reference, identity)
        return HeadlineScale(chance, ceiling)

    def scale_of(self, controls: Mapping[str, pd.DataFrame]) -> HeadlineScale:
        """Return the scale of a run, from the scores of its controls, one row for each pair and seed.

        Its bounds are NaN where its metric was not asked for.
        """
        names = [self.content]
        means = {
            label: float(average_seeds(rows, names)[self.content].mean()) if self.content in rows else np.nan
            for label, rows in controls.items()
        }
        return self.scale(means)

    def sums(self, pairs: pd.DataFrame, piece_of: NDArray[np.intp], pieces: int) -> Floats:
        """Return what each piece adds to a method's headline.

        Parameters
        ----------
        pairs : pandas.DataFrame
            One row for each pair, with the columns of all metrics.
        piece_of : numpy.ndarray, shape (n,)
            Index of each pair's piece.
        pieces : int
            Number of pieces.

        Returns
        -------
        numpy.ndarray, shape (pieces, 4)
            Sum and number of the style accuracies, sum and number of the note F1.
        """
        values = np.stack([self.style(pairs), pairs[self.content]], axis=1).astype(np.float64)
        sums, numbers = group_sums(values, piece_of, pieces)
        return np.stack([sums[:, 0], numbers[:, 0], sums[:, 1], numbers[:, 1]], axis=1)

    def seed_deviation(self, rows: pd.DataFrame, scale: HeadlineScale) -> float:
        """Return how far a method's headline moves when only the seed changes.

        It is the standard deviation over seeds (n - 1), of the pairs that have a value with every seed; NaN
        for fewer than two seeds, or without such a pair. `rows` has ``pair_id``, ``seed`` and all metrics,
        one row for each pair and seed.
        """
        style = seed_means(rows.assign(**{MEAN_STYLE: self.style(rows)}), MEAN_STYLE)
        content = seed_means(rows, self.content)
        return float(scale.headline(style, content).std(ddof=1)) if len(style) > 1 else float("nan")


@dataclass(frozen=True)
class HeadlineScale:
    """The bounds between which content counts.

    Attributes
    ----------
    chance, ceiling : float or numpy.ndarray, shape (n,)
        Note F1 of the style copy, and of what keeps all of the content, in each of `n` resamples where they
        are resampled.
    """

    chance: float | Floats
    ceiling: float | Floats

    def content_kept(self, content: Floats) -> Floats:
        """Return the share of the notes that is kept, 0 to 1, for note F1 of any shape.

        NaN where an input is, or where the ceiling does not exceed chance.
        """
        room = np.subtract(self.ceiling, self.chance)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(room > 0, np.clip((content - self.chance) / room, 0, 1), np.nan)

    def headline(self, style: Floats, content: Floats) -> Floats:
        """Return the headline, 0 to 1, of style accuracy, 0 to 1, and note F1 of the same shape.

        NaN where an input is, or where the ceiling does not exceed chance.
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
            `n` sums of what :meth:`Headline.sums` returns.

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
            Of :meth:`Headline.sums`.
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
            Of :meth:`Headline.sums`.

        Returns
        -------
        numpy.ndarray, shape (pieces,)
            Positive where the first is better. Their mean is about the difference of the headlines. NaN
            without a headline.
        """
        middle, half = (first + second).sum(axis=0) / 2, (first - second) / 2
        return len(first) * (self.of_sums(middle + half) - self.of_sums(middle - half))
