"""In a browser the pages sort, play and switch, on a desk and on a phone, and ask nobody for anything."""

from __future__ import annotations

import time

import numpy as np
import pytest

from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.pair_pages import write_pair_pages
from timbrebench.experiments.report.report_page import write_page

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 812}

#: Seconds by which a browser may start before the position that was set: a frame of FLAC at most.
SEEKING = 0.1

#: What plays: title and position of the clips that are playing.
PLAYING = """
    [...document.querySelectorAll(".clip")]
      .filter((clip) => clip.querySelector("audio") && !clip.querySelector("audio").paused)
      .filter((clip) => !clip.querySelector("audio").muted)
      .map((clip) => [clip.dataset.title, clip.querySelector("audio").currentTime])
"""


#: Whatever speed a page asks for, a fifth of it: a busy machine that asks late where a clip is
#: still finds it near where it started.
SLOWLY = """
    const speed = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "playbackRate");
    Object.defineProperty(HTMLMediaElement.prototype, "playbackRate", {
      ...speed, set(asked) { speed.set.call(this, asked / 5) },
    });
"""


@pytest.fixture
def visit(browser):
    """Open a page as from the file system; whatever goes wrong there fails the test."""
    complaints, requests, contexts = [], [], []

    def visit(path, viewport=DESK, **settings):
        context = browser.new_context(viewport=viewport, **settings)
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        return page

    visit.complaints, visit.requests = complaints, requests
    yield visit
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file://", "data:"))] == []


@pytest.fixture
def pair_path(written, results):
    return written.parent / "pairs" / f"{results.suite.pairs[0].pair_id}.html"


def listen(page, title):
    """Click a clip's heading in the first pair of the page."""
    page.locator(f'.pair >> nth=0 >> .clip[data-title="{title}"] .listen').click()


def until(page, wanted):
    """Wait until what is playing is as it should be, and return it."""
    # Asked from here: the pages' own policy keeps a browser from waiting by itself.
    deadline = time.monotonic() + 60
    while not wanted(playing := page.evaluate(PLAYING)):
        assert time.monotonic() < deadline, f"playing: {playing}"
        page.wait_for_timeout(20)
    return playing


def hears(page, title, beyond=0.0):
    """Wait until a clip, and no other, is playing beyond a position, and return its position."""
    playing = until(page, lambda playing: [name for name, at in playing if at > beyond] == [title])
    assert len(playing) == 1
    return playing[0][1]


def later(position, start):
    """Seconds from one position of a clip that repeats every second to another; half of it back at most."""
    return (position - start + 0.5) % 1 - 0.5


class TestTables:
    ORDER = """
        (id) => [...document.querySelectorAll(`${id} tbody tr:not(.group) > [scope=row]`)]
          .map((cell) => cell.dataset.value)
    """

    def test_a_heading_sorts_methods_and_controls_apart(self, visit, written):
        page = visit(written)
        assert page.evaluate(self.ORDER, "#leaderboard")[:2] == ["ulyanov", "ulyanov-long"]
        page.get_by_role("button", name="Method").first.click()
        page.get_by_role("button", name="Method").first.click()
        controls = ["style-copy", "silence", "reference", "noise", "identity"]
        assert page.evaluate(self.ORDER, "#leaderboard") == ["ulyanov-long", "ulyanov", "broken", *controls]
        assert page.locator('#leaderboard th[aria-sort="descending"]').count() == 1

    def test_what_has_no_figure_stands_last_either_way(self, visit, written):
        page = visit(written)
        heading = page.locator("#leaderboard thead button", has_text="headline")
        for best in ("reference", "identity"):
            heading.click()
            controls = page.evaluate(self.ORDER, "#leaderboard")[3:]
            assert controls[-1] == "silence"
            assert (controls[0] == "reference") == (best == "reference")

    def test_the_keyboard_sorts(self, visit, written):
        page = visit(written)
        page.locator("#pairs thead th:nth-child(3) button").focus()
        page.keyboard.press("Enter")
        styles = page.locator("#pairs tbody td:nth-child(3)").all_inner_texts()
        assert styles == sorted(styles)
        page.keyboard.press("Enter")
        assert page.locator("#pairs tbody td:nth-child(3)").all_inner_texts() == sorted(styles, reverse=True)

    def test_speed_is_sorted_by_figures_not_by_letters(self, visit, written):
        page = visit(written)
        page.locator("#speed thead button", has_text="seconds").click()
        seconds = page.locator("#speed tbody td:nth-child(2)").evaluate_all(
            "cells => cells.map((cell) => Number(cell.dataset.value))"
        )
        assert seconds == sorted(seconds, reverse=True)


