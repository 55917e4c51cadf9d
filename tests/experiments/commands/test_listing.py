"""What is listed without importing anything is what the methods and metrics say of themselves."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import pytest

from timbrebench.core import plugins
from timbrebench.experiments.commands import listing
from timbrebench.experiments.commands.listing import ListedMetric, listed_metrics, method_summaries
from timbrebench.metrics import get, metric_names
from timbrebench.transfer import method_class, method_names


@pytest.fixture
def nothing_imported(monkeypatch):
    """Let whatever would be imported after all be an error."""
    monkeypatch.setattr(plugins, "_load", None)


def test_methods_are_listed_as_they_are(nothing_imported, monkeypatch):
    listed = dict(method_summaries())
    monkeypatch.undo()
    assert listed == {name: method_class(name).summary for name in method_names()}


def test_metrics_are_listed_as_they_are(nothing_imported, monkeypatch):
    listed = {metric.name: metric for metric in listed_metrics()}
    monkeypatch.undo()
    assert set(listed) == set(metric_names())
    for name, metric in listed.items():
        about = get(name).specification
        assert metric == (name, get(name).question, about.summary, about.unit, about.direction)


MODULE = '''"""Whether it is mine."""
from timbrebench.metrics import metric
from timbrebench.transfer import Method
WORDS = "computed " + "summary"
class Mine(Method):
    name, version, summary, source = "mine", 1, WORDS, "here"
    def transfer(self, content, style, *, sample_rate, seed):
        return content
@metric(direction="none", relevant_change=1, unit="x" * 2, summary="Is it mine?")
def mine(trial):
    return 1.0
'''


def test_what_is_computed_is_imported(tmp_path, monkeypatch):
    """Of others, who may write it in any way; names and files are found all the same."""
    (tmp_path / "of_others.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    points = {
        listing.METHODS: EntryPoint("mine", "of_others:Mine", listing.METHODS),
        listing.METRICS: EntryPoint("mine", "of_others:mine", listing.METRICS),
    }
    monkeypatch.setattr(listing, "entry_points_of", lambda group: [points[group]])
    monkeypatch.setattr(plugins, "_load", lambda group, *_: points[group].load())
    assert list(method_summaries()) == [("mine", "computed summary")]
    assert list(listed_metrics()) == [
        ListedMetric("mine", "Whether it is mine.", "Is it mine?", "xx", "none")
    ]
    sys.modules.pop("of_others")
