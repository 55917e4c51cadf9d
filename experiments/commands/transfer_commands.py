"""The command that times transfers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.experiments.report.standard_output import print_line


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
    from timbrebench.core.files import write_text
    from timbrebench.datasets import Dataset
    from timbrebench.experiments.speed.transfer_speed import measure

    page = measure(out, dataset=None if dataset is None else Dataset.open(dataset)).markdown()
    write_text(out / "speed.md", page)
    print_line(page)
    print_line(out / "speed.md")
