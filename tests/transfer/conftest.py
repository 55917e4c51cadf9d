"""Short phrases of harmonic tones: real signals with notes, onsets and a timbre."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from timbrebench.audio.clips import write_audio
from timbrebench.core.files import file_sha256
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.notes import notes_table, write_notes
from timbrebench.transfer.methods.external.clip_files import samples_sha256, write_clip

SAMPLE_RATE = 22050


def phrase(pitches, harmonics, *, note_s=0.25, sample_rate=SAMPLE_RATE):
    """Play MIDI pitches one after the other with a sharp onset, a decay and the given harmonics."""
    time = np.arange(round(note_s * sample_rate)) / sample_rate
    notes = []
    for pitch in pitches:
        f0 = 440 * 2 ** ((pitch - 69) / 12)
        partials = [level * np.sin(2 * np.pi * f0 * number * time) for number, level in harmonics.items()]
        notes.append(np.sum(partials, axis=0) * np.exp(-4 * time))
    samples = np.concatenate(notes)
    return (0.5 * samples / np.abs(samples).max()).astype(np.float32)


STRING = {1: 1.0, 2: 0.6, 3: 0.4, 4: 0.3, 5: 0.2}
REED = {1: 1.0, 3: 0.8, 5: 0.6, 7: 0.4, 9: 0.3, 11: 0.2}


@pytest.fixture
def sample_rate():
    return SAMPLE_RATE


@pytest.fixture
def content():
    return phrase([60, 64, 67, 72, 67], STRING)


@pytest.fixture
def style():
    return phrase([55, 62, 59, 67], REED)


@pytest.fixture
def reference():
    """What `content` sounds like in the timbre of `style`."""
    return phrase([60, 64, 67, 72, 67], REED)


@pytest.fixture
def pair(content, style, reference, sample_rate):
    """Everything that :func:`timbrebench.transfer.apply` wants of a pair."""
    return {"content": content, "style": style, "reference": reference, "sample_rate": sample_rate}


class Louder(torch.nn.Module):
    """The content at the style's peak."""

    def forward(self, content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        return content * style.abs().max() / content.abs().max()


@pytest.fixture(scope="session")
def required_parameters(tmp_path_factory):
    """Parameters of the methods that cannot be made without any: a program, an export, a folder of audio."""
    root = tmp_path_factory.mktemp("external")
    torch.jit.save(torch.jit.script(Louder()), root / "louder.pt")
    content, style = phrase([60, 64, 67, 72, 67], STRING), phrase([55, 62, 59, 67], REED)
    rows = []
    for length in (9000, len(style), 22050, 40001):
        pair_id = f"style-of-{length}"
        hashes = [samples_sha256(clip) for clip in (content, np.resize(style, length))]
        rows.append((pair_id, *hashes))
        write_clip(root / "handed-in" / f"{pair_id}.wav", content / 2, SAMPLE_RATE)
    table = pd.DataFrame(rows, columns=["pair_id", "content_sha256", "style_sha256"])
    table.to_csv(root / "handed-in" / "pairs.csv", index=False)
    return {
        "command-line": {"command": ["cp", "{content}", "{output}"]},
        "torchscript": {"path": str(root / "louder.pt"), "sample_rate": SAMPLE_RATE, "device": "cpu"},
        "finished-audio": {"folder": str(root / "handed-in")},
    }


@pytest.fixture(scope="session")
def training_music(tmp_path_factory):
    """Two melodies with known notes, each played by both timbres: what a method may learn from."""
    root = tmp_path_factory.mktemp("training")
    rows = []
    for piece, pitches in {"up": [55, 57, 59, 60, 62, 64], "down": [72, 71, 69, 67, 65, 64]}.items():
        notes = [(0.25 * index, 0.25 * (index + 1), pitch, 90) for index, pitch in enumerate(pitches)]
        write_notes(root / "notes" / f"{piece}.csv", notes_table(notes))
        for label, harmonics in {"string": STRING, "reed": REED}.items():
            path = f"audio/{piece}-{label}.flac"
            write_audio(root / path, phrase(pitches, harmonics), SAMPLE_RATE)
            rows.append(
                {
                    "clip_id": f"{piece}-{label}",
                    "path": path,
                    "label": label,
                    "piece": piece,
                    "instrument": label,
                    "program": 0,
                    "soundfont": "additive",
                    "soundfont_family": "additive",
                    "start_s": 0.0,
                    "duration_s": 0.25 * len(pitches),
                    "sample_rate": SAMPLE_RATE,
                    "split": "train",
                    "sha256": file_sha256(root / path),
                }
            )
    return Dataset(root, {}, pd.DataFrame(rows))
