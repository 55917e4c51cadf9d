"""Which metrics order two systems for timbre transfer as listeners did.

Definition
----------
The listening test is that of DiffTransfer (Comanducci, Antonacci & Sarti 2023): listeners rated outputs of
DiffTransfer and of the Universal network for single instruments from 1 to 5, by how good the transfer is. A
table of ratings has the columns ``listener, trial_id, rating_stimulus, rating_score``; trials whose names end
in ``_single`` count, where C1 is DiffTransfer and C2 the Universal network. Which file a trial played is not
stated, so that outputs cannot be set beside ratings one by one: what is compared is the order of the systems.

A folder of outputs holds ``truth/``, ``difftransfer/`` and ``universal/``, each with ``PIECE.INSTRUMENT``
files, where instruments 1 and 4, and 2 and 5, play the same music. The trial of an output has its piece by
the other instrument of the two for content, the truth for reference, and the next piece by the same
instrument for style.

A metric agrees if the 95 % interval of its mean difference between the systems, in the direction that is
better by it, lies on the listeners' side of 0; it contradicts them if it lies on the other side; otherwise it
is undecided. Intervals are from a bootstrap over pieces, and those of ratings over listeners.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.audio.clips import read_audio
from timbrebench.classifier import load_content_judge
from timbrebench.classifier.fitting import one_thread
from timbrebench.classifier.style.published_judges import load_published
from timbrebench.core.errors import DatasetError
from timbrebench.core.files import why_no_folder
from timbrebench.core.progress import Tracker
from timbrebench.core.statistics.bootstrap import interval, resample_groups, resampled_means
from timbrebench.core.tables import read_text_csv
from timbrebench.experiments.validity.listening_studies import differing
from timbrebench.metrics.contract import evaluate
from timbrebench.metrics.registry import get, metric_names
from timbrebench.metrics.trial import Trial

Floats = NDArray[np.float64]

#: Systems by the stimulus that ratings name: the folder of its outputs, and what it is called.
SYSTEMS = {"C1": ("difftransfer", "DiffTransfer"), "C2": ("universal", "Universal network")}

#: The other instrument that plays the same music, by the instrument of an output; what a judge calls each.
_SAME_MUSIC = {"1": "4", "4": "1", "2": "5", "5": "2"}
_LABELS = {
    "1": "reed-family",
    "2": "chromatic-percussion-family",
    "4": "strings-family",
    "5": "piano-family",
}

#: How an output is named.
_NAMED = re.compile(rf"[^.]+\.({'|'.join(_SAME_MUSIC)})\.[^.]+")

#: The judge that knows labels for all of them.
JUDGE = "instruments-gm16-1"

_TRUTH, _SINGLE = "truth", "_single"
_COLUMNS = ("listener", "trial_id", "rating_stimulus", "rating_score")
_RESAMPLES = 10_000

#: What is known of these outputs, of what a metric may need.
_KNOWN = frozenset({"reference", "judge", "second_judge", "content_judge", "labels"})


@dataclass(frozen=True, eq=False)
class TransferTest:
    """Ratings of systems, and how metrics order the same systems.

    Attributes
    ----------
    listeners, trials : int
        How many there are with a rating of both systems.
    ratings : dict of str to float
        The mean rating of each system, by its name.
    difference : float
        Mean rating of the first system less that of the second.
    difference_interval : tuple of float
        Over listeners.
    pieces, outputs : int
        How many pieces there are, and outputs of each system.
    metrics : pandas.DataFrame
        One row for each metric: ``metric, n`` (outputs with a value for both systems), ``first, second``
        (mean of each system), ``better, low, high`` (by how much the first is better, with its interval over
        pieces) and ``agrees`` ("yes", "contradicts" or "undecided").
    differs : tuple of str
        Which files are not the pinned ones; empty where every byte is as pinned.
    """

    listeners: int
    trials: int
    ratings: dict[str, float]
    difference: float
    difference_interval: tuple[float, float]
    pieces: int
    outputs: int
    metrics: pd.DataFrame
    differs: tuple[str, ...]


def compare_systems(ratings: Path, outputs: Path) -> TransferTest:
    """Compare how listeners and how metrics order the two systems.

    Raises
    ------
    DatasetError
        If the table lacks a column, holds a rating that is not a number from 1 to 5, or rates no single
        instrument by both systems; or if the folder lacks a system, or the truth for an output.
    AudioError
        If a file cannot be decoded.
    """
    wide = _ratings(ratings)
    paths = _outputs(outputs)
    first, second = SYSTEMS
    gaps = (wide[first] - wide[second]).to_numpy(dtype=np.float64)
    names = wide.index.get_level_values("listener")
    listeners = sorted(set(names))
    counts = resample_groups(len(listeners), _RESAMPLES, seed=0)
    pieces = sorted({path.name.partition(".")[0] for path in paths})
    return TransferTest(
        len(listeners),
        wide.index.get_level_values("trial_id").nunique(),
        {SYSTEMS[stimulus][1]: float(wide[stimulus].mean()) for stimulus in SYSTEMS},
        float(gaps.mean()),
        interval(resampled_means(gaps, np.searchsorted(listeners, names), counts)),
        len(pieces),
        len(paths),
        _by_metric(_scores(outputs, paths, pieces), pieces, np.sign(gaps.mean())),
        differing("starnet-listening-test", {ratings.name: ratings})
        + differing("starnet-outputs", {f"{path.parent.name}/{path.name}": path for path in _audio(outputs)}),
    )


def _ratings(path: Path) -> pd.DataFrame:
    """Return the ratings of both systems, one row for each listener and trial of a single instrument."""
    table = read_text_csv(path, DatasetError)
    if missing := [column for column in _COLUMNS if column not in table.columns]:
        raise DatasetError(f"{path}: lacks the columns {', '.join(missing)}")
    scores = pd.to_numeric(table.rating_score, errors="coerce")
    if not scores.between(1, 5).all():
        line = int(np.flatnonzero(~scores.between(1, 5))[0]) + 2
        raise DatasetError(f"{path}, line {line}: a rating is a number from 1 to 5")
    single = table.assign(rating_score=scores)[table.trial_id.str.endswith(_SINGLE)]
    if single.duplicated(list(_COLUMNS[:3])).any():
        raise DatasetError(f"{path}: a listener has rated one stimulus of a trial twice")
    wide = single.pivot_table(
        index=["listener", "trial_id"], columns="rating_stimulus", values="rating_score"
    )
    if not set(SYSTEMS) <= set(wide.columns) or wide[list(SYSTEMS)].dropna().empty:
        raise DatasetError(
            f"{path}: no trial that ends in {_SINGLE!r} has ratings of {' and '.join(SYSTEMS)}"
        )
    return wide[list(SYSTEMS)].dropna()


def _audio(folder: Path) -> tuple[Path, ...]:
    """Return the audio of a folder of outputs."""
    folders = (_TRUTH, *(system for system, _ in SYSTEMS.values()))
    return tuple(path for name in folders for path in sorted((folder / name).glob("*.*.*")) if path.is_file())


def _outputs(folder: Path) -> list[Path]:
    """Return the truths that both systems have an output for; DatasetError where something is missing."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: {why_no_folder(folder)}")
    truths = sorted((folder / _TRUTH).glob("*.*.*"))
    needed = [folder / system / path.name for system, _ in SYSTEMS.values() for path in truths]
    if not truths:
        raise DatasetError(f"{folder / _TRUTH}: holds no files named PIECE.INSTRUMENT, such as 001.1.flac")
    if unknown := [path for path in truths if not _NAMED.fullmatch(path.name)]:
        raise DatasetError(
            f"{unknown[0]}: named otherwise than PIECE.INSTRUMENT, with one of the instruments "
            f"{', '.join(_SAME_MUSIC)}, such as 001.1.flac"
        )
    if missing := [path for path in needed if not path.is_file()]:
        raise DatasetError(f"{missing[0]}: missing, and {_TRUTH}/{missing[0].name} is there")
    return truths


