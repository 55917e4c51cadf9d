"""Whole runs with methods that misbehave, and runs that are killed: nothing else is lost or done twice.

A longer trial: ``TIMBREBENCH_KILLS=20 pytest tests/experiments/run/test_run_engine.py -k killed``.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pandas as pd
import psutil
import pytest

from timbrebench.experiments.benchmark import run_benchmark
from timbrebench.experiments.ranking.results import COSTS
from timbrebench.experiments.run.run_configuration import CONTROLS, RunConfiguration

pytestmark = pytest.mark.usefixtures("without_report")

METHODS = """
    import ctypes, os, pathlib, subprocess, time
    from timbrebench.transfer import Method

    class Base(Method):
        '''Halves the content; with the seed 1 it does what its name says.'''
        version, source, summary = 1, "test", "does what its name says"

        def transfer(self, content, style, *, sample_rate, seed):
            with open(os.environ["TIMBREBENCH_TEST_LOG"], "a") as file:
                file.write(f"{self.name} {os.getpid()} {content[::100].sum():.6f} {seed}\\n")
            if seed == 1:
                self.misbehave()
            return 0.5 * content

    class Counts(Base):
        name = "counts"
        def misbehave(self):
            time.sleep(0.2)

    class Hangs(Base):
        name = "hangs"
        def misbehave(self):
            try:
                open(os.environ["TIMBREBENCH_TEST_LOG"] + ".hung", "x").close()
            except FileExistsError:  # once is enough: each time costs the whole limit
                return
            while True:
                pass

    class Sleeps(Base):
        name = "sleeps"
        def misbehave(self):
            time.sleep(2)

    class Leaks(Base):
        name = "leaks"
        def misbehave(self):
            held = []
            while True:  # slowly, so that the limit comes before the end of the machine's memory
                held.append(bytearray(b"1" * 20_000_000))
                time.sleep(0.02)

    class Leaves(Base):
        name = "leaves"
        def misbehave(self):
            os._exit(0)

    class Exits(Base):
        name = "exits"
        def misbehave(self):
            exit()

    class Crashes(Base):
        name = "crashes"
        def misbehave(self):
            ctypes.string_at(0)

    class Raises(Base):
        name = "raises"
        def misbehave(self):
            raise ValueError("nothing to be done")

    class Speaks(Base):
        name = "speaks"
        def misbehave(self):
            raise ValueError("\\u00e9\\u2028\\x85\\u20ac")

    class Forks(Base):
        name = "forks"
        def misbehave(self):
            os.fork()

    class Starts(Base):
        name = "starts"
        def misbehave(self):
            subprocess.Popen(["sleep", "600"], start_new_session=True)
            os._exit(1)

    class Prints(Base):
        name = "prints"
        def misbehave(self):
            print("printed by a method")

    class Learns(Base):
        name = "learns"
        def prepare(self, dataset, workdir):
            with open(os.environ["TIMBREBENCH_TEST_LOG"], "a") as file:
                file.write(f"prepared {os.getpid()} - -\\n")
        def misbehave(self):
            pass

    class Unready(Base):
        name = "unready"
        def prepare(self, dataset, workdir):
            ctypes.string_at(0)

    class Endless(Base):
        name = "endless"
        def prepare(self, dataset, workdir):
            time.sleep(600)
"""

NAMES = [
    "counts",
    "hangs",
    "sleeps",
    "leaks",
    "leaves",
    "exits",
    "crashes",
    "raises",
    "speaks",
    "forks",
    "starts",
    "prints",
    "learns",
    "unready",
    "endless",
]

#: Quick ones, among them those that the leaderboard is made of.
METRICS = ["style_accuracy", "note_f1", "onset_f1", "xcorr_content", "log_stft_mse"]

#: Wide enough for the libraries, which a process holds before it does anything, and for a busy machine.
LIMITS = {"timeout_s": 120.0, "preparation_timeout_s": 120.0, "memory_mib": 1000}


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """A distribution with methods of its own, for this process and those that it starts."""
    site = tmp_path_factory.mktemp("others")
    info = site / "misbehaving-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")
    lines = [f"{name} = misbehaving_methods:{name.title()}" for name in NAMES]
    (info / "entry_points.txt").write_text("[timbrebench.methods]\n" + "\n".join(lines) + "\n")
    (site / "misbehaving_methods.py").write_text(textwrap.dedent(METHODS))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setenv("PYTHONPATH", str(site))
        yield site


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Where methods note what they do: lines of name, process, content and seed."""
    path = tmp_path / "log.txt"
    path.touch()
    monkeypatch.setenv("TIMBREBENCH_TEST_LOG", str(path))
    return path


