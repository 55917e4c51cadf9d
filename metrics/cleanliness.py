"""Whether the output is clean.

Definition
----------
Five defects that outputs have whatever the music. Loudness and clipping are measured on the clip as it is;
all else on the standard clip (:mod:`~timbrebench.metrics.sound`), so that loudness does not count.

``loudness_difference``: the magnitude of the difference of the integrated loudness of output and content
after ITU-R BS.1770-4: K-weighting, blocks of 0.4 s, gates at -70 LUFS and at 10 LU under the mean. In
loudness units: 6 dB louder is 6 LU. The one metric here for which loudness counts. The same notes on another
instrument, rendered at one root mean square, differ by 0.7 LU (median), for K-weighting favours the treble.

``clipped_share``: the share of samples in runs of at least 3 that lie on one side within two steps of 16 bits
(``peak / 2^14``) of the clip's own greatest magnitude, since an output may be clipped first and scaled down
later. Resampling or lossy coding after clipping hides it. The crests of a tone under 39 Hz (at a rate of
22,050 Hz) are as flat as that, and would count if all were equally high; in the music that was measured
nothing does. Music that was 6 dB over full scale has 0.3 % to 1.3 %.

``silent_share``: of the frames in which the content sounds, the share in which the output is silent. Frames
of 50 ms, 10 ms apart; the content sounds above -40 dB of its own root mean square over the whole clip, and
the output is silent under -60 dB of its. The gap of 20 dB lets notes die away as the instrument has it.
Frames are compared up to the end of the shorter clip; where the lengths differ by more than 50 ms there is
no score.

``flatness_excess``: is there noise that neither content nor style has? A frame's spectral flatness is the
ratio of the geometric and the arithmetic mean of the power in its bins, in decibels, where bins more than
80 dB under the clip's loudest are raised to that. A clip's is the mean over its frames, without those whose
mean power is more than 40 dB under the greatest. The metric is the output's less the greater of the content's
and the style's, and 0 where it is lower: less noise than the instruments make is no merit. A tone has -51 dB,
music -35 dB (-44 to -27), white noise -2.5 dB, ten times the logarithm of ``exp(-0.577)``. White noise 32,
24 and 16 dB under the music yields 5.9, 11 and 17 dB, intact references 0.5 dB.

``phase_inconsistency``: do partials go on as they began? The phase of each bin advances from frame to frame
(512 samples) by what its frequency asks; the deviation is by how much one advance differs from the one
before, ``|phase[t + 1] - 2 phase[t] + phase[t - 1]|``, wrapped to 0 to pi. The mean over all bins and frames
is weighted by the geometric mean of the four magnitudes that take part (that of t twice), so that silence has
no say. Steady tones have 0; noise, glides, vibrato and overlapping partials make it greater, and so does
audio whose phases were estimated from magnitudes. It falls where treble is filtered away. What to compare
with, on 28 renderings of 5 s (Griffin-Lim from the magnitudes of the very clips, with random phases at first:
higher than the clip's own in all cases):

============================================== =======
clip                                           radians
============================================== =======
one steady tone, or several                    0.00
major triad of sines in the octave of middle C 0.02
tone with vibrato, 20 cents each way, 5 Hz     0.31
music                                          0.32 (0.22 to 0.58)
music, 200 iterations of Griffin-Lim           0.35
music, 60 iterations                           0.38
music, 5 iterations                            0.58
music, random phases                           0.73
white noise                                    0.90
============================================== =======

Trumpets have 0.41 on average, clarinets and guitars 0.25: a greater difference than what 60 iterations
make. So compare methods on the same pairs, and with the reference's value.

Of two published systems for timbre transfer, listeners prefer the one that is worse by
``phase_inconsistency``, ``clipped_share`` and ``loudness_difference`` (``docs/human.md``): with regard to how
good a transfer sounds, these three contradict them.

Only frames whose windows lie within the clip count for the last two. Range: 0 to infinity for loudness, 0 to
1 for the shares, 0 to 80 dB for flatness, 0 to pi for phases; lower is better throughout. A clip that is
silent, or would be without its mean, has no score, nor has one that is too short: under 0.4 s or nowhere
above -70 LUFS for loudness, under 50 ms for silence, under 0.14 s (three frames) for flatness and phases.

References
----------
Recommendation ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio level",
2015, as implemented by C. J. Steinmetz and J. D. Reiss, "pyloudnorm: a simple yet flexible loudness meter in
Python", Audio Engineering Society Convention 150, 2021.

J. D. Johnston, "Transform coding of audio signals using perceptual noise criteria", IEEE Journal on Selected
Areas in Communications 6(2), 1988: spectral flatness as a measure of how noisy a frame is.

J. Laroche and M. Dolson, "Improved phase vocoder time-scale modification of audio", IEEE Transactions on
Speech and Audio Processing 7(3), 1999: loss of phase coherence is what makes a sound "phasy".

J. P. Bello, C. Duxbury, M. Davies and M. Sandler, "On the use of phase and energy for musical onset detection
in the complex domain", IEEE Signal Processing Letters 11(6), 2004: the deviation from the phase that two
frames predict. The mean, its weights, and all thresholds are settled here.
"""

