"""Whether the same pitches sound at the same time, in content and output.

Definition
----------
Frame by frame, on one of two hearings of a clip: its chromagram, or the keys that the content judge reads.

``chroma_cosine`` needs no judge. Range 0 to 1, higher is better.

1. The power in the twelve pitch classes (:attr:`~timbrebench.metrics.sound.Sound.chroma`): windows of 372 ms,
   93 ms apart, tuned to A4 = 440 Hz, each frame scaled by its greatest. Octaves do not count, and overtones
   do: those of another instrument alone cost some of the score.
2. A frame is quiet where its root mean square (of all samples in the window, equally) lies more than 60 dB
   under that of the clip's loudest frame: what is left there has pitches that nobody hears.
3. The mean, over the frames in which the content is not quiet, of the cosine between the two chroma vectors;
   0 where the output is quiet. What the output plays while the content rests does not count.

Power is nowhere negative and white noise has all pitch classes alike, so that the cosine has a high floor,
which depends on the content: the more notes sound together, the higher. Noise scores more than other music
does, and added noise can raise the score. Only above what noise reaches does it speak of pitch.

``pitch_jaccard``: the Jaccard distance between the sets of pitches read in content and output,
``1 - |A & B| / |A | B|``, as a mean over frames. Range 0 to 1, lower is better; the same in either direction.
Frames in which no pitch is read in either are left out, so that rests make no output better; the authors'
program counts them as 0. An output in which no pitch is read scores 1.

Both compare clips of one length: frames up to the end of the shorter where they differ by at most 50 ms, and
no score where they differ by more, since different times would be compared. Nor is there one where either
clip is silent, where no pitch is read in the content (``pitch_jaccard``), or where either clip is shorter
than a window, or than the 0.5 s that the judge needs.

``melody_accuracy``: raw pitch accuracy. Of the frames in which a true note of the content sounds, the share
in which the highest pitch read in the output is the highest true one. Range 0 to 1, higher is better. The
highest voice stands for the melody (the "skyline"), which it mostly is in the music that is rendered here. A
true note sounds from onset to offset: a string that rings on over the next, lower note hides it, and an
octave's error is an error. Frames after the content's end do not count, and those that the output is too
short to have are wrong. A silent output has no score, nor has a content in which no true note sounds.

What to compare with, on 30 pairs of scores and instruments (5 s by FluidR3):

=================== ============= ============= ===============
output              chroma_cosine pitch_jaccard melody_accuracy
=================== ============= ============= ===============
untouched content            1.00          0.00            0.75
reference                    0.75          0.19            0.77
style                        0.45          0.93            0.07
white noise                  0.66          0.97            0.03
=================== ============= ============= ===============

The first two compare with the content as it sounds, so they prefer the content's own instrument to the
style's; ``melody_accuracy`` compares with true notes and does not.

References
----------
T. Fujishima, "Realtime chord recognition of musical sound: a system using Common Lisp Music", International
Computer Music Conference (ICMC), 1999: chroma vectors (there "pitch class profiles").

O. Cífka, A. Ozerov, U. Şimşekli and G. Richard, "Self-supervised VQ-VAE for one-shot music style transfer",
International Conference on Acoustics, Speech and Signal Processing (ICASSP), 2021: the Jaccard distance
(there of pitches found by MELODIA).

G. E. Poliner et al., "Melody transcription from music audio: approaches and evaluation", IEEE Transactions on
Audio, Speech, and Language Processing 15(4), 2007: raw pitch accuracy, as in mir_eval.
"""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray

from timbrebench.metrics.contract import metric
from timbrebench.metrics.sound import CHROMA_HOP_LENGTH, CHROMA_N_FFT, Sound, Unscorable
from timbrebench.metrics.target import check_lengths
from timbrebench.metrics.transcription import Roll, transcribed_roll, true_roll
from timbrebench.metrics.trial import Trial

#: How many decibels under its loudest frame a clip's frames are quiet.
QUIET_DB = 60.0

#: Notes that are wrong, late or ever later: what all metrics here respond to.
_NOTE_CORRUPTIONS = ("wrong_notes", "shifted_onsets", "time_stretch")


