"""The pairs of a run as files, for systems that are run elsewhere.

Each pair is a folder with ``content.wav`` and ``style.wav``, and a row of ``pairs.csv``; the reference stays
here. What comes back is scored by the method ``finished-audio``
(:mod:`timbrebench.transfer.methods.external.finished_audio`), which finds a pair by the SHA-256 of its
samples.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from timbrebench.audio.clips import Samples
from timbrebench.core.errors import RunError
from timbrebench.core.files import read_text, write_text
from timbrebench.core.identifiers import path_within
from timbrebench.core.progress import Tracker
from timbrebench.core.tables import CSV_BYTES, csv_text
from timbrebench.experiments.suites.suite import OpenedSuite, Pair, Suite
from timbrebench.transfer.contract import LENGTH_TOLERANCE_S
from timbrebench.transfer.methods.external.clip_files import samples_sha256, write_clip
from timbrebench.transfer.methods.external.finished_audio import PAIRS

README = "README.md"

_TEXT = """\
# {count} pairs of {name}, suite {version}

Each folder is a pair: `content.wav`, whose notes and timing are to be kept, and `style.wav`, whose sound is
to be taken on. Both are mono WAV files with 32-bit floats in [-1, 1] at {rates}.

| column of `pairs.csv` | |
| --- | --- |
| `pair_id` | name of the folder, and of the output |
| `content_label`, `style_label` | labels of both, as the style judge knows them |
| `seeds` | seeds of the run, separated by spaces |
| `sample_rate` | of both clips, in hertz |
| `content_samples`, `style_samples` | how many samples each has |
| `content_sha256`, `style_sha256` | of the samples, as little-endian 32-bit floats |

## What to hand back

A folder with

- `pairs.csv`, unchanged, and
- one file for each pair, named by it: `{example}.wav`. FLAC, Ogg and MP3 will do as well.

An output lasts as long as its content, within {tolerance_ms:.0f} ms, stays in [-1, 1] and is not silent.
Another rate is resampled, and several channels are averaged. A system that draws at random may hand in an
output for each seed: `{example}-seed{seed}.wav`. A pair without an output counts as failed, and a method with
failed pairs is not ranked.

## How it is scored

The folder is a method of the run that the pairs are from:

```toml
[[methods]]
method = "finished-audio"
label = "your-system"
parameters = {{ folder = "path/of/the/folder" }}
```
"""


def export_pairs(suite: OpenedSuite, out: Path, *, name: str, seeds: tuple[int, ...]) -> None:
    """Write the contents and styles of a suite, and what to do with them.

    The folder gets ``<pair_id>/content.wav``, ``<pair_id>/style.wav``, ``README.md`` and ``pairs.csv``, which
    is written last; the same suite gives the same bytes. The name is that of the run, and the seeds those
    that it asks methods for.

    Raises
    ------
    RunError
        If the folder holds other pairs.
    PathError
        If a pair's name leads out of the folder.
    StorageError
        If something cannot be written.
    """
    clips = {
        pair.pair_id: (suite.dataset.samples(pair.content), suite.dataset.samples(pair.style))
        for pair in suite.pairs
    }
    rows = [_row(pair, *clips[pair.pair_id], seeds) for pair in suite.pairs]
    table = csv_text(pd.DataFrame(rows))
    path = out / PAIRS
    if path.exists() and read_text(path, CSV_BYTES, RunError) != table:
        raise RunError(f"{out}: holds other pairs: choose another folder, or remove it first")
    with Tracker("exporting", len(suite.pairs), "pairs") as tracker:
        for pair in suite.pairs:
            for role, samples in zip(("content", "style"), clips[pair.pair_id], strict=True):
                write_clip(path_within(out, f"{pair.pair_id}/{role}.wav"), samples, pair.content.sample_rate)
            tracker.advance()
    write_text(out / README, _readme(suite, name, seeds))
    write_text(path, table)


def _row(pair: Pair, content: Samples, style: Samples, seeds: tuple[int, ...]) -> dict[str, object]:
    return {
        "pair_id": pair.pair_id,
        "content_label": pair.content.label,
        "style_label": pair.style.label,
        "seeds": " ".join(map(str, seeds)),
        "sample_rate": pair.content.sample_rate,
        "content_samples": len(content),
        "style_samples": len(style),
        "content_sha256": samples_sha256(content),
        "style_sha256": samples_sha256(style),
    }


def _readme(suite: Suite, name: str, seeds: tuple[int, ...]) -> str:
    rates = sorted({pair.content.sample_rate for pair in suite.pairs})
    return _TEXT.format(
        count=len(suite.pairs),
        name=name,
        version=suite.version,
        rates=", ".join(f"{rate} Hz" for rate in rates),
        example=suite.pairs[0].pair_id,
        tolerance_ms=1000 * LENGTH_TOLERANCE_S,
        seed=seeds[-1],
    )
