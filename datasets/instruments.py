"""The instruments and their General MIDI programs (counted from 0)."""

from __future__ import annotations

from timbrebench.audio.errors import UnknownNameError

#: The six of the multi-instrument dataset: acoustic grand piano, nylon guitar, clarinet, tenor saxophone,
#: trumpet and church organ. The saxophone is the tenor, because the alto does not sound everywhere: in
#: TimGM6mb its E4 is silent, in FluidR3 all above C6.
PROGRAMS = {
    "piano": 0,
    "guitar": 24,
    "clarinet": 71,
    "sax": 66,
    "trumpet": 56,
    "organ": 19,
}


def program_of(instrument: str) -> int:
    """Return the General MIDI program (0 to 127) of an instrument.

    Raises
    ------
    UnknownNameError
        If there is no instrument of that name.
    """
    if instrument not in PROGRAMS:
        raise UnknownNameError("instrument", instrument, PROGRAMS)
    return PROGRAMS[instrument]
