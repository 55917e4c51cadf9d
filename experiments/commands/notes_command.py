"""The command that trains the note network of the package again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.experiments.report.standard_output import print_line


def train_notes_command(
    out: Annotated[Path, typer.Argument(help="Gets the dataset, the network and its card.")],
    dataset: Annotated[
        Path | None, typer.Option(help="Where the default dataset is, or is to be built.")
    ] = None,
) -> None:
    """Train the note network of reinstrument that comes with the package again."""
    from timbrebench.transfer.methods.reinstrument.packaged_notes import NOTES_FILE, build_packaged_notes

    notes = build_packaged_notes(out, dataset=dataset)
    print_line(f"{out / NOTES_FILE}: learned from {len(notes.training_clips)} clips")
