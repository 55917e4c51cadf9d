"""Pairs of the kinds that table 1 of Barry & Kim (2018) names, made of tunes that anybody may use.

The paper's pairs are commercial songs. These are rendered from notes, so that the right output is known: the
content's tune on the style's instrument. Contents are four tunes, each on another instrument, in C and at 120
beats a minute; a kind of pair is what their styles are:

=========== ==================================================================================================
kind        style
=========== ==================================================================================================
alike       the same tune in the same key and tempo, on another instrument
aligned     another tune in the same key
apart       the same as aligned, six semitones higher
long        chords in the same key whose rhythm begins anew after eight beats only (3.8 s)
singing     another tune in the same key, sung by a choir on one vowel
hardest     chords in quavers, six semitones away, on a distorted guitar
=========== ==================================================================================================

Tempi lie within 10 beats per minute of each other, as in the paper, which has no pairs that differ in their
keys alone: those show what an aligned key is worth. A choir of General MIDI stands in for singers; it has no
words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import pandas as pd

from timbrebench.datasets.notes import notes_table
from timbrebench.experiments.suites.melodies import tune

PairKind = Literal["alike", "aligned", "apart", "long", "singing", "hardest"]
PAIR_KINDS: tuple[PairKind, ...] = get_args(PairKind)

#: Semitones above the tonic, and beats. Four bars each; all in the public domain.
FRERE_JACQUES = (*(((0, 1), (2, 1), (4, 1), (0, 1)) * 2), *(((4, 1), (5, 1), (7, 2)) * 2))
AH_VOUS_DIRAI_JE = (
    *((0, 1), (0, 1), (7, 1), (7, 1), (9, 1), (9, 1), (7, 2)),
    *((5, 1), (5, 1), (4, 1), (4, 1), (2, 1), (2, 1), (0, 2)),
)
AU_CLAIR_DE_LA_LUNE = (
    *((0, 1), (0, 1), (0, 1), (2, 1), (4, 2), (2, 2)),
    *((0, 1), (4, 1), (2, 1), (2, 1), (0, 4)),
)
JINGLE_BELLS = (*(((4, 1), (4, 1), (4, 2)) * 2), (4, 1), (7, 1), (0, 1.5), (2, 0.5), (4, 4))

#: The content's tune and program, and the style's: piano and trumpet, clarinet and guitar, guitar and
#: church organ, trumpet and strings.
_CONTENTS = (
    (FRERE_JACQUES, 0, AH_VOUS_DIRAI_JE, 56),
    (AH_VOUS_DIRAI_JE, 71, AU_CLAIR_DE_LA_LUNE, 24),
    (AU_CLAIR_DE_LA_LUNE, 24, JINGLE_BELLS, 19),
    (JINGLE_BELLS, 56, FRERE_JACQUES, 48),
)

#: Contents of each kind of pair.
N_CONTENTS = len(_CONTENTS)

#: "Choir Aahs" and "Voice Oohs" in turns, and "Distortion Guitar".
_CHOIRS, _DISTORTED = (52, 53), 30

#: MIDI pitch of the tonic, and to the farthest key from it.
_TONIC, _FARTHEST = 60, 6

#: Beats per minute of contents, and of the styles that are faster and slower.
TEMPO, FASTER, SLOWER = 120.0, 126.0, 114.0

_TONIC_TRIAD, _DOMINANT_TRIAD = (0, 4, 7), (-5, -1, 2)
_VELOCITY = 90


@dataclass(frozen=True, eq=False)
class Part:
    """Notes, and the General MIDI program that plays them."""

    notes: pd.DataFrame
    program: int


@dataclass(frozen=True, eq=False)
class TunePair:
    """A content and a style of some kind.

    The pairs of one `number`, 0 to 3, have the same content, and are not independent evidence.
    """

    kind: PairKind
    number: int
    content: Part
    style: Part


def tune_pairs(
    kinds: tuple[PairKind, ...] = PAIR_KINDS, contents: int = len(_CONTENTS)
) -> Iterator[TunePair]:
    """Yield a pair of each kind for each of the first so many contents; parts last 7.6 s or more."""
    for number, (content, content_program, other, style_program) in enumerate(_CONTENTS[:contents]):
        styles = {
            "alike": Part(_played(content, TEMPO), style_program),
            "aligned": Part(_played(other, FASTER), style_program),
            "apart": Part(_played(other, FASTER, _FARTHEST), style_program),
            "long": Part(long_rhythm(), style_program),
            "singing": Part(_played(other, FASTER), _CHOIRS[number % 2]),
            "hardest": Part(_chords([0.5] * 32, SLOWER, _FARTHEST), _DISTORTED),
        }
        for kind in kinds:
            yield TunePair(kind, number, Part(_played(content, TEMPO), content_program), styles[kind])


def long_rhythm() -> pd.DataFrame:
    """Return the notes of a rhythm that begins anew after eight beats: semiquavers, and a held chord."""
    return _chords(([0.25] * 16 + [4.0]) * 2, FASTER)


def _played(steps: tuple[tuple[int, float], ...], tempo: float, transposition: int = 0) -> pd.DataFrame:
    return tune([(_TONIC + transposition + step, beats) for step, beats in steps], tempo)


def _chords(beats: list[float], tempo: float, transposition: int = 0) -> pd.DataFrame:
    """Return chords that last so many beats, of tonic and dominant in turns of four beats."""
    rows, start = [], 0.0
    for duration in beats:
        triad = _TONIC_TRIAD if start % 8 < 4 else _DOMINANT_TRIAD
        onset, offset = 60 / tempo * start, 60 / tempo * (start + 0.95 * duration)
        rows += [(onset, offset, _TONIC + transposition + step, _VELOCITY) for step in triad]
        start += duration
    return notes_table(rows)
