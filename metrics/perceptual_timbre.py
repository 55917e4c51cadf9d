"""How different the output's timbre sounds from the style's, or from the reference's, to listeners.

Definition
----------
``perceptual_timbre_distance``, between output and style, and ``perceptual_timbre_reference_distance``,
between output and reference::

    sqrt(sum over groups k of w_k |f_k(x) - f_k(y)|^2)

with eight groups of features f of a whole clip, and weights w that were learned from how dissimilar listeners
found sounds in fifteen published studies (``perceptual_weights.json`` beside this module, made by
``timbrebench validate-human --fit``). They are scaled so that two sounds of such a study are 1 apart in the
root mean square. All is computed of the standard clip (:mod:`~timbrebench.metrics.sound`), so that neither
level nor rate counts:

1. ``embedding``: of the published style judge ``instruments-gm16-1``, of unit length. A clip under 0.5 s is
   filled up with zeros to that.
2. ``cepstrum``: coefficients 1 to 8 of the orthonormal DCT-II of 40 mel bands (30 Hz to 11 kHz) in decibels,
   cut off 60 dB under the loudest, averaged over frames, and of unit length.
3. ``partials``: how the spectrum goes up and down over frequency. Decibels in bands a quarter tone apart from
   70 Hz to 10.5 kHz (windows of 4,096 samples; cut off at 60 dB; averaged with each frame's power as weight),
   without their mean, under a Hann window; of their Fourier transform the magnitudes 1 to 79. In another key
   they stay as they are, since there the bands only move along.
4. ``modulation``: how bands go up and down in time. Of a note, its first second in 64 mel bands in decibels,
   60 dB of them, without each band's mean; of the Fourier transform the magnitudes 0 to 59 Hz, averaged over
   4 bands, as ``ln(1 + x)``, averaged over 3 frequencies.
5. ``attack``: the decimal logarithm of the seconds of a note from 10 % to 90 % of its maximum, 3 ms at least.
6. ``crest``: the maximum of a note's level over its root mean square, in decibels.
7. ``brightness``: by how much the spectral centroid varies, as a standard deviation over frames on the scale
   of equivalent rectangular bandwidths (ERB), of magnitudes to the power 1/2. Frames count by their
   magnitude.
8. ``flatness``: the mean over bins of decibels less the decibels of the mean, averaged in the same way.

Notes begin and end at the lowest level between two peaks of the level (root mean square of windows of 23 ms,
3 ms apart) that both stand out by 10 dB or more; without any, the clip is one note. What belongs to
notes is averaged over them, by their energy. Frames more than 50 dB under the loudest at either end of the
clip do not count.

Range 0 to infinity, though hardly beyond 3; lower is better. A metric in the sense of mathematics, but for
clips that differ in phases alone. Clips may differ in length and in pitch. A clip that is silent, constant or
under 50 ms has no score.

Weights of each study's figures are learned without it
(:mod:`timbrebench.experiments.validity.perceptual_fit`); ``docs/human.md`` has the agreement with listeners
beside that of other distances. Studies hold the pitch constant, so how far pitch matters was measured apart,
on 351 notes of thirteen orchestral instruments: of an instrument's note, one 3 to 12 semitones off, and one
of another instrument within 2 semitones, the former is the nearer in 81 % of cases.

What is settled here and is not in any source: the features beyond those of the references, their windows, and
that groups are weighed as wholes. Listeners heard single notes; that phrases are compared as their notes are
is an assumption.

References
----------
S. McAdams et al., "Perceptual scaling of synthesized musical timbres", Psychological Research 58, 1995
(attack time, centroid and spectral flux as dimensions). K. Siedenburg et al., "Acoustic and categorical
dissimilarity of musical timbre", Frontiers in Psychology 6, 2016 (that listeners go by what they take an
instrument for as well). E. Thoret et al., "Learning metrics on spectrotemporal modulations reveals the
perception of musical instrument timbre", Nature Human Behaviour 5, 2021 (weights learned on modulations).
"Assessing the alignment of audio representations with timbre similarity ratings", arXiv 2507.07764, 2025
(the collection of studies and the measures of agreement).
"""

