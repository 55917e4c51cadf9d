"""Commands that time transfers, metrics and the building of datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.core.destinations import check_output_folder
from timbrebench.core.files import write_text
from timbrebench.experiments.report.standard_output import print_line
from timbrebench.experiments.run.layout import DATASET


def bench_datasets_command(
    out: Annotated[Path, typer.Option(help="Folder of the tables, dataset-speed.md.")],
    midi: Annotated[
        Path | None, typer.Option(help="An archive or folder of MIDI files to time the indexing of.")
    ] = None,
    audioset: Annotated[
        Path | None, typer.Option(help="A folder of AudioSet's tables and ontology to time the planning of.")
    ] = None,
) -> None:
    """Time a build, where its time goes, a loop over pretty_midi, both cores, indexing and planning."""
    check_output_folder(out)
    from timbrebench.experiments.speed.dataset_speed import time_datasets

    _publish(time_datasets(out, midi=midi, audioset=audioset).markdown(), out / "dataset-speed.md")


def bench_metrics_command(
    out: Annotated[Path, typer.Option(help="Folder of the table, speed.md, and of what is scored.")],
) -> None:
    """Time all metrics on one output of 10 s, on one core."""
    check_output_folder(out)
    from timbrebench.experiments.speed.metric_speed import time_metrics

    _publish(time_metrics(out / DATASET).markdown(), out / "speed.md")


def bench_transfer_command(
    out: Annotated[
        Path, typer.Option(help="Folder of the tables, speed.md, and of what is built and learned.")
    ],
    dataset: Annotated[
        Path | None,
        typer.Option(help="A dataset's folder; by default one with clips of 10 s is built in OUT."),
    ] = None,
) -> None:
    """Time one loss and gradient of the random convolution, and every method on 10 s, on one core."""
    check_output_folder(out)
    from timbrebench.datasets import Dataset
    from timbrebench.experiments.speed.transfer_speed import time_transfers

    opened = None if dataset is None else Dataset.open(dataset)
    _publish(time_transfers(out, dataset=opened).markdown(), out / "speed.md")


def _publish(page: str, path: Path) -> None:
    write_text(path, page)
    print_line(page)
    print_line(path)
