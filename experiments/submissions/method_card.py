"""The card of an entry: what people want to know of a method that no record holds, in YAML.

Cards come from strangers. Every field is a text of one line, an address with ``https``, a date or one of some
words; what is unknown or too long is refused with its name, and whoever shows a card escapes it.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, ValidationError

from timbrebench.core.errors import RunError, describe_validation
from timbrebench.core.files import read_text
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.identifiers import Identifier
from timbrebench.core.plain_text import on_one_line
from timbrebench.core.yaml_documents import parse_yaml

#: What a method has learned from, the least first: no clips, training pieces in other timbres, or training
#: pieces in the timbre that it is measured in.
LearnedFrom = Literal["nothing", "training pieces", "this timbre"]

LEARNED_FROM: tuple[LearnedFrom, ...] = get_args(LearnedFrom)

#: Maximum bytes of a card.
CARD_BYTES = 16_384


def _check_line(text: str) -> str:
    if text != on_one_line(text):
        raise ValueError("expected one line without control characters and without spaces at its ends")
    return text


#: A text of one line.
Line = Annotated[str, Field(max_length=300), AfterValidator(_check_line)]

#: Whatever may stand in a link, and nothing that could be anything else than a link.
_ADDRESS = r"https://[\w.-]+(:\d+)?(/[\w./~%+:@,;=?&#-]*)?"

Address = Annotated[str, Field(max_length=300, pattern=rf"^({_ADDRESS})?$")]


#: In place of an address: the code comes with this package.
OWN_CODE = "timbrebench"

Code = Annotated[str, Field(max_length=300, pattern=rf"^({OWN_CODE}|{_ADDRESS})?$")]


class MethodCard(FrozenModel):
    """What a method is, as its authors state it.

    Attributes
    ----------
    method : str
        Its label in the run, which is the name of the entry's folder.
    date : datetime.date
        When it was handed in: of two entries with the same outputs the later has copied.
    summary : str
        What it does, in a sentence.
    learned_from : {"nothing", "training pieces", "this timbre"}
        What it has learned from; "this timbre" if any of that was played by a soundfont of the suite, or a
        relative of one. Records that show more than is stated refuse the entry.
    training_data : str
        The same in words; empty where it has learned from nothing.
    code : str
        Address with ``https``, or ``timbrebench`` for a method that comes with it; empty for closed code.
    paper : str
        Address with ``https``.
    licence : str
        Of the code.
    hardware : str
        What it was run on.
    contact : str
        Whom to ask.
    """

    method: Identifier
    date: datetime.date
    summary: Line = Field(min_length=1)
    learned_from: LearnedFrom
    training_data: Line = ""
    code: Code = ""
    paper: Address = ""
    licence: Line = ""
    hardware: Line = ""
    contact: Line = ""

    @property
    def is_open(self) -> bool:
        """Whether its code can be read."""
        return bool(self.code)

    @property
    def code_address(self) -> str:
        """Where its code is; empty where it comes with this package, or is closed."""
        return "" if self.code == OWN_CODE else self.code


def parse_card(text: str, where: str) -> MethodCard:
    """Read a card.

    Raises RunError if it is not YAML, and ConfigurationError, which names each field, if a field is unknown,
    missing or not what it stands for; `where` it is from is part of both.
    """
    try:
        return MethodCard.model_validate(parse_yaml(text, where, RunError))
    except ValidationError as error:
        raise describe_validation(error, where, MethodCard.model_fields) from error


def read_card_text(path: Path) -> str:
    """Return the text of a card's file of at most :data:`CARD_BYTES`; raise RunError if it cannot be read."""
    return read_text(path, CARD_BYTES, RunError)
