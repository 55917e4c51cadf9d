"""A whole test in a browser: listeners with known preferences take it to its end, and these come out."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from timbrebench.experiments.benchmark import read_results
from timbrebench.experiments.commands.cli import app
from timbrebench.experiments.listening.listening_kinds import kind_of
from timbrebench.experiments.listening.listening_making import make_listening_test
from timbrebench.experiments.listening.listening_reading import read_listening_test
from timbrebench.experiments.listening.listening_test import PAGE, PAGE_FOLDER
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.report.leaderboard_tables import leaderboard_columns

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 812}

#: What a listener thinks of each condition, by question: 0 to 100.
PREFERENCES = {
    "style": {"reference": 98, "style-copy": 95, "ulyanov": 70, "noise": 20, "identity": 5, "low-pass": 60},
    "content": {"reference": 98, "identity": 96, "ulyanov": 30, "noise": 60, "style-copy": 5, "low-pass": 80},
    "quality": {
        "reference": 98,
        "identity": 95,
        "ulyanov": 50,
        "noise": 10,
        "style-copy": 94,
        "low-pass": 40,
    },
}

#: Listen to every sound of the page that is shown, give it the mark that belongs to it, and go on.
ANSWER = """
    async (marks) => {
      const { order } = current;
      for (const name of order) {
        document.getElementById(`play-${name}`).click();
        while (player.playing?.name !== name) await new Promise((go) => setTimeout(go, 5));
        if (test.kind !== "mushra") continue;
        const slider = document.getElementById(`answer-${name}`);
        slider.value = String(marks[name]);
        slider.dispatchEvent(new Event("input"));
      }
      const best = order.reduce((one, other) => (marks[one] >= marks[other] ? one : other));
      if (test.kind === "abx") document.getElementById(`answer-${best}`).click();
      if (test.kind === "mos") document.querySelectorAll("input")[Math.round(marks[best] / 25)].click();
      document.getElementById("next").click();
    }
"""

NAMELESS = """
    [...document.querySelectorAll("button, input, a")]
      .filter((one) => !(one.getAttribute("aria-label") || one.innerText || one.labels?.length))
      .map((one) => one.outerHTML)
