"""One table of how real each label's outputs sound as a set.

The scores are those of :mod:`timbrebench.metrics.distribution`, which defines them.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.statistics.bootstrap import Floats
from timbrebench.metrics.distribution import (
    FrechetDistance,
    KernelDistance,
    bootstrap_interval,
    classifier_score,
    extrapolate,
)

#: Minimum number of outputs, and of real renderings, of a row: a covariance of fewer is meaningless.
MIN_SET = 10

COLUMNS = (
    "label",
    "embedding",
    "outputs",
    "real",
    "frechet",
    "frechet_low",
    "frechet_high",
    "frechet_extrapolated",
    "kernel",
    "kernel_low",
    "kernel_high",
    "classifier_score",
    "reason",
)


def set_scores(
    embeddings: ArrayLike,
    probabilities: ArrayLike,
    labels: ArrayLike,
    real_embeddings: ArrayLike,
    real_labels: ArrayLike,
    *,
    embedding: str,
    resamples: int,
    seed: int,
    pieces: ArrayLike | None = None,
) -> pd.DataFrame:
    """Compare the outputs of one method with real renderings, label by label and all together.

    Parameters
    ----------
    embeddings : array_like, shape (n, d)
        Embeddings of the outputs.
    probabilities : array_like, shape (n, n_labels)
        A judge's answers to them; n_labels is 0 where the embedding is not a judge's, and then there is no
        classifier score.
    labels : array_like of str, shape (n,)
        The style's label of each output: what it should sound like.
    real_embeddings : array_like, shape (m, d)
        The same embedding of real renderings.
    real_labels : array_like of str, shape (m,)
        What each of them is.
    embedding : str
        The embedding's name, which stands in each row: values of two embeddings are not comparable.
    resamples : int
        How many resamples of the outputs the intervals rest on.
    seed : int
        Seed of all draws.
    pieces : array_like, shape (n,), optional
        The content's piece of each output: intervals then resample whole pieces, because clips of one piece
        are not independent. By default they resample outputs.

    Returns
    -------
    pandas.DataFrame
        One row for each label of the outputs, sorted, and the last for "all" of them beside the real
        renderings of all these labels, with the columns :data:`COLUMNS`. ``reason`` says why a row has no
        scores, and is empty where it has; ends of intervals are NaN where all outputs are of one piece, and
        the extrapolated distance is where outputs are fewer than dimensions: it would be a guess.

    Raises
    ------
    ConfigurationError
        If the tables do not fit together, hold NaN, or a label is called "all".
    """
    of_outputs, answers = (
        np.asarray(embeddings, dtype=np.float64),
        np.asarray(probabilities, dtype=np.float64),
    )
    wanted, expected = np.asarray(labels, dtype=str), np.asarray(real_embeddings, dtype=np.float64)
    given = np.asarray(real_labels, dtype=str)
    pieces_of = np.arange(len(of_outputs)) if pieces is None else np.asarray(pieces)
    for name, column, table in (
        ("probabilities", answers, of_outputs),
        ("labels", wanted, of_outputs),
        ("pieces", pieces_of, of_outputs),
        ("labels", given, expected),
    ):
        if len(column) != len(table):
            raise ConfigurationError(f"{len(table)} embeddings have {len(column)} {name}: one each is needed")
    if "all" in wanted:
        raise ConfigurationError('a label is called "all", which is the name of the row of all labels')
    rows = []
    for label in [*np.unique(wanted), "all"]:
        mine = np.ones(len(of_outputs), dtype=bool) if label == "all" else wanted == label
        real = expected[np.isin(given, wanted[mine])]
        # Matrices this small are multiplied up to fifty times as slowly by threads that wait for each other.
        with threadpool_limits(limits=1):
            scores = _scores(
                of_outputs[mine], answers[mine], real, pieces=pieces_of[mine], resamples=resamples, seed=seed
            )
        rows.append(
            {
                "label": str(label),
                "embedding": embedding,
                "outputs": int(mine.sum()),
                "real": len(real),
                **scores,
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _scores(
    outputs: Floats, answers: Floats, real: Floats, *, pieces: NDArray[np.generic], resamples: int, seed: int
) -> dict[str, float | str]:
    reason = _too_few(len(outputs), len(real))
    if reason:
        return {**dict.fromkeys(COLUMNS[4:-1], math.nan), "reason": reason}
    frechet, kernel = FrechetDistance(outputs, real), KernelDistance(outputs, real)
    everything = np.ones(len(outputs))
    frechet_low, frechet_high = bootstrap_interval(frechet, resamples=resamples, seed=seed, pieces=pieces)
    kernel_low, kernel_high = bootstrap_interval(kernel, resamples=resamples, seed=seed, pieces=pieces)
    return {
        "frechet": frechet(everything),
        "frechet_low": float(np.maximum(0.0, frechet_low)),
        "frechet_high": frechet_high,
        "frechet_extrapolated": extrapolate(frechet, seed=seed)
        if len(outputs) >= outputs.shape[1]
        else math.nan,
        "kernel": kernel(everything),
        "kernel_low": kernel_low,
        "kernel_high": kernel_high,
        "classifier_score": classifier_score(answers) if answers.shape[1] else math.nan,
        "reason": "",
    }


def _too_few(outputs: int, real: int) -> str:
    short = [
        f"{number} {name}"
        for number, name in ((outputs, "outputs"), (real, "real renderings"))
        if number < MIN_SET
    ]
    return f"{' and '.join(short)}: at least {MIN_SET} are needed" if short else ""
