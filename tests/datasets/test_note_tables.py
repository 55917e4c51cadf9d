import contextlib

import numpy as np
import pandas as pd
import pytest

from timbrebench.core.errors import CorpusError, DatasetError
from timbrebench.datasets.note_tables import COLUMN_NAMES, LONGEST_S, read_table
from timbrebench.datasets.notes import read_drums, read_notes, write_notes
from timbrebench.metrics import score

ROWS = [(0.0, 0.5, 60, 90), (0.5, 1.25, 64, 80), (1.25, 2.0, 67, 127)]
EXPECTED = pd.DataFrame(ROWS, columns=["onset_s", "offset_s", "pitch", "velocity"])


def table(path, header, rows=ROWS, *, separator=",", decimal=".", encoding="utf-8", end="\n"):
    lines = [separator.join(header), *(separator.join(map(str, row)).replace(".", decimal) for row in rows)]
    path.write_bytes(end.join([*lines, ""]).encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("separator", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ",")]
)
def test_separators_and_ends_of_lines_of_all_spreadsheets_are_read(
    tmp_path, separator, decimal, end, encoding
):
    path = table(
        tmp_path / "a.csv", EXPECTED, separator=separator, decimal=decimal, encoding=encoding, end=end
    )
    pd.testing.assert_frame_equal(read_notes(path), EXPECTED)


@pytest.mark.parametrize(
    ("name", "alias"), [(name, alias) for name, aliases in COLUMN_NAMES.items() for alias in aliases]
)
def test_columns_may_have_other_names(tmp_path, name, alias):
    """In any case; and a duration may stand for the end."""
    header = [*EXPECTED]
    header[header.index("offset_s" if name == "duration_s" else name)] = alias.title().replace("_", " ")
    rows = ROWS
    if name == "duration_s":
        rows = [(onset, offset - onset, pitch, velocity) for onset, offset, pitch, velocity in ROWS]
    pd.testing.assert_frame_equal(read_notes(table(tmp_path / "a.csv", header, rows))[[*EXPECTED]], EXPECTED)


def test_a_column_of_the_project_s_own_name_counts_before_others(tmp_path):
    path = table(tmp_path / "a.csv", [*EXPECTED, "note", "start"], [(*row, "C4", 1) for row in ROWS])
    pd.testing.assert_frame_equal(read_notes(path), EXPECTED)


def test_whole_numbers_may_be_written_as_decimals(tmp_path):
    rows = [(onset, offset, f"{pitch}.0", f"{velocity}.0") for onset, offset, pitch, velocity in ROWS]
    pd.testing.assert_frame_equal(read_notes(table(tmp_path / "a.csv", EXPECTED, rows)), EXPECTED)


