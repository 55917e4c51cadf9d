"""How a configuration says which soundfonts play: a list for all instruments, or a table, one for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidatorFunctionWrapHandler, WrapValidator

from timbrebench.core.errors import TimbrebenchError
from timbrebench.datasets.instruments import instrument_name
from timbrebench.datasets.soundfonts.soundfont_downloads import PinnedSoundfont

#: A name, a path, or a name with address and checksum.
SoundfontReference = str | PinnedSoundfont

_List = Annotated[tuple[SoundfontReference, ...], Field(min_length=1, max_length=100)]
_Table = Annotated[dict[str, SoundfontReference], Field(min_length=1, max_length=128)]

_LIST: TypeAdapter[tuple[SoundfontReference, ...]] = TypeAdapter(_List)
_TABLE: TypeAdapter[dict[str, SoundfontReference]] = TypeAdapter(_Table)


def _list_or_table(value: Any, _: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - whatever was read
    """Validate what was given as the form that it has: pydantic reports a wrong value for both."""
    if isinstance(value, Mapping):
        return _TABLE.validate_python(value)
    if isinstance(value, Sequence) and any(_names_an_instrument(entry) for entry in value):
        raise ValueError(
            "a list names soundfonts that play every instrument, a table gives each instrument its own: "
            "use one of the two"
        )
    return _LIST.validate_python(value)


def _names_an_instrument(entry: object) -> bool:
    """Whether an entry of a list is a table of instruments."""
    return isinstance(entry, Mapping) and any(_is_instrument(key) for key in entry)


def _is_instrument(name: object) -> bool:
    try:
        return bool(instrument_name(str(name)))
    except TimbrebenchError:
        return False


SoundfontChoice = Annotated[_List | _Table, WrapValidator(_list_or_table)]


def own_soundfonts(
    table: Mapping[str, SoundfontReference], instruments: Sequence[str]
) -> dict[str, SoundfontReference]:
    """Check a table of soundfonts by instrument, and put it into the order of the instruments.

    Parameters
    ----------
    table : mapping
        Soundfonts by names of instruments as :func:`~timbrebench.datasets.instruments.instrument_name` takes
        them.
    instruments : sequence of str
        The dataset's.

    Returns
    -------
    dict
        The same by the instruments' names in datasets: equal tables give equal bytes.

    Raises
    ------
    UnknownNameError
        If there is no instrument of a name.
    ConfigurationError
        If there is no instrument of a number.
    ValueError
        If an instrument has no soundfont, two of them, or is not among the dataset's.
    """
    named = [(instrument_name(name), soundfont) for name, soundfont in table.items()]
    own = dict(named)
    if len(own) < len(named):
        raise ValueError("an instrument stands in the table twice")
    if missing := [name for name in instruments if name not in own]:
        raise ValueError(
            f"no soundfont for {', '.join(missing)}: the table needs one for each instrument "
            f"({', '.join(instruments)})"
        )
    if extra := [name for name in own if name not in instruments]:
        raise ValueError(
            f"{', '.join(extra)} has a soundfont and is not among the instruments "
            f"({', '.join(instruments)}): add it there or leave it out"
        )
    return {name: own[name] for name in instruments}
