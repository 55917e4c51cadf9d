"""Commands that hand runs in: packing one, checking a packed one, putting several into one leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.core.destinations import check_output_file, check_output_folder
from timbrebench.core.errors import ConfigurationError
from timbrebench.experiments.commands.options import Force
from timbrebench.experiments.report.standard_output import print_line

submission_app = typer.Typer(help="Check submissions and merge them.", no_args_is_help=True)

_DATASET = "A dataset with the suite's clips: outputs that came along are scored again."
_ALL = "Score all outputs again, not as many as find three false scores of thirty with a probability of 0.99."


def submit_command(
    root: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    out: Annotated[Path, typer.Option(help="The file to write, .zip; with --card the folder of results.")],
    submitter: Annotated[str, typer.Option(help="Who hands it in, as leaderboards will name you.")],
    card: Annotated[
        list[Path] | None,
        typer.Option(help="A method's card, YAML: makes an entry of it in the folder OUT; repeatable."),
    ] = None,
    audio: Annotated[
        bool,
        typer.Option(
            "--audio", help="Pack outputs too, so that others can score some again; excerpts with --card."
        ),
    ] = False,
    force: Force = False,
) -> None:
    """Pack a run into one file that others can check and merge with theirs; with cards, make entries."""
    if card:
        _make_entries(root, out, card, submitter=submitter, audio=audio, force=force)
        return
    check_output_file(out, suffixes=(".zip",), force=force)
    from timbrebench.experiments.submissions.submission_packing import submit

    about = submit(root, out, submitter=submitter, audio=audio)
    methods = sum(1 for method in about.methods)
    print_line(
        f"{out}: {methods} methods and controls on {about.suite or 'drawn pairs'} ({about.suite_version})"
    )


def _make_entries(
    root: Path, out: Path, cards: list[Path], *, submitter: str, audio: bool, force: bool
) -> None:
    check_output_folder(out)
    from timbrebench.experiments.submissions.entry_writing import write_entries

    for folder in write_entries(root, out, cards, submitter=submitter, audio=audio, force=force):
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print_line(f"{folder}: {size / 1000:.0f} kB")


@submission_app.command("verify")
def submission_verify(
    paths: Annotated[list[Path], typer.Argument(help="Submissions, or folders with entries.")],
    dataset: Annotated[Path | None, typer.Option(help=_DATASET)] = None,
    every: Annotated[bool, typer.Option("--all", help=_ALL)] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write a summary for a pull request here.")] = None,
) -> None:
    """Check that submissions are whole, their tables follow from their records, their outputs are no copies.

    The status is 1 if anything disagrees.
    """
    if markdown is not None:
        check_output_file(markdown, inputs=paths, force=True)  # a summary is of the last verification
    from timbrebench.core.files import write_text
    from timbrebench.experiments.submissions.verification_report import Report, report_entries, report_file

    folders = [path for path in paths if path.is_dir()]
    if folders and dataset is not None:
        raise ConfigurationError("--dataset is for submissions with outputs, which entries do not have")
    report = report_entries(folders) if folders else Report()
    for path in paths:
        if path not in folders:
            report += report_file(path, dataset, every=every)
    for line in report.lines:
        print_line(line)
    if markdown is not None:
        write_text(markdown, report.markdown())
    if report.refused:
        raise typer.Exit(1)


def site_command(
    results: Annotated[Path, typer.Argument(help="A folder with entries: results.")],
    out: Annotated[Path, typer.Option(help="Folder for the pages.")],
) -> None:
    """Verify all entries, and write the public leaderboard: static pages, CSV and JSON."""
    check_output_folder(out)
    from timbrebench.experiments.site.site_building import build_site

    for suite in build_site(results, out):
        print_line(f"{out / suite.name / 'index.html'}: {len(suite.rows)} methods")
    print_line(out / "index.html")


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
