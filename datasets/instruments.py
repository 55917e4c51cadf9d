"""Instruments and families of them, and the General MIDI programs (counted from 0) that they cover.

An instrument is more than one program: there are four saxophones, several organs, guitars with nylon and with
steel strings. The first program of each is the one that suites are made of; the others teach a judge what the
instrument can sound like.

Besides the six instruments and the sixteen families every single program has a name, which is General MIDI's
in lower case with hyphens: ``acoustic-grand-piano``, ``electric-guitar-clean``, ``lead-1-square``.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

from timbrebench.core.errors import ConfigurationError, UnknownNameError
from timbrebench.datasets.midi import program_name

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


def _hyphenated(name: str) -> str:
    """Write a name in lower case, with a hyphen for all that is neither letter nor digit."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


_PROGRAMS = (
    {_hyphenated(program_name(program)): (program,) for program in range(128)} | SIX_INSTRUMENTS | FAMILIES
)

#: The name of each single program. The six come first: "trumpet" covers the muted one too, so the program is
#: left with its number.
_SINGLE = {programs[0]: name for name, programs in _PROGRAMS.items() if len(programs) == 1}
_SINGLE |= {program: f"program-{program}" for program in range(128) if program not in _SINGLE}
_PROGRAMS |= {name: (program,) for program, name in _SINGLE.items()}

_NUMBERED = re.compile(r"(program|family)-(\d+)")


def instrument_name(instrument: str | int) -> str:
    """Return the name under which datasets list an instrument; it is their label as well.

    Parameters
    ----------
    instrument : str or int
        One of :data:`SIX_INSTRUMENTS` or :data:`FAMILIES`, General MIDI's name of a program ("Electric Guitar
        (clean)" or "electric-guitar-clean"; upper or lower case are the same), or a number, counted from 0 as
        in MIDI files: 27 or "program-27" for a program, "family-3" for a family. Many printed tables count
        from 1.

    Returns
    -------
    str
        Of letters, digits and hyphens. A number gives the name, except where one of the six instruments has
        it and covers more: ``program-56`` is the trumpet without the muted one.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    ConfigurationError
        If there is no such number.

    Examples
    --------
    >>> instrument_name(27)
    'electric-guitar-clean'
    >>> instrument_name("Acoustic Grand Piano")
    'acoustic-grand-piano'
    """
    name = f"program-{instrument}" if isinstance(instrument, int) else _hyphenated(instrument)
    if name in _PROGRAMS:
        return name
    numbered = _NUMBERED.fullmatch(name)
    if numbered is None and not isinstance(instrument, int):
        near = get_close_matches(name, _PROGRAMS, n=1)
        # Where none is near, the short lists say more than all 150 names.
        raise UnknownNameError("instrument", instrument, near or [*SIX_INSTRUMENTS, *FAMILIES])
    kind, number = (numbered[1], int(numbered[2])) if numbered else ("program", int(instrument))
    known = _SINGLE if kind == "program" else dict(enumerate(FAMILIES))
    if number not in known:
        raise ConfigurationError(
            f"instrument {instrument!r}: General MIDI's {kind} numbers go from 0 to {len(known) - 1}"
        )
    return known[number]


def programs_of(instrument: str | int) -> tuple[int, ...]:
    """Return the General MIDI programs (0 to 127) of an instrument or family, the suites' one first.

    Parameters
    ----------
    instrument : str or int
        As :func:`instrument_name` takes it.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    ConfigurationError
        If there is no such number.
    """
    return _PROGRAMS[instrument_name(instrument)]


def is_first_program(label: object, program: int) -> bool:
    """Whether a program is the one of its label that suites are made of.

    Labels that are not instruments, and clips that no program has played, have no programs to choose from:
    all their clips count.
    """
    programs = _PROGRAMS.get(str(label))
    return programs is None or program not in range(128) or programs[0] == program
