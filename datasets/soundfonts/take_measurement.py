"""Measure recorded notes: at which pitch a take sounds, where it begins, and how long it can be held.

What a manifest states is checked. Collections count octaves differently, so where most takes of a source
sound a whole number of octaves off, all are taken to be. A take's own deviation from that, which is up to 0.7
semitones in collections that were recorded in several sessions, is measured and corrected when it is played.
A take that sounds at another pitch altogether, cannot be decoded or is silent, is left out, and said to be;
where most takes of a source do, as of bells and drums, the stated pitches count.

The pitch is that of YIN (de Cheveigné & Kawahara, 2002; librosa's), the median over the frames within 20 dB
of the loudest, in the first second. YIN takes an octave too much or too little in 3 % of takes and is lost in
noise or above 3.5 kHz in 1 %. Where it disagrees with the manifest by more than 1.5 semitones, the signal is
asked at the stated pitch itself: there has to be a period of it, and harmonics that are not those of its
octave or twelfth.

References
----------
A. de Cheveigné and H. Kawahara, "YIN, a fundamental frequency estimator for speech and music", Journal of the
Acoustical Society of America, 2002.

J. Vos and R. Rasch, "The perceptual onset of musical tones", Perception & Psychophysics, 1981.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import librosa
import numpy as np
import platformdirs
from numpy.typing import NDArray

from timbrebench.audio.clips import LONGEST_S, Samples, as_samples, resample
from timbrebench.audio.decoding import decode_whole
from timbrebench.audio.loudness import is_silent
from timbrebench.core.documents import JSON_BYTES, parse_json
from timbrebench.core.errors import AudioError, DatasetError
from timbrebench.core.files import file_sha256, fingerprint, read_text, write_json
from timbrebench.datasets.soundfonts.recorded_takes import Take

#: Rate in hertz at which takes are kept and played.
TAKE_RATE = 44_100

#: Raised when measurements change, so that those in the cache are made anew.
_VERSION = 2

#: Where fundamentals are looked for, in hertz: the keys of a piano.
_LOWEST_HZ, _HIGHEST_HZ = 25.0, 4_500.0

#: Pitch is tracked at half the rate of takes, in windows of more than two periods of the lowest.
_PITCH_RATE, _WINDOW, _HOP = 22_050, 2048, 512

#: Semitones within which a take is at its stated pitch, if out of tune.
_TOLERANCE = 1.5

#: Minimum normalised autocorrelation at a period that counts as one.
_PERIODIC = 0.6

#: Harmonics that are not the octave's (or the twelfth's) come within so many decibels of those that are.
_OWN_HARMONICS_DB = -35.0

#: Samples over which levels are measured, and how far apart: 5.8 and 1.5 ms.
_LEVEL_WINDOW, _LEVEL_HOP = 256, 64

#: Decibels under the loudest level at which a take begins. Listeners place the onset of a tone where its
#: envelope comes within 6 to 15 dB of its maximum (Vos & Rasch, 1981); breath and bow noise lie lower.
_ONSET_DB = 20.0

#: Decibels under the loudest level at which a take has died away.
_END_DB = 45.0

#: Decibels under the level of its middle at which a player has let go.
_LET_GO_DB = 9.0


@dataclass(frozen=True)
class TakeMeasures:
    """What is measured of a take.

    Attributes
    ----------
    failure : str
        Why it cannot be used; empty if it can. Then the others count.
    is_tracked : bool
        Whether the pitch is measured; False where it is the stated one, because the source has none that can
        be tracked.
    pitch : float
        MIDI pitch at which it sounds, to a hundredth.
    level : float
        Its loudest level, a root mean square.
    onset, attack_end, held_end, end : int
        Where it begins, where its attack has come within 6 dB of the loudest of its first 0.3 s, up to where
        the player holds it, and where it has died away: samples at :data:`TAKE_RATE`.
    """

    failure: str = ""
    is_tracked: bool = True
    pitch: float = 0.0
    level: float = 0.0
    onset: int = 0
    attack_end: int = 0
    held_end: int = 0
    end: int = 0


def decode_take(path: Path) -> Samples:
    """Return a take's samples at :data:`TAKE_RATE`, as one channel; raise AudioError if it has none."""
    recording = decode_whole(path, LONGEST_S)
    return resample(as_samples(recording.samples), recording.sample_rate, TAKE_RATE)


