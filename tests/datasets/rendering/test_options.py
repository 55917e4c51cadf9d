import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from pydantic import ValidationError

from timbrebench.core.workers.executors import LocalExecutor
from timbrebench.datasets import Dataset, DatasetConfiguration, build_dataset, verify_dataset
from timbrebench.datasets.notes import read_notes
from timbrebench.datasets.rendering.score_augmentation import NoteAugmentation
from timbrebench.datasets.stored_spectrograms import TABLE, StoredSpectrograms

PLAIN = DatasetConfiguration(
    pieces=4, instruments=("violin", 73), soundfonts=("TimGM6mb",), renderings=1, clip_duration_s=2.0
)

#: Everything at once.
FULL = PLAIN.model_copy(
    update={
        "channels": 2,
        "audio_format": "ogg",
        "sample_rate": 32_000,
        "melody_only": True,
        "augmentation": NoteAugmentation(copies=2, transposition=(-5, 5), tempo=(0.8, 1.25)),
        "spectrograms": StoredSpectrograms(n_fft=1024, n_mels=40),
    }
)


@pytest.fixture(scope="module")
def executor():
    with LocalExecutor(["timbrebench.datasets.rendering.rendered_dataset"]) as executor:
        yield executor


@pytest.fixture(scope="module")
def plain(tmp_path_factory, executor):
    return build_dataset(PLAIN, tmp_path_factory.mktemp("plain") / "dataset", executor=executor)


@pytest.fixture(scope="module")
def full(tmp_path_factory, executor):
    return build_dataset(FULL, tmp_path_factory.mktemp("full") / "dataset", executor=executor)


@pytest.fixture
def copy(full, tmp_path):
    shutil.copytree(full.root, tmp_path / "copy")
    return tmp_path / "copy"


