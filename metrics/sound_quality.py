"""Whether the output sounds as clean as what it was made of.

Definition
----------
Listeners punish defects that neither style nor notes show: holes, bursts, smear, noise and metal. Each is
measured as what the output has in excess of the greater of content and style, and nothing where it has less,
since a defect that a recording has is no fault of the method. All is measured on the standard clip
(:mod:`~timbrebench.metrics.sound`), so that level does not count.

``near_empty_share``: the share of frames (50 ms, 10 ms apart) whose level lies more than 30 dB under that of
the loudest. Rests and decays have them as well, in content and style; holes come on top.

``edge_burst``: by how many decibels the peak of the first or last 30 ms exceeds the peak of all between,
where it does. Inversions of spectrograms and recursions leave such bursts.

``modulation_excess``: how much faster than notes the bands of the sound go up and down. The square roots of
the magnitudes in 32 mel bands (windows of 512 samples, 64 apart); of each band, the mean power of modulation
between 20 and 150 Hz, by that of its mean; both summed over bands, their ratio in decibels. Phases that were
estimated, and networks that paint spectrograms, rattle at such rates; so do beats between partials, which
content and style have as well. Smeared phases raise it only where they are strong (``docs/validity.md``).

``sound_quality`` is ``1 / (1 + d)`` of the sum d of four excesses, each divided by an amount that alone would
halve the quality: noise (``flatness_excess``) by 15 dB, holes by 0.12, bursts by 10 dB, modulation by 2 dB.
An amount is half of what the graded corruption of its kind brings at its worst (noise as loud as the clip;
half of it silent; a burst 20 dB over its peak; a level that falls to 0 at 70 Hz), so that nothing is fitted
to listeners. 1 for what is as clean as its inputs. ``phase_inconsistency`` takes no part: it contradicts
listeners (``docs/human.md``), and smeared phases show as modulation and noise, too. Nor does the distance of
an output's embedding to real clips, which is the style judge's view of style and stands there.

Range 0 to 1 for the quality, where higher is better, and for the share; 0 to infinity in decibels for bursts
and modulation, where lower is better. A silent or constant clip has no score, nor has one under 0.14 s.

What listeners say of it is in ``docs/human.md``: two systems were rated, which one order cannot tell from
many others. So it stands beside the headline and not in it.

References
----------
T. Thiede et al., "PEAQ: the ITU standard for objective measurement of perceived audio quality", Journal of
the Audio Engineering Society 48(1/2), 2000 (modulation differences and noise as variables of a model of
quality). J. Laroche and M. Dolson, "Improved phase vocoder time-scale modification of audio", IEEE
Transactions on Speech and Audio Processing 7(3), 1999 (loss of phase coherence). Excess over the inputs, and
all amounts, are settled here.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import librosa
import numpy as np

from timbrebench.metrics.cleanliness import complete_frames, flatness_db, frame_levels
from timbrebench.metrics.contract import metric
from timbrebench.metrics.sound import RATE, Sound
from timbrebench.metrics.trial import Trial

#: Decibels under the loudest frame at which a frame is near-empty.
NEAR_EMPTY_DB = -30.0

#: Seconds at either end in which a burst is looked for.
EDGE_S = 0.03

#: Window, hop and bands, and hertz of the modulation.
_N_FFT, _HOP, _BANDS = 512, 64, 32
_SLOWEST_HZ, _FASTEST_HZ = 20.0, 150.0

#: What halves the quality: decibels of noise, share of holes, decibels of bursts and of modulation.
_NOISE_DB, _HOLES, _BURST_DB, _MODULATION_DB = 15.0, 0.12, 10.0, 2.0


def share_near_empty(sound: Sound) -> float:
    """Return the share of frames that are near-empty, 0 to 1; Unscorable if the clip is silent or short."""
    complete_frames(sound)
    levels = frame_levels(sound.standard)
    return float(np.mean(levels < levels.max() + NEAR_EMPTY_DB))


def burst_db(sound: Sound) -> float:
    """Return by how many decibels an end of a clip out-peaks the rest, at least 0; Unscorable as above."""
    complete_frames(sound)
    magnitude = np.abs(sound.standard)
    edge = round(EDGE_S * RATE)
    ends = max(magnitude[:edge].max(), magnitude[-edge:].max())
    between = max(float(magnitude[edge:-edge].max()), 1e-6)
    return 20 * math.log10(max(float(ends) / between, 1.0))


def modulation_db(sound: Sound) -> float:
    """Return the power of fast modulation by that of the mean, in decibels; Unscorable as above."""
    complete_frames(sound)
    power = np.abs(librosa.stft(sound.standard, n_fft=_N_FFT, hop_length=_HOP, center=False)) ** 2
    bands = (librosa.filters.mel(sr=RATE, n_fft=_N_FFT, n_mels=_BANDS) @ power) ** 0.25
    frames = bands.shape[1]
    spectrum = np.abs(np.fft.rfft(bands * np.hanning(frames), axis=1)) ** 2
    hertz = np.fft.rfftfreq(frames, _HOP / RATE)
    fast = spectrum[:, (hertz >= _SLOWEST_HZ) & (hertz <= _FASTEST_HZ)].sum()
    return float(10 * math.log10(max(float(fast), 1e-12) / float(spectrum[:, 0].sum())))


def _noise_db(sound: Sound) -> float:
    return flatness_db(complete_frames(sound))


def excess(trial: Trial, defect: Callable[[Sound], float]) -> float:
    """Return by how much the output has more of a defect than content and style, at least 0."""
    own, content, style = (sound.once(defect) for sound in (trial.output, trial.content, trial.style))
    return max(0.0, own - max(content, style))


@metric(
    direction="lower",
    relevant_change=0.05,
    summary="How much of the output is nearly empty where content and style are not?",
    responds={"holes": "rises"},
)
def near_empty_share(trial: Trial) -> float:
    """Return the output's share of near-empty frames in excess of content and style."""
    return excess(trial, share_near_empty)


@metric(
    unit="dB",
    upper=math.inf,
    direction="lower",
    relevant_change=1.0,
    summary="Does the output begin or end with a burst?",
    responds={"burst": "rises"},
)
def edge_burst(trial: Trial) -> float:
    """Return by how many decibels the output's ends out-peak the rest, in excess of content and style."""
    return excess(trial, burst_db)


@metric(
    unit="dB",
    upper=math.inf,
    direction="lower",
    relevant_change=0.5,
    summary="Does the output rattle or ring in a way that neither content nor style does?",
    responds=dict.fromkeys(("holes", "ring"), "rises"),
)
def modulation_excess(trial: Trial) -> float:
    """Return the output's fast modulation in excess of content and style."""
    return excess(trial, modulation_db)


@metric(
    direction="higher",
    relevant_change=0.02,
    summary="Does the output sound as clean as what it was made of?",
    responds=dict.fromkeys(("noise", "holes", "burst", "smear", "ring"), "falls"),
)
def sound_quality(trial: Trial) -> float:
    """Return the quality that four defects leave."""
    defects = (
        excess(trial, _noise_db) / _NOISE_DB
        + excess(trial, share_near_empty) / _HOLES
        + excess(trial, burst_db) / _BURST_DB
        + excess(trial, modulation_db) / _MODULATION_DB
    )
    return 1 / (1 + defects)
