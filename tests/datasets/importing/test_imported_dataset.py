"""Datasets of one's own recordings: phrases played by two instruments, in every format that people keep."""

from __future__ import annotations

import json
import shutil
import time
import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.audio.clips import resample
from timbrebench.audio.windows import decode_windows
from timbrebench.core.errors import ConfigurationError, DatasetError, UnknownNameError
from timbrebench.core.workers.calls import Failure, Limits
from timbrebench.core.workers.executors import InlineExecutor, LocalExecutor
from timbrebench.datasets import Dataset, verify_dataset
from timbrebench.datasets.building import load_configuration
from timbrebench.datasets.importing import imported_dataset
from timbrebench.datasets.importing.import_configuration import (
    ImportConfiguration,
    PatternSource,
    SubfolderSource,
    TableSource,
)
from timbrebench.datasets.importing.imported_clips import RecordingJob, recording_id
from timbrebench.datasets.importing.imported_dataset import import_dataset
from timbrebench.datasets.importing.recording_sources import ListedRecording, RecordingEntry
from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.rendering.dataset_configuration import Shares

RATE = 22_050
PROGRAMS = {"piano": 0, "trumpet": 56}


def phrase(synthesizer, label, seed, seconds=5.0, rate=RATE):
    """Play a drawn melody."""
    pitches = np.random.default_rng(seed).integers(60, 76, round(4 * seconds))
    notes = notes_table([(i / 4, i / 4 + 0.22, int(pitch), 90) for i, pitch in enumerate(pitches)])
    samples = synthesizer.render(notes, PROGRAMS[label], seconds, rate)
    return np.rint(samples / np.abs(samples).max() * 16_000).astype(np.int16)


@pytest.fixture(scope="module")
def recordings(synthesizer, tmp_path_factory):
    """A folder for each instrument, and in them what a folder of recordings comes to hold."""
    root = tmp_path_factory.mktemp("recordings")
    for label in PROGRAMS:
        (root / label / "live").mkdir(parents=True)
    soundfile.write(root / "piano" / "exact.wav", phrase(synthesizer, "piano", 0), RATE)
    stereo = np.stack([phrase(synthesizer, "piano", seed, rate=44_100) for seed in (1, 2)], axis=1)
    soundfile.write(root / "piano" / "live" / "stereo.flac", stereo, 44_100)
    soundfile.write(root / "trumpet" / "vorbis.ogg", phrase(synthesizer, "trumpet", 3) / 32768, RATE)
    soundfile.write(root / "trumpet" / "live" / "layer.mp3", phrase(synthesizer, "trumpet", 4) / 32768, RATE)
    pause = np.concatenate([phrase(synthesizer, "trumpet", 5, 2.0), np.zeros(2 * RATE, np.int16)])
    soundfile.write(root / "trumpet" / "pause.wav", pause, RATE)
    shutil.copy(root / "piano" / "exact.wav", root / "trumpet" / "zz copy of a piano.wav")
    soundfile.write(root / "piano" / "short.wav", phrase(synthesizer, "piano", 6, 1.5), RATE)
    soundfile.write(root / "piano" / "silent.wav", np.zeros(5 * RATE, np.int16), RATE)
    upside_down = np.multiply.outer(phrase(synthesizer, "piano", 8), [1, -1]).astype(np.int16)
    soundfile.write(root / "piano" / "upside down.wav", upside_down, RATE)
    (root / "trumpet" / "linked").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    soundfile.write(root / "trumpet" / "linked" / "far.wav", phrase(synthesizer, "trumpet", 9, 2.0), RATE)
    soundfile.write(root / "loose.wav", phrase(synthesizer, "piano", 7), RATE)
    (root / "piano" / "broken.mp3").write_bytes(b"this is no audio" * 100)
    (root / "piano" / "empty.wav").write_bytes(b"")
    (root / "piano" / "notes.txt").write_text("microphone: left")
    (root / "piano" / ".hidden.wav").write_bytes(b"")
    (root / "__MACOSX").mkdir()
    shutil.copy(root / "piano" / "exact.wav", root / "__MACOSX" / "exact.wav")
    return root


def configured(recordings, **settings):
    return ImportConfiguration(
        source=SubfolderSource(path=str(recordings)), clip_duration_s=2.0, sample_rate=RATE, **settings
    )


@pytest.fixture(scope="module")
def dataset(recordings, tmp_path_factory):
    return import_dataset(
        configured(recordings), tmp_path_factory.mktemp("built") / "dataset", executor=InlineExecutor()
    )