def contents(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_any_program_is_an_instrument(plain):
    assert plain.labels == ("flute", "violin")
    assert dict(zip(plain.manifest.label, plain.manifest.program, strict=True)) == {"flute": 73, "violin": 40}


def test_files_have_the_format_rate_channels_and_length(full):
    for clip in full.clips():
        file = soundfile.info(full.root / clip.path)
        assert (file.format, file.samplerate, file.channels) == ("OGG", 32_000, 2)
        assert file.frames == 64_000
        samples = full.samples(clip)
        assert samples.shape == (64_000,)
        assert np.abs(samples).max() <= 1


@pytest.mark.parametrize("name", ["wav", "mp3"])
def test_other_formats_hold_the_same_music(plain, tmp_path, executor, name):
    built = build_dataset(PLAIN.model_copy(update={"audio_format": name}), tmp_path / name, executor=executor)
    assert verify_dataset(built.root) == []
    for here, there in zip(plain.clips(), built.clips(), strict=True):
        assert there.path == here.path.replace(".flac", f".{name}")
        expected, samples = plain.samples(here), built.samples(there)
        assert samples.shape == expected.shape
        assert np.corrcoef(samples, expected)[0, 1] > (0.999999 if name == "wav" else 0.98)


def test_the_mean_of_both_channels_is_the_mono_rendering(synthesizer, scale):
    for rate in (22_050, 44_100):
        mono = synthesizer.render(scale, 48, 2.0, rate)
        stereo = synthesizer.render(scale, 48, 2.0, rate, channels=2)
        assert stereo.shape == (2, len(mono))
        assert stereo.mean(axis=0) == pytest.approx(mono, abs=1e-5)
        assert not np.array_equal(*stereo)


def test_the_mean_of_a_stereo_dataset_is_the_mono_one(plain, tmp_path, executor):
    stereo = build_dataset(PLAIN.model_copy(update={"channels": 2}), tmp_path / "stereo", executor=executor)
    for here, there in zip(plain.clips(), stereo.clips(), strict=True):
        assert soundfile.info(stereo.root / there.path).channels == 2
        assert np.corrcoef(plain.samples(here), stereo.samples(there))[0, 1] > 0.99999


def test_only_what_is_learned_from_has_copies(full):
    pieces = full.manifest.drop_duplicates("piece").set_index("piece")
    copies = pieces[pieces.source_piece != pieces.index]
    originals = pieces.drop(copies.index)
    assert set(copies.split) == {"train", "judge"}
    assert set(originals.split) == {"train", "judge", "validation", "test"}
    assert len(originals) == 4
    assert 0 < len(copies) <= 4
    for name, row in copies.iterrows():
        assert name.startswith(f"{row.source_piece}~")
        assert row.split == originals.split[row.source_piece]
    assert (originals[["transposition", "tempo_factor", "velocity_factor"]] == [0, 1, 1]).all(axis=None)
    assert full.description["counts"]["source_pieces"] == 4


def test_the_notes_of_a_copy_are_its_originals_moved(full):
    pieces = full.manifest.drop_duplicates("piece")
    for copy in pieces[pieces.piece != pieces.source_piece].itertuples():
        own, original = (
            read_notes(full.root / "notes" / f"{name}.csv") for name in (copy.piece, copy.source_piece)
        )
        expected = {
            (round(onset / copy.tempo_factor, 2), pitch)
            for onset, pitch in zip(
                original.onset_s,
                original.pitch - 12 * original.octave_shift + copy.transposition,
                strict=True,
            )
        }
        last = max(onset for onset, _ in expected)
        played = own[own.onset_s < last]
        notes = zip(played.onset_s, played.pitch - 12 * played.octave_shift, strict=True)
        near = [
            any((round(onset + step, 2), pitch) in expected for step in (-0.005, 0, 0.005))
            for onset, pitch in notes
        ]
        assert len(near) > 4
        assert np.mean(near) > 0.95


def test_copies_are_rendered_from_their_own_notes(full):
    """A copy in another key has its strongest pitch classes where its notes are."""
    import librosa

    for clip in full.select(instrument="flute").clips():
        notes = full.notes(clip)
        held = (notes.offset_s - notes.onset_s.clip(lower=0)).groupby(notes.pitch % 12).sum()
        chroma = librosa.feature.chroma_stft(y=full.samples(clip), sr=clip.sample_rate, tuning=0).mean(axis=1)
        written = np.zeros(12)
        written[held.index] = held
        assert np.corrcoef(chroma, written)[0, 1] > 0.5


def test_a_melody_has_one_note_at_a_time(full, plain):
    for path in (full.root / "notes").glob("*.csv"):
        notes = read_notes(path)
        assert (notes.onset_s.to_numpy()[1:] >= notes.offset_s.to_numpy()[:-1] - 1e-4).all()
    chords = [read_notes(path) for path in (plain.root / "notes").glob("*.csv")]
    assert any((notes.onset_s.diff() == 0).any() for notes in chords)


def test_stored_spectrograms_are_those_of_the_audio(full):
    for clip in full.clips():
        for variant, expected in FULL.spectrograms.compute(full.samples(clip), 32_000).items():
            assert np.array_equal(full.spectrogram(clip, variant), expected)
    table = pd.read_csv(full.root / TABLE)
    assert len(table) == 4 * len(full)
    assert set(table.clip_id) == set(full.manifest.clip_id)


def test_verification_finds_changed_missing_and_extra_spectrograms(copy):
    assert verify_dataset(copy) == []
    listed = sorted((copy / "spectrograms").rglob("*.npy"))
    listed[0].write_bytes(listed[0].read_bytes()[:-1] + b"\xff")
    listed[1].unlink()
    shutil.copy(listed[2], listed[2].with_name("extra.npy"))
    kinds = [problem.split(":")[0] for problem in verify_dataset(copy)]
    assert sorted(kinds) == ["changed", "missing", "not listed"]


def test_verification_finds_a_copy_that_left_its_original(copy):
    manifest = pd.read_csv(copy / "manifest.csv")
    moved = manifest.piece != manifest.source_piece
    manifest.loc[moved & (manifest.split == "judge"), "split"] = "test"
    manifest.to_csv(copy / "manifest.csv", index=False)
    assert any(problem.startswith("in more than one split") for problem in verify_dataset(copy))


def test_a_second_build_stopped_and_taken_up_is_the_same_byte_for_byte(full, tmp_path, executor, monkeypatch):
    from timbrebench.datasets.rendering import rendered_dataset

    root = tmp_path / "stopped"

    class StoppedError(Exception):
        pass

    def stop(*args, **kwargs):
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(rendered_dataset, "_finish", stop)
        with pytest.raises(StoppedError):
            build_dataset(FULL, root, executor=executor)
    next((root / "spectrograms").rglob("*.npy")).unlink()
    build_dataset(FULL, root, executor=executor)
    assert contents(root) == contents(full.root)


def test_the_defaults_are_mono_flac_without_copies_or_spectrograms(plain):
    assert {path.suffix for path in (plain.root / "audio").rglob("*.*")} == {".flac"}
    assert (plain.manifest.piece == plain.manifest.source_piece).all()
    assert not (plain.root / "spectrograms").exists()
    assert "tempo_factor" not in plain.manifest
    assert Dataset.open(plain.root).sample_rate == 22_050


@pytest.mark.parametrize(
    "fields",
    [
        {"audio_format": "aiff"},
        {"audio_format": "mp3", "sample_rate": 96_000},
        {"channels": 3},
        {"sample_rate": 7_999},
        {"sample_rate": 96_001},
    ],
)
def test_what_no_format_has_is_refused(fields):
    with pytest.raises(ValidationError):
        DatasetConfiguration(**fields)
