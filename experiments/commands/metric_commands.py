"""Commands that list metrics and check what they declare."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbrebench.core.destinations import check_output_folder
from timbrebench.experiments.commands.interruption import resumable
from timbrebench.experiments.commands.listing import ListedMetric, listed_metrics
from timbrebench.experiments.commands.options import AsJson, Config
from timbrebench.experiments.report.standard_output import print_json, print_line
from timbrebench.experiments.run.layout import DATASET, JUDGE, JUDGE_FILE
from timbrebench.experiments.validity.known_agreement import agreement_with_listeners

if TYPE_CHECKING:
    from timbrebench.classifier import JudgeConfiguration
    from timbrebench.datasets import Dataset
    from timbrebench.metrics import Metric


def list_metrics_command(as_json: AsJson = False) -> None:
    """List the metrics that are installed, by the question that they answer."""
    if as_json:
        from timbrebench.metrics import get, metric_names

        print_json([_description(get(name)) for name in metric_names()])
        return
    by_question: dict[str, list[ListedMetric]] = {}
    for metric in listed_metrics():
        by_question.setdefault(metric.question, []).append(metric)
    better = {"higher": "higher is better", "lower": "lower is better", "none": "neither way is better"}
    width = max(len(metric.name) for group in by_question.values() for metric in group)
    for question, group in by_question.items():
        print_line(question)
        for about in group:
            agreement = agreement_with_listeners(about.name)
            listeners = f"; listeners: {agreement}" if agreement else ""
            line = f"{about.summary} ({about.unit}, {better[about.direction]}{listeners})"
            print_line(f"  {about.name:{width}} {line}")


def _description(metric: Metric) -> dict[str, object]:
    about = metric.specification
    return {
        "name": about.name,
        "version": about.version,
        "unit": about.unit,
        "range": [None if math.isinf(bound) else bound for bound in (about.lower, about.upper)],
        "direction": about.direction,
        "needs": sorted(about.needs),
        "relevant_change": about.relevant_change,
        "responds": dict(about.responds),
        "invariant_to": sorted(about.invariant_to),
        "ignores": sorted(about.invariant_to),  # the former name, for programs that read it
        "agrees_with_listeners": agreement_with_listeners(about.name),
        "question": metric.question,
        "summary": about.summary,
    }


def validate_metrics_command(
    out: Annotated[
        Path, typer.Option(help="Folder of the tables and the figure, and of what has to be built.")
    ],
    dataset: Annotated[
        Path | None, typer.Option(help="A dataset's folder; by default the profile's is built in OUT.")
    ] = None,
    judge: Annotated[
        Path | None,
        typer.Option(
            help="A saved style judge, judge.pt; by default the one that lies beside the dataset, as in a "
            "run's folder, or, where none fits, the profile's, which is trained in OUT."
        ),
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="How many pairs are scored.")] = 20,
    config: Config = "smoke",
) -> None:
    """Check that every metric moves as it declares, on references that are degraded more and more.

    The exit status is 1 if a metric does not do what it declares, 2 if that could not be measured.
    """
    check_output_folder(out)
    from timbrebench.classifier import Judge, load_content_judge
    from timbrebench.datasets import Dataset, build_dataset
    from timbrebench.experiments.run.run_configuration import load_configuration
    from timbrebench.experiments.suites.suite import SuiteConfiguration, make_suite
    from timbrebench.experiments.validity.validation import validate_metrics
    from timbrebench.experiments.validity.validation_report import FIGURE, TABLE, describe, write_validation

    configuration = load_configuration(config)
    with resumable():
        if dataset is None:
            opened = build_dataset(configuration.dataset, out / DATASET)
        else:
            opened = Dataset.open(dataset)
        judge = judge or _fitting_judge(opened, configuration.judge, out)
    directions = len(opened.labels) * (len(opened.labels) - 1)
    suite = make_suite(
        opened,
        SuiteConfiguration(
            soundfont=_drawn_soundfont(opened),
            pairs_per_direction=-(-pairs // max(1, directions)),
        ),
        learned={*Judge.load(judge).training_pieces, *load_content_judge().training_pieces},
    )
    study = validate_metrics(opened, suite, judge_path=judge, pairs=pairs)
    write_validation(study, out)
    for verdict in ("no", "not measured"):
        for row in study.with_verdict(verdict).itertuples():
            print_line(f"{row.metric}: {describe(row)}")
    counts = {verdict: len(study.with_verdict(verdict)) for verdict in ("yes", "no", "not measured")}
    print_line(
        f"promises: {counts['yes']} hold, {counts['no']} do not, {counts['not measured']} not measured"
    )
    print_line(out / TABLE)
    print_line((out / FIGURE).with_suffix(".png"))
    if counts["no"] or counts["not measured"]:
        raise typer.Exit(1 if counts["no"] else 2)


def _drawn_soundfont(dataset: Dataset) -> str:
    """Return what pairs of a rendered dataset are drawn on: its first soundfont, or each instrument's own."""
    from timbrebench.datasets import DatasetConfiguration
    from timbrebench.datasets.building import configuration_of
    from timbrebench.datasets.rendering.rendered_dataset import soundfonts_of
    from timbrebench.experiments.suites.suite import OWN_SOUNDFONTS

    first = soundfonts_of(dataset)[0].name
    configuration = configuration_of(dataset.description, DatasetConfiguration)
    return OWN_SOUNDFONTS if configuration and configuration.has_own_soundfonts else first


def _fitting_judge(dataset: Dataset, configuration: JudgeConfiguration, out: Path) -> Path:
    """Find the judge that was trained beside a dataset, or train one in OUT."""
    from timbrebench.classifier import Judge, build_judge
    from timbrebench.core.errors import JudgeError
    from timbrebench.core.progress import log

    beside = dataset.root.parent / JUDGE_FILE
    if beside.is_file():
        try:
            if set(dataset.labels) <= set(Judge.load(beside).labels):
                return beside
            log(f"{beside} knows other labels than the dataset has: training another judge")
        except JudgeError as error:
            log(f"training another judge: {error}")
    build_judge(dataset, configuration, out / JUDGE)
    return out / JUDGE_FILE
