"""Tests of datasets in which each instrument has a soundfont of its own."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from timbrebench.audio.encoding import encode_audio, recode
from timbrebench.classifier.style.style_card import own_soundfonts
from timbrebench.core.errors import DatasetError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets import DatasetConfiguration, build_dataset, verify_dataset
from timbrebench.datasets.dataset_card import CARD
from timbrebench.datasets.rebuilding import rebuild_dataset
from timbrebench.datasets.rendering.rendered_dataset import find_pieces, soundfonts_of
from timbrebench.datasets.rendering.soundfont_parts import SoundfontPart, find_parts, require_programs
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont


@pytest.fixture(scope="module")
def own(tmp_path_factory, corpus_of_tunes):
    """Four melodies of 12 s, in clips of 5 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield DatasetConfiguration(
            corpus=str(corpus_of_tunes(beat_s=0.5)),
            pieces=4,
            instruments=("piano", "clarinet"),
            soundfonts={"clarinet": "sonivox", "piano": "TimGM6mb"},
            renderings=1,
            clip_duration_s=5.0,
            clips_per_piece="all",
            track_format="mp3",
        )


@pytest.fixture(scope="module")
def dataset(own, tmp_path_factory):
    return build_dataset(own, tmp_path_factory.mktemp("own") / "dataset", executor=InlineExecutor())


@pytest.fixture(scope="module")
def without_clarinet(tmp_path_factory):
    """Sonivox with its clarinet, program 71, in another bank."""
    content = bytearray(find_soundfont("sonivox").path.read_bytes())
    start = content.index(b"phdr") + 8
    for record in range(start, start + struct.unpack_from("<I", content, start - 4)[0], 38):
        if struct.unpack_from("<HH", content, record + 20) == (71, 0):
            struct.pack_into("<H", content, record + 22, 5)
    path = tmp_path_factory.mktemp("soundfonts") / "Quartet.sf2"
    path.write_bytes(content)
    return path


def test_each_instrument_is_played_by_its_own_soundfont_alone(dataset):
    played = dataset.manifest.groupby("label").soundfont.unique().apply(list).to_dict()
    assert played == {"clarinet": ["sonivox"], "piano": ["TimGM6mb"]}
    assert dataset.manifest.groupby("piece").label.nunique().eq(2).all()
    assert [font.name for font in soundfonts_of(dataset)] == ["TimGM6mb", "sonivox"]
    assert verify_dataset(dataset.root) == []


def test_whole_pieces_are_cut_into_clips_end_to_end(dataset):
    for piece, clips in dataset.manifest.groupby("piece"):
        starts = sorted(clips.start_s.unique())
        assert (clips.groupby("label").start_s.count() == len(starts)).all()
        assert starts == [0.0, 5.0], piece


def test_a_clip_is_cut_out_of_the_track_after_mp3(own, dataset, tmp_path):
    """Not encoded by itself: what MP3 changes runs on over the ends of clips."""
    plain = build_dataset(
        own.model_copy(update={"track_format": None}), tmp_path / "plain", executor=InlineExecutor()
    )
    clips = list(zip(plain.select(label="piano").clips(), dataset.select(label="piano").clips(), strict=True))
    piece = clips[0][0].piece
    before, after = (
        np.concatenate([data.samples(clip) for clip in side if clip.piece == piece])
        for data, side in zip((plain, dataset), zip(*clips, strict=True), strict=True)
    )
    assert not np.array_equal(before, after)
    assert np.corrcoef(before, after)[0, 1] > 0.98
    # The notes after the last clip do not sound in it: the track ends where it does.
    assert np.corrcoef(recode(before, plain.sample_rate, "mp3"), after)[0, 1] > 0.9999


def test_the_card_says_that_timbre_and_soundfont_are_one(dataset):
    card = (dataset.root / CARD).read_text()
    assert "clarinet by sonivox, piano by TimGM6mb" in card
    assert "Timbre and soundfont cannot be told apart here" in card
    assert own_soundfonts(dataset.manifest) == {"clarinet": "sonivox", "piano": "TimGM6mb"}


def test_a_dataset_of_shared_soundfonts_has_no_such_labels(dataset):
    assert own_soundfonts(dataset.manifest.assign(soundfont="sonivox")) == {}


def test_building_it_again_gives_the_same_bytes(dataset, tmp_path, same_files):
    rebuild_dataset(dataset.root, tmp_path / "again", executor=InlineExecutor())
    assert same_files(dataset.root, tmp_path / "again")


def test_pieces_are_folded_into_what_the_own_soundfonts_sound(own, dataset):
    pieces, pitch_range = find_pieces(own, InlineExecutor())
    assert list(pitch_range) == dataset.description["pitch_range"]
    assert sorted(piece.name for piece in pieces) == sorted(dataset.manifest.piece.unique())


def test_a_soundfont_without_the_program_is_refused_before_anything_is_written(tmp_path, without_clarinet):
    for soundfonts in (
        {"piano": "TimGM6mb", "clarinet": str(without_clarinet)},
        ("TimGM6mb", str(without_clarinet)),
    ):
        wanted = DatasetConfiguration(instruments=("piano", "clarinet"), soundfonts=soundfonts)
        with pytest.raises(
            DatasetError, match=r"Quartet has the programs 0-70, 72-127, and lacks program 71 \(Clarinet\)"
        ):
            build_dataset(wanted, tmp_path / "dataset", executor=InlineExecutor())
        assert not (tmp_path / "dataset").exists()


def test_a_soundfont_may_lack_what_it_does_not_play(own, without_clarinet):
    wanted = own.model_copy(
        update={"soundfonts": {"piano": str(without_clarinet), "clarinet": "TimGM6mb"}, "keep_drums": True}
    )
    require_programs(wanted, find_parts(wanted), InlineExecutor())


def test_two_files_of_one_name_are_refused(own, tmp_path, without_clarinet):
    (tmp_path / "Quartet.sf2").write_bytes(without_clarinet.read_bytes())
    fonts = {"piano": str(without_clarinet), "clarinet": str(tmp_path / "Quartet.sf2")}
    wanted = own.model_copy(update={"soundfonts": fonts})
    with pytest.raises(DatasetError, match="both named Quartet"):
        build_dataset(wanted, tmp_path / "dataset", executor=InlineExecutor())


def test_a_part_has_the_first_programs_of_its_instruments():
    part = SoundfontPart(find_soundfont("TimGM6mb"), ("sax", "organ"))
    assert part.first_programs == {"sax": (66,), "organ": (19,)}


def test_in_a_list_recorded_notes_play_the_instruments_that_they_hold(own, tmp_path):
    for pitch in (55, 60):
        tone = 0.3 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * np.arange(22_050) / 22_050)
        encode_audio(tmp_path / f"{pitch}.wav", tone.astype(np.float32), 22_050)
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,instrument,midi\n55.wav,clarinet,55\n60.wav,clarinet,60\n", encoding="utf-8")
    shared = own.model_copy(update={"soundfonts": ("sonivox", str(tmp_path))})
    assert [part.instruments for part in find_parts(shared)] == [("piano", "clarinet"), ("clarinet",)]
    with pytest.raises(DatasetError, match="holds notes of none of piano, trumpet"):
        find_parts(shared.model_copy(update={"instruments": ("piano", "trumpet")}))
    with pytest.raises(DatasetError, match="no recordings of piano: leave these instruments out"):
        find_parts(shared.model_copy(update={"soundfonts": (str(tmp_path),)}))
