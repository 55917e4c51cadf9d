import errno
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from timbrebench.audio import as_samples, fit_length, read_audio, resample, write_audio
from timbrebench.core.errors import AudioError, StorageError


def sine(frequency, sample_rate, seconds=1.0):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * sample_rate)) / sample_rate)


def peak_frequency(samples, sample_rate):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * sample_rate / len(samples)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_what_is_written_is_read_to_16_bits(tmp_path, suffix):
    path = tmp_path / f"tone{suffix}"
    tone = sine(440, 22050)
    write_audio(path, tone, 22050)
    samples, rate = read_audio(path)
    assert rate == 22050
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, tone, atol=2**-15)


def test_stereo_is_averaged(tmp_path):
    path = tmp_path / "stereo.wav"
    left, right = sine(440, 8000), sine(660, 8000)
    soundfile.write(path, np.stack([left, right], axis=1), 8000, subtype="FLOAT")
    samples, _ = read_audio(path)
    np.testing.assert_allclose(samples, (left + right) / 2, atol=1e-6)


def test_resampling_keeps_pitch_and_duration():
    samples = resample(sine(440, 44100).astype(np.float32), 44100, 22050)
    assert len(samples) == 22050
    assert peak_frequency(samples, 22050) == pytest.approx(440, abs=1)


def test_resampling_removes_what_the_lower_rate_cannot_hold():
    high = resample(sine(15000, 44100).astype(np.float32), 44100, 22050)
    assert np.abs(high[2000:-2000]).max() < 1e-3


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.array([]), "empty"),
        (np.zeros(4, dtype=np.int16), "int16"),
        (np.array([0.0, np.nan, np.inf]), "2 samples that are NaN or infinite"),
        (np.zeros((100, 2)), "transpose"),
        (np.zeros((2, 3, 4)), "shape"),
    ],
)
def test_what_is_no_audio_is_refused(audio, message):
    with pytest.raises(AudioError, match=message):
        as_samples(audio)


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(AudioError, match="no such file"):
        read_audio(tmp_path / "absent.wav")
    text = tmp_path / "text.wav"
    text.write_text("no audio")
    with pytest.raises(AudioError, match=r"text\.wav: cannot be decoded"):
        read_audio(text)
    empty = tmp_path / "empty.wav"
    soundfile.write(empty, np.zeros(0), 8000)
    with pytest.raises(AudioError, match="empty"):
        read_audio(empty)


def test_clipped_audio_is_not_written(tmp_path):
    with pytest.raises(AudioError, match=r"peaks at 1\.5"):
        write_audio(tmp_path / "loud.wav", np.array([0.0, 1.5]), 8000)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("the system has no /dev/full")
    path = tmp_path / "tone.flac"
    write_audio(path, sine(440, 8000), 8000)
    before = path.read_bytes()
    limited = os.fork()
    if limited == 0:  # a child, so that the limit on the size of files ends with it
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_audio(path, np.random.default_rng(0).uniform(-1, 1, 80000), 8000)
        except StorageError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(limited, 0)[1]) == 0
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["tone.flac"]


def test_storage_errors_say_what_to_do(tmp_path):
    from timbrebench.core.files import storage_error, write_text

    assert "free some" in str(storage_error(tmp_path, OSError(errno.ENOSPC, "")))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        write_text(tmp_path / "file" / "below", "text")


def test_fit_length_cuts_and_fills():
    samples = np.ones(4, dtype=np.float32)
    assert fit_length(samples, 2).tolist() == [1, 1]
    assert fit_length(samples, 6).tolist() == [1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_channels_that_cancel_each_other_are_named(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 400_000)
    soundfile.write(path, np.stack([noise, -noise], axis=1), 8000)
    with pytest.raises(AudioError, match=f"a{suffix}: .* is silent, as its channels cancel each other out"):
        read_audio(path)
    with pytest.raises(AudioError, match="cancel"):
        read_audio(path, 16_000)
    soundfile.write(path, np.stack([noise, -0.9 * noise], axis=1), 8000)
    np.testing.assert_allclose(read_audio(path)[0], 0.05 * noise, atol=1e-4)
    soundfile.write(path, np.zeros((8000, 2)), 8000)
    assert not read_audio(path)[0].any()