from __future__ import annotations

import importlib.resources
import itertools
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import librosa
import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.audio.spectra import N_FFT, Spectrogram
from timbrebench.classifier import Judge
from timbrebench.classifier.clip_preparation import SHORTEST_S
from timbrebench.classifier.style.published_judges import load_published
from timbrebench.core.documents import parse_object
from timbrebench.core.errors import JudgeError
from timbrebench.metrics.cleanliness import check_not_constant
from timbrebench.metrics.contract import Response, metric
from timbrebench.metrics.sound import RATE, Sound, Unscorable
from timbrebench.metrics.trial import Trial

Floats = NDArray[np.float64]

#: Groups of features, in the order of the definition; and the one that a network gives.
EMBEDDING = "embedding"
GROUPS = (
    EMBEDDING,
    "cepstrum",
    "partials",
    "modulation",
    "attack",
    "crest",
    "brightness",
    "flatness",
)

#: The published style judge whose embedding takes part.
JUDGE = "instruments-gm16-1"

#: Where the learned weights lie.
WEIGHTS = "perceptual_weights.json"

#: Seconds of the shortest clip.
_LEAST_S = 0.05

#: Decibels under the loudest at which frames at the ends, and bands anywhere, stop counting.
_AUDIBLE_DB, _FLOOR_DB = 50.0, 60.0

#: Window, hop, bands an octave and lowest band in hertz of the partials.
_FINE_N_FFT, _FINE_HOP, _FINE_BPO, _FINE_FMIN, _FINE_FMAX = 4096, 512, 24, 70.0, 10_500.0
_FINE_COUNT = int(_FINE_BPO * math.log2(_FINE_FMAX / _FINE_FMIN))

#: Window and hop of the level, and the decibels by which peaks between notes stand out.
_LEVEL_WINDOW, _LEVEL_HOP, _PROMINENCE_DB = 512, 64, 10.0

#: Window, hop, bands, and frames of a second, of the modulation.
_FAST_N_FFT, _FAST_HOP, _FAST_BANDS, _SECOND = 1024, 128, 64, RATE // 128

_RESPONSES: dict[str, Response] = dict.fromkeys(("noise", "lowpass", "wrong_instrument"), "rises")


def describe(clip: Sound) -> dict[str, Floats]:
    """Return the features of a clip by :data:`GROUPS`, each of shape (d,).

    Unscorable if the clip is silent, constant, or under 50 ms, or the judge has no answer.
    """
    check_not_constant(clip)
    if len(clip.standard) < _LEAST_S * RATE:
        raise Unscorable(f"the {clip.name} is shorter than {1000 * _LEAST_S:.0f} ms")
    notes = [_note_features(note) for note in _notes(clip.standard)]
    energy = np.array([note.pop("energy")[0] for note in notes])
    of_notes = {
        group: np.asarray(
            sum(note[group] * share for note, share in zip(notes, energy / energy.sum(), strict=True))
        )
        for group in notes[0]
    }
    parts = {
        EMBEDDING: _embedding(clip),
        "partials": _partials(clip.standard),
        **_frame_features(clip),
        **of_notes,
    }
    return {group: parts[group] for group in GROUPS}


def perceptual_distance(first: Sound, second: Sound) -> float:
    """Return how different two clips sound, at least 0; the same in either order.

    Unscorable as :func:`describe`.
    """
    own, other = first.once(describe), second.once(describe)
    weights = published_weights()
    return math.sqrt(sum(weights[group] * np.square(own[group] - other[group]).sum() for group in weights))


def published_weights() -> Mapping[str, float]:
    """Return the weight of each group's squared distance."""
    weights: Mapping[str, float] = learning_record()["weights"]
    return weights


def left_out_weights() -> dict[str, Mapping[str, float]]:
    """Return the same of weights learned without a study, by the study's name."""
    return {study: entry["weights"] for study, entry in learning_record()["left_out"].items()}


@cache
def learning_record() -> dict[str, Any]:
    """Return all that is stored of how the weights were learned."""
    resource = importlib.resources.files("timbrebench.metrics") / WEIGHTS
    return parse_object(resource.read_text(encoding="utf-8"), WEIGHTS, JudgeError)


