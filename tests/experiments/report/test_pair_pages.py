"""Each pair has a page that plays the run's own files."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote

import pandas as pd
import pytest

from timbrebench.core.files import write_text
from timbrebench.core.workers.executors import LocalExecutor
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.report import pair_pages
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.pair_pages import page_name, write_pair_pages
from timbrebench.experiments.report.report_page import write_page


def write_pages(results, leaderboard, root):
    write_pair_pages(Contents.of(results, leaderboard), root)


@pytest.fixture
def pair_page(written, results):
    return (written.parent / "pairs" / f"{results.suite.pairs[1].pair_id}.html").read_text(encoding="utf-8")


def sources(elements, page):
    return [unquote(one["src"]) for tag in ("audio", "img") for one in elements(page).of(tag)]


def test_every_pair_has_a_page_whose_files_are_there(written, results, elements):
    folder = written.parent / "pairs"
    assert {path.name for path in folder.glob("*.html")} == {
        f"{one.pair_id}.html" for one in results.suite.pairs
    }
    for path in folder.glob("*.html"):
        addresses = sources(elements, path.read_text(encoding="utf-8"))
        assert len(addresses) >= 2 * 8
        assert all((folder / source).is_file() for source in addresses)


def test_a_page_holds_given_clips_methods_and_controls_in_the_order_of_the_leaderboard(
    pair_page, leaderboard
):
    titles = re.findall(r'class="clip" data-title="([^"]+)"', pair_page)
    assert titles == ["Content", "Style", "Reference", *leaderboard.table.method]


def test_a_failure_has_its_reason_in_its_place(pair_page):
    card = pair_page[pair_page.index('data-title="broken"') :]
    card = card[: card.index("</li>")]
    assert "Nothing to hear: failed: ValueError: &lt;script&gt;" in card
    assert "<audio" not in card


def test_every_score_of_every_output_is_there(pair_page, results):
    rows = re.findall(r'<tr>\s*<th scope="row">(.*?)</th>(.*?)</tr>', pair_page, re.DOTALL)
    metrics = {re.sub(r"<wbr>|<span.*", "", name).strip(): cells for name, cells in rows if "<wbr>" in name}
    assert set(metrics) == {name for name in results.configuration.metrics if "_" in name}
    assert metrics["note_f1"].count("<td") == len(results.labels)
    assert ">0.96</td>" in metrics["note_f1"]


def test_images_are_drawn_once(at, leaderboard, moved):
    images = {path: path.stat().st_mtime_ns for path in (moved / "pairs/spectrograms").glob("*.png")}
    lost = next(iter(images))
    lost.unlink()
    write_pages(at(moved), leaderboard, moved)
    again = {path: path.stat().st_mtime_ns for path in images}
    assert again.pop(lost) > images.pop(lost)
    assert again == images


def test_pages_that_are_written_by_other_processes_are_the_same(at, leaderboard, moved, monkeypatch):
    folder = moved / "pairs"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in before:
        path.unlink()
    monkeypatch.setattr(pair_pages, "_IMAGE_S", 60.0)  # too long for this process
    with LocalExecutor([], workers=1) as executor:
        write_pair_pages(Contents.of(at(moved), leaderboard), moved, executor)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_an_image_follows_its_audio(at, leaderboard, moved, results):
    pair = results.suite.pairs[0].pair_id
    page = moved / "pairs" / f"{pair}.html"
    before = page.read_text(encoding="utf-8")
    first, second = (moved / f"outputs/{label}/{pair}.flac" for label in ("ulyanov", "noise"))
    first.write_bytes(second.read_bytes())
    write_pages(at(moved), leaderboard, moved)
    after = page.read_text(encoding="utf-8")
    assert image_of("ulyanov", before) != image_of("noise", before)
    assert image_of("ulyanov", after) == image_of("noise", after) == image_of("noise", before)


def image_of(label, page):
    return re.search(rf'data-title="{label}".*?<img src="([^"]+)"', page, re.DOTALL)[1]


def test_pages_and_images_that_belong_to_no_pair_are_removed(at, leaderboard, moved):
    stale = [
        moved / "pairs/999-x-y.html",
        moved / "pairs/spectrograms/0123.png",
        moved / "pairs/.part-1.html",
    ]
    for path in stale:
        write_text(path, "left by an earlier report")
    other = moved / "pairs/notes.txt"
    write_text(other, "somebody's")
    write_pages(at(moved), leaderboard, moved)
    assert not any(path.exists() for path in stale)
    assert other.exists()


def test_spectrograms_of_audio_that_is_gone_are_kept(at, leaderboard, moved):
    folder = moved / "pairs/spectrograms"
    images = set(folder.iterdir())
    for path in (moved / "outputs").rglob("*.flac"):
        path.unlink()
    write_pages(at(moved), leaderboard, moved)
    assert set(folder.iterdir()) == images


def test_a_missing_clip_and_a_missing_output_are_said(at, leaderboard, moved, results):
    pair = results.suite.pairs[0]
    (moved / "dataset" / pair.style.path).unlink()
    (moved / f"outputs/ulyanov/{pair.pair_id}.flac").unlink()
    write_pages(at(moved), leaderboard, moved)
    page = (moved / "pairs" / f"{pair.pair_id}.html").read_text(encoding="utf-8")
    assert f"Nothing to hear: the file dataset/{pair.style.path} is missing" in page
    assert f"Nothing to hear: the file outputs/ulyanov/{pair.pair_id}.flac is missing" in page


def test_a_pair_without_a_right_answer_has_no_reference(at, leaderboard, moved):
    complete = at(moved)
    pairs = tuple(replace(pair, reference=None) for pair in complete.suite.pairs)
    write_pages(replace(complete, suite=replace(complete.suite, pairs=pairs)), leaderboard, moved)
    page = (moved / "pairs" / f"{pairs[0].pair_id}.html").read_text(encoding="utf-8")
    assert 'data-title="Reference"' not in page
    assert 'data-title="reference"' in page


def test_pages_refer_to_clips_outside_the_folder(results, leaderboard, moved, at, elements):
    elsewhere = moved.parent / "elsewhere"
    (moved / "dataset").rename(elsewhere)
    (moved / "dataset").mkdir()
    for name in ("dataset.json", "manifest.csv"):
        (moved / "dataset" / name).write_bytes((elsewhere / name).read_bytes())
    dataset = replace(at(moved).suite.dataset, root=elsewhere)
    write_pages(replace(results, suite=replace(results.suite, dataset=dataset)), leaderboard, moved)
    page = (moved / "pairs" / f"{results.suite.pairs[0].pair_id}.html").read_text(encoding="utf-8")
    addresses = sources(elements, page)
    assert any(source.startswith("../../elsewhere/") for source in addresses)
    assert all((moved / "pairs" / source).is_file() for source in addresses)


def test_every_seed_has_its_player(leaderboard, moved, at):
    complete = at(moved)
    configuration = complete.configuration.model_copy(update={"seeds": (0, 1)})
    twice = [pd.concat([table, table], ignore_index=True) for table in (complete.scores, complete.reasons)]
    transfers = pd.concat([complete.transfers, complete.transfers.assign(seed=1)], ignore_index=True)
    both = replace(
        complete, configuration=configuration, transfers=transfers, scores=twice[0], reasons=twice[1]
    )
    write_pages(both, make_leaderboard(both), moved)
    page = (moved / "pairs" / f"{both.suite.pairs[0].pair_id}.html").read_text(encoding="utf-8")
    assert page.count('data-title="ulyanov"') == 2
    assert "ulyanov <span>seed 1</span>" in page


def test_names_that_are_no_file_names_get_pages_of_their_own(results):
    pair = results.suite.pairs[0]
    names = {page_name(replace(pair, pair_id=name)) for name in ("000-a/b-c d", "000-a b-c d", "../../x")}
    assert len(names) == 3
    assert all(re.fullmatch(r"\w[\w.-]+\.html", name) for name in names)


def test_an_evil_name_reaches_no_page_and_its_audio_can_be_opened(evil, injected, elements):
    root, results = evil
    write_pages(results, make_leaderboard(results), root)
    page = (root / "pairs" / f"{results.suite.pairs[0].pair_id}.html").read_text(encoding="utf-8")
    assert injected not in page
    addresses = sources(elements, page)
    assert any(injected in source for source in addresses)
    assert all((root / "pairs" / source).is_file() for source in addresses)


def test_an_output_that_is_no_audio_any_more_stops_nothing(results, leaderboard, moved, at):
    pair = results.suite.pairs[0].pair_id
    path = moved / f"outputs/ulyanov/{pair}.flac"
    path.write_bytes(path.read_bytes()[:2000])
    other = moved / f"outputs/noise/{pair}.flac"
    other.write_text("no audio")
    contents = Contents.of(at(moved), leaderboard)
    write_pair_pages(contents, moved)
    report = write_page(contents, moved).read_text(encoding="utf-8")
    page = (moved / f"pairs/{pair}.html").read_text(encoding="utf-8")
    for label in ("ulyanov", "noise"):
        assert f"Nothing to hear: the file outputs/{label}/{pair}.flac" in page
    assert str(moved) not in page
    first = report[report.index("<article") : report.index("</article>")]
    assert "No output for this pair: ulyanov, silence, noise;" in first
