"""The command that runs a study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from timbrebench.core.errors import ConfigurationError, RunError, TimbrebenchError
from timbrebench.core.progress import log
from timbrebench.experiments.report.standard_output import print_line

#: Folder, beside the results, for what studies learn on the way.
_LEARNED = "learned"

_ALL = "all"


def study_command(
    name: Annotated[
        str,
        typer.Argument(
            help="cross-synthesis, failure, fidelity, judge, key-invariance, loss-terms, phase, "
            "spectrograms, style-content-curve, texture or wide-limit-convergence; all for all of them."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of table, figure and page.")],
    run: Annotated[
        Path | None,
        typer.Option(help="A run's folder: its dataset, judge and suite. All but fidelity need it."),
    ] = None,
    authors: Annotated[
        Path | None,
        typer.Option(help="A folder of authors' outputs and their inputs, for fidelity."),
    ] = None,
    setting: Annotated[
        Literal["small", "paper"],
        typer.Option(help="Up to ten minutes on two cores, or as published, for a GPU."),
    ] = "small",
    pairs: Annotated[
        int | None, typer.Option(min=1, help="Pairs to use; the study's own by default.")
    ] = None,
    recorded_notes: Annotated[
        Path | None,
        typer.Option(help="Folder of recorded notes with a manifest.csv, for failure; left out by default."),
    ] = None,
) -> None:
    """Run a study on the data of a run: a table, a figure, and what they say.

    Of all studies, those that cannot be done on this run are named before the others begin, and the command
    ends with 1.
    """
    from timbrebench.experiments.run.opened_run import open_suite
    from timbrebench.experiments.studies.authors_context import AuthorsContext
    from timbrebench.experiments.studies.study import Study, StudyContext
    from timbrebench.experiments.studies.study_pages import write_result
    from timbrebench.experiments.studies.study_registry import AUTHORS_STUDIES, STUDIES, find_study

    names = (
        [study for study in STUDIES if authors or study not in AUTHORS_STUDIES] if name == _ALL else [name]
    )
    studies = {study: study.pairs_of(setting, pairs) for study in map(find_study, names)}
    if name != _ALL:
        find_study(name).check_recorded_notes(recorded_notes)
    of_authors = [study for study in studies if study.name in AUTHORS_STUDIES]
    of_run = {study: count for study, count in studies.items() if study not in of_authors}
    left_out: list[str] | None = [] if name == _ALL else None
    contexts: dict[Study[Any, Any], StudyContext | AuthorsContext] = {}
    if of_run:
        folder = _given(run, "--run", "a run's folder")
        if name != _ALL and authors:
            raise ConfigurationError(f"the study {name!r} works on a run alone: leave out --authors")
        _, dataset, judge, suite = open_suite(folder)
        for study, count in of_run.items():
            with _left_out(study.name, left_out):
                notes = recorded_notes if study.takes_recorded_notes else None
                context = StudyContext(dataset, judge, suite, count, setting, out / _LEARNED, notes)
                study.check(context)
                contexts[study] = context
    for study in of_authors:
        with _left_out(study.name, left_out):
            published = _given(authors, "--authors", "a folder of authors' outputs")
            if name != _ALL and run:
                raise ConfigurationError(f"the study {name!r} works on no run: leave out --run")
            given = AuthorsContext.of_folder(published, setting, out / _LEARNED)
            study.check(given)
            contexts[study] = given
    for study, own in contexts.items():
        with _left_out(study.name, left_out):
            page = write_result(study, study.answer(own), out, setting)
            print_line(page.read_text(encoding="utf-8"))
    if left_out:
        raise RunError(f"{run}: not done here, for the reasons given above: {', '.join(left_out)}")


def _given(folder: Path | None, option: str, what: str) -> Path:
    """Return a folder, or raise a `ConfigurationError` that asks for it."""
    if folder is None:
        raise ConfigurationError(f"this study works on {what}: name it by {option}")
    return folder


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
