"""The report shows everything there is of a run, by itself."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import soundfile
from matplotlib.image import imread

from timbrebench.audio import read_audio, write_audio
from timbrebench.audio.errors import ConfigurationError
from timbrebench.audio.storage import write_json, write_text
from timbrebench.classifier import Evaluation
from timbrebench.classifier.style.evaluation import Scores
from timbrebench.datasets import Dataset, DatasetConfiguration, build_dataset
from timbrebench.datasets.configuration import Shares
from timbrebench.experiments import report
from timbrebench.experiments.configuration import MethodEntry, RunConfiguration
from timbrebench.experiments.figures import Point, spectrogram_image, style_content_plane
from timbrebench.experiments.leaderboard import make_leaderboard
from timbrebench.experiments.report import write_report
from timbrebench.experiments.results import COSTS, Results
from timbrebench.experiments.suite import SuiteConfiguration, make_suite

DASH, NBSP = "\N{EN DASH}", "\N{NO-BREAK SPACE}"

INJECTED = "<script>alert(1)</script>"

#: Style accuracy and onset F1 of each label, as in a run whose controls land where they must.
SCORES = {
    "identity": (0.0, 0.95),
    "style-copy": (1.0, 0.3),
    "reference": (1.0, 0.96),
    "noise": (0.0, 0.1),
    "ulyanov": (0.5, 0.6),
    "ulyanov-long": (1.0, 0.5),
    "broken": (0.5, 0.5),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A run's folder with a small dataset of real renderings."""
    root = tmp_path_factory.mktemp("run")
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


@pytest.fixture(scope="module")
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
            status = "failed" if failed else "ok"
            transfers.append(
                (
                    entry.name,
                    pair.pair_id,
                    pair.content.piece,
                    0,
                    status,
                    reason,
                    1.5 if output else 0.1,
                    0.75 if output else 0.05,
                    300.0,
                    output,
                )
            )
            style, content = SCORES.get(entry.name, (np.nan, np.nan))
            values = dict.fromkeys(configuration.metrics, np.nan if failed else 0.25)
            why = dict.fromkeys(configuration.metrics, "no output" if failed else "")
            if not failed:
                values |= {"style_accuracy": style, "note_f1": content}
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


@pytest.fixture(scope="module")
def leaderboard(results):
    return make_leaderboard(results)


