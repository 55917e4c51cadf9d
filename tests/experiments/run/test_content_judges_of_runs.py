"""A run's configuration names the content judge; scores of two content judges are never mixed."""

import shutil
import textwrap

import pandas as pd
import pytest

from timbrebench.core.errors import RunError, UnknownNameError
from timbrebench.experiments.benchmark import run_benchmark
from timbrebench.experiments.ranking.baseline import read_baseline, write_baseline
from timbrebench.experiments.ranking.comparing import compare_runs
from timbrebench.experiments.ranking.gate import check_run
from timbrebench.experiments.run.records import read_records
from timbrebench.experiments.run.run_configuration import RunConfiguration, read_configuration
from timbrebench.experiments.submissions.submission_packing import submit
from timbrebench.metrics import get

TOO_HIGH = """
    import dataclasses
    from timbrebench.classifier import load_content_judge

    class TooHigh:
        fingerprint = weights_sha256 = "0" * 64
        training_pieces, training_clips = (), frozenset()

        def transcribe(self, samples, sample_rate):
            answer = load_content_judge().transcribe(samples, sample_rate)
            return dataclasses.replace(answer, notes=answer.notes.assign(pitch=answer.notes.pitch + 36))
"""


@pytest.fixture(scope="module")
def of_another(run, tiny, tmp_path_factory):
    """The run, gone on with by a content judge that is three octaves off."""
    site = tmp_path_factory.mktemp("site")
    info = site / "high-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: high\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[timbrebench.content_judges]\ntoo-high = high_judge:TooHigh\n")
    (site / "high_judge.py").write_text(textwrap.dedent(TOO_HIGH))
    root = tmp_path_factory.mktemp("of-another") / "run"
    shutil.copytree(run.root, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setenv("PYTHONPATH", str(site))
        patch.setattr("timbrebench.experiments.report.report_writing.write_report", lambda *_: None)
        content = tiny.model_dump(mode="json") | {"content_judge": {"name": "too-high"}}
        yield run_benchmark(RunConfiguration.model_validate(content), root)


def test_only_what_asks_the_content_judge_is_scored_anew(of_another, run):
    metrics = run.results.configuration.metrics
    asking = [name for name in metrics if "content_judge" in get(name).specification.needs]
    others = [name for name in metrics if name not in asking]
    pd.testing.assert_frame_equal(of_another.results.scores[others], run.results.scores[others])
    assert (run.results.of("reference").note_f1 > 0.5).all()
    assert (of_another.results.of("reference").note_f1 < 0.1).all()
    before, after = (read_records(each.root / "records.jsonl") for each in (run, of_another))
    assert after.transfers == before.transfers
    assert before.scores.items() <= after.scores.items()
    outputs = {record.output_sha256 for record in before.transfers.values() if record.status == "ok"}
    assert 0 < len(after.scores) - len(before.scores) <= len(asking) * len(before.transfers)
    assert len(outputs) > 1
    assert of_another.results.suite.version == run.results.suite.version


def test_runs_of_two_content_judges_are_not_compared(of_another, run, tmp_path):
    with pytest.raises(RunError, match=r"transcribed by too-high .* by timbrebench"):
        compare_runs(of_another.results, run.results, ("first", "second"), [])
    write_baseline(of_another.results, tmp_path / "baseline.csv", judge="")
    with pytest.raises(RunError, match=r"transcribed by timbrebench .* by too-high"):
        check_run(run.results, read_baseline(tmp_path / "baseline.csv"))


def test_a_run_of_an_outside_content_judge_is_not_submitted(of_another, tmp_path):
    with pytest.raises(RunError, match=r"transcribed by too-high, .* without \[content_judge\]"):
        submit(of_another.root, tmp_path / "submission.zip", submitter="nobody")


def test_a_content_judge_that_is_not_installed_is_refused_when_the_configuration_is_read():
    with pytest.raises(UnknownNameError, match="unknown content judge 'basicpitch': did you mean"):
        read_configuration('name = "x"\n[content_judge]\nname = "basicpitch"', "run.toml")
