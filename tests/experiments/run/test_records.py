import json
import os
import resource
import signal
import subprocess
import sys

import pytest

from timbrebench.core.errors import RunError, StorageError
from timbrebench.core.sealed_lines import seal
from timbrebench.experiments.run.record_types import ScoreRecord, Transfer
from timbrebench.experiments.run.records import Records, RecordsFile, read_records
from timbrebench.experiments.run.records_lock import lock_records


def transfer(key="a", **changes):
    return Transfer(key=key, label="x", pair_id="000-a-b", seed=0, status="ok", **changes)


def test_what_was_added_is_found_again(tmp_path):
    path = tmp_path / "records.jsonl"
    score = ScoreRecord(key="s", metric="m", value=None, reason="silent")
    with RecordsFile(path) as store:
        store.add(transfer(), score)
        assert store.records.transfers["a"] == transfer()
        assert "a" not in store.records.scores
    with RecordsFile(path) as store:
        assert store.records.transfers["a"] == transfer()
        assert store.records.scores["s"] == score
        assert "absent" not in store.records.transfers


def test_a_line_that_was_cut_off_is_passed_over_and_costs_nothing_else(tmp_path):
    path = tmp_path / "records.jsonl"
    with RecordsFile(path) as store:
        store.add(transfer("a"), transfer("b", reason="é€"))
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with RecordsFile(path) as store:
            whole = content[:length].count(b"\n")
            store.add(transfer("c"))
        with RecordsFile(path) as store:
            present = [key for key in "abc" if key in store.records.transfers]
        # A record is complete with its closing brace; the line's end may be missing.
        assert len(present) in {whole + 1, whole + 2}
        assert "c" in present


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\r", "\n", "\x1c"])
def test_no_character_of_a_reason_loses_its_record(tmp_path, sign):
    with RecordsFile(tmp_path / "records.jsonl") as store:
        store.add(transfer("a", reason=f"one{sign}two"), transfer("b"))
    with RecordsFile(tmp_path / "records.jsonl") as store:
        assert store.records.transfers["a"].reason == f"one{sign}two"
        assert "b" in store.records.transfers


def test_a_reason_that_cannot_be_written_as_it_is_is_written_all_the_same(tmp_path):
    reasons = {"half a pair": "no \udcff here", "a book": "x" * 5_000_000}
    stored = {key: transfer(key, reason=reason) for key, reason in reasons.items()}
    with RecordsFile(tmp_path / "records.jsonl") as store:
        store.add(*stored.values())
    assert (tmp_path / "records.jsonl").stat().st_size < 20_000
    with RecordsFile(tmp_path / "records.jsonl") as store:
        assert store.records.transfers["half a pair"].reason == "no ? here"
        assert all(store.records.transfers[key] == record for key, record in stored.items())


def add_too_much(path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with RecordsFile(path) as store:
            store.add(transfer("a"))
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 200, before[1]))
            store.add(transfer("b", reason="é" * 999))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_costs_what_did_not_fit(tmp_path):
    path = tmp_path / "records.jsonl"
    with pytest.raises(StorageError, match="cannot write"):
        add_too_much(path)
    with RecordsFile(path) as store:
        assert "a" in store.records.transfers
        assert "b" not in store.records.transfers
        store.add(transfer("c"))
    with RecordsFile(path) as store:
        assert "a" in store.records.transfers
        assert "c" in store.records.transfers


def test_a_flipped_bit_is_said_and_never_a_figure(tmp_path, capsys):
    path = tmp_path / "records.jsonl"
    scores = {
        key: ScoreRecord(key=key, metric="m", value=value) for key, value in (("s", 0.523), ("t", 0.25))
    }
    with RecordsFile(path) as store:
        store.add(*scores.values())
    content = path.read_bytes()
    assert read_records(path).scores == scores
    assert not capsys.readouterr().err
    for place in range(len(content)):
        for flip in (1, 4, 128):
            changed = bytearray(content)
            changed[place] ^= flip
            path.write_bytes(changed)
            present = read_records(path).scores
            said = capsys.readouterr().err
            assert present.items() <= scores.items()
            assert (f"{path}: " in said and "damaged" in said) == (len(present) < 2)
    path.write_bytes(content.replace(b"0.523", b"0.923"))
    with RecordsFile(path) as store:
        assert store.records.scores == {"t": scores["t"]}
        store.add(scores["s"])
    assert read_records(path).scores == scores