class TestPlayers:
    @pytest.fixture(params=["report", "pair"])
    def page(self, request, visit, written, pair_path):
        page = visit(written if request.param == "report" else pair_path)
        page.evaluate(SLOWLY)
        return page

    def test_another_clip_goes_on_where_the_one_before_was(self, page):
        listen(page, "Content")
        position = hears(page, "Content", beyond=0.3)
        listen(page, "ulyanov")
        after = hears(page, "ulyanov")
        assert -SEEKING < later(after, position) < 0.4

    def test_a_key_switches_between_the_last_two(self, page):
        listen(page, "Reference")
        hears(page, "Reference", beyond=0.1)
        listen(page, "noise")
        hears(page, "noise")
        page.keyboard.press("x")
        hears(page, "Reference")
        page.locator(".pair >> nth=0 >> .back").click()
        hears(page, "noise")
        assert "back to Reference" in page.locator(".back").first.inner_text()

    def test_the_key_switches_after_the_mouse_has_chosen_by_spectrogram(self, page):
        for title in ("Content", "ulyanov"):
            page.locator(f'.clip[data-title="{title}"] .spectrogram').first.click()
            hears(page, title)
        page.keyboard.press("x")
        hears(page, "Content")

    def test_pause_keeps_the_position_and_play_goes_on(self, page):
        listen(page, "Content")
        hears(page, "Content", beyond=0.2)
        play = page.locator(".pair >> nth=0 >> .play")
        play.press("Space")
        assert page.evaluate(PLAYING) == []
        stopped = float(page.locator(".seek").first.input_value())
        assert 0.15 < stopped < 1
        play.press("Space")
        position = hears(page, "Content")
        assert -SEEKING < later(position, stopped) < 0.4

    def test_the_slider_and_the_spectrogram_set_the_position(self, page):
        page.locator(".seek").first.fill("0.6")
        listen(page, "Style")
        position = hears(page, "Style")
        assert 0.55 < position < 1
        page.locator(".pair >> nth=0 >> .play").click()
        box = page.locator('.clip[data-title="ulyanov"] .spectrogram').first.bounding_box()
        page.locator('.clip[data-title="ulyanov"] .spectrogram').first.click(
            position={"x": box["width"] / 4, "y": box["height"] / 2}
        )
        assert 0.2 < hears(page, "ulyanov") < 0.7

    def test_every_position_can_be_gone_to(self, page):
        """Chromium's own way of seeking fails in the last half second of a FLAC file."""
        for position in np.arange(0.45, 1, 0.1):
            listen(page, "Content")
            page.locator(".seek").first.fill(f"{position:.2f}")
            reached = hears(page, "Content", beyond=position - 0.02)
            assert reached < position + 0.4
            listen(page, "Content")

    def test_it_repeats_until_that_is_switched_off(self, page):
        page.locator(".seek").first.fill("0.9")
        listen(page, "Content")
        until(page, lambda playing: playing and playing[0][1] < 0.5)
        page.locator(".loop").first.uncheck()
        until(page, lambda playing: playing == [])
        assert float(page.locator(".seek").first.input_value()) == 0
        assert page.locator(".play").first.get_attribute("aria-label") == "Play"


def test_starting_a_pair_pauses_the_others(visit, written):
    page = visit(written)
    listen(page, "Content")
    hears(page, "Content")
    page.locator(".pair").nth(1).locator(".listen").nth(1).click()
    hears(page, "Style")


def test_the_report_loads_nothing_but_itself(visit, written):
    page = visit(written)
    page.wait_for_load_state("networkidle")
    assert [url for url in visit.requests if not url.startswith("data:")] == [written.as_uri()]


def test_a_pair_s_page_loads_the_run_s_files_wherever_the_run_lies(visit, moved, results):
    page = visit(moved / "pairs" / f"{results.suite.pairs[0].pair_id}.html")
    listen(page, "ulyanov")
    hears(page, "ulyanov", beyond=0.1)
    files = [url for url in visit.requests if url.startswith("file:")]
    assert len(files) > 10
    assert all(url.startswith(moved.as_uri()) for url in files)
    assert page.locator("img").evaluate_all("images => images.every((image) => image.naturalWidth > 0)")


def test_links_lead_to_the_pairs_and_back(visit, written, results):
    page = visit(written)
    page.locator("#pairs tbody a").first.click()
    page.get_by_role("link", name="Next pair").click()
    assert results.suite.pairs[1].pair_id in page.title()
    page.get_by_role("link", name="a small run").click()
    assert page.url == f"{written.as_uri()}#pairs"


