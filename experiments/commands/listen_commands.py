"""Commands of listening tests: making one from a run, and reading what listeners have answered."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbrebench.core.destinations import check_output_folder
from timbrebench.experiments.report.standard_output import print_line

# What takes seconds to import is imported when a command runs.
if TYPE_CHECKING:
    import pandas as pd

    from timbrebench.experiments.listening.listening_reading import ReadTest

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
    check_output_folder(out)
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


@listen_app.command("read")
def listen_read(
    folder: Annotated[Path, typer.Argument(metavar="TEST", help="The test's folder, with its key.")],
    ratings: Annotated[list[Path], typer.Argument(help="Files that listeners have handed back.")],
    run: Annotated[
        Path | None, typer.Option(help="The run, if it is no longer where the test was made from.")
    ] = None,
) -> None:
    """Read ratings: screening, means, comparisons, agreement, listeners needed, and metrics beside them.

    Files that do not count are left out, with the reason. Scores go into the run's folder, from where
    `timbrebench leaderboard` shows them.
    """
    from timbrebench.experiments.listening.listener_report import write_results
    from timbrebench.experiments.listening.listening_reading import read_listening_test
    from timbrebench.experiments.listening.listening_test import RESULTS_FOLDER, read_key
    from timbrebench.experiments.report.leaderboard_tables import as_records

    key = read_key(folder)
    test = read_listening_test(key, ratings)
    for item in test.left_out:
        print_line(f"left out: {item.name}: {item.reason}")
    for row in test.excluded.itertuples():
        print_line(f"excluded: listener {row.listener} {row.reason}")
    metrics = _compare_with_run(test, run or Path(key.run))
    print_line(write_results(test, metrics, folder / RESULTS_FOLDER))
    print_line(f"{test.ratings.listener.nunique()} listeners count, of {len(ratings)} files")
    for need in as_records(test.findings.needed):
        text = _needed(need["difference"], need["listeners_needed"], need["pieces"])
        print_line(f"{need['question']}: {text}")


def _compare_with_run(test: ReadTest, root: Path) -> pd.DataFrame:
    """Correlate the run's metrics with the ratings, and put the ratings into its folder."""
    import pandas as pd

    from timbrebench.core.progress import log
    from timbrebench.experiments.benchmark import read_results
    from timbrebench.experiments.listening.listening_reading import (
        correlations,
        listener_scores,
        unchanged_labels,
    )
    from timbrebench.experiments.ranking.listener_scores import write_listener_scores

    if not root.is_dir():
        log(f"{root}: the run is not there any more, so its metrics are left out: name it by --run")
        return pd.DataFrame()
    results = read_results(root)
    labels = unchanged_labels(test.key, results, root)
    for label in test.key.outputs:
        if label not in labels:
            log(
                f"{root}: the outputs of {label} are not those that listeners heard: its metrics are left out"
            )
    if labels:
        print_line(write_listener_scores(root, listener_scores(test, labels)))
    return correlations(test, results, root)


def _needed(difference: float, listeners: float, pieces: int) -> str:
    if math.isnan(listeners):
        return "with two listeners on two pieces it can be said how many listeners are needed"
    if math.isinf(listeners):
        return f"no number of listeners finds a difference of {difference:g} on {pieces} pieces: use more"
    return f"{listeners:.0f} listeners find a difference of {difference:g} on {pieces} pieces"
