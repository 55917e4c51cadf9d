"""What a study is, the studies there are, and how their results are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from timbrebench.audio.errors import ConfigurationError, UnknownNameError
from timbrebench.audio.storage import atomic_path, write_text
from timbrebench.classifier import Judge
from timbrebench.datasets import Dataset
from timbrebench.experiments.suite import Pair, Suite

#: Significant digits of the figures on a page; the CSV has all.
_DIGITS = 3

#: Where each study is defined, as ``STUDY``.
_MODULES = {
    "wide-limit-convergence": "timbrebench.experiments.studies.wide_limit_convergence",
    "style-content-curve": "timbrebench.experiments.studies.style_content_curve",
}


@dataclass(frozen=True)
class StudyContext:
    """What a study works on.

    Attributes
    ----------
    dataset : Dataset
        With the clips of the suite.
    judge : Judge
        The run's style judge.
    suite : Suite
        Pairs to take clips from.
    pairs : int
        How many of them, spread evenly over the suite.
    """

    dataset: Dataset
    judge: Judge
    suite: Suite
    pairs: int

    def __post_init__(self) -> None:
        if not 1 <= self.pairs <= len(self.suite.pairs):
            raise ConfigurationError(
                f"{self.pairs} pairs are asked for, and the suite has {len(self.suite.pairs)}: ask for fewer"
            )


@dataclass(frozen=True)
class StudyResult:
    """What a study has found.

    Attributes
    ----------
    table : pandas.DataFrame
        The figures, one row for each condition.
    figure : matplotlib.figure.Figure
        The same to look at.
    text : str
        What they say, in a few sentences of Markdown, made from the figures.
    """

    table: pd.DataFrame
    figure: Figure
    text: str


@dataclass(frozen=True)
class Study:
    """A question, and how it is answered.

    Attributes
    ----------
    name : str
        Lower-case words joined by hyphens.
    question : str
        In one sentence.
    source : str
        Who asked or claimed it.
    pairs : int
        Pairs of the suite that it takes by default: it is done in three minutes on two cores.
    run : callable
        From a context to a result.
    """

    name: str
    question: str
    source: str
    pairs: int
    run: Callable[[StudyContext], StudyResult]


def study_names() -> list[str]:
    """Return the names of all studies, sorted."""
    return sorted(_MODULES)


def find_study(name: str) -> Study:
    """Return a study.

    Raises
    ------
    UnknownNameError
        If there is none of that name; the nearest is suggested.
    """
    if name not in _MODULES:
        raise UnknownNameError("study", name, study_names())
    study: Study = import_module(_MODULES[name]).STUDY
    return study


def write_result(study: Study, result: StudyResult, folder: Path) -> Path:
    """Write table, figure and page of a study.

    Parameters
    ----------
    study : Study
        What was asked.
    result : StudyResult
        What was found.
    folder : pathlib.Path
        Gets ``NAME.csv``, ``NAME.png``, ``NAME.svg`` and ``NAME.md``.

    Returns
    -------
    pathlib.Path
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{study.name}.csv", result.table.to_csv(index=False, lineterminator="\n"))
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        with atomic_path(folder / f"{study.name}.{kind}") as temporary:
            result.figure.savefig(temporary, format=kind, dpi=150, metadata=metadata)
    page = folder / f"{study.name}.md"
    text = f"# {study.name}\n\n{study.question} ({study.source})\n\n{result.text}\n\n"
    text += f"![{study.question}]({study.name}.png)\n\n{_markdown(result.table)}\n"
    write_text(page, text)
    return page


def chosen_pairs(context: StudyContext) -> list[Pair]:
    """Return the pairs that a study takes, spread evenly over the suite."""
    step = len(context.suite.pairs) / context.pairs
    return [context.suite.pairs[int(number * step)] for number in range(context.pairs)]


def _markdown(table: pd.DataFrame) -> str:
    rows = [
        [f"{cell:.{_DIGITS}g}" if isinstance(cell, float) else str(cell) for cell in row]
        for row in table.itertuples(index=False)
    ]
    lines = [list(map(str, table.columns)), ["---"] * table.shape[1], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
