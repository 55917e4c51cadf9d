"""Files that a method is given by their paths: results hold as long as the files do."""

from __future__ import annotations

import shutil
import sys

import pytest
import torch
from torch import Tensor, nn

from timbrebench.classifier import Judge
from timbrebench.core.workers.executor_addresses import LOCAL, open_executor
from timbrebench.experiments.run.layout import RECORDS
from timbrebench.experiments.run.opened_run import open_suite
from timbrebench.experiments.run.records import RecordsFile, read_records
from timbrebench.experiments.run.run_configuration import RunConfiguration
from timbrebench.experiments.run.tasks import list_recorded_tasks, list_tasks
from timbrebench.experiments.run.transfers import run_transfers
from timbrebench.experiments.suites.pair_export import export_pairs
from timbrebench.transfer.methods.external.clip_files import write_clip
from timbrebench.transfer.registry import method_class


class Gain(nn.Module):
    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return self.gain * content


@pytest.fixture(scope="module")
def executor():
    with open_executor(LOCAL, ["timbrebench.experiments.run.transfers"]) as executor:
        yield executor


@pytest.fixture
def transfer(run, tiny, executor, tmp_path):
    """Run one method on the pairs of a copy of the run; return its records and how many are new."""
    root = tmp_path / "run"
    shutil.copytree(run.root, root)
    _, dataset, _, suite = open_suite(root)

    def transfer(method, parameters):
        entry = {"method": method, "label": "it", "parameters": parameters}
        configuration = RunConfiguration.model_validate({**tiny.model_dump(), "methods": [entry]})
        before = (root / RECORDS).read_text().count('"label":"it"')
        with RecordsFile(root / RECORDS) as store:
            tasks = list_tasks(configuration, suite, dataset)
            run_transfers(
                tasks,
                dataset=dataset,
                suite=suite,
                limits=configuration.limits,
                root=root,
                store=store,
                executor=executor,
            )
            records = [store.records.transfers.get(task.key) for task in tasks if task.entry.label == "it"]
            assert list_recorded_tasks(configuration, suite, dataset, store.records) == tasks
        return records, (root / RECORDS).read_text().count('"label":"it"') - before

    transfer.root = root
    return transfer


def export(gain, path):
    torch.jit.save(torch.jit.script(Gain(gain)), path)


def test_another_model_at_the_same_path_is_another_method(transfer, tmp_path):
    path = tmp_path / "model.pt"
    parameters = {"path": str(path), "sample_rate": 22050, "device": "cpu"}
    count = []
    digests = []
    for gain in (0.5, 0.5, 0.25, 0.5):
        export(gain, path)
        records, new = transfer("torchscript", parameters)
        assert {record.status for record in records} == {"ok"}
        assert all((transfer.root / record.output).is_file() for record in records)
        count.append(new)
        digests.append({record.output_sha256 for record in records})
    pairs = len(records)
    assert count == [pairs, 0, pairs, 0]
    assert digests[0] == digests[1] == digests[3]
    assert not digests[0] & digests[2]


class Holding(nn.Module):
    """Works with a network of its own, and holds another."""

    def __init__(self, other: nn.Module) -> None:
        super().__init__()
        self.own = Gain(0.5)
        self.other = other

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return self.own(content, style)


def test_a_judge_inside_an_export_is_found_out(run, transfer, tmp_path):
    judge = Judge.load(run.root / "judge" / "judge.pt")
    content = open_suite(run.root).dataset.samples(run.results.suite.pairs[0].content)
    seen = torch.from_numpy(judge.front_end.spectrogram(content, 22050))[None].float()
    held = torch.jit.trace(judge.network, seen, check_trace=False)
    torch.jit.save(torch.jit.script(Holding(held)), tmp_path / "model.pt")
    records, _ = transfer("torchscript", {"path": str(tmp_path / "model.pt"), "sample_rate": 22050})
    assert {record.status for record in records} == {"ok"}
    learned = dict(read_records(transfer.root / RECORDS).learned)
    own = learned.pop(judge.fingerprint)
    assert [record.shares(own) for record in learned.values()].count("holds a judge's own network") == 1


