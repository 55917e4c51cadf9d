"""Which of the judges that come with the package can judge a suite."""

from __future__ import annotations

from timbrebench.classifier.style.published import published_card, published_names
from timbrebench.experiments.suites.files import FrozenSuite


def judges_of(frozen: FrozenSuite) -> list[str]:
    """Return the published judges that know the styles of a suite and have learned none of its pieces.

    Parameters
    ----------
    frozen : FrozenSuite
        The suite.

    Returns
    -------
    list of str
        Their names, sorted; empty where a run has to train its own.
    """
    pieces = {clip.piece for clip in frozen.clips}
    cards = [published_card(name) for name in published_names()]
    return [
        card.name
        for card in cards
        if frozen.style_labels <= set(card.labels) and not pieces & set(card.training_pieces)
    ]
