"""The report of a run: everything that it consists of, in order."""

from __future__ import annotations

from pathlib import Path

from timbrebench.core.workers.executors import Executor
from timbrebench.experiments.ranking.leaderboard import Leaderboard
from timbrebench.experiments.ranking.results import Results
from timbrebench.experiments.report.contents import Contents
from timbrebench.experiments.report.exports import write_tables
from timbrebench.experiments.report.pair_pages import write_pair_pages
from timbrebench.experiments.report.report_figures import write_figures
from timbrebench.experiments.report.report_page import write_page


def write_report(
    results: Results, leaderboard: Leaderboard, root: Path, executor: Executor | None = None
) -> Path:
    """Write a run's report and return the path of its page, ``report.html``, which is self-contained.

    The run's folder `root` holds the dataset in ``dataset/``, the outputs, and, where the judge was
    evaluated, ``judge/evaluation.json``. It gets ``pairs/`` with a page for each pair, which plays the run's
    own audio; ``figures/`` with what the report draws as SVG and PNG; and ``tables/`` with what it lists as
    CSV, Markdown and LaTeX. Pages of pairs are written by `executor`, by default on all cores of this
    machine.

    Raises :class:`DatasetError` if there is no dataset, :class:`ConfigurationError` if the judge's evaluation
    is not what this version writes, :class:`StorageError` if a file cannot be written.
    """
    contents = Contents.of(results, leaderboard)
    write_pair_pages(contents, root, executor)
    write_figures(contents, root)
    write_tables(contents, root)
    return write_page(contents, root)
