"""Scores of one output, or the means of several, for people: by question, on the scale of known controls."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from timbrebench.experiments.ranking.control_values import SUITE, control_values
from timbrebench.experiments.report.standard_output import print_line
from timbrebench.metrics import ClipPrediction, FileScores, Score, get
from timbrebench.metrics.contract import Direction

#: Metrics whose questions come first, in this order; a question that has none of them comes after.
_FIRST = (
    "style_accuracy",
    "mfcc_style_distance",
    "note_f1",
    "transcribed_note_f1",
    "chroma_cosine",
    "onset_f1",
    "ioi_kl_content",
    "tempo_error",
    "is_noop",
    "log_stft_mse",
)

#: What the controls are to someone who has three files.
_NAMES = {"identity": "content", "style-copy": "style", "reference": "reference"}

#: Units as they fit into a column.
_UNITS = {"1": "", "squared log magnitude": "log mag²"}

#: Characters of the scale between two controls.
_SCALE = 11

_BETTER: dict[Direction, str] = {"higher": "↑", "lower": "↓", "none": " "}

#: What stands for signs that a terminal may lack.
_PLAIN = str.maketrans({"↑": "^", "↓": "v", "·": ".", "●": "o", "²": "2"})


@dataclass(frozen=True)
class _Line:
    """A metric's value, and of how many outputs it is the mean: 0 if it was not computed."""

    name: str
    value: float
    count: int
    reason: str = ""


def print_file_scores(
    title: str, judged: FileScores, *, judge: str, labels: Sequence[str], show_all: bool
) -> None:
    """Print the scores of one output, the judge's predictions, and a sentence about both.

    `judge` is what to call the style judge, which knows `labels`.
    """
    _show(title)
    if judged.predictions:
        clips = [f"{_role(role)}: {described(clip)}" for role, clip in judged.predictions.items()]
        _show("  " + "   ".join(clips))
        _show(f"  by the judge {judge}, which knows {', '.join(labels)}")
    lines = [
        _Line(name, item.value, int(not item.reason), item.reason or "")
        for name, item in judged.scores.items()
    ]
    _print_lines(lines, show_all=show_all)
    _show("\n" + closing_sentence(judged))


def print_mean_scores(table: pd.DataFrame, *, judge: str, show_all: bool) -> None:
    """Print the means of a table of :func:`~timbrebench.metrics.score_folders` and a sentence about them."""
    values = table.drop(columns=["output", "reasons"]).astype(float)
    _show(f"means over {len(table)} outputs; --csv FILE writes each")
    if values["style_accuracy"].notna().any():
        _show(f"  style by the judge {judge}")
    lines = [
        _Line(
            name, values[name].mean(), int(values[name].notna().sum()), "of no output; --csv FILE writes why"
        )
        for name in map(str, values)
    ]
    _print_lines(lines, show_all=show_all, outputs=len(table))
    if sentence := _closing_of_means(values):
        _show("\n" + sentence)


def _role(role: str) -> str:
    return "heard" if role == "output" else role


def described(prediction: ClipPrediction) -> str:
    """Return what a judge predicts, how sure it is, and whether it can know."""
    doubt = ", though it resembles nothing that the judge has learned" if prediction.is_unfamiliar else ""
    return f"{prediction.label}, {prediction.probability:.0%}{doubt}".replace("%", " %")


def _print_lines(lines: Sequence[_Line], *, show_all: bool, outputs: int = 1) -> None:
    scales = control_values()
    computed = [line for line in lines if line.count]
    for question, group in _by_question(computed):
        _show(f"\n{question}")
        for line in group:
            _show(_formatted(line, scales.get(line.name), outputs))
    _show(
        "\n↑ more is better, ↓ less. The dot lies between the worst and the best of three controls, by\n"
        f"their means on the suite {SUITE}: the content as it was, the style in its place, and the reference."
    )
    missing = [line for line in lines if not line.count]
    if missing and not show_all:
        _show(f"{len(missing)} metrics could not be computed: --all lists them with the reasons")
    elif missing:
        _show(f"\n{len(missing)} metrics could not be computed")
        for line in missing:
            _show(f"  {line.name:{_width(missing)}} {line.reason}")


