"""Datasets on the command line: imported, described, drawn, and good enough to train a judge on."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from timbrebench.datasets import Dataset
from timbrebench.datasets.notes import notes_table
from timbrebench.experiments.commands.cli import app

RATE = 22_050
PROGRAMS = {"piano": 0, "trumpet": 56}
#: As many takes as there are in each split.
TAKES = {"judge": 8, "validation": 3, "test": 4}


def timbrebench(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def imported(synthesizer, tmp_path_factory):
    """Drawn melodies of two instruments, with their notes, labels and splits, imported by the command."""
    folder = tmp_path_factory.mktemp("takes")
    (folder / "audio").mkdir()
    rows = ["path,label,split,notes"]
    for label, program in PROGRAMS.items():
        for number, split in enumerate(split for split, count in TAKES.items() for _ in range(count)):
            pitches = np.random.default_rng([program, number]).integers(58, 80, 12)
            notes = notes_table([(i / 4, i / 4 + 0.22, int(pitch), 90) for i, pitch in enumerate(pitches)])
            samples = synthesizer.render(notes, program, 3.0, RATE)
            name = f"{label}-{number}.{('wav', 'flac', 'ogg')[number % 3]}"
            soundfile.write(folder / "audio" / name, samples / np.abs(samples).max() / 2, RATE)
            notes.to_csv(folder / "audio" / f"{name}.csv", index=False)
            rows.append(f"{name},{label},{split},{name}.csv")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    source = {"kind": "csv", "path": str(folder / "audio"), "table": str(folder / "labels.csv")}
    lines = ["clip_duration_s = 1.5", "[source]", *(f"{key} = {json.dumps(source[key])}" for key in source)]
    (folder / "import.toml").write_text("\n".join(lines))
    done = timbrebench("dataset", "import", folder / "import.toml", folder / "dataset")
    assert done.exit_code == 0
    assert f"{folder / 'dataset'}: 60 clips, 0.03 h, 30 pieces\n" in done.stdout
    return folder / "dataset"


def test_the_content_judge_reads_the_notes_that_recordings_came_with(imported):
    evaluation = json.loads(timbrebench("judge", "evaluate-content", imported, "--json").stdout)
    assert evaluation["overall"]["clips"] == 16
    assert evaluation["overall"]["note_f1"] > 0.8
    assert set(evaluation["by_label"]) == set(PROGRAMS)


@pytest.mark.slow
def test_a_judge_learns_from_imported_recordings(imported, tmp_path):
    (tmp_path / "judge.toml").write_text(
        'name = "takes"\n[judge]\nmax_epochs = 10\nbatch_size = 8\naugmentation = { share = 0.0 }\n'
    )
    done = timbrebench(
        "judge", "train", imported, "--out", tmp_path / "judge", "--config", tmp_path / "judge.toml"
    )
    assert done.exit_code == 0
    evaluation = json.loads((tmp_path / "judge" / "evaluation.json").read_text())
    assert evaluation["labels"] == ["piano", "trumpet"]
    assert evaluation["clips"] == 16
    assert evaluation["accuracy"] >= 0.9


def test_an_imported_dataset_is_verified(imported, tmp_path):
    assert timbrebench("dataset", "verify", imported).exit_code == 0
    shutil.copytree(imported, tmp_path / "copy")
    (tmp_path / "copy" / "sources.csv").unlink()
    done = timbrebench("dataset", "verify", tmp_path / "copy")
    assert done.exit_code == 1
    assert done.stdout == "missing: sources.csv\n"


def test_counts_and_hours_are_printed_by_label_split_and_soundfont(imported):
    printed = timbrebench("dataset", "info", imported).stdout
    rows = [line.split() for line in printed.splitlines()]
    assert ["label", "clips", "pieces", "hours", "judge", "validation", "test"] in rows
    assert ["piano", "30", "15", "0.0125", "16", "6", "8"] in rows
    assert ["test", "16", "8", "0.0067"] in rows
    assert ["recordings", "60", "30", "0.025", "32", "12", "16"] in rows
    assert '"kind": "csv"' in printed
    described = json.loads(timbrebench("dataset", "info", imported, "--json").stdout)
    assert described["counts"]["split"] == {"judge": 32, "test": 16, "validation": 12}


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_plot_of_what_a_dataset_holds(imported, tmp_path, suffix):
    for name in ("first", "again"):
        done = timbrebench("dataset", "info", imported, "--json", "--plot", tmp_path / f"{name}.{suffix}")
        assert done.exit_code == 0
    first, again = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ("first", "again"))
    assert first == again
    if suffix == "svg":
        assert b"60 clips" in first
        assert b"30 pieces" in first
    else:
        assert first.startswith(b"\x89PNG")


def test_a_plot_is_a_picture(imported, tmp_path):
    from timbrebench.core.errors import ConfigurationError
    from timbrebench.experiments.report.dataset_figure import write_dataset_figure

    with pytest.raises(ConfigurationError, match=r"a figure is a \.png or a \.svg"):
        write_dataset_figure(Dataset.open(imported), tmp_path / "plot.txt")


def test_the_card_is_printed_as_it_lies_in_the_folder(imported):
    assert timbrebench("dataset", "card", imported).stdout == (imported / "README.md").read_text()


def test_a_dataset_is_built_again(imported, tmp_path):
    done = timbrebench("dataset", "rebuild", imported, tmp_path / "again")
    assert done.exit_code == 0
    for name in ("dataset.json", "manifest.csv", "README.md"):
        assert (tmp_path / "again" / name).read_bytes() == (imported / name).read_bytes()
