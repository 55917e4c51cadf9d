"""The report: a run as one page that needs nothing beside itself.

Everything that the page shows is in it: style sheet, script, figures, audio. It asks no other place for
anything, and the same run gives the same bytes. Whatever comes from outside the project is escaped: the
summaries of other people's methods and metrics, and the reasons why they failed.
"""

from __future__ import annotations

import base64
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from pydantic import ValidationError

from timbrebench.audio.clips import Samples, read_audio
from timbrebench.audio.errors import describe_validation
from timbrebench.audio.storage import write_text
from timbrebench.classifier import Evaluation
from timbrebench.datasets import Dataset
from timbrebench.experiments.figures import (
    DB_RANGE,
    F_MIN,
    Floats,
    Point,
    colour_bar,
    spectrogram_image,
    style_content_plane,
)
from timbrebench.experiments.headline_test import CONTENT, STYLE
from timbrebench.experiments.leaderboard import Leaderboard
from timbrebench.experiments.results import Results
from timbrebench.experiments.statistics import COVERAGE, headline
from timbrebench.experiments.suite import Pair
from timbrebench.experiments.tables import (
    Column,
    as_records,
    leaderboard_columns,
    leaderboard_groups,
    questions,
)
from timbrebench.metrics.registry import get
from timbrebench.transfer.registry import method_class

#: Pairs that the page lets one hear, as far as they fit into the page.
PAIRS_TO_HEAR = 4

#: Bytes of audio and spectrograms, as embedded, that the page may hold; one pair is always there.
EMBEDDED_BYTES = 6_000_000

#: Metrics that stand beside each output that can be heard.
_KEY_METRICS = (STYLE, CONTENT, "key_invariance_mse")

_SOFTWARE = ("timbrebench", "torch", "pytorch-lightning", "librosa", "mir_eval", "numpy", "scipy")


@dataclass
class Player:
    """Something that can be heard, with every output of the run that sounds exactly like it."""

    title: str
    subtitle: str
    audio: str
    image: str
    outputs: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)


@dataclass(frozen=True)
class Example:
    """A pair that can be heard, and the methods that have no output for it."""

    pair: Pair
    players: list[Player]
    absent: list[str]

    @property
    def size(self) -> int:
        """Bytes that it takes in the page."""
        return sum(len(player.audio) + len(player.image) for player in self.players)


def write_report(results: Results, leaderboard: Leaderboard, root: Path) -> Path:
    """Write a run's report.

    Parameters
    ----------
    results : Results
        What the run has found.
    leaderboard : Leaderboard
        The methods ranked.
    root : pathlib.Path
        The run's folder, with the dataset in ``dataset/``, the outputs, and, where the judge was evaluated,
        ``judge/evaluation.json``.

    Returns
    -------
    pathlib.Path
        ``report.html`` in that folder: one page without any reference to another file.

    Raises
    ------
    DatasetError
        If there is no dataset.
    ConfigurationError
        If the judge's evaluation is not what this version writes.
    AudioError
        If an output or a clip of the pairs that are shown cannot be read.
    StorageError
        If the page cannot be written.
    """
    dataset = Dataset.open(root / "dataset")
    columns = leaderboard_columns(results, leaderboard.table)
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.jinja").render(
        css=Markup(_template("report.css")),  # noqa: S704 - our own file
        script=Markup(_template("report.js")),  # noqa: S704 - our own file
        results=results,
        leaderboard=leaderboard,
        columns=columns,
        groups=leaderboard_groups(results, leaderboard.table, columns),
        questions=questions(results, leaderboard.table),
        sets=as_records(results.sets[results.sets.label == "all"]) if len(results.sets) else [],
        plane=_plane(leaderboard.table, columns),
        judge=_judge(root / "judge" / "evaluation.json", dataset),
        examples=_examples(results, leaderboard.table, columns, dataset, root),
        colour_bar=_data_uri(colour_bar(), "image/png"),
        db_range=DB_RANGE,
        f_min=F_MIN,
        failures=_failures(results),
        gaps=_gaps(results),
        methods={entry.name: method_class(entry.method) for entry in results.configuration.entries},
        metrics=[get(name).specification for name in results.configuration.metrics],
        dataset=dataset.description,
        software={"python": platform.python_version(), **{name: version(name) for name in _SOFTWARE}},
        coverage=COVERAGE,
        settings=_settings(results),
    )
    path = root / "report.html"
    write_text(path, page)
    return path


def _settings(results: Results) -> str:
    # Sorted, since a configuration that was stored has another order than the one it was stored from.
    settings = results.configuration.model_dump(mode="json")
    return json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False)


def _template(name: str) -> str:
    return (resources.files("timbrebench.experiments") / "templates" / name).read_text(encoding="utf-8")