@pytest.fixture(scope="module")
def page(results, leaderboard, root):
    return write_report(results, leaderboard, root).read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Collects a page's elements with their attributes, and checks that they are closed in order."""

    VOID = frozenset({"meta", "link", "img", "wbr", "br"})

    def __init__(self, page):
        super().__init__()
        self.found, self._open = [], []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def of(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_every_label_metric_and_piece_of_provenance_is_there(page, results, root):
    for label in results.labels:
        assert f'data-value="{label}"' in page
    for metric in results.configuration.metrics:
        assert f"<code>{metric}</code>" in page
    description = Dataset.open(root / "dataset").description
    assert description["sources"][1]["sha256"] in page
    assert results.suite.version in page
    assert "n_<wbr>filters&nbsp;256" in page
    assert "published settings" in page


def test_the_page_refers_to_nothing_outside_itself(page):
    elements = Elements(page)
    references = [
        value
        for _, attributes in elements.found
        for name, value in attributes.items()
        if name in {"src", "href", "xlink:href", "srcset", "data", "action", "poster"}
    ]
    assert references
    assert [value for value in references if not value.startswith(("data:", "#"))] == []
    assert re.findall(r"url\((?!#)|@import|fetch\(|XMLHttpRequest", page) == []
    policy = next(attributes for attributes in elements.of("meta") if "http-equiv" in attributes)
    assert policy["content"].startswith("default-src 'none'")


def test_what_others_wrote_is_escaped(page, leaderboard, results, root):
    assert INJECTED not in page
    assert "ValueError: &lt;script&gt;alert(1)" in page
    assert "too few onsets &amp; no rhythm" in page
    spoilt = replace(leaderboard, problems=(INJECTED,))
    assert INJECTED not in write_report(results, spoilt, root).read_text(encoding="utf-8")


def test_the_verdict_is_told(page, leaderboard, results, root):
    assert "Valid run." in page
    assert "INVALID" not in page
    invalid = replace(leaderboard, problems=("control identity has style accuracy 0.900",))
    page = write_report(results, invalid, root).read_text(encoding="utf-8")
    assert "INVALID run." in page
    assert "control identity has style accuracy 0.900" in page
    assert "Valid run." not in page


def test_a_run_without_an_evaluated_judge_says_so(page):
    assert "No evaluation of the judge was found" in page


def test_the_judge_stands_with_its_confusions(results, leaderboard, root):
    scores = Scores(precision=0.9, recall=0.9, f1=0.9)
    evaluation = Evaluation(
        labels=("clarinet", "organ"),
        clips=10,
        accuracy=0.9,
        accuracy_by_soundfont={"TimGM6mb": 0.875},
        accuracy_by_label={"clarinet": 1.0, "organ": 0.8},
        by_label={"clarinet": scores, "organ": scores},
        micro=scores,
        macro=scores,
        calibration_error=0.02,
        reliability=(),
        confusion=((5, 0), (1, 4)),
    )
    path = root / "judge/evaluation.json"
    write_json(path, evaluation.model_dump(mode="json"))
    try:
        page = write_report(results, leaderboard, root).read_text(encoding="utf-8")
        write_text(path, "[]")
        with pytest.raises(ConfigurationError, match=r"evaluation\.json"):
            write_report(results, leaderboard, root)
    finally:
        path.unlink()
    judge = page[page.index('id="judge-title"') : page.index('id="listen-title"')]
    assert cells_beside("organ", judge) == ["1", "4", f"80.0{NBSP}%"]
    assert cells_beside("TimGM6mb", judge) == [f"87.5{NBSP}%"]
    assert f"<strong>90.0{NBSP}%</strong> of 10 clips" in judge


def cells_beside(heading, section):
    row = re.search(rf'<th scope="row">{heading}</th>(.*?)</tr>', section, re.DOTALL)
    return re.findall(r"<td[^>]*>([^<>]+)</td>", row[1])


def test_the_report_of_a_real_run_holds_its_judge_and_outputs(run):
    page = (run.root / "report.html").read_text(encoding="utf-8")
    assert "the judge says" in page
    assert "data:audio/flac;base64," in page
    Elements(page)


def test_figures_of_the_leaderboard_stand_with_their_intervals(page):
    row = page[page.index('data-value="ulyanov-long"') :]
    row = row[: row.index("</tr>")]
    kept = (0.5 - 0.3) / (0.96 - 0.3)
    assert f'<span class="mean">{2 * kept / (1 + kept):.2f}</span>' in row
    assert f"<small>1.00 {DASH} 1.00</small>" in row


def test_a_figure_that_is_missing_has_its_reason(page):
    row = page[page.index('data-value="noise"') :]
    row = row[: row.index("</tr>")]
    assert f'title="too few onsets &amp; no rhythm">{DASH}' in row


def test_failures_are_counted_by_method_and_reason(page, results):
    failures = page[page.index('id="failures-title"') : page.index('id="provenance-title"')]
    pairs = len(results.suite.pairs)
    assert re.search(rf"broken.*?<td class=\"number\">{pairs // 2}</td>", failures, re.DOTALL)
    assert re.search(rf"silence<small>as it must</small>.*?{pairs}</td>", failures, re.DOTALL)
    assert "001-" in failures


def test_what_is_heard_is_what_was_written(page, results, root):
    """Every file of the first pair is in the page once, sample for sample at 16 bits."""
    pair = results.suite.pairs[0]
    article = page[page.index("<article") : page.index("</article>") + len("</article>")]
    heard = [decode(attributes["src"]) for attributes in Elements(article).of("audio")]
    dataset = Dataset.open(root / "dataset")
    for clip in (pair.content, pair.style, pair.reference):
        assert sum(np.array_equal(dataset.samples(clip), samples) for samples in heard) == 1
    for label in ("ulyanov", "noise"):
        samples, _ = read_audio(root / f"outputs/{label}/{pair.pair_id}.flac")
        assert any(np.abs(samples - other).max() <= 1 / 65536 for other in heard)
    assert "Also the output of <strong>identity</strong>" in article
    assert "No output for this pair: silence" in article


def decode(uri):
    start = "data:audio/flac;base64,"
    assert uri.startswith(start)
    samples, rate = soundfile.read(BytesIO(base64.b64decode(uri.removeprefix(start))), dtype="float32")
    assert rate == 22050
    return samples


def test_pairs_are_left_out_where_the_page_would_grow_too_large(results, leaderboard, root, monkeypatch):
    whole = write_report(results, leaderboard, root).read_text(encoding="utf-8")
    assert whole.count("<article") == report.PAIRS_TO_HEAR
    monkeypatch.setattr(report, "EMBEDDED_BYTES", 1)
    assert write_report(results, leaderboard, root).read_text(encoding="utf-8").count("<article") == 1


def test_the_same_run_gives_the_same_bytes(results, leaderboard, root, page):
    assert write_report(results, leaderboard, root).read_text(encoding="utf-8") == page


def test_an_output_that_was_deleted_is_left_out(results, leaderboard, root, page):
    output = root / f"outputs/ulyanov/{results.suite.pairs[0].pair_id}.flac"
    kept = output.read_bytes()
    output.unlink()
    try:
        spoilt = write_report(results, leaderboard, root).read_text(encoding="utf-8")
    finally:
        output.write_bytes(kept)
    assert spoilt.count("<audio") == page.count("<audio") - 1


class TestInBrowser:
    @pytest.fixture
    def dom(self, page, tmp_path):
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None:
            pytest.skip("no chromium is installed: the page's script is not tried")

        def dom(script=""):
            path = tmp_path / "report.html"
            path.write_text(page.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
            options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"]
            quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
            media = ["--autoplay-policy=no-user-gesture-required", "--virtual-time-budget=10000"]
            profile = f"--user-data-dir={tmp_path}"
            command = [chromium, *options, *quiet, *media, profile, "--dump-dom", path.as_uri()]
            return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

        return dom

    def test_a_heading_sorts_methods_and_controls_apart(self, dom):
        before = dom()
        assert 'data-ready="sortable"' in before
        assert self.order(before)[:2] == ["ulyanov", "ulyanov-long"]
        header = "document.querySelectorAll('.leaderboard thead th')[1]"
        after = dom(f"{header}.querySelector('button').click(); {header}.querySelector('button').click();")
        assert 'aria-sort="descending" data-first="ascending"' in after
        controls = ["style-copy", "silence", "reference", "noise", "identity"]
        assert self.order(after) == ["ulyanov-long", "ulyanov", "broken", *controls]

    def test_starting_a_player_pauses_the_one_before(self, dom):
        script = """
            const [first, second] = document.querySelectorAll("audio");
            first.play().then(() => second.play()).then(() => {
              document.documentElement.dataset.paused = [first.paused, second.paused, second.duration];
            });
        """
        assert 'data-paused="true,false,1"' in dom(script)

    def order(self, dom):
        return re.findall(r'scope="row" class="method" data-value="([^"]+)"', dom)


class TestSpectrogram:
    RATE = 22050

    def tone(self, frequency, level=0.5):
        return (level * np.sin(2 * np.pi * frequency * np.arange(self.RATE) / self.RATE)).astype(np.float32)

    def brightness(self, samples):
        """Return the mean of the colours in the middle of the clip for each band, top first."""
        image = imread(BytesIO(spectrogram_image(samples, self.RATE)))
        return image[:, 10:-10, :3].mean(axis=(1, 2))

    def test_a_higher_tone_stands_higher(self):
        rows = [int(np.argmax(self.brightness(self.tone(frequency)))) for frequency in (220, 880, 3520)]
        assert rows[0] > rows[1] > rows[2]

    def test_a_louder_tone_is_brighter_in_the_same_place(self):
        soft, loud = self.brightness(self.tone(880, 0.002)), self.brightness(self.tone(880, 0.02))
        assert np.argmax(soft) == np.argmax(loud)
        assert soft.max() < loud.max()

    def test_silence_is_black(self):
        assert self.brightness(np.zeros(self.RATE, np.float32)).max() < 0.01


class TestPlane:
    def point(self, label, style, content):
        interval = (style - 0.1, style + 0.1), (content - 0.1, content + 0.1)
        return Point(label, style, content, *interval, is_control=False)

    def test_what_was_not_measured_is_left_out(self):
        points = [self.point("one", 0.5, 0.5), self.point("two", np.nan, 0.5)]
        svg = style_content_plane(points, x_label="style", y_label="content").decode()
        assert ">one<" in svg
        assert ">two<" not in svg

    def test_ink_follows_the_page(self):
        svg = style_content_plane([self.point("one", 0.5, 0.5)], x_label="style", y_label="content").decode()
        colours = set(re.findall(r"(?:fill|stroke): (#\w+)", svg))
        assert colours == set()
        assert {"currentColor", "var(--accent, #2563eb)"} <= set(
            re.findall(r"(?:fill|stroke): ([^;\"]+)", svg)
        )

    def test_labels_keep_apart_where_points_fall_together(self):
        points = [self.point(name, 0.5, 0.5) for name in ("one", "two", "three")]
        svg = style_content_plane(points, x_label="style", y_label="content").decode()
        places = re.findall(r'text-anchor: (\w+)[^>]* y="([\d.]+)"[^>]*>(?:one|two|three)<', svg)
        assert len(places) == len(set(places)) == 3
