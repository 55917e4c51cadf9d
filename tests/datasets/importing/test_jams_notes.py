"""Notes out of JAMS files, as its own writer and older ones lay them out."""

from __future__ import annotations

import json

import pytest

from timbrebench.core.errors import CorpusError
from timbrebench.datasets.importing.jams_notes import read_jams

STRINGS = [[(0.0, 0.5, 52.1), (0.5, 0.5, 54.0)], [(0.25, 1.0, 59.9)], []]


def annotation(namespace, observations):
    data = [
        dict(zip(("time", "duration", "value"), each, strict=True), confidence=None) for each in observations
    ]
    return {"namespace": namespace, "data": data}


def jams(path, *annotations):
    path.write_text(json.dumps({"annotations": list(annotations), "file_metadata": {"duration": 2}}))
    return path


def test_all_annotations_of_notes_count_as_those_of_guitar_strings(tmp_path):
    others = [
        annotation("beat", [(0.0, 0.0, 1)]),
        annotation("pitch_contour", [(0.0, 0.0, {"frequency": 9})]),
    ]
    strings = [annotation("note_midi", each) for each in STRINGS]
    notes = read_jams(jams(tmp_path / "a.jams", *others, *strings))
    assert notes.rows.to_numpy().tolist() == [[0, 0.5, 52.1, 64], [0.25, 1.25, 59.9, 64], [0.5, 1.0, 54, 64]]
    assert notes.rows.index[1] == "annotation 4, observation 1"


@pytest.mark.parametrize(
    ("namespace", "value"),
    [("note_midi", 69.0), ("note_hz", 440.0), ("pitch_midi", 69.0), ("pitch_hz", 440.0)],
)
def test_namespaces_and_columns_of_older_files(tmp_path, namespace, value):
    data = {"time": [0.0, 1.0], "duration": [0.5, 0.5], "value": [value, value], "confidence": [None, None]}
    notes = read_jams(jams(tmp_path / "a.jams", {"namespace": namespace, "data": data}))
    assert notes.rows.to_numpy().tolist() == [[0, 0.5, 69, 64], [1, 1.5, 69, 64]]


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ([annotation("chord", [(0, 1, "G:maj")])], "holds no note: .* it has chord"),
        ([annotation("note_midi", [])], "holds no note"),
        ([annotation("pitch_hz", [(0, 0, 440), (0.01, 0, 441)])], "holds no note"),
        ([annotation("note_midi", [(0, 1, 60), (1, 1, "C4")])], "annotation 1, observation 2: pitch is nan"),
        ([annotation("note_midi", [(0, 1, 60), (1, 0, 61)])], "observation 2: .* ends at its onset"),
        ([annotation("note_midi", [(0, 1, 60), (0.5, 1, 60)])], "observation 2: the note 60 begins at 0.5"),
        (
            [annotation("note_midi", [(i, 1, 60) for i in range(4)])] * 2,
            "2 annotations .* hold the same notes",
        ),
        ([{"namespace": "note_midi", "data": {"time": [0], "duration": [], "value": [60]}}], "of one length"),
        ([{"namespace": "note_midi", "data": 7}], "annotation 1: has no list of observations"),
        ([7], "is not JAMS"),
    ],
)
def test_what_is_not_a_file_of_notes_says_why(tmp_path, annotations, reason):
    with pytest.raises(CorpusError, match=rf"a\.jams.*{reason}"):
        read_jams(jams(tmp_path / "a.jams", *annotations))


def test_one_pitch_on_two_strings_is_not_an_error(tmp_path):
    strings = [[(i, 0.9, 50 + i) for i in range(8)], [(3.5, 0.4, 53), (5, 1, 70)]]
    assert (
        len(read_jams(jams(tmp_path / "a.jams", *(annotation("note_midi", each) for each in strings))).rows)
        == 10
    )
