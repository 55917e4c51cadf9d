"""The style-content plane: how much style methods take on, how much content they keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from timbrebench.experiments.report.drawing import Inks, style_axes

Floats = NDArray[np.float64]

#: How strong the ink is of writing that stands back: as faint as can be read well in all inks.
_FAINT = 0.65

#: Where a label may stand, as seen from its point: offset in points, horizontal and vertical alignment.
_LABEL_PLACES = tuple(
    place
    for row in range(12)
    for place in (
        ((8, 5 + 11 * row), "left", "bottom"),
        ((-8, 5 + 11 * row), "right", "bottom"),
        ((8, -5 - 11 * row), "left", "top"),
        ((-8, -5 - 11 * row), "right", "top"),
        ((0, 12 + 11 * row), "center", "bottom"),
        ((0, -12 - 11 * row), "center", "top"),
    )
)

#: How much worse it is to cover writing or a point than the line of an interval.
_UNREADABLE = 20

#: Points, of 72 to an inch, from its mark beyond which a label is joined to it.
_FAR = 20


@dataclass(frozen=True)
class Point:
    """A method in the style-content plane, with the ends of its intervals, which are NaN for none.

    Controls are drawn in grey. Only methods with a rank, which controls lack, can be on the Pareto front; of
    other methods the mark is hollow.
    """

    label: str
    style: float
    content: float
    style_interval: tuple[float, float]
    content_interval: tuple[float, float]
    is_control: bool
    is_ranked: bool

    @property
    def is_measured(self) -> bool:
        """Whether it lies anywhere."""
        return bool(np.isfinite([self.style, self.content]).all())

    @property
    def is_hollow(self) -> bool:
        """Whether it is of a method without a rank."""
        return not (self.is_ranked or self.is_control)


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Return the Pareto front: methods that no other surpasses in style or content without losing the other.

    It is by ascending style, and methods with equal coordinates are all in it. What has no rank, or a
    coordinate that is NaN, is left out.
    """
    methods = [point for point in points if point.is_ranked and point.is_measured]
    front = [point for point in methods if not any(_dominates(other, point) for other in methods)]
    return sorted(front, key=lambda point: (point.style, point.label))


def _dominates(first: Point, second: Point) -> bool:
    """Return whether the first is at least as good in both and better in one."""
    a, b = (first.style, first.content), (second.style, second.content)
    return a != b and a[0] >= b[0] and a[1] >= b[1]


def draw_plane(
    points: Sequence[Point],
    inks: Inks,
    *,
    x_label: str,
    y_label: str,
    score: Callable[[Floats, Floats], Floats] | None = None,
) -> Figure:
    """Draw methods by how much style they take on and how much content they keep.

    Points with a coordinate that is NaN are left out. The Pareto front of the ranked methods is a broken
    line: what lies below and to the left of it is surpassed. `score` maps arrays of style and content of one
    shape to a score, whose contours are drawn behind the points, at 0.2, 0.4, 0.6 and 0.8.
    """
    figure = Figure(figsize=(6.0, 4.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlim=(-0.06, 1.06), ylim=(-0.06, 1.06), xlabel=x_label, ylabel=y_label)
    style_axes(axes, inks)
    levels = [] if score is None else _draw_contours(axes, score, inks)
    shown = [point for point in points if point.is_measured]
    _draw_front(axes, pareto_front(shown), inks)
    for point in shown:
        _draw_point(axes, point, inks)
    _draw_labels(figure, axes, shown, levels, inks)
    return figure


def _draw_contours(axes: Axes, score: Callable[[Floats, Floats], Floats], inks: Inks) -> list[Text]:
    """Draw the contours of a score, and return what is written on them."""
    style, content = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 101))
    values = score(style, content)
    if np.isnan(values).all():
        return []
    contours = axes.contour(
        style, content, values, levels=[0.2, 0.4, 0.6, 0.8], colors=inks.ink, alpha=0.35, linewidths=0.7
    )
    labels = list(axes.clabel(contours, fmt="%.1f", fontsize=8))
    for label in labels:
        label.set_alpha(_FAINT)  # lines may be fainter than what is read
    return labels


def _draw_front(axes: Axes, front: Sequence[Point], inks: Inks) -> None:
    if not front:
        return
    # From the left edge over each method to the lower edge.
    style = [-0.06, *(point.style for point in front), front[-1].style]
    content = [front[0].content, *(point.content for point in front), -0.06]
    axes.plot(
        style,
        content,
        drawstyle="steps-pre",
        color=inks.accent,
        alpha=0.55,
        linewidth=1.1,
        linestyle=(0, (4, 3)),
    )