def _scores(folder: Path, truths: list[Path], pieces: list[str]) -> pd.DataFrame:
    """Return each metric's value for each output: columns ``piece, system, metric, value``."""
    judge, content_judge = load_published(JUDGE), load_content_judge()
    asked = [
        metric
        for metric in map(get, metric_names())
        if metric.specification.direction != "none" and metric.specification.needs <= _KNOWN
    ]
    rows = []
    with Tracker("scoring rated systems", len(truths), "outputs") as tracker, one_thread():
        for truth in truths:
            piece, instrument, ending = truth.name.split(".")
            other = _SAME_MUSIC[instrument]
            next_piece = pieces[(pieces.index(piece) + 1) % len(pieces)]
            target = read_audio(truth)
            clips = {
                "output": target,  # of which each system's output takes the place
                "content": read_audio(folder / _TRUTH / f"{piece}.{other}.{ending}"),
                "style": read_audio(folder / _TRUTH / f"{next_piece}.{instrument}.{ending}"),
                "reference": target,
            }
            trial = Trial.assemble(
                clips,
                judge=judge,
                second_judge=judge,
                content_judge=content_judge,
                notes=None,
                style_notes=None,
                content_label=_LABELS[other],
                style_label=_LABELS[instrument],
            )
            for system, _ in SYSTEMS.values():
                of_system = trial.with_output(*read_audio(folder / system / truth.name))
                rows += [
                    (piece, truth.name, system, name, score.value)
                    for name, score in evaluate(of_system, asked).items()
                ]
            tracker.advance()
    return pd.DataFrame(rows, columns=["piece", "output", "system", "metric", "value"])


def _by_metric(scores: pd.DataFrame, pieces: list[str], side: float) -> pd.DataFrame:
    """Hold each metric against the listeners' side: 1 where they prefer the first system, else -1."""
    first, second = (system for system, _ in SYSTEMS.values())
    counts = resample_groups(len(pieces), _RESAMPLES, seed=0)
    rows = []
    for name, values in scores.groupby("metric", sort=True):
        pairs = values.pivot_table(index=["piece", "output"], columns="system", values="value").dropna()
        if pairs.empty:
            continue
        sign = 1 if get(str(name)).specification.direction == "higher" else -1
        better = (sign * (pairs[first] - pairs[second])).to_numpy(dtype=np.float64)
        piece_of = np.searchsorted(pieces, pairs.index.get_level_values("piece"))
        low, high = interval(resampled_means(better, piece_of, counts))
        order = 0 if low <= 0 <= high else np.sign(low) * side
        agrees = {1: "yes", -1: "contradicts"}.get(int(order), "undecided")
        means = (float(pairs[first].mean()), float(pairs[second].mean()))
        rows.append((str(name), len(pairs), *means, float(better.mean()), low, high, agrees))
    columns = ["metric", "n", "first", "second", "better", "low", "high", "agrees"]
    return pd.DataFrame(rows, columns=columns)
