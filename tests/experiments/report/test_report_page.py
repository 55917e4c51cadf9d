"""The report shows everything there is of a run, by itself."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from io import BytesIO
from urllib.parse import unquote

import numpy as np
import pytest
import soundfile

from timbrebench.audio import read_audio
from timbrebench.classifier import Evaluation
from timbrebench.classifier.style.style_evaluation import Scores
from timbrebench.core.errors import ConfigurationError
from timbrebench.core.files import write_json, write_text
from timbrebench.datasets import Dataset
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.report import pair_cards
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.recordings import Recordings
from timbrebench.experiments.report.report_page import write_page
from timbrebench.experiments.report.report_writing import write_report

DASH, NBSP = "\N{EN DASH}", "\N{NO-BREAK SPACE}"


def rewritten(results, leaderboard, root):
    return write_page(Contents.of(results, leaderboard), root).read_text(encoding="utf-8")


def test_every_label_metric_and_piece_of_provenance_is_there(page, results, root):
    for label in results.labels:
        assert f'data-value="{label}"' in page
    for metric in results.configuration.metrics:
        assert f"<code>{metric}</code>" in page
    description = Dataset.open(root / "dataset").description
    assert description["sources"][1]["sha256"] in page
    assert results.suite.version in page
    assert "n_<wbr>filters 256" in page
    assert "published settings" in page


def test_the_first_line_names_no_hash_and_definitions_need_no_pointer(page, results):
    facts = re.search(r'<p class="facts">(.*?)</p>', page, re.DOTALL)[1]
    assert "pairs drawn for this run" in facts
    assert results.suite.version not in facts
    definitions = re.search(r'<details class="definitions">(.*?)</details>', page, re.DOTALL)[1]
    assert "Harmonic mean of style accuracy" in definitions
    assert "not ranked: outputs are missing" in page


def test_what_is_heard_first_is_the_median_pair(leaderboard, moved, at):
    """Not the first of the suite, which may be its worst."""
    results = at(moved)
    ids = [pair.pair_id for pair in results.suite.pairs[:5]]
    values = dict(zip(ids, (0.1, 0.9, 0.2, 0.5, 0.8), strict=True))
    scores = results.scores.copy()
    scores[results.headline.content] = results.transfers.pair_id.map(values)
    recordings = Recordings(replace(results, scores=scores), leaderboard.table, [], moved)
    assert recordings.median_pair == ids[3]
    shown = [example.pair.pair_id for example in pair_cards.examples(results.suite.pairs, recordings)]
    assert shown[0] == ids[3]
    assert len(set(shown)) == pair_cards.EMBEDDED_PAIRS


def test_the_page_shows_nothing_from_outside_itself(page, written, elements):
    parsed = elements(page)
    shown = [
        value
        for _, attributes in parsed.elements
        for name, value in attributes.items()
        if name in {"src", "xlink:href", "srcset", "data", "action", "poster"}
    ]
    assert shown
    assert [value for value in shown if not value.startswith(("data:", "#"))] == []
    links = [attributes["href"] for attributes in parsed.of("a")]
    away = [link for link in links if not link.startswith("#")]
    assert away
    assert all((written.parent / unquote(link)).is_file() for link in away)
    assert re.findall(r"url\((?!#)|@import|fetch\(|XMLHttpRequest", page) == []
    policy = next(attributes for attributes in parsed.of("meta") if "http-equiv" in attributes)
    assert policy["content"].startswith("default-src 'none'; img-src data:; media-src data:;")


def test_what_others_wrote_is_escaped(page, leaderboard, moved, injected, at):
    assert injected not in page
    assert "ValueError: &lt;script&gt;alert(1)" in page
    assert "too few onsets &amp; no rhythm" in page
    spoilt = replace(leaderboard, problems=(injected,))
    assert injected not in rewritten(at(moved), spoilt, moved)


def test_a_method_with_an_evil_name_is_shown_by_it(evil, injected, elements):
    root, results = evil
    page = rewritten(results, make_leaderboard(results), root)
    assert injected not in page
    assert "</style><" not in page
    assert "<img src=x" not in page
    assert 'data-value="&lt;script&gt;alert(1)&lt;/script&gt;"' in page
    elements(page)


def test_the_page_has_the_verdict(page, leaderboard, moved, at):
    assert "Valid run." in page
    assert "INVALID" not in page
    invalid = replace(leaderboard, problems=("control identity has style accuracy 0.900",))
    page = rewritten(at(moved), invalid, moved)
    assert "INVALID run." in page
    assert "control identity has style accuracy 0.900" in page
    assert "Valid run." not in page


def test_a_run_without_an_evaluated_judge_says_so(page):
    assert "No evaluation of the judge was found" in page


def test_the_judge_stands_with_its_confusions(leaderboard, moved, at):
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
    path = moved / "judge/evaluation.json"
    write_json(path, evaluation.model_dump(mode="json"))
    page = rewritten(at(moved), leaderboard, moved)
    write_text(path, "[]")
    with pytest.raises(ConfigurationError, match=r"evaluation\.json"):
        rewritten(at(moved), leaderboard, moved)
    judge = page[page.index('id="judge-title"') : page.index('id="listen-title"')]
    assert cells_beside("organ", judge) == ["1", "4", f"80.0{NBSP}%"]
    assert cells_beside("TimGM6mb", judge) == [f"87.5{NBSP}%"]
    assert f"<strong>90.0{NBSP}%</strong> of 10 clips" in judge


def cells_beside(heading, section):
    row = re.search(rf'<th scope="row">{heading}</th>(.*?)</tr>', section, re.DOTALL)
    return re.findall(r"<td[^>]*>([^<>]+)</td>", row[1])


def test_the_report_of_a_real_run_holds_its_judge_and_outputs(run, elements):
    page = (run.root / "report.html").read_text(encoding="utf-8")
    assert "the judge says" in page
    assert "data:audio/flac;base64," in page
    elements(page)


def test_figures_of_the_leaderboard_stand_with_their_intervals(page):
    row = page[page.index('data-value="ulyanov-long"') :]
    row = row[: row.index("</tr>")]
    scaled = (0.5 - 0.3) / (0.96 - 0.3)
    assert f'<span class="mean">{2 * scaled / (1 + scaled):.2f}</span>' in row
    assert f"<small>1.00 {DASH} 1.00</small>" in row


def test_a_figure_that_is_missing_has_its_reason(page):
    row = page[page.index('data-value="noise"') :]
    row = row[: row.index("</tr>")]
    assert f'title="too few onsets &amp; no rhythm">{DASH}' in row


def test_the_matrix_of_a_method_is_by_content_and_style(page):
    matrices = page[page.index('id="matrices-title"') : page.index('id="questions-title"')]
    broken = matrices[matrices.index(">broken</figcaption>") :]
    broken = broken[: broken.index("</figure>")]
    # Six pairs of three instruments, every other of which has an output, half classified as the style.
    assert broken.count('title="') == 3
    assert "clarinet → organ: 0 of 1" in broken or "clarinet → organ: 1 of 1" in broken
    shown = matrices[matrices.index(">ulyanov-long</figcaption>") :]
    assert cells_beside("clarinet", shown)[-1] == "100"
    assert "silence" not in matrices


def test_failures_are_counted_by_method_and_reason(page, results):
    failures = page[page.index('id="failures-title"') : page.index('id="provenance-title"')]
    pairs = len(results.suite.pairs)
    assert re.search(rf"broken.*?<td class=\"number\">{pairs // 2}</td>", failures, re.DOTALL)
    assert re.search(rf"silence<small>as it must</small>.*?{pairs}</td>", failures, re.DOTALL)
    assert f'<a href="pairs/{results.suite.pairs[1].pair_id}.html">' in failures


def test_speed_is_listed_quickest_first(page):
    speed = page[page.index('id="speed-title"') : page.index('id="failures-title"')]
    names = re.findall(r'<th scope="row" class="method" data-value="([^"]+)"', speed)
    assert names[-1] == "silence"
    assert cells_beside_all(speed, "ulyanov") == ["1.5", "1.5", "0.75", "300"]


def cells_beside_all(section, name):
    row = section[section.index(f'data-value="{name}"') :]
    return re.findall(r'<td class="number"[^>]*>([^<>]+)</td>', row[: row.index("</tr>")])


def test_embedded_audio_is_what_was_written(page, results, root, elements):
    """Every file of the first pair is in the page once, sample for sample at 16 bits."""
    pair = results.suite.pairs[0]
    article = page[page.index("<article") : page.index("</article>") + len("</article>")]
    embedded = [decode(attributes["src"]) for attributes in elements(article).of("audio")]
    dataset = Dataset.open(root / "dataset")
    for clip in (pair.content, pair.style, pair.reference):
        assert sum(np.array_equal(dataset.samples(clip), samples) for samples in embedded) == 1
    for label in ("ulyanov", "noise"):
        samples, _ = read_audio(root / f"outputs/{label}/{pair.pair_id}.flac")
        assert any(np.abs(samples - other).max() <= 1 / 65536 for other in embedded)
    assert "Also the output of <strong>identity</strong>" in article
    assert "No output for this pair: silence;" in article


def decode(uri):
    start = "data:audio/flac;base64,"
    assert uri.startswith(start)
    samples, rate = soundfile.read(BytesIO(base64.b64decode(uri.removeprefix(start))), dtype="float32")
    assert rate == 22050
    return samples


def test_pairs_are_left_out_where_the_page_would_grow_too_large(page, leaderboard, moved, at, monkeypatch):
    assert page.count("<article") == pair_cards.EMBEDDED_PAIRS
    monkeypatch.setattr(pair_cards, "EMBEDDED_BYTES", 1)
    assert rewritten(at(moved), leaderboard, moved).count("<article") == 1


def test_a_folder_that_was_moved_gives_the_same_bytes_again(leaderboard, moved, at, written):
    before = {path: path.read_bytes() for path in written.parent.rglob("*") if path.is_file()}
    write_report(at(moved), leaderboard, moved)
    after = {path: path.read_bytes() for path in moved.rglob("*") if path.is_file()}
    assert {path.relative_to(moved): content for path, content in after.items()} == {
        path.relative_to(written.parent): content for path, content in before.items()
    }


def test_an_output_that_was_deleted_is_left_out(results, leaderboard, moved, at, page):
    (moved / f"outputs/ulyanov/{results.suite.pairs[0].pair_id}.flac").unlink()
    spoilt = rewritten(at(moved), leaderboard, moved)
    assert spoilt.count("<audio") == page.count("<audio") - 1


def test_a_clip_that_is_missing_is_no_output_that_is(results, leaderboard, moved, at):
    pair = results.suite.pairs[0]
    (moved / "dataset" / pair.style.path).unlink()
    page = rewritten(at(moved), leaderboard, moved)
    article = page[page.index("<article") : page.index("</article>")]
    assert f"Nothing to hear: the file dataset/{pair.style.path} is missing" in article
    assert "No output for this pair: silence;" in article


def test_a_run_whose_audio_is_gone_has_a_report(leaderboard, moved, at, elements):
    for folder in ("outputs", "dataset/audio"):
        for path in (moved / folder).rglob("*.flac"):
            path.unlink()
    page = rewritten(at(moved), leaderboard, moved)
    elements(page)
    assert "<article" not in page
    assert "Nothing can be heard here" in page


def test_a_sparse_matrix_has_a_note_wherever_it_stands(leaderboard, moved, at):
    contents = Contents.of(at(moved), leaderboard)
    first, *others = contents.matrices
    dense = replace(first, counts=10 * first.counts)
    for matrices, has_note in (([dense], False), ([dense, *others], True)):
        page = write_page(replace(contents, matrices=matrices), moved).read_text(encoding="utf-8")
        assert ("Some cells stand for no more than 1 output." in page) == has_note


def test_ids_are_unique_and_refer_to_what_is_there(page, elements):
    ids = [attributes["id"] for _, attributes in elements(page).elements if "id" in attributes]
    assert {"plane-figure_1", "speed-figure_1"} <= set(ids)
    assert len(ids) == len(set(ids))
    referred = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', page)
    assert referred
    assert {first or second for first, second in referred} <= set(ids)


def test_headings_leave_no_level_out(page, written, elements):
    pages = [page, next(written.parent.glob("pairs/*.html")).read_text(encoding="utf-8")]
    for text in pages:
        levels = [int(tag[1]) for tag, _ in elements(text).elements if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1
        assert max(np.diff(levels)) == 1


def test_a_method_without_a_rank_says_why(page, at, moved):
    assert 'title="not ranked: outputs are missing"' in page
    assert "hollow circles are methods that are not ranked" in page
    assert 'title="Outputs, one for each pair and seed"' in page
    shared = replace(at(moved), violations={"ulyanov": "shares weights with a judge"})
    spoilt = rewritten(shared, make_leaderboard(shared), moved)
    assert 'title="not ranked: shares weights with a judge"' in spoilt
    assert "surpasses these in one without losing in the other: ulyanov-long." in spoilt


def test_a_run_of_controls_alone_without_a_judge_s_metrics_has_a_report(moved, at, elements):
    complete = at(moved)
    is_shown = complete.transfers.label.isin([entry.name for entry in complete.configuration.entries[:5]])
    few = replace(
        complete,
        configuration=complete.configuration.model_copy(update={"methods": (), "metrics": ("note_f1",)}),
        transfers=complete.transfers[is_shown],
        scores=complete.scores.loc[is_shown, ["note_f1"]],
        reasons=complete.reasons.loc[is_shown, ["note_f1"]],
    )
    page = write_report(few, make_leaderboard(few), moved).read_text(encoding="utf-8")
    elements(page)
    assert 'id="plane"' not in page
    assert 'id="matrices"' not in page
    assert "This run did not measure both style accuracy and note F1, so there is no headline" in page
    assert {path.stem for path in (moved / "figures").iterdir()} == {"speed"}
    assert not list((moved / "tables").glob("transfer-matrices.*"))


def test_a_run_whose_right_answers_nobody_knows_says_that_nothing_is_ranked(moved, at, elements):
    """Nearness to the style stands on its leaderboard, and what has no value for any method does not."""
    complete = at(moved)
    scores, reasons = complete.scores.copy(), complete.reasons.copy()
    names = ("note_f1", "note_f1_100ms", "transcribed_note_f1", "log_spectral_distance", "key_invariance_mse")
    for name in names:
        scores[name], reasons[name] = np.nan, "nobody knows the right answer"
    pairs = tuple(replace(pair, reference=None) for pair in complete.suite.pairs)
    suite = replace(complete.suite, pairs=pairs, has_notes=False)
    unranked = replace(complete, suite=suite, scores=scores, reasons=reasons)
    leaderboard = make_leaderboard(unranked)
    assert leaderboard.is_valid
    assert leaderboard.table["rank"].isna().all()
    page = rewritten(unranked, leaderboard, moved)
    elements(page)
    assert "nothing is ranked" in page
    assert "The headline is" not in page
    assert 'id="plane"' not in page
    table = page[page.index('id="leaderboard-title"') : page.index('id="matrices-title"')]
    headings = table[: table.index("</thead>")].replace("<wbr>", "")
    assert all(f">{name}<" in headings for name in ("style_accuracy", "ioi_kl_style", "xcorr_content"))
    assert not any(name in headings for name in ("headline", "note_f1", "log_spectral_distance"))