def _draw_point(axes: Axes, point: Point, inks: Inks) -> None:
    colour, alpha, marker = (inks.ink, 0.5, "s") if point.is_control else (inks.accent, 1.0, "o")
    for x, y in (
        (point.style_interval, (point.content, point.content)),
        ((point.style, point.style), point.content_interval),
    ):
        axes.plot(x, y, color=colour, alpha=alpha, linewidth=1.2, zorder=3)
    axes.plot(
        point.style,
        point.content,
        marker=marker,
        markersize=6,
        markerfacecolor=inks.ground if point.is_hollow else colour,
        markeredgewidth=1.3 if point.is_hollow else 0,
        color=colour,
        alpha=alpha,
        zorder=3,
    )


def _draw_labels(
    figure: Figure, axes: Axes, points: Sequence[Point], levels: Sequence[Text], inks: Inks
) -> None:
    """Write each label where it covers neither points nor other labels, as far as there is room.

    `levels` are written already. What had to go far from its point is joined to it by a line.
    """
    # Settles the layout, so that extents are those of the finished figure.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    centres = [axes.transData.transform((point.style, point.content)) for point in points]
    lines = [box for point in points for box in _crosses(axes, point)]
    taken = [Bbox.from_extents(x - 5, y - 5, x + 5, y + 5) for x, y in centres]
    taken += [text.get_window_extent() for text in levels]
    # Methods first: where room is short, it is theirs.
    for point in sorted(points, key=lambda point: point.is_control):
        taken.append(_write_label(axes, point, taken, lines, inks))
        _join(axes, point, taken[-1], inks)


def _crosses(axes: Axes, point: Point) -> Iterator[Bbox]:
    """Yield where the intervals of a point are drawn."""
    (left, right), (low, high) = point.style_interval, point.content_interval
    for first, second in (
        ((left, point.content), (right, point.content)),
        ((point.style, low), (point.style, high)),
    ):
        if np.isfinite([first, second]).all():
            (x0, y0), (x1, y1) = axes.transData.transform([first, second])
            yield Bbox.from_extents(x0 - 1, y0 - 1, x1 + 1, y1 + 1)


def _write_label(axes: Axes, point: Point, taken: Sequence[Bbox], lines: Sequence[Bbox], inks: Inks) -> Bbox:
    """Write a label in the first place where it covers nothing, or else where it covers least."""
    best: tuple[float, Annotation, Bbox] | None = None
    for place in _LABEL_PLACES:
        label = _label(axes, point, place, inks)
        box = label.get_window_extent()
        cost = _UNREADABLE * _cost(box, taken, axes.bbox)
        cost += sum(_shared_area(box, line) for line in lines)
        if best is not None and cost >= best[0]:
            label.remove()
            continue
        if best is not None:
            best[1].remove()
        best = cost, label, box
        if cost < 1:
            break
    assert best is not None  # noqa: S101 - there are places
    return best[2]


def _join(axes: Axes, point: Point, box: Bbox, inks: Inks) -> None:
    """Draw a line from a point to its label, if that is far."""
    x, y = axes.transData.transform((point.style, point.content))
    end = min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1)
    if np.hypot(end[0] - x, end[1] - y) > _FAR * axes.figure.dpi / 72:
        ends = axes.transData.inverted().transform([(x, y), end])
        axes.plot(*ends.T, color=inks.ink, alpha=0.35, linewidth=0.7, zorder=2)


def _label(axes: Axes, point: Point, place: tuple[tuple[int, int], str, str], inks: Inks) -> Annotation:
    offset, horizontal, vertical = place
    return axes.annotate(
        point.label,
        (point.style, point.content),
        xytext=offset,
        textcoords="offset points",
        ha=horizontal,
        va=vertical,
        color=inks.ink,
        alpha=_FAINT if point.is_control else 1.0,
        fontweight="normal" if point.is_control else "bold",
        parse_math=False,
        zorder=4,
    )


def _cost(box: Bbox, taken: Sequence[Bbox], frame: Bbox) -> float:
    """Return how much of a label's area would be covered or cut off, in square pixels."""
    covered = sum(_shared_area(box, other) for other in taken)
    return covered + box.width * box.height - _shared_area(box, frame)


def _shared_area(first: Bbox, second: Bbox) -> float:
    shared = Bbox.intersection(first, second)
    return 0.0 if shared is None else float(shared.width * shared.height)
