"""Notes of mirdata's tracks: of its classes, and of excerpts of published datasets in its loaders' layout."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from timbrebench.core.errors import ConfigurationError, CorpusError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets import verify_dataset
from timbrebench.datasets.importing.import_configuration import ImportConfiguration, MirdataSource
from timbrebench.datasets.importing.imported_dataset import import_dataset
from timbrebench.datasets.importing.mirdata_notes import NOTES, track_notes
from timbrebench.datasets.importing.recording_notes import settle

annotations = pytest.importorskip(
    "mirdata.annotations", reason="mirdata is not installed: pip install 'timbrebench[mirdata]'"
)

EXCERPTS = Path(__file__).parents[4] / "shared" / "data" / "performances" / "mirdata"

needs_excerpts = pytest.mark.skipif(
    not EXCERPTS.is_dir(), reason=f"excerpts of datasets in mirdata's layout are not in {EXCERPTS}"
)


def note_data(intervals, pitches, **settings):
    settings = {"interval_unit": "s", "pitch_unit": "hz", **settings}
    return annotations.NoteData(np.array(intervals, float), pitches=np.array(pitches, float), **settings)


def test_units_are_converted_and_only_velocities_are_taken_for_velocities():
    seconds = track_notes("t", "notes", note_data([[0.0, 1.0], [1.0, 2.0]], [440.0, 441.0]))
    milliseconds = note_data(
        [[0.0, 1000.0], [1000.0, 2000.0]],
        [69.0, 69.04],
        interval_unit="ms",
        pitch_unit="midi",
        confidence=np.array([0.0, 100.0]),
        confidence_unit="velocity",
    )
    for notes, velocities in ((seconds, [64, 64]), (track_notes("t", "notes", milliseconds), [1, 100])):
        table, _ = settle(notes.read())
        assert table.onset_s.tolist() == [0, 1]
        assert table.pitch.tolist() == [69, 69]
        assert table.velocity.tolist() == velocities
        assert notes.read().cents.tolist() == pytest.approx([0, 4], abs=0.1)
    likely = note_data([[0.0, 1.0]], [440.0], confidence=np.array([0.9]), confidence_unit="likelihood")
    assert settle(track_notes("t", "notes", likely).read())[0].velocity.tolist() == [64]


def test_overlaps_of_two_strings_end_the_earlier_note():
    overlapping = note_data([[0.0, 2.0], [1.0, 3.0]], [60.0, 60.0], pitch_unit="midi")
    table, repairs = settle(track_notes("t", "notes", overlapping).read())
    assert table.offset_s.tolist() == [1, 3]
    assert repairs == ("notes that are struck while their pitch sounds, which end the one before: 1",)


def test_what_is_not_notes_and_what_cannot_be_read():
    assert track_notes("t", "notes", None) is None
    with pytest.raises(ConfigurationError, match="'beats' is a int, not mirdata's NoteData"):
        track_notes("t", "beats", 7)
    ticks = track_notes("t", "notes", note_data([[0.0, 1.0]], [440.0], interval_unit="ticks"))
    with pytest.raises(CorpusError, match="t: its notes have times in ticks"):
        ticks.read()


def test_loaders_have_the_notes_that_they_are_said_to_have():
    for loader, attribute in NOTES.items():
        source = Path(importlib.util.find_spec(f"mirdata.datasets.{loader}").origin).read_text(
            encoding="utf-8"
        )
        assert f"def {attribute}(" in source, loader


def entry(home, name):
    return [name, "0"] if name else [None, None]


def copied(loader, tmp_path, index, tracks, **more):
    """Copy an excerpt, and put the loader's index beside it, as its users do who are not online."""
    home = tmp_path / loader
    shutil.copytree(EXCERPTS / loader, home, copy_function=shutil.copyfile)
    tracks = {
        track: {key: entry(home, name) for key, name in files.items()} for track, files in tracks.items()
    }
    (home / index).write_text(json.dumps({"version": "test", "tracks": tracks, **more}))
    return home


def imported(loader, home, label, **settings):
    source = MirdataSource(loader=loader, data_home=str(home), label=label, **settings)
    configuration = ImportConfiguration(source=source, clip_duration_s=2.0)
    return import_dataset(configuration, home.parent / "dataset", executor=InlineExecutor())