def _by_question(lines: Sequence[_Line]) -> Iterator[tuple[str, list[_Line]]]:
    groups: dict[str, list[_Line]] = {}
    for line in lines:
        groups.setdefault(get(line.name).question, []).append(line)
    yield from sorted(groups.items(), key=lambda item: min(map(_place, item[1])))


def _place(line: _Line) -> int:
    return _FIRST.index(line.name) if line.name in _FIRST else len(_FIRST)


def _width(lines: Sequence[_Line]) -> int:
    return max(len(line.name) for line in lines)


def _formatted(line: _Line, controls: Mapping[str, float] | None, outputs: int) -> str:
    about = get(line.name).specification
    unit = _UNITS.get(about.unit, about.unit)
    count = f" ({line.count} of {outputs})" if line.count < outputs else ""
    text = f"  {line.name:30} {_figure(line.value):>6} {unit:8} {_BETTER[about.direction]} "
    return (text + (_scale(line.value, controls, about.direction) if controls else "") + count).rstrip()


def _scale(value: float, controls: Mapping[str, float], direction: Direction) -> str:
    """Draw where a value lies between the worst and the best control, or between content and style."""
    ends = ("identity", "style-copy")
    if direction != "none":
        sign = 1 if direction == "higher" else -1
        ranked = sorted(controls, key=lambda name: sign * controls[name])  # of equals, the first and the last
        ends = ranked[0], ranked[-1]
    low, high = (controls[name] for name in ends)
    if _figure(low) == _figure(high):
        return f"{'all controls':>10} {_figure(low)}"
    share = (value - low) / (high - low)
    dots = ["·"] * _SCALE
    dots[round(min(max(share, 0), 1) * (_SCALE - 1))] = "●"
    left, right = (f"{_NAMES[name]} {_figure(controls[name])}" for name in ends)
    return f"{left:>15} {''.join(dots)} {right}"


def _figure(value: float) -> str:
    """Return two decimals, or one digit of what these would make 0, as far as that is more than an error."""
    return f"{value:.1g}" if 0.0005 <= abs(value) < 0.01 else f"{value:.2f}"


def closing_sentence(judged: FileScores) -> str:
    """Say in one sentence what the output sounds like, and how much of the music it keeps."""
    scores = judged.scores
    parts = [_likeness(judged), _notes_kept({name: _value(item) for name, item in scores.items()})]
    for name, whose in (("is_noop", "content"), ("is_style_copy", "style")):
        if name in scores and _value(scores[name]) == 1:
            parts.append(f"is a copy of the {whose}")
    text = ", ".join(filter(None, parts))
    return _sentence(text or "nothing could be computed that says what it sounds like")


def _likeness(judged: FileScores) -> str:
    if "output" not in judged.predictions or judged.style_label is None:
        return ""
    label = judged.predictions["output"].label
    if label == judged.style_label == judged.content_label:
        return f"sounds like both content and style ({label})"
    if label == judged.style_label:
        return f"sounds like the style ({label})"
    if label == judged.content_label:
        return f"still sounds like the content ({label})"
    return f"sounds neither like the style ({judged.style_label}) nor like the content, but like {label}"


def _notes_kept(values: Mapping[str, float]) -> str:
    """Say which share of the notes is kept: of the true ones where they are given, or of the transcribed."""
    if not math.isnan(recall := values.get("note_recall", math.nan)):
        return f"keeps {recall:.0%} of the notes".replace("%", " %")
    if not math.isnan(f1 := values.get("transcribed_note_f1", math.nan)):
        return f"keeps {f1:.0%} of the notes, as far as they can be transcribed".replace("%", " %")
    return ""


def _closing_of_means(values: pd.DataFrame) -> str:
    means = {str(name): float(values[name].mean()) for name in values}
    parts = []
    judged = values["style_accuracy"].dropna()
    if len(judged):
        parts.append(f"{int(judged.sum())} of {len(judged)} outputs sound like the style")
    if share := _notes_kept(means):
        parts.append(f"the mean output {share}")
    return _sentence("; ".join(parts)) if parts else ""


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _value(score: Score) -> float:
    return math.nan if score.reason else score.value


def _show(text: str) -> None:
    """Print a text, in plainer signs where the terminal's encoding lacks them."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(_PLAIN)
    for line in text.split("\n"):
        print_line(line)
