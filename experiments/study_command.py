"""The command that runs a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.experiments.console import print_line


def study_command(
    name: Annotated[str, typer.Argument(help="wide-limit-convergence or style-content-curve.")],
    run: Annotated[Path, typer.Option(help="A run's folder: its dataset, judge and suite.")],
    out: Annotated[Path, typer.Option(help="Folder of table, figure and page.")],
    pairs: Annotated[
        int | None, typer.Option(min=1, help="Pairs to use; the study's own by default.")
    ] = None,
) -> None:
    """Run a study on the data of a run: a table, a figure, and what they say."""
    from timbrebench.experiments.benchmark import open_suite
    from timbrebench.experiments.studies.study import StudyContext, find_study, write_result

    study = find_study(name)
    _, dataset, judge, suite = open_suite(run)
    context = StudyContext(dataset, judge, suite, study.pairs if pairs is None else pairs)
    print_line(write_result(study, study.run(context), out).read_text(encoding="utf-8"))