@needs_excerpts
def test_vocadito(tmp_path):
    """Sung pitches in hertz, by two annotators."""
    files = {"audio": "Audio/vocadito_1.wav", "f0": "Annotations/F0/vocadito_1_f0.csv"}
    files |= {"lyrics": "Annotations/Lyrics/vocadito_1_lyrics.txt"}
    files |= {f"notes{who}": f"Annotations/Notes/vocadito_1_notes{who}.csv" for who in ("A1", "A2")}
    home = copied("vocadito", tmp_path, "vocadito_index_1.0.json", {"1": files})
    dataset = imported("vocadito", home, "language")
    assert verify_dataset(dataset.root) == []
    assert dataset.description["counts"]["notes"] == 59
    clip = next(iter(dataset.clips()))
    lines = (home / "Annotations/Notes/vocadito_1_notesA1.csv").read_text().splitlines()
    onset, frequency, _ = map(float, lines[0].split(","))
    first = dataset.notes(clip).iloc[0]
    assert first.onset_s == pytest.approx(onset, abs=1e-4)
    assert first.pitch == round(69 + 12 * np.log2(frequency / 440))
    assert clip.piece != "1"
    assert dataset.manifest.source_piece.unique() == ["1"]


@needs_excerpts
def test_guitarset(tmp_path):
    """Notes of six strings; the excerpt's audio is silent, so a tone stands for it."""
    track = "03_BN3-119-G_solo"
    files = {"jams": f"annotation/{track}.jams", "audio_mic": f"audio_mono-mic/{track}_mic.wav"}
    files |= {"audio_mix": f"audio_mono-pickup_mix/{track}_mix.wav"}
    files |= {"audio_hex": None, "audio_hex_cln": None}
    home = copied("guitarset", tmp_path, "guitarset_index_1.1.0.json", {track: files})
    tone = 0.1 * np.sin(2 * np.pi * 392 * np.arange(88_200) / 44_100)
    soundfile.write(home / files["audio_mic"], tone, 44_100)
    dataset = imported("guitarset", home, "style", audio="audio_mic_path")
    notes = dataset.notes(next(iter(dataset.clips())))
    assert notes.pitch.tolist() == [67, 120, 71, 120, 71, 120]
    assert notes.onset_s.tolist() == sorted(notes.onset_s)


@needs_excerpts
def test_jtd(tmp_path):
    """MIDI of the piano; bass and drums have no notes."""
    song = "barronk-allgodschildren-drummondrrileyb-1990-8b77c067"
    tracks = {
        f"{song}_{player}": {
            "audio": f"processed/{song}_{player}.wav",
            "onsets": f"annotations/{song}/{player}_onsets.csv",
            "midi": f"annotations/{song}/piano_midi.mid" if player == "piano" else None,
            "beats": f"annotations/{song}/beats.csv",
            "metadata": f"annotations/{song}/metadata.json",
        }
        for player in ("piano", "bass", "drums")
    }
    home = copied("jtd", tmp_path, "jtd_index_2.0.json", tracks, multitracks={})
    dataset = imported("jtd", home, "instrument")
    assert verify_dataset(dataset.root) == []
    assert dataset.labels == ("bass", "drums", "piano")
    counts = dataset.description["counts"]
    assert (counts["pieces"], counts["pieces_with_notes"], counts["notes"]) == (3, 1, 69)
    piano = dataset.notes(next(iter(dataset.select(label="piano").clips())))
    assert piano.velocity.nunique() > 5


@needs_excerpts
def test_a_track_whose_notes_cannot_be_used_is_imported_without_them(tmp_path):
    files = {"audio": "Audio/vocadito_1.wav", "f0": None, "lyrics": None, "notesA2": None}
    files["notesA1"] = "Annotations/Notes/vocadito_1_notesA1.csv"
    home = copied("vocadito", tmp_path, "vocadito_index_1.0.json", {"1": files})
    table = (home / files["notesA1"]).read_text().splitlines()
    (home / files["notesA1"]).write_text("\n".join([*table, "40.0,440.0,1.0"]) + "\n")
    dataset = imported("vocadito", home, "language")
    assert len(dataset) > 10
    assert not (dataset.root / "notes").exists()
    failures = (dataset.root / "failures.csv").read_text()
    assert "1,\"its notes cannot be used: 1, note 60: onset_s is 40, after the recording's end" in failures
