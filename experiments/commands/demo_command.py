"""The command that shows what this is about: two pieces, a few methods, a page to listen and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.core.destinations import check_output_folder
from timbrebench.core.errors import StorageError
from timbrebench.core.progress import StageProgress
from timbrebench.experiments.commands.transfer_commands import transfer_command
from timbrebench.experiments.report.standard_output import print_line

#: The methods: the one that keeps most first, then three that take seconds.
_METHODS = ("reinstrument", "wct", "envelope", "musaicing")

# The notes of the content and of the style, beside their audio.
_CONTENT_NOTES, _STYLE_NOTES = "content.csv", "style.csv"


def demo_command(
    out: Annotated[Path, typer.Option(help="The demo's folder.")] = Path("demo"),
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that holds something else, too.")
    ] = False,
) -> None:
    """Play a tune on another instrument by four methods, score them, and write a page to listen.

    Two short pieces and all that the methods need come with timbrebench. The folder gets the pieces, the
    outputs and `index.html`.
    """
    from timbrebench.experiments.demo.demo_pieces import (
        CONTENT,
        REFERENCE,
        STYLE,
        copy_pieces,
        holds_pieces,
        phrase,
        tune,
    )

    check_output_folder(out)
    if not (force or holds_pieces(out)):
        raise StorageError(
            f"{out}: holds files that are not those of a demo: choose another folder by --out, or write into "
            "it with --force"
        )
    from timbrebench.classifier import OWN_CONTENT_JUDGE
    from timbrebench.classifier.style.published_judges import load_published
    from timbrebench.datasets.notes import write_notes
    from timbrebench.experiments.demo.demo_page import PAGE, write_demo_page
    from timbrebench.experiments.ranking.control_values import SUITE
    from timbrebench.experiments.report.score_report import closing_sentence
    from timbrebench.metrics import Folders, score_file
    from timbrebench.transfer.contract import ComesPrepared
    from timbrebench.transfer.registry import create

    copy_pieces(out)
    write_notes(out / _CONTENT_NOTES, tune())
    write_notes(out / _STYLE_NOTES, phrase())
    judge, scores = load_published(SUITE), {}
    with StageProgress(len(_METHODS)) as stages:
        for name in _METHODS:
            stages.begin(name)
            output = out / f"{name}.wav"
            transfer_command(name, out / CONTENT, out / STYLE, output, force=True)
            scores[name] = score_file(
                Folders(
                    output,
                    out / CONTENT,
                    out / STYLE,
                    out / REFERENCE,
                    out / _CONTENT_NOTES,
                    out / _STYLE_NOTES,
                ),
                judge=judge,
                second_judge=None,
                content_judge=OWN_CONTENT_JUDGE,
                content_label=None,
                style_label=None,
            )
    methods = {name: create(name, {}) for name in _METHODS}
    for method in methods.values():
        if isinstance(method, ComesPrepared):
            method.load_packaged()
    write_demo_page(out, methods, scores)
    for name in _METHODS:
        print_line(f"{name:{max(map(len, _METHODS))}}  {closing_sentence(scores[name])}")
    print_line(f"\nTo listen and compare, open {(out / PAGE).absolute()}")
