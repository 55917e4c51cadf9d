"""Recordings that come with notes become clips with notes, as renderings are."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pretty_midi
import pytest
import soundfile

from timbrebench.classifier.content.content_evaluation import evaluate_content_judge
from timbrebench.classifier.content.content_judge import load_content_judge
from timbrebench.core.errors import DatasetError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets import verify_dataset
from timbrebench.datasets.importing.import_configuration import ImportConfiguration, TableSource
from timbrebench.datasets.importing.imported_clips import recording_id
from timbrebench.datasets.importing.imported_dataset import import_dataset
from timbrebench.datasets.rebuilding import rebuild_dataset
from timbrebench.metrics.trial import Trial

RATE, SECONDS = 22_050, 7.0

#: A long note over the edge of two clips, a clip in which none begins, and the last note not at the end.
NOTES = [(0.1, 0.6, 60), (0.8, 1.3, 64), (1.6, 4.6, 67), (4.7, 5.2, 69), (5.4, 6.8, 72)]


def played(notes, partials):
    """Add up harmonics that decay, so that a judge reads the notes."""
    samples = np.zeros(round(SECONDS * RATE))
    for onset, offset, pitch in notes:
        first, last = round(onset * RATE), round(offset * RATE)
        time = np.arange(last - first) / RATE
        tone = sum(np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * k * time) / k**1.5 for k in partials)
        samples[first:last] += 0.1 * tone * np.exp(-0.5 * time) * np.minimum(1, time / 0.005)
    return samples


def write_table(path, notes, header="start,end,midi"):
    path.write_text("\n".join([header, *(",".join(map(str, note)) for note in notes)]) + "\n")


@pytest.fixture
def recordings(tmp_path):
    """Two instruments that play the same notes, one with MIDI, and one of which none are known."""
    root = tmp_path / "recordings"
    root.mkdir()
    for name, partials in (("dark", (1, 2)), ("bright", range(1, 9)), ("midi", (1, 3, 5)), ("plain", (1,))):
        soundfile.write(root / f"{name}.wav", played(NOTES, partials), RATE)
    write_table(root / "score.csv", NOTES)
    midi = pretty_midi.PrettyMIDI(initial_tempo=90)
    midi.instruments.append(pretty_midi.Instrument(0))
    midi.instruments[0].notes = [pretty_midi.Note(100, p, on, off) for on, off, p in NOTES]
    midi.write(str(root / "notes.mid"))
    table = [
        "path,label,piece,split,notes",
        "dark.wav,dark,song,test,score.csv",
        "bright.wav,bright,song,test,score.csv",
        "midi.wav,odd,song,test,notes.mid",
        "plain.wav,dark,other,test,",
    ]
    (tmp_path / "table.csv").write_text("\n".join(table) + "\n")
    return root


def configured(recordings):
    source = TableSource(path=str(recordings), table=str(recordings.parent / "table.csv"))
    return ImportConfiguration(source=source, clip_duration_s=1.5, sample_rate=RATE, licence="CC0")


def build(recordings, name="dataset"):
    return import_dataset(configured(recordings), recordings.parent / name, executor=InlineExecutor())


def content(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_clips_have_the_notes_of_their_window_and_judges_read_them(recordings):
    dataset = build(recordings)
    assert verify_dataset(dataset.root) == []
    score, midi = recording_id("score.csv"), recording_id("notes.mid")
    places = dataset.manifest.groupby("source").agg({"piece": "first", "start_s": list})
    assert places.piece.to_dict() == {
        "bright.wav": score,
        "dark.wav": score,
        "midi.wav": midi,
        "plain.wav": "other",
    }
    # No note begins from 3 s to 4.5 s, where a long one sounds; whose notes are not known has it as a clip.
    assert places.start_s["dark.wav"] == places.start_s["midi.wav"] == [0, 1.5, 4.5]
    assert places.start_s["plain.wav"] == [0, 1.5, 3, 4.5]
    failures = pd.read_csv(dataset.root / "failures.csv")
    assert set(failures.reason) == {"no note begins from 3 s to 4.5 s"}
    assert set(failures.source) == {"bright.wav", "dark.wav", "midi.wav"}
    assert set(dataset.manifest.source_piece) == {"song", "other"}

    for source, velocity in (("dark.wav", 64), ("midi.wav", 100)):
        clip = next(iter(dataset.select(source=source, start_s=1.5).clips()))
        assert dataset.notes(clip)[["pitch", "velocity"]].to_numpy().tolist() == [[67, velocity]]
        np.testing.assert_allclose(dataset.notes(clip)[["onset_s", "offset_s"]], [[0.1, 1.5]], atol=2e-3)
    assert dataset.description["counts"]["pieces_with_notes"] == 2

    evaluation = evaluate_content_judge(load_content_judge(), dataset)
    assert evaluation.overall.clips == 9
    assert evaluation.overall.note_f1 > 0.7

    dark, bright = (
        next(iter(dataset.select(source=name, start_s=0.0).clips())) for name in ("dark.wav", "bright.wav")
    )
    trial = Trial.of_clips(
        dataset, content=dark, style=bright, reference=bright, judge=None, content_judge=load_content_judge()
    )
    assert trial.note_scores.f1 > 0.5
    plain = next(iter(dataset.select(source="plain.wav").clips()))
    assert trial.of_clips(
        dataset, content=plain, style=bright, reference=None, judge=None, content_judge=load_content_judge()
    ).lacks("notes")


def test_builds_repeat_byte_for_byte_and_say_what_the_notes_are(recordings):
    dataset = build(recordings)
    again = rebuild_dataset(dataset.root, recordings.parent / "again", executor=InlineExecutor())
    assert content(dataset.root) == content(again.root)
    sources = pd.read_csv(dataset.root / "sources.csv").set_index("source")
    assert sources.n_notes.fillna(0).to_dict() == {
        "bright.wav": 5,
        "dark.wav": 5,
        "midi.wav": 5,
        "plain.wav": 0,
    }
    assert sources.notes["midi.wav"] == "notes.mid"
    notes = dataset.description["sources"][1]
    assert (notes["name"], notes["files"], notes["licence"]) == ("notes", 2, "CC0")
    assert "`source_piece` stays in one split" in (dataset.root / "README.md").read_text()


def test_notes_that_cannot_be_used_are_named_all_at_once_and_the_build_goes_on_when_they_are_right(
    recordings,
):
    clean = content(build(recordings, "clean").root)
    intact = {path: path.read_bytes() for path in (recordings / "score.csv", recordings / "notes.mid")}
    write_table(recordings / "score.csv", [*NOTES[:2], (2, 2, 60)])
    shutil.copy(recordings / "dark.wav", recordings / "notes.mid")
    with pytest.raises(DatasetError) as caught:
        build(recordings)
    problems = str(caught.value).splitlines()
    assert [problem.split(":")[0] for problem in problems] == [
        f"the notes of {name}.wav" for name in ("bright", "dark", "midi")
    ]
    assert "score.csv, row 4: offset_s is 2: the note ends at its onset" in problems[0]
    assert "notes.mid: no MIDI file" in problems[2]
    assert not (recordings.parent / "dataset" / "dataset.json").exists()
    for path, data in intact.items():
        path.write_bytes(data)
    assert content(build(recordings).root) == clean


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (["dark.wav,dark,a,score.csv", "bright.wav,dark,b,score.csv"], "those of the pieces 'a' and 'b'"),
        (["dark.wav,dark,a,nothing.csv"], r"row 2: the notes 'nothing\.csv': no such file"),
        (["dark.wav,dark,a,../score.csv"], r"row 2: '\.\./score\.csv' is not a path below"),
        (["dark.wav,dark,a,/etc/passwd"], "row 2: '/etc/passwd' is not a path below"),
        (["dark.wav,dark,a,dark.wav"], r"row 2: the notes 'dark\.wav' end in none of \.csv"),
    ],
)
def test_lists_of_notes_that_are_wrong_are_errors_before_anything_is_written(recordings, rows, reason):
    (recordings.parent / "table.csv").write_text("\n".join(["path,label,piece,notes", *rows]) + "\n")
    with pytest.raises(DatasetError, match=reason):
        build(recordings)
    assert not (recordings.parent / "dataset").exists()


def test_clips_that_are_listed_by_their_starts_share_the_notes_of_the_recording(recordings):
    rows = ["path,label,start_s,notes", *(f"dark.wav,dark,{start},score.csv" for start in (1.6, 0.1, 3.0))]
    (recordings.parent / "table.csv").write_text("\n".join(rows) + "\n")
    dataset = build(recordings)
    assert dataset.manifest.start_s.tolist() == [0.1, 1.6]
    first, second = (dataset.notes(clip) for clip in dataset.clips())
    assert first.pitch.tolist() == [60, 64]
    assert second.onset_s.tolist() == [0]
    assert set(dataset.manifest.source_piece) == {"score.csv"}
    (recordings.parent / "table.csv").write_text("\n".join([*rows, "dark.wav,dark,4.5,"]) + "\n")
    with pytest.raises(DatasetError, match=r"dark\.wav is listed with the notes '' and 'score\.csv'"):
        build(recordings, "another")


def test_without_notes_nothing_is_said_of_them(recordings):
    (recordings.parent / "table.csv").write_text("path,label\nplain.wav,dark\n")
    dataset = build(recordings)
    assert list(pd.read_csv(dataset.root / "sources.csv")) == ["source", "sha256", "clips"]
    assert "source_piece" not in dataset.manifest
    assert "pieces_with_notes" not in dataset.description["counts"]
    assert not (dataset.root / "notes").exists()