@pytest.fixture
def begun(run, tmp_path):
    """A run that has a dataset and a judge, and has run no method yet."""
    root = tmp_path / "begun"
    root.mkdir()
    for name in ("dataset", "judge"):
        shutil.copytree(run.root / name, root / name)
    return root


def configured(tiny, *names, seeds=(0, 1), **limits):
    return RunConfiguration.model_validate(
        {
            **tiny.model_dump(),
            "methods": [{"method": name} for name in names],
            "metrics": METRICS,
            "seeds": seeds,
            "limits": {**LIMITS, **limits},
        }
    )


def marked(mark):
    """Return the processes that descend from one with a mark in its environment.

    Those by which Python keeps count of shared memory are left out: they live as long as the tests do.
    """
    descendants = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.environ().get("TIMBREBENCH_TEST_LOG") == mark and process.pid != os.getpid()
            if ours and not any("resource_tracker" in word for word in process.cmdline()):
                descendants.append(process)
    return descendants


def are_gone(mark):
    for _ in range(400):
        if not marked(mark):
            return True
        time.sleep(0.05)
    return not [(process.pid, process.cmdline()) for process in marked(mark)]


@pytest.mark.usefixtures("own_templates")
def test_methods_that_misbehave_cost_their_own_pair_and_nothing_else(begun, tiny, others, log, capfd):
    reasons = {
        "leaks": ("failed", "more than the 1000 MiB"),
        "leaves": ("failed", "exited with status 0"),
        "exits": ("failed", "SystemExit"),
        "crashes": ("failed", "ended by SIGSEGV"),
        "raises": ("failed", "ValueError: nothing to be done"),
        "starts": ("failed", "exited with status 1"),
    }
    finished = run_benchmark(configured(tiny, *reasons, "forks", "prints", "learns", "unready"), begun)
    for name, (status, reason) in reasons.items():
        assert_only_the_second_seed_ended(finished.results.of(name), status, reason)
    for name in ("forks", "prints", "learns"):
        assert (finished.results.of(name).status == "ok").all()
    unready = finished.results.of("unready")
    assert (unready.status == "skipped").all()
    assert unready.reason.str.contains("could not be prepared: its process was ended by SIGSEGV").all()
    assert "printed" not in capfd.readouterr().out
    lines = [line.split() for line in log.read_text().splitlines()]
    assert sum(name == "prepared" for name, *_ in lines) == 1
    # A process is kept for its method: no more of them than cores, unless they were killed.
    assert len({pid for name, pid, *_ in lines if name == "learns"}) <= os.cpu_count()
    memory = finished.results.of("forks").peak_memory_mib
    assert memory.between(50, LIMITS["memory_mib"]).all()
    assert are_gone(str(log))


def assert_only_the_second_seed_ended(rows, status, reason):
    assert (rows.status[rows.seed == 0] == "ok").all(), rows.reason.tolist()
    assert (rows.status[rows.seed == 1] == status).all(), rows.reason.tolist()
    assert rows.reason[rows.seed == 1].str.contains(reason).all(), rows.reason.tolist()


@pytest.mark.usefixtures("own_templates")
def test_a_method_that_hangs_is_stopped(begun, tiny, others, log):
    finished = run_benchmark(configured(tiny, "hangs", timeout_s=5), begun)
    rows = finished.results.of("hangs")
    (stopped,) = rows[rows.status != "ok"].itertuples()
    assert (stopped.seed, stopped.status) == (1, "timeout")
    assert "stopped after 5 s" in stopped.reason
    assert are_gone(str(log))


def test_what_was_stopped_is_tried_again_under_a_wider_limit(begun, tiny, others, log):
    def statuses(**limits):
        finished = run_benchmark(configured(tiny, "sleeps", "endless", seeds=[1], **limits), begun)
        return {name: set(finished.results.of(name).status) for name in ("sleeps", "endless")}

    stopped = {"sleeps": {"timeout"}, "endless": {"skipped"}}
    # Whoever is prepared well must be so within the limit, on a busy machine, too.
    assert statuses(timeout_s=1, preparation_timeout_s=6) == stopped
    tried = log.read_text()
    assert statuses(timeout_s=1, preparation_timeout_s=5, memory_mib=2000) == stopped
    assert log.read_text() == tried
    assert statuses(timeout_s=60, preparation_timeout_s=6) == {"sleeps": {"ok"}, "endless": {"skipped"}}


