"""The command that runs a study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from timbrebench.core.errors import RunError, TimbrebenchError
from timbrebench.core.progress import log
from timbrebench.experiments.report.standard_output import print_line

#: Folder, beside the results, for what studies learn on the way.
_LEARNED = "learned"

_ALL = "all"


def study_command(
    name: Annotated[
        str,
        typer.Argument(
            help="cross-synthesis, failure, judge, key-invariance, loss-terms, phase, spectrograms, "
            "style-content-curve, texture or wide-limit-convergence; all for all of them."
        ),
    ],
    run: Annotated[Path, typer.Option(help="A run's folder: its dataset, judge and suite.")],
    out: Annotated[Path, typer.Option(help="Folder of table, figure and page.")],
    setting: Annotated[
        Literal["small", "paper"],
        typer.Option(help="Three minutes on two cores, or as published, for a GPU."),
    ] = "small",
    pairs: Annotated[
        int | None, typer.Option(min=1, help="Pairs to use; the study's own by default.")
    ] = None,
) -> None:
    """Run a study on the data of a run: a table, a figure, and what they say.

    Of all studies, those that cannot be done on this run are named before the others begin, and the command
    ends with 1.
    """
    from timbrebench.experiments.run.opened_run import open_suite
    from timbrebench.experiments.studies.study import StudyContext
    from timbrebench.experiments.studies.study_pages import write_result
    from timbrebench.experiments.studies.study_registry import STUDIES, find_study

    studies = [find_study(chosen) for chosen in (STUDIES if name == _ALL else [name])]
    counts = [study.pairs_of(setting, pairs) for study in studies]
    _, dataset, judge, suite = open_suite(run)
    left_out: list[str] | None = [] if name == _ALL else None
    contexts = {}
    for study, count in zip(studies, counts, strict=True):
        with _left_out(study.name, left_out):
            context = StudyContext(dataset, judge, suite, count, setting, out / _LEARNED)
            study.check(context)
            contexts[study] = context
    for study, context in contexts.items():
        with _left_out(study.name, left_out):
            page = write_result(study, study.answer(context), out, setting)
            print_line(page.read_text(encoding="utf-8"))
    if left_out:
        raise RunError(f"{run}: not done here, for the reasons given above: {', '.join(left_out)}")


@contextmanager
def _left_out(study: str, left_out: list[str] | None) -> Iterator[None]:
    """Report an error and note the study if others are to follow; otherwise raise it."""
    try:
        yield
    except TimbrebenchError as error:
        if left_out is None:
            raise
        log(f"{study} is left out: {error}")
        left_out.append(study)
