"""Folders of finished audio, as they are handed in, with and without mistakes."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from timbrebench.core.errors import MethodError
from timbrebench.transfer import apply, create
from timbrebench.transfer.methods.external.clip_files import samples_sha256

PAIR = "007-piano-trumpet"


@pytest.fixture
def folder(tmp_path, content, style):
    """A folder with the table of two pairs, and no audio yet."""
    rows = [
        "pair_id,content_label,style_label,content_sha256,style_sha256",
        f"{PAIR},piano,trumpet,{samples_sha256(content)},{samples_sha256(style)}",
        f"008-trumpet-piano,trumpet,piano,{samples_sha256(style)},{samples_sha256(content)}",
    ]
    (tmp_path / "pairs.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def run(folder, pair, seed=0):
    return apply(create("finished-audio", {"folder": str(folder)}), **pair, seed=seed)


def write(path, samples, rate, **options):
    soundfile.write(path, samples, rate, **options)


def rms(samples):
    return np.sqrt(np.mean(np.square(samples, dtype=np.float64)))


def test_each_pair_has_its_own_file(folder, pair, content, style, sample_rate):
    write(folder / f"{PAIR}.wav", 0.5 * content, sample_rate, subtype="FLOAT")
    write(folder / "008-trumpet-piano.wav", 0.25 * style, sample_rate, subtype="FLOAT")
    np.testing.assert_array_equal(run(folder, pair), np.float32(0.5) * content)
    turned = {**pair, "content": style, "style": content}
    np.testing.assert_array_equal(run(folder, turned), np.float32(0.25) * style)


@pytest.mark.parametrize(("suffix", "error"), [("wav", 1e-3), ("flac", 1e-3), ("ogg", 0.2), ("mp3", 0.2)])
def test_formats(folder, pair, suffix, error):
    content = pair["content"]
    write(folder / f"{PAIR}.{suffix}", 0.5 * content, pair["sample_rate"])
    assert rms(run(folder, pair) - 0.5 * content) < error * rms(0.5 * content)


@pytest.mark.parametrize("suffix", ["ogg", "mp3", "flac"])
@pytest.mark.parametrize("rate", [22_050, 16_000])
def test_outputs_near_full_scale_are_taken_in_every_format(folder, pair, suffix, rate):
    """A lossy format decodes, and resampling rings, beyond what was handed in."""
    loud = 0.9886 * np.sign(pair["content"])  # -0.1 dB of full scale
    length = round(len(loud) * rate / pair["sample_rate"])
    write(folder / f"{PAIR}.{suffix}", loud[:length], rate)
    peak = np.abs(run(folder, pair)).max()
    assert 0.98 < peak <= 1
    assert (peak == 1) == (suffix != "flac" or rate != pair["sample_rate"])


def test_an_output_beyond_full_scale_is_still_refused(folder, pair, content, sample_rate):
    write(folder / f"{PAIR}.wav", 1.5 * content / np.abs(content).max(), sample_rate, subtype="FLOAT")
    with pytest.raises(MethodError, match=r"the output peaks at 1\.5"):
        run(folder, pair)


def test_what_lies_beside_an_output_is_not_one(folder, pair, content, sample_rate):
    write(folder / f"{PAIR}.wav", 0.5 * content, sample_rate, subtype="FLOAT")
    for name in (f"._{PAIR}.wav", f".{PAIR}.wav", ".DS_Store", f"{PAIR}.json", f"{PAIR}.mid"):
        (folder / name).write_bytes(b"whatever")
    np.testing.assert_array_equal(run(folder, pair), np.float32(0.5) * content)


def test_an_output_that_is_far_too_long_is_not_read(folder, pair, content, sample_rate):
    write(folder / f"{PAIR}.flac", np.zeros(600 * sample_rate, np.int16), sample_rate)
    with pytest.raises(MethodError, match=r"not as long as its content, 1\.250 s: .*lasts longer"):
        run(folder, pair)


def test_another_rate_is_resampled_and_stereo_is_averaged(folder, pair, content, sample_rate):
    halved = np.stack([content[::2], 0 * content[::2]], axis=1)  # the partials end far below half the rate
    write(folder / f"{PAIR}.wav", halved, sample_rate // 2)
    output = run(folder, pair)
    assert output.shape == content.shape
    assert rms(output - 0.5 * content) < 0.1 * rms(content)


def test_an_output_for_the_seed_goes_before_the_one_for_all(folder, pair, content, sample_rate):
    write(folder / f"{PAIR}.wav", 0.5 * content, sample_rate, subtype="FLOAT")
    write(folder / f"{PAIR}-seed1.wav", 0.25 * content, sample_rate, subtype="FLOAT")
    peaks = [np.abs(run(folder, pair, seed)).max() / np.abs(content).max() for seed in (0, 1, 2)]
    assert peaks == [0.5, 0.25, 0.5]


def test_a_missing_output_is_named(folder, pair):
    with pytest.raises(MethodError, match=rf"there is no {PAIR}\.wav .*{PAIR}-seed0\.wav"):
        run(folder, pair)


def test_two_outputs_of_one_pair_are_one_too_many(folder, pair, content, sample_rate):
    for suffix in ("wav", "flac"):
        write(folder / f"{PAIR}.{suffix}", content, sample_rate)
    with pytest.raises(MethodError, match=rf"{PAIR}\.flac and {PAIR}\.wav are outputs of one pair"):
        run(folder, pair)


def test_another_pair_is_not_taken_for_this_one(folder, pair, content, sample_rate):
    write(folder / f"{PAIR}.wav", content, sample_rate)
    with pytest.raises(MethodError, match="has no pair of these two clips"):
        run(folder, {**pair, "content": 0.9 * content})


def test_what_is_no_audio_or_no_output_is_told(folder, pair, content, sample_rate):
    path = folder / f"{PAIR}.wav"
    path.write_text("not finished yet")
    with pytest.raises(MethodError, match=rf"the output is not audio: .*{PAIR}\.wav: cannot be decoded"):
        run(folder, pair)
    write(path, content[:9000], sample_rate)
    with pytest.raises(MethodError, match=r"the output lasts 0\.408 s"):
        run(folder, pair)
    write(path, 0 * content, sample_rate)
    with pytest.raises(MethodError, match="the output is silent"):
        run(folder, pair)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (None, r"pairs\.csv: cannot be read .*put the table"),
        ("", r"pairs\.csv: cannot be read"),
        ("pair_id,content_sha256\n1,2\n", r"pairs\.csv: misses style_sha256"),
    ],
)
def test_the_table_has_to_be_there_as_it_was_exported(folder, pair, table, reason):
    (folder / "pairs.csv").unlink()
    if table is not None:
        (folder / "pairs.csv").write_text(table)
    with pytest.raises(MethodError, match=reason):
        run(folder, pair)


def test_a_folder_that_is_not_there_is_named(tmp_path, pair):
    with pytest.raises(MethodError, match=r"absent/pairs\.csv: cannot be read"):
        run(tmp_path / "absent", pair)


def test_names_lead_nowhere_else(folder, pair, content, style, sample_rate):
    """What is handed in names files of its own folder only."""
    write(folder / "secret.wav", content, sample_rate)
    inner = folder / "inner"
    inner.mkdir()
    (inner / "pairs.csv").write_text(
        (folder / "pairs.csv").read_text().replace(PAIR, "../secret").replace("008", "009")
    )
    with pytest.raises(MethodError, match="there is no"):
        run(inner, pair)


def test_the_fingerprint_follows_all_that_is_handed_in(folder, content, sample_rate):
    method = create("finished-audio", {"folder": str(folder)})
    seen = [method.fingerprint()]
    for level in (0.5, 0.25):
        write(folder / f"{PAIR}.wav", level * content, sample_rate)
        seen.append(method.fingerprint())
    (folder / f"{PAIR}.wav").rename(folder / f"{PAIR}-seed0.wav")
    seen.append(method.fingerprint())
    assert len(set(seen)) == 4