def test_rows_have_the_numbers_that_editors_show(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\nonset_s,offset_s,pitch,velocity\n0,1,60,90\n\n1,2,60,90\n2,1,60,90\n\n")
    with pytest.raises(CorpusError, match=r"a\.csv, row 6: offset_s is 1"):
        read_notes(path)


WRONG = [
    ("pitch", "440", "440: give a whole MIDI number from 0 to 127: 69 for 440 Hz"),
    ("pitch", "261.63", "261.63: give a whole MIDI number"),
    ("pitch", "60.5", "whole MIDI number"),
    ("pitch", "-1", "whole MIDI number"),
    ("pitch", "128", "whole MIDI number"),
    ("pitch", "C4", "'C4': give a whole MIDI number"),
    ("pitch", "", "missing"),
    ("pitch", "inf", "whole MIDI number"),
    ("velocity", "0", "from 1 to 127"),
    ("velocity", "0.7", "from 1 to 127"),
    ("velocity", "128", "from 1 to 127"),
    ("velocity", "nan", "(missing|'nan')"),
    ("onset_s", "inf", "give finite seconds"),
    ("onset_s", "", "missing"),
    ("onset_s", "0:01", "'0:01': give finite seconds"),
    ("onset_s", str(LONGEST_S + 1), "give finite seconds"),
    ("offset_s", "-inf", "give finite seconds"),
    ("offset_s", "nan", "(missing|'nan')"),
    ("offset_s", "0.1", "ends before its onset"),
    ("offset_s", "0.5", "ends at its onset"),
    ("octave_shift", "0.5", "-10 to 10"),
    ("drum", "yes", "0 to 1"),
]


@pytest.mark.parametrize(("column", "value", "reason"), WRONG)
def test_what_is_no_note_is_an_error_with_its_row(tmp_path, column, value, reason):
    rows = EXPECTED.assign(octave_shift=0, drum=0).astype(str)
    rows.loc[1, column] = value
    path = tmp_path / "notes.csv"
    rows.to_csv(path, index=False)
    for read in (read_notes, read_drums):
        with pytest.raises(CorpusError, match=rf"notes\.csv, row 3: {column} is .*{reason}"):
            read(path)


@pytest.mark.parametrize(
    ("column", "value", "reason"), [case for case in WRONG if case[0] in EXPECTED and "at its" not in case[2]]
)
def test_notes_of_callers_are_checked_alike(column, value, reason):
    notes = EXPECTED.astype(object)
    notes.loc[1, column] = value or None
    with contextlib.suppress(ValueError):
        notes.loc[1, column] = float(value)
    sound = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    for name in ("notes", "style_notes"):
        with pytest.raises(DatasetError, match=f"row 1 from 0: {column} is .*{reason}"):
            score(sound, content=sound, style=sound, sample_rate=8_000, **{name: notes})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("start,end,frequency,velocity\n0,1,440,90\n", "pitches in hertz"),
        ("start;end;f0_hz;vel\n0;1;440;90\n", "pitches in hertz"),
        ("onset,offset,pitch\n0,1,60\n", "lacks velocity"),
        ("start_ms,end_ms,pitch,velocity\n0,1,60,90\n", "lacks onset_s, offset_s"),
        ("onset|offset|pitch|velocity\n0|1|60|90\n", "separated by commas, semicolons or tabs"),
        ("0,0.5,60,90\n0.5,1,62,90\n", "header '0,0.5,60,90' lacks"),
        ("start,onset,end,pitch,velocity\n0,0,1,60,90\n", "names onset_s twice"),
        ("onset_s,offset_s,pitch,pitch,velocity\n0,1,60,61,90\n", "names pitch twice"),
        ("onset_s,offset_s,pitch,velocity\n0,1,60,90,5\n", "row 2: has 5 cells"),
        ("onset_s,offset_s,pitch,velocity\n\n0,0,1,5,60,90\n", "row 3: has 6 cells .*semicolons"),
        ("onset_s,offset_s,pitch,velocity\n" + "0,120,60,90\n120,250,62,90\n" * 2, "seconds, not in milli"),
        ("start;duration;pitch;velocity\n" + "0;480;60;90\n" * 4, "seconds, not in milliseconds"),
        ("onset_s,offset_s,pitch,velocity\n0,1,60,90,," + "x" * 200_000 + "\n", "row 2: cannot be read"),
        ('onset_s,offset_s,pitch,velocity\n0,1,"60,90\n', "cannot be read|missing"),
        ("", "needs the columns"),
        ("\n\n", "needs the columns"),
        ("{}", "needs the columns"),
        ("onset_s,offset_s,pitch,velocity" + "x" * 200_000 + "\n", "cannot be read"),
        ("onset_s,offset_s,pitch,velocity" + "," * 50_000 + "\n" + "0\n" * 50_000, "cannot be read"),
        ("onset_s,offset_s,pitch,velocity\n\x00,1,60,90\n", "onset_s"),
        (b"\xff\xfeo\x00n\x00", "not UTF-8"),
    ],
)
def test_what_is_no_table_of_notes_says_why(tmp_path, content, reason):
    path = tmp_path / "notes.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CorpusError, match=rf"notes\.csv.*({reason})"):
        read_notes(path)


def test_drones_and_separators_at_the_end_are_read(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("onset_s,offset_s,pitch,velocity\n0,1,60,90,\n0,300,36,90\n0,300,43,90,\n")
    assert list(read_notes(path).offset_s) == [1, 300, 300]


def test_a_folder_and_a_missing_file_are_errors(tmp_path):
    for path in (tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(CorpusError, match="cannot be read"):
            read_notes(path)


def test_no_notes_are_a_table_without_rows(tmp_path):
    assert read_table(table(tmp_path / "a.csv", EXPECTED, [])).empty


def test_what_is_written_is_read_to_the_last_digit(tmp_path):
    """As a dataset's files are, whose bytes follow from them."""
    generator = np.random.default_rng(0)
    onset = generator.uniform(0, 5000, 2000).round(4)
    notes = pd.DataFrame(
        {
            "onset_s": onset,
            "offset_s": (onset + generator.uniform(0.02, 9, 2000)).round(4),
            "pitch": generator.integers(0, 128, 2000),
            "velocity": generator.integers(1, 128, 2000),
            "octave_shift": generator.integers(-3, 4, 2000),
        }
    )
    write_notes(tmp_path / "a.csv", notes)
    pd.testing.assert_frame_equal(read_notes(tmp_path / "a.csv"), notes, check_exact=True)
    pd.testing.assert_frame_equal(
        read_notes(tmp_path / "a.csv"), pd.read_csv(tmp_path / "a.csv"), check_exact=True
    )
