"""Whatever is done to a dataset behind its back is found."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.core.errors import DatasetError
from timbrebench.core.files import file_sha256
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets import Dataset, verify_dataset
from timbrebench.datasets.importing.import_configuration import ImportConfiguration, SubfolderSource
from timbrebench.datasets.importing.imported_dataset import import_dataset

RATE = 8_000


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Six clips of three recordings."""
    folder = tmp_path_factory.mktemp("in")
    rng = np.random.default_rng(0)
    for name in ("rain/a.wav", "rain/b.wav", "wind/c.wav"):
        (folder / name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / name, rng.integers(-9000, 9000, RATE, np.int16), RATE)
    (folder / "wind" / "d.wav").write_bytes(b"none")
    source = SubfolderSource(path=str(folder))
    configuration = ImportConfiguration(source=source, clip_duration_s=0.5, sample_rate=RATE)
    return import_dataset(
        configuration, tmp_path_factory.mktemp("out") / "dataset", executor=InlineExecutor()
    ).root


@pytest.fixture
def root(original, tmp_path):
    shutil.copytree(original, tmp_path / "copy")
    return tmp_path / "copy"


def clips(root):
    return sorted((root / "audio").rglob("*.flac"))


def edit(root, change, *, cover=False):
    """Change the manifest; with `cover`, so that its SHA-256 is the one in the description."""
    manifest = pd.read_csv(root / "manifest.csv")
    manifest = change(manifest)
    manifest.to_csv(root / "manifest.csv", index=False)
    if cover:
        description = json.loads((root / "dataset.json").read_text())
        description["files"]["manifest.csv"] = file_sha256(root / "manifest.csv")
        (root / "dataset.json").write_text(json.dumps(description))
    return manifest


def test_what_was_built_is_whole(root):
    assert verify_dataset(root) == []


@pytest.mark.parametrize("name", ["manifest.csv", "failures.csv", "sources.csv", "README.md"])
def test_a_changed_table_or_card_is_found(root, name):
    (root / name).write_text((root / name).read_text() + " ")
    assert f"changed: {name}" in verify_dataset(root)


@pytest.mark.parametrize("name", ["failures.csv", "sources.csv", "README.md"])
def test_a_missing_table_or_card_is_found(root, name):
    (root / name).unlink()
    assert f"missing: {name}" in verify_dataset(root)


def test_a_single_changed_bit_is_found(root):
    path = clips(root)[2]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert verify_dataset(root) == [f"changed: {path.relative_to(root).as_posix()}"]


def test_a_missing_clip_is_found(root):
    path = clips(root)[0]
    path.unlink()
    assert verify_dataset(root) == [f"missing: {path.relative_to(root).as_posix()}"]


@pytest.mark.parametrize("name", ["audio/more.flac", "notes/a.csv", ".hidden", ".build/lock"])
def test_an_extra_file_is_found(root, name):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(b"")
    assert verify_dataset(root) == [f"not listed: {name}"]


@pytest.mark.parametrize("name", ["audio/00/.part-1.flac", "spectrograms/.part-2.npy", ".part-3.csv"])
def test_what_a_killed_writer_has_left_is_no_fault_of_the_dataset(root, name):
    (root / name).parent.mkdir(exist_ok=True, parents=True)
    (root / name).write_bytes(b"half a file")
    assert verify_dataset(root) == []


def test_a_link_to_nowhere_is_an_extra_file(root):
    (root / "audio" / "link").symlink_to("nowhere")
    assert verify_dataset(root) == ["not listed: audio/link"]


def test_a_removed_row_is_found(root):
    removed = pd.read_csv(root / "manifest.csv").path[0]
    edit(root, lambda manifest: manifest.iloc[1:])
    problems = verify_dataset(root)
    assert "changed: manifest.csv" in problems
    assert f"not listed: {removed}" in problems
    assert "dataset.json counts other clips than there are: 6, manifest.csv has 5" in problems


def test_a_manifest_that_has_lost_all_its_rows_is_found(root):
    manifest = root / "manifest.csv"
    manifest.write_text(manifest.read_text().splitlines()[0] + "\n")
    problems = verify_dataset(root)
    assert sum("not listed" in problem for problem in problems) >= 6


def test_a_removed_row_is_found_when_its_traces_are_covered(root):
    edit(root, lambda manifest: manifest.iloc[1:], cover=True)
    clip = next(path for path in clips(root) if path.name not in (root / "manifest.csv").read_text())
    clip.unlink()
    problems = verify_dataset(root)
    assert problems
    assert all(problem.startswith("dataset.json counts other") for problem in problems)


def test_an_added_row_is_found(root):
    def add(manifest):
        return pd.concat([manifest, manifest.iloc[:1].assign(clip_id="new", path="audio/new.flac")])

    edit(root, add)
    problems = verify_dataset(root)
    assert "changed: manifest.csv" in problems
    assert "missing: audio/new.flac" in problems


