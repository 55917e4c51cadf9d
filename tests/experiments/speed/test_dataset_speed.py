"""Timing datasets: the yardstick makes the same clips, and all that is timed is on the page."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile

from timbrebench.audio.clips import read_audio
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets import build_dataset
from timbrebench.datasets.audioset.segments import read_segments
from timbrebench.experiments.speed import dataset_speed
from timbrebench.experiments.speed.cpu_shares import ENCODER, SYNTHESIZER, watched
from timbrebench.experiments.speed.dataset_speed import MUSIC, time_datasets
from timbrebench.experiments.speed.made_up_segments import write_segments

TINY = MUSIC.model_copy(
    update={"pieces": 4, "instruments": ("piano", "trumpet"), "clips_per_piece": 1, "clip_duration_s": 2.0}
)
AUDIOSET = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "audioset"


def test_seconds_inside_the_libraries_are_counted_and_no_others(synthesizer, scale, tmp_path):
    with watched() as watch:
        seconds = watch.seconds
        begun = time.process_time()
        samples = synthesizer.render(scale, 0, 20.0, 44_100)
        rendering = time.process_time() - begun
        assert seconds[ENCODER] == 0
        assert 0.5 * rendering < seconds[SYNTHESIZER] < rendering
        before = seconds[SYNTHESIZER]
        soundfile.write(tmp_path / "a.flac", samples, 44_100)
        np.linalg.svd(np.random.default_rng(0).normal(size=(300, 300)))
        assert seconds[SYNTHESIZER] == before
        encoded = seconds[ENCODER]
        assert encoded > 0
        assert 0 < watch.own_seconds() < 0.1 * rendering
    soundfile.write(tmp_path / "b.flac", samples, 44_100)
    assert seconds[ENCODER] == encoded


def test_the_yardstick_plays_the_same_music(tmp_path):
    dataset = build_dataset(TINY, tmp_path / "dataset", executor=InlineExecutor())
    assert dataset_speed._usual_way(dataset.root, tmp_path / "usual") > 0
    for clip in dataset.clips():
        ours = dataset.samples(clip)
        theirs, rate = read_audio(tmp_path / "usual" / f"{clip.clip_id}.flac")
        assert (len(theirs), rate) == (len(ours), clip.sample_rate)
        spectra = [np.abs(np.fft.rfft(samples)).reshape(-1)[:5000] for samples in (ours, theirs)]
        # Reverb and chorus are theirs; notes and instrument are the same.
        assert np.corrcoef(*spectra)[0, 1] > 0.7


@pytest.mark.slow
def test_the_page_holds_every_figure(tmp_path):
    if not (AUDIOSET / "ontology.json").is_file():
        pytest.skip("AudioSet's tables and ontology are not there (../shared/data/audioset)")
    speed = time_datasets(tmp_path / "out", configuration=TINY, audioset=AUDIOSET, rows=2_000)
    assert list(speed.parts.part) == [SYNTHESIZER, ENCODER, "all else"]
    assert speed.parts.share.sum() == pytest.approx(1)
    assert (speed.parts.seconds > 0).all()
    assert speed.clips == 8
    page = speed.markdown()
    for what in ("fluidsynth and the FLAC encoder", "pretty_midi", "cores instead of one"):
        assert what in page
    assert "AudioSet's own tables, 42,531 segments" in page
    assert "a made-up table, 2,000 segments" in page
    for row in page.splitlines():
        if row.startswith("|"):
            assert row.count("|") == 4
    assert list((tmp_path / "out").iterdir()) == []


def test_files_are_indexed_from_nothing_each_time(tmp_path, generator):
    """Three pieces, one of them twice, and a file that is none."""
    folder = tmp_path / "midi"
    folder.mkdir()
    for number in range(3):
        music = pretty_midi.PrettyMIDI()
        music.instruments.append(pretty_midi.Instrument(program=0))
        for index, pitch in enumerate(generator.integers(50, 80, 200)):
            music.instruments[0].notes.append(pretty_midi.Note(90, int(pitch), index / 4, index / 4 + 0.2))
        music.write(str(folder / f"{number}.mid"))
    (folder / "again.mid").write_bytes((folder / "1.mid").read_bytes())
    (folder / "broken.mid").write_bytes(b"MThd and no more")
    before = dict(os.environ)
    for cache in ("first", "second"):
        what, measured, _ = dataset_speed._indexing(folder, tmp_path / cache)
        assert what.startswith("indexing 5 MIDI files, 3 of use")
        assert measured.endswith(" s")
        assert any((tmp_path / cache).rglob("*.json"))
    assert dict(os.environ) == before


def test_made_up_segments_are_segments(tmp_path):
    like = tmp_path / "like.csv"
    like.write_text(
        'abcdefghijk, 0.000, 10.000, "/m/05r5c,/m/0342h"\nabcdefghij-, 1.000, 9.000, "/m/02sgy"\n'
    )
    write_segments(tmp_path / "made.csv", str(like), 3_000)
    made = read_segments([tmp_path / "made.csv"])
    assert len(made) == 3_000
    assert made.table.ytid.is_unique
    assert set(made.label_sets) == {("/m/05r5c", "/m/0342h"), ("/m/02sgy",)}
    write_segments(tmp_path / "again.csv", str(like), 3_000)
    assert (tmp_path / "made.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
