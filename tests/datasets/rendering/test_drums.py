import json
import shutil
import struct
from itertools import islice

import numpy as np
import pandas as pd
import pretty_midi
import pytest

from timbrebench.audio import rms
from timbrebench.classifier.content.content_features import true_notes
from timbrebench.classifier.style.robustness import transposed
from timbrebench.core.errors import DatasetError
from timbrebench.core.workers.executors import LocalExecutor
from timbrebench.datasets import Dataset, DatasetConfiguration, build_dataset, verify_dataset
from timbrebench.datasets.corpora.piece_selection import PieceSelection
from timbrebench.datasets.notes import drums_table, notes_table, read_drums, read_notes, window
from timbrebench.datasets.rendering.score_augmentation import NoteAugmentation
from timbrebench.datasets.soundfonts.recorded_notes import RecordedNotes
from timbrebench.datasets.soundfonts.soundfont_finding import FOLDERS_VARIABLE, find_soundfont

KICK, SNARE = 36, 38

#: Seconds from one beat to the next. Melodies play in even beats only, drums in odd ones.
BEAT_S = 0.5

COPIES = NoteAugmentation(copies=1, transposition=(2, 5), tempo=(1.0, 1.0), velocity=(0.5, 0.5))


def song(seed, *, drums=True, pitched=True):
    """A melody that rests in every second beat, where the drums play."""
    midi = pretty_midi.PrettyMIDI(initial_tempo=100.0)
    tune, kit = pretty_midi.Instrument(0), pretty_midi.Instrument(0, is_drum=True)
    for beat, pitch in enumerate(60 + np.random.default_rng(seed).integers(-9, 10, size=48)):
        start = beat * BEAT_S
        # Two short notes, so that most of their tails are over when the drums come.
        tune.notes += [
            pretty_midi.Note(60, int(pitch) + step, start + 0.05 * step, start + 0.05 * step + 0.04)
            for step in range(2 if beat % 2 == 0 else 0)
        ]
        if beat % 2:
            kit.notes.append(pretty_midi.Note(120, SNARE if beat % 4 == 1 else KICK, start, start + 0.005))
    midi.instruments += [track for track, wanted in ((tune, pitched), (kit, drums)) if wanted]
    return midi


def corpus(folder, **tracks):
    folder.mkdir()
    for number in range(24):
        song(number, **tracks).write(str(folder / f"song-{number:02d}.mid"))
    song(99, pitched=False).write(str(folder / "only-drums.mid"))
    return folder


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def executor(cache):
    with LocalExecutor(["timbrebench.datasets.rendering.rendered_dataset"], workers=2) as workers:
        yield workers


@pytest.fixture(scope="module")
def configuration(tmp_path_factory):
    return DatasetConfiguration(
        corpus=str(corpus(tmp_path_factory.mktemp("corpora") / "corpus")),
        pieces=4,
        instruments=("xylophone", "piano"),
        soundfonts=("TimGM6mb",),
        renderings=1,
        clip_duration_s=4.0,
        augmentation=COPIES,
    )


@pytest.fixture(scope="module")
def left_out(tmp_path_factory, configuration, executor):
    return build_dataset(configuration, tmp_path_factory.mktemp("out") / "dataset", executor=executor)


@pytest.fixture(scope="module")
def kept(tmp_path_factory, configuration, executor):
    wanted = configuration.model_copy(update={"keep_drums": True})
    return build_dataset(wanted, tmp_path_factory.mktemp("kept") / "dataset", executor=executor)


def contents(root, without=()):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name not in without
    }


def strokes_of(dataset, clip):
    return window(read_drums(dataset.root / "notes" / f"{clip.piece}.csv"), clip.start_s, clip.duration_s)


def at_strokes(dataset, clip, strokes, samples):
    """The level of 50 ms from each stroke on that begins well inside the clip."""
    onsets = [time for time in strokes.onset_s if 0 <= time < clip.duration_s - 0.1]
    assert len(onsets) >= 3
    return [rms(samples[round(time * 22_050) :][:1102]) for time in onsets]


def test_drums_sound_where_the_melody_rests(kept, left_out):
    for with_drums, without in zip(kept.clips(), left_out.clips(), strict=True):
        assert with_drums.clip_id == without.clip_id
        strokes = strokes_of(kept, with_drums)
        assert set(strokes.pitch) == {KICK, SNARE}
        loud = at_strokes(kept, with_drums, strokes, kept.samples(with_drums))
        soft = at_strokes(left_out, without, strokes, left_out.samples(without))
        assert min(loud) > 0.02
        assert max(soft) < 0.5 * min(loud)