def measure_takes(takes: Sequence[Take]) -> list[TakeMeasures]:
    """Measure the takes of one source, or take what was measured of the same files from the cache."""
    content = [_VERSION, version("librosa"), [[take.pitch, file_sha256(take.path)] for take in takes]]
    path = (
        Path(platformdirs.user_cache_dir("timbrebench")) / "recorded-notes" / f"{fingerprint(content)}.json"
    )
    measures = _read_cache(path, len(takes))
    if measures is None:
        measures = _measure(takes)
        write_json(path, [asdict(each) for each in measures])
    return measures


def _read_cache(path: Path, count: int) -> list[TakeMeasures] | None:
    """Return the measures in the cache; None if they are missing or damaged."""
    try:
        rows = parse_json(read_text(path, JSON_BYTES, DatasetError), str(path), DatasetError)
        measures = [TakeMeasures(**row) for row in rows]
    except (DatasetError, TypeError):
        return None
    return measures if len(measures) == count else None


def _measure(takes: Sequence[Take]) -> list[TakeMeasures]:
    decoded: dict[Take, Samples] = {}
    failures: dict[Take, str] = {}
    for take in takes:
        try:
            decoded[take] = decode_take(take.path)
        except AudioError as error:
            failures[take] = str(error)
    for take in [take for take, samples in decoded.items() if is_silent(samples)]:
        failures[take] = "it is silent"
        del decoded[take]
    pitches, wrong = _sounding_pitches(decoded)
    # An instrument most of whose takes seem wrong has no pitch that can be tracked, as bells and drums.
    is_tracked = 2 * len(wrong) <= len(decoded)
    if is_tracked:
        failures |= wrong
    else:
        pitches = {take: float(take.pitch) for take in decoded}
    return [
        TakeMeasures(failure=failures[take])
        if take in failures
        else _measure_take(decoded[take], pitches[take], is_tracked=is_tracked)
        for take in takes
    ]


def _sounding_pitches(decoded: Mapping[Take, Samples]) -> tuple[dict[Take, float], dict[Take, str]]:
    """Return the MIDI pitch at which each take sounds, and what is wrong with those that sound elsewhere."""
    tracked = {
        take: _track(_beginning(samples), _LOWEST_HZ, _HIGHEST_HZ) for take, samples in decoded.items()
    }
    deviations = [pitch - take.pitch for take, pitch in tracked.items()]
    octaves = round(float(np.median(deviations)) / 12) if deviations else 0
    expected = {take: take.pitch + 12.0 * octaves for take in decoded}
    pitches = {
        take: pitch
        if abs(pitch - expected[take]) <= _TOLERANCE
        else _at_stated(decoded[take], expected[take])
        for take, pitch in tracked.items()
    }
    return pitches, {
        take: f"it sounds at MIDI pitch {tracked[take]:.1f}, where {expected[take]:g} is expected"
        for take, pitch in pitches.items()
        if np.isnan(pitch)
    }


