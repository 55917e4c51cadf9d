"""No change of a single byte gives another value."""

from __future__ import annotations

import json

import pytest

from timbrebench.core.errors import TimbrebenchError
from timbrebench.core.sealed_lines import DamagedLineError, seal, unseal

OBJECT = {"key": "é", "reason": "an outcome of", "value": 0.523}


def test_what_was_sealed_is_read():
    assert unseal(seal(json.dumps(OBJECT))) == OBJECT
    assert json.loads(seal(json.dumps(OBJECT))).keys() == {*OBJECT, "line_sha256"}


def test_a_line_that_was_written_anew_is_the_same():
    line = seal(json.dumps(OBJECT))
    assert unseal(json.dumps(json.loads(line), indent=1).replace("\n", " ")) == OBJECT
    with pytest.raises(DamagedLineError):
        unseal(json.dumps(json.loads(line) | {"value": 0.524}))


def test_lines_of_before_are_read_as_they_are():
    for value in (OBJECT, {"key": "a", "elevenchars": "0123456789abcde"}, {}):
        assert unseal(json.dumps(value)) == value


def test_every_changed_byte_is_noticed():
    line = seal(json.dumps(OBJECT, ensure_ascii=False)).encode()
    for place in range(len(line)):
        for flip in (1, 2, 4, 8, 64, 128, 255):
            changed = bytearray(line)
            changed[place] ^= flip
            try:
                value = unseal(changed.decode(errors="replace"))
            except DamagedLineError:
                continue
            assert value == OBJECT


def test_two_lines_that_became_one_are_damaged():
    with pytest.raises(DamagedLineError):
        unseal(seal('{"key":"a"}') + "\x0b" + seal('{"key":"b"}'))


def test_a_line_that_was_cut_off_is_known_as_such():
    line = seal('{"key":"a","value":1}')
    for length in range(1, len(line)):
        with pytest.raises(TimbrebenchError) as cut:
            unseal(line[:length])
        assert not isinstance(cut.value, DamagedLineError)


@pytest.mark.parametrize(
    "line", ["[1]", "1", "null", '{"a":' * 2000 + "1" + "}" * 2000, '{"a":%s}' % ("9" * 6000)]
)
def test_what_is_not_an_object_is_an_error_of_the_family(line):
    with pytest.raises(TimbrebenchError):
        unseal(line)
