"""Which judges can judge a suite, and which of those that come with the package."""

from __future__ import annotations

from collections.abc import Collection

from timbrebench.classifier.style.published_judges import published_card, published_names
from timbrebench.experiments.suites.frozen_suite import FrozenSuite


def judges_of(frozen: FrozenSuite) -> list[str]:
    """Return the published judges that know the styles of a suite and have not learned from its pieces.

    Their names are sorted; a run has to train its own where there is none.
    """
    cards = [published_card(name) for name in published_names()]
    return [card.name for card in cards if not why_unfit(frozen, card.labels, card.training_pieces)]


def why_unfit(frozen: FrozenSuite, labels: Collection[str], training_pieces: Collection[str]) -> str:
    """Say why a judge that knows some labels and has learned from some pieces cannot judge a suite.

    Pieces that it was chosen by count as well. The text is empty where it knows all styles and has not
    learned from any of the pieces.
    """
    if unknown := sorted(frozen.style_labels - set(labels)):
        return f"does not know {len(unknown)} of its styles, such as {unknown[0]}"
    if learned := sorted({clip.piece for clip in frozen.clips} & set(training_pieces)):
        return f"has learned from {len(learned)} of its pieces, such as {learned[0]}"
    return ""
