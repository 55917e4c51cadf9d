"""Commands of listening tests: making one from a run, and reading what listeners have answered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.experiments.report.standard_output import print_line

listen_app = typer.Typer(
    help="Ask people: make listening tests and read their results.", no_args_is_help=True
)


@listen_app.command("make")
def listen_make(
    root: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[Path, typer.Option(help="The test's folder.")],
    kind: Annotated[
        str,
        typer.Option(
            help="mushra: all outputs of a pair against a reference, 0 to 100; abx: which of two is nearer; "
            "mos: each output alone, 1 to 5."
        ),
    ] = "mushra",
    methods: Annotated[
        str, typer.Option(help="Labels of methods, separated by commas; by default all methods of the run.")
    ] = "",
    pairs: Annotated[int, typer.Option(min=1, help="How many pairs are heard.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of names and orders.")] = 0,
) -> None:
    """Make a listening test of a run's outputs: a page that works offline, and a key that stays with you."""
    from timbrebench.experiments.benchmark import read_results
    from timbrebench.experiments.listening.listening_kinds import kind_of
    from timbrebench.experiments.listening.listening_making import make_listening_test
    from timbrebench.experiments.listening.listening_test import KEY, PAGE, PAGE_FOLDER, WEBMUSHRA_FOLDER

    chosen = [label.strip() for label in methods.split(",") if label.strip()]
    wanted = kind_of(kind)  # before the run is read, which takes seconds
    made = make_listening_test(
        read_results(root), root, out, kind=wanted, methods=chosen, pairs=pairs, seed=seed
    )
    heard = {page.pair_id for page in made.key.pages.values()}
    print_line(
        f"{len(made.test.pages)} pages about {len(heard)} pairs: {', '.join(made.key.methods)} beside "
        f"{', '.join(made.key.conditions.anchors)}"
    )
    print_line(f"{out / PAGE_FOLDER / PAGE}: hand out this folder, or put it on any host of files")
    print_line(f"{out / WEBMUSHRA_FOLDER}: the same test for webMUSHRA")
    print_line(f"{out / KEY}: what is behind each sound; keep it to yourself")
