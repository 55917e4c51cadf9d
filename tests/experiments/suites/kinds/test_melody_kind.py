"""Suites of one melody: its notes."""

from __future__ import annotations

from timbrebench.core.files import file_sha256
from timbrebench.datasets.notes import read_notes, write_notes
from timbrebench.experiments.suites.frozen_suite import load_frozen
from timbrebench.experiments.suites.melodies import star_spangled_banner


def test_the_melody_is_what_its_notes_say(tmp_path):
    """The notes that the suite names by their hash are those of the tune, 4 s of it."""
    path = tmp_path / "notes.csv"
    for row in load_frozen("key-invariance").notes:
        write_notes(path, star_spangled_banner(int(row.piece.rpartition(".")[2])))
        assert file_sha256(path) == row.sha256
    assert read_notes(path).offset_s.max() <= 4
