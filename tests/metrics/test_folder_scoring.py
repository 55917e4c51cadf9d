"""Anyone's audio is scored: arrays and folders."""

import math
import os

import numpy as np
import pytest

from timbrebench.audio import write_audio
from timbrebench.core.errors import ConfigurationError, UnknownNameError
from timbrebench.core.workers.calls import Limits
from timbrebench.core.workers.executors import LocalExecutor
from timbrebench.datasets.notes import write_notes
from timbrebench.metrics import Folders, folder_scoring, output_scoring, score, score_folders

RATE = 22_050
ASKED = ("xcorr_content", "log_stft_mse", "note_f1", "style_accuracy")


@pytest.fixture
def folders(tmp_path, clips, tune):
    for role, folder in (("content", "outputs"), ("content", "contents"), ("reference", "references")):
        for name in ("first", "second"):
            (tmp_path / folder).mkdir(exist_ok=True)
            write_audio(tmp_path / folder / f"{name}.flac", clips[role], RATE)
    write_audio(tmp_path / "style.wav", clips["style"], RATE)
    write_notes(tmp_path / "notes.csv", tune)
    return Folders(
        outputs=tmp_path / "outputs",
        contents=tmp_path / "contents",
        styles=tmp_path / "style.wav",
        references=tmp_path / "references",
        notes=tmp_path / "notes.csv",
    )


def test_arrays_give_a_score_for_each_metric(clips, judge, tune):
    scores = score(
        clips["reference"],
        content=clips["content"],
        style=clips["style"],
        reference=clips["reference"],
        sample_rate=RATE,
        notes=tune,
        judge=judge,
        metrics=ASKED,
    )
    assert tuple(scores) == ASKED
    assert scores["log_stft_mse"].value == 0
    assert scores["style_accuracy"].value == 1
    assert scores["note_f1"].value > 0.8


def test_what_is_not_given_is_named(clips):
    scores = score(
        clips["content"], content=clips["content"], style=clips["style"], sample_rate=RATE, metrics=ASKED
    )
    assert scores["xcorr_content"].value == pytest.approx(1)
    assert "reference" in scores["log_stft_mse"].reason
    assert "judge" in scores["style_accuracy"].reason


def test_a_label_that_the_judge_does_not_know_is_refused(clips, judge):
    with pytest.raises(UnknownNameError, match="did you mean 'trumpet'"):
        score(
            clips["content"],
            content=clips["content"],
            style=clips["style"],
            sample_rate=RATE,
            judge=judge,
            style_label="trumpets",
        )


def test_a_folder_becomes_a_table(folders, judge):
    table = score_folders(folders, judge=judge, metrics=ASKED)
    assert list(table.columns) == ["output", *ASKED, "reasons"]
    assert list(table.output) == ["first.flac", "second.flac"]
    assert (table.xcorr_content > 0.999).all()
    assert (table.style_accuracy == 0).all()
    assert (table.reasons == "").all()


def test_a_file_that_cannot_be_read_costs_its_own_row(folders, judge):
    (folders.outputs / "first.flac").write_bytes(b"no audio")
    table = score_folders(folders, judge=judge, metrics=ASKED).set_index("output")
    assert math.isnan(table.xcorr_content["first.flac"])
    assert "first.flac" in table.reasons["first.flac"]
    assert table.xcorr_content["second.flac"] > 0.999


def test_whatever_is_wrong_with_a_file_costs_its_own_row(folders, clips):
    """Too long for a score, a pipe, without a length in its header: the first two alone have none."""
    source = (folders.outputs / "first.flac").read_bytes()
    unknown = int.from_bytes(source[18:26], "big") >> 36 << 36
    (folders.outputs / "first.flac").write_bytes(source[:18] + unknown.to_bytes(8, "big") + source[26:])
    write_audio(folders.outputs / "long.flac", np.zeros(700 * 8000), 8000)
    os.mkfifo(folders.outputs / "pipe.wav")
    everything = Folders(folders.outputs, folders.styles, folders.styles)
    table = score_folders(everything, metrics=["xcorr_content"]).set_index("output")
    assert table.xcorr_content.notna().to_dict() == {
        "first.flac": True, "long.flac": False, "pipe.wav": False, "second.flac": True
    }  # fmt: skip
    assert "longer than the 600 s" in table.reasons["long.flac"]
    assert "pipe" in table.reasons["pipe.wav"]


def test_what_lies_beside_outputs_is_not_scored_and_other_formats_are_named(folders, capsys):
    for name in ("._first.flac", ".DS_Store", "first.mid", "readme.txt"):
        (folders.outputs / name).write_bytes(b"whatever")
    assert list(score_folders(folders, metrics=["xcorr_content"]).output) == ["first.flac", "second.flac"]
    assert "left out, not an audio extension: first.mid, readme.txt" in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "has_limits"), [(1, False), (60, True)])
def test_work_that_may_be_long_is_done_where_it_has_limits(tmp_path, seconds, has_limits):
    write_audio(tmp_path / "clip.flac", np.zeros(seconds * 8000), 8000)
    paths = {"output": tmp_path / "clip.flac", "notes": tmp_path / "notes.csv"}
    with output_scoring.scoring_executor([paths], 37) as executor:
        assert isinstance(executor, LocalExecutor) == has_limits


@pytest.mark.slow
def test_long_work_has_limits_of_time_and_memory(folders, monkeypatch):
    monkeypatch.setattr(output_scoring, "_SHORT_S", 0.0)
    monkeypatch.setattr(folder_scoring, "SCORING_LIMITS", Limits(memory_mib=1.0))
    table = score_folders(folders, metrics=["xcorr_content"])
    assert table.xcorr_content.isna().all()
    assert table.reasons.str.contains("more than 1 MiB of memory: score an excerpt").all()


def test_a_missing_partner_is_named_before_anything_is_scored(folders):
    (folders.references / "second.flac").unlink()
    with pytest.raises(ConfigurationError, match=r"no reference for second\.flac"):
        score_folders(folders, metrics=ASKED)


def test_a_folder_without_audio_is_refused(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="holds no audio"):
        score_folders(Folders(tmp_path / "empty", folders.contents, folders.styles))


def test_two_files_of_one_name_are_refused(folders, clips):
    write_audio(folders.outputs / "first.wav", clips["content"], RATE)
    with pytest.raises(ConfigurationError, match="same name"):
        score_folders(folders, metrics=ASKED)


def test_silence_is_scored_as_far_as_it_can_be(folders, judge):
    write_audio(folders.outputs / "first.flac", np.zeros(RATE, np.float32), RATE)
    table = score_folders(folders, judge=judge, metrics=ASKED).set_index("output")
    assert "silent" in table.reasons["first.flac"]
