"""A run's folder with a small dataset of real renderings, and results made up for it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from timbrebench.audio import write_audio
from timbrebench.datasets import Dataset, DatasetConfiguration, build_dataset
from timbrebench.datasets.rendering.dataset_configuration import Shares
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.ranking.results import COSTS, Results
from timbrebench.experiments.report.report_writing import write_report
from timbrebench.experiments.run.run_configuration import MethodEntry, RunConfiguration
from timbrebench.experiments.suites.suite import SuiteConfiguration, make_suite

INJECTED = "<script>alert(1)</script>"

#: Style accuracy and note F1 of each label, as in a run whose controls land where they must.
SCORES = {
    "identity": (0.0, 0.95),
    "style-copy": (1.0, 0.3),
    "reference": (1.0, 0.96),
    "noise": (0.0, 0.1),
    "ulyanov": (0.5, 0.6),
    "ulyanov-long": (1.0, 0.5),
    "broken": (0.5, 0.5),
}


class Elements(HTMLParser):
    """Collects a page's elements with their attributes, and checks that they are closed in order."""

    VOID = frozenset({"meta", "link", "img", "wbr", "br", "input"})

    def __init__(self, page):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="session")
def elements():
    """Read a page's elements."""
    return Elements


@pytest.fixture(scope="session")
def injected():
    """What nobody wants in a page as it is."""
    return INJECTED


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """The run's folder with its dataset."""
    root = tmp_path_factory.mktemp("reported") / "run"
    configuration = DatasetConfiguration(
        pieces=6,
        instruments=("piano", "clarinet", "organ"),
        renderings=1,
        soundfonts=("TimGM6mb",),
        clip_duration_s=1.0,
        clips_per_piece=1,
        splits=Shares(train=0.15, judge=0.2, validation=0.15, test=0.5),
    )
    build_dataset(configuration, root / "dataset")
    return root


@pytest.fixture(scope="session")
def results(root):
    """Results of the controls and three methods, one of which fails on every other pair."""
    dataset = Dataset.open(root / "dataset")
    configuration = RunConfiguration(
        name="a small run",
        dataset=DatasetConfiguration.model_validate(dataset.description["configuration"]),
        suite=SuiteConfiguration(soundfont="TimGM6mb"),
        methods=(
            MethodEntry(method="ulyanov", parameters={"n_filters": 256}),
            MethodEntry(method="ulyanov", label="ulyanov-long"),
            MethodEntry(method="ulyanov", label="broken"),
        ),
    )
    suite = make_suite(dataset, configuration.suite)
    transfers, scores, reasons = [], [], []
    for entry in configuration.entries:
        for number, pair in enumerate(suite.pairs):
            failed = entry.name == "silence" or (entry.name == "broken" and number % 2 == 1)
            output = "" if failed else f"outputs/{entry.name}/{pair.pair_id}.flac"
            if output:
                write_audio(root / output, sound(entry.name, dataset, pair), 22050, subtype="PCM_24")
            reason = f"ValueError: {INJECTED}" if failed else ""
            costs = (0.1, 0.05, 300.0) if failed else (1.5, 0.75, 300.0)
            status = "failed" if failed else "ok"
            transfers.append(
                (entry.name, pair.pair_id, pair.content.piece, 0, status, reason, *costs, output)
            )
            style, content = SCORES.get(entry.name, (np.nan, np.nan))
            values = dict.fromkeys(configuration.metrics, np.nan if failed else 0.25)
            why = dict.fromkeys(configuration.metrics, "no output" if failed else "")
            if not failed:
                values |= {"style_accuracy": style, "note_f1": content, "note_f1_100ms": content}
            if entry.name == "noise":
                values["ioi_kl_content"], why["ioi_kl_content"] = np.nan, "too few onsets & no rhythm"
            scores.append(values)
            reasons.append(why)
    columns = ["label", "pair_id", "piece", "seed", "status", "reason", *COSTS, "output"]
    return Results(
        configuration,
        suite,
        pd.DataFrame(transfers, columns=columns),
        pd.DataFrame(scores, dtype=np.float64),
        pd.DataFrame(reasons, dtype=str),
    )


def sound(label, dataset, pair):
    """Return what a control would return, and for a method the content at another level."""
    content = dataset.samples(pair.content)
    return {
        "identity": content,
        "style-copy": dataset.samples(pair.style),
        "reference": dataset.samples(pair.reference),
    }.get(label, content / (1 + len(label)))


@pytest.fixture(scope="session")
def leaderboard(results):
    return make_leaderboard(results)


@pytest.fixture(scope="session")
def written(results, leaderboard, root):
    """The report's path; tests must leave what was written as it is."""
    return write_report(results, leaderboard, root)


@pytest.fixture(scope="session")
def page(written):
    return written.read_text(encoding="utf-8")


@pytest.fixture
def moved(written, tmp_path):
    """The same run in another folder, to be spoilt."""
    return shutil.copytree(written.parent, tmp_path / "moved & renamed #1")


@pytest.fixture
def at(results):
    """Return the results as read from another folder."""

    def at(root):
        return replace(results, suite=replace(results.suite, dataset=Dataset.open(root / "dataset")))

    return at


PLUGIN = f"""
from timbrebench.transfer import Method
from timbrebench.transfer import Parameters

class Evil(Method):
    name, version = {INJECTED!r}, 1
    summary, source = "</style>{INJECTED}", "<img src=x onerror=alert(2)>"
    Parameters = Parameters

    def transfer(self, content, style, *, sample_rate, seed):
        return content
"""


@pytest.fixture
def evil(results, root, tmp_path, monkeypatch):
    """Results in which a method of another distribution takes the place of one of ours, by an evil name."""
    site = tmp_path / "site"
    metadata = site / "evil-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "evil_method.py").write_text(PLUGIN)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[timbrebench.methods]\n{INJECTED} = evil_method:Evil\n")
    monkeypatch.syspath_prepend(str(site))
    # Configurations refuse such a name; what reads others' runs escapes it all the same.
    injected = MethodEntry.model_construct(method=INJECTED, label="", parameters={})
    first, _, *others = results.configuration.methods
    configuration = results.configuration.model_copy(update={"methods": (first, injected, *others)})
    transfers = results.transfers.copy()
    rows = transfers.label == "ulyanov-long"
    transfers.loc[rows, "label"] = INJECTED
    run = tmp_path / "run"
    shutil.copytree(root, run)
    folder = run / "outputs" / INJECTED
    folder.parent.mkdir(parents=True)
    (run / "outputs/ulyanov-long").rename(folder)
    transfers.loc[rows, "output"] = transfers.loc[rows, "output"].str.replace("ulyanov-long", INJECTED)
    malicious = replace(results, configuration=configuration, transfers=transfers)
    return run, malicious
