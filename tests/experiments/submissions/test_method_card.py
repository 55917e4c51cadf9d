"""Cards come from strangers: what is unknown or hostile is refused with file and field."""

from __future__ import annotations

import datetime

import pytest

from timbrebench.core.errors import ConfigurationError, RunError
from timbrebench.experiments.submissions.method_card import CARD_BYTES, parse_card, read_card_text

CARD = {
    "method": "my-method",
    "date": "2026-11-30",
    "summary": "Does it.",
    "learned_from": "training pieces",
    "code": "https://example.org/a?b=c#d",
}


def text_of(**changes):
    return "".join(f"{name}: {value}\n" for name, value in {**CARD, **changes}.items() if value is not None)


def test_a_card_says_what_it_says():
    card = parse_card(text_of(licence="no"), "card.yaml")
    assert (card.method, card.date) == ("my-method", datetime.date(2026, 11, 30))
    assert (card.learned_from, card.licence, card.paper) == ("training pieces", "no", "")
    assert card.is_open
    assert card.code_address == CARD["code"]


def test_code_that_comes_with_the_package_is_open_and_closed_code_is_not():
    ours = parse_card(text_of(code="timbrebench"), "card.yaml")
    assert (ours.is_open, ours.code_address) == (True, "")
    assert not parse_card(text_of(code=None), "card.yaml").is_open


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"license": "MIT"}, "unknown key 'license': did you mean 'licence'"),
        ({"summary": None}, "the key 'summary' is missing"),
        ({"summary": "''"}, "summary: "),
        ({"summary": "[a, b]"}, "summary: .*string"),
        ({"summary": '"two\\nlines"'}, "summary: .*one line"),
        ({"summary": '"a\\x1b[31mred"'}, "summary: .*control characters"),
        ({"summary": '"a\\u202Eb"'}, "summary: .*control characters"),
        ({"hardware": "x" * 301}, "hardware: .*300"),
        ({"method": "../../etc"}, "method: "),
        ({"date": "soon"}, "date: "),
        ({"learned_from": "everything"}, "learned_from: .*'nothing', 'training pieces' or 'this timbre'"),
        ({"code": "javascript:alert(1)"}, "code: "),
        ({"code": "http://example.org"}, "code: "),
        ({"code": '"https://example.org/\\" onclick=alert(1)"'}, "code: "),
        ({"paper": '"https://user:password@example.org/"'}, "paper: "),
        ({"paper": "timbrebench"}, "paper: "),
    ],
)
def test_what_is_wrong_is_named_by_its_field(changes, why):
    with pytest.raises(ConfigurationError, match=f"^some/card.yaml: {why}"):
        parse_card(text_of(**changes), "some/card.yaml")


def test_a_huge_card_is_not_read(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text(text_of(contact="x" * CARD_BYTES), encoding="utf-8")
    with pytest.raises(RunError, match=r"card\.yaml: has .* bytes"):
        read_card_text(path)