def _measure_take(samples: Samples, pitch: float, *, is_tracked: bool) -> TakeMeasures:
    """Measure a take that sounds at a pitch."""
    levels = _levels(samples)
    loudest = float(levels.max())
    onset = int(np.argmax(levels > loudest * 10 ** (-_ONSET_DB / 20)))
    attack = levels[onset : onset + round(0.3 * TAKE_RATE / _LEVEL_HOP)]
    sounding = np.flatnonzero(levels > loudest * 10 ** (-_END_DB / 20))[-1]
    middle = levels[onset + (sounding - onset) // 5 : onset + max((sounding - onset) * 7 // 10, 1)]
    held = np.flatnonzero(levels > np.median(middle) * 10 ** (-_LET_GO_DB / 20))[-1]
    attack_end = onset + int(np.argmax(attack > attack.max() / 2))
    return TakeMeasures(
        is_tracked=is_tracked,
        pitch=round(pitch, 2),
        level=round(loudest, 6),
        onset=onset * _LEVEL_HOP,
        attack_end=attack_end * _LEVEL_HOP,
        held_end=int(max(held, attack_end)) * _LEVEL_HOP,
        end=min(int(sounding + 1) * _LEVEL_HOP + _LEVEL_WINDOW, len(samples)),
    )


def _levels(samples: Samples) -> NDArray[np.float64]:
    """Return the root mean square around each :data:`_LEVEL_HOP`-th sample."""
    padded = np.pad(samples.astype(np.float64) ** 2, (_LEVEL_WINDOW // 2, _LEVEL_WINDOW))
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    starts = np.arange(0, len(samples), _LEVEL_HOP)
    levels: NDArray[np.float64] = np.sqrt(
        np.maximum(sums[starts + _LEVEL_WINDOW] - sums[starts], 0) / _LEVEL_WINDOW
    )
    return levels


def _beginning(samples: Samples) -> Samples:
    """Return the first second that sounds."""
    levels = _levels(samples)
    onset = int(np.argmax(levels > levels.max() / 10)) * _LEVEL_HOP
    return samples[onset : onset + TAKE_RATE]


def _track(samples: Samples, lowest_hz: float, highest_hz: float) -> float:
    """Return the median MIDI pitch of the frames that are not soft."""
    low = resample(samples, TAKE_RATE, _PITCH_RATE)
    low = np.pad(low, (0, max(0, _WINDOW - len(low))))
    track = librosa.yin(
        low,
        fmin=lowest_hz,
        fmax=highest_hz,
        sr=_PITCH_RATE,
        frame_length=_WINDOW,
        hop_length=_HOP,
    )
    level = librosa.feature.rms(y=low, frame_length=_WINDOW, hop_length=_HOP)[0]
    return float(np.median(librosa.hz_to_midi(track[level > level.max() / 10])))


def _at_stated(samples: Samples, stated: float) -> float:
    """Return the pitch near the stated one if the signal has it, else nan."""
    beginning = _beginning(samples)
    frequency = float(librosa.midi_to_hz(stated))
    ratio = 2 ** (_TOLERANCE / 12)
    if frequency / ratio < _LOWEST_HZ or frequency * ratio > _PITCH_RATE / 2:
        return np.nan
    pitch = _track(beginning, frequency / ratio, frequency * ratio)
    frequency = float(librosa.midi_to_hz(pitch))
    if abs(pitch - stated) > _TOLERANCE or not _is_periodic(beginning, frequency):
        return np.nan
    return pitch if _has_own_harmonics(beginning, frequency) else np.nan


def _is_periodic(samples: Samples, frequency: float) -> bool:
    """Whether a signal repeats with the period of a frequency in hertz."""
    lag = TAKE_RATE / frequency
    lags = range(max(1, int(0.97 * lag)), int(np.ceil(1.03 * lag)) + 1)
    if lags[-1] >= len(samples) // 2:
        return False
    signal = samples.astype(np.float64)
    return (
        max(
            float(
                signal[:-lag]
                @ signal[lag:]
                / np.sqrt((signal[:-lag] @ signal[:-lag]) * (signal[lag:] @ signal[lag:]))
            )
            for lag in lags
        )
        >= _PERIODIC
    )


def _has_own_harmonics(samples: Samples, frequency: float) -> bool:
    """Whether a frequency in hertz is the fundamental, and not a half or third of it."""
    n_fft = 1 << 17
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), n_fft))
    count = int(min(12, (_PITCH_RATE / 2) // frequency))

    def strongest(harmonics: list[int]) -> float:
        """Return the largest magnitude within 2 % of any of the harmonics."""
        centres = [number * frequency * n_fft / TAKE_RATE for number in harmonics]
        return max(float(spectrum[int(0.98 * bin_) : int(1.02 * bin_) + 2].max()) for bin_ in centres)

    numbers = range(1, count + 1)
    return all(
        strongest([number for number in numbers if number % divisor])
        > 10 ** (_OWN_HARMONICS_DB / 20) * strongest([number for number in numbers if number % divisor == 0])
        for divisor in (2, 3)
        if count >= divisor
    )
