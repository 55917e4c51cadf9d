"""The public leaderboard: the same entries give the same bytes, and strangers' words are only shown."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from timbrebench.core.errors import RunError
from timbrebench.experiments.site.site_building import build_site

ROOT = Path(__file__).resolve().parents[3]
SUITE = "instruments-6-1"

INJECTED = "<script>alert(1)</script>"
HOSTILE = {
    "summary": f"{INJECTED} {{{{ 7 * 7 }}}}",
    "training_data": '"><img src=x onerror=alert(2)>',
    "licence": "=HYPERLINK(1)",
    "hardware": "</style></title><svg onload=alert(3)>",
    "contact": "javascript:alert(4)",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Three entries, the last with a hostile card and without audio."""
    results = tmp_path_factory.mktemp("entered") / "results"
    for name in ("clips", "envelope", "templates", "wct"):
        shutil.copytree(ROOT / "results" / SUITE / name, results / SUITE / name)
    card = results / SUITE / "wct" / "card.yaml"
    lines = [
        line for line in card.read_text(encoding="utf-8").splitlines() if line.split(":")[0] not in HOSTILE
    ]
    lines = [line for line in lines if not line.startswith("code:")]
    lines += [f"{name}: {json.dumps(text)}" for name, text in HOSTILE.items()]
    card.write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.rmtree(card.parent / "audio")
    return results


@pytest.fixture(scope="module")
def site(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "site & more"
    build_site(results, folder)
    return folder


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_entries_give_the_same_bytes(results, site, tmp_path):
    build_site(results, tmp_path)
    assert content(tmp_path) == content(site)


def test_addresses_are_those_that_are_promised(site):
    names = {path.as_posix() for path in content(site)}
    pages = [f"{SUITE}/{name}" for name in ("leaderboard", "envelope", "templates", "wct")]
    tables = {f"{page}{end}" for page in pages for end in (".csv", ".json")}
    assert {"index.html", "results.json", f"{SUITE}/index.html", f"{SUITE}/wct.html"} | tables <= names
    assert sum(name.startswith(f"{SUITE}/clips/") for name in names) == 15
    assert sum(name.startswith(f"{SUITE}/envelope/") for name in names) == 5
    assert not any(name.startswith(f"{SUITE}/wct/") for name in names)


def test_tables_hold_what_pages_show(site):
    described = json.loads((site / SUITE / "leaderboard.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader((site / SUITE / "leaderboard.csv").open(encoding="utf-8")))
    assert [row["method"] for row in rows[:3]] == [method["method"] for method in described["methods"]]
    assert described["methods"][0]["method"] == "templates"
    best = described["methods"][0]["figures"]["headline"]
    assert float(rows[0]["headline"]) == pytest.approx(best["value"])
    assert best["low"] <= best["value"] <= best["high"]
    assert rows[0]["learned_from"] == "this timbre"
    page = (site / SUITE / "index.html").read_text(encoding="utf-8")
    assert f'<span class="mean">{best["value"]:.2f}</span>' in page
    outputs = list(csv.DictReader((site / SUITE / "wct.csv").open(encoding="utf-8")))
    assert len(outputs) == described["pairs"]
    entry = json.loads((site / SUITE / "wct.json").read_text(encoding="utf-8"))
    assert set(entry["matrix"]) == set(entry["matrix"]["piano"])


def test_hostile_words_are_shown_and_nothing_more(site):
    page = (site / SUITE / "wct.html").read_text(encoding="utf-8")
    for text in ("<script>alert", "<img", "<svg onload", "onerror=alert(2)>\n", ' href="javascript'):
        assert text not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 * 7 }}" in page
    assert "&lt;img src=x" in page
    cells = next(csv.DictReader((site / SUITE / "leaderboard.csv").open(encoding="utf-8")))
    assert cells["method"] == "templates"
    assert "'=HYPERLINK(1)" in (site / SUITE / "leaderboard.csv").read_text(encoding="utf-8")


def test_every_page_forbids_what_it_does_not_need(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 5
    for path in pages:
        page = path.read_text(encoding="utf-8")
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
        assert policy.startswith("default-src 'none'; ")
        script = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert re.fullmatch(r"script-src &#39;sha256-[\w+/=]{44}&#39;", script)
        assert page.count("<script") == 1
        assert " onclick=" not in page
        addresses = re.findall(r' (?:href|src)="([^"]+)"', page)
        for address in addresses:
            if not address.startswith(("https://", "data:", "#")):
                assert (path.parent / address).resolve().is_file(), f"{path.name}: {address}"


def test_an_entry_that_does_not_hold_stops_it(results, tmp_path):
    spoilt = shutil.copytree(results, tmp_path / "results")
    (spoilt / SUITE / "envelope" / "submission.zip").write_bytes(b"PK")
    with pytest.raises(RunError, match=r"envelope: .*cannot be read as a submission"):
        build_site(spoilt, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_in_a_browser_it_sorts_filters_and_plays(browser, site):
    """One page at a time, in one browser, as from the file system."""
    complaints, requests = [], []
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))

    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name=SUITE).first.click()
    shown = "rows => rows.filter((row) => !row.hidden).map((row) => row.querySelector('th').dataset.value)"
    rows = page.locator("#leaderboard .methods tr")
    assert rows.evaluate_all(shown) == ["templates", "wct", "envelope"]

    page.locator("#leaderboard thead .headline button").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert rows.evaluate_all(shown) == ["envelope", "wct", "templates"]
    assert page.locator('#leaderboard th[aria-sort="ascending"]').inner_text().startswith("Headline")

    page.get_by_label("this timbre").uncheck()
    assert rows.evaluate_all(shown) == ["envelope", "wct"]
    assert page.get_by_role("status").inner_text() == "2 of 3 methods"
    page.get_by_label("open only").focus()
    page.keyboard.press("Space")
    assert rows.evaluate_all(shown) == ["envelope"]
    assert page.locator("#leaderboard .methods tr:visible .rank").inner_text().strip().startswith(("2", "3"))

    page.get_by_role("link", name="envelope").first.click()
    players = page.locator("audio")
    assert players.count() == 20
    assert players.first.evaluate(
        """async (audio) => {
          audio.load();
          await new Promise((done, fail) => Object.assign(audio, { oncanplay: done, onerror: fail }));
          return audio.duration;
        }"""
    ) == pytest.approx(3, abs=0.1)

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": 375, "height": 812})
        for address in ("index.html", f"{SUITE}/index.html", f"{SUITE}/wct.html", f"{SUITE}/templates.html"):
            page.goto((site / address).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 375, address
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(20, 23, 26)") == (scheme == "dark")
    assert complaints == []
    assert all(url.startswith(("file://", "data:")) for url in requests)
