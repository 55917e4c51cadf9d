"""Cards say where a dataset comes from and how to build it again, and that is true."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from timbrebench.core.errors import DatasetError, UnknownNameError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets import Dataset, DatasetConfiguration, build_dataset, verify_dataset
from timbrebench.datasets.dataset_card import CARD
from timbrebench.datasets.dataset_summary import summarise
from timbrebench.datasets.importing.imported_dataset import FOLDER_IMPORT
from timbrebench.datasets.rebuilding import card_of, rebuild_dataset

CONFIGURATION = DatasetConfiguration(
    pieces=4, instruments=("piano", "clarinet"), soundfonts=("TimGM6mb",), renderings=1, clip_duration_s=1.0
)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    return build_dataset(
        CONFIGURATION, tmp_path_factory.mktemp("built") / "dataset", executor=InlineExecutor()
    )


def test_the_card_names_sources_licences_counts_and_software(rendered):
    card = (rendered.root / CARD).read_text()
    assert card.startswith("# Rendered music with known notes\n")
    for source in rendered.description["sources"]:
        assert source["name"] in card
        assert source.get("sha256", "") in card
    assert "| TimGM6mb | family TimGM6mb | GPL 2 |" in card
    assert "| clips | 8 |" in card
    assert "| clarinet | 4 |" in card
    assert f"| fluidsynth | {rendered.description['software']['fluidsynth']} |" in card
    assert '"clip_duration_s": 1.0' in card
    for row in card.splitlines():
        if row.startswith("|"):
            assert row.endswith("|")


def test_the_card_is_part_of_the_dataset(rendered):
    assert rendered.description["files"][CARD]
    assert verify_dataset(rendered.root) == []
    # The folder is not on it, nor the time, or equal datasets would have different cards.
    assert str(rendered.root) not in (rendered.root / CARD).read_text()


def test_a_dataset_from_before_there_were_cards_opens_and_has_one(rendered, tmp_path):
    root = tmp_path / "old"
    shutil.copytree(rendered.root, root)
    (root / CARD).unlink()
    description = json.loads((root / "dataset.json").read_text())
    del description["files"][CARD]
    (root / "dataset.json").write_text(json.dumps(description))
    assert verify_dataset(root) == []
    assert card_of(Dataset.open(root)) == (rendered.root / CARD).read_text()


def test_a_description_of_before_has_the_card_of_before():
    description = {
        "builder": "folder-import",
        "configuration": {"source": {"kind": "subfolders", "path": "in"}},
        "counts": {"clips": 3, "failures": 0, "label": {"piano": 2, "a|b": 1}},
        "sources": [{"name": "recordings", "files": 2, "licence": "CC0", "sha256": "5c8a"}],
        "software": {"python": "3.11.7", "av": "18.1.0"},
    }
    card = FOLDER_IMPORT.card(description)
    # A card is part of a dataset's bytes: no change of wording or of tables may reach it.
    assert (
        hashlib.sha256(card.encode()).hexdigest()
        == "9d156fcb1338cda347df43d8e8800d77f0105ba387f4edc64d21c78c92b10a93"
    )


def test_what_the_card_says_builds_the_same_bytes(rendered, tmp_path, same_files):
    again = rebuild_dataset(rendered.root, tmp_path / "again", executor=InlineExecutor())
    assert same_files(rendered.root, again.root)


def test_the_card_promises_no_more_than_can_be_done(rendered):
    command = "timbrebench dataset rebuild"
    assert command in card_of(rendered)
    suite = {**rendered.description, "configuration": {"suite": "a frozen one", "pairs": 30}}
    card = card_of(replace(rendered, description=suite))
    assert command not in card
    assert '"pairs": 30' in card
    unknown = {**rendered.description, "builder": "somebody's"}
    assert command not in card_of(replace(rendered, description=unknown))


def test_an_import_is_built_again_from_its_description(tmp_path, generator, same_files):
    from timbrebench.datasets.importing.import_configuration import ImportConfiguration, SubfolderSource
    from timbrebench.datasets.importing.imported_dataset import import_dataset

    for label in ("a|b", "c"):
        (tmp_path / "in" / label).mkdir(parents=True)
        noise = generator.integers(-9000, 9000, 8000, np.int16)
        soundfile.write(tmp_path / "in" / label / "noise.wav", noise, 8_000)
    configuration = ImportConfiguration(
        source=SubfolderSource(path=str(tmp_path / "in")),
        clip_duration_s=0.5,
        sample_rate=8_000,
        licence="CC BY 4.0",
    )
    built = import_dataset(configuration, tmp_path / "first", executor=InlineExecutor())
    again = rebuild_dataset(built.root, tmp_path / "second", executor=InlineExecutor())
    assert same_files(built.root, again.root)
    assert "| recordings | files 2 | CC BY 4.0 |" in (built.root / CARD).read_text()


def test_mistakes_of_building_again_are_errors(rendered, tmp_path):
    with pytest.raises(DatasetError, match="choose another folder"):
        rebuild_dataset(rendered.root, rendered.root)
    root = tmp_path / "odd"
    shutil.copytree(rendered.root, root)
    description = json.loads((root / "dataset.json").read_text())
    (root / "dataset.json").write_text(json.dumps({**description, "builder": "audio-set"}))
    with pytest.raises(UnknownNameError, match="did you mean 'audioset'"):
        rebuild_dataset(root, tmp_path / "again")


def test_tables_of_what_a_dataset_holds(rendered):
    table = summarise(rendered, "label")
    assert table.clips.to_dict() == {"clarinet": 4, "piano": 4}
    assert table.pieces.tolist() == [4, 4]
    assert table.hours.tolist() == pytest.approx([4 / 3600] * 2, abs=1e-4)
    splits = set(rendered.manifest.split)
    assert table[sorted(splits)].sum(axis=1).tolist() == [4, 4]
    assert summarise(rendered, "split").clips.sum() == 8
    assert list(summarise(rendered, "soundfont").index) == ["TimGM6mb"]


def test_a_clip_counts_for_each_of_its_labels(rendered):
    both = rendered.manifest.assign(label="keys|piano")
    table = summarise(replace(rendered, manifest=both), "label")
    assert table.clips.to_dict() == {"keys": 8, "piano": 8}
