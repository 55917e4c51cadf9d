"""How far the output's timbre is from the style's, or from the reference's.

Definition
----------
The cosine distance ``1 - x y / (|x| |y|)`` of two vectors, of the whole output and another whole clip.

- ``mfcc_style_distance``: each vector is the mean over all frames of the mel-frequency cepstral coefficients
  1 to 13 (:attr:`~timbrebench.metrics.sound.Sound.mfcc`: orthonormal DCT-II of 128 mel bands in decibels, cut
  off 80 dB under the loudest, at 22,050 Hz and a root mean square of 0.1). Coefficient 0, the level, is left
  out. Coefficients are not standardised, so that the first few, which are the largest, weigh most.
- ``embedding_style_distance``: each vector is the judge's embedding (what its last layer decides by) of
  output and style.
- ``embedding_reference_distance``: the same of output and reference.
- Range 0 to 2, lower is better: 0 for vectors of one direction, 1 for orthogonal ones.
- A silent clip has no score, and neither has a vector of zeros, which has no direction.

Output and style play different notes, so the first two tell timbres apart only as far as an average over
notes hides the notes. On 28 pieces of the default dataset's training split, the median
``mfcc_style_distance`` of two pieces was 0.06 for one instrument of one soundfont and 0.17 for two
instruments of it; the same instrument was the nearer in 80 % of comparisons (in 77 % with 19 coefficients,
72 % when these were standardised), and in 63 % where soundfonts differed. The embedding of a judge that
knew these soundfonts: 0.03 and 0.47, 99 %, and 98 % where soundfonts differed. Embeddings of two judges are
not comparable.

References
----------
S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition in
continuously spoken sentences", IEEE Transactions on Acoustics, Speech, and Signal Processing 28(4), 1980
(mel-frequency cepstral coefficients). O. Cífka et al., "Groove2Groove: one-shot music style transfer with
supervision from synthetic data", IEEE/ACM Transactions on Audio, Speech, and Language Processing 28, 2020
(cosine of style features of output and style). O. Cífka et al., "Self-supervised VQ-VAE for one-shot music
style transfer", IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP), 2021
(timbre distance as the cosine distance of embeddings that a network makes of MFCCs).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from timbrebench.metrics.contract import Response, metric
from timbrebench.metrics.sound import Sound, Unscorable
from timbrebench.metrics.trial import Trial

#: Cepstral coefficients that count: without the level, and what tells timbres apart best.
_COEFFICIENTS = slice(1, 14)

_RESPONSES: dict[str, Response] = dict.fromkeys(("noise", "lowpass", "wrong_instrument"), "rises")


def cosine_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Return the cosine distance of two vectors.

    Parameters
    ----------
    first, second : array_like, shape (d,)
        Any vectors that are not all zeros.

    Returns
    -------
    float
        0 to 2; the same in either order.

    Raises
    ------
    Unscorable
        If either has no direction: all zeros, or not finite.

    Examples
    --------
    >>> cosine_distance([1, 0], [0, 3])
    1.0
    """
    x, y = (np.asarray(vector, dtype=np.float64) for vector in (first, second))
    lengths = np.linalg.norm(x) * np.linalg.norm(y)
    if not (np.isfinite(lengths) and lengths > 0):
        raise Unscorable("a vector of zeros has no direction")
    return float(np.clip(1 - x @ y / lengths, 0.0, 2.0))


def mfcc_distance(first: Sound, second: Sound) -> float:
    """Return the cosine distance of the mean cepstra of two clips: 0 to 2.

    Unscorable if either is silent, or its mean spectrum is flat.
    """
    return cosine_distance(
        *(clip.mfcc[_COEFFICIENTS].mean(axis=1, dtype=np.float64) for clip in (first, second))
    )


def embedding_distance(first: Sound, second: Sound) -> float:
    """Return the cosine distance of the judge's embeddings of two clips: 0 to 2.

    Unscorable if either is silent, or the judge has no answer.
    """
    for clip in (first, second):
        if clip.is_silent:
            raise Unscorable(f"the {clip.name} is silent")
    return cosine_distance(first.prediction.embedding, second.prediction.embedding)


@metric(
    upper=2.0,
    direction="lower",
    relevant_change=0.02,
    summary="How far is the output's mean spectral envelope from the style's?",
    responds=_RESPONSES,
)
def mfcc_style_distance(trial: Trial) -> float:
    """Return the cosine distance of mean MFCCs of output and style."""
    return mfcc_distance(trial.output, trial.style)


@metric(
    upper=2.0,
    direction="lower",
    needs=("judge",),
    relevant_change=0.02,
    summary="How far is the output from the style, in the judge's embedding space?",
    responds=_RESPONSES,
)
def embedding_style_distance(trial: Trial) -> float:
    """Return the cosine distance of the judge's embeddings of output and style."""
    return embedding_distance(trial.output, trial.style)


@metric(
    upper=2.0,
    direction="lower",
    needs=("judge", "reference"),
    relevant_change=0.02,
    summary="How far is the output from the reference, in the judge's embedding space?",
    responds=_RESPONSES,
)
def embedding_reference_distance(trial: Trial) -> float:
    """Return the cosine distance of the judge's embeddings of output and reference."""
    assert trial.reference is not None  # noqa: S101 - declared as needed
    return embedding_distance(trial.output, trial.reference)
