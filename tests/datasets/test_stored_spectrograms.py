import librosa
import numpy as np
import pytest
from pydantic import ValidationError

from timbrebench.core.errors import DatasetError
from timbrebench.datasets.stored_spectrograms import (
    TABLE,
    VARIANTS,
    StoredSpectrograms,
    listed_spectrograms,
    load_spectrogram,
    spectrogram_table,
)


@pytest.fixture
def samples(synthesizer, scale):
    return synthesizer.render(scale, 0, 2.0, 22_050)


def test_the_variants_are_librosas(samples):
    made = StoredSpectrograms().compute(samples, 22_050)
    stft = np.abs(librosa.stft(samples, n_fft=2048, hop_length=512))
    mel = librosa.feature.melspectrogram(y=samples, sr=22_050, n_fft=2048, hop_length=512, n_mels=128)
    expected = {
        "stft-decibel": librosa.power_to_db(stft**2, ref=np.max),
        "stft-log1p": np.log1p(stft),
        "mel-decibel": librosa.power_to_db(mel, ref=np.max),
        "mel-log1p": np.log1p(np.sqrt(mel)),
    }
    assert set(made) == set(VARIANTS) == set(expected)
    for variant, spectrogram in made.items():
        assert spectrogram.dtype == np.float32
        assert spectrogram.shape == ((1025 if "stft" in variant else 128), 1 + 44_100 // 512)
        assert spectrogram == pytest.approx(expected[variant], abs=2e-3)


def test_a_rising_tone_rises_in_the_mel_bands():
    sweep = librosa.chirp(fmin=100, fmax=8_000, sr=22_050, duration=2.0).astype(np.float32)
    mel = StoredSpectrograms(variants=["mel-log1p"]).compute(sweep, 22_050)["mel-log1p"]
    loudest = mel[:, 2:-2].argmax(axis=0)
    assert (np.diff(loudest) >= 0).all()
    assert loudest[0] < 10
    assert loudest[-1] > 90


def test_sizes_follow_the_settings(samples):
    settings = StoredSpectrograms(
        variants=["stft-log1p", "mel-decibel"], n_fft=512, hop_length=128, n_mels=40
    )
    made = settings.compute(samples, 22_050)
    assert {variant: made[variant].shape[0] for variant in made} == {"stft-log1p": 257, "mel-decibel": 40}
    assert all(spectrogram.shape[1] == 1 + 44_100 // 128 for spectrogram in made.values())


def test_what_is_written_is_listed_and_read_back(tmp_path, samples):
    audio = "audio/Bank/piano-000/a.b--00.flac"
    settings = StoredSpectrograms()
    rows = settings.write(tmp_path, audio, samples, 22_050)
    spectrogram_table([{"clip_id": "a", "spectrograms": rows}]).to_csv(tmp_path / TABLE, index=False)
    listed = listed_spectrograms(tmp_path)
    assert len(listed) == 4
    assert all((tmp_path / path).is_file() for path in listed)
    for variant, spectrogram in settings.compute(samples, 22_050).items():
        assert np.array_equal(load_spectrogram(tmp_path, audio, variant), spectrogram)
    before = {path: (tmp_path / path).read_bytes() for path in listed}
    assert settings.write(tmp_path, audio, samples, 22_050) == rows
    assert before == {path: (tmp_path / path).read_bytes() for path in listed}


def test_missing_and_damaged_ones_are_errors(tmp_path, samples):
    audio = "audio/Bank/piano-000/a--00.flac"
    assert listed_spectrograms(tmp_path) == {}
    rows = StoredSpectrograms(variants=["mel-log1p"]).write(tmp_path, audio, samples, 22_050)
    with pytest.raises(DatasetError, match="build the dataset with `spectrograms`"):
        load_spectrogram(tmp_path, audio, "stft-log1p")
    path = tmp_path / rows[0]["path"]
    for content in (b"", b"no array", path.read_bytes()[:-10]):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match="cannot be read as a spectrogram"):
            load_spectrogram(tmp_path, audio, "mel-log1p")
    (tmp_path / "spectrograms.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="lacks the columns"):
        listed_spectrograms(tmp_path)


@pytest.mark.parametrize(
    "fields",
    [{"variants": []}, {"variants": ["cqt"]}, {"variants": ["mel-log1p"] * 2}, {"n_mels": 0}, {"x": 1}],
)
def test_settings_are_checked(fields):
    with pytest.raises(ValidationError):
        StoredSpectrograms(**fields)
