import pandas as pd
import pytest

from timbrebench.classifier.style.spectrogram_study import FIGURE_FILE, TABLE_FILE, write_study


@pytest.fixture(scope="module")
def small(dataset):
    """Two pieces to learn from, one to choose by and one to be tested on."""
    manifest = dataset.manifest
    pieces = [
        piece
        for split, count in (("judge", 2), ("validation", 1), ("test", 1))
        for piece in sorted(manifest[manifest.split == split].piece.unique())[:count]
    ]
    return dataset.select(piece=pieces, program=[0, 56])


@pytest.fixture(scope="module")
def folder(small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(small, folder, max_epochs=1)
    return folder


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("cells/*.json")}


def test_every_front_end_is_compared_on_both_scales(folder):
    table = pd.read_csv(folder / TABLE_FILE)
    assert len(table) == 8
    kinds = {"stft", "mel", "cqt", "log-frequency"}
    assert set(zip(table.front_end, table.scale, strict=True)) == {
        (kind, scale) for kind in kinds for scale in ("decibel", "log1p")
    }
    assert table.test_accuracy.between(0, 1).all()
    assert table.seconds_per_clip.between(0, 10, inclusive="neither").all()
    assert table.test_clips.eq(4).all()
    assert table.accuracy_without_soundfont.isna().all()
    assert (folder / FIGURE_FILE).read_bytes().startswith(b"\x89PNG")


def test_finished_cells_are_kept_and_missing_ones_made(small, folder):
    before = stamps(folder)
    (folder / "cells" / "mel-log1p.json").unlink()
    write_study(small, folder, max_epochs=1)
    after = stamps(folder)
    assert {name for name in after if after[name] != before[name]} == {"mel-log1p.json"}
