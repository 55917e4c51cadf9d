"""Commands that hand runs in: packing one, checking a packed one, putting several into one leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.experiments.report.standard_output import print_line

submission_app = typer.Typer(help="Check submissions and merge them.", no_args_is_help=True)


def submit_command(
    root: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    out: Annotated[Path, typer.Option(help="The file to write: .zip.")],
    submitter: Annotated[str, typer.Option(help="Who hands it in, as leaderboards will name you.")],
    audio: Annotated[
        bool, typer.Option("--audio", help="Pack outputs too, so that others can score some again.")
    ] = False,
) -> None:
    """Pack a run into one file that others can check and merge with theirs."""
    from timbrebench.experiments.submissions.submission_packing import submit

    about = submit(root, out, submitter=submitter, audio=audio)
    methods = sum(1 for method in about.methods)
    print_line(
        f"{out}: {methods} methods and controls on {about.suite or 'drawn pairs'} ({about.suite_version})"
    )


@submission_app.command("verify")
def submission_verify(
    path: Annotated[Path, typer.Argument(help="A submission.")],
    dataset: Annotated[
        Path | None,
        typer.Option(
            help="A dataset with the suite's clips: some outputs are scored again, if they are there."
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Score all outputs again, not ten of each method.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draw the outputs as a check before, which has named its seed.")
    ] = None,
) -> None:
    """Check that a submission is whole and its tables follow from its records; else the status is 1."""
    from timbrebench.classifier.style.published_judges import published_name
    from timbrebench.experiments.run.layout import OUTPUTS
    from timbrebench.experiments.submissions.rescoring import SAMPLE, compare_outputs, rescore_outputs
    from timbrebench.experiments.submissions.submission_archive import Archive
    from timbrebench.experiments.submissions.submission_checking import check_submission
    from timbrebench.experiments.submissions.submission_reading import read_submission

    submission = read_submission(path)
    problems = check_submission(submission)
    with Archive(path) as archive:
        has_outputs = archive.has_folder(OUTPUTS)
    differences: list[str] = []
    rescored = "not scored again: it comes without outputs"
    if dataset is not None:
        sample = None if every else SAMPLE
        differences, rescored = rescore_outputs(submission, dataset, sample=sample, seed=seed)
    elif has_outputs:
        differences, rescored = compare_outputs(submission)
    problems += differences
    for problem in problems:
        print_line(problem)
    if problems:
        print_line(rescored)
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
    print_line(rescored)


@submission_app.command("merge")
def submission_merge(
    paths: Annotated[list[Path], typer.Argument(help="Submissions of one suite.")],
    out: Annotated[Path, typer.Option(help="Folder for leaderboard.csv, leaderboard.md and sets.csv.")],
) -> None:
    """Make one leaderboard of several submissions; what was not measured alike is refused."""
    from timbrebench.experiments.submissions.submission_merging import merge

    merged = merge(paths, out)
    methods = int((merged.table.kind == "method").sum())
    print_line(f"{out / 'leaderboard.md'}: {methods} methods of {len(paths)} submissions")
    for note in merged.notes:
        print_line(note)