from __future__ import annotations

import math

import librosa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from timbrebench.audio.clips import Samples
from timbrebench.audio.loudness import is_silent
from timbrebench.audio.programme_loudness import BLOCK_S, integrated_loudness
from timbrebench.audio.spectra import HOP_LENGTH, N_FFT
from timbrebench.metrics.contract import metric
from timbrebench.metrics.sound import LEVEL, RATE, Sound, Unscorable
from timbrebench.metrics.target import check_lengths
from timbrebench.metrics.trial import Trial

#: A sample is clipped that lies within two steps of 16 bits of the peak, in a run of three.
CLIPPED = 1 - 2.0**-14
SHORTEST_RUN = 3

#: Samples of a frame (50 ms) and between frames (10 ms); decibels under a clip's level at which a frame
#: sounds, or is silent.
FRAME, STEP = int(0.05 * RATE), int(0.01 * RATE)
SOUNDING_DB, SILENT_DB = -40.0, -60.0

#: Decibels under the loudest bin that a bin is raised to, and under the loudest frame that frames count.
FLOOR_DB, FAINT_DB = -80.0, -40.0


def check_not_constant(sound: Sound) -> None:
    """Raise Unscorable if a clip is silent, or would be without its mean."""
    if sound.is_silent:
        raise Unscorable(f"the {sound.name} is silent")
    if is_silent(sound.samples - sound.samples.mean()):
        raise Unscorable(f"the {sound.name} is a constant")


def complete_frames(sound: Sound) -> NDArray[np.complex64]:
    """Return the frames of a clip's standard spectrum whose windows lie within the clip: shape (1025, n).

    Three frames or more. Unscorable if the clip is silent, constant, or shorter than three windows (0.14 s).
    """
    check_not_constant(sound)
    count = (len(sound.standard) - N_FFT) // HOP_LENGTH + 1
    if count < 3:
        raise Unscorable(f"the {sound.name} is shorter than 0.14 s")
    first = N_FFT // 2 // HOP_LENGTH
    return sound.spectrum[:, first : first + count]


def loudness(sound: Sound) -> float:
    """Return the integrated loudness of a clip in LUFS, after ITU-R BS.1770-4.

    Unscorable if the clip is silent, constant, shorter than 0.4 s, or nowhere louder than -70 LUFS.
    """
    check_not_constant(sound)
    if len(sound.samples) < BLOCK_S * sound.sample_rate:
        raise Unscorable(f"the {sound.name} is shorter than the {BLOCK_S} s over which loudness is measured")
    level = integrated_loudness(sound.samples, sound.sample_rate)
    if not math.isfinite(level):
        raise Unscorable(f"the {sound.name} is too soft: nowhere louder than -70 LUFS")
    return level


def share_clipped(samples: ArrayLike) -> float:
    """Return the share, 0 to 1, of samples in runs of three or more at the peak.

    Takes shape (n,), not empty and not all zero.

    Examples
    --------
    >>> share_clipped([0.1, 0.5, 0.5, 0.5, 0.2, -0.5, -0.5, 0.0])
    0.375
    """
    x = np.asarray(samples)
    bound = np.abs(x).max() * CLIPPED
    clipped = 0
    for side in (x >= bound, x <= -bound):
        starts, ends = np.flatnonzero(np.diff(side, prepend=False, append=False)).reshape(-1, 2).T
        lengths = ends - starts
        clipped += int(lengths[lengths >= SHORTEST_RUN].sum())
    return clipped / len(x)