def test_a_program_that_is_too_slow_is_recorded_as_such(transfer, tmp_path):
    tool = tmp_path / "tool.py"
    tool.write_text("import time; time.sleep(60)")
    command = [sys.executable, str(tool), "{content}", "{output}"]
    records, _ = transfer("command-line", {"command": command, "timeout_s": 0.2})
    assert {record.status for record in records} == {"timeout"}
    assert all("stopped after 0.2 s" in record.reason for record in records)
    tool.write_text("import shutil, sys; shutil.copy(*sys.argv[1:])")
    records, new = transfer("command-line", {"command": command, "timeout_s": 30})
    assert {record.status for record in records} == {"ok"}
    tool.write_text("import shutil, sys; shutil.copy(*sys.argv[1:])  # the same in other words")
    assert transfer("command-line", {"command": command, "timeout_s": 30})[1] == new == len(records)


def test_what_was_ended_from_outside_is_tried_again(transfer, tmp_path):
    """The program is the same, and so are its settings: nothing tells that it goes well now."""
    tool, memory = tmp_path / "tool.py", tmp_path / "enough memory"
    kill = f"os.path.exists({str(memory)!r}) or os.kill(os.getppid(), 9)"
    tool.write_text(f"import os, shutil, sys; {kill}; shutil.copy(*sys.argv[1:])")
    parameters = {"command": [sys.executable, str(tool), "{content}", "{output}"]}
    for _ in range(2):
        records, new = transfer("command-line", parameters)
        assert {record.status for record in records} == {"failed"}
        assert all("ended by SIGKILL" in record.reason for record in records)
        assert new == len(records)
    memory.touch()
    records, new = transfer("command-line", parameters)
    assert {record.status for record in records} == {"ok"}
    assert new == len(records)
    assert transfer("command-line", parameters)[1] == 0


def test_a_model_that_is_missing_is_told_and_is_run_once_it_is_there(transfer, tmp_path):
    path = tmp_path / "model.pt"
    parameters = {"path": str(path), "sample_rate": 22050}
    records, _ = transfer("torchscript", parameters)
    assert {record.status for record in records} == {"skipped"}
    assert all("model.pt: cannot be read" in record.reason for record in records)
    export(0.5, path)
    records, new = transfer("torchscript", parameters)
    assert {record.status for record in records} == {"ok"}
    assert new == len(records)


def test_a_method_that_cannot_tell_what_it_depends_on_is_asked_again(transfer, tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    export(0.5, path)
    parameters = {"path": str(path), "sample_rate": 22050, "device": "cpu"}

    def fail(self):
        raise OSError("no such disk")

    with monkeypatch.context() as patch:
        patch.setattr(method_class("torchscript"), "fingerprint", fail)
        records, _ = transfer("torchscript", parameters)
        assert {record.status for record in records} == {"skipped"}
        assert all("its fingerprint() failed: OSError: no such disk" in record.reason for record in records)
        assert transfer("torchscript", parameters)[1] == 0
    records, new = transfer("torchscript", parameters)
    assert {record.status for record in records} == {"ok"}
    assert new == len(records)


def test_what_was_half_written_is_removed(transfer):
    parts = [transfer.root / folder / ".part-1.file" for folder in ("outputs/envelope", "prepared")]
    for part in parts:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
    transfer("envelope", {})
    assert not any(part.exists() for part in parts)


def test_outputs_that_are_handed_in_later_are_taken_then(run, transfer, tmp_path):
    configuration, dataset, _, suite = open_suite(run.root)
    folder = tmp_path / "handed-in"
    export_pairs(suite, folder, name=configuration.name, seeds=configuration.seeds)
    missing = suite.pairs[1]
    for pair in suite.pairs:
        if pair is not missing:
            write_clip(folder / f"{pair.pair_id}.wav", 0.5 * dataset.samples(pair.content), 22050)

    def outcomes():
        records, _ = transfer("finished-audio", {"folder": str(folder)})
        return {record.pair_id: (record.status, record.reason, record.seconds) for record in records}

    (absent,) = [pair_id for pair_id, (status, _, _) in outcomes().items() if status != "ok"]
    assert absent == missing.pair_id
    assert f"there is no {absent}.wav" in outcomes()[absent][1]
    write_clip(folder / f"{absent}.wav", 0.5 * dataset.samples(missing.content), 22050)
    assert set(outcomes().values()) == {("ok", "", None)}
    shutil.rmtree(folder)
    assert {status for status, _, _ in outcomes().values()} == {"failed"}
    assert all("pairs.csv: cannot be read" in reason for _, reason, _ in outcomes().values())
