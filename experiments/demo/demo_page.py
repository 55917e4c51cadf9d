"""The page of `timbrebench demo`: both pieces, what methods made of them, and how that is scored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from timbrebench.audio.clips import read_audio
from timbrebench.core.files import file_sha256, write_text
from timbrebench.experiments.demo.demo_pieces import CONTENT, REFERENCE, SOUNDFONT, STYLE
from timbrebench.experiments.ranking.control_values import SUITE
from timbrebench.experiments.report.leaderboard_tables import Column, metrics_by_question
from timbrebench.experiments.report.pair_cards import Card
from timbrebench.experiments.report.recordings import Recording, Role
from timbrebench.experiments.report.score_report import closing_sentence, described
from timbrebench.experiments.report.spectrogram_images import spectrogram_image
from timbrebench.experiments.report.templating import asset, data_uri, render
from timbrebench.metrics import FileScores
from timbrebench.transfer import Method
from timbrebench.transfer.method_calls import query_learned

#: The page's file.
PAGE = "index.html"

#: Metrics that stand beside a player, after what the judge hears.
_BESIDE = ("note_f1", "sound_quality")


def write_demo_page(folder: Path, methods: Mapping[str, Method], scores: Mapping[str, FileScores]) -> None:
    """Write the page of a demo, ``index.html``.

    Parameters
    ----------
    folder : pathlib.Path
        Holds the pieces and, as ``NAME.wav``, the output of each method.
    methods : mapping of str to Method
        The methods by their names, prepared as they were for their outputs.
    scores : mapping of str to FileScores
        Scores of their outputs, by the same names.
    """
    # Without those that nothing had, such as the second judge's.
    values = {name: {key: score.value for key, score in each.scores.items()} for name, each in scores.items()}
    table = pd.DataFrame.from_dict(values, orient="index").dropna(axis="columns", how="all")
    groups = metrics_by_question(table.columns, table)
    columns = {column.name: column for group in groups.values() for column in group}
    given = [
        _card(folder, "Content", "a tune on the piano", "given", CONTENT),
        _card(folder, "Style", "a phrase on the clarinet", "given", STYLE),
        _card(folder, "Reference", "the tune on the clarinet", "given", REFERENCE),
    ]
    made = [
        _card(folder, name, "", "method", f"{name}.wav", beside=_beside(scores[name], columns))
        for name in methods
    ]
    page = render(
        "demo.html.jinja",
        css=asset("report.css"),
        script=asset("player.js"),
        direction="piano → clarinet",
        cards=given + made,
        outputs=[card.recording for card in made],
        groups=[
            {"question": question, "rows": [_row(column, scores) for column in group]}
            for question, group in groups.items()
        ],
        verdicts=[
            {"name": name, "summary": method.summary, "sentence": closing_sentence(scores[name])}
            for name, method in methods.items()
        ],
        known=[name for name, method in methods.items() if SOUNDFONT in query_learned(method).soundfonts],
        soundfont=SOUNDFONT,
        judge=SUITE,
    )
    write_text(folder / PAGE, page)


def _card(
    folder: Path,
    title: str,
    subtitle: str,
    role: Role,
    name: str,
    *,
    beside: tuple[tuple[str, str], ...] = (),
) -> Card:
    samples, sample_rate = read_audio(folder / name)
    digest, duration_s = file_sha256(folder / name), len(samples) / sample_rate
    recording = Recording(
        title, subtitle, role, None if role == "given" else 0, name, digest, duration_s, "", beside
    )
    image = data_uri(spectrogram_image(samples, sample_rate), "image/png")
    return Card(recording, audio=name, image=image, outputs=[(title, beside)] if beside else [])


def _beside(scores: FileScores, columns: Mapping[str, Column]) -> tuple[tuple[str, str], ...]:
    predicted = [("heard", described(scores.predictions["output"]))] if "output" in scores.predictions else []
    measured = [(name, columns[name].text(scores.scores[name].value)) for name in _BESIDE if name in columns]
    return *predicted, *measured


def _row(column: Column, scores: Mapping[str, FileScores]) -> dict[str, Any]:
    """Return a metric and its cells, as the pages of pairs show them."""
    results = [each.scores[column.name] for each in scores.values()]
    return {
        "column": column,
        "cells": [{"text": column.text(result.value), "reason": result.reason} for result in results],
    }