@cache
def _judge() -> Judge:
    return load_published(JUDGE)


def _embedding(clip: Sound) -> Floats:
    needed = math.ceil(SHORTEST_S * RATE)
    samples = np.pad(clip.standard, (0, max(0, needed - len(clip.standard))))
    try:
        vector = np.asarray(_judge().predict(samples, RATE).embedding, dtype=np.float64)
    except JudgeError as error:
        raise Unscorable(f"the judge {JUDGE} has no answer for the {clip.name}: {error}") from error
    return _unit(vector)


def _unit(vector: Floats) -> Floats:
    length = np.linalg.norm(vector)
    return np.asarray(vector / length) if length > 0 else vector


def _audible(energy: Floats | Spectrogram) -> slice:
    """Return the frames from the first to the last that is loud enough to count."""
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (-_AUDIBLE_DB / 10))
    return slice(int(loud[0]), int(loud[-1]) + 1)


def _decibels(power: Spectrogram) -> Spectrogram:
    return np.asarray(10 * np.log10(np.maximum(power, power.max() * np.float32(10 ** (-_FLOOR_DB / 10)))))


@cache
def _mel_filters(n_fft: int, bands: int) -> Spectrogram:
    return np.asarray(librosa.filters.mel(sr=RATE, n_fft=n_fft, n_mels=bands, fmin=30.0, fmax=11_000.0))


