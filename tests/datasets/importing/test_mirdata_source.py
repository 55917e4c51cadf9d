"""Published datasets through mirdata's own loaders, on music in their layout that is made for the tests."""

from __future__ import annotations

import csv
import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.core.errors import (
    ConfigurationError,
    DatasetError,
    MissingResourceError,
    UnknownNameError,
)
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets import verify_dataset
from timbrebench.datasets.importing.import_configuration import ImportConfiguration, MirdataSource
from timbrebench.datasets.importing.imported_dataset import import_dataset
from timbrebench.datasets.importing.mirdata_source import list_tracks
from timbrebench.datasets.notes import notes_table

pytest.importorskip("mirdata", reason="mirdata is not installed: pip install 'timbrebench[mirdata]'")

RATE = 22_050
INSTRUMENTS = {"piano": (4, 0), "tenor saxophone": (5, 66), "trumpet": (6, 56)}


def digest(path):
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def medley(synthesizer, tmp_path_factory):
    """Medley-solos-DB: clips of 3 s, two out of each song, with the index beside the audio."""
    home = tmp_path_factory.mktemp("medley_solos_db")
    (home / "audio").mkdir()
    (home / "annotation").mkdir()
    tracks, rows = {}, []
    for name, (number, program) in INSTRUMENTS.items():
        for take in range(4):
            pitches = np.random.default_rng([number, take]).integers(60, 72, 12)
            notes = notes_table([(i / 4, i / 4 + 0.2, int(pitch), 90) for i, pitch in enumerate(pitches)])
            samples = synthesizer.render(notes, program, 3.0, RATE)
            track = f"{number:08d}-0000-4000-8000-{take:012d}"
            path = home / "audio" / f"Medley-solos-DB_test-{number}_{track}.wav"
            soundfile.write(path, samples / np.abs(samples).max() / 2, RATE)
            tracks[track] = {"audio": [f"audio/{path.name}", digest(path)]}
            song = 10 * number + take // 2
            rows.append({"subset": "test", "instrument": name, "instrument_id": number, "song_id": song})
            rows[-1]["uuid4"] = track
    tracks["lost"] = {"audio": ["audio/lost.wav", "0"]}
    rows.append({**rows[0], "uuid4": "lost"})
    tracks["without"] = {"audio": [None, None]}
    with (home / "annotation" / "Medley-solos-DB_metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["subset", "instrument", "instrument_id", "song_id", "uuid4"])
        writer.writeheader()
        writer.writerows(rows)
    (home / "medley_solos_db_index_1.2.json").write_text(json.dumps({"version": "1.2", "tracks": tracks}))
    return home


def configured(home, **settings):
    settings = {"loader": "medley_solos_db", "data_home": str(home), "label": "instrument", **settings}
    return ImportConfiguration(source=MirdataSource(**settings), clip_duration_s=1.5, sample_rate=RATE)


@pytest.fixture(scope="module")
def dataset(medley, tmp_path_factory):
    root = tmp_path_factory.mktemp("built") / "dataset"
    return import_dataset(configured(medley, piece="song_id"), root, executor=InlineExecutor())


def test_tracks_become_clips_with_the_loaders_labels(dataset):
    assert dataset.labels == tuple(sorted(INSTRUMENTS))
    assert dataset.manifest.groupby("label").clip_id.count().tolist() == [8, 8, 8]
    assert verify_dataset(dataset.root) == []
    failures = pd.read_csv(dataset.root / "failures.csv").set_index("source").reason
    assert failures.to_dict() == {"lost": "no such file", "without": "has no audio"}


def test_clips_of_a_song_stay_in_one_split(dataset):
    songs = dataset.manifest.groupby("piece")
    assert songs.source.nunique().eq(2).all()
    assert songs.split.nunique().eq(1).all()
    assert set(dataset.manifest.piece) == {"40", "41", "50", "51", "60", "61"}


def test_licence_and_citation_are_on_the_card(dataset):
    assert dataset.description["builder"] == "mirdata-import"
    source = dataset.description["sources"][1]
    assert (source["name"], source["version"]) == ("medley_solos_db", "1.2")
    card = (dataset.root / "README.md").read_text()
    assert "Creative Commons Attribution 4.0" in card
    assert "@inproceedings{lostanlen2019ismir" in card
    assert "mirdata" in dataset.description["software"]


def test_numbers_are_labels_too_and_tracks_are_pieces_without_a_song(medley, tmp_path):
    source = MirdataSource(loader="medley_solos_db", data_home=str(medley), label="instrument_id")
    listing = list_tracks(source)
    assert {entry.label for entry in listing.entries} == {"4", "5", "6"}
    assert all(entry.piece == entry.source for entry in listing.entries)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"loader": "medley_solo_db"}, UnknownNameError, "did you mean 'medley_solos_db'"),
        ({"label": "instument"}, UnknownNameError, "did you mean 'instrument'"),
        ({"label": "audio"}, ConfigurationError, "'audio' of medley_solos_db is a tuple, not a label"),
        ({"audio": "song_id"}, ConfigurationError, "is a int, not a path"),
        ({"version": "9"}, ConfigurationError, "Invalid version 9"),
        ({"data_home": "absent"}, DatasetError, "absent: no such folder"),
    ],
)
def test_mistakes_are_errors_before_anything_is_written(medley, tmp_path, settings, error, message):
    with pytest.raises(error, match=message):
        import_dataset(configured(medley, **settings), tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()


def test_a_missing_index_or_missing_metadata_say_what_to_do(tmp_path, medley):
    with pytest.raises(MissingResourceError, match=r"or put medley_solos_db_index_1.2.json there"):
        import_dataset(configured(tmp_path), tmp_path.parent / "dataset")
    (tmp_path / "medley_solos_db_index_1.2.json").write_bytes(
        (medley / "medley_solos_db_index_1.2.json").read_bytes()
    )
    with pytest.raises(MissingResourceError, match="Metadata not found"):
        import_dataset(configured(tmp_path), tmp_path.parent / "dataset")


def test_another_loader_in_another_layout(synthesizer, scale, tmp_path):
    """TinySOL: a note for each file, the instruments in a table."""
    home = tmp_path / "tinysol"
    header = (
        "Path,Fold,Family,Instrument (abbr.),Instrument (in full),Technique (abbr.),Technique (in full),"
        "Pitch,Pitch ID,Dynamics,Dynamics ID,Instance ID,String ID,Resampled"
    )
    lines, tracks = [header], {}
    for abbreviation, full, program in (("TpC", "Trumpet in C", 56), ("Vn", "Violin", 40)):
        folder = home / "audio" / full
        folder.mkdir(parents=True)
        name = f"{abbreviation}-ord-C4-mf"
        samples = synthesizer.render(scale, program, 2.0, RATE)
        soundfile.write(folder / f"{name}.wav", samples / np.abs(samples).max() / 2, RATE)
        path = f"{full}/{name}.wav"
        tracks[name] = {"audio": [f"audio/{path}", "0"]}
        lines.append(f"{path},0,family,{abbreviation},{full},ord,ordinario,C4,60,mf,2,0,,FALSE")
    (home / "annotation").mkdir()
    (home / "annotation" / "TinySOL_metadata.csv").write_text("\n".join(lines) + "\n")
    (home / "tinysol_index_6.0.json").write_text(json.dumps({"version": "6.0", "tracks": tracks}))
    source = MirdataSource(loader="tinysol", data_home=str(home), label="instrument_full")
    configuration = ImportConfiguration(source=source, clip_duration_s=1.0, sample_rate=RATE)
    built = import_dataset(configuration, tmp_path / "dataset", executor=InlineExecutor())
    assert built.labels == ("Trumpet in C", "Violin")
    assert len(built) == 4
