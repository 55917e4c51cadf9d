"""The page of a run: one self-contained file.

Style sheets, scripts, figures and audio of a few pairs are embedded. Nothing is loaded from elsewhere, and
the same run gives the same bytes. Whatever comes from outside the project is
escaped: the names and summaries of other people's methods and metrics, and the reasons why they failed.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from timbrebench.classifier import Evaluation
from timbrebench.core.documents import read_json
from timbrebench.core.errors import ConfigurationError, describe_validation
from timbrebench.core.files import write_text
from timbrebench.core.statistics.bootstrap import COVERAGE
from timbrebench.datasets import Dataset
from timbrebench.datasets.soundfonts.soundfont_finding import family_of
from timbrebench.experiments.ranking.judge_dependence import MAX_DIFFERENCE
from timbrebench.experiments.ranking.results import Results
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.cost_figures import draw_speed, speed_rows
from timbrebench.experiments.report.drawing import PAGE, page_svg
from timbrebench.experiments.report.leaderboard_tables import as_records, leaderboard_groups
from timbrebench.experiments.report.pair_cards import examples
from timbrebench.experiments.report.pair_pages import list_pairs
from timbrebench.experiments.report.plane import pareto_front
from timbrebench.experiments.report.recordings import Recordings
from timbrebench.experiments.report.report_figures import plane_figure
from timbrebench.experiments.report.spectrogram_images import DB_RANGE, F_MIN, colour_bar
from timbrebench.experiments.report.templating import asset, data_uri, render
from timbrebench.experiments.run.layout import DATASET, EVALUATION, REPORT, SECOND_EVALUATION
from timbrebench.metrics.registry import get
from timbrebench.transfer.registry import method_class

_SOFTWARE = ("timbrebench", "torch", "pytorch-lightning", "librosa", "mir_eval", "numpy", "scipy")


def write_page(contents: Contents, root: Path) -> Path:
    """Write the page, ``report.html`` in the run's folder `root`, and return its path.

    Raises :class:`DatasetError` if there is no dataset, :class:`ConfigurationError` if the judge's evaluation
    is not what this version writes, :class:`StorageError` if the page cannot be written.
    """
    results, table, columns = contents.results, contents.leaderboard.table, contents.columns
    dataset = Dataset.open(root / DATASET)
    pair_columns, pair_rows = list_pairs(results, table)
    page = render(
        "report.html.jinja",
        css=asset("report.css"),
        scripts=[asset("tables.js"), asset("player.js")],
        results=results,
        leaderboard=contents.leaderboard,
        columns=columns,
        groups=leaderboard_groups(results, table, columns),
        questions=contents.questions,
        sets=as_records(results.sets[results.sets.label == "all"]) if len(results.sets) else [],
        plane=page_svg(plane_figure(contents, PAGE), "plane") if contents.points else None,
        front=[point.label for point in pareto_front(contents.points)],
        has_hollow=any(point.is_hollow and point.is_measured for point in contents.points),
        matrices=contents.matrices,
        judges=_judges(results, root),
        max_difference=MAX_DIFFERENCE,
        examples=examples(results.suite.pairs, Recordings(results, table, columns, root)),
        addresses={row["pair"].pair_id: row["address"] for row in pair_rows},
        pair_columns=pair_columns,
        pair_rows=pair_rows,
        speed=speed_rows(results, contents.speed),
        speed_figure=page_svg(draw_speed(contents.speed, PAGE), "speed"),
        colour_bar=data_uri(colour_bar(), "image/png"),
        db_range=DB_RANGE,
        f_min=F_MIN,
        failures=contents.failures,
        gaps=_gaps(results),
        methods={entry.name: method_class(entry.method) for entry in results.configuration.entries},
        metrics=[get(name).specification for name in results.configuration.metrics],
        dataset=dataset.description,
        software={"python": platform.python_version(), **{name: version(name) for name in _SOFTWARE}},
        coverage=COVERAGE,
        settings=_settings(results),
    )
    path = root / REPORT
    write_text(path, page)
    return path


def _settings(results: Results) -> str:
    # Sorted, since a configuration that was stored has another order than the one it was stored from.
    settings = results.configuration.model_dump(mode="json")
    return json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False)


def _judges(results: Results, root: Path) -> list[dict[str, Any]]:
    """Return what there is to say of each style judge: its title, published name and evaluation."""
    first, second = results.configuration.judge, results.configuration.second_judge
    judges = [{"title": "The first judge" if second else "The judge", "name": first.name, "path": EVALUATION}]
    if second:
        judges.append({"title": "The second judge", "name": second.name, "path": SECOND_EVALUATION})
    return [{**judge, "evaluation": _evaluation(root / judge["path"])} for judge in judges]


def _evaluation(path: Path) -> dict[str, Any] | None:
    """Read a judge's evaluation, or return None without one."""
    if not path.is_file():
        return None
    try:
        evaluation = Evaluation.model_validate(read_json(path, ConfigurationError))
    except ValidationError as error:
        raise describe_validation(error, str(path), Evaluation.model_fields) from error
    soundfonts = [
        {"name": name, "family": family_of(name), "accuracy": accuracy}
        for name, accuracy in evaluation.accuracy_by_soundfont.items()
    ]
    return {**evaluation.model_dump(), "soundfonts": soundfonts}


def _gaps(results: Results) -> list[dict[str, Any]]:
    """Count the scores that outputs lack by method, metric and reason, with a pair as an example."""
    done = results.transfers.status == "ok"
    keys = results.transfers.loc[done, ["label", "pair_id"]]
    reasons = pd.concat([keys, results.reasons[done]], axis=1)
    long = reasons.melt(["label", "pair_id"], var_name="metric", value_name="reason")
    groups = long[long.reason != ""].groupby(["label", "metric", "reason"], sort=False)
    return as_records(groups.agg(count=("pair_id", "size"), example=("pair_id", "first")).reset_index())