@cache
def _fine_filters() -> Spectrogram:
    """Triangles a quarter tone apart, each reaching to its neighbours' centres; at least two bins wide."""
    hertz = np.arange(_FINE_N_FFT // 2 + 1) * RATE / _FINE_N_FFT
    place = _FINE_BPO * np.log2(np.maximum(hertz, 1.0) / _FINE_FMIN)
    filters = np.maximum(0.0, 1 - np.abs(place - np.arange(_FINE_COUNT)[:, None]))
    for band in np.flatnonzero(filters.sum(axis=1) < 1):  # no bin near its centre: between the two around it
        centre = _FINE_FMIN * 2 ** (band / _FINE_BPO) * _FINE_N_FFT / RATE
        below = int(centre)
        filters[band] = 0
        filters[band, below : below + 2] = below + 1 - centre, centre - below
    return np.asarray(filters / filters.sum(axis=1, keepdims=True), dtype=np.float32)


def _power(samples: Samples, n_fft: int, hop_length: int) -> Spectrogram:
    padded = np.pad(samples, (0, max(0, n_fft - len(samples))))
    return np.asarray(np.abs(librosa.stft(padded, n_fft=n_fft, hop_length=hop_length)) ** 2)


def _partials(samples: Samples) -> Floats:
    power = _power(samples, _FINE_N_FFT, _FINE_HOP)
    frames = power.sum(axis=0)
    bands = _decibels(_fine_filters() @ power) @ (frames / frames.sum())
    spectrum = scipy.fft.rfft((bands - bands.mean()) * np.hanning(_FINE_COUNT))
    return np.asarray(np.abs(spectrum)[1:80], dtype=np.float64)


def _frame_features(clip: Sound) -> dict[str, Floats]:
    magnitude = clip.magnitude
    magnitude = magnitude[:, _audible(np.square(magnitude).sum(axis=0))]
    power = np.square(magnitude)
    bands = _decibels(_mel_filters(N_FFT, 40) @ power).mean(axis=1, dtype=np.float64)
    counts = np.sqrt(power.sum(axis=0, dtype=np.float64))
    counts /= counts.sum()
    erb = 21.4 * np.log10(1 + 0.00437 * np.arange(len(power)) * RATE / N_FFT)
    root = np.sqrt(magnitude) + np.float32(1e-9)
    centroid = (erb.astype(np.float32) @ root) / root.sum(axis=0)
    variance = counts @ np.square(centroid - counts @ centroid)
    bins = np.log10(power + power.max() * np.float32(1e-8)).mean(axis=0, dtype=np.float64)
    flat = 10 * (bins - np.log10(np.maximum(power.mean(axis=0, dtype=np.float64), 1e-30)))
    return {
        "cepstrum": _unit(scipy.fft.dct(bands, norm="ortho")[1:9]),
        "brightness": np.array([math.sqrt(variance)]),
        "flatness": np.array([counts @ flat]),
    }


def _level(samples: Samples) -> Floats:
    """Return the root mean square of windows, at least -60 dB of the greatest."""
    level = librosa.feature.rms(y=samples, frame_length=_LEVEL_WINDOW, hop_length=_LEVEL_HOP)[0]
    return np.asarray(np.maximum(level, level.max() * 10 ** (-_FLOOR_DB / 20)), dtype=np.float64)


def _notes(samples: Samples) -> Iterator[Samples]:
    """Yield the notes of a clip, as far as its level tells them apart."""
    level = _level(samples)
    audible = _audible(level**2)
    level = level[audible]
    # A peak at the very beginning stands out as well: what begins with a note falls from it.
    decibels = np.concatenate([[-_FLOOR_DB], 20 * np.log10(level / level.max()), [-_FLOOR_DB]])
    peaks, _ = scipy.signal.find_peaks(decibels, prominence=_PROMINENCE_DB)
    valleys = [
        first + int(np.argmin(decibels[first:second])) - 1 for first, second in itertools.pairwise(peaks)
    ]
    edges = [(audible.start + frame) * _LEVEL_HOP for frame in (0, *valleys, len(level))]
    for start, end in itertools.pairwise(edges):
        # What stands out by its level only, at the edge of digital silence, holds no sample of its own.
        if samples[start:end].any():
            yield samples[start:end]


def _note_features(note: Samples) -> dict[str, Floats]:
    level = _level(note)
    loudest = level.max()
    late = int(np.argmax(level >= 0.9 * loudest))
    faint = np.flatnonzero(level[: late + 1] <= 0.1 * loudest)
    attack_s = (late - (int(faint[-1]) if len(faint) else 0)) * _LEVEL_HOP / RATE
    mean_square = float(np.mean(level**2))
    second = note[:RATE]
    if not second.any():  # a rest of digital silence belongs to the note behind it
        second = np.trim_zeros(note, "f")[:RATE]
    return {
        "energy": np.array([mean_square * len(level)]),
        "attack": np.array([math.log10(max(attack_s, 0.003))]),
        "crest": np.array([20 * math.log10(loudest) - 10 * math.log10(mean_square)]),
        "modulation": _modulation(second),
    }


def _modulation(second: Samples) -> Floats:
    bands = _decibels(_mel_filters(_FAST_N_FFT, _FAST_BANDS) @ _power(second, _FAST_N_FFT, _FAST_HOP))
    bands = bands[:, :_SECOND] - bands.max() + np.float32(_FLOOR_DB)
    filled = np.pad(bands, ((0, 0), (0, _SECOND - bands.shape[1])))
    spectrum = np.abs(scipy.fft.rfft(filled - filled.mean(axis=1, keepdims=True), axis=1))[:, :60]
    coarse = np.log1p(spectrum.reshape(16, 4, 60).mean(axis=1, dtype=np.float64))
    return np.asarray(coarse.reshape(16, 20, 3).mean(axis=2).ravel())


@metric(
    unit="1",
    upper=math.inf,
    direction="lower",
    relevant_change=0.05,
    summary="How different does the output's timbre sound from the style's, to listeners?",
    responds=_RESPONSES,
    invariant_to=(
        "gain",
        "polarity",
    ),  # notes begin at whole windows of the level: 5 samples move it by 0.016
)
def perceptual_timbre_distance(trial: Trial) -> float:
    """Return how different output and style sound."""
    return perceptual_distance(trial.output, trial.style)


@metric(
    unit="1",
    upper=math.inf,
    direction="lower",
    needs=("reference",),
    relevant_change=0.05,
    summary="How different does the output's timbre sound from the reference's, to listeners?",
    responds=_RESPONSES,
    invariant_to=("gain", "polarity"),
)
def perceptual_timbre_reference_distance(trial: Trial) -> float:
    """Return how different output and reference sound."""
    assert trial.reference is not None  # noqa: S101 - declared as needed
    return perceptual_distance(trial.output, trial.reference)
