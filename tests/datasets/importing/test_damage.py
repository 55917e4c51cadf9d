"""More than a thousand damaged files: each becomes clips or a reason, and nothing else happens."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.datasets import verify_dataset
from timbrebench.datasets.importing.import_configuration import ImportConfiguration, SubfolderSource
from timbrebench.datasets.importing.imported_dataset import import_dataset

FORMATS = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}

MUTATIONS = 260


def flip(content, rng):
    """Change some bytes anywhere."""
    for place in rng.integers(0, len(content), rng.integers(1, 9)):
        content[place] = rng.integers(256)
    return content


def flip_header(content, rng):
    """Change some bytes where formats say what they hold."""
    for place in rng.integers(0, min(96, len(content)), rng.integers(1, 4)):
        content[place] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
    return content


def cut(content, rng):
    return content[: rng.integers(0, len(content))]


def lose(content, rng):
    """Take a stretch out of the middle."""
    first, last = sorted(rng.integers(0, len(content), 2))
    return content[:first] + content[last:]


def erase(content, rng):
    first, last = sorted(rng.integers(0, len(content), 2))
    content[first:last] = bytes(last - first)
    return content


def repeat(content, rng):
    first, last = sorted(rng.integers(0, len(content), 2))
    return content[:last] + content[first:]


def insert(content, rng):
    place = rng.integers(0, len(content))
    return content[:place] + rng.bytes(rng.integers(1, 400)) + content[place:]


DAMAGES = (flip, flip_header, flip_header, cut, lose, erase, repeat, insert)


@pytest.fixture(scope="module")
def damaged(synthesizer, tmp_path_factory):
    """A folder of damaged files for each format."""
    from timbrebench.datasets.notes import notes_table

    root = tmp_path_factory.mktemp("damaged")
    notes = notes_table([(0.1 * i, 0.1 * i + 0.08, 60 + i, 90) for i in range(4)])
    samples = synthesizer.render(notes, 0, 0.4, 16_000)
    samples = samples / np.abs(samples).max() / 2
    rng = np.random.default_rng(0)
    for name, subtype in FORMATS.items():
        (root / name).mkdir()
        whole = root / f"whole.{name}"
        soundfile.write(whole, samples, 16_000, subtype=subtype)
        for number in range(MUTATIONS):
            damage = DAMAGES[number % len(DAMAGES)]
            content = bytes(damage(bytearray(whole.read_bytes()), rng))
            (root / name / f"{number:03d}.{name}").write_bytes(content)
        whole.unlink()
    return root


@pytest.mark.slow
def test_damaged_files_become_clips_or_reasons(damaged, tmp_path):
    configuration = ImportConfiguration(
        source=SubfolderSource(path=str(damaged)), clip_duration_s=0.2, sample_rate=16_000
    )
    dataset = import_dataset(configuration, tmp_path / "dataset")
    files = {path.relative_to(damaged).as_posix() for path in damaged.rglob("*") if path.is_file()}
    assert len(files) == MUTATIONS * len(FORMATS) >= 1000
    failures = pd.read_csv(dataset.root / "failures.csv")
    assert set(dataset.manifest.source) | set(failures.source) == files
    # Some of every format are bad enough, and some are not.
    for name in FORMATS:
        assert failures.source.str.startswith(name).sum() > 10
        assert dataset.manifest.label.eq(name).sum() > 10
    assert verify_dataset(dataset.root) == []
    assert not [path for path in dataset.root.rglob(".*") if path.is_file()]
