"""The command that runs a study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from timbrebench.core.destinations import check_output_folder
from timbrebench.core.errors import ConfigurationError, RunError, TimbrebenchError
from timbrebench.core.progress import log
from timbrebench.experiments.report.standard_output import print_line
from timbrebench.experiments.studies import study_registry

#: Folder, beside the results, for what studies learn on the way.
_LEARNED = "learned"

_ALL = "all"


def study_command(
    name: Annotated[str, typer.Argument(help=f"{', '.join(study_registry.STUDIES)}; or all of a run.")],
    out: Annotated[Path, typer.Option(help="Folder of table, figure and page.")],
    run: Annotated[
        Path | None,
        typer.Option(help="A run's folder: its dataset, judge and suite. All studies but fidelity need it."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="What a study takes beside a run or instead: for failure a folder of recorded notes with a "
            "manifest.csv, left out by default; for fidelity authors' outputs and their inputs."
        ),
    ] = None,
    setting: Annotated[
        Literal["small", "paper"],
        typer.Option(help="Up to ten minutes on two cores, or as published, for a GPU."),
    ] = "small",
    pairs: Annotated[
        int | None, typer.Option(min=1, help="Pairs to use; the study's own by default.")
    ] = None,
) -> None:
    """Run a study on the data of a run: a table, a figure, and what they say.

    Of all studies, those that cannot be done on this run are named before the others begin, and the command
    ends with 1.
    """
    check_output_folder(out)
    from timbrebench.experiments.run.opened_run import open_suite
    from timbrebench.experiments.studies.authors_context import AuthorsContext
    from timbrebench.experiments.studies.study import Study, StudyContext
    from timbrebench.experiments.studies.study_pages import write_result

    studies = [study_registry.find_study(own) for own in (study_registry.STUDIES if name == _ALL else [name])]
    if name == _ALL:
        if data is not None:
            raise ConfigurationError("--data is for one study: name it, or leave out --data")
        studies = [study for study in studies if study.needs_run]
    counts = {study: study.pairs_of(setting, pairs) for study in studies}
    for study in studies:
        study.check_folders(run, data)
    left_out: list[str] | None = [] if name == _ALL else None
    contexts: dict[Study[Any, Any], StudyContext | AuthorsContext] = {}
    opened = open_suite(run)[1:] if run is not None else None
    for study in studies:
        with _left_out(study.name, left_out):
            context: StudyContext | AuthorsContext
            if opened is not None:
                context = StudyContext(*opened, counts[study], setting, out / _LEARNED, data)
            elif data is not None:
                context = AuthorsContext.of_folder(data, setting, out / _LEARNED)
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
