"""The command line, as a user and as a program meets it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import numpy as np
import pytest

from timbrebench.audio import read_audio, write_audio
from timbrebench.audio.encoding import AUDIO_FORMATS
from timbrebench.core.progress import log
from timbrebench.experiments.commands.cli import main
from timbrebench.experiments.run.configuration_text import profile_names

COMMAND = [sys.executable, "-m", "timbrebench.experiments.commands.cli"]


def timbrebench(*arguments, cwd="."):
    """Run a command in this process, which has imported what takes seconds already."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["timbrebench", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
    return subprocess.CompletedProcess(arguments, end.value.code or 0, out.getvalue(), errors.getvalue())


@pytest.fixture
def clips(tmp_path, synthesizer, scale):
    paths = {}
    for name, program in (("content", 0), ("style", 56), ("reference", 56)):
        paths[name] = tmp_path / f"{name}.wav"
        write_audio(paths[name], synthesizer.render(scale, program, 2.0, 22050), 22050)
    return paths


def test_methods_and_metrics_are_listed_for_people_and_programs():
    assert "ulyanov" in timbrebench("methods").stdout
    listed = json.loads(timbrebench("methods", "--json").stdout)
    (ulyanov,) = [item for item in listed if item["name"] == "ulyanov"]
    assert ulyanov["parameters"]["n_filters"] == 4096
    names = {item["name"] for item in json.loads(timbrebench("metrics", "--json").stdout)}
    assert {"style_accuracy", "onset_f1", "ioi_kl_content", "log_stft_mse"} <= names


def test_a_transfer_is_written(clips, tmp_path):
    output = tmp_path / "out.flac"
    settings = [
        f"--set={text}" for text in ("n_filters=8", "max_iterations=2", 'inversion={"iterations": 2}')
    ]
    done = timbrebench("transfer", "ulyanov", clips["content"], clips["style"], output, *settings)
    assert done.returncode == 0, done.stderr
    samples, rate = read_audio(output)
    assert (len(samples), rate) == (44100, 22050)


@pytest.mark.parametrize("suffix", [*AUDIO_FORMATS, "OGG"])
def test_every_format_that_is_advertised_is_written(clips, tmp_path, suffix):
    """Three minutes of it: libvorbis overflows the stack where it gets them in one piece."""
    time_s = np.arange(180 * 22_050) / 22_050
    write_audio(clips["content"], 0.5 * np.sin(2 * np.pi * 440 * time_s), 22_050)
    output = tmp_path / f"out.{suffix}"
    done = timbrebench("transfer", "identity", clips["content"], clips["style"], output)
    assert done.returncode == 0, done.stderr
    samples, rate = read_audio(output)
    assert (len(samples), rate) == (len(time_s), 22_050)
    assert np.abs(samples - read_audio(clips["content"])[0]).max() < 0.05


@pytest.mark.parametrize("suffix", AUDIO_FORMATS)
def test_every_format_is_advertised(suffix):
    assert f".{suffix}" in timbrebench("transfer", "--help").stdout


@pytest.mark.parametrize(("name", "rate"), [("out.xyz", 22_050), ("out", 22_050), ("out.mp3", 96_000)])
def test_a_format_that_cannot_be_written_is_named_before_the_work(clips, tmp_path, name, rate):
    write_audio(clips["content"], np.full(rate, 0.5), rate)
    settings = f"command={json.dumps([sys.executable, '-c', 'never run', '{content}', '{output}'])}"
    done = timbrebench(
        "transfer", "command-line", clips["content"], clips["style"], tmp_path / name, "--set", settings
    )
    assert done.returncode == 1
    assert f"{name}: " in done.stderr
    assert "never run" not in done.stderr
    assert not (tmp_path / name).exists()


def test_scores_of_ones_own_audio(clips, run):
    judge = run.root / "judge" / "judge.pt"
    files = [f"--{name}={path}" for name, path in clips.items()]
    done = timbrebench(
        "score", clips["reference"], *files, f"--judge={judge}", "--second-judge=instruments-6-1", "--json"
    )
    scores = json.loads(done.stdout)
    assert scores["log_stft_mse"]["value"] == pytest.approx(0, abs=1e-9)
    assert scores["xcorr_style"]["value"] == pytest.approx(1, abs=1e-6)
    assert scores["style_accuracy"]["value"] == scores["second_style_accuracy"]["value"] == 1
    assert scores["note_f1"]["reason"] == "needs the notes of the content, none were given"
    assert scores["onset_f1"] == {"value": None, "reason": "needs the notes of the content, none were given"}


