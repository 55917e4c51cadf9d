"""Clips cut out of a library of long files, by the real tables."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.audio.windows import cut_windows
from timbrebench.core.errors import DatasetError
from timbrebench.core.workers.calls import Failure
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets import Dataset, verify_dataset
from timbrebench.datasets.audioset.audioset_configuration import (
    AudioSetConfiguration,
    FolderSource,
    ParquetSource,
)
from timbrebench.datasets.audioset.audioset_dataset import build_audioset
from timbrebench.datasets.audioset.clip_planning import plan_clips
from timbrebench.datasets.audioset.slicing import SliceJob

RATE = 44_100


def noise(seconds, rate=RATE, channels=2, seed=0):
    """Noise with 16 bits, shape (n, channels): no two windows of it are alike."""
    return np.random.default_rng(seed).integers(-9000, 9000, (round(seconds * rate), channels), np.int16)


def encoded(samples, rate, kind="WAV"):
    target = io.BytesIO()
    soundfile.write(target, samples, rate, format=kind)
    return target.getvalue()


@pytest.fixture(scope="module")
def sitar(settings):
    """Segments labelled as sitar that begin early in their videos."""
    plan = plan_clips(AudioSetConfiguration(**settings, classes=("Sitar",)))
    table = plan.selection.table[plan.long_enough & plan.selection.table.start_ms.between(5_000, 30_000)]
    return list(zip(table.ytid.tolist(), (table.start_ms / 1000).tolist(), strict=True))


@pytest.fixture(scope="module")
def library(sitar, tmp_path_factory):
    """A folder with one video for each thing that can happen."""
    folder = tmp_path_factory.mktemp("held") / "library"
    folder.mkdir()
    (folder / "deep").symlink_to(tmp_path_factory.mktemp("another-disk"))
    whole, mono, short, silent, broken, *_ = sitar
    content = {
        "whole": noise(whole[1] + 11),
        "mono": noise(mono[1] + 10.5, 22_050, 1, seed=1),
        "short": noise(short[1] + 6),
        "silent": np.zeros((round((silent[1] + 11) * RATE), 2), np.int16),
    }
    soundfile.write(folder / f"{whole[0]}.wav", content["whole"], RATE)
    soundfile.write(folder / "deep" / f"Y{mono[0]}.flac", content["mono"], 22_050)
    soundfile.write(folder / f"{short[0]}.wav", content["short"], RATE)
    soundfile.write(folder / f"{silent[0]}.flac", content["silent"], RATE)
    (folder / f"{broken[0]}.m4a").write_bytes(b"this is no audio" * 100)
    (folder / f"{whole[0]}.jpg").write_bytes(b"a picture")
    return folder, content, dict(zip(("whole", "mono", "short", "silent", "broken"), sitar, strict=False))


@pytest.fixture(scope="module")
def configuration(settings, library):
    source = FolderSource(path=str(library[0]), holds="videos")
    return AudioSetConfiguration(**settings, classes=("Sitar",), sources=(source,))


@pytest.fixture(scope="module")
def dataset(configuration, tmp_path_factory):
    return build_audioset(
        configuration, tmp_path_factory.mktemp("built") / "dataset", executor=InlineExecutor()
    )


def test_clips_are_cut_to_the_sample(dataset, library):
    _, content, videos = library
    manifest = dataset.manifest.set_index("piece")
    ytid, start = videos["whole"]
    samples, rate = soundfile.read(dataset.root / manifest.path[ytid], dtype="int16")
    assert rate == RATE
    first = round(start * RATE)
    np.testing.assert_array_equal(samples, content["whole"][first : first + 10 * RATE])
    ytid, _ = videos["mono"]
    samples, rate = soundfile.read(dataset.root / manifest.path[ytid], dtype="int16")
    assert samples.shape == (10 * RATE, 2)
    np.testing.assert_array_equal(samples[:, 0], samples[:, 1])


def test_what_cannot_be_used_is_listed_with_its_reason(dataset, library, sitar):
    _, _, videos = library
    failures = pd.read_csv(dataset.root / "failures.csv").set_index("source").reason
    named = {name: f"{ytid}_{round(start * 1000)}" for name, (ytid, start) in videos.items()}
    assert failures[named["short"]] == "the audio ends 6.000 s into the segment: too short for a clip"
    assert failures[named["silent"]] == "the segment is silent"
    assert "cannot be decoded" in failures[named["broken"]]
    assert set(dataset.manifest.clip_id) == {named["whole"], named["mono"]}
    assert (failures == "no source has it").sum() > 50
    assert len(failures) + len(dataset) == 120


def test_a_built_dataset_keeps_the_contract(dataset):
    assert verify_dataset(dataset.root) == []
    assert not (dataset.root / ".build").exists()
    clips = list(dataset.clips())
    assert [clip.label for clip in clips] == ["Sitar", "Sitar"]
    assert len(dataset.samples(clips[0])) == 10 * RATE
    assert dataset.description["counts"]["label"] == {"Sitar": 2}


def test_two_builds_are_the_same_byte_for_byte(dataset, configuration, tmp_path, same_files):
    build_audioset(configuration, tmp_path / "again", executor=InlineExecutor())
    assert same_files(dataset.root, tmp_path / "again")


def test_a_build_that_was_stopped_goes_on(dataset, configuration, tmp_path, monkeypatch, same_files):
    root = tmp_path / "stopped"
    run = SliceJob.run
    made = []

    def stop_at_the_third(job):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(job.slices[0].clip_id)
        return run(job)

    monkeypatch.setattr(SliceJob, "run", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        build_audioset(configuration, root, executor=InlineExecutor())
    with pytest.raises(DatasetError, match="no finished dataset"):
        Dataset.open(root)
    with (root / ".build" / "clips.jsonl").open("a") as journal:
        journal.write('{"clip_id": "torn')
    first = list(made)
    made.clear()
    monkeypatch.setattr(SliceJob, "run", lambda job: made.append(job.slices[0].clip_id) or run(job))
    build_audioset(configuration, root, executor=InlineExecutor())
    assert len(made) == 3
    assert not set(made) & set(first)
    assert same_files(dataset.root, root)


def test_another_configuration_is_kept_out(dataset, configuration):
    other = configuration.model_copy(update={"seed": 1})
    with pytest.raises(DatasetError, match="another configuration"):
        build_audioset(other, dataset.root, executor=InlineExecutor())


def test_others_take_the_places_of_clips_that_fail(settings, sitar, tmp_path):
    """One good clip is wanted of many that are silent, and one that is not."""
    folder = tmp_path / "library"
    folder.mkdir()
    plan = plan_clips(AudioSetConfiguration(**settings, classes=("Sitar",)))
    splits = dict(zip(plan.selection.table.ytid, plan.selection.splits, strict=True))
    judged = [(ytid, start) for ytid, start in sitar if splits[ytid] == 1][:6]
    for ytid, _ in judged[:-1]:
        soundfile.write(folder / f"{ytid}.flac", np.zeros((10 * RATE, 1), np.int16), RATE)
    soundfile.write(folder / f"{judged[-1][0]}.wav", noise(10, channels=1), RATE)
    source = FolderSource(path=str(folder), holds="clips")
    configuration = AudioSetConfiguration(
        **settings, classes=("Sitar",), sources=(source,), clips_per_class=1, channels=1
    )
    dataset = build_audioset(configuration, tmp_path / "dataset", executor=InlineExecutor())
    assert dataset.manifest.piece.tolist() == [judged[-1][0]]


def test_a_clip_that_ends_its_process_costs_itself_only(
    configuration, dataset, tmp_path, library, monkeypatch
):
    ytid, start = library[2]["mono"]
    fatal = f"{ytid}_{round(start * 1000)}"

    run = SliceJob.run

    def run_or_crash(job):
        is_fatal = fatal in {part.clip_id for part in job.slices}
        return Failure("failed", "killed by signal 11", 0.1) if is_fatal else run(job)

    monkeypatch.setattr(SliceJob, "run", run_or_crash)
    built = build_audioset(configuration, tmp_path / "crashed", executor=InlineExecutor())
    assert len(built) == len(dataset) - 1
    failures = pd.read_csv(built.root / "failures.csv").set_index("source").reason
    assert failures[fatal] == "decoding it ended the process: killed by signal 11"


def test_labels_of_a_clip_are_joined_for_judges_of_several(settings, tmp_path):
    everything = AudioSetConfiguration(**settings, classes=("Guitar",))
    plan = plan_clips(everything)
    row = int(np.flatnonzero(np.diff(plan.selection.carries.indptr) == 3)[0])
    ytid = plan.selection.table.ytid[row]
    folder = tmp_path / "library"
    folder.mkdir()
    soundfile.write(folder / f"{ytid}_{plan.selection.table.start_ms[row]}.wav", noise(10), RATE)
    source = FolderSource(path=str(folder), holds="videos")
    configuration = everything.model_copy(update={"sources": (source,)})
    dataset = build_audioset(configuration, tmp_path / "dataset", executor=InlineExecutor())
    (label,) = dataset.manifest.label
    assert len(label.split("|")) == 3
    assert label.split("|") == sorted(label.split("|"))


def test_parquet_shards_give_clips(settings, sitar, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    shards = tmp_path / "shards"
    shards.mkdir()
    content = [noise(10, seed=index) for index in range(3)]
    rows = [
        {"video_id": ytid, "audio": {"bytes": encoded(samples, RATE, "FLAC"), "path": f"{ytid}.flac"}}
        for (ytid, _), samples in zip(sitar, content, strict=False)
    ]
    rows.append({"video_id": sitar[3][0], "audio": {"bytes": b"", "path": ""}})
    pq.write_table(pa.Table.from_pylist(rows), shards / "a.parquet", row_group_size=2)
    configuration = AudioSetConfiguration(
        **settings, classes=("Sitar",), sources=(ParquetSource(path=str(shards)),)
    )
    dataset = build_audioset(configuration, tmp_path / "dataset", executor=InlineExecutor())
    assert set(dataset.manifest.piece) == {ytid for ytid, _ in sitar[:3]}
    paths = dataset.manifest.set_index("piece").path
    for (ytid, _), samples in zip(sitar, content, strict=False):
        written, _ = soundfile.read(dataset.root / paths[ytid], dtype="int16")
        np.testing.assert_array_equal(written, samples)
    failures = pd.read_csv(dataset.root / "failures.csv").set_index("source").reason
    assert "cannot be decoded" in failures[f"{sitar[3][0]}_{round(sitar[3][1] * 1000)}"]


@pytest.mark.parametrize("rate", [48_000, 22_050, 16_000])
def test_a_window_is_what_the_whole_resampled_holds_there(rate):
    from timbrebench.audio.clips import resample

    samples = noise(6, rate, 1)[:, 0].astype(np.float32) / 32768
    whole = resample(samples, rate, RATE)
    windows = cut_windows(encoded(samples, rate), [0.0, 1.5, 3.217], RATE, RATE)
    for start, window in zip((0.0, 1.5, 3.217), windows, strict=True):
        first = round(start * RATE)
        # 16-bit encoding of floats costs half a step.
        np.testing.assert_allclose(window[0], whole[first : first + RATE], atol=2e-4)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("m4a", "aac"), ("webm", "libopus"), ("mp3", "libmp3lame"), ("ogg", "libopus"), ("mkv", "pcm_s16le")],
)
def test_every_container_is_cut_where_decoding_the_whole_has_it(suffix, codec, tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / f"video.{suffix}"
    tone = (np.sin(np.cumsum(np.linspace(0.02, 0.4, 48_000 * 8))) * 12_000).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48_000, layout="mono")
        fifo = av.AudioFifo()
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.sample_rate = 48_000
        fifo.write(frame)
        while (block := fifo.read(4096, partial=True)) is not None:
            container.mux(stream.encode(block))
        container.mux(stream.encode(None))
    (whole,) = cut_windows(path, [0.0], 48_000 * 9, 48_000)
    assert whole.shape[1] == pytest.approx(48_000 * 8, abs=0.1 * 48_000)
    for window, start in zip(cut_windows(path, [5.25, 2.5], 48_000, 48_000), (5.25, 2.5), strict=True):
        first = round(start * 48_000)
        np.testing.assert_allclose(window[0], whole[0, first : first + 48_000], atol=1e-4)


def test_nan_in_a_file_is_no_audio(tmp_path):
    from timbrebench.core.errors import AudioError

    samples = np.zeros(RATE, np.float32)
    samples[100] = np.nan
    soundfile.write(tmp_path / "nan.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN"):
        cut_windows(tmp_path / "nan.wav", [0.0], 1000, RATE)


def test_the_command_counts_and_builds(configuration, dataset, library, tmp_path, same_files):
    from typer.testing import CliRunner

    from timbrebench.experiments.commands.cli import app

    lines = [f"{key} = {json.dumps(getattr(configuration, key))}" for key in ("ontology", "class_labels")]
    lines += [f"segments = {json.dumps(configuration.segments)}", 'classes = ["Sitar"]']
    lines += ["[[sources]]", 'kind = "folder"', f"path = {json.dumps(str(library[0]))}", 'holds = "videos"']
    (tmp_path / "a.toml").write_text("\n".join(lines))
    printed = CliRunner().invoke(app, ["audioset", "counts", str(tmp_path / "a.toml"), "--json"])
    (row,) = json.loads(printed.stdout)["classes"]
    assert (row["name"], row["segments"], row["held"]) == ("Sitar", 120, 5)
    built = CliRunner().invoke(
        app, ["audioset", "build", str(tmp_path / "a.toml"), str(tmp_path / "dataset")]
    )
    assert "2 clips, 0.01 h, 2 videos; 118 segments could not be used" in built.stdout
    # In processes of their own, and the same to the byte.
    assert same_files(dataset.root, tmp_path / "dataset")
