"""Figures of the report, as bytes: the same data, the same bytes.

The plane is SVG that is meant to stand inside a page: its ink takes the page's text colour and its accent
the page's, so that it reads on light and on dark. Spectrograms are PNG without axes, all on one scale.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import librosa
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.audio.spectra import N_FFT, magnitude

Floats = NDArray[np.float64]

#: Levels that the darkest and the brightest colour stand for, in dB relative to a sine at full scale.
DB_RANGE = (-70.0, -15.0)

#: Lowest frequency of the spectrograms, in hertz: under the lowest note of any instrument here.
F_MIN = 50.0

_N_MELS = 96
_COLOUR_MAP = "magma"

# Colours that no figure uses otherwise; they are replaced by colours of the page.
_INK, _ACCENT = "#010203", "#040506"
_PAGE_COLOURS = {_INK: "currentColor", _ACCENT: "var(--accent, #2563eb)"}

#: Where a label may stand, as seen from its point: offset in points, horizontal and vertical alignment.
_LABEL_PLACES = (
    ((8, 5), "left", "bottom"),
    ((-8, 5), "right", "bottom"),
    ((8, -5), "left", "top"),
    ((-8, -5), "right", "top"),
    ((0, 12), "center", "bottom"),
    ((0, -12), "center", "top"),
)


@dataclass(frozen=True)
class Point:
    """A method in the style-content plane.

    Attributes
    ----------
    label : str
        Written beside it.
    style, content : float
        Where it lies.
    style_interval, content_interval : tuple of float
        Lower and upper end of the intervals; NaN for none.
    is_control : bool
        Controls are drawn in grey.
    """

    label: str
    style: float
    content: float
    style_interval: tuple[float, float]
    content_interval: tuple[float, float]
    is_control: bool


def style_content_plane(
    points: Sequence[Point],
    *,
    x_label: str,
    y_label: str,
    score: Callable[[Floats, Floats], Floats] | None = None,
) -> bytes:
    """Draw methods by how much style they take on and how much content they keep.

    Parameters
    ----------
    points : sequence of Point
        Those with a coordinate that is NaN are left out.
    x_label, y_label : str
        Of the axes.
    score : callable, optional
        From arrays of style and content, of one shape, to the score that both make; its contours are drawn
        behind the points, at 0.2, 0.4, 0.6 and 0.8.

    Returns
    -------
    bytes
        An ``<svg>`` element without prologue or metadata.
    """
    # Names of elements come from the data alone; text stays text: small, searchable, in the page's font.
    with mpl.rc_context({"svg.hashsalt": "timbrebench", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6.0, 4.8), layout="constrained")
        axes = figure.add_subplot()
        axes.set(xlim=(-0.06, 1.06), ylim=(-0.06, 1.06), xlabel=x_label, ylabel=y_label)
        _style_axes(axes)
        if score is not None:
            _draw_contours(axes, score)
        shown = [point for point in points if np.isfinite([point.style, point.content]).all()]
        for point in shown:
            _draw_point(axes, point)
        _draw_labels(figure, axes, shown)
        return _embeddable_svg(figure)


def _style_axes(axes: Axes) -> None:
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.grid(color=_INK, alpha=0.1, linewidth=0.6)
    axes.tick_params(length=0, colors=_INK)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(_INK)
    for spine in axes.spines.values():
        spine.set(color=_INK, alpha=0.25, linewidth=0.8)


def _draw_contours(axes: Axes, score: Callable[[Floats, Floats], Floats]) -> None:
    style, content = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 101))
    values = score(style, content)
    if np.isnan(values).all():
        return
    contours = axes.contour(
        style, content, values, levels=[0.2, 0.4, 0.6, 0.8], colors=_INK, alpha=0.35, linewidths=0.7
    )
    axes.clabel(contours, fmt="%.1f", fontsize=8)


def _draw_point(axes: Axes, point: Point) -> None:
    colour, alpha, marker = (_INK, 0.5, "s") if point.is_control else (_ACCENT, 1.0, "o")
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
        markeredgewidth=0,
        color=colour,
        alpha=alpha,
        zorder=3,
    )


def _draw_labels(figure: Figure, axes: Axes, points: Sequence[Point]) -> None:
    """Write each label where it covers neither points nor the labels before it, as far as there is room."""
    figure.draw_without_rendering()  # settles the layout, so that extents are those of the finished figure
    centres = [axes.transData.transform((point.style, point.content)) for point in points]
    taken = [Bbox.from_extents(x - 5, y - 5, x + 5, y + 5) for x, y in centres]
    # Methods first: where room is short, it is theirs.
    for point in sorted(points, key=lambda point: point.is_control):
        tries = [_label(axes, point, place) for place in _LABEL_PLACES]
        boxes = [label.get_window_extent() for label in tries]
        costs = [_cost(box, taken, axes.bbox) for box in boxes]
        best = int(np.argmin(costs))
        taken.append(boxes[best])
        for number, label in enumerate(tries):
            if number != best:
                label.remove()


def _label(axes: Axes, point: Point, place: tuple[tuple[int, int], str, str]) -> Annotation:
    offset, horizontal, vertical = place
    return axes.annotate(
        point.label,
        (point.style, point.content),
        xytext=offset,
        textcoords="offset points",
        ha=horizontal,
        va=vertical,
        color=_INK,
        alpha=0.65 if point.is_control else 1.0,
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


def _embeddable_svg(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue().decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for colour, replacement in _PAGE_COLOURS.items():
        text = text.replace(colour, replacement)
    return text.encode()


def spectrogram_image(samples: Samples, sample_rate: int) -> bytes:
    """Draw a mel spectrogram: time to the right, low frequencies below.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n,)
        Mono samples in [-1, 1].
    sample_rate : int
        Rate in hertz.

    Returns
    -------
    bytes
        PNG without axes, one pixel for each of 96 bands from :data:`F_MIN` to half the sample rate and each
        frame. Colours span :data:`DB_RANGE`, the same for every clip.
    """
    power = np.square(magnitude(samples) / (N_FFT / 4))  # a sine at full scale has power 1
    bands = _mel_filters(sample_rate) @ power
    low, high = DB_RANGE
    levels = 10 * np.log10(np.maximum(bands, 10 ** (low / 10)))
    return _png(levels[::-1], low, high)


def colour_bar() -> bytes:
    """Draw the colours of the spectrograms from the quietest, left, to the loudest, as PNG."""
    return _png(np.tile(np.arange(256.0), (4, 1)), 0, 255)


@lru_cache(maxsize=4)
def _mel_filters(sample_rate: int) -> Floats:
    # Peaks of 1, so that a sine has the same level in every band.
    filters = librosa.filters.mel(sr=sample_rate, n_fft=N_FFT, n_mels=_N_MELS, fmin=F_MIN, norm=None)
    return np.asarray(filters, dtype=np.float64)


def _png(values: NDArray[np.floating], low: float, high: float) -> bytes:
    buffer = BytesIO()
    imsave(
        buffer,
        values,
        vmin=low,
        vmax=high,
        cmap=_COLOUR_MAP,
        format="png",
        metadata={"Software": ""},
        pil_kwargs={"optimize": True},
    )
    return buffer.getvalue()