def _data_uri(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


# Figures


def _plane(table: pd.DataFrame, columns: Sequence[Column]) -> Markup | None:
    """Draw style against content, or return None where one was not measured."""
    if not {STYLE, CONTENT} <= {column.name for column in columns}:
        return None
    points = [
        Point(
            row["method"],
            row[STYLE],
            row[CONTENT],
            (row[f"{STYLE}_low"], row[f"{STYLE}_high"]),
            (row[f"{CONTENT}_low"], row[f"{CONTENT}_high"]),
            row["kind"] == "control",
        )
        for row in as_records(table)
    ]
    content_of = table.set_index("method")[CONTENT]

    def score(style: Floats, content: Floats) -> Floats:
        chance, ceiling = (np.full_like(style, content_of[name]) for name in ("style-copy", "reference"))
        return headline(style, content, chance, ceiling)

    svg = style_content_plane(points, x_label="style accuracy", y_label="note F1", score=score)
    return Markup(svg.decode())  # noqa: S704 - matplotlib escapes the labels


def _judge(path: Path, dataset: Dataset) -> dict[str, Any] | None:
    """Read the judge's evaluation, or return None where there is none."""
    if not path.is_file():
        return None
    try:
        evaluation = Evaluation.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise describe_validation(error, str(path), Evaluation.model_fields) from error
    families = dict(zip(dataset.manifest.soundfont, dataset.manifest.soundfont_family, strict=True))
    soundfonts = [
        {
            "name": name,
            "family": families[name],
            "accuracy": accuracy,
        }
        for name, accuracy in evaluation.accuracy_by_soundfont.items()
    ]
    return {**evaluation.model_dump(), "soundfonts": soundfonts}


# Listening


def _examples(
    results: Results, table: pd.DataFrame, columns: Sequence[Column], dataset: Dataset, root: Path
) -> list[Example]:
    """Make pairs spread evenly over the suite fit to be heard: as many as the page has room for."""
    pairs = results.suite.pairs
    made: dict[str, Example] = {}
    for count in range(min(PAIRS_TO_HEAR, len(pairs)), 0, -1):
        chosen = [pairs[index] for index in np.linspace(0, len(pairs) - 1, count).round().astype(int)]
        for pair in chosen:
            if pair.pair_id not in made:
                made[pair.pair_id] = _example(pair, results, table, columns, dataset=dataset, root=root)
        examples = [made[pair.pair_id] for pair in chosen]
        if sum(example.size for example in examples) <= EMBEDDED_BYTES:
            break
    return examples


def _example(
    pair: Pair,
    results: Results,
    table: pd.DataFrame,
    columns: Sequence[Column],
    *,
    dataset: Dataset,
    root: Path,
) -> Example:
    """Collect what there is to hear of a pair; the same sound under two names is there once."""
    rate = pair.content.sample_rate
    players: dict[bytes, Player] = {}

    def player(title: str, subtitle: str, samples: Samples) -> Player:
        pcm = np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)
        key = pcm.tobytes()
        if key not in players:
            buffer = BytesIO()
            soundfile.write(buffer, pcm, rate, format="FLAC", subtype="PCM_16")
            audio = _data_uri(buffer.getvalue(), "audio/flac")
            image = _data_uri(spectrogram_image(samples, rate), "image/png")
            players[key] = Player(title, subtitle, audio, image)
        return players[key]

    player("Content", pair.content.label, dataset.samples(pair.content))
    player("Style", pair.style.label, dataset.samples(pair.style))
    player("Reference", f"the content on {pair.style.label}", dataset.samples(pair.reference))
    rows = pd.concat([results.transfers, results.scores], axis=1)
    rows = rows[(rows.pair_id == pair.pair_id) & (rows.seed == results.configuration.seeds[0])]
    shown = [column for column in columns if column.name in _KEY_METRICS]
    absent = []
    for label, kind in zip(table.method, table.kind, strict=True):
        row = rows[rows.label == label].iloc[0]
        path = root / row.output
        if row.status != "ok" or not path.is_file():
            absent.append(label)
            continue
        scores = [(column.name, column.text(row[column.name])) for column in shown]
        player(label, kind, read_audio(path, rate)[0]).outputs.append((label, scores))
    return Example(pair, list(players.values()), absent)


# What did not work


def _failures(results: Results) -> list[dict[str, Any]]:
    """Count the transfers without output by method and reason, with a pair as an example."""
    failed = results.transfers[results.transfers.status != "ok"]
    # The silence control fails as it must: what needs looking at stands above it.
    failed = failed.sort_values("label", key=lambda labels: labels == "silence", kind="stable")
    groups = failed.groupby(["label", "status", "reason"], sort=False)
    return as_records(groups.agg(count=("pair_id", "size"), example=("pair_id", "first")).reset_index())


def _gaps(results: Results) -> list[dict[str, Any]]:
    """Count the scores that outputs lack by method, metric and reason, with a pair as an example."""
    done = results.transfers.status == "ok"
    keys = results.transfers.loc[done, ["label", "pair_id"]]
    reasons = pd.concat([keys, results.reasons[done]], axis=1)
    long = reasons.melt(["label", "pair_id"], var_name="metric", value_name="reason")
    groups = long[long.reason != ""].groupby(["label", "metric", "reason"], sort=False)
    return as_records(groups.agg(count=("pair_id", "size"), example=("pair_id", "first")).reset_index())
