"""The command that puts two methods, or two runs, beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbrebench.core.errors import ConfigurationError
from timbrebench.experiments.report.standard_output import print_line

# What takes seconds to import is imported when the command runs.
if TYPE_CHECKING:
    import pandas as pd

    from timbrebench.experiments.ranking.results import Results


def compare_command(
    first: Annotated[str, typer.Argument(help="A method of the run, or without --run a run's folder.")],
    second: Annotated[str, typer.Argument(help="Another one.")],
    run: Annotated[Path | None, typer.Option(help="The run that both methods are of.")] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="Of two runs: a method to compare, as often as needed; else all that both have."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the table here: .csv or .md.")] = None,
) -> None:
    """Compare two methods of one run, or the same methods in two runs of one suite, metric by metric."""
    if out is not None and out.suffix not in {".csv", ".md"}:
        raise ConfigurationError(f"--out {out}: the name must end in .csv or .md")
    if run is not None and method:
        raise ConfigurationError("--method is for two runs: of one run, name the two methods themselves")
    from timbrebench.core.files import write_text
    from timbrebench.core.tables import SIX_DIGITS, csv_text
    from timbrebench.experiments.report.comparison_report import comparison_markdown, print_comparison

    table, notes = _of_one_run(run, first, second) if run else _of_two_runs(first, second, method or [])
    print_comparison(table, notes)
    if out is None:
        return
    as_csv = out.suffix == ".csv"
    write_text(out, csv_text(table, SIX_DIGITS) if as_csv else comparison_markdown(table, notes))
    print_line(out)


def _of_one_run(root: Path, first: str, second: str) -> tuple[pd.DataFrame, list[str]]:
    from timbrebench.experiments.benchmark import read_results
    from timbrebench.experiments.ranking.comparing import compare_methods

    results = read_results(root)
    notes = [
        f"{label} {results.violations[label]}" for label in (first, second) if label in results.violations
    ]
    return compare_methods(results, first, second), [*notes, *_validity(results, str(root))]


def _of_two_runs(first: str, second: str, labels: list[str]) -> tuple[pd.DataFrame, list[str]]:
    from timbrebench.experiments.benchmark import read_results
    from timbrebench.experiments.ranking.comparing import compare_runs, style_judge

    roots = Path(first), Path(second)
    for root in roots:
        if not root.is_dir():
            raise ConfigurationError(f"{root}: no such folder: name two runs, or two methods and their --run")
    before, after = (read_results(root) for root in roots)
    table = compare_runs(before, after, (first, second), labels)
    notes = []
    if style_judge(roots[0]) != style_judge(roots[1]):
        notes.append("the runs have different style judges: what these say of one output differs")
    settings = [results.configuration.suite.setting for results in (before, after)]
    if settings[0] != settings[1]:
        notes.append(
            f"{first} has the setting {settings[0]} and {second} {settings[1]}: methods that learn have "
            "learned from other material"
        )
    return table, [*notes, *_validity(before, first), *_validity(after, second)]


def _validity(results: Results, name: str) -> list[str]:
    from timbrebench.experiments.ranking.leaderboard import make_leaderboard

    return [f"{name} is not valid: {problem}" for problem in make_leaderboard(results).problems]