def test_a_file_that_was_lost_since_is_said_and_the_others_play(visit, moved, results):
    pair = results.suite.pairs[0].pair_id
    (moved / f"outputs/ulyanov/{pair}.flac").unlink()
    page = visit(moved / "pairs" / f"{pair}.html")
    card = page.locator('.clip[data-title="ulyanov"]')
    card.get_by_text("is missing").wait_for()
    assert f"the file outputs/ulyanov/{pair}.flac" in card.inner_text()
    assert card.locator(".listen").is_disabled()
    listen(page, "noise")
    hears(page, "noise")
    assert all("ERR_FILE_NOT_FOUND" in complaint for complaint in visit.complaints)
    visit.complaints.clear()


def test_an_evil_name_does_nothing_but_stand_there(visit, evil, injected):
    root, results = evil
    contents = Contents.of(results, make_leaderboard(results))
    write_pair_pages(contents, root)
    page = visit(write_page(contents, root), viewport=PHONE)
    assert page.locator("#leaderboard th[scope=row]", has_text=injected).count() == 1
    assert width(page) <= PHONE["width"]
    page.goto((root / "pairs" / f"{results.suite.pairs[0].pair_id}.html").as_uri())
    page.locator(".listen", has_text=injected).click()
    hears(page, injected)
    assert width(page) <= PHONE["width"]


def width(page):
    return page.evaluate("document.documentElement.scrollWidth")


CONTRASTS = """
    () => {
      const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
      // Of colours one over the other, as some can be seen through.
      const luminance = (colours) => {
        for (const colour of colours) {
          canvas.fillStyle = colour;
          canvas.fillRect(0, 0, 1, 1);
        }
        const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((byte) => {
          const part = byte / 255;
          return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
      };
      const behind = (element) =>
        element ? [...behind(element.parentElement), getComputedStyle(element).backgroundColor] : [];
      const opacity = (element) =>
        element ? opacity(element.parentElement) * Number(getComputedStyle(element).opacity) : 1;
      const ink = (element) => {
        if (!element.closest("svg")) return getComputedStyle(element).color;
        const seen = Math.round(100 * opacity(element));
        return `color-mix(in srgb, ${getComputedStyle(element).fill} ${seen}%, transparent)`;
      };
      const names = "p, td, th, small, h1, h2, h3, h4, a, button, label, dd, dt, figcaption, svg text";
      const shown = [...document.querySelectorAll(names)]
        .filter((element) => element.checkVisibility() && element.textContent.trim() && !element.disabled);
      return shown.map((element) => {
        const ground = behind(element);
        const pair = [luminance([...ground, ink(element)]), luminance(ground)];
        return [(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), element.outerHTML.slice(0, 80)];
      });
    }
"""


#: Cells of all colours that there are.
SHARES = """
    document.querySelectorAll(".confusion td[style]").forEach((cell, number, cells) => {
      cell.style.setProperty("--share", number / (cells.length - 1));
    })
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_in_dark(visit, written, pair_path, scheme):
    """By WCAG 2.1, a ratio of 4.5 for text."""
    for path in (written, pair_path):
        page = visit(path, color_scheme=scheme)
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
        assert dark == (scheme == "dark")
        page.evaluate(SHARES)
        assert [text for ratio, text in page.evaluate(CONTRASTS) if ratio < 4.5] == []


def test_a_phone_scrolls_tables_and_not_the_page(visit, written, pair_path):
    for path in (written, pair_path):
        page = visit(path, viewport=PHONE)
        assert width(page) <= PHONE["width"]
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert width(page) <= PHONE["width"]
        scrolled = page.locator(".scroll").evaluate_all(
            "all => all.filter((one) => one.scrollWidth > one.clientWidth)"
        )
        assert scrolled


def test_every_control_has_a_name_and_shows_its_focus(visit, written, pair_path):
    for path in (written, pair_path):
        page = visit(path)
        nameless = """
            all => all
              .filter((one) => !(one.getAttribute("aria-label") || one.innerText || one.closest("label")))
              .map((one) => one.outerHTML)
        """
        assert (
            page.locator("button, input, a, [tabindex]:not([aria-labelledby])").evaluate_all(nameless) == []
        )
        outlines = []
        for _ in range(12):
            page.keyboard.press("Tab")
            outlines.append(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
        assert set(outlines) <= {"solid", "auto"}


def test_without_scripts_the_browser_s_own_players_are_there(visit, pair_path):
    page = visit(pair_path, java_script_enabled=False)
    assert page.locator("audio").first.is_visible()
    assert page.locator(".transport").is_hidden()
