"""What listeners say of a run's outputs, beside its metrics.

``listeners.csv`` in a run's folder has one row for each question and method, of the last listening test that
was read (``timbrebench listen read``). It is of outputs as they were heard: where one of them is another file
by now, the method's rows are left out, with a line that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from pydantic import Field, ValidationError

from timbrebench.core.errors import RunError, describe_validation
from timbrebench.core.files import file_sha256, fingerprint
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.identifiers import path_within
from timbrebench.core.progress import log
from timbrebench.core.tables import SIX_DIGITS, read_csv, write_csv
from timbrebench.experiments.run.layout import LISTENERS

#: How the leaderboard's columns of listeners begin.
COLUMN = "listeners_"

#: Between the names of pairs.
_SEPARATOR = "|"

#: Maximum bytes of the file: a thousand rows of a hundred pairs take three million.
_MAX_BYTES = 8 << 20


class ListenerScore(FrozenModel):
    """What listeners say of a method, in answer to a question.

    Attributes
    ----------
    question : str
        ``style``, ``content`` or ``quality``.
    method : str
        Its label in the run.
    kind : str
        Kind of the listening test.
    lowest, highest : float
        Ends of its scale.
    listeners, outputs : int
        How many listeners, and outputs that they heard.
    mean, low, high : float or None
        Mean, and its 95 % interval over listeners and pieces; None where there is no interval.
    pairs : str
        The pairs that were heard, separated by ``|``.
    heard : str
        Fingerprint of the outputs of these pairs (:func:`outputs_fingerprint`).
    """

    question: str = Field(pattern="^(style|content|quality)$")
    method: str
    kind: str
    lowest: float
    highest: float
    listeners: int = Field(ge=1)
    outputs: int = Field(ge=1)
    mean: float
    low: float | None
    high: float | None
    pairs: str
    heard: str

    @property
    def column(self) -> str:
        """The leaderboard's column."""
        return f"{COLUMN}{self.question}"


def outputs_fingerprint(digests: Mapping[str, str]) -> str:
    """Return what stands for outputs that were heard, by the SHA-256 of each pair's."""
    return fingerprint(dict(digests))


def write_listener_scores(root: Path, scores: list[ListenerScore]) -> Path:
    """Write what listeners say into a run's folder, and return the file's path.

    Raises :class:`StorageError` if it cannot be written.
    """
    path = root / LISTENERS
    table = pd.DataFrame([score.model_dump() for score in scores], columns=list(ListenerScore.model_fields))
    write_csv(path, table, SIX_DIGITS)
    return path


def read_listener_scores(root: Path, transfers: pd.DataFrame) -> list[ListenerScore]:
    """Read what listeners say of a run's outputs as they are now; nothing where nobody was asked.

    `transfers` are those of the run's first seed, as
    :class:`~timbrebench.experiments.ranking.results.Results` has them. Raises :class:`RunError` if the file
    is not what :func:`write_listener_scores` writes.
    """
    path = root / LISTENERS
    if not path.is_file():
        return []
    texts = dict.fromkeys(("question", "method", "kind", "pairs", "heard"), "str")
    table = read_csv(path, RunError, texts, _MAX_BYTES)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    try:
        scores = [ListenerScore.model_validate({str(name): row[name] for name in row}) for row in rows]
    except ValidationError as error:
        raise RunError(str(describe_validation(error, str(path), ListenerScore.model_fields))) from error
    stale = {score.method for score in scores if _outputs_now(root, transfers, score) != score.heard}
    for label in sorted(stale & set(transfers.label)):
        log(f"{path}: the outputs of {label} are not those that listeners heard: its rows are left out")
    return [score for score in scores if score.method not in stale]


def _outputs_now(root: Path, transfers: pd.DataFrame, score: ListenerScore) -> str:
    """Return the fingerprint of a method's outputs as they are now, of the pairs that were heard."""
    pairs = score.pairs.split(_SEPARATOR)
    return outputs_fingerprint(digests_now(root, transfers, score.method, pairs))


def digests_now(root: Path, transfers: pd.DataFrame, label: str, pairs: list[str]) -> dict[str, str]:
    """Return the SHA-256 of a method's outputs, by pair, without those that are missing."""
    rows = transfers[(transfers.label == label) & (transfers.status == "ok") & transfers.pair_id.isin(pairs)]
    paths = {str(row.pair_id): path_within(root, str(row.output)) for row in rows.itertuples()}
    return {pair: file_sha256(path) for pair, path in paths.items() if path.is_file()}


def joined(pairs: list[str]) -> str:
    """Write names of pairs as one text."""
    return _SEPARATOR.join(pairs)
