import numpy as np
import pytest
import soundfile

from timbrebench.audio import rms, write_audio
from timbrebench.audio.encoding import AUDIO_FORMATS, encode_audio
from timbrebench.audio.ogg import page_checksum, with_stable_serial
from timbrebench.core.errors import AudioError


def tones(rate, channels, seconds=1.3):
    """440 Hz on the left, 660 Hz on the right, with an attack four times a second."""
    time = np.arange(round(seconds * rate)) / rate
    decay = np.exp(-4 * (time % 0.25))
    left, right = (0.6 * decay * np.sin(2 * np.pi * hertz * time) for hertz in (440, 660))
    return np.stack([left, right])[:channels].astype(np.float32)


@pytest.mark.parametrize("name", AUDIO_FORMATS)
@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_decoded_is_as_long_and_nearly_the_same(tmp_path, name, rate, channels):
    samples = tones(rate, channels)
    path = tmp_path / f"clip.{name}"
    encode_audio(path, samples, rate)
    decoded, decoded_rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert decoded_rate == rate
    assert decoded.T.shape == samples.shape
    error = rms(decoded.T - samples) / rms(samples)
    assert error < (1e-3 if name in {"flac", "wav"} else 0.1)


@pytest.mark.parametrize("name", AUDIO_FORMATS)
def test_writing_again_gives_the_same_bytes(tmp_path, name):
    samples = tones(22_050, 2)
    for path in (tmp_path / f"a.{name}", tmp_path / f"b.{name}"):
        encode_audio(path, samples, 22_050)
    assert (tmp_path / f"a.{name}").read_bytes() == (tmp_path / f"b.{name}").read_bytes()


def test_mono_flac_is_what_it_always_was(tmp_path):
    samples = tones(22_050, 1)[0]
    encode_audio(tmp_path / "new.flac", samples, 22_050)
    write_audio(tmp_path / "old.flac", samples, 22_050)
    assert (tmp_path / "new.flac").read_bytes() == (tmp_path / "old.flac").read_bytes()


def pages(content):
    starts = [at for at in range(len(content)) if content.startswith(b"OggS\0", at)]
    return [content[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def test_the_checksum_of_a_page_is_that_of_the_encoder(tmp_path):
    soundfile.write(tmp_path / "clip.ogg", tones(22_050, 1)[0], 22_050)
    for page in pages((tmp_path / "clip.ogg").read_bytes()):
        blank = page[:22] + bytes(4) + page[26:]
        assert page_checksum(blank) == int.from_bytes(page[22:26], "little")


def test_another_serial_number_decodes_to_the_same_samples(tmp_path):
    soundfile.write(tmp_path / "clip.ogg", tones(22_050, 1)[0], 22_050)
    content = (tmp_path / "clip.ogg").read_bytes()
    stable = with_stable_serial(content)
    (tmp_path / "stable.ogg").write_bytes(stable)
    assert len(stable) == len(content)
    assert len({page[14:18] for page in pages(stable)}) == 1
    assert np.array_equal(*(soundfile.read(tmp_path / name)[0] for name in ("clip.ogg", "stable.ogg")))


def test_the_serial_number_follows_from_the_sound(tmp_path):
    serials = []
    for gain in (1.0, 0.5):
        encode_audio(tmp_path / "clip.ogg", np.float32(gain) * tones(22_050, 1), 22_050)
        serials.append((tmp_path / "clip.ogg").read_bytes()[14:18])
    assert serials[0] != serials[1]


def test_several_streams_and_damaged_files_are_refused(tmp_path):
    encode_audio(tmp_path / "a.ogg", tones(22_050, 1), 22_050)
    encode_audio(tmp_path / "b.ogg", tones(16_000, 1), 16_000)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.ogg", "b.ogg"))
    with pytest.raises(AudioError, match="several streams"):
        with_stable_serial(first + second)
    for damaged in (first[:-1], first[1:], first + b"x", b"OggS"):
        with pytest.raises(AudioError, match="byte"):
            with_stable_serial(damaged)


def test_what_cannot_be_written_is_an_error_and_leaves_no_file(tmp_path):
    samples = tones(22_050, 1)
    with pytest.raises(AudioError, match=r"\.flac, \.wav, \.ogg or \.mp3"):
        encode_audio(tmp_path / "clip.aiff", samples, 22_050)
    with pytest.raises(AudioError, match="no sample rate of 96000"):
        encode_audio(tmp_path / "clip.mp3", samples, 96_000)
    for bad in (2 * samples, np.full_like(samples, np.nan), samples[:, :0]):
        with pytest.raises(AudioError, match=r"\[-1, 1\]"):
            encode_audio(tmp_path / "clip.flac", bad, 22_050)
    assert not list(tmp_path.iterdir())
