"""Commands that hand runs in: packing one, checking a packed one, putting several into one leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.core.destinations import check_output_file, check_output_folder
from timbrebench.experiments.commands.options import Force
from timbrebench.experiments.report.standard_output import print_line

submission_app = typer.Typer(help="Check submissions and merge them.", no_args_is_help=True)

_DATASET = "A dataset with the suite's clips: outputs that came along are scored again."
_ALL = "Score all outputs again, not as many as find three false scores of thirty with a probability of 0.99."


def submit_command(
    root: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    out: Annotated[Path, typer.Option(help="The file to write: .zip.")],
    submitter: Annotated[str, typer.Option(help="Who hands it in, as leaderboards will name you.")],
    audio: Annotated[
        bool, typer.Option("--audio", help="Pack outputs too, so that others can score some again.")
    ] = False,
    force: Force = False,
) -> None:
    """Pack a run into one file that others can check and merge with theirs."""
    check_output_file(out, suffixes=(".zip",), force=force)
    from timbrebench.experiments.submissions.submission_packing import submit

    about = submit(root, out, submitter=submitter, audio=audio)
    methods = sum(1 for method in about.methods)
    print_line(
        f"{out}: {methods} methods and controls on {about.suite or 'drawn pairs'} ({about.suite_version})"
    )


@submission_app.command("verify")
def submission_verify(
    path: Annotated[Path, typer.Argument(help="A submission.")],
    dataset: Annotated[Path | None, typer.Option(help=_DATASET)] = None,
    every: Annotated[bool, typer.Option("--all", help=_ALL)] = False,
) -> None:
    """Check that a submission is whole, its tables follow from its records, its outputs are no copies.

    The status is 1 if anything disagrees.
    """
    from timbrebench.classifier.style.published_judges import published_name
    from timbrebench.experiments.submissions.submission_reading import read_submission
    from timbrebench.experiments.submissions.submission_verification import verify_submissions

    submission = read_submission(path)
    verification = verify_submissions([submission], dataset, every=every)[0]
    copies = [f"{label}: {what}: not ranked" for label, what in verification.copies.items()]
    if problems := [*verification.problems, *copies]:
        for problem in problems:
            print_line(problem)
        print_line(verification.summary)
        raise typer.Exit(1)
    about = submission.about
    print_line(f"{path}: {about.submitter}'s run {about.run!r} on {submission.results.suite.title}")
    print_line("every file is what the list says, and the tables follow from the records")
    judge = published_name(about.judge)
    print_line(
        f"scored by the published style judge {judge}"
        if judge
        else f"scored by a style judge of their own, {about.judge[:12]}"
    )
    print_line("seconds and memory are as stated by the submitter")
    print_line(verification.summary)


@submission_app.command("merge")
def submission_merge(
    paths: Annotated[list[Path], typer.Argument(help="Submissions of one suite.")],
    out: Annotated[Path, typer.Option(help="Folder for leaderboard.csv, leaderboard.md and sets.csv.")],
    dataset: Annotated[Path | None, typer.Option(help=_DATASET)] = None,
    every: Annotated[bool, typer.Option("--all", help=_ALL)] = False,
) -> None:
    """Make one leaderboard of submissions, in the order in which they arrived.

    What was not measured alike, or does not hold, is refused. Copies of the reference, of the style, or of an
    earlier submission's outputs are marked and not ranked.
    """
    check_output_folder(out)
    from timbrebench.experiments.submissions.submission_merging import merge

    merged = merge(paths, out, dataset=dataset, every=every)
    methods = int((merged.table.kind == "method").sum())
    print_line(f"{out / 'leaderboard.md'}: {methods} methods of {len(paths)} submissions")
    for label, what in zip(merged.table.method, merged.table.violation, strict=True):
        if what:
            print_line(f"NOT RANKED: {label}: {what}")
    for note in merged.notes:
        print_line(note)
