"""Tracks: suites with their rules, so that everybody's figures answer one question.

A track settles which frozen suite a run is on, which judges score it, and what methods may have learned from.
"""

from __future__ import annotations

from typing import NamedTuple

from timbrebench.core.errors import UnknownNameError
from timbrebench.experiments.suites.suite import TimbreSetting

#: What each setting of a suite says to those who enter a method.
RULES: dict[TimbreSetting, str] = {
    "known-timbre": "methods may have learned from the suite's soundfonts, on other pieces",
    "new-timbre": "methods may not have learned from the suite's soundfonts, nor from relatives of them",
    "one-shot": "methods may have learned neither from the suite's soundfonts or relatives of them, nor from "
    "the programs that play the styles on any soundfont",
}


class HeldAudio(NamedTuple):
    """Audio that users of a track have to hold: what to get, how large it is, and where to put it."""

    what: str
    size: str
    where: str


class Track(NamedTuple):
    """A suite with its rules.

    Attributes
    ----------
    question : str
        What it asks.
    suite : str
        The frozen suite, with its version.
    setting : {"known-timbre", "new-timbre", "one-shot"}
        What methods may have learned from (:data:`RULES`).
    judges : tuple of str
        Published style judges: the first, and the second where there is one; a run trains its own without.
    audio : HeldAudio or None
        What users have to hold; None where clips are rendered.
    """

    question: str
    suite: str
    setting: TimbreSetting
    judges: tuple[str, ...] = ()
    audio: HeldAudio | None = None


TRACKS = {
    "known-timbre": Track(
        "How well does a method play an instrument that it may know?",
        "known-timbre-1",
        "known-timbre",
        ("instruments-6-1",),
    ),
    "new-timbre": Track(
        "How well does a method play an instrument in a timbre that it has never met?",
        "new-timbre-1",
        "new-timbre",
        ("instruments-6-1",),
    ),
    "one-shot": Track(
        "How well does a method play an instrument of which it has one clip and no more?",
        "one-shot-1",
        "one-shot",
        ("instruments-gm16-1",),
    ),
}


def find_track(name: str) -> Track:
    """Return a track; raise UnknownNameError if there is none of that name."""
    if name not in TRACKS:
        raise UnknownNameError("track", name, list(TRACKS))
    return TRACKS[name]