def frame_levels(samples: Samples) -> NDArray[np.float64]:
    """Return the level of frames of 50 ms, 10 ms apart, in decibels relative to the standard clip's.

    Takes at least 1,102 samples of a standard clip; shape (frames,), -infinity for frames of zeros.
    """
    levels = librosa.feature.rms(y=samples, frame_length=FRAME, hop_length=STEP, center=False)[0]
    with np.errstate(divide="ignore"):
        return np.asarray(20 * np.log10(levels.astype(np.float64) / LEVEL))


def flatness_db(frames: ArrayLike) -> float:
    """Return the mean spectral flatness of the frames that are not faint: -80 to 0 decibels.

    Takes a real or complex spectrum, shape (bins, frames), that is not zero throughout. White noise reaches
    -2.5 dB, a tone -50 dB.
    """
    power = np.square(np.abs(np.asarray(frames)), dtype=np.float64)
    power = np.maximum(power, power.max() * 10 ** (FLOOR_DB / 10))
    mean = power.mean(axis=0)
    loud = mean >= mean.max() * 10 ** (FAINT_DB / 10)
    return float(10 * np.mean(np.log10(power[:, loud]).mean(axis=0) - np.log10(mean[loud])))


def phase_deviation(frames: ArrayLike) -> float:
    """Return how far phases are from where the two frames before lead: 0 to pi radians.

    Takes a complex spectrum, shape (bins, frames), of at least three frames, 512 samples apart. The mean over
    bins and frames is weighted by the geometric mean of the magnitudes that take part. Unscorable if nothing
    sounds in three consecutive frames.
    """
    x = np.asarray(frames, dtype=np.complex128)  # products of four: single precision would not do
    turns = x[:, 2:] * x[:, :-2] * np.conj(x[:, 1:-1]) ** 2
    weights = np.abs(turns) ** 0.25
    total = float(weights.sum())
    if total == 0:
        raise Unscorable("nothing sounds in three consecutive frames")
    return min(math.pi, float((weights * np.abs(np.angle(turns))).sum()) / total)


@metric(
    unit="LU",
    upper=math.inf,
    direction="lower",
    relevant_change=1.0,
    summary="How much louder or softer than the content is the output?",
    invariant_to=("polarity", "shift"),
)
def loudness_difference(trial: Trial) -> float:
    """Return the difference of the loudness of output and content; contradicts listeners on two systems."""
    return abs(loudness(trial.output) - trial.content.once(loudness))


@metric(
    direction="lower",
    relevant_change=0.001,
    summary="How much of the output is clipped?",
)
def clipped_share(trial: Trial) -> float:
    """Return the share of the output's samples that are clipped; contradicts listeners on two systems."""
    check_not_constant(trial.output)
    return share_clipped(trial.output.samples)


@metric(
    direction="lower",
    relevant_change=0.05,
    summary="How much of the output is silent where the content sounds?",
)
def silent_share(trial: Trial) -> float:
    """Return the share of the content's sounding frames in which the output is silent."""
    check_lengths(trial.output, trial.content)
    for sound in (trial.output, trial.content):
        check_not_constant(sound)
        if len(sound.standard) < FRAME:
            raise Unscorable(f"the {sound.name} is shorter than a frame of 50 ms")
    output, content = (frame_levels(sound.standard) for sound in (trial.output, trial.content))
    frames = min(len(output), len(content))
    sounding = content[:frames] >= SOUNDING_DB
    if not sounding.any():
        raise Unscorable("the content sounds only after the end of the output")
    return float(np.mean(output[:frames][sounding] < SILENT_DB))


@metric(
    unit="dB",
    upper=-FLOOR_DB,
    direction="lower",
    relevant_change=1.0,
    summary="Is there noise in the output that neither content nor style has?",
    responds={"noise": "rises"},
)
def flatness_excess(trial: Trial) -> float:
    """Return by how much the output's spectrum is flatter than the content's and the style's."""
    output, content, style = (
        flatness_db(complete_frames(sound)) for sound in (trial.output, trial.content, trial.style)
    )
    return max(0.0, output - max(content, style))


@metric(
    unit="radians",
    upper=math.pi,
    direction="lower",
    relevant_change=0.02,
    summary="How unsteady are the phases of the output?",
    responds={"noise": "rises", "lowpass": "falls"},
)
def phase_inconsistency(trial: Trial) -> float:
    """Return how far the output's phases are from steady tones'; contradicts listeners on two systems."""
    return phase_deviation(complete_frames(trial.output))
