"""Pairs that leave the house, and the audio that comes back: scored as if it had been made here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
from typer.testing import CliRunner

from timbrebench.core.errors import RunError
from timbrebench.experiments.benchmark import read_results, run_benchmark
from timbrebench.experiments.commands.cli import app
from timbrebench.experiments.run.opened_run import open_suite
from timbrebench.experiments.run.run_configuration import RunConfiguration
from timbrebench.experiments.suites.pair_export import export_pairs
from timbrebench.transfer.methods.external.clip_files import samples_sha256

#: Half the content and a quarter of the style: a mixture, so that every metric can be computed.
MIX = """
    import sys
    import numpy as np
    import soundfile

    content, style, output = sys.argv[1:]
    clip, rate = soundfile.read(content, dtype="float32")
    other, _ = soundfile.read(style, dtype="float32")
    made = 0.5 * clip + 0.25 * np.resize(other, len(clip))
    soundfile.write(output, made, rate, subtype="FLOAT")
"""


@pytest.fixture
def mix(tmp_path):
    """The system that takes part: how it is run on three files."""
    path = tmp_path / "mix.py"
    path.write_text(textwrap.dedent(MIX))
    return [sys.executable, str(path)]


@pytest.fixture
def exported(run, tmp_path):
    """The pairs of the run, exported by the command."""
    done = CliRunner().invoke(app, ["pairs", "export", str(run.root), "--out", str(tmp_path / "pairs")])
    assert done.exit_code == 0, done.output
    assert f"{len(run.results.suite.pairs)} pairs" in done.output
    return tmp_path / "pairs"


@pytest.fixture
def copy(run, tmp_path):
    """A finished run to do things to."""
    shutil.copytree(run.root, tmp_path / "run")
    return tmp_path / "run"


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def configured(tiny, *entries):
    content = {**tiny.model_dump(), "methods": list(entries), "metrics": ["xcorr_content", "chroma_cosine"]}
    return RunConfiguration.model_validate(content)


def hand_in(exported, mix, folder):
    """Do what the README asks for, with nothing but what was exported."""
    folder.mkdir()
    shutil.copy(exported / "pairs.csv", folder)
    for pair_id in pd.read_csv(exported / "pairs.csv").pair_id:
        clips = [str(exported / pair_id / f"{role}.wav") for role in ("content", "style")]
        subprocess.run([*mix, *clips, str(folder / f"{pair_id}.wav")], check=True)


def test_contents_and_styles_are_exported_as_they_are_and_nothing_else(run, exported):
    _, dataset, _, suite = open_suite(run.root)
    folders = {f"{pair.pair_id}/{role}.wav" for pair in suite.pairs for role in ("content", "style")}
    assert set(files_of(exported)) == folders | {"pairs.csv", "README.md"}
    table = pd.read_csv(exported / "pairs.csv").set_index("pair_id")
    written = set()
    for pair in suite.pairs:
        row = table.loc[pair.pair_id]
        assert (row.content_label, row.style_label) == (pair.content.label, pair.style.label)
        for role, clip in (("content", pair.content), ("style", pair.style)):
            samples, rate = soundfile.read(exported / pair.pair_id / f"{role}.wav", dtype="float32")
            np.testing.assert_array_equal(samples, dataset.samples(clip))
            assert (rate, len(samples)) == (row.sample_rate, row[f"{role}_samples"])
            assert samples_sha256(samples) == row[f"{role}_sha256"]
            written.add(samples_sha256(samples))
    assert str(table.seeds.iloc[0]) == "0"
    references = {samples_sha256(dataset.samples(pair.reference)) for pair in suite.pairs}
    styles = {samples_sha256(dataset.samples(pair.style)) for pair in suite.pairs}
    assert not (references - styles) & written


def test_the_same_suite_is_exported_to_the_same_bytes(run, exported, tmp_path):
    configuration, _, _, suite = open_suite(run.root)
    options = {"name": configuration.name, "seeds": configuration.seeds}
    export_pairs(suite, tmp_path / "again", **options)
    assert files_of(tmp_path / "again") == files_of(exported)
    lost = exported / suite.pairs[0].pair_id / "style.wav"
    lost.unlink()
    export_pairs(suite, exported, **options)
    assert lost.is_file()


def test_a_folder_with_other_pairs_is_left_alone(run, exported):
    suite = open_suite(run.root).suite
    before = files_of(exported)
    with pytest.raises(RunError, match="holds other pairs"):
        export_pairs(replace(suite, pairs=suite.pairs[1:]), exported, name="other", seeds=(0,))
    assert files_of(exported) == before


def test_the_readme_names_the_files_to_hand_back(run, exported):
    text = (exported / "README.md").read_text(encoding="utf-8")
    first = run.results.suite.pairs[0].pair_id
    for needed in (f"`{first}.wav`", f"`{first}-seed0.wav`", "`pairs.csv`", 'method = "finished-audio"'):
        assert needed in text
    assert "{" not in text.replace('{ folder = "path/of/the/folder" }', "")


def test_without_a_run_there_is_nothing_to_export(tmp_path):
    with pytest.raises(RunError, match="no run here"):
        CliRunner().invoke(
            app,
            ["pairs", "export", str(tmp_path), "--out", str(tmp_path / "pairs")],
            catch_exceptions=False,
        )
    assert not (tmp_path / "pairs").exists()


@pytest.mark.slow
def test_audio_that_is_handed_in_scores_as_its_system_does_here(copy, tiny, exported, mix, tmp_path):
    folder = tmp_path / "handed-in"
    hand_in(exported, mix, folder)
    here = {
        "method": "command-line",
        "label": "here",
        "parameters": {"command": [*mix, "{content}", "{style}", "{output}"]},
    }
    there = {"method": "finished-audio", "label": "there", "parameters": {"folder": str(folder)}}
    configuration = configured(tiny, here, there)
    finished = run_benchmark(configuration, copy)
    ran, handed_in = (finished.results.of(label).reset_index(drop=True) for label in ("here", "there"))
    assert (ran.status == "ok").all()
    metrics = list(configuration.metrics)
    assert ran[metrics].notna().all(axis=None)
    pd.testing.assert_frame_equal(ran[metrics], handed_in[metrics])
    made = [[(copy / output).read_bytes() for output in rows.output] for rows in (ran, handed_in)]
    assert made[0] == made[1]
    # What was not measured is not made up.
    assert ran.seconds.notna().all()
    assert handed_in[["seconds", "realtime_factor", "peak_memory_mib"]].isna().all(axis=None)
    assert ran.peak_memory_mib.isna().all()
    records = [json.loads(line) for line in (copy / "records.jsonl").read_text().splitlines()]
    assert {record["seconds"] for record in records if record.get("label") == "there"} == {None}
    table = finished.leaderboard.table.set_index("method")
    assert json.loads(table.settings["there"]) == {"folder": str(folder)}

    # The run outlives the folder.
    shutil.rmtree(folder)
    read = read_results(copy).of("there").reset_index(drop=True)
    pd.testing.assert_frame_equal(read[metrics], handed_in[metrics])
