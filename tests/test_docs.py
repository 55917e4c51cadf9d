"""The documentation builds from the code, holds together, and asks nothing of other hosts."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest

from timbrebench.classifier.style.published_judges import published_card
from timbrebench.classifier.style.robustness import RECORDING_CONDITIONS
from timbrebench.experiments.run.run_configuration import RunConfiguration
from timbrebench.metrics import metric_names
from timbrebench.transfer import method_class, method_names

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\(([^)\s]+)\)")

# What a browser fetches by itself, unlike what a reader may click on.
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
NOT_FETCHED = {"canonical", "next", "prev"}


class Page(HTMLParser):
    """The targets that a page names, and the places in it that can be named."""

    def __init__(self, path):
        super().__init__()
        self.links, self.fetched, self.anchors = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        said = dict(attributes)
        self.anchors |= {said[key] for key in ("id", "name") if said.get(key)}
        for key in ("href", "src"):
            if not said.get(key):
                continue
            self.links.append(said[key])
            if (tag, key) in FETCHED and said.get("rel") not in NOT_FETCHED:
                self.fetched.append(said[key])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is not installed: pip install timbrebench[docs]")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_link_leads_somewhere(site, pages):
    for path, page in pages.items():
        for link in page.links:
            address, anchor = urldefrag(link)
            if urlparse(link).scheme or path.name == "404.html":
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            assert target.exists(), f"{path.relative_to(site)}: {link}"
            if anchor and target in pages:
                assert unquote(anchor) in pages[target].anchors, f"{path.relative_to(site)}: {link}"


def test_nothing_is_fetched_from_elsewhere(site, pages):
    for path, page in pages.items():
        assert [link for link in page.fetched if urlparse(link).scheme in {"http", "https"}] == [], path
    for path in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?https?:", path.read_text(encoding="utf-8")), path


def test_every_method_metric_and_key_is_in_the_reference(site, pages):
    def anchors(folder):
        return set().union(*(page.anchors for path, page in pages.items() if folder in path.parents))

    assert set(method_names()) <= anchors(site / "reference" / "methods")
    assert set(metric_names()) <= anchors(site / "reference" / "metrics")
    keys = (site / "reference" / "configuration.html").read_text(encoding="utf-8")
    assert all(f"<code>{name}</code>" in keys for name in RunConfiguration.model_fields)


def test_each_method_has_a_row_with_its_source_in_the_table_of_what_is_as_published():
    lines = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8").splitlines()
    first = lines.index(next(line for line in lines if line.startswith("| method | source |")))
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in itertools.takewhile(lambda line: line.startswith("|"), lines[first + 2 :])
    ]
    assert all(len(row) == 4 and all(row) for row in rows)
    sources = {name: row[1] for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    ours = [method_class(name) for name in method_names()]
    assert sources == {
        method.name: method.source for method in ours if method.__module__.startswith("timbrebench.")
    }


def test_formulas_need_no_script(site):
    statistics = (site / "statistics.html").read_text(encoding="utf-8")
    assert statistics.count("<math") > 5
    assert "arithmatex" not in statistics


def test_the_style_judge_s_figures_are_those_of_the_one_that_comes_with_the_package():
    found = published_card("instruments-6-1").evaluation
    weakest, accuracy = min(found.accuracy_by_label.items(), key=lambda item: item[1])
    text = (ROOT / "docs" / "judges.md").read_text(encoding="utf-8")
    assert f"| unseen pieces, soundfonts it knows | {found.accuracy:.3f} |" in text
    assert f"| weakest instrument on soundfonts it knows | {weakest} {accuracy:.3f} |" in text


def test_readme_says_how_good_the_judge_of_the_tracks_is():
    card = published_card("instruments-6-2")
    clean = next(item for item in card.recordings.conditions if item.name == "unchanged")
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"names {card.evaluation.accuracy:.3f} of {card.evaluation.clips} renderings" in readme
    assert f"{clean.accuracy:.2f} of phrases of recorded notes" in readme


def test_the_figures_on_recordings_are_those_of_the_judge_that_comes_with_the_package():
    text = (ROOT / "docs" / "recordings.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    figures = {row[0]: row[2:] for row in rows if len(row) == 2 + len(RECORDING_CONDITIONS)}
    recordings = published_card("instruments-6-2").recordings
    conditions = [item for item in recordings.conditions if item.name in RECORDING_CONDITIONS]
    for source in conditions[0].accuracy_by_source:
        assert figures[source] == [f"{item.accuracy_by_source[source]:.2f}" for item in conditions]
    assert figures["**all**"] == [f"{item.accuracy:.2f}" for item in conditions]


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/method-template/README.md"]
)
def test_files_that_are_linked_are_there(name):
    path = ROOT / name
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if not urlparse(link).scheme:
            assert (path.parent / urldefrag(link)[0]).exists(), f"{name}: {link}"
