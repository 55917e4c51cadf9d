"""The command that times the building of datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.experiments.report.standard_output import print_line


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
    from timbrebench.core.files import write_text
    from timbrebench.experiments.speed.dataset_speed import measure

    page = measure(out, midi=midi, audioset=audioset).markdown()
    write_text(out / "dataset-speed.md", page)
    print_line(page)
    print_line(out / "dataset-speed.md")