def test_runs_that_are_killed_do_nothing_twice_and_end_as_if_they_were_not(begun, tiny, others, log, as_toml):
    undisturbed, config = (begun.with_name(name) for name in ("undisturbed", "run.toml"))
    shutil.copytree(begun, undisturbed)
    configuration = configured(tiny, "counts", "starts", "speaks")
    run_benchmark(configuration, undisturbed)
    config.write_text(as_toml(configuration))
    command = [
        sys.executable,
        "-m",
        "timbrebench.experiments.commands.cli",
        "run",
        str(config),
        "--out",
        str(begun),
    ]
    draws = random.Random(0)  # noqa: S311
    left = int(os.environ.get("TIMBREBENCH_KILLS", "3"))
    while left:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            wait_for_a_moment(begun, process, draws)
            process.kill()
        assert are_gone(str(log))
        assert_nothing_was_done_twice(begun)
        with (begun / "records.jsonl").open("ab") as file:
            file.write("é".encode()[:1])  # where a line ends that did not fit on the disk
        left -= process.returncode != 0
        if process.returncode == 0:  # it was over sooner: begin another
            assert_same_leaderboard(begun, undisturbed)
            shutil.rmtree(begun / "outputs")
            (begun / "records.jsonl").unlink()
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert_nothing_was_done_twice(begun)
    assert_same_leaderboard(begun, undisturbed)
    assert not list(begun.rglob(".part-*"))


def assert_nothing_was_done_twice(root):
    """Whatever is done leaves a record, each time; a run that was killed at its start has none yet."""
    records = root / "records.jsonl"
    lines = records.read_bytes().split(b"\n") if records.is_file() else []
    keys = []
    for line in lines:
        with contextlib.suppress(ValueError):  # cut off
            keys.append(json.loads(line)["key"])
    assert len(keys) == len(set(keys))


def assert_same_leaderboard(*roots):
    """Compare leaderboards but for what methods cost, which differs each time."""
    tables = [pd.read_csv(root / "leaderboard.csv") for root in roots]
    columns = [name for name in tables[0] if not name.startswith(COSTS)]
    assert "headline" in columns
    pd.testing.assert_frame_equal(*(table[columns] for table in tables))


def wait_for_a_moment(root, process, draws):
    """Wait until somewhere in the work, now and then until somewhere before it; the run may end sooner."""
    records = root / "records.jsonl"
    before = records.stat().st_size if records.is_file() else 0
    early = draws.random() < 0.2
    while process.poll() is None and not early:
        if records.is_file() and records.stat().st_size > before + 2000:  # more than what judges have learned
            break
        time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(draws.uniform(0, 2))


def test_a_cluster_whose_worker_is_killed_gives_the_same(begun, tiny, others, log, tmp_path):
    distributed = pytest.importorskip("distributed")
    here = tmp_path / "here"
    shutil.copytree(begun, here)
    configuration = configured(tiny, "counts", "crashes")
    local = run_benchmark(configuration, here)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        killer = threading.Thread(target=kill_a_worker, args=(cluster, log), daemon=True)
        killer.start()
        there = run_benchmark(configuration, begun, executor=cluster.scheduler_address)
        killer.join()
    columns = ["label", "pair_id", "seed", "status", "reason", "output"]
    pd.testing.assert_frame_equal(there.results.transfers[columns], local.results.transfers[columns])
    pd.testing.assert_frame_equal(there.results.scores, local.results.scores)
    outputs = [path.relative_to(here) for path in sorted((here / "outputs").rglob("*.flac"))]
    assert len(outputs) >= len(CONTROLS) * len(local.results.suite.pairs)
    for path in outputs:
        assert (begun / path).read_bytes() == (here / path).read_bytes()
    assert are_gone(str(log))


def kill_a_worker(cluster, log):
    """Wait until a method is at work for the cluster, then kill one of its workers."""
    before = log.stat().st_size
    while log.stat().st_size == before:
        time.sleep(0.02)
    os.kill(next(iter(cluster.workers.values())).process.pid, signal.SIGKILL)
