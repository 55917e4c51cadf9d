"""Figures say what the figures say: spectrograms, plane, matrices, speed."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.ranking.results import COSTS
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.cost_figures import draw_speed, speed_rows, speed_table
from timbrebench.experiments.report.drawing import PAGE, PAPER, page_svg
from timbrebench.experiments.report.matrices import TransferMatrix, draw_matrices, transfer_matrices
from timbrebench.experiments.report.plane import Point, draw_plane, pareto_front
from timbrebench.experiments.report.report_figures import write_figure
from timbrebench.experiments.report.spectrogram_images import image_name, spectrogram_image


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

    def test_an_image_s_name_follows_from_the_audio(self):
        assert image_name("a" * 64) == image_name("a" * 64) != image_name("b" * 64)


def point(label, style, content, *, is_control=False, is_ranked=True):
    interval = (style - 0.1, style + 0.1), (content - 0.1, content + 0.1)
    ranked = is_ranked and not is_control
    return Point(label, style, content, *interval, is_control=is_control, is_ranked=ranked)


class TestPlane:
    def svg(self, points):
        return page_svg(draw_plane(points, PAGE, x_label="style", y_label="content"), "plane")

    def test_what_was_not_measured_is_left_out(self):
        svg = self.svg([point("one", 0.5, 0.5), point("two", np.nan, 0.5)])
        assert ">one<" in svg
        assert ">two<" not in svg

    def test_ink_follows_the_page(self):
        svg = self.svg([point("one", 0.5, 0.5)])
        assert set(re.findall(r"(?:fill|stroke): (#\w+)", svg)) == set()
        colours = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg))
        assert {"currentColor", "var(--accent, #1d5fbf)"} <= colours

    def test_labels_keep_apart_where_points_fall_together(self):
        svg = self.svg([point(name, 0.5, 0.5) for name in ("one", "two", "three")])
        places = re.findall(r'text-anchor: (\w+)[^>]* y="([\d.]+)"[^>]*>(?:one|two|three)<', svg)
        assert len(places) == len(set(places)) == 3

    def test_the_front_is_what_nothing_surpasses(self):
        points = [
            point("style", 1.0, 0.2),
            point("content", 0.1, 0.9),
            point("both", 0.7, 0.7),
            point("less", 0.6, 0.7),
            point("twin", 0.7, 0.7),
            point("unknown", np.nan, 1.0),
            point("unranked", 1.0, 0.9, is_ranked=False),
            point("reference", 1.0, 1.0, is_control=True),
        ]
        assert [one.label for one in pareto_front(points)] == ["content", "both", "twin", "style"]
        assert pareto_front([]) == []

    def test_what_shares_weights_with_a_judge_or_lacks_outputs_keeps_nobody_off_the_front(self, results):
        shared = replace(results, violations={"ulyanov": "shares weights with a judge"})
        points = Contents.of(shared, make_leaderboard(shared)).points
        assert {one.label for one in points if one.is_ranked} == {"ulyanov-long"}
        assert [one.label for one in pareto_front(points)] == ["ulyanov-long"]

    def test_what_has_no_rank_is_hollow(self):
        points = [point("one", 0.5, 0.5), point("two", 0.2, 0.2, is_ranked=False)]
        (axes,) = draw_plane(points, PAPER, x_label="x", y_label="y").axes
        marks = [line for line in axes.lines if line.get_marker() == "o"]
        assert [mark.get_markerfacecolor() for mark in marks] == [PAPER.accent, PAPER.ground]

    def test_labels_cover_neither_each_other_nor_what_the_contours_say(self):
        """Eight methods in a corner, as good methods lie, and one on a contour's figure."""
        points = [point(f"method-number-{i}", 0.95 + 0.005 * i, 0.9 - 0.004 * i) for i in range(8)]
        points.append(point("identity", 0.1, 0.93, is_control=True))

        def score(style, content):
            return 2 * style * content / np.maximum(style + content, 1e-9)

        figure = draw_plane(points, PAPER, x_label="x", y_label="y", score=score)
        (axes,) = figure.axes
        boxes = [text.get_window_extent() for text in axes.texts]
        levels = [text for text in axes.texts if re.fullmatch(r"0\.\d", text.get_text())]
        assert len(levels) >= 3
        assert len(boxes) == len(points) + len(levels)
        for place, box in enumerate(boxes):
            assert not any(box.shrunk(0.95, 0.8).overlaps(other) for other in boxes[:place])
            assert figure.bbox.x0 <= box.x0
            assert box.x1 <= figure.bbox.x1


