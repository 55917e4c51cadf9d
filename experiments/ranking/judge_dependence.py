"""Which figures hang on the judge: what one of two style judges alone would say of a method.

A method is *judge-dependent* where the mean of both judges hides that they part:

- by the headline of one judge alone its rank lies outside the places that its tie group takes in the
  leaderboard: of three methods that share rank 2, places 2 to 4;
- or the two style accuracies differ by more than 0.15.

Half-transferred sounds are where judges part: of such a method neither figure is the right one until people
have listened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from timbrebench.core.statistics.paired import average_seeds
from timbrebench.experiments.ranking.headline import HeadlineScale
from timbrebench.experiments.ranking.ranks import headline_sums, tie_ranks
from timbrebench.experiments.ranking.results import Results

#: The largest difference of two style accuracies that is not marked: a sixth of the outputs, five of thirty.
MAX_DIFFERENCE = 0.15

#: What is left of a difference by rounding.
_ROUNDING = 1e-9


def judge_dependence(results: Results, ranks: Mapping[str, int], scale: HeadlineScale) -> dict[str, str]:
    """Return why methods are judge-dependent, by label, for those that are; `ranks` are the leaderboard's."""
    labels = [entry.name for entry in results.configuration.methods]
    reasons: dict[str, list[str]] = {label: [] for label in labels}
    sizes = Counter(ranks.values())
    for style in results.headline.styles:
        for label, rank in _ranks_alone(results, list(ranks), style, scale).items():
            if not ranks[label] <= rank < ranks[label] + sizes[ranks[label]]:
                reasons[label].append(f"rank {rank} by {style} alone")
    for label in labels:
        first, second = (_accuracy(results, label, style) for style in results.headline.styles)
        if abs(first - second) > MAX_DIFFERENCE + _ROUNDING:
            reasons[label].append(f"style accuracy {first:.2f} by one judge, {second:.2f} by the other")
    return {label: "; ".join(texts) for label, texts in reasons.items() if texts}


def _ranks_alone(results: Results, labels: list[str], style: str, scale: HeadlineScale) -> dict[str, int]:
    """Return the ranks by one judge alone."""
    headline = results.headline.alone(style)
    totals = [sums.sum(axis=0, keepdims=True) for sums in headline_sums(results, labels, headline)]
    headlines = [float(scale.of_sums(total)[0]) for total in totals]
    return dict(zip(labels, tie_ranks(results, labels, headlines, headline, scale), strict=True))


def _accuracy(results: Results, label: str, style: str) -> float:
    return float(average_seeds(results.of(label), [style])[style].mean())