def test_a_clip_is_the_melody_and_the_drums_added(kept, left_out, synthesizer):
    """The same drums beside each instrument: what the melody does not explain is what the drum kit plays."""
    for with_drums, without in zip(kept.clips(), left_out.clips(), strict=True):
        path = kept.root / "notes" / f"{with_drums.piece}.csv"
        end = with_drums.start_s + with_drums.duration_s
        drums = synthesizer.render_drums(read_drums(path), end, 22_050)[round(with_drums.start_s * 22_050) :]
        clip = kept.samples(with_drums)
        parts = np.stack([left_out.samples(without), drums[: len(clip)]], axis=1)
        shares, *_ = np.linalg.lstsq(parts, clip, rcond=None)
        assert (shares > 0.05).all()
        assert rms(clip - parts @ shares) < 0.01 * rms(clip)


def test_notes_and_drums_are_read_apart(kept, left_out):
    """Whatever compares notes knows the pitched ones only."""
    for with_drums, without in zip(kept.clips(), left_out.clips(), strict=True):
        pd.testing.assert_frame_equal(kept.notes(with_drums), left_out.notes(without))
    for mine, theirs in zip(true_notes(kept), true_notes(left_out), strict=True):
        pd.testing.assert_frame_equal(mine, theirs)
    for path in (kept.root / "notes").glob("*.csv"):
        table = pd.read_csv(path)
        assert set(table.drum) == {0, 1}
        assert table.onset_s.is_monotonic_increasing
        assert len(table) == len(read_notes(path)) + len(read_drums(path))
        assert "drum" not in pd.read_csv(left_out.root / "notes" / path.name)


def test_a_transposed_copy_has_the_same_drums(kept):
    pieces = kept.manifest.drop_duplicates("piece")
    copies = pieces[pieces.piece != pieces.source_piece]
    assert len(copies)
    for copy in copies.itertuples():
        drums, original = (
            read_drums(kept.root / "notes" / f"{name}.csv") for name in (copy.piece, copy.source_piece)
        )
        assert copy.transposition >= 2
        columns = ["onset_s", "pitch", "octave_shift"]
        pd.testing.assert_frame_equal(drums[columns], original[columns])
        assert set(drums.velocity) == {60}
        assert set(original.velocity) == {120}


def test_tempo_moves_drums_with_the_notes():
    strokes = drums_table([(1.0, 1.001, KICK, 90), (2.0, 2.001, SNARE, 90)])
    (faster,) = NoteAugmentation(tempo=(2.0, 2.0)).variations("song", "train", seed=0)
    moved = faster.apply_to_drums(strokes)
    assert moved.onset_s.tolist() == [0.5, 1.0]
    assert moved.pitch.tolist() == [KICK, SNARE]
    assert (moved.offset_s > moved.onset_s).all()
    assert len(faster.apply_to_drums(strokes[:0])) == 0


def test_left_out_they_leave_no_trace(left_out, tmp_path, executor, configuration):
    """A corpus with drum tracks and one without give the same dataset."""
    bare = configuration.model_copy(update={"corpus": str(corpus(tmp_path / "corpus", drums=False))})
    other = build_dataset(bare, tmp_path / "dataset", executor=executor)
    apart = ("dataset.json", "README.md")  # which name the corpus and its checksum
    assert contents(other.root, apart) == contents(left_out.root, apart)
    assert "keep_drums" not in json.dumps(left_out.description)
    assert "keep_drums" not in configuration.model_dump(mode="json")
    assert "drum" not in (left_out.root / "README.md").read_text().replace("only-drums", "")


def test_two_builds_are_the_same_byte_for_byte(kept, tmp_path, executor):
    wanted = DatasetConfiguration.model_validate(kept.description["configuration"])
    assert wanted.keep_drums
    assert "Drums play beside the instrument" in (kept.root / "README.md").read_text()
    again = build_dataset(wanted, tmp_path / "dataset", executor=executor)
    assert contents(again.root) == contents(kept.root)
    assert verify_dataset(kept.root) == []


def test_datasets_with_and_without_drums_are_distinguished(kept, left_out, configuration, executor):
    wanted = configuration.model_copy(update={"keep_drums": True})
    with pytest.raises(DatasetError, match=r"\(keep_drums differ\)"):
        build_dataset(wanted, left_out.root, executor=executor)
    with pytest.raises(DatasetError, match=r"\(keep_drums differ\)"):
        build_dataset(configuration, kept.root, executor=executor)


