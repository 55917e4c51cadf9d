"""Suites of one melody: its notes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from timbrebench.core.files import file_sha256
from timbrebench.datasets.notes import read_notes, write_notes
from timbrebench.experiments.suites.frozen_suite import load_frozen
from timbrebench.experiments.suites.kinds.melody_kind import MelodyKind
from timbrebench.experiments.suites.melodies import star_spangled_banner


def test_the_melody_is_what_its_notes_say(tmp_path):
    """The notes that the suite names by their hash are those of the tune, 4 s of it."""
    path = tmp_path / "notes.csv"
    rows = [row for name in ("key-invariance-1", "key-invariance-2") for row in load_frozen(name).notes]
    assert len(rows) == 13 + 1
    for row in rows:
        write_notes(path, star_spangled_banner(int(row.piece.rpartition(".")[2])))
        assert file_sha256(path) == row.sha256
    assert read_notes(path).offset_s.max() <= 4


def test_a_style_in_another_key_is_played_by_the_contents_instrument():
    kind = {"kind": "melody", "transposed": "style", "directions": [["piano", "piano"]]}
    assert MelodyKind.model_validate(kind).is_of_one_tune
    with pytest.raises(ValidationError, match="cannot be played by another instrument: piano and trumpet"):
        MelodyKind.model_validate(kind | {"directions": [["piano", "trumpet"]]})
    assert not MelodyKind.model_validate(kind | {"transposed": "content"}).is_of_one_tune
