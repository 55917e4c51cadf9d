"""A figure is written the same each time, as SVG and as PNG."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.figures import save_figure


def draw():
    figure = Figure(figsize=(3, 2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [1, 3], label="a")
    axes.set(xlabel="time, s", title="level")
    return figure


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_figure_gives_the_same_bytes(tmp_path, suffix):
    for name in ("a", "b"):
        save_figure(draw(), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize(("suffix", "metadata"), [("svg", {"Date": None}), ("png", {"Software": None})])
def test_it_is_drawn_as_matplotlib_draws_it(tmp_path, suffix, metadata):
    save_figure(draw(), tmp_path / f"ours.{suffix}", dpi=90)
    with mpl.rc_context({"svg.hashsalt": "timbrebench"}):
        draw().savefig(tmp_path / f"theirs.{suffix}", dpi=90, metadata=metadata)
    assert (tmp_path / f"ours.{suffix}").read_bytes() == (tmp_path / f"theirs.{suffix}").read_bytes()


def test_dots_per_inch(tmp_path):
    save_figure(draw(), tmp_path / "a.png", dpi=100)
    assert imread(tmp_path / "a.png").shape[:2] == (200, 300)


def test_another_kind_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigurationError, match=r"a figure is a \.png or a \.svg"):
        save_figure(draw(), tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())