def test_a_piece_of_drums_alone_is_no_piece(kept):
    failures = pd.read_csv(kept.root / "failures.csv", index_col="source").reason
    assert "no pitched note" in failures["only-drums.mid"]
    assert "only-drums" not in set(kept.manifest.piece)


def test_stereo_melodies_keep_their_drums(configuration, kept, tmp_path, executor):
    update = {"keep_drums": True, "melody_only": True, "channels": 2, "augmentation": None}
    update["selection"] = PieceSelection(max_polyphony=1.0)
    built = build_dataset(configuration.model_copy(update=update), tmp_path / "dataset", executor=executor)
    mono = {clip.clip_id: clip for clip in kept.clips()}
    clips = list(built.clips())
    assert {clip.clip_id for clip in clips} <= set(mono)
    for clip in clips:
        assert np.corrcoef(built.samples(clip), kept.samples(mono[clip.clip_id]))[0, 1] > 0.999


def test_strokes_stand_apart_from_notes_of_one_key(synthesizer):
    """The bass drum's key is a low C for a piano."""
    drums = synthesizer.render_drums(drums_table([(0.0, 0.1, KICK, 100)]), 1.0, 22_050)
    piano = synthesizer.render(notes_table([(0.0, 0.1, KICK, 100)]), 0, 1.0, 22_050)
    assert rms(drums) > 1e-3
    assert abs(np.corrcoef(drums, piano)[0, 1]) < 0.5
    assert not synthesizer.render_drums(drums_table([]), 1.0, 22_050).any()


def test_a_judge_is_asked_of_transpositions_with_the_drums_as_they_are(kept, left_out, synthesizer):
    soundfonts = {"TimGM6mb": find_soundfont("TimGM6mb")}
    for with_drums, without in islice(zip(kept.clips(), left_out.clips(), strict=True), 2):
        sounding = {("TimGM6mb", with_drums.program): set(range(128))}
        asked = {"semitones": 3, "soundfonts": soundfonts, "sounding": sounding}
        higher = transposed(kept, with_drums, **asked)
        drums = higher - transposed(left_out, without, **asked)
        end = with_drums.start_s + with_drums.duration_s
        strokes = read_drums(kept.root / "notes" / f"{with_drums.piece}.csv")
        expected = synthesizer.render_drums(strokes, end, 22_050)[round(with_drums.start_s * 22_050) :]
        assert np.corrcoef(drums, expected[: len(drums)])[0, 1] > 0.999


@pytest.fixture
def drumless(tmp_path, monkeypatch, synthesizer):
    """A soundfont whose drum kits lie in another bank."""
    content = bytearray(synthesizer.path.read_bytes())
    start = content.index(b"phdr") + 8
    (size,) = struct.unpack_from("<L", content, start - 4)
    for place in range(start, start + size, 38):
        if struct.unpack_from("<H", content, place + 22) == (128,):
            struct.pack_into("<H", content, place + 22, 127)
    (tmp_path / "Drumless.sf2").write_bytes(content)
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path))
    return find_soundfont("Drumless").path


def test_a_soundfont_without_drums_is_refused_at_once(configuration, drumless, tmp_path, executor):
    wanted = configuration.model_copy(update={"keep_drums": True, "soundfonts": ("TimGM6mb", "Drumless")})
    with pytest.raises(DatasetError, match="no drum kit in Drumless"):
        build_dataset(wanted, tmp_path / "dataset", executor=executor)
    assert not (tmp_path / "dataset").exists()


def test_recorded_notes_have_no_drums(tmp_path):
    pd.DataFrame(columns=["path", "instrument", "source", "midi"]).to_csv(tmp_path / "manifest.csv")
    player = RecordedNotes(tmp_path)
    assert not player.has_drum_kit()
    assert player.render_drums(drums_table([]), 0.5, 8000, channels=2).shape == (2, 4000)
    with pytest.raises(DatasetError, match="no drums"):
        player.render_drums(drums_table([(0, 0.1, KICK, 90)]), 0.5, 8000)


def test_a_dataset_of_before_is_read(left_out, tmp_path):
    """Descriptions that know of no drums are those of datasets without."""
    shutil.copytree(left_out.root, tmp_path / "old")
    old = Dataset.open(tmp_path / "old")
    assert not DatasetConfiguration.model_validate(old.description["configuration"]).keep_drums
    assert read_drums(next((old.root / "notes").glob("*.csv"))).empty