class TestMatrices:
    def test_titles_lie_inside_the_figure_and_beside_each_other(self, tmp_path):
        """However long they are, and in both formats."""
        shares = pd.DataFrame(np.eye(6), [*"abcdef"], [*"abcdef"])
        names = ["multi-representation", "classifier-features as in the report", *["method"] * 3]
        figure = draw_matrices([TransferMatrix(name, shares, shares + 1) for name in names], PAPER)
        for write in (figure.draw_without_rendering, lambda: write_figure(figure, tmp_path / "matrices")):
            write()
            boxes = [axes.title.get_window_extent() for axes in figure.axes if axes.get_visible()]
            assert len(boxes) == len(names)
            for place, box in enumerate(boxes):
                assert figure.bbox.y1 >= box.y1
                assert not any(box.overlaps(other) for other in boxes[:place])

    def test_shares_can_be_read_on_every_colour(self):
        """By WCAG 2.1, a ratio of 4.5 for text."""
        shares = pd.DataFrame([np.linspace(0, 1, 51)])
        figure = draw_matrices([TransferMatrix("one", shares, shares + 1)], PAPER)
        (axes,) = figure.axes
        (image,) = axes.images
        grounds = image.to_rgba(image.get_array())[0]
        inks = [to_rgb(text.get_color()) for text in axes.texts]
        assert len(inks) == len(grounds) == 51
        assert min(map(contrast, inks, grounds)) >= 4.5

    def test_the_fewest_outputs_are_of_cells_that_have_any(self):
        counts = pd.DataFrame([[0, 7], [3, 9]])
        assert TransferMatrix("one", counts / 10, counts).min_count == 3

    def test_shares_lie_between_the_labels_that_they_are_of(self, results):
        of = {matrix.method: matrix for matrix in transfer_matrices(results, results.labels)}
        assert "silence" not in of
        assert list(of["ulyanov"].shares.index) == ["clarinet", "organ", "piano"]
        assert np.isnan(np.diag(of["ulyanov"].shares)).all()
        assert of["broken"].counts.to_numpy().sum() == len(results.suite.pairs) // 2
        pair = results.suite.pairs[0]
        assert of["broken"].shares.loc[pair.content.label, pair.style.label] == 0.5

    def test_sums_are_over_outputs_not_over_cells(self, results):
        scores = results.scores.copy()
        rows = results.transfers.label == "ulyanov"
        scores.loc[rows, "style_accuracy"] = [1, 1, 0, np.nan, 0, 0]
        results.scores["style_accuracy"], kept = scores["style_accuracy"], results.scores["style_accuracy"]
        try:
            (matrix,) = transfer_matrices(results, ["ulyanov"])
        finally:
            results.scores["style_accuracy"] = kept
        assert matrix.by_content.to_list() == [1.0, 0.0, 0.0]
        assert matrix.counts.loc["organ"].sum() == 1


def contrast(first, second):
    low, high = sorted(luminance(colour) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


def luminance(colour):
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    return np.dot([0.2126, 0.7152, 0.0722], parts)


class TestSpeed:
    def test_the_quickest_stands_first_and_what_has_no_time_last(self, results, leaderboard):
        speed = speed_table(results, leaderboard.table)
        assert speed.seconds.dropna().is_monotonic_increasing
        assert speed.method.iloc[-1] == "silence"

    def test_a_pair_that_failed_soon_was_not_quick(self, results, leaderboard):
        speed = speed_table(results, leaderboard.table).set_index("method")
        assert (speed.seconds_least["broken"], speed.seconds_most["broken"]) == (1.5, 1.5)

    @pytest.mark.parametrize(
        ("status", "reason"),
        [("missing", "not run yet"), ("failed", "no output"), ("ok", "not measured: the work was done")],
    )
    def test_an_unknown_cost_has_the_reason_of_its_pairs(self, results, status, reason):
        transfers = results.transfers.copy()
        rows = transfers.label == "ulyanov"
        transfers.loc[rows, [*COSTS]], transfers.loc[rows, "status"] = np.nan, status
        spoilt = replace(results, transfers=transfers)
        contents = Contents.of(spoilt, make_leaderboard(spoilt))
        (row,) = [row for row in speed_rows(spoilt, contents.speed) if row["method"] == "ulyanov"]
        assert all(cell["reason"].startswith(reason) for cell in row["cells"])
        place = list(contents.leaderboard.table.method).index("ulyanov")
        costs = contents.questions[-1]["rows"]
        assert [one["column"].name for one in costs] == list(COSTS)
        assert all(one["cells"][place]["reason"].startswith(reason) for one in costs)

    def test_methods_without_a_time_are_left_out_of_the_figure(self, results, leaderboard):
        speed = speed_table(results, leaderboard.table)
        speed.loc[speed.method == "noise", ["seconds", "seconds_least", "seconds_most"]] = np.nan
        svg = page_svg(draw_speed(speed, PAGE), "speed")
        assert ">ulyanov<" in svg
        assert ">noise<" not in svg

    def test_nothing_measured_is_an_empty_figure(self, results, leaderboard):
        speed = speed_table(results, leaderboard.table).assign(seconds=np.nan)
        assert "<svg" in page_svg(draw_speed(speed, PAGE), "speed")


@pytest.mark.parametrize("name", ["plane", "transfer-matrices", "speed"])
def test_figures_for_papers_are_there_as_svg_and_png(written, name):
    folder = written.parent / "figures"
    assert ElementTree.parse(folder / f"{name}.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own file
    text = (folder / f"{name}.svg").read_text(encoding="utf-8")
    assert "#010203" not in text  # stands for a page's colour, and there is no page
    assert "<text" not in text
    image = imread(folder / f"{name}.png")
    assert image.shape[1] > 600
    assert image[0, 0, :3].min() == 1.0  # on white
    assert image[..., :3].min() < 0.5


def test_a_label_that_looks_like_a_formula_or_markup_is_written_as_it_is(tmp_path):
    figure = draw_plane([point("a$_b$<i>", 0.5, 0.5)], PAPER, x_label="style", y_label="content")
    write_figure(figure, tmp_path / "plane")
    ElementTree.parse(tmp_path / "plane.svg")  # noqa: S314 - our own file
    label = 'a$_b$<i>url(#x id="y'
    svg = page_svg(draw_plane([point(label, 0.5, 0.5)], PAGE, x_label="x", y_label="y"), "plane")
    assert 'a$_b$&lt;i&gt;url(#x id="y' in svg
    speed = pd.DataFrame(
        {
            "method": ["a$_b$<i>"],
            "kind": ["method"],
            "seconds": [1.0],
            "seconds_least": [0.5],
            "seconds_most": [2.0],
            "peak_memory_mib": [np.nan],
        }
    )
    assert "a$_b$&lt;i&gt;" in page_svg(draw_speed(speed, PAGE), "speed")