def test_scores_for_people_say_what_is_heard_and_what_is_kept(clips):
    """Without a judge the packaged one serves, and by its name; for programs only what is named."""
    files = [f"--{name}={clips[name]}" for name in ("content", "style")]
    done = timbrebench("score", clips["reference"], *files)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"  heard: trumpet, \d+ %   content: piano, \d+ %   style: trumpet, \d+ %", lines[1])
    assert lines[2].startswith("  by the judge instruments-6-1, which knows clarinet, guitar")
    assert "metrics could not be computed: --all lists them" in done.stdout
    assert "needs the notes of the content" not in done.stdout
    notes = r"keeps \d+ % of the notes, as far as they can be transcribed"
    assert re.fullmatch(rf"Sounds like the style \(trumpet\), {notes}, is a copy of the style\.", lines[-1])
    by_name = timbrebench("score", clips["reference"], *files, "--judge=instruments-6-1", "--all")
    assert "needs the notes of the content" in by_name.stdout
    assert by_name.stdout.splitlines()[:3] == lines[:3]
    unnamed = json.loads(timbrebench("score", clips["reference"], *files, "--json").stdout)
    assert unnamed["style_accuracy"]["value"] is None


def test_scores_of_a_folder_are_means_and_the_table_says_that_it_was_written(clips, tmp_path):
    outputs, table = tmp_path / "outputs", tmp_path / "scores.csv"
    outputs.mkdir()
    for name in ("content", "reference"):
        shutil.copy(clips[name], outputs / f"{name}.wav")
    files = [f"--{name}={clips[name]}" for name in ("content", "style")]
    done = timbrebench("score", outputs, *files)
    assert done.stdout.startswith("means over 2 outputs; --csv FILE writes each\n")
    assert "1 of 2 outputs sound like the style; the mean output keeps " in done.stdout
    written = timbrebench("score", outputs, *files, "--csv", table)
    assert written.stdout == f"{table}: the scores of 2 outputs\n"
    for_programs = timbrebench("score", outputs, *files, "--csv", table, "--force", "--json")
    assert len(json.loads(for_programs.stdout)) == 2
    assert f"{table}: the scores of 2 outputs" in for_programs.stderr


