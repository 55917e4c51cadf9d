"""Instruments and families of them, and the General MIDI programs (counted from 0) that they cover.

An instrument is more than one program: there are four saxophones, several organs, guitars with nylon and with
steel strings. The first program of each is the one that suites are made of; the others teach a judge what the
instrument can sound like.
"""

from __future__ import annotations

from timbrebench.audio.errors import UnknownNameError

#: The six of the multi-instrument dataset. The first saxophone is the tenor, because the alto does not sound
#: everywhere: in TimGM6mb its E4 is silent, in FluidR3 all above C6.
SIX_INSTRUMENTS = {
    "piano": (0, 1, 2, 3),
    "guitar": (24, 25),
    "clarinet": (71,),
    "sax": (66, 64, 65, 67),
    "trumpet": (56, 59),
    "organ": (19, 16, 17, 18, 20),
}

#: General MIDI's own families. Within each the first program sounds every key in all soundfonts known here.
FAMILIES = {
    f"{name}-family": tuple(range(8 * number, 8 * number + 8))
    for number, name in enumerate(
        (
            "piano",
            "chromatic-percussion",
            "organ",
            "guitar",
            "bass",
            "strings",
            "ensemble",
            "brass",
            "reed",
            "pipe",
            "synth-lead",
            "synth-pad",
            "synth-effects",
            "ethnic",
            "percussive",
            "sound-effects",
        )
    )
}

_PROGRAMS = SIX_INSTRUMENTS | FAMILIES


def programs_of(instrument: str) -> tuple[int, ...]:
    """Return the General MIDI programs (0 to 127) of an instrument or family, the suites' one first.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    if instrument not in _PROGRAMS:
        raise UnknownNameError("instrument", instrument, _PROGRAMS)
    return _PROGRAMS[instrument]


def is_first_program(label: object, program: int) -> bool:
    """Tell whether a program is the one of its label that suites are made of.

    Labels that are no instrument, or missing, have no programs to choose from: all their clips count.
    """
    programs = _PROGRAMS.get(str(label))
    return programs is None or programs[0] == program
