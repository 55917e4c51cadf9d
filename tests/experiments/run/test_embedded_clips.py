"""A run compares sets of outputs in the space of each embedding that its configuration names."""

import shutil
import textwrap

import pandas as pd
import pytest

from timbrebench.core.errors import ConfigurationError, MissingResourceError, UnknownNameError
from timbrebench.experiments.benchmark import read_results, run_benchmark
from timbrebench.experiments.run.completion import Completion
from timbrebench.experiments.run.records import read_records
from timbrebench.experiments.run.run_configuration import RunConfiguration, read_configuration
from timbrebench.experiments.submissions.submission_archive import Archive, write_archive
from timbrebench.experiments.submissions.submission_checking import check_submission
from timbrebench.experiments.submissions.submission_packing import submit
from timbrebench.experiments.submissions.submission_reading import read_submission

BANDS = """
    import numpy as np
    from timbrebench.classifier.embeddings.embedding import Embedding

    class Bands(Embedding):
        name, version, sample_rate, source = "bands", 1, 8000, "a number of bands"

        def vectors(self, clip):
            power = np.abs(np.fft.rfft(clip)) ** 2
            return [[np.log1p(part.sum()) for part in np.array_split(power, int(self.weights.read_text()))]]
"""


@pytest.fixture(scope="module")
def embedded(run, tiny, tmp_path_factory):
    """The run, gone on with by an embedding of three numbers."""
    site = tmp_path_factory.mktemp("site")
    info = site / "bands-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bands\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[timbrebench.embeddings]\nbands = bands_embedding:Bands\n")
    (site / "bands_embedding.py").write_text(textwrap.dedent(BANDS))
    (site / "weights.txt").write_text("3")
    root = tmp_path_factory.mktemp("embedded") / "run"
    shutil.copytree(run.root, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setenv("PYTHONPATH", str(site))
        patch.setattr("timbrebench.experiments.report.report_writing.write_report", lambda *_: None)
        entry = {"name": "bands", "weights": str(site / "weights.txt")}
        content = tiny.model_dump(mode="json") | {"embeddings": [entry]}
        yield run_benchmark(RunConfiguration.model_validate(content), root)


def test_rows_carry_their_embeddings_names(embedded, run):
    table = pd.read_csv(embedded.root / "sets.csv")
    assert set(table.embedding) == {"style-judge", "bands"}
    of_judge = embedded.results.sets[embedded.results.sets.embedding == "style-judge"]
    pd.testing.assert_frame_equal(of_judge.reset_index(drop=True), run.results.sets)
    of_bands = table[(table.embedding == "bands") & (table.label == "all")].set_index("method")
    assert set(of_bands.index) == set(of_judge.method)
    assert (of_bands.real == len(run.results.suite.clips)).all()
    known = read_records(embedded.root / "records.jsonl").embeddings
    assert {len(record.embedding) for record in known.values()} == {3}


def test_a_run_is_read_where_the_weights_are_gone(embedded):
    (entry,) = embedded.results.configuration.embeddings
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("timbrebench.classifier.embeddings.embedding.load_embedding", None)
        pd.testing.assert_frame_equal(read_results(embedded.root).sets, embedded.results.sets)
    gone = embedded.results.configuration.model_dump(mode="json")
    gone["embeddings"][0]["weights"] = entry.weights + "x"
    without = RunConfiguration.model_validate(gone)
    with (
        pytest.raises(MissingResourceError, match="nothing there; the embedding bands reads"),
        Completion(embedded.root, "").recorded(without),
    ):
        run_benchmark(without, embedded.root)


def test_submissions_have_the_judges_rows_alone_and_those_of_before_do_not_name_it(embedded, tmp_path):
    submit(embedded.root, tmp_path / "one.zip", submitter="Ada")
    submission = read_submission(tmp_path / "one.zip")
    assert set(submission.tables.sets.embedding) == {"style-judge"}
    with Archive(tmp_path / "one.zip") as archive:
        files = {name: archive.read(name) for name in archive.names()}
    files["sets.csv"] = files["sets.csv"].replace(b",embedding", b"").replace(b",style-judge", b"")
    write_archive(tmp_path / "before.zip", files)
    before = read_submission(tmp_path / "before.zip")
    pd.testing.assert_frame_equal(before.tables.sets, submission.tables.sets)
    assert check_submission(before) == []


def test_unknown_and_repeated_embeddings_are_refused():
    entry = '[[embeddings]]\nname = "{}"\nweights = "x"\n'
    with pytest.raises(UnknownNameError, match="unknown embedding 'vgish': did you mean 'vggish'"):
        read_configuration('name = "x"\n' + entry.format("vgish"), "run.toml")
    with pytest.raises(ConfigurationError, match="'vggish' stands in the list twice"):
        read_configuration('name = "x"\n' + 2 * entry.format("vggish"), "run.toml")
