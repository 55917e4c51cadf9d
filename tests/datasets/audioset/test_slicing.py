"""Silence is what will be heard, however many channels a clip keeps."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from timbrebench.datasets.audioset.audio_sources import Location
from timbrebench.datasets.audioset.audioset_configuration import AudioSetConfiguration, FolderSource
from timbrebench.datasets.audioset.slicing import Slice, SliceJob

RATE = 22_050


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [RATE, 32_000])
@pytest.mark.parametrize(
    ("gains", "reason"),
    [
        ((0.5, 0.5), None),
        ((0.5,), None),
        ((0.5, 0.0), None),
        ((0.5, -0.4), None),
        ((0.5, -0.5), "the segment is silent, as its channels cancel each other out"),
        ((0.3, 0.2, -0.5), "the segment is silent, as its channels cancel each other out"),
        ((0.0, 0.0), "the segment is silent"),
    ],
)
def test_a_clip_is_silent_if_the_mean_of_its_channels_is(tmp_path, channels, rate, gains, reason):
    noise = np.random.default_rng(0).uniform(-1, 1, 10 * rate)
    soundfile.write(tmp_path / "a.wav", np.multiply.outer(noise, gains), rate, subtype="FLOAT")
    configuration = AudioSetConfiguration(
        **dict.fromkeys(("ontology", "class_labels"), "not opened"),
        segments=("not opened",),
        classes=("Sitar",),
        sources=(FolderSource(path=str(tmp_path), holds="videos"),),
        sample_rate=RATE,
        channels=channels,
    )
    job = SliceJob(configuration, tmp_path / "dataset", (Slice("clip", Location(0, "a.wav", 0.0)),))
    (outcome,) = job.run()
    assert outcome.get("reason", "").partition(":")[0] == (reason or "")
    assert (tmp_path / "dataset").exists() == (reason is None)
