"""The command that scores anyone's audio: one file, or a folder of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbrebench.core.destinations import check_output_file
from timbrebench.core.errors import ConfigurationError
from timbrebench.core.progress import log
from timbrebench.experiments.commands.options import AsJson, Force
from timbrebench.experiments.report.standard_output import print_json, print_line

# What takes seconds to import is imported when the command runs.
if TYPE_CHECKING:
    from timbrebench.classifier import Judge
    from timbrebench.metrics import FileScores


def score_command(
    output: Annotated[Path, typer.Argument(help="Audio to score, or a folder of it.")],
    content: Annotated[
        Path, typer.Option(help="The content it was made from; for a folder, a folder or one file.")
    ],
    style: Annotated[Path, typer.Option(help="Its style.")],
    reference: Annotated[Path | None, typer.Option(help="Its reference, if there is one.")] = None,
    notes: Annotated[
        Path | None, typer.Option(help="The content's notes, CSV: onset_s,offset_s,pitch,velocity.")
    ] = None,
    style_notes: Annotated[Path | None, typer.Option(help="The style's notes, CSV.")] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="A saved judge, judge.pt, or the name of one that comes with timbrebench; by default "
            "instruments-6-1, unless the scores are for a program (--json, --csv)."
        ),
    ] = None,
    second_judge: Annotated[
        str | None, typer.Option(help="A second style judge; the same, for second_style_accuracy.")
    ] = None,
    content_judge: Annotated[
        str, typer.Option(help="Who transcribes the notes: timbrebench, timbrebench-tuned, or basic-pitch.")
    ] = "timbrebench",
    content_label: Annotated[
        str | None, typer.Option(help="The content's label; by default what the judge predicts.")
    ] = None,
    style_label: Annotated[
        str | None, typer.Option(help="The style's label; by default what the judge predicts.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a folder's table here.")] = None,
    force: Force = False,
    show_all: Annotated[
        bool, typer.Option("--all", help="List the metrics that could not be computed, with the reasons.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compute every metric that the given files allow.

    Where OUTPUT is a folder, the others are folders with files of the same names, or one file for all.
    """
    if csv is not None:
        files_of_judges = [Path(named) for named in (judge, second_judge) if named]
        inputs = (output, content, style, reference, notes, style_notes, *files_of_judges)
        check_output_file(csv, inputs=inputs, suffixes=(".csv",), force=force)
    from timbrebench.core.tables import SIX_DIGITS, write_csv
    from timbrebench.experiments.ranking.control_values import SUITE
    from timbrebench.metrics import Folders, score_file, score_folders

    # What programs read follows from what they have named; people are told what the judge of the suite hears.
    is_for_people = not as_json and csv is None
    named = SUITE if judge is None and is_for_people else judge
    first, second = _open_judge(named), _open_judge(second_judge)
    folders = Folders(output, content, style, reference, notes, style_notes)
    if not output.is_dir():
        if csv is not None:
            raise ConfigurationError(f"--csv is for folders, and {output} is a file: use --json")
        judged = score_file(
            folders,
            judge=first,
            second_judge=second,
            content_judge=content_judge,
            content_label=content_label,
            style_label=style_label,
        )
        _show(output, judged, as_json=as_json, judge=first, name=named or "", show_all=show_all)
        return
    if content_label is not None or style_label is not None:
        raise ConfigurationError("labels are for one file: in a folder, the judge's predictions are used")
    table = score_folders(folders, judge=first, second_judge=second, content_judge=content_judge)
    if csv is not None:
        write_csv(csv, table, SIX_DIGITS)
        (log if as_json else print_line)(f"{csv}: the scores of {len(table)} outputs")
    if as_json:
        print_json(json.loads(table.to_json(orient="records")))
    elif csv is None:
        from timbrebench.experiments.report.score_report import print_mean_scores

        print_mean_scores(table, judge=named or "", show_all=show_all)


def _open_judge(named: str | None) -> Judge | None:
    """Open a published judge by its name, or a saved one by its path."""
    from timbrebench.classifier import Judge
    from timbrebench.classifier.style.published_judges import load_published, published_names

    if named is None:
        return None
    return load_published(named) if named in published_names() else Judge.load(named)


def _show(
    output: Path, judged: FileScores, *, as_json: bool, judge: Judge | None, name: str, show_all: bool
) -> None:
    if as_json:
        print_json(
            {
                name: {"value": None if item.reason else item.value, "reason": item.reason}
                for name, item in judged.scores.items()
            }
        )
        return
    from timbrebench.experiments.report.score_report import print_file_scores

    labels = judge.labels if judge else ()
    print_file_scores(str(output), judged, judge=name, labels=labels, show_all=show_all)
