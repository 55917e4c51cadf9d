"""Whatever a stranger's file holds, reading it ends: with what it says, or with a message.

No traceback, no call over a minute, none that holds more than 2 GiB, nothing written outside its folder. A
longer trial: ``TIMBREBENCH_FUZZ=1000 pytest tests/experiments/fuzzing``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from timbrebench.audio import write_audio
from timbrebench.core.workers.calls import Call, Failure, Limits
from timbrebench.core.workers.executors import LocalExecutor
from timbrebench.experiments.ranking.baseline import write_baseline
from timbrebench.experiments.submissions.submission_packing import submit
from timbrebench.experiments.suites.recipes import read_packaged

HERE = Path(__file__).parent
CARD = HERE.parents[2] / "results" / "instruments-6-1" / "templates" / "card.yaml"
TIMES = int(os.environ.get("TIMBREBENCH_FUZZ", "20"))
LIMITS = Limits(timeout_s=60, memory_mib=2048)


@pytest.fixture(scope="module")
def executor():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        with LocalExecutor(["strange_files"]) as executor:
            yield executor


@pytest.fixture(scope="module")
def sources(run, tiny, as_toml, results, tmp_path_factory):
    """For each kind of file a valid one, and the folder that it belongs to, or itself."""
    folder = tmp_path_factory.mktemp("sources")
    submit(run.root, folder / "run.zip", submitter="Ada", audio=True)
    shutil.copy(next(run.root.rglob("judge.pt")), folder / "judge.pt")
    (folder / "suite.json").write_text(read_packaged("instruments-6-1.json"), encoding="utf-8")
    (folder / "run.toml").write_text(as_toml(tiny), encoding="utf-8")
    settings = as_toml(tiny.dataset)
    (folder / "dataset.toml").write_text(settings, encoding="utf-8")
    (folder / "recipe.toml").write_text(read_packaged("instruments-6.toml"), encoding="utf-8")
    (folder / "labels.csv").write_text("path,label,piece,start_s,split\n" + "a/b.wav,piano,p,0.5,test\n" * 4)
    dataset = next(run.root.rglob("dataset.json")).parent
    small = folder / "dataset"
    shutil.copytree(dataset, small)
    shutil.copy(next(run.root.rglob("records.jsonl")), folder / "records.jsonl")
    write_baseline(results(np.random.default_rng(0)), folder / "baseline.csv", judge="a1b2")
    shutil.copy(next((dataset / "notes").iterdir()), folder / "notes.csv")
    (folder / "segments.csv").write_text(
        "# Segments csv created Sun Mar  5 10:54:31 2017\n# num_ytids=2\n"
        "# YTID, start_seconds, end_seconds, positive_labels\n"
        '--4gqARaEJE, 0.000, 10.000, "/m/068hy,/m/07q6cd_"\n--BfvyPmVMo, 20.000, 30.000, "/m/03l9g"\n',
        encoding="utf-8",
    )
    tone = np.sin(np.arange(22050, dtype=np.float32) / 8)
    write_audio(folder / "tone.flac", tone, 22050)
    write_midi(folder / "tune.mid")
    alone = {
        name: folder / file
        for name, file in {
            "submission": "run.zip",
            "judge": "judge.pt",
            "suite": "suite.json",
            "configuration": "run.toml",
            "records": "records.jsonl",
            "baseline": "baseline.csv",
            "notes": "notes.csv",
            "segments": "segments.csv",
            "audio": "tone.flac",
            "midi": "tune.mid",
            "dataset-configuration": "dataset.toml",
            "recipe": "recipe.toml",
            "labels": "labels.csv",
        }.items()
    } | {"card": CARD}
    return {name: (path, path) for name, path in alone.items()} | {
        "manifest": (small / "manifest.csv", small),
        "description": (small / "dataset.json", small),
    }


def write_midi(path):
    import pretty_midi

    music = pretty_midi.PrettyMIDI()
    piano = pretty_midi.Instrument(program=0)
    piano.notes = [pretty_midi.Note(90, 60 + place, place / 4, place / 4 + 0.2) for place in range(8)]
    music.instruments.append(piano)
    music.write(str(path))


@pytest.mark.parametrize(
    "name",
    [
        "submission",
        "card",
        "judge",
        "suite",
        "configuration",
        "dataset-configuration",
        "recipe",
        "labels",
        "manifest",
        "description",
        "records",
        "baseline",
        "notes",
        "segments",
        "audio",
        "midi",
    ],
)
def test_reading_ends_with_an_answer_or_a_message(name, sources, executor, tmp_path):
    from strange_files import attempt  # whose folder the executor's fixture has made known

    source, around = sources[name]
    problems = {}
    with executor.batch() as batch:
        for number in range(TIMES):
            batch.submit(Call(attempt, (name, number, source, around, tmp_path), "reading", LIMITS), number)
        for number, result in batch.results():
            if isinstance(result, Failure):
                problems[number] = result.reason
            elif result:
                problems[number] = result
    shown = "\n\n".join(f"{name} {number}: {problem}" for number, problem in sorted(problems.items())[:20])
    assert not problems, f"{len(problems)} of {TIMES} files:\n{shown}"
