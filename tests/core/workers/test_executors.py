"""Calls in processes of their own: the same results everywhere, whatever some of them do."""

from __future__ import annotations

import gc
import os
import signal
import textwrap
import time

import psutil
import pytest

from timbrebench.core.errors import ConfigurationError, RunError
from timbrebench.core.workers.calls import Call, Failure, Limits
from timbrebench.core.workers.executor_addresses import open_executor
from timbrebench.core.workers.executors import InlineExecutor, LocalExecutor, executor_for

pytestmark = pytest.mark.usefixtures("own_templates")

FUNCTIONS = """
    import ctypes, os, signal, subprocess, sys, threading, time

    def add(a, b):
        return a + b

    def double(number):
        return 2 * number

    def wait(seconds):
        time.sleep(seconds)
        return seconds

    def number():
        return os.getpid()

    def number_of(anything):
        return os.getpid()

    def threads():
        import joblib
        names = ("OMP_NUM", "MKL_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM")
        return joblib.cpu_count(), {os.environ[f"{name}_THREADS"] for name in names}

    def torch_threads():
        import torch
        return torch.get_num_threads()

    def leave(status):
        os._exit(status)

    def leave_later(seconds):
        threading.Timer(seconds, os._exit, (3,)).start()
        return os.getpid()

    def end_by(number):
        os.kill(os.getpid(), number)

    def crash():
        ctypes.string_at(0)

    def hang():
        while True:
            pass

    def note_and_hang(path):
        with open(path, "w") as file:
            file.write(str(os.getpid()))
        hang()

    def leak():
        held = []
        while True:
            held.append(bytearray(b"1" * 10_000_000))
            time.sleep(0.01)

    def fork():
        os.fork()
        return "here"

    def close_everything():
        os.closerange(3, 1000)

    def kill_parent():
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)

    def raise_value_error():
        raise ValueError("a reason")

    def raise_value_error_about(anything):
        raise_value_error()

    class Awkward(Exception):
        def __init__(self, one, two):
            super().__init__(f"{one} {two}")

    def raise_awkward():
        raise Awkward("cannot be", "unpickled")

    def return_function():
        return lambda: None

    def start_another():
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        return child.pid

"""


