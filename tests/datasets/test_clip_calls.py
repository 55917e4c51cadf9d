"""Each clip of a dataset is passed to a function once, whoever calls it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.core.errors import AudioError
from timbrebench.core.progress import Tracker
from timbrebench.core.workers.executors import InlineExecutor, LocalExecutor
from timbrebench.datasets import Dataset
from timbrebench.datasets.clip_calls import map_clips
from timbrebench.datasets.dataset import Clip, read_clip

RATE = 8000


def test_results_have_the_order_of_the_manifest_whatever_calls_are_made_of(tmp_path):
    levels = np.arange(1, 41) / 64
    for number, level in enumerate(levels):
        soundfile.write(tmp_path / f"{number}.wav", np.full(RATE // 100, level), RATE)
    manifest = pd.DataFrame(dict.fromkeys(Clip.__dataclass_fields__, ""), index=range(len(levels)))
    manifest = manifest.assign(
        path=[f"{number}.wav" for number in manifest.index], duration_s=0.01, sample_rate=RATE
    )
    dataset = Dataset(tmp_path, {"files": {}}, manifest.iloc[::2])
    with Tracker("reading", 40) as tracker, LocalExecutor([], workers=2) as local:
        for executor in (InlineExecutor(), local):
            clips = list(map_clips(Dataset.samples, dataset, executor, tracker))
            np.testing.assert_array_equal(clips, np.tile(levels[::2, None], RATE // 100))


def test_a_clip_that_is_stated_to_last_for_hours_takes_no_memory(tmp_path):
    soundfile.write(tmp_path / "clip.wav", np.zeros(RATE), RATE)
    with pytest.raises(AudioError, match=r"clip\.wav: is to last 36000 s, and 1800 s are read at most"):
        read_clip(tmp_path / "clip.wav", 36_000.0, RATE)
