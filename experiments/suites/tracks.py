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

    @property
    def advice(self) -> str:
        """What to do."""
        return f"get {self.what} ({self.size}), put it {self.where}"


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
        Published style judges: the first, and the second where there is one. A track without leaves judges,
        and what they and methods learn from, to the run.
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
        ("instruments-6-2",),
    ),
    "new-timbre": Track(
        "How well does a method play an instrument in a timbre that it has never met?",
        "new-timbre-1",
        "new-timbre",
        ("instruments-6-2",),
    ),
    "one-shot": Track(
        "How well does a method play an instrument of which it has one clip and no more?",
        "one-shot-1",
        "one-shot",
        ("instruments-gm16-1",),
    ),
    "recorded-notes": Track(
        "How well does a method play recorded notes as another instrument's?",
        "recorded-notes-1",
        "known-timbre",
        audio=HeldAudio(
            "194 recorded notes of six instruments from the Philharmonia Orchestra's sample library "
            "(https://philharmonia.co.uk/resources/sound-samples), with a manifest.csv",
            "5 MB",
            "in a folder for each instrument, as `timbrebench suite show` lists their files",
        ),
    ),
    "performances": Track(
        "How well does a method play a real performance as another instrument?",
        "performances-1",
        "known-timbre",
        audio=HeldAudio(
            "two movements of BWV 1002 with notes from the Bach Violin Dataset, and 159 recorded notes from "
            "the Philharmonia Orchestra's sample library",
            "8 MB",
            "in the folders performances/ and notes/",
        ),
    ),
    "aligned": Track(
        "How near does a method come to a recording of the same music? Not ranked: its notes are not known.",
        "aligned-1",
        "known-timbre",
        audio=HeldAudio(
            "40 test tracks of StarNet, as the companion page of DiffTransfer (ISMIR 2023) has them",
            "7 MB",
            "in one folder, named 001.1.flac to 010.5.flac",
        ),
    ),
}


def track_of(suite: str) -> Track | None:
    """Return the track of a frozen suite, by its name with the version; None for a suite without one."""
    return next((track for track in TRACKS.values() if track.suite == suite), None)


def find_track(name: str) -> Track:
    """Return a track; raise UnknownNameError if there is none of that name."""
    if name not in TRACKS:
        raise UnknownNameError("track", name, list(TRACKS))
    return TRACKS[name]
