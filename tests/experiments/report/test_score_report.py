"""What people read of one output's scores: on the scale of known controls, and in one sentence."""

from __future__ import annotations

import io
import math

import pytest

from timbrebench.experiments.ranking.control_values import CONTROLS, control_values
from timbrebench.experiments.report import score_report
from timbrebench.experiments.report.score_report import print_file_scores
from timbrebench.metrics import ClipPrediction, FileScores, Score, get, metric_names

SURE = ClipPrediction("clarinet", 0.876, False)


def judged(scores, output=SURE, *, content="piano", style="clarinet"):
    predictions = {} if output is None else {"output": output, "style": SURE}
    known = {name: Score(value) for name, value in scores.items()}
    return FileScores(known, predictions, style_label=style, content_label=content)


def printed(capsys, given, *, show_all=False):
    labels = ("clarinet", "piano")
    print_file_scores("out.wav", given, judge="instruments-6-1", labels=labels, show_all=show_all)
    return capsys.readouterr().out.splitlines()


def line_of(capsys, name, value):
    (line,) = [line for line in printed(capsys, judged({name: value})) if line.startswith(f"  {name} ")]
    return line


def test_what_the_judge_hears_comes_first(capsys):
    lines = printed(capsys, judged({"style_accuracy": 1}))
    assert lines[:3] == [
        "out.wav",
        "  heard: clarinet, 88 %   style: clarinet, 88 %",
        "  by the judge instruments-6-1, which knows clarinet, piano",
    ]


def test_doubts_about_what_is_heard_are_said(capsys):
    lines = printed(capsys, judged({"style_accuracy": 1}, ClipPrediction("clarinet", 0.9, True)))
    assert "heard: clarinet, 90 %, though it resembles nothing that the judge has learned" in lines[1]


def test_scales_go_from_the_worst_to_the_best_control(capsys):
    controls = control_values()["note_f1"]
    worst, best = controls["style-copy"], controls["identity"]
    assert worst < controls["reference"] < best
    line = line_of(capsys, "note_f1", best)
    assert line.split() == [
        "note_f1",
        f"{best:.2f}",
        "↑",
        "style",
        f"{worst:.2f}",
        "··········●",
        "content",
        f"{best:.2f}",
    ]
    assert "·····●·····" in line_of(capsys, "note_f1", (worst + best) / 2)
    assert "●··········" in line_of(capsys, "note_f1", -1)  # beyond it, at the end


def test_less_is_better_where_it_is(capsys):
    line = line_of(capsys, "log_spectral_distance", 0.0)
    assert line.split()[1:4] == ["0.00", "dB", "↓"]
    assert line.endswith("··········● reference 0.00")


def test_what_has_no_better_lies_between_content_and_style(capsys):
    controls = control_values()["xcorr_content"]
    line = line_of(capsys, "xcorr_content", controls["style-copy"])
    assert " content 1.00 ··········● style " in line
    assert "↑" not in line
    assert "↓" not in line


def test_controls_that_agree_are_no_scale(capsys):
    assert line_of(capsys, "clipped_share", 0.5).endswith("all controls 0.00")


def test_metrics_are_grouped_by_question_and_style_and_notes_come_first(capsys):
    names = ["silent_share", "note_f1", "clipped_share", "style_accuracy", "chroma_cosine"]
    lines = printed(capsys, judged(dict.fromkeys(names, 0.5)))
    questions = [
        get(name).question for name in ("style_accuracy", "note_f1", "chroma_cosine", "silent_share")
    ]
    assert [line for line in lines if line in questions] == questions


@pytest.mark.parametrize("show_all", [False, True])
def test_what_cannot_be_computed_is_counted_and_listed_on_demand(capsys, show_all):
    given = judged({"style_accuracy": 1})
    missing = {
        "note_f1": Score(math.nan, "needs the notes"),
        "log_stft_mse": Score(math.nan, "needs the reference"),
    }
    text = "\n".join(
        printed(capsys, FileScores({**given.scores, **missing}, {}, None, None), show_all=show_all)
    )
    assert ("2 metrics could not be computed: --all lists them with the reasons" in text) != show_all
    assert ("  note_f1      needs the notes" in text) == show_all


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (judged({"note_recall": 0.71}), "Sounds like the style (clarinet), keeps 71 % of the notes."),
        (
            judged({"transcribed_note_f1": 0.5}, ClipPrediction("piano", 0.9, False)),
            "Still sounds like the content (piano), keeps 50 % of the notes, as far as they can be "
            "transcribed.",
        ),
        (
            judged({}, ClipPrediction("organ", 0.5, False)),
            "Sounds neither like the style (clarinet) nor like the content, but like organ.",
        ),
        (
            judged({}, ClipPrediction("piano", 1, False), style="piano"),
            "Sounds like both content and style (piano).",
        ),
        (judged({"is_noop": 1.0}, None), "Is a copy of the content."),
        (
            judged({"note_recall": 0, "is_style_copy": 1.0}),
            "Sounds like the style (clarinet), keeps 0 % of the notes, is a copy of the style.",
        ),
        (judged({}, None), "Nothing could be computed that says what it sounds like."),
    ],
)
def test_one_sentence_says_what_it_comes_to(capsys, given, sentence):
    assert printed(capsys, given)[-1] == sentence


def test_terminals_without_the_signs_get_plainer_ones(capsys, monkeypatch):
    plain = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(score_report.sys, "stdout", plain)
    print_file_scores("out.wav", judged({"note_f1": 0.5}), judge="", labels=(), show_all=False)
    plain.seek(0)
    assert " ^ " in plain.read()


def test_the_controls_are_those_of_the_metrics_of_today():
    """A metric whose version was raised has to be measured again; CONTRIBUTING says how."""
    known = control_values()
    assert len(known) > 35
    assert set(known) <= set(metric_names())
    assert known["style_accuracy"] == dict(zip(CONTROLS, (0, 1, 1), strict=True))
    assert known["log_stft_mse"]["reference"] == 0
