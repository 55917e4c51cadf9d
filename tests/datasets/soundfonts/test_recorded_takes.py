"""What a manifest of recorded notes says, and what it must not."""

import pytest

from timbrebench.core.errors import DatasetError
from timbrebench.datasets.soundfonts.recorded_takes import list_takes


def folder_of(folder, text):
    """Make a folder with a manifest and, empty, the files a.wav to d.wav."""
    for name in "abcd":
        (folder / f"{name}.wav").touch()
    (folder / "manifest.csv").write_text(text)
    return folder


def programs(folder):
    return {program: [take.path.name for take in takes] for program, takes in list_takes(folder).items()}


def test_three_columns_are_enough_and_names_are_general_midi_s_or_an_orchestra_s(tmp_path):
    rows = "a.wav,Cor anglais,60\nb.wav,double-bass,40\nc.wav,sax,60\nd.wav,orchestral-harp,60\n"
    assert programs(folder_of(tmp_path, f"path,instrument,midi\n{rows}")) == {
        69: ["a.wav"],
        43: ["b.wav"],
        66: ["c.wav"],
        46: ["d.wav"],
    }


def test_sources_stand_for_the_programs_of_their_instrument_in_the_order_of_their_names(tmp_path):
    rows = "a.wav,guitar,y,60\nb.wav,guitar,x,60\nc.wav,piano,z,60\nd.wav,piano,z,64\n"
    folder = folder_of(tmp_path, f"path,instrument,source,midi\n{rows}")
    assert programs(folder) == {24: ["b.wav"], 25: ["a.wav"], 0: ["c.wav", "d.wav"]}


def test_a_relative_is_played_only_where_general_midi_s_instrument_is_missing(tmp_path, capsys):
    rows = "a.wav,bass-clarinet,50\n"
    assert programs(folder_of(tmp_path, f"path,instrument,midi\n{rows}")) == {71: ["a.wav"]}
    assert not capsys.readouterr().err
    rows += "b.wav,clarinet,60\n"
    assert programs(folder_of(tmp_path, f"path,instrument,midi\n{rows}")) == {71: ["b.wav"]}
    assert "not played" in (said := capsys.readouterr().err)
    assert said.rstrip().endswith("bass-clarinet")


def test_dynamics_become_velocities_and_takes_that_change_are_left_out(tmp_path):
    rows = "a.wav,flute,60,ff\nb.wav,flute,61,pianissimo\nc.wav,flute,62,cresc-decresc\nd.wav,flute,63,\n"
    takes = list_takes(folder_of(tmp_path, f"path,instrument,midi,dynamic\n{rows}"))[73]
    assert [take.velocity for take in takes] == [112, 33, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,instrument\na.wav,piano\n", "lacks the columns midi"),
        (
            "path,instrument,midi\na.wav,piano,60\nnone.wav,piano,60\n",
            "row 3: lists none.wav, and there is no",
        ),
        ("path,instrument,midi\na.wav,vuvuzela,60\n", "row 2: unknown instrument 'vuvuzela'.*double-bass"),
        ("path,instrument,midi\na.wav,,60\n", "row 2: unknown instrument ''"),
        ("path,instrument,midi\na.wav,piano,60\na.wav,piano,61\n", "row 3: a.wav stands in the list twice"),
        ("path,instrument,midi,dynamic\na.wav,piano,60,loud\n", "row 2: the dynamic 'loud' is not one of"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(tmp_path, text, message):
    with pytest.raises(DatasetError, match=message):
        list_takes(folder_of(tmp_path, text))


@pytest.mark.parametrize("midi", ["440", "60.5", "C4", "", "-1", "128"])
def test_a_pitch_that_is_no_midi_number_is_an_error_with_its_row(tmp_path, midi):
    rows = f"\ufeffpath,instrument,source,midi\na.wav,piano,x,60\nb.wav,piano,x,{midi}\n"
    with pytest.raises(DatasetError, match=r"manifest\.csv, row 3: midi is .*whole MIDI number"):
        list_takes(folder_of(tmp_path, rows))


@pytest.mark.parametrize("path", ["../a.wav", "/a.wav", "a/../../b.wav", ""])
def test_a_recording_outside_of_the_folder_is_refused_with_its_row(tmp_path, path):
    with pytest.raises(DatasetError, match=r"manifest.csv, row 2: the path .* leads out of the folder"):
        list_takes(folder_of(tmp_path, f"path,instrument,midi\n{path},trumpet,60\n"))