def test_a_method_that_learns_can_be_used_on_ones_own_audio(clips, run, tmp_path):
    learned = [f"--dataset={run.root / 'dataset'}", f"--learned={tmp_path / 'learned'}"]
    for name in ("first", "again"):
        files = (clips["content"], clips["style"], tmp_path / f"{name}.wav")
        done = timbrebench("transfer", "templates", *files, *learned)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "first.wav").read_bytes() == (tmp_path / "again.wav").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["transfer", "uljanov", "a", "b", "c.wav"], "did you mean 'ulyanov'"),
        (["transfer", "identity", "absent.wav", "b", "c.wav"], "absent.wav: no such file"),
        (["transfer", "ulyanov", "a", "b", "c.wav", "--set", "n_filter=3"], "did you mean 'n_filters'"),
        (["transfer", "ulyanov", "a", "b", "c.wav", "--set", "n_filters"], "key=value"),
        (["transfer", "verma-smith", "a", "b", "c.wav"], "'verma-smith' has to learn first"),
        (["transfer", "identity", "a", "b", "c.wav", "--dataset", "x"], "'identity' learns nothing"),
        (["score", "absent", "--content", "b", "--style", "c"], "absent: no such file"),
        (["score", ".", "--content", ".", "--style", "."], "holds no audio"),
        (["run", "smok", "--out", "x"], "did you mean 'smoke'"),
        (["leaderboard", "absent"], "absent: no run here"),
        (["dataset", "info", "absent"], "no finished dataset"),
        (["dataset", "verify", "absent"], "no finished dataset"),
        (["judge", "evaluate", "absent.pt", "absent"], "absent.pt: no such file"),
    ],
)
def test_mistakes_are_reported_in_one_line(tmp_path, arguments, message):
    done = timbrebench(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_process_ends_with_the_status_and_the_message():
    done = subprocess.run(
        [*COMMAND, "run", "smok", "--out", "x"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")


def test_the_version_is_that_of_the_package():
    assert timbrebench("--version").stdout == f"timbrebench {version('timbrebench')}\n"


def test_profiles_are_named_and_printed():
    help_text = " ".join(timbrebench("run", "--help").stdout.split())
    listed = timbrebench("profile").stdout
    for name in profile_names():
        assert name in listed
        assert name.split("-")[0] in help_text
        assert f'name = "{name}"' in timbrebench("profile", name).stdout
    assert "did you mean 'smoke'" in timbrebench("profile", "smok").stderr


def test_quiet_and_verbose_change_what_is_said_beside_the_results(clips, tmp_path):
    files = (clips["content"], clips["style"], tmp_path / "out.wav", "--dataset", tmp_path)
    verbose = timbrebench("-v", "transfer", "identity", *files)
    assert re.match(rf"\S+ \S+ cli: timbrebench {version('timbrebench')}, Python ", verbose.stderr)
    assert "Traceback" in verbose.stderr
    last = verbose.stderr.splitlines()[-1]
    assert timbrebench("-q", "transfer", "identity", *files).stderr == f"{last}\n"
    assert timbrebench("-q", "-v", "methods").returncode == 2
    log("shown again")  # by the next command without them
    assert timbrebench("transfer", "identity", *files).stderr == f"{last}\n"


def test_shells_can_complete_methods_and_profiles():
    for words, expected in (("transfer envel", "envelope"), ("run smo", "smoke"), ("sco", "score")):
        environment = {
            **os.environ,
            "_TIMBREBENCH_COMPLETE": "complete_bash",
            "COMP_WORDS": f"timbrebench {words}",
            "COMP_CWORD": str(len(words.split())),
        }
        code = "from timbrebench.experiments.commands.cli import app; app(prog_name='timbrebench')"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        assert done.stdout.split() == [expected], done.stderr


def test_wrong_usage_has_a_status_of_its_own():
    assert timbrebench("transfer").returncode == 2
    assert timbrebench("benchmrk").returncode == 2


def test_unreadable_audio_is_named(clips, tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    done = timbrebench("transfer", "identity", tmp_path / "text.wav", clips["style"], tmp_path / "o.wav")
    assert done.returncode == 1
    assert "text.wav: cannot be decoded" in done.stderr


def test_the_leaderboard_for_programs(run, tmp_path):
    shutil.copytree(run.root, tmp_path / "run")
    board = json.loads(timbrebench("leaderboard", tmp_path / "run", "--json").stdout)
    assert {row["method"] for row in board["methods"]} >= {"ulyanov", "reference"}
    assert board["valid"] == run.leaderboard.is_valid


def test_datasets_are_verified_and_described(run, tmp_path):
    root = tmp_path / "dataset"
    shutil.copytree(run.root / "dataset", root)
    assert timbrebench("dataset", "verify", root).returncode == 0
    assert json.loads(timbrebench("dataset", "info", root, "--json").stdout)["counts"]["pieces"] == 12
    next((root / "audio").rglob("*.flac")).unlink()
    done = timbrebench("dataset", "verify", root)
    assert done.returncode == 1
    assert done.stdout.startswith("missing: audio/")


def test_a_judge_is_evaluated_on_unseen_pieces(run):
    root = run.root
    done = timbrebench("judge", "evaluate", root / "judge" / "judge.pt", root / "dataset", "--json")
    evaluation = json.loads(done.stdout)
    stored = json.loads((root / "judge" / "evaluation.json").read_text())
    assert evaluation["accuracy"] == stored["accuracy"]
    assert evaluation["confusion"] == stored["confusion"]


def test_the_gate_says_why_it_cannot_tell(run, tmp_path):
    """Three pieces cannot show anything, so that they are no reason to be green."""
    root, baseline, summary = (tmp_path / name for name in ("run", "baseline.csv", "summary.md"))
    shutil.copytree(run.root, root)
    assert timbrebench("baseline", root, "--out", baseline).returncode == 0
    done = timbrebench("check", root, "--baseline", baseline, "--markdown", summary)
    assert done.returncode == 2
    assert "3 content pieces cannot show any loss" in done.stderr
    assert "3 content pieces cannot show any loss" in summary.read_text()
    absent = timbrebench("check", root, "--baseline", tmp_path / "absent.csv", "--junit", tmp_path / "j.xml")
    assert absent.returncode == 2
    assert 'errors="1"' in (tmp_path / "j.xml").read_text()
    margin = timbrebench("check", root, "--baseline", baseline, "--margin", "note_f2=0.1")
    assert margin.returncode == 2
    assert "note_f1" in margin.stderr


def test_methods_and_runs_are_compared(run, tmp_path):
    root, table = tmp_path / "run", tmp_path / "table.csv"
    shutil.copytree(run.root, root)
    done = timbrebench("compare", "ulyanov", "noise", "--run", root, "--out", table)
    assert done.returncode == 0, done.stderr
    assert "note_f1" in done.stdout
    assert "note_f1" in table.read_text()
    same = timbrebench("compare", root, run.root, "--out", tmp_path / "table.md")
    assert same.returncode == 0, same.stderr
    assert "| note_f1 " in (tmp_path / "table.md").read_text()
    wrong = timbrebench("compare", "ulyanof", "noise", "--run", root)
    assert wrong.returncode == 1
    assert "ulyanov" in wrong.stderr


def test_ctrl_c_ends_within_seconds_and_the_next_run_goes_on(run, tmp_path):
    """Interrupted while a slow method is at work; what was finished stays, the rest is done later."""
    root, config = tmp_path / "run", tmp_path / "run.toml"
    shutil.copytree(run.root, root)
    head = """
name = "tiny"
resamples = 200
[dataset]
pieces = 12
renderings = 1
instruments = ["piano", "trumpet"]
soundfonts = ["TimGM6mb"]
clip_duration_s = 2.0
clips_per_piece = 2
[judge]
max_epochs = 30
batch_size = 8
augmentation = { share = 0.0 }
[suite]
soundfont = "TimGM6mb"
pairs_per_direction = 2
[[methods]]
"""
    started, tool = tmp_path / "started", tmp_path / "slow.py"
    tool.write_text(f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(3600)")
    command = [sys.executable, str(tool), "{content}", "{output}"]
    config.write_text(f"{head}method = 'command-line'\nparameters = {{ command = {command} }}\n")
    before = (root / "records.jsonl").read_bytes()
    process = subprocess.Popen(
        [*COMMAND, "run", str(config), "--out", str(root)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=300)  # the method itself would take hours
    assert process.returncode == 130
    assert "interrupted; run the same command to resume" in errors
    assert "Traceback" not in errors
    after = (root / "records.jsonl").read_bytes()
    assert after.startswith(before)
    assert b'"kind":"transfer"' not in after[len(before) :]
    settings = "{ n_filters = 16, max_iterations = 3, inversion = { iterations = 2 } }"
    config.write_text(f"{head}method = 'ulyanov'\nparameters = {settings}\n")
    done = timbrebench("run", config, "--out", root)
    assert done.returncode == 0, done.stderr
    assert (root / "leaderboard.csv").read_bytes() == (run.root / "leaderboard.csv").read_bytes()


#: What takes a noticeable part of a second to import.
HEAVY = {"torch", "music21", "librosa", "scipy", "numba", "pandas", "matplotlib"}


def imported(*arguments, check=True):
    """Run a command; return its output and which of the heavy libraries it has imported."""
    code = (
        "import sys\n"
        "from timbrebench.experiments.commands.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        f"    sys.stderr.write('\\n' + ' '.join({HEAVY} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=check)
    return done.stdout, set(done.stderr.rpartition("\n")[2].split())


@pytest.mark.parametrize("arguments", ["--help", "methods", "metrics", "profile", "transfer --help"])
def test_what_is_only_told_is_quick_to_import(arguments):
    """Nothing heavy is imported before a command needs it."""
    assert imported(*arguments.split())[1] == set()


@pytest.mark.parametrize(
    "arguments", [["runn"], ["run", "smok", "--out", "x"], ["transfer", "uljanov", "a", "b", "c.wav"]]
)
def test_a_typo_is_answered_without_importing_what_is_heavy(arguments):
    assert imported(*arguments, check=False)[1] == set()


def test_a_run_that_has_nothing_left_to_do_is_quick_to_tell_and_touches_nothing(run, tiny, tmp_path, as_toml):
    root, config = tmp_path / "run", tmp_path / "run.toml"
    shutil.copytree(run.root, root)
    config.write_text(as_toml(tiny))

    def times():
        return {path: path.stat().st_mtime_ns for path in root.rglob("*")}

    first = imported("run", config, "--out", root)
    assert "torch" in first[1]
    before = times()
    assert imported("run", config, "--out", root) == (first[0], set())
    assert times() == before
    board = json.loads(imported("run", config, "--out", root, "--json")[0])
    assert [row["method"] for row in board["methods"]] == run.leaderboard.table.method.tolist()
    (root / "leaderboard.csv").unlink()
    assert imported("run", config, "--out", root)[0] == first[0]
    assert (root / "leaderboard.csv").read_bytes() == (run.root / "leaderboard.csv").read_bytes()


def test_silence_as_input_is_refused(clips, tmp_path):
    write_audio(tmp_path / "silence.wav", np.zeros(22050), 22050)
    done = timbrebench("transfer", "identity", tmp_path / "silence.wav", clips["style"], tmp_path / "o.wav")
    assert done.returncode == 1
    assert "the content is silent" in done.stderr


@pytest.mark.parametrize("mebibytes", [100, 1000])
@pytest.mark.parametrize("arguments", [["methods"], ["submission", "verify", "missing.zip"]])
def test_too_little_memory_for_the_libraries_is_a_message(arguments, mebibytes):
    limited = ["sh", "-c", f'ulimit -v {mebibytes << 10}; exec "$@"', "sh", *COMMAND, *arguments]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"{mebibytes} MiB of memory (`ulimit -v`)" in done.stderr
