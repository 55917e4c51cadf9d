"""Files of audio with headers that are wrong, and files that are not audio."""

import os
import struct
import time
import tracemalloc

import numpy as np
import pytest
import soundfile

from timbrebench.audio.clips import LOSSY_PEAK, read_audio, read_start, resample
from timbrebench.audio.decoding import TooLongError, decode_whole, measure
from timbrebench.core.errors import AudioError

RATE = 22_050
FORMATS = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}


def melody(seconds=2.0, rate=RATE, peak=0.5):
    time_s = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * 440 * time_s) + 0.5 * np.sin(2 * np.pi * 1234 * time_s)
    samples = tone * (1 - (4 * time_s) % 1)
    return (peak * samples / np.abs(samples).max()).astype(np.float32)


def encode(path, samples, rate=RATE, subtype=None):
    """Write samples in blocks, as libvorbis needs them."""
    frames = samples if samples.ndim == 2 else samples[:, None]
    subtype = subtype or FORMATS[path.suffix[1:]]
    with soundfile.SoundFile(path, "w", rate, frames.shape[1], subtype) as file:
        for start in range(0, len(frames), 1 << 14):
            file.write(frames[start : start + (1 << 14)])
    return path.read_bytes()


def with_flac_length(content, length):
    """Claim another number of samples: 36 bits from the 22nd byte on, all 0 where it is unknown."""
    field = int.from_bytes(content[18:26], "big") >> 36 << 36 | length
    return content[:18] + field.to_bytes(8, "big") + content[26:]


def with_wav_size(content, size):
    at = content.index(b"data") + 4
    return content[:4] + struct.pack("<I", size) + content[8:at] + struct.pack("<I", size) + content[at + 4 :]


def with_mp3_frames(content, frames):
    at = max(content.find(b"Xing"), content.find(b"Info")) + 8
    return content[:at] + frames.to_bytes(4, "big") + content[at + 4 :]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_honest_files_decode_to_what_libsndfile_gives(tmp_path, name, channels):
    path = tmp_path / f"clip.{name}"
    encode(path, np.stack([melody(15), melody(15, peak=0.3)][:channels], axis=1))
    frames, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = decode_whole(path, 20)
    assert mono.sample_rate == rate
    assert mono.is_lossy == (name in {"ogg", "mp3"})
    np.testing.assert_array_equal(mono.samples, frames.mean(axis=1))
    np.testing.assert_array_equal(read_start(path, 1000), frames.mean(axis=1)[:1000])
    assert measure(path, 20)[:2] == (len(frames), rate)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("flac", lambda content: with_flac_length(content, 0)),
        ("flac", lambda content: with_flac_length(content, RATE)),
        ("flac", lambda content: with_flac_length(content, 36_000 * RATE)),
        ("wav", lambda content: with_wav_size(content, 0)),
        ("wav", lambda content: with_wav_size(content, 0xFFFFFFFF)),
        ("wav", lambda content: with_wav_size(content, 0x7FFFF000)),
    ],
)
def test_the_length_in_a_header_is_not_believed(tmp_path, name, change):
    path = tmp_path / f"clip.{name}"
    content = encode(path, melody())
    expected, _ = soundfile.read(path, dtype="float32")
    path.write_bytes(change(content))
    np.testing.assert_array_equal(read_audio(path)[0], expected)
    np.testing.assert_array_equal(read_start(path, 2 * len(expected)), expected)


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_ffmpeg_decodes_as_many_channels(tmp_path, channels):
    path = tmp_path / "clip.flac"
    content = encode(path, np.stack([melody(peak=0.9 / (n + 1)) for n in range(channels)], axis=1))
    expected, _ = read_audio(path)
    path.write_bytes(with_flac_length(content, 0))
    np.testing.assert_array_equal(read_audio(path)[0], expected)


@pytest.mark.parametrize("frames", [1, 1_000_000])
def test_nor_is_the_number_of_frames_of_an_mp3(tmp_path, frames):
    path = tmp_path / "clip.mp3"
    path.write_bytes(with_mp3_frames(encode(path, melody()), frames))
    assert len(read_audio(path)[0]) == pytest.approx(2 * RATE, abs=0.15 * RATE)


@pytest.mark.parametrize("name", ["mp3", "ogg", "flac"])
@pytest.mark.parametrize("first_s", [0.5, 4.0])
def test_joined_files_are_read_whole(tmp_path, name, first_s):
    path = tmp_path / f"clip.{name}"
    path.write_bytes(encode(path, melody(first_s)) + encode(path, melody(2.0, peak=0.3)))
    samples, _ = read_audio(path)
    assert len(samples) == pytest.approx((first_s + 2) * RATE, abs=0.15 * RATE)
    assert np.abs(samples[-RATE:]).max() == pytest.approx(0.3, abs=0.05)
    with pytest.raises(TooLongError):
        read_audio(path, max_s=first_s + 1)