def failures_of(dataset):
    table = pd.read_csv(dataset.root / "failures.csv")
    return {source: list(rows) for source, rows in table.groupby("source").reason}


def test_folders_give_labels_and_files_are_pieces(dataset):
    labels = dataset.manifest.groupby("source").label.agg(set)
    assert labels.to_dict() == {
        "piano/exact.wav": {"piano"},
        "piano/live/stereo.flac": {"piano"},
        "trumpet/linked/far.wav": {"trumpet"},
        "trumpet/live/layer.mp3": {"trumpet"},
        "trumpet/pause.wav": {"trumpet"},
        "trumpet/vorbis.ogg": {"trumpet"},
    }
    assert (dataset.manifest.piece == dataset.manifest.source).all()
    shares = Shares()
    assert all(row.split == shares.split_of(row.piece) for row in dataset.manifest.itertuples())


def test_what_has_16_bits_and_the_rate_keeps_every_sample(dataset, recordings):
    source, _ = soundfile.read(recordings / "piano" / "exact.wav", dtype="int16")
    rows = dataset.manifest[dataset.manifest.source == "piano/exact.wav"]
    assert rows.start_s.tolist() == [0.0, 2.0]
    for row in rows.itertuples():
        clip, rate = soundfile.read(dataset.root / row.path, dtype="int16")
        first = round(row.start_s * RATE)
        assert rate == RATE
        np.testing.assert_array_equal(clip, source[first : first + 2 * RATE])


def test_stereo_of_another_rate_is_averaged_and_resampled_as_a_whole(dataset, recordings):
    source, _ = soundfile.read(recordings / "piano" / "live" / "stereo.flac", dtype="float32")
    whole = resample(np.ascontiguousarray(source.mean(axis=1)), 44_100, RATE)
    rows = dataset.manifest[dataset.manifest.source == "piano/live/stereo.flac"]
    for row in rows.itertuples():
        clip, _ = soundfile.read(dataset.root / row.path, dtype="float32")
        first = round(row.start_s * RATE)
        np.testing.assert_allclose(clip, whole[first : first + 2 * RATE], atol=1e-4)


def test_what_cannot_be_used_is_listed_with_its_reason(dataset):
    failures = failures_of(dataset)
    assert failures.pop("piano/broken.mp3")[0].startswith("cannot be decoded")
    assert failures.pop("piano/empty.wav")[0].startswith("cannot be decoded")
    assert failures == {
        "loose.wav": ["has no label"],
        "piano/short.wav": ["too short: lasts 1.500 s, a clip 2 s"],
        "piano/silent.wav": ["silent throughout"],
        "piano/upside down.wav": [
            "silent throughout, as its channels cancel each other out: turn one of them upside down, or keep "
            "one only"
        ],
        "trumpet/pause.wav": ["silent from 2 s to 4 s"],
        "trumpet/zz copy of a piano.wav": ["the same file as piano/exact.wav"],
    }


def test_an_imported_dataset_keeps_the_contract(dataset):
    assert verify_dataset(dataset.root) == []
    assert not (dataset.root / ".build").exists()
    assert len(list((dataset.root / "audio").rglob("*.flac"))) == len(dataset)
    description = dataset.description
    assert description["builder"] == "folder-import"
    assert description["counts"]["label"] == {"piano": 4, "trumpet": 6}
    clip = next(dataset.clips())
    assert len(dataset.samples(clip)) == 2 * RATE
    sources = pd.read_csv(dataset.root / "sources.csv")
    assert sources.clips.sum() == len(dataset)


def test_processes_and_threads_make_the_same_bytes(dataset, recordings, tmp_path, same_files):
    with LocalExecutor(["timbrebench.datasets.importing.imported_dataset"], workers=2) as work:
        import_dataset(configured(recordings), tmp_path / "again", executor=work)
    assert same_files(dataset.root, tmp_path / "again")


def test_a_build_that_was_stopped_goes_on(dataset, recordings, tmp_path, monkeypatch, same_files):
    run, made = RecordingJob.run, []

    def stop_at_the_fourth(job):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(job.recording.source)
        return run(job)

    monkeypatch.setattr(RecordingJob, "run", stop_at_the_fourth)
    root = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        import_dataset(configured(recordings), root, executor=InlineExecutor())
    with pytest.raises(DatasetError, match="no finished dataset"):
        Dataset.open(root)
    (root / "audio" / "00").mkdir(exist_ok=True)
    (root / "audio" / "00" / ".part-torn.flac").write_bytes(b"half a clip")
    monkeypatch.setattr(RecordingJob, "run", lambda job: made.append(job.recording.source) or run(job))
    first, _ = list(made), made.clear()
    import_dataset(configured(recordings), root, executor=InlineExecutor())
    assert "piano/exact.wav" in first
    assert "piano/exact.wav" not in made
    assert "trumpet/vorbis.ogg" in made
    assert same_files(dataset.root, root)


