"""Commands that hand the pairs of a run to systems outside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.experiments.report.standard_output import print_line

pairs_app = typer.Typer(help="Hand the pairs of a run to systems outside.", no_args_is_help=True)


@pairs_app.callback()
def _pairs() -> None:
    """Make typer ask for the command's name, though there is one command only."""


@pairs_app.command("export")
def pairs_export(
    root: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[Path, typer.Option(help="Folder of the pairs.")],
) -> None:
    """Write each pair's content and style as audio, with a table and what to hand back; no reference."""
    from timbrebench.experiments.run.opened_run import open_suite
    from timbrebench.experiments.suites.pair_export import export_pairs

    configuration, _, _, suite = open_suite(root)
    export_pairs(suite, out, name=configuration.name, seeds=configuration.seeds)
    print_line(f"{out}: {len(suite.pairs)} pairs")