def id3v2(picture):
    """A tag with a picture, as music that was bought has it."""

    def synchsafe(size):
        return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))

    body = b"\0image/jpeg\0\x03\0" + picture
    frame = b"APIC" + synchsafe(len(body)) + b"\0\0" + body
    return b"ID3\x04\0\0" + synchsafe(len(frame)) + frame


@pytest.mark.parametrize("picture", [100, 60_000])
@pytest.mark.parametrize("rates", [(RATE, RATE), (RATE, 44_100), (44_100, RATE)])
@pytest.mark.parametrize("channels", [1, 2])
def test_joined_mp3_files_with_tags_and_of_other_formats_are_read_whole(tmp_path, picture, rates, channels):
    path = tmp_path / "clip.mp3"
    tag = id3v2(np.random.default_rng(0).integers(0, 256, picture, dtype=np.uint8).tobytes())
    second = np.stack([melody(2.0, rates[1], peak=0.3)] * channels, axis=1)
    path.write_bytes(
        tag + encode(path, melody(3.0, rates[0]), rates[0]) + tag + encode(path, second, rates[1])
    )
    samples, rate = read_audio(path)
    assert rate in rates
    assert len(samples) == pytest.approx(5 * rate, abs=0.15 * rate)
    assert np.abs(samples[-rate:]).max() == pytest.approx(0.3, abs=0.05)


def test_joined_ogg_files_are_read_whole_or_not_at_all(tmp_path):
    path = tmp_path / "clip.ogg"
    path.write_bytes(encode(path, melody(3.0)) + encode(path, melody(2.0, 44_100), 44_100))
    with pytest.raises(AudioError, match="more than its first stream"):
        read_audio(path)


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), b"APETAGEX" + bytes(5000)])
def test_what_follows_and_is_no_audio_changes_nothing(tmp_path, tag):
    path = tmp_path / "clip.mp3"
    content = encode(path, melody())
    expected, _ = read_audio(path)
    path.write_bytes(content + tag)
    np.testing.assert_array_equal(read_audio(path)[0], expected)


@pytest.fixture(scope="module")
def bombs(tmp_path_factory):
    """An hour of silence in a few hundred kilobytes, each with another claim."""
    root = tmp_path_factory.mktemp("bombs")
    silence = np.zeros(3600 * 8000, np.int16)
    flac = encode(root / "true.flac", silence, 8000)
    (root / "unknown.flac").write_bytes(with_flac_length(flac, 0))
    (root / "short.flac").write_bytes(with_flac_length(flac, 5 * 8000))
    ogg = encode(root / "true.ogg", silence[: 600 * 8000], 8000)
    short = encode(root / "short.ogg", silence[: 5 * 8000], 8000)
    (root / "behind.ogg").write_bytes(short + ogg)
    (root / "short.ogg").unlink()
    return root


@pytest.mark.parametrize("name", ["true.flac", "unknown.flac", "short.flac", "true.ogg", "behind.ogg"])
def test_what_is_longer_than_expected_is_refused_in_little_memory(bombs, name):
    import av

    assert av.formats_available  # FFmpeg is loaded before memory is measured
    tracemalloc.start()
    try:
        with pytest.raises(TooLongError, match=rf"{name}: lasts longer than the 60 s"):
            read_audio(bombs / name, max_s=60)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12e6
    assert len(read_start(bombs / name, 5 * 8000)) == 5 * 8000


