"""Files of notes of every kind that a list of recordings may name."""

from __future__ import annotations

import json

import numpy as np
import pretty_midi
import pytest

from timbrebench.core.errors import CorpusError, DatasetError
from timbrebench.datasets.importing.note_files import NoteFile, listed_file

NOTES = [(0.0, 0.5, 69), (0.5, 1.25, 57), (1.25, 2.0, 81)]


def hertz(pitch):
    return 440 * 2 ** ((pitch - 69) / 12)


def read(path, content):
    path.write_text(content)
    return listed_file(path.name, path, "list.csv, row 2").read()


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("onset_s,offset_s,pitch,velocity", "{on},{off},{pitch},64"),
        ("start,end,midi", "{on},{off},{pitch}"),
        ("start_time,end_time,note", "{on},{off},{pitch}"),
        ("Onset,Duration,Frequency", "{on},{length},{hertz}"),
        ("onset (s);offset (s);pitch [Hz]", "{on};{off};{hertz}"),
        ("onset\toffset\tpitch_hz\tlabel", "{on}\t{off}\t{hertz}\tla"),
        ("start,end,midi,frequency", "{on},{off},{pitch},0"),
        (
            "onset_s,offset_s,pitch,velocity,octave_shift,drum",
            "{on},{off},{pitch},64,0,0\n{on},{off},36,1,0,1",
        ),
    ],
)
def test_tables_of_usual_columns(tmp_path, header, row):
    lines = [
        row.format(on=on, off=off, length=off - on, pitch=pitch, hertz=hertz(pitch))
        for on, off, pitch in NOTES
    ]
    notes = read(tmp_path / "a.csv", "\n".join([header, *lines]))
    assert notes.rows.to_numpy() == pytest.approx(np.array([[*note, 64] for note in NOTES]))


def test_midi_and_jams_have_the_same_notes(tmp_path):
    midi = pretty_midi.PrettyMIDI()
    midi.instruments = [pretty_midi.Instrument(0), pretty_midi.Instrument(0, is_drum=True)]
    midi.instruments[0].notes = [pretty_midi.Note(64, pitch, on, off) for on, off, pitch in NOTES]
    midi.instruments[1].notes = [pretty_midi.Note(90, 36, 0, 0.1)]
    midi.write(str(tmp_path / "a.mid"))
    notes = NoteFile("a.mid", tmp_path / "a.mid").read()
    assert notes.rows.to_numpy() == pytest.approx(np.array([[*note, 64] for note in NOTES]), abs=2e-3)
    assert notes.rows.index[1] == "note 57 at 0.5 s"
    data = [{"time": on, "duration": off - on, "value": pitch} for on, off, pitch in NOTES]
    annotations = {"annotations": [{"namespace": "note_midi", "data": data}]}
    jams = read(tmp_path / "a.JAMS", json.dumps(annotations))
    assert jams.rows.to_numpy() == pytest.approx(np.array([[*note, 64] for note in NOTES]))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("start,end,midi\n0,1,60\n2,3,60\n\n1,2,60\n", r"row 5: onset_s is 1, after one of 2: sort the rows"),
        ("start,end,midi\n0,1,60\n0.5,2,60\n", r"row 3: the note 60 begins at 0\.5 s, while that of row 2"),
        ("start,end,midi\n0,1,60\n1,1,60\n", r"row 3: offset_s is 1: the note ends at its onset"),
        ("start,end,midi\n0,1,60\n1,0.5,60\n", r"row 3: offset_s is 0\.5: the note ends before its onset"),
        ("start,end,midi\n0,1,60\n1,,60\n", "row 3: offset_s is missing"),
        ("start,end,midi\n-1,1,60\n", "row 2: onset_s is -1"),
        ("start,end,note\n0,1,C4\n", "row 2: pitch is C4"),
        (
            "start_time,end_time,note\n0,9182,60\n88200,176400,60\n",
            "row 3: .* not milliseconds, samples or ticks",
        ),
        ("start,end,midi,velocity\n0,1,60,0.5\n", r"row 2: velocity is 0\.5"),
        ("0,440,1\n", "named in the first line"),
        ("start,end\n0,1\n", "lacks pitch or frequency_hz"),
        ("start_ms,end_ms,midi\n0,1,60\n", "lacks onset_s, offset_s or duration_s"),
        ("start,end,midi\n", "holds no note"),
        ("", "lacks onset_s"),
    ],
)
def test_what_is_not_a_table_of_a_recording_s_notes_says_why(tmp_path, content, reason):
    with pytest.raises(CorpusError, match=rf"a\.csv.*{reason}"):
        read(tmp_path / "a.csv", content)


def test_kinds_of_files_are_known_by_their_names(tmp_path):
    (tmp_path / "a.pdf").write_text("")
    with pytest.raises(
        DatasetError, match=r"^list, row 2: the notes 'a\.pdf' end in none of \.csv, .*\.jams"
    ):
        listed_file("a.pdf", tmp_path / "a.pdf", "list, row 2")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(DatasetError, match=r"'b\.csv': .*folder"):
        listed_file("b.csv", tmp_path / "b.csv", "list, row 2")
