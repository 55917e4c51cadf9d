"""Commands that compare: two methods, two runs, and a run with a baseline, which is the quality gate."""

from __future__ import annotations

import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbrebench.core.destinations import check_output_file
from timbrebench.core.errors import ConfigurationError, TimbrebenchError
from timbrebench.core.files import why_no_folder
from timbrebench.core.plain_text import without_controls
from timbrebench.experiments.commands.options import Force
from timbrebench.experiments.report.standard_output import print_line

# What takes seconds to import is imported when a command runs.
if TYPE_CHECKING:
    import pandas as pd

    from timbrebench.experiments.ranking.gate import Outcome
    from timbrebench.experiments.ranking.results import Results


def check_command(
    root: Annotated[Path, typer.Argument(help="A run's folder.")],
    baseline: Annotated[Path, typer.Option(help="A baseline, CSV, of `timbrebench baseline`.")],
    margin: Annotated[
        list[str] | None,
        typer.Option(help="Margin of a metric instead of its own, as metric=value; repeatable."),
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write a summary for a pull request here.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
) -> None:
    """Compare a run with a baseline: exit status 1 if a method is worse, 2 if that cannot be decided."""
    from timbrebench.experiments.ranking.gate import Outcome

    try:
        for path in filter(None, (markdown, junit)):
            check_output_file(path, inputs=[baseline], force=True)  # a summary is of the last check
    except TimbrebenchError as error:
        report_outcome(Outcome(problems=(str(error),)))
    try:
        outcome = _check(root, baseline, dict(_margin(text) for text in margin or ()))
    except (TimbrebenchError, OSError, ValueError) as error:
        outcome = Outcome(problems=(str(error),))
    except Exception as error:
        # Python would leave with 1, which says that a method is worse.
        traceback.print_exc()
        fault = f"a fault of timbrebench itself ({error!r}): report it with all that is printed"
        outcome = Outcome(problems=(fault,))
    report_outcome(outcome, markdown=markdown, junit=junit)


def report_outcome(outcome: Outcome, *, markdown: Path | None = None, junit: Path | None = None) -> None:
    """Print an outcome of the gate, write it to the given files, and exit with its status.

    Raises :class:`typer.Exit` with 1 where a method is worse, with 2 where something could not be measured or
    written.
    """
    from timbrebench.core.files import write_text
    from timbrebench.experiments.report.gate_report import gate_junit, gate_markdown

    try:
        if markdown is not None:
            write_text(markdown, gate_markdown(outcome))
        if junit is not None:
            write_text(junit, gate_junit(outcome))
    except TimbrebenchError as error:
        outcome = replace(outcome, problems=(*outcome.problems, str(error)))
    for regression in outcome.regressions:
        print_line(regression)
    for problem in outcome.problems:
        sys.stderr.write(f"error: {without_controls(problem)}\n")
    for note in outcome.notes:
        sys.stderr.write(f"note: {without_controls(note)}\n")
    if outcome.exit_status:
        raise typer.Exit(outcome.exit_status)
    print_line(f"no method has become worse ({len(outcome.findings)} comparisons)")


def _check(root: Path, path: Path, margins: dict[str, float]) -> Outcome:
    from timbrebench.experiments.benchmark import read_results
    from timbrebench.experiments.ranking.baseline import read_baseline
    from timbrebench.experiments.ranking.comparing import style_judge
    from timbrebench.experiments.ranking.gate import check_run
    from timbrebench.experiments.ranking.leaderboard import make_leaderboard

    baseline = read_baseline(path)
    results = read_results(root)
    outcome = check_run(results, baseline, margins, judge=style_judge(root))
    invalid = [f"the run is not valid: {problem}" for problem in make_leaderboard(results).problems]
    return replace(outcome, problems=(*outcome.problems, *invalid))


def _margin(text: str) -> tuple[str, float]:
    name, separator, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        wrong = value if separator else "nothing"
        raise ConfigurationError(
            f"--margin {text}: write metric=value, such as note_f1=0.05, got {wrong}"
        ) from None


def baseline_command(
    root: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[Path, typer.Option(help="The baseline to write, CSV.")],
    force: Force = False,
) -> None:
    """Make a run the baseline of later checks."""
    check_output_file(out, suffixes=(".csv",), force=force)
    from timbrebench.experiments.benchmark import read_results
    from timbrebench.experiments.ranking.baseline import write_baseline
    from timbrebench.experiments.ranking.comparing import style_judge
    from timbrebench.experiments.ranking.leaderboard import make_leaderboard

    results = read_results(root)
    problems = make_leaderboard(results).problems
    if problems:
        raise ConfigurationError(
            f"{root}: the run is not valid, so it cannot be a baseline: {'; '.join(problems)}"
        )
    write_baseline(results, out, judge=style_judge(root))
    print_line(f"{out}: {len(results.configuration.methods)} methods")


def compare_command(
    first: Annotated[str, typer.Argument(help="A method of the run, or without --run a run's folder.")],
    second: Annotated[str, typer.Argument(help="A second one.")],
    run: Annotated[Path | None, typer.Option(help="The run that both methods are of.")] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="Of two runs: a method to compare; repeatable; by default all that both have."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the table here: .csv or .md.")] = None,
    force: Force = False,
) -> None:
    """Compare two methods of one run, or the same methods in two runs of one suite, metric by metric."""
    if out is not None:
        check_output_file(out, suffixes=(".csv", ".md"), force=force)
    if run is not None and method:
        raise ConfigurationError("--method is for two runs: of one run, name the two methods themselves")
    from timbrebench.core.files import write_text
    from timbrebench.core.tables import SIX_DIGITS, csv_text
    from timbrebench.experiments.report.comparison_report import comparison_markdown, print_comparison

    table, notes = _of_one_run(run, first, second) if run else _of_two_runs(first, second, method or [])
    print_comparison(table, notes)
    if out is None:
        return
    as_csv = out.suffix.lower() == ".csv"
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
            problem = why_no_folder(root)
            raise ConfigurationError(f"{root}: {problem}: name two runs, or two methods and their --run")
    before, after = (read_results(root) for root in roots)
    table = compare_runs(before, after, (first, second), labels)
    notes = []
    judges = [(style_judge(root), run.second_judge) for root, run in zip(roots, (before, after), strict=True)]
    if judges[0] != judges[1]:
        notes.append("the runs have different style judges, which differ on the same output")
    settings = [results.configuration.suite.setting for results in (before, after)]
    if settings[0] != settings[1]:
        notes.append(
            f"{first} has the setting {settings[0]} and {second} {settings[1]}: methods that learn have "
            "learned from different clips"
        )
    return table, [*notes, *_validity(before, first), *_validity(after, second)]


def _validity(results: Results, name: str) -> list[str]:
    from timbrebench.experiments.ranking.leaderboard import make_leaderboard

    return [f"{name} is not valid: {problem}" for problem in make_leaderboard(results).problems]
