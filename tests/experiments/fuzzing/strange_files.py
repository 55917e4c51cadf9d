"""Each kind of file that a stranger can hand in: how it is changed, and everything that reads it.

Called in processes of their own, by name, so that a reader that hangs, crashes or takes all memory is only
one finding.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import traceback
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mutations import Generator, change_bytes, change_json, change_lines, change_table, change_tree, values

from timbrebench.audio import read_audio
from timbrebench.classifier import Judge
from timbrebench.core.errors import TimbrebenchError
from timbrebench.core.files import fingerprint
from timbrebench.datasets.audioset.segments import read_segments
from timbrebench.datasets.building import load_configuration as load_dataset_configuration
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.importing.import_configuration import TableSource
from timbrebench.datasets.importing.recording_sources import gather, list_folder
from timbrebench.datasets.midi import read_midi
from timbrebench.datasets.notes import read_notes
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration, Shares
from timbrebench.datasets.verification import verify_dataset
from timbrebench.experiments.commands.cli import main
from timbrebench.experiments.ranking.baseline import read_baseline
from timbrebench.experiments.run.records import read_records
from timbrebench.experiments.run.run_configuration import load_configuration
from timbrebench.experiments.submissions.method_card import parse_card, read_card_text
from timbrebench.experiments.submissions.submission_archive import MANIFEST, write_archive
from timbrebench.experiments.suites.recipes import load_recipe

#: What must not reach a terminal out of a file: all control characters but tabs and ends of lines.
CONTROLS = {chr(code) for code in (*range(9), *range(11, 32), 127, *range(0x202A, 0x202F)) if code != 13}

BY_SUFFIX = {".json": change_json, ".jsonl": change_lines, ".csv": change_table}


def change_submission(content: bytes, generator: Generator, elsewhere: str) -> bytes:
    """Return a submission of which one file is changed, with a list that fits; or a damaged archive."""
    if generator.random() < 0.1:
        return change_bytes(content, generator, elsewhere)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}
    audio = [name for name in files if name.endswith(".flac")]
    rest = sorted(set(files) - set(audio))
    # There are far more outputs than tables.
    name = str(generator.choice(audio if audio and generator.random() < 0.1 else rest))
    change = BY_SUFFIX.get(Path(name).suffix, change_bytes)
    files[name] = change(files[name], generator, elsewhere)
    packed = Path("packed.zip")
    write_archive(packed, files)
    try:
        return packed.read_bytes()
    finally:
        packed.unlink()


def change_judge(content: bytes, generator: Generator, elsewhere: str) -> bytes:
    """Return a judge with other settings, labels or weights; or a damaged file."""
    if generator.random() < 0.1:
        return change_bytes(content, generator, elsewhere)
    tree = torch.load(io.BytesIO(content), weights_only=True)
    if generator.random() < 0.2:
        weights = [
            (parent, key)
            for parent in [tree, *(child for child in tree.values() if isinstance(child, dict))]
            for key, child in parent.items()
            if isinstance(child, torch.Tensor)
        ]
        parent, key = weights[generator.integers(len(weights))]
        parent[key] = [
            torch.zeros(1).expand(10**6, 10**5),
            torch.full_like(parent[key].float(), float("nan")),
            parent[key].double(),
            parent[key].flatten(),
            torch.empty(0),
        ][generator.integers(5)]
    else:
        tree = change_tree(tree, generator, elsewhere)
    written = io.BytesIO()
    torch.save(tree, written)
    return written.getvalue()


def change_suite(content: bytes, generator: Generator, elsewhere: str) -> bytes:
    """Return a suite with other values and, as its maker would, a digest and a fingerprint that fit."""
    changed = change_json(content, generator, elsewhere)
    try:
        tree = json.loads(changed)
        tree.pop("digest", None)
        tree["fingerprint"] = fingerprint([tree["notes"], tree["clips"], tree["pairs"]])
        return json.dumps({**tree, "digest": fingerprint(tree)}).encode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return changed


def change_text(content: bytes, generator: Generator, elsewhere: str) -> bytes:
    """Return TOML of which the value of a line is another one; or damaged text."""
    if generator.random() < 0.2:
        return change_bytes(content, generator, elsewhere)
    lines = content.decode().split("\n")
    places = [place for place, line in enumerate(lines) if "=" in line and not line.startswith("#")]
    for place in generator.choice(places, size=generator.integers(1, 3)):
        pool = values(elsewhere)
        value = json.dumps(pool[generator.integers(len(pool))])
        lines[place] = f"{lines[place].split('=')[0]}= {value}"
    return "\n".join(lines).encode("utf-8", errors="replace")


def run_command(*arguments: str) -> None:
    """Run a command line as a user does; raise what would be a traceback."""
    sys.argv = ["timbrebench", *arguments]
    output, status = io.StringIO(), None
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            main()
        except SystemExit as stop:
            status = stop.code
    text = output.getvalue()
    assert status in {None, 0, 1, 2}, f"exit status {status}"
    assert text.strip() or not status, f"exit status {status} without a word"
    assert "Traceback" not in text, text
    assert not set(text) & CONTROLS, f"control characters: {text[:300]!r}"


def read_submission(path: Path) -> None:
    run_command("submission", "verify", str(path))
    run_command("submission", "merge", str(path), "--out", "merged")


def read_card(path: Path) -> None:
    parse_card(read_card_text(path), str(path))


def read_suite(path: Path) -> None:
    run_command("suite", "show", str(path))
    run_command("suite", "check", str(path), str(Path(__file__).parent))


def read_judge(path: Path) -> None:
    judge = Judge.load(path)
    tone = np.sin(np.arange(2 * 22050, dtype=np.float32) / 8)
    judge.predict(tone, 22050)


def read_dataset(path: Path) -> None:
    """Read a dataset of which one file is changed: `path` is that file."""
    root = path.parent if path.parent.name == "strange" else path.parent.parent
    verify_dataset(root)
    run_command("dataset", "info", str(root))
    run_command("dataset", "card", str(root))
    dataset = Dataset.open(root)
    for clip in list(dataset.clips())[:2]:
        dataset.samples(clip)
        dataset.notes(clip)


def read_configuration(path: Path) -> None:
    load_configuration(str(path))


def read_dataset_configuration(path: Path) -> None:
    load_dataset_configuration(path, DatasetConfiguration)


def read_recipe(path: Path) -> None:
    load_recipe(str(path))


def read_labels(path: Path) -> None:
    gather(list_folder(TableSource(path=str(path.parent), table=str(path))), Shares())


@dataclass(frozen=True)
class Kind:
    """A kind of file: how it is changed, and what reads it."""

    change: Callable[[bytes, Generator, str], bytes]
    read: Callable[[Path], object]


KINDS = {
    "submission": Kind(change_submission, read_submission),
    "card": Kind(change_bytes, read_card),
    "judge": Kind(change_judge, read_judge),
    "suite": Kind(change_suite, read_suite),
    "configuration": Kind(change_text, read_configuration),
    "dataset-configuration": Kind(change_text, read_dataset_configuration),
    "recipe": Kind(change_text, read_recipe),
    "labels": Kind(change_table, read_labels),
    "manifest": Kind(change_table, read_dataset),
    "description": Kind(change_json, read_dataset),
    "records": Kind(change_lines, read_records),
    "baseline": Kind(change_table, read_baseline),
    "notes": Kind(change_table, read_notes),
    "segments": Kind(change_table, lambda path: read_segments([path])),
    "audio": Kind(change_bytes, read_audio),
    "midi": Kind(change_bytes, read_midi),
}


def tree_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def attempt(name: str, number: int, source: Path, around: Path, sandbox: Path) -> str:
    """Change a file in the way that a number stands for, and read it; return what went wrong, or nothing.

    `around` is the folder that the file belongs to, which is copied with it, or the file itself.
    """
    kind = KINDS[name]
    generator = np.random.default_rng([number, *name.encode()])
    home = sandbox / f"{name}-{number}" / "one" / "two" / "three" / "strange"
    elsewhere = home.parents[3] / "elsewhere"
    elsewhere.mkdir(parents=True)
    if around == source:
        home.mkdir(parents=True)
    else:
        shutil.copytree(around, home)
    path = home / source.relative_to(around if around != source else source.parent)
    before = tree_of(home.parents[3])
    problem = ""
    with contextlib.chdir(home), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path.write_bytes(kind.change(source.read_bytes(), generator, str(elsewhere)))
        try:
            kind.read(path)
        except TimbrebenchError as error:
            if not str(error).strip():
                problem = "an empty message"
            elif len(str(error)) > 5000:
                problem = f"a message of {len(str(error))} characters: {str(error)[:300]!r}"
        except Exception:
            problem = traceback.format_exc()[-3000:]
    own = str(home.relative_to(home.parents[3]))
    written = {entry for entry in tree_of(home.parents[3]) - before if not entry.startswith(own)}
    if written:
        problem += f"\nwritten outside: {sorted(written)}"
    if not problem:
        shutil.rmtree(home.parents[3])
    return problem and f"{path}: {problem}"
