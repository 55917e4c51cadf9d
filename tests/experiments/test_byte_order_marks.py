"""Every text file that people write or edit may begin with a byte-order mark, as spreadsheets write it."""

import json
from importlib import resources

import numpy as np
import pytest

from timbrebench.audio import write_audio
from timbrebench.datasets import DatasetConfiguration
from timbrebench.datasets.audioset.ontology import Ontology
from timbrebench.datasets.audioset.segments import read_segments
from timbrebench.datasets.building import load_configuration as load_dataset_configuration
from timbrebench.datasets.importing.import_configuration import TableSource
from timbrebench.datasets.importing.recording_sources import list_folder
from timbrebench.datasets.notes import read_notes
from timbrebench.datasets.soundfonts.recorded_notes import RecordedNotes
from timbrebench.experiments.run.run_configuration import load_configuration
from timbrebench.experiments.suites.frozen_suite import load_frozen
from timbrebench.experiments.suites.recipes import load_recipe, read_packaged

NOTES = "onset_s,offset_s,pitch,velocity\n0,1,60,90\n"
SEGMENTS = '--PJHxphWEs,30.0,40.0,"/m/05r5c"\n'
NODES = [{"id": "/m/05r5c", "name": "Piano", "child_ids": []}]
LABELS = "index,mid,display_name\n0,/m/05r5c,Piano\n"


def segments(path):
    return read_segments([path])


def import_table(path):
    return list_folder(TableSource(path=str(path.parent), table=str(path))).entries


def ontology(path):
    (path.parent / "labels.csv").write_text(LABELS)
    return Ontology.read(path, path.parent / "labels.csv")


def class_labels(path):
    (path.parent / "ontology.json").write_text(json.dumps(NODES))
    return Ontology.read(path.parent / "ontology.json", path)


def recorded_notes(path):
    write_audio(path.parent / "a.wav", np.sin(np.arange(44_100) / 10).astype(np.float32), 44_100)
    return RecordedNotes(path.parent).sounding_pitches(0)


FILES = {
    "notes.csv": (NOTES, lambda path: read_notes(path).to_csv()),
    "published.csv": (f"# YTID, start_seconds, end_seconds, positive_labels\n{SEGMENTS}", segments),
    "copied.csv": (f"YTID,start_seconds,end_seconds,positive_labels\n{SEGMENTS}", segments),
    "bare.csv": (SEGMENTS, segments),
    "table.csv": ("path,label\na.wav,piano\n", import_table),
    "ontology.json": (json.dumps(NODES), ontology),
    "class_labels.csv": (LABELS, class_labels),
    "manifest.csv": ("path,instrument,source,midi\na.wav,piano,x,60\n", recorded_notes),
    "dataset.toml": ("pieces = 5\n", lambda path: load_dataset_configuration(path, DatasetConfiguration)),
    "run.toml": (
        (resources.files("timbrebench.experiments") / "profiles" / "smoke.toml").read_text(),
        lambda path: load_configuration(str(path)),
    ),
    "recipe.toml": (read_packaged("texture.toml"), lambda path: load_recipe(str(path))),
    "suite.json": (read_packaged("texture-2.json"), lambda path: load_frozen(str(path))),
}


@pytest.mark.parametrize("name", FILES)
def test_a_byte_order_mark_changes_nothing(tmp_path, name):
    text, read = FILES[name]
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    without = read(path)
    path.write_text(text, encoding="utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert repr(read(path)) == repr(without)
