"""The command that scores anyone's audio: one file, or a folder of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbrebench.core.destinations import check_output_file
from timbrebench.core.errors import ConfigurationError
from timbrebench.experiments.commands.options import AsJson, Force
from timbrebench.experiments.report.standard_output import print_json, print_line

# What takes seconds to import is imported when the command runs.
if TYPE_CHECKING:
    import pandas as pd

    from timbrebench.classifier import Judge
    from timbrebench.metrics import Score


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
        typer.Option(help="A saved judge, judge.pt, or the name of one that comes with timbrebench."),
    ] = None,
    second_judge: Annotated[
        str | None, typer.Option(help="A second style judge; the same, for second_style_accuracy.")
    ] = None,
    content_judge: Annotated[
        str, typer.Option(help="Who transcribes the notes: the content judge of timbrebench, or basic-pitch.")
    ] = "timbrebench",
    content_label: Annotated[
        str | None, typer.Option(help="The content's label; by default what the judge predicts.")
    ] = None,
    style_label: Annotated[
        str | None, typer.Option(help="The style's label; by default what the judge predicts.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a folder's table here.")] = None,
    force: Force = False,
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
    from timbrebench.metrics import Folders, score_file, score_folders

    judges = {"judge": _open_judge(judge), "second_judge": _open_judge(second_judge)}
    folders = Folders(output, content, style, reference, notes, style_notes)
    if not output.is_dir():
        if csv is not None:
            raise ConfigurationError(f"--csv is for folders, and {output} is a file: use --json")
        scores = score_file(
            folders,
            content_judge=content_judge,
            content_label=content_label,
            style_label=style_label,
            **judges,
        )
        _show(scores, as_json)
        return
    if content_label is not None or style_label is not None:
        raise ConfigurationError("labels are for one file: in a folder, the judge's predictions are used")
    table = score_folders(folders, content_judge=content_judge, **judges)
    if csv is not None:
        write_csv(csv, table, SIX_DIGITS)
    if as_json:
        print_json(json.loads(table.to_json(orient="records")))
    elif csv is None:
        _show_means(table)


def _open_judge(named: str | None) -> Judge | None:
    """Open a published judge by its name, or a saved one by its path."""
    from timbrebench.classifier import Judge
    from timbrebench.classifier.style.published_judges import load_published, published_names

    if named is None:
        return None
    return load_published(named) if named in published_names() else Judge.load(named)


def _show(scores: dict[str, Score], as_json: bool) -> None:
    if as_json:
        print_json(
            {
                name: {"value": None if item.reason else item.value, "reason": item.reason}
                for name, item in scores.items()
            }
        )
        return
    width = max(map(len, scores))
    for name, item in scores.items():
        print_line(
            f"{name:{width}} " + (f"not computed: {item.reason}" if item.reason else f"{item.value:.4f}")
        )


def _show_means(table: pd.DataFrame) -> None:
    values = table.drop(columns=["output", "reasons"])
    width = max(map(len, values.columns))
    print_line(f"means over {len(table)} outputs; --csv FILE writes each")
    for name in values:
        present = values[name].notna().sum()
        print_line(
            f"{name:{width}} " + (f"{values[name].mean():.4f} ({present})" if present else "not computed")
        )