@pytest.mark.parametrize("name", ["wav", "ogg", "mp3"])
def test_truncated_files_are_what_is_left(tmp_path, name):
    path = tmp_path / f"clip.{name}"
    content = encode(path, melody(20.0))
    path.write_bytes(content[: len(content) * 6 // 10])
    assert 8 * RATE < len(read_audio(path)[0]) < 15 * RATE


def test_a_flac_that_breaks_off_in_a_frame_is_an_error(tmp_path):
    path = tmp_path / "clip.flac"
    content = encode(path, melody(20.0))
    path.write_bytes(content[: len(content) * 6 // 10])
    with pytest.raises(AudioError, match=r"clip\.flac: cannot be decoded"):
        read_audio(path)


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.wav\n#EXT-X-ENDLIST\n"
SESSION = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "raw", "gsm", "m3u8", "xyz"])
@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", b"fLaC", b"OggS", b"ID3", bytes(5000), b"la la la " * 999]
    + [text.encode() for text in (PLAYLIST, SESSION, "ffconcat version 1.0\nfile secret.wav\n")],
)
def test_what_is_no_audio_is_one_error_and_opens_nothing(tmp_path, monkeypatch, suffix, content):
    monkeypatch.chdir(tmp_path)
    encode(tmp_path / "secret.wav", melody())
    path = tmp_path / f"file.{suffix}"
    path.write_bytes(content)
    started = time.monotonic()
    with pytest.raises(AudioError, match=rf"file\.{suffix}: "):
        read_audio(path)
    assert time.monotonic() - started < 5


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "zero.wav").symlink_to("/dev/zero")
    for name, reason in (("pipe", "pipe"), ("folder", "folder"), ("zero", "device"), ("absent", "no such")):
        with pytest.raises(AudioError, match=rf"{name}\.wav: .*{reason}"):
            read_audio(tmp_path / f"{name}.wav")


def test_formats_that_libsndfile_lacks_are_decoded(tmp_path):
    import av

    path = tmp_path / "clip.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(melody()[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        fifo = av.AudioFifo()
        fifo.write(frame)
        for part in fifo.read_many(1024):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    assert decode_whole(path, 10).is_lossy
    samples, rate = read_audio(path)
    assert rate == RATE
    assert len(samples) == pytest.approx(2 * RATE, abs=0.15 * RATE)


def loud_sounds():
    """Sounds at -0.1 dB of full scale."""
    rng = np.random.default_rng(0)
    sounds = {
        "square": np.sign(melody()),
        "noise": rng.uniform(-1, 1, 2 * RATE),
        "clipped": np.clip(20 * melody() + rng.normal(0, 0.2, 2 * RATE), -1, 1),
    }
    return {name: (0.9886 * samples).astype(np.float32) for name, samples in sounds.items()}


@pytest.mark.parametrize("name", ["ogg", "mp3"])
@pytest.mark.parametrize("sound", loud_sounds())
def test_what_a_lossy_format_brings_beyond_full_scale_is_clipped(tmp_path, name, sound):
    """Clipping takes no sample further from what was encoded; scaling does."""
    original = loud_sounds()[sound]
    path = tmp_path / f"clip.{name}"
    encode(path, original)
    decoded = decode_whole(path, 10).samples
    assert 1 < np.abs(decoded).max() < LOSSY_PEAK
    samples, _ = read_audio(path)
    assert np.abs(samples).max() == 1
    inside = np.abs(decoded) <= 1
    np.testing.assert_array_equal(samples[inside], decoded[inside])
    scaled = decoded / np.abs(decoded).max()
    errors = [np.mean(np.square(version - original)) for version in (samples, decoded, scaled)]
    assert errors[0] < errors[1] < errors[2]


def test_what_resampling_brings_beyond_full_scale_is_clipped(tmp_path):
    path = tmp_path / "clip.wav"
    square = loud_sounds()["square"]
    encode(path, square)
    assert np.abs(resample(square, RATE, 44_100)).max() > 1
    assert np.abs(read_audio(path, 44_100)[0]).max() == 1


def test_what_left_full_scale_before_still_does(tmp_path):
    path = tmp_path / "clip.wav"
    encode(path, 3 * melody(), subtype="FLOAT")
    for rate in (None, 44_100):
        assert np.abs(read_audio(path, rate)[0]).max() == pytest.approx(1.5, abs=0.1)
    path = tmp_path / "clip.ogg"
    encode(path, 20 * melody())
    assert np.abs(read_audio(path)[0]).max() > LOSSY_PEAK


@pytest.mark.slow
def test_damaged_files_are_samples_or_a_reason(tmp_path):
    """Three hundred of each format, which libsndfile and FFmpeg decode in this very process."""
    rng, total = np.random.default_rng(0), 0
    for name in FORMATS:
        path = tmp_path / f"clip.{name}"
        content = encode(path, melody())
        outcomes = []
        for _ in range(300):
            damaged = bytearray(content)
            for place in rng.integers(0, rng.choice([64, len(content)]), rng.integers(1, 6)):
                damaged[place] = rng.integers(256)
            path.write_bytes(damaged[: rng.integers(len(content) + 1)])
            try:
                outcomes.append(len(read_audio(path, max_s=600)[0]) > 0)
            except AudioError:
                outcomes.append(False)
        assert len(outcomes) == 300
        total += sum(outcomes)
    assert 100 < total < 1100
