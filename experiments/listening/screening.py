"""Which listeners count, judged by answers that have to be right.

Post-screening of BS.1534-3: who gives the hidden reference less than 90 in more than 15 % of the items is
excluded. In the other kinds of test, and where there is no reference, the condition that is right about a
question takes its place, with the bound of the kind
(:attr:`~timbrebench.experiments.listening.listening_kinds.ListeningKind.right_at_least`). An item is a page
with that condition.

Who draws a straight line is excluded as well: more than 15 % of the pages with all stimuli within two points
(mushra), a question with one grade throughout (mos), or one side throughout in eleven comparisons or more,
which at random has a probability under 0.001 (abx).
"""

from __future__ import annotations

import pandas as pd

from timbrebench.experiments.listening.listening_test import Key

#: Share of items from which on a listener does not count.
MAX_SHARE = 0.15


def screen(table: pd.DataFrame, key: Key) -> pd.DataFrame:
    """Screen the listeners of a test.

    Parameters
    ----------
    table : pandas.DataFrame
        Ratings, as :class:`~timbrebench.experiments.listening.ratings_reading.Ratings` has them.
    key : Key
        The test's.

    Returns
    -------
    pandas.DataFrame
        One row for each listener, in the order of their names: ``listener``; ``items``; ``missed``, the share
        of them in which what is right was not heard as right; ``flat``, the share of straight lines;
        ``minutes``; and ``reason``, why the listener does not count, empty otherwise.
    """
    rows = [_screened(str(name), answers, key) for name, answers in table.groupby("listener", sort=True)]
    return pd.DataFrame(rows)


def _screened(name: str, answers: pd.DataFrame, key: Key) -> dict[str, object]:
    kind = key.test_kind
    right = answers.condition == answers.question.map(key.conditions.right)
    missed = float((answers.score[right] < kind.right_at_least).mean())
    flat = kind.flat_share(answers)
    reasons = []
    if missed > MAX_SHARE:
        reasons.append(
            f"gave what is right less than {kind.right_at_least} in {100 * missed:.0f} % of the items"
        )
    if flat > MAX_SHARE:
        reasons.append(f"answered {100 * flat:.0f} % in a straight line")
    return {
        "listener": name,
        "items": int(right.sum()),
        "missed": missed,
        "flat": flat,
        "minutes": float(answers.drop_duplicates("page").seconds.sum()) / 60,
        "reason": "; ".join(reasons),
    }