def test_records_without_digests_are_read_as_before(tmp_path, capsys):
    path = tmp_path / "records.jsonl"
    path.write_text(
        transfer("a").model_dump_json() + "\n" + '{"kind": "of a later version", "key": "b"}\n{"kind"'
    )
    with RecordsFile(path) as store:
        store.add(transfer("c"))
    assert read_records(path).transfers == {"a": transfer("a"), "c": transfer("c")}
    assert not capsys.readouterr().err


def test_a_submission_with_a_changed_record_is_refused():
    line = seal(ScoreRecord(key="s", metric="m", value=0.5).model_dump_json())
    assert Records.parse(line, 10).scores["s"].value == 0.5
    with pytest.raises(RunError, match="line 2 of the records does not match its digest"):
        Records.parse(line + "\n" + line.replace("0.5", "0.9"), 10)


def test_what_was_not_run_has_no_cost_in_older_files_either(tmp_path):
    line = {"kind": "transfer", "key": "a", "label": "x", "pair_id": "p", "seed": 0, "status": "skipped"}
    (tmp_path / "records.jsonl").write_text(json.dumps(line | {"seconds": 0.0}) + "\n")
    with RecordsFile(tmp_path / "records.jsonl") as store:
        assert store.records.transfers["a"].seconds is None
    assert transfer().seconds is None


def test_transient_failures_of_older_files_are_retried(tmp_path):
    line = {"kind": "transfer", "key": "a", "label": "x", "pair_id": "p", "seed": 0, "status": "failed"}
    (tmp_path / "records.jsonl").write_text(json.dumps(line | {"passing": True}) + "\n")
    with RecordsFile(tmp_path / "records.jsonl") as store:
        assert store.records.transfers["a"].transient
        store.add(transfer("a", transient=True))
    assert '"transient":true' in (tmp_path / "records.jsonl").read_text()


def test_several_read_what_is_left_as_it_is(tmp_path):
    path = tmp_path / "records.jsonl"
    assert not read_records(path).transfers
    assert not path.exists()
    with RecordsFile(path) as store:
        store.add(transfer("a"))
        with pytest.raises(RunError, match="another run"):
            read_records(path)
    path.write_bytes(content := path.read_bytes() + b'{"cut')
    with path.open() as file:
        lock_records(file, path, exclusive=False)  # as long as another reads
        records = read_records(path)
    assert records.transfers == {"a": transfer("a")}
    with pytest.raises(TypeError):
        records.transfers["b"] = transfer("b")
    assert path.read_bytes() == content


def test_it_is_known_whether_something_is_to_be_tried_again(tmp_path):
    with RecordsFile(tmp_path / "records.jsonl") as store:
        store.add(transfer("a"), transfer("b"))
        assert not store.records.has_retryable_failures
        store.add(transfer("a", transient=True))
        assert store.records.has_retryable_failures
        store.add(transfer("a"))
        assert not store.records.has_retryable_failures


def test_a_process_that_is_killed_loses_nothing_that_was_added(tmp_path):
    path = tmp_path / "records.jsonl"
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from timbrebench.experiments.run.records import *\n"
        "with RecordsFile(Path(sys.argv[1])) as store:\n"
        "    store.add(Transfer(key='k', label='x', pair_id='p', seed=0, status='ok'))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], check=False, env=os.environ)
    assert result.returncode == -signal.SIGKILL
    with RecordsFile(path) as store:
        assert "k" in store.records.transfers


def test_one_run_at_a_time(tmp_path):
    with RecordsFile(tmp_path / "records.jsonl"), pytest.raises(RunError, match="another run"):  # noqa: SIM117
        with RecordsFile(tmp_path / "records.jsonl"):
            pass


def test_the_later_record_counts(tmp_path):
    with RecordsFile(tmp_path / "records.jsonl") as store:
        store.add(transfer(seconds=1.0))
        store.add(transfer(seconds=2.0))
    with RecordsFile(tmp_path / "records.jsonl") as store:
        assert store.records.transfers["a"].seconds == 2.0
