"""The commands of the quality gate: make a baseline, and compare a run with it."""

from __future__ import annotations

import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbrebench.core.errors import ConfigurationError, TimbrebenchError
from timbrebench.experiments.report.standard_output import print_line

# What takes seconds to import is imported when a command runs.
if TYPE_CHECKING:
    from timbrebench.experiments.ranking.gate import Outcome


def check_command(
    root: Annotated[Path, typer.Argument(help="A run's folder.")],
    baseline: Annotated[Path, typer.Option(help="A baseline, CSV, of `timbrebench baseline`.")],
    margin: Annotated[
        list[str] | None,
        typer.Option(help="The loss in a metric that matters, as metric=value, instead of what it declares."),
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write a summary for a pull request here.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
) -> None:
    """Compare a run with a baseline: exit status 1 where a method is worse, 2 where that can't be said."""
    from timbrebench.experiments.ranking.gate import Outcome

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
    """Print what the gate has found, write it where asked, and leave with its exit status.

    Parameters
    ----------
    outcome : Outcome
        Of the gate.
    markdown, junit : pathlib.Path, optional
        Files to write.

    Raises
    ------
    typer.Exit
        With 1 where a method is worse, with 2 where something could not be measured or written.
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
        sys.stderr.write(f"error: {problem}\n")
    for note in outcome.notes:
        sys.stderr.write(f"note: {note}\n")
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
) -> None:
    """Make a run the baseline of later checks."""
    from timbrebench.experiments.benchmark import read_results
    from timbrebench.experiments.ranking.baseline import write_baseline
    from timbrebench.experiments.ranking.comparing import style_judge
    from timbrebench.experiments.ranking.leaderboard import make_leaderboard

    results = read_results(root)
    problems = make_leaderboard(results).problems
    if problems:
        raise ConfigurationError(
            f"{root}: the run is not valid, so it can be no baseline: {'; '.join(problems)}"
        )
    write_baseline(results, out, judge=style_judge(root))
    print_line(f"{out}: {len(results.configuration.methods)} methods")