def chroma_similarity(output: Sound, content: Sound) -> float:
    """Return the mean cosine, 0 to 1, of two clips' pitch classes where `content` is not quiet.

    Unscorable if either is silent or shorter than a window, or their lengths differ by more than 50 ms.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(22050) / 22050
    >>> low, octave, fifth = (Sound(np.sin(2 * np.pi * f * t), 22050) for f in (220, 440, 330))
    >>> round(chroma_similarity(octave, low), 1)
    1.0
    >>> round(chroma_similarity(fifth, low), 1)
    0.0
    """
    check_lengths(output, content)
    frames = min(output.chroma.shape[1], content.chroma.shape[1])
    directions = [_directions(sound)[:, :frames] for sound in (output, content)]
    sounding = directions[1].any(axis=0)
    cosines = np.einsum("cf,cf->f", *directions)[sounding]
    # Rounding can take the cosine of equal vectors over 1.
    return float(np.clip(cosines, 0.0, 1.0).mean())


def jaccard_distance(output: Roll, content: Roll) -> float:
    """Return the mean Jaccard distance between the sets of keys that sound in each frame.

    Takes shape (88, frames), as many frames in both. 0 where all are the same, 1 where none is; frames in
    which no key sounds in either do not count. Unscorable if no key sounds in `content`.

    Examples
    --------
    >>> content = np.zeros((88, 3), bool)
    >>> content[[40, 44], 0] = content[40, 1] = True
    >>> output = np.zeros((88, 3), bool)
    >>> output[40, :2] = True
    >>> jaccard_distance(output, content)
    0.25
    """
    if not content.any():
        raise Unscorable("no pitch is read in the content")
    shared, either = (output & content).sum(axis=0), (output | content).sum(axis=0)
    return float(1 - (shared[either > 0] / either[either > 0]).mean())


def skyline(roll: Roll) -> NDArray[np.int_]:
    """Return the highest key that sounds in each frame, -1 where none does: shape (frames,)."""
    keys = np.arange(len(roll))[:, np.newaxis]
    return np.asarray(np.where(roll, keys, -1).max(axis=0))


@metric(
    direction="higher",
    relevant_change=0.02,
    summary="Do the content's pitch classes sound in the output at each moment?",
    responds={"wrong_notes": "falls", "time_stretch": "falls", "wrong_instrument": "rises"},
)
def chroma_cosine(trial: Trial) -> float:
    """Return the mean cosine between the chroma vectors of output and content."""
    return chroma_similarity(trial.output, trial.content)


@metric(
    direction="lower",
    needs=("content_judge",),
    relevant_change=0.02,
    summary="How different are the sets of pitches heard in output and content at each moment?",
    responds={**dict.fromkeys(_NOTE_CORRUPTIONS, "rises"), "wrong_instrument": "falls"},
)
def pitch_jaccard(trial: Trial) -> float:
    """Return the mean Jaccard distance between the pitches read in output and content."""
    check_lengths(trial.output, trial.content)
    output, content = trial.output.transcription, trial.content.transcription
    end_s = min(trial.output.duration_s, trial.content.duration_s)
    return jaccard_distance(transcribed_roll(output, end_s=end_s), transcribed_roll(content, end_s=end_s))


@metric(
    direction="higher",
    needs=("notes", "content_judge"),
    relevant_change=0.02,
    summary="Is the highest voice of the content the highest heard in the output?",
    responds=dict.fromkeys(_NOTE_CORRUPTIONS, "falls"),
    invariant_to=("gain", "polarity"),
)
def melody_accuracy(trial: Trial) -> float:
    """Return the share of frames in which the highest pitch read in the output is the highest true one."""
    assert trial.notes is not None  # noqa: S101 - declared as needed
    transcription, end_s = trial.output.transcription, trial.content.duration_s
    truth = skyline(true_roll(trial.notes, end_s=end_s, frame_s=transcription.frame_s))
    estimated = skyline(transcribed_roll(transcription, end_s=end_s))
    sounding = truth >= 0
    return float((estimated[sounding] == truth[sounding]).mean())


def _directions(sound: Sound) -> NDArray[np.float64]:
    """Return the chroma vectors of a clip scaled to length 1, or 0 where it is quiet: shape (12, frames)."""
    chroma = sound.chroma.astype(np.float64)
    level = librosa.feature.rms(y=sound.standard, frame_length=CHROMA_N_FFT, hop_length=CHROMA_HOP_LENGTH)[0]
    loud = level >= 10 ** (-QUIET_DB / 20) * level.max()
    lengths = np.linalg.norm(chroma, axis=0)
    return np.asarray(np.where(loud, chroma / np.where(lengths > 0, lengths, 1.0), 0.0))
