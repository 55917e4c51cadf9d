"""Distances are held against listeners, from a folder to the page."""

import numpy as np
import pytest
from typer.testing import CliRunner

from timbrebench.audio.clips import write_audio
from timbrebench.core.documents import read_json
from timbrebench.core.errors import ConfigurationError, DatasetError
from timbrebench.experiments.commands.cli import app
from timbrebench.experiments.validity.transfer_listening_test import compare_systems

RATE = 22_050


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five tones that fall off differently, whose listeners hear just that."""
    root = tmp_path_factory.mktemp("listeners")
    (root / "sounds" / "Made2020").mkdir(parents=True)
    (root / "true_dissim").mkdir()
    slopes = np.array([0.3, 0.8, 1.3, 1.8, 2.3])
    time = np.arange(RATE // 2) / RATE
    for number, slope in enumerate(slopes):
        wave = sum(k**-slope * np.sin(2 * np.pi * 220 * k * time) for k in range(1, 30))
        path = root / "sounds" / "Made2020" / f"{number}.wav"
        write_audio(path, 0.1 * wave * np.exp(-4 * time) / np.abs(wave).max(), RATE)
        path.rename(path.with_suffix(".aiff"))
    rated = np.abs(slopes[:, None] - slopes[None])
    np.savetxt(root / "true_dissim" / "Made2020_dissimilarity_matrix.txt", np.triu(rated, 1))
    return root


def test_distances_that_hear_what_listeners_hear_agree_and_absent_studies_are_named(folder, tmp_path):
    result = CliRunner().invoke(app, ["validate-human", str(folder), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "Made2020: not the pinned version" in result.output
    assert "not at hand: Barthet2010" in result.output
    page = (tmp_path / "human.md").read_text(encoding="utf-8")
    assert "**Not the pinned version**: Made2020" in page
    assert "| Made2020" in page
    known = read_json(tmp_path / "listener_agreement.json", DatasetError)
    assert known["perceptual_timbre_distance"]["timbre"][0] > 0.7
    assert known["log_spectral_distance"]["timbre"][0] > 0.7
    assert page.count("| `") >= 6
    assert {path.name for path in tmp_path.iterdir()} >= {"human.png", "human.svg", "human.csv"}


def test_ratings_and_outputs_belong_together(folder, tmp_path):
    arguments = ["validate-human", str(folder), "--out", str(tmp_path), "--ratings", "ratings.csv"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ConfigurationError)
    assert "--outputs" in str(result.exception)


HEADER = "listener,trial_id,rating_stimulus,rating_score\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("listener,trial_id\nL1,a_single\n", "lacks the columns rating_stimulus"),
        (HEADER + "L1,a_single,C1,7\n", r"line 2: a rating is a number from 1 to 5"),
        (HEADER + "L1,a_single,C1,good\n", r"line 2: a rating is a number"),
        (HEADER + "L1,a_single,C1,3\nL1,a_single,C1,4\n", "rated one stimulus of a trial twice"),
        (HEADER + "L1,a_multi,C1,3\nL1,a_multi,C2,4\n", "no trial that ends in '_single'"),
    ],
)
def test_ratings_that_are_not_valid_are_refused(text, reason, tmp_path):
    (tmp_path / "ratings.csv").write_text(text)
    with pytest.raises(DatasetError, match=reason):
        compare_systems(tmp_path / "ratings.csv", tmp_path)


def test_outputs_that_are_missing_are_named(tmp_path):
    (tmp_path / "ratings.csv").write_text(HEADER + "L1,a_single,C1,3\nL1,a_single,C2,4\n")
    with pytest.raises(DatasetError, match=r"holds no files named PIECE\.INSTRUMENT"):
        compare_systems(tmp_path / "ratings.csv", tmp_path)
    (tmp_path / "truth").mkdir()
    stray = tmp_path / "truth" / "001.3.flac"
    stray.touch()
    with pytest.raises(DatasetError, match=r"001\.3\.flac: named otherwise"):
        compare_systems(tmp_path / "ratings.csv", tmp_path)
    stray.rename(tmp_path / "truth" / "001.1.flac")
    with pytest.raises(DatasetError, match=r"difftransfer/001\.1\.flac: missing"):
        compare_systems(tmp_path / "ratings.csv", tmp_path)