def test_a_recording_that_has_changed_meanwhile_is_cut_again(recordings, tmp_path, synthesizer, monkeypatch):
    held = tmp_path / "held"
    shutil.copytree(recordings, held)
    root, run, made = tmp_path / "dataset", RecordingJob.run, []
    monkeypatch.setattr(imported_dataset, "_finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        import_dataset(configured(held), root, executor=InlineExecutor())
    monkeypatch.undo()
    soundfile.write(held / "piano" / "exact.wav", phrase(synthesizer, "piano", 9), RATE)
    monkeypatch.setattr(RecordingJob, "run", lambda job: made.append(job.recording.source) or run(job))
    import_dataset(configured(held), root, executor=InlineExecutor())
    assert "piano/exact.wav" in made
    assert "piano/live/stereo.flac" not in made


def test_a_finished_dataset_and_another_configuration(dataset, recordings):
    before = (dataset.root / "dataset.json").stat().st_mtime_ns
    import_dataset(configured(recordings), dataset.root)
    assert (dataset.root / "dataset.json").stat().st_mtime_ns == before
    with pytest.raises(DatasetError, match=r"another configuration \(licence differ"):
        import_dataset(configured(recordings, licence="CC0"), dataset.root)


def test_a_dataset_is_not_written_among_the_recordings(recordings):
    with pytest.raises(DatasetError, match="lies inside"):
        import_dataset(configured(recordings), recordings / "dataset")
    assert not (recordings / "dataset").exists()


def test_nothing_but_failures_is_no_dataset(tmp_path):
    (tmp_path / "in" / "piano").mkdir(parents=True)
    (tmp_path / "in" / "piano" / "broken.wav").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match=r"no clip could be made: cannot be decoded.*\(1 times\)"):
        import_dataset(configured(tmp_path / "in"), tmp_path / "out", executor=InlineExecutor())
    with pytest.raises(DatasetError, match="no such folder"):
        import_dataset(configured(tmp_path / "absent"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_recording_that_ends_its_process_costs_itself_only(dataset, recordings, tmp_path, monkeypatch):
    run = RecordingJob.run

    def run_or_crash(job):
        is_fatal = job.recording.source == "trumpet/vorbis.ogg"
        return Failure("failed", "its process was ended by SIGSEGV", 0.1) if is_fatal else run(job)

    monkeypatch.setattr(RecordingJob, "run", run_or_crash)
    built = import_dataset(configured(recordings), tmp_path / "crashed", executor=InlineExecutor())
    monkeypatch.undo()
    assert set(dataset.manifest.source) - set(built.manifest.source) == {"trumpet/vorbis.ogg"}
    (reason,) = failures_of(built)["trumpet/vorbis.ogg"]
    assert reason == "decoding it ended the process: its process was ended by SIGSEGV"
    assert verify_dataset(built.root) == []


def test_decoding_that_takes_too_long_is_stopped(tmp_path, monkeypatch, generator):
    class Endless(LocalExecutor):
        """Decodes for ever, as far as limits allow: no file takes long on every machine."""

        def batch(self):
            batch = super().batch()
            submit = batch.submit
            batch.submit = lambda call, tag: submit(
                replace(call, function=time.sleep, arguments=(100_000,)), tag
            )
            return batch

    (tmp_path / "in" / "noise").mkdir(parents=True)
    noise = generator.integers(-9000, 9000, RATE * 20, np.int16)
    soundfile.write(tmp_path / "in" / "noise" / "long.flac", noise, RATE)
    assert imported_dataset._LIMITS.timeout_s is not None
    monkeypatch.setattr(imported_dataset, "_LIMITS", Limits(timeout_s=0.05))
    with (
        Endless([]) as endless,
        pytest.raises(DatasetError, match=r"decoding it took longer than 0.05 s \(1 times\)"),
    ):
        import_dataset(configured(tmp_path / "in"), tmp_path / "out", executor=endless)
    monkeypatch.undo()
    # Tried again, it is as good as any other.
    assert len(import_dataset(configured(tmp_path / "in"), tmp_path / "out", executor=InlineExecutor())) == 10


# A table.


def table(tmp_path, text):
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    return tmp_path / "labels.csv"


def listed(recordings, path):
    source = TableSource(path=str(recordings), table=str(path))
    return ImportConfiguration(source=source, clip_duration_s=2.0, sample_rate=RATE)


def test_a_table_gives_labels_starts_groups_and_splits(recordings, tmp_path):
    rows = """\ufeffpath,label,group,start_s,split,microphone
piano/exact.wav,keys|calm,sonata,0.5,,left
piano/exact.wav,keys,sonata,3,,left
piano/live/stereo.flac,NA,sonata,,test,right
trumpet/vorbis.ogg,7,,,judge,left
trumpet/pause.wav,7,,2.5,judge,left
trumpet/absent.wav,7,,,,left
loose.wav,,,,,left
"""
    built = import_dataset(
        listed(recordings, table(tmp_path, rows)), tmp_path / "dataset", executor=InlineExecutor()
    )
    manifest = built.manifest
    exact = manifest[manifest.source == "piano/exact.wav"]
    assert exact.start_s.tolist() == [0.5, 3.0]
    source, _ = soundfile.read(recordings / "piano" / "exact.wav", dtype="int16")
    clip, _ = soundfile.read(built.root / exact.path.iloc[1], dtype="int16")
    np.testing.assert_array_equal(clip, source[3 * RATE : 5 * RATE])
    # What one row asks for holds for the whole piece.
    assert set(manifest.split[manifest.piece == "sonata"]) == {"test"}
    assert set(manifest.split[manifest.label == "7"]) == {"judge"}
    assert set(manifest.label) == {"keys|calm", "keys", "NA", "7"}
    assert built.labels == ("7", "NA", "keys", "keys|calm")
    assert built.description["counts"]["label"]["keys"] == 2
    assert failures_of(built) == {
        "loose.wav": ["has no label"],
        "trumpet/absent.wav": ["no such file"],
        "trumpet/pause.wav": ["too short: ends 1.500 s after 2.5 s, a clip 2 s"],
    }
    assert built.description["sources"][1]["name"] == "labels.csv"
    assert verify_dataset(built.root) == []


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("file,label\na.wav,x\n", DatasetError, "has no column 'path' but file, label"),
        ("path,label,piece,group\na.wav,x,1,2\n", DatasetError, "which mean the same"),
        ("path,label\n../a.wav,x\n", DatasetError, r"row 2: '../a.wav' is not a path below"),
        ("path,label\n/etc/a.wav,x\n", DatasetError, "is not a path below"),
        ("path,label\na.wav,x\na.wav,y\n", DatasetError, "a.wav is listed more than once"),
        ("path,label,start_s\na.wav,x,1\na.wav,y,\n", DatasetError, "listed more than once"),
        ("path,label,start_s\na.wav,x,1.0001\na.wav,y,1.0002\n", DatasetError, "listed more than once"),
        ("path,label,start_s\na.wav,x,soon\n", DatasetError, "row 2: start_s is 'soon'"),
        ("path,label,start_s\na.wav,x,nan\n", DatasetError, "start_s is 'nan'"),
        ("path,label,start_s\na.wav,x,-1\n", DatasetError, "seconds from the beginning"),
        ("path,label,split\na.wav,x,tests\n", UnknownNameError, "did you mean 'test'"),
        (
            "path,label,group,split\na.wav,x,1,test\nb.wav,x,1,train\n",
            DatasetError,
            "'1' is wanted in the splits test and train",
        ),
    ],
)
def test_mistakes_in_a_table_are_errors_before_any_output(recordings, tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        import_dataset(listed(recordings, table(tmp_path, text)), tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()


# A pattern.


@dataclass(frozen=True)
class _Breaking:
    """Notes whose parser has a fault."""

    name: str = "notes of a piano"
    is_required: bool = False

    def digest(self):
        return "0" * 64

    def read(self):
        raise KeyError("pitch")


def test_notes_that_break_their_parser_are_no_damage_of_the_sound(recordings, tmp_path):
    path = recordings / "piano" / "exact.wav"
    entry = RecordingEntry("exact.wav", path, "piano", "exact", notes=_Breaking())
    recording = ListedRecording("exact.wav", path, (entry,))
    outcome = RecordingJob(tmp_path / "set", recording, RATE, 2.0).run()
    assert len(outcome["clips"]) == 2
    assert outcome["failures"] == []
    assert outcome["notes_problem"] == "notes of a piano: cannot be read: KeyError"


def test_paths_give_labels_and_pieces(synthesizer, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for seed in (0, 1):
        for label in PROGRAMS:
            soundfile.write(folder / f"song{seed}-{label}.wav", phrase(synthesizer, label, seed, 2.0), RATE)
    shutil.copy(folder / "song0-piano.wav", folder / "unnamed.wav")
    source = PatternSource(path=str(folder), pattern=r"(?P<piece>song\d)-(?P<label>[a-z]+)\.wav$")
    configuration = ImportConfiguration(source=source, clip_duration_s=2.0, sample_rate=RATE)
    built = import_dataset(configuration, tmp_path / "dataset", executor=InlineExecutor())
    assert set(zip(built.manifest.piece, built.manifest.label, strict=True)) == {
        (f"song{seed}", label) for seed in (0, 1) for label in PROGRAMS
    }
    assert failures_of(built) == {"unnamed.wav": ["has no label"]}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?P<label>", "is not a regular expression"),
        ("(.+).wav", "has no group"),
        ("(?P<label>.)(?P<artist>.)", "only label and piece"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused(tmp_path, pattern, message):
    path = tmp_path / "import.toml"
    path.write_text(f'[source]\nkind = "pattern"\npath = "x"\npattern = {json.dumps(pattern)}\n')
    with pytest.raises(ConfigurationError, match=message):
        load_configuration(path, ImportConfiguration)


def test_unknown_keys_are_suggested(tmp_path):
    path = tmp_path / "import.toml"
    path.write_text('[source]\nkind = "csv"\npath = "x"\ntabel = "labels.csv"\n')
    with pytest.raises(ConfigurationError, match="did you mean 'table'"):
        load_configuration(path, ImportConfiguration)


# The parts.


def test_names_of_clips_are_plain_and_different():
    names = ["a/b.wav", "a-b.wav", "a b.wav", "ä/" + "ü" * 300 + ".wav", "../x"]
    made = [recording_id(name) for name in names]
    assert len(set(made)) == len(names)
    for name in made:
        assert name.isascii()
        assert len(name) < 100
        assert not set(name) & set("/. ")


def test_long_recordings_pass_through_little_memory(tmp_path, generator):
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1, "PCM_16") as sound:
        for _ in range(40):
            sound.write(generator.integers(-9000, 9000, 15 * 8_000, np.int16))
    tracemalloc.start()
    seen = decode_windows(path, (float(start) for start in range(700)), 8_000, 8_000, count_full)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == 600
    assert peak < 2e6  # the whole would be 19 MB


def count_full(windows):
    return sum(window.shape[1] == 8_000 for window in windows)


def test_a_sample_rate_that_no_audio_has_is_damage(tmp_path):
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.zeros(4000, np.int16), 44_100)
    content = bytearray(path.read_bytes())
    content[24:28] = (4_000_000_000).to_bytes(4, "little")
    path.write_bytes(bytes(content))
    from timbrebench.core.errors import AudioError

    with pytest.raises(AudioError):
        decode_windows(path, [0.0], 100, 8_000, list)


def test_files_are_cut_to_their_end_whatever_their_headers_say(tmp_path, capsys):
    """Joined files hold more than their first header says, and a FLAC from a pipe says 0."""
    folder = tmp_path / "in" / "noise"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, subtype in (("mp3", "MPEG_LAYER_III"), ("ogg", "VORBIS"), ("flac", "PCM_16")):
        path = folder / f"joined.{name}"
        parts = []
        for _ in range(2):
            soundfile.write(path, rng.uniform(-0.3, 0.3, 5 * RATE), RATE, subtype=subtype)
            parts.append(path.read_bytes())
        path.write_bytes(b"".join(parts))
    content = parts[0]
    unknown = int.from_bytes(content[18:26], "big") >> 36 << 36
    (folder / "pipe.flac").write_bytes(content[:18] + unknown.to_bytes(8, "big") + content[26:])
    (folder / "._pipe.flac").write_bytes(b"")
    (folder / "take.txt").write_text("left")
    built = import_dataset(configured(tmp_path / "in"), tmp_path / "built", executor=InlineExecutor())
    assert built.manifest.groupby("source").size().to_dict() == {
        "noise/joined.flac": 5,
        "noise/joined.mp3": 5,
        "noise/joined.ogg": 5,
        "noise/pipe.flac": 2,
    }
    assert "left out, not an audio extension: noise/take.txt\n" in capsys.readouterr().err