"""


class Listener:
    """Takes the test in a browser of its own, with marks that differ a little from the preferences."""

    def __init__(self, made, page, name, shift):
        self.made, self.page, self.shift = made, page, shift
        page.goto((made.folder / PAGE_FOLDER / PAGE).as_uri())
        page.fill("#listener", name)
        page.click("button[type=submit]")

    def marks(self):
        """Return what the listener gives each stimulus of the page that is shown."""
        name = self.page.evaluate("current.page.page")
        if name not in self.made.key.pages:  # of the training, where every sound may get the same
            return dict.fromkeys(self.page.evaluate("current.order"), 50)
        page = self.made.key.pages[name]
        wobble = int(name, 16) % 3
        return {
            stimulus: min(100, max(0, PREFERENCES[page.question][of] + self.shift * wobble))
            for stimulus, of in page.stimuli.items()
        }

    def train(self):
        self.page.click(".next")
        for _ in self.made.test.training:
            self.answer()

    def answer(self):
        self.page.evaluate(ANSWER, self.marks())

    def finish(self):
        while not self.page.locator("#save").count():
            self.answer()

    def save(self, folder):
        with self.page.expect_download() as download:
            self.page.click("#save")
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path


@pytest.fixture
def visit(browser):
    """Open windows with storage of their own; whatever goes wrong there fails the test."""
    complaints, requests = [], []

    def window(**settings):
        context = browser.new_context(**{"viewport": DESK, **settings})
        context.set_default_timeout(60_000)
        context.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        context.on("weberror", lambda error: complaints.append(f"error: {error.error}"))
        context.on("request", lambda request: requests.append(request.url))
        return context

    yield window
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file://", "data:", "blob:"))] == []


def take_by_hand(listening, context, folder):
    """Take the test with mouse and keys, and close the tab in the middle of it."""
    first = Listener(listening, context.new_page(), "L-1", shift=1)
    page = first.page
    assert page.evaluate(NAMELESS) == []
    first.train()
    assert page.locator("#place").inner_text().startswith("Page 1 of 6")
    page.click("#next")
    assert page.locator(".problem").inner_text() == "Listen to sound 1 first."
    page.keyboard.press("1")
    page.wait_for_timeout(250)
    place = page.evaluate("player.place")
    assert place > 0.1
    page.keyboard.press("2")
    page.wait_for_timeout(50)
    names = page.evaluate("current.order")
    assert page.evaluate("player.playing.name") == names[1]
    assert page.evaluate("player.place") > place  # it goes on where the first one was
    assert page.locator(".play[aria-pressed=true]").count() == 1
    slider = page.locator("input[type=range]").first
    slider.focus()
    page.keyboard.press("End")
    page.wait_for_timeout(20)
    assert slider.get_attribute("aria-valuetext") == "100, excellent"
    first.answer()
    first.answer()
    order = page.evaluate("orderedPages(test.pages, 'L-1').map((page) => page.page)")
    page.close()
    again = Listener(listening, context.new_page(), "L-1", shift=1)
    assert again.page.locator("#place").inner_text().startswith("Page 3 of 6")
    assert again.page.evaluate("orderedPages(test.pages, 'L-1').map((page) => page.page)") == order
    again.finish()
    path = again.save(folder)
    assert [page["page"] for page in json.loads(path.read_text())["pages"]] == order
    return path, order


def take_on_a_phone(listening, context, folder):
    second = Listener(listening, context.new_page(), "L-2", shift=-1)
    second.train()
    page = second.page
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    assert page.evaluate(NAMELESS) == []
    order = page.evaluate("orderedPages(test.pages, 'L-2').map((page) => page.page)")
    second.finish()
    return second.save(folder), order


def take_deaf(listening, context, folder):
    third = Listener(listening, context.new_page(), "L-3", shift=0)
    third.marks = lambda: {
        name: 30 + place for place, name in enumerate(third.page.evaluate("current.order"))
    }
    third.train()
    third.finish()
    return third.save(folder)


def test_known_preferences_come_out(listening, run, visit, tmp_path):
    first, order = take_by_hand(listening, visit(), tmp_path)
    second, other = take_on_a_phone(listening, visit(viewport=PHONE, color_scheme="dark"), tmp_path)
    assert sorted(order) == sorted(other)
    assert order != other
    third = take_deaf(listening, visit(), tmp_path)
    fourth = tmp_path / "edited.json"
    fourth.write_text(second.read_text().replace('"L-2"', '"L-4"'))

    moved = shutil.copytree(run.root, tmp_path / "run")
    folder = shutil.copytree(listening.folder, tmp_path / "test")
    files = [str(path) for path in (first, second, third, fourth)]
    result = CliRunner().invoke(app, ["listen", "read", str(folder), *files, "--run", str(moved)])
    assert result.exit_code == 0, result.output
    assert "left out: edited.json: it was edited or damaged" in result.output
    assert "excluded: listener L-3 gave what is right less than 90 in 100 % of the items" in result.output
    assert "2 listeners count, of 4 files" in result.output
    assert sorted(path.name for path in (folder / "results").glob("ratings.*")) == [
        "ratings.png",
        "ratings.svg",
    ]

    results = read_results(moved)
    table = make_leaderboard(results).table.set_index("method")
    for question, preferences in PREFERENCES.items():
        for method in ("ulyanov", "noise", "reference", "identity"):
            assert table.loc[method, f"listeners_{question}"] == pytest.approx(preferences[method], abs=3)
            assert table.loc[method, f"listeners_{question}_n"] == 2
        assert table.loc["silence", f"listeners_{question}_n"] == 0
    assert "listeners_style" in [column.name for column in leaderboard_columns(results, table.reset_index())]
    assert [name for name in run.leaderboard.table if "listeners" in name] == []
    metrics = (folder / "results/metrics.csv").read_text(encoding="utf-8")
    assert metrics.startswith("question,metric,direction,outputs,spearman,low,high")


@pytest.mark.parametrize("kind", ["mos", "abx"])
def test_the_other_kinds_come_to_their_end(run, visit, tmp_path, kind):
    made = make_listening_test(
        run.results,
        run.root,
        tmp_path / "test",
        kind=kind_of(kind),
        methods=("ulyanov", "noise"),
        pairs=1,
        seed=0,
    )
    listener = Listener(made, visit().new_page(), "7", shift=0)
    listener.page.click(".next")
    listener.page.click("#next")
    assert listener.page.locator(".problem").inner_text().startswith("Listen to sound")
    assert listener.page.evaluate(NAMELESS) == []
    while listener.page.evaluate("!current || !(session.heard_training)"):
        listener.answer()
    listener.finish()
    test = read_listening_test(made.key, [listener.save(tmp_path)])
    assert len(test.excluded) == 0
    means = test.findings.means.set_index(["question", "condition"])["mean"]
    assert means["style", "ulyanov"] > means["style", "noise"]
    assert means["content", "ulyanov"] < means["content", "noise"]
