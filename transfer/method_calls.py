"""Everything that is asked of a method: its outputs, what it has learned, its fingerprint.

A method is anybody's code, so its input and its answers are checked here, and nowhere else.
"""

from __future__ import annotations

import numpy as np

from timbrebench.audio.clips import Samples, as_samples, fit_length
from timbrebench.audio.loudness import SILENCE_RMS, is_silent, rms
from timbrebench.core.errors import AudioError, MethodError, describe_error
from timbrebench.transfer.contract import LENGTH_TOLERANCE_S, Learned, Method, ReferenceControl


def apply(
    method: Method,
    content: Samples,
    style: Samples,
    *,
    sample_rate: int,
    seed: int,
    reference: Samples | None = None,
) -> Samples:
    """Run a method on one pair, with its input and its output checked.

    Parameters
    ----------
    method : Method
        The method, prepared where it learns.
    content, style : numpy.ndarray, shapes (n,) and (m,), float
        Mono samples in [-1, 1]. The method gets copies.
    sample_rate : int
        Rate of all clips in hertz.
    seed : int
        Non-negative seed of every random draw.
    reference : numpy.ndarray, shape (n,), float, optional
        The content's piece and window played by the style's instrument. Only a :class:`ReferenceControl`
        is given it.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        The output, in [-1, 1].

    Raises
    ------
    AudioError
        If a clip is empty, not of floats or not finite.
    MethodError
        If a clip is too short, silent or out of range, or the output is not valid audio.
    Exception
        Whatever the method raises.
    """
    content = check_input(content, name="content", sample_rate=sample_rate)
    style = check_input(style, name="style", sample_rate=sample_rate)
    if isinstance(method, ReferenceControl) and reference is not None:
        reference = check_input(reference, name="reference", sample_rate=sample_rate)
        output = method.transfer_from_reference(reference.copy())
    else:
        output = method.transfer(content.copy(), style.copy(), sample_rate=sample_rate, seed=seed)
    return check_output(output, content_length=len(content), sample_rate=sample_rate)


def check_input(samples: Samples, *, name: str, sample_rate: int) -> Samples:
    """Return a clip as ``float32``, or raise before any work is done on it.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,), float
        The clip.
    name : str
        What the clip is, for errors: "content", "style".
    sample_rate : int
        Rate of `samples` in hertz.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        The clip.

    Raises
    ------
    AudioError
        If the clip is empty, not one-dimensional, not of floats, or holds NaN or infinity.
    MethodError
        If it lasts less than 50 ms, the tolerance of an output's length; if it leaves [-1, 1]; if it is
        silent.
    """
    clip = _mono_floats(samples, name=f"the {name}")
    if len(clip) < LENGTH_TOLERANCE_S * sample_rate:
        raise MethodError(
            f"the {name} lasts {_duration(len(clip), sample_rate)}: "
            f"use a clip of {LENGTH_TOLERANCE_S} s or more"
        )
    _check_range(clip, f"the {name}")
    if is_silent(clip):
        raise MethodError(
            f"the {name} is silent ({_level(clip)}): choose another clip, or a louder part of it"
        )
    return clip


def check_output(samples: Samples, *, content_length: int, sample_rate: int) -> Samples:
    """Return a method's output at exactly the content's length, or raise if it is not valid audio.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,), float
        What the method returned. Anything else is refused with its type.
    content_length : int
        Number of samples of the content.
    sample_rate : int
        Rate of both in hertz.

    Returns
    -------
    numpy.ndarray, shape (content_length,), float32
        The output: cut, or filled up with zeros, where it was up to 50 ms too long or too short.

    Raises
    ------
    MethodError
        If the output is not a one-dimensional array of floats, is empty, holds NaN or infinity, leaves
        [-1, 1], is silent, or misses the content's length by more than 50 ms.
    """
    try:
        clip = _mono_floats(samples, name="the output")
    except AudioError as error:
        raise MethodError(str(error)) from error
    _check_range(clip, "the output")
    if abs(len(clip) - content_length) > LENGTH_TOLERANCE_S * sample_rate:
        raise MethodError(
            f"the output lasts {_duration(len(clip), sample_rate)}, the content "
            f"{_duration(content_length, sample_rate)}: return as many samples as the content has "
            f"(within {LENGTH_TOLERANCE_S} s)"
        )
    clip = fit_length(clip, content_length)
    if is_silent(clip):
        raise MethodError(f"the output is silent ({_level(clip)})")
    return clip


def query_learned(method: Method) -> Learned:
    """Return a method's :meth:`Method.learned`, checked.

    Raises :class:`MethodError` if it does not consist of sets of ASCII text and of numbers, or whatever the
    method raises.
    """
    learned = method.learned()
    if not isinstance(learned, Learned):
        raise MethodError(f"learned() of method {method.name!r} gave {learned!r:.100}: return Learned(...)")
    texts = {name: getattr(learned, name) for name in ("weights", "clips", "soundfonts")}
    for name, values in {**texts, "programs": learned.programs}.items():
        is_right = _is_ascii if name in texts else _is_program
        if not (isinstance(values, set | frozenset) and all(map(is_right, values))):
            raise MethodError(
                f"learned() of method {method.name!r} gave {name} {values!r:.100}: weights and clips are "
                "sets of SHA-256 as hexadecimal digits, soundfonts of names, programs of numbers 0 to 127"
            )
    return learned


def query_fingerprint(method: Method) -> tuple[str, str]:
    """Return a method's :meth:`Method.fingerprint` and an empty text, or an empty text and how it failed."""
    try:
        fingerprint = method.fingerprint()
        if isinstance(fingerprint, str):
            fingerprint.encode()  # half a surrogate pair, as a file name may hold, cannot be stored
            return fingerprint, ""
        problem = f"it returned {fingerprint!r:.100}, not a text"
    except KeyboardInterrupt:  # this may be the process that Ctrl-C is meant for
        raise
    except BaseException as error:
        problem = describe_error(error)
    return "", f"its fingerprint() failed: {problem}"


def _mono_floats(samples: Samples, name: str) -> Samples:
    """Return a one-dimensional array of finite floats as ``float32``; refuse anything else."""
    if not isinstance(samples, np.ndarray):
        raise AudioError(f"{name} is of type {type(samples).__name__}: expected a NumPy array of floats")
    if samples.ndim != 1:
        raise AudioError(f"{name} has shape {samples.shape}: expected mono samples of shape (n,)")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and so out of range
        return as_samples(samples, name=name)


def _check_range(clip: Samples, name: str) -> None:
    peak = float(np.abs(clip).max())
    if peak > 1:
        raise MethodError(f"{name} peaks at {peak:.4g}: samples must lie in [-1, 1], so scale it down")


def _duration(length: int, sample_rate: int) -> str:
    return f"{length / sample_rate:.3f} s ({length} samples)"


def _level(clip: Samples) -> str:
    return f"its root mean square is {rms(clip):.1g}, under {SILENCE_RMS:g}"


def _is_program(number: object) -> bool:
    return isinstance(number, int) and number in range(128)


def _is_ascii(text: object) -> bool:
    return isinstance(text, str) and text.isascii()
