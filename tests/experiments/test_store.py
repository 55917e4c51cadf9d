import os
import signal
import subprocess
import sys

import pytest

from timbrebench.audio.errors import RunError
from timbrebench.experiments.store import ScoreRecord, Store, Transfer


def transfer(key="a", **changes):
    return Transfer(key=key, label="x", pair_id="000-a-b", seed=0, status="ok", **changes)


def test_what_was_added_is_found_again(tmp_path):
    path = tmp_path / "records.jsonl"
    score = ScoreRecord(key="s", metric="m", value=None, reason="silent")
    with Store(path) as store:
        store.add(transfer(), score)
        assert store.transfer("a") == transfer()
        assert store.score("a") is None
    with Store(path) as store:
        assert store.transfer("a") == transfer()
        assert store.score("s") == score
        assert store.transfer("absent") is None


def test_a_line_that_was_cut_off_is_passed_over_and_costs_nothing_else(tmp_path):
    path = tmp_path / "records.jsonl"
    with Store(path) as store:
        store.add(transfer("a"), transfer("b"))
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with Store(path) as store:
            whole = content[:length].count(b"\n")
            store.add(transfer("c"))
        with Store(path) as store:
            found = [key for key in "abc" if store.transfer(key)]
        # A record is complete with its closing brace; the line's end may be missing.
        assert len(found) in {whole + 1, whole + 2}
        assert "c" in found


def test_a_process_that_is_killed_loses_nothing_that_was_added(tmp_path):
    path = tmp_path / "records.jsonl"
    code = (
        "import os, signal, sys; from pathlib import Path; from timbrebench.experiments.store import *;\n"
        "with Store(Path(sys.argv[1])) as store:\n"
        "    store.add(Transfer(key='k', label='x', pair_id='p', seed=0, status='ok'))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], check=False, env=os.environ)
    assert result.returncode == -signal.SIGKILL
    with Store(path) as store:
        assert store.transfer("k") is not None


def test_one_run_at_a_time(tmp_path):
    with Store(tmp_path / "records.jsonl"), pytest.raises(RunError, match="another run"):  # noqa: SIM117
        with Store(tmp_path / "records.jsonl"):
            pass


def test_the_later_record_counts(tmp_path):
    with Store(tmp_path / "records.jsonl") as store:
        store.add(transfer(seconds=1.0))
        store.add(transfer(seconds=2.0))
    with Store(tmp_path / "records.jsonl") as store:
        assert store.transfer("a").seconds == 2.0