def test_a_repeated_row_is_found(root):
    edit(root, lambda manifest: pd.concat([manifest, manifest.iloc[:1]]), cover=True)
    manifest = pd.read_csv(root / "manifest.csv")
    problems = verify_dataset(root)
    assert f"listed twice: {manifest.clip_id[0]}" in problems
    assert f"listed twice: {manifest.path[0]}" in problems


@pytest.mark.parametrize("column", ["label", "split", "start_s", "duration_s", "sample_rate", "sha256"])
def test_an_edited_row_is_found(root, column):
    def change(manifest):
        value = {"split": "train" if manifest.split[0] != "train" else "test", "label": "snow"}.get(column)
        manifest.loc[0, column] = (
            manifest[column][1] if column == "sha256" else value or manifest[column][0] * 2 + 1
        )
        return manifest

    edit(root, change)
    assert "changed: manifest.csv" in verify_dataset(root)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("label", "snow", "dataset.json counts other label than there are"),
        ("sample_rate", 16_000, "has 8000 Hz, the manifest says 16000"),
        ("duration_s", 0.6, "lasts 0.5 s, the manifest says 0.6"),
        ("path", "../../elsewhere.flac", "outside the folder: ../../elsewhere.flac"),
        ("path", "/etc/passwd", "outside the folder: /etc/passwd"),
    ],
)
def test_an_edited_row_is_found_when_its_traces_are_covered(root, column, value, message):
    def change(manifest):
        manifest.loc[0, column] = value
        return manifest

    edit(root, change, cover=True)
    assert any(problem.startswith(message) for problem in verify_dataset(root))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("path", "../../elsewhere.flac"),
        ("path", "audio/../../elsewhere.flac"),
        ("path", "/etc/passwd"),
        ("path", ""),
        ("piece", "../../elsewhere"),
        ("piece", "a/../../../elsewhere"),
    ],
)
def test_a_row_that_leads_out_of_the_folder_is_refused_when_opened(root, column, value):
    def change(manifest):
        manifest.loc[1, column] = value
        return manifest

    edit(root, change, cover=True)
    problem = rf"manifest.csv, row 3: (the )?{column} .*(leads out of the folder|is empty)"
    with pytest.raises(DatasetError, match=problem):
        Dataset.open(root)


def test_names_with_dots_stay_in_the_folder(root):
    edit(root, lambda manifest: manifest.assign(piece="..a/b..", path="audio/..a.flac"), cover=True)
    assert len(Dataset.open(root)) == 6


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_link_that_leads_out_of_the_folder_is_refused(root, tmp_path, depth):
    """The clip itself, its folder, or the folder of all audio."""
    dataset = Dataset.open(root)
    clip = next(dataset.clips())
    place = [root / clip.path, *(root / clip.path).parents][depth]
    shutil.move(place, tmp_path / "outside")
    place.symlink_to(tmp_path / "outside")
    with pytest.raises(DatasetError, match=r"manifest.csv, row 2: .* leads out of .* by a link"):
        dataset.samples(clip)
    assert f"outside the folder: {clip.path}" in verify_dataset(root)


def test_notes_and_spectrograms_behind_links_are_refused(root, tmp_path):
    for name in ("notes", "spectrograms"):
        (tmp_path / name).mkdir()
        (root / name).symlink_to(tmp_path / name)
    dataset = Dataset.open(root)
    clip = next(dataset.clips())
    with pytest.raises(DatasetError, match="by a link"):
        dataset.notes(clip)
    with pytest.raises(DatasetError, match="by a link"):
        dataset.spectrogram(clip, "mel-log1p")


def test_links_within_the_folder_and_to_the_folder_are_followed(root, tmp_path):
    clip = next(Dataset.open(root).clips())
    shutil.move(root / clip.path, root / "moved.flac")
    (root / clip.path).symlink_to(root / "moved.flac")
    (tmp_path / "link").symlink_to(root)
    linked = Dataset.open(tmp_path / "link")
    assert linked.samples(clip).any()
    assert verify_dataset(tmp_path / "link") == ["not listed: moved.flac"]


def test_a_piece_in_two_splits_is_found(root):
    def tear(manifest):
        manifest.loc[0, "split"] = "train" if manifest.split[0] != "train" else "test"
        return manifest

    manifest = edit(root, tear, cover=True)
    assert f"in more than one split: {manifest.piece[0]}" in verify_dataset(root)


def test_a_file_that_is_no_audio_is_found_though_it_is_listed(root):
    path = clips(root)[0]
    path.write_bytes(b"no audio")
    name = path.relative_to(root).as_posix()

    def rename(manifest):
        manifest.loc[manifest.path == name, "sha256"] = file_sha256(path)
        return manifest

    edit(root, rename, cover=True)
    assert verify_dataset(root) == [f"not audio: {name}"]


def test_a_description_without_files_is_refused(root):
    description = json.loads((root / "dataset.json").read_text())
    del description["files"]
    (root / "dataset.json").write_text(json.dumps(description))
    with pytest.raises(DatasetError, match="lists no files"):
        verify_dataset(root)