#: Imported, it leaves a process unable to start others, as one where the system allows no more of them.
NO_FORKS = """
    import errno, os

    def fork():
        raise OSError(errno.EAGAIN, "no more")

    os.fork = fork
"""


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """A module that processes can import, here and on workers."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "functions_to_call.py").write_text(textwrap.dedent(FUNCTIONS))
    (folder / "no_forks.py").write_text(textwrap.dedent(NO_FORKS))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", str(folder))
        import functions_to_call

        yield functions_to_call


@pytest.fixture(scope="module")
def local(functions):
    with LocalExecutor([], workers=2) as executor:
        yield executor


@pytest.fixture(scope="module")
def cluster(functions):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        yield cluster


@pytest.fixture
def dask(cluster):
    with open_executor(cluster.scheduler_address.replace("tcp", "dask"), []) as executor:
        yield executor


def results(executor, *calls):
    with executor.batch() as batch:
        for index, call in enumerate(calls):
            batch.submit(call, index)
        by_index = dict(batch.results())
    return [by_index[index] for index in range(len(calls))]


def is_gone(pid):
    """Tell whether a process ends, waiting for a minute."""
    for _ in range(1200):
        if not psutil.pid_exists(pid):
            return True
        time.sleep(0.05)
    return False


def test_results_have_the_number_of_their_call(local, functions):
    assert results(local, *(Call(functions.add, (i, i), "a") for i in range(20))) == [
        2 * i for i in range(20)
    ]
    assert list(local.map(functions.double, range(20), "a")) == [2 * i for i in range(20)]


def test_no_call_is_no_work(local):
    assert results(local) == []


def double_again_and_again(executor, functions):
    doubled = []
    with executor.batch() as batch:
        batch.submit(Call(functions.double, (1,), "a"), 1)
        for power, result in batch.results():
            doubled.append((power, result))
            if power < 5:
                batch.submit(Call(functions.double, (result,), "a"), power + 1)
    return doubled


def test_calls_may_be_submitted_while_results_are_read(local, functions):
    assert double_again_and_again(local, functions) == [(power, 2**power) for power in range(1, 6)]


def test_batches_do_not_mix(local, functions):
    with local.batch() as outer:
        for number in (1, 2):
            outer.submit(Call(functions.wait, (0.1 * number,), "a"), number)
        assert list(local.map(functions.double, range(4), "a")) == [0, 2, 4, 6]
        assert dict(outer.results()) == {1: 0.1, 2: 0.2}


def test_a_batch_that_is_left_does_not_disturb_another(local, functions, tmp_path):
    with local.batch() as other:
        other.submit(Call(functions.wait, (1,), "a"))
        assert is_gone(abandon(local, functions, tmp_path / "pid"))
        assert list(other.results()) == [(None, 1)]


def test_calls_in_this_process_have_the_same_results(functions):
    executor = InlineExecutor()
    assert double_again_and_again(executor, functions) == [(power, 2**power) for power in range(1, 6)]
    assert results(executor, Call(functions.number, (), "a")) == [os.getpid()]
    with pytest.raises(ValueError, match="a reason"):
        list(executor.map(functions.raise_value_error_about, [1], "a"))


def test_a_process_is_kept_for_its_kind_alone(functions):
    with LocalExecutor([], workers=1) as one:
        first, again, other, back = results(
            one, *(Call(functions.number, (), kind) for kind in ("a", "a", "b", "a"))
        )
    assert first == again
    assert len({first, other, back}) == 3


def test_processes_have_one_thread(local, functions):
    calls = (Call(function, (), "a") for function in (functions.threads, functions.torch_threads))
    assert results(local, *calls) == [(1, {"1"}), 1]


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("leave", (3,), "exited with status 3"),
        ("leave", (0,), "exited with status 0"),
        ("crash", (), "was ended by SIGSEGV"),
        ("close_everything", (), "process"),
    ],
)
def test_a_call_that_ends_its_process_costs_nothing_else(local, functions, function, arguments, reason):
    before, ended, after = results(
        local,
        Call(functions.wait, (0.3,), "a"),
        Call(getattr(functions, function), arguments, "b"),
        Call(functions.add, (1, 1), "b"),
    )
    assert (before, after) == (0.3, 2)
    assert isinstance(ended, Failure)
    assert ended.status == "failed"
    assert reason in ended.reason
    assert ended.exceeded == {}
    assert not ended.is_transient


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_a_call_that_is_killed_from_outside_has_failed_for_a_transient_reason(local, functions, name):
    (ended,) = results(local, Call(functions.end_by, (getattr(signal, name),), "a"))
    assert f"was ended by {name}" in ended.reason
    assert ended.is_transient


def test_a_process_that_ends_between_two_calls_costs_neither(functions):
    with LocalExecutor([], workers=1) as executor:
        (pid,) = results(executor, Call(functions.leave_later, (0.05,), "a"))
        assert is_gone(pid)
        assert results(executor, Call(functions.add, (1, 1), "a")) == [2]


@pytest.mark.parametrize(
    ("preload", "reason"),
    [
        ("no_such_module", "imports no_such_module and starts those of calls exited with status 1"),
        ("no_forks", "no process can be started \\(Resource temporarily unavailable\\)"),
    ],
)
def test_where_no_process_can_be_started_no_call_is_blamed(functions, preload, reason):
    with LocalExecutor([preload], workers=1) as executor, pytest.raises(RunError, match=reason):
        results(executor, Call(functions.add, (1, 1), "a"))


def test_a_call_that_hangs_is_stopped(local, functions):
    ended, other = results(
        local, Call(functions.hang, (), "a", Limits(timeout_s=0.5)), Call(functions.add, (1, 1), "b")
    )
    assert ended == Failure(
        "timeout", "stopped after 0.5 s: raise timeout_s, or make it faster", 0.5, {"timeout_s": 0.5}
    )
    assert other == 2


def test_a_call_that_takes_too_much_memory_is_stopped(local, functions):
    ended, other = results(
        local, Call(functions.leak, (), "a", Limits(memory_mib=900)), Call(functions.add, (1, 1), "b")
    )
    assert ended.status == "failed"
    assert "more than the 900 MiB" in ended.reason
    assert ended.exceeded == {"memory_mib": 900}
    assert other == 2


def test_a_call_that_forks_has_one_result(local, functions):
    assert results(local, Call(functions.fork, (), "a"), Call(functions.add, (1, 1), "a")) == ["here", 2]


def test_one_that_kills_what_starts_processes_costs_no_other_its_result(functions):
    with LocalExecutor([], workers=2) as executor:
        guilty, *others = results(
            executor,
            Call(functions.kill_parent, (), "a"),
            *(Call(functions.wait, (0.5,), "b") for _ in range(3)),
        )
    assert (guilty.status, guilty.seconds, guilty.is_transient) == ("failed", None, True)
    assert others == [0.5] * 3


def test_what_a_function_raises_is_raised(local, functions):
    with pytest.raises(ValueError, match="a reason"):
        results(local, Call(functions.raise_value_error, (), "a"), Call(functions.hang, (), "a"))
    with pytest.raises(RuntimeError, match="Awkward: cannot be unpickled"):
        results(local, Call(functions.raise_awkward, (), "a"))
    with pytest.raises(Exception, match="pickle"):
        results(local, Call(functions.return_function, (), "a"))
    assert results(local, Call(functions.add, (1, 1), "a")) == [2]


def test_a_map_does_not_hide_a_process_that_has_ended(local, functions):
    with pytest.raises(RunError, match="things: its process exited with status 3"):
        list(local.map(functions.leave, [3], "things"))


def test_nothing_is_left_when_the_work_is_closed(functions):
    with LocalExecutor([], workers=2) as executor:
        pids = results(executor, Call(functions.number, (), "a"), Call(functions.start_another, (), "b"))
        assert all(map(psutil.pid_exists, pids))
    assert all(map(is_gone, pids))


def test_no_descriptor_is_left_when_the_work_is_closed(functions):
    open_after = []
    for _ in range(3):
        with LocalExecutor([], workers=2) as executor:
            results(executor, *(Call(functions.number, (), kind) for kind in "ab"))
        gc.collect()
        open_after.append(psutil.Process().num_fds())
    # Not equal: what other tests have left in this process may close meanwhile.
    assert max(open_after[1:]) <= open_after[0]


def abandon(executor, functions, path):
    """Leave a batch while a call hangs; return the number of its process."""
    with executor.batch() as batch:
        batch.submit(Call(functions.add, (1, 1), "a"))
        batch.submit(Call(functions.note_and_hang, (path,), "b"))
        next(batch.results())
        while not path.is_file() or not path.read_text():
            time.sleep(0.01)
    return int(path.read_text())


def test_what_is_abandoned_is_stopped(functions, tmp_path):
    with LocalExecutor([], workers=1) as executor:
        assert is_gone(abandon(executor, functions, tmp_path / "pid"))
        assert results(executor, Call(functions.add, (1, 1), "a")) == [2]


def test_short_work_is_done_in_this_process(local, functions, monkeypatch):
    with executor_for(0.1, [], local) as executor:
        assert list(executor.map(functions.number_of, [1], "a")) == [os.getpid()]
    with executor_for(60, [], local) as executor:
        assert executor is local
    with executor_for(60, []) as executor:
        assert list(executor.map(functions.number_of, [1], "a")) != [os.getpid()]
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    with executor_for(60, []) as executor:
        assert list(executor.map(functions.number_of, [1], "a")) == [os.getpid()]


@pytest.mark.parametrize("address", ["remote", "dask://", "ftp://host:1", "localhost:8786"])
def test_an_invalid_address_is_refused(address):
    with pytest.raises(ConfigurationError, match=r"invalid address: .*dask://host:8786"):
        open_executor(address, [])


class TestDask:
    """The same on a cluster, and workers that are lost."""

    def test_it_does_what_is_done_here(self, dask, functions):
        calls = [
            Call(functions.add, (1, 2), "a"),
            Call(functions.leave, (3,), "b"),
            Call(functions.crash, (), "b"),
            Call(functions.hang, (), "c", Limits(timeout_s=0.5)),
            Call(functions.threads, (), "a"),
        ]
        three, left, crashed, stopped, threads = results(dask, *calls)
        assert (three, threads) == (3, (1, {"1"}))
        assert (left.reason, crashed.reason) == (
            "its process exited with status 3",
            "its process was ended by SIGSEGV",
        )
        assert stopped.status == "timeout"

    def test_what_a_function_raises_is_raised(self, dask, functions):
        with pytest.raises(ValueError, match="a reason"):
            results(dask, Call(functions.raise_value_error, (), "a"))

    def test_calls_may_be_submitted_while_results_are_read(self, dask, functions):
        assert double_again_and_again(dask, functions) == [(power, 2**power) for power in range(1, 6)]

    def test_a_batch_that_is_left_is_stopped(self, dask, functions, tmp_path):
        assert is_gone(abandon(dask, functions, tmp_path / "pid"))
        assert list(dask.map(functions.double, [4], "a")) == [8]

    def test_a_worker_that_is_killed_loses_nothing(self, dask, cluster, functions):
        durations = [0.2 + i / 100 for i in range(12)]
        waited = {}
        with dask.batch() as batch:
            for index, duration in enumerate(durations):
                batch.submit(Call(functions.wait, (duration,), "a"), index)
            for index, result in batch.results():
                assert index not in waited
                waited[index] = result
                if len(waited) == 2:
                    worker = next(iter(cluster.workers.values()))
                    os.kill(worker.process.pid, 9)
        assert [waited[index] for index in range(12)] == durations

    def test_a_process_does_not_serve_the_next_executor(self, cluster, functions):
        """It may hold what was in files that are others by now."""
        seen = []
        for _ in range(2):
            with open_executor(cluster.scheduler_address, []) as executor:
                seen.append(set(results(executor, *(Call(functions.number, (), "a") for _ in range(6)))))
        assert not seen[0] & seen[1]

    def test_workers_are_not_waited_for_for_ever(self, functions, monkeypatch, capsys):
        distributed = pytest.importorskip("distributed")
        from timbrebench.core.workers import dask_executor

        monkeypatch.setattr(dask_executor, "_CHECK_S", 0.1)
        monkeypatch.setattr(dask_executor, "_WORKERS_S", 0.3)
        with (
            distributed.LocalCluster(n_workers=0, processes=True, dashboard_address=":0") as empty,
            open_executor(empty.scheduler_address, []) as executor,
            pytest.raises(RunError, match=r"no workers for 0\.3 s: what is finished is kept"),
        ):
            results(executor, Call(functions.add, (1, 1), "a"))
        assert "there are no workers: start some" in capsys.readouterr().err

    def test_nobody_at_the_address(self, monkeypatch):
        from timbrebench.core.workers import dask_executor

        monkeypatch.setattr(dask_executor, "_CONNECT_S", 0.5)
        with pytest.raises(ConfigurationError, match="no Dask scheduler answers"):
            open_executor("dask://127.0.0.1:9", [])
