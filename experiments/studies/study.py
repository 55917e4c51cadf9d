"""What a study is, the studies there are, and how their results are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Literal, TypeVar, get_args

import pandas as pd
from matplotlib.figure import Figure

from timbrebench.classifier import JUDGE_SPLITS, Judge
from timbrebench.core.errors import ConfigurationError, UnknownNameError
from timbrebench.core.figures import save_figure
from timbrebench.core.files import write_text
from timbrebench.core.tables import markdown_table, write_csv
from timbrebench.datasets import Dataset
from timbrebench.experiments.suites.suite import OpenedSuite, Pair

#: How much work is done: what two cores do in three minutes, or what was published, for a GPU or a night.
Setting = Literal["small", "paper"]
SETTINGS: tuple[Setting, ...] = get_args(Setting)

#: What pages call the settings.
_SETTINGS: Mapping[Setting, str] = {"small": "small setting", "paper": "the paper's setting"}

#: Significant digits of the figures on a page; the CSV has all.
_DIGITS = 3

#: What the table of a study's findings is called.
_FINDINGS = "findings"

#: Where each study is defined, as ``STUDY``.
_MODULES = {
    "cross-synthesis": "timbrebench.experiments.studies.cross_synthesis_study",
    "failure": "timbrebench.experiments.studies.failure_study",
    "judge": "timbrebench.experiments.studies.judge_study",
    "key-invariance": "timbrebench.experiments.studies.key_invariance_study",
    "loss-terms": "timbrebench.experiments.studies.loss_terms_study",
    "phase": "timbrebench.experiments.studies.phase_study",
    "spectrograms": "timbrebench.experiments.studies.spectrograms_study",
    "style-content-curve": "timbrebench.experiments.studies.style_content_curve_study",
    "texture": "timbrebench.experiments.studies.texture_study",
    "wide-limit-convergence": "timbrebench.experiments.studies.wide_limit_convergence_study",
}

_T = TypeVar("_T")


@dataclass(frozen=True)
class StudyContext:
    """What a study works on.

    Attributes
    ----------
    dataset : Dataset
        What methods learn from and, where the run has trained its judge, the judge.
    judge : Judge
        The run's style judge.
    suite : OpenedSuite
        Pairs to take clips from.
    pairs : int
        How many of them, spread evenly over the suite.
    setting : {"small", "paper"}
        How much work is done.
    workdir : pathlib.Path or None
        Folder for what is learned on the way and can be used again; None for studies that learn nothing.
    """

    dataset: Dataset
    judge: Judge
    suite: OpenedSuite
    pairs: int = 1
    setting: Setting = "small"
    workdir: Path | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.pairs <= len(self.suite.pairs):
            raise ConfigurationError(
                f"{self.pairs} pairs are asked for, and the suite has {len(self.suite.pairs)}: ask for fewer"
            )
        if self.setting not in SETTINGS:
            raise UnknownNameError("setting", self.setting, SETTINGS)

    @property
    def clips(self) -> Dataset:
        """The dataset that holds the clips of the suite; a frozen suite has its own."""
        return self.suite.dataset

    @property
    def judged(self) -> Dataset:
        """What judges learn from and are tested on, for studies that train some.

        Raises
        ------
        ConfigurationError
            If the run's judge is a published one, so that its dataset has training clips of methods alone.
        """
        clips = self.dataset.select(split=(*JUDGE_SPLITS, "test"))
        if not len(clips):
            raise ConfigurationError(
                "the run's dataset has no clips for judges, since its judge is a published one: take a run "
                "that trains its judge"
            )
        return clips

    @property
    def learning_folder(self) -> Path:
        """The `workdir`.

        Raises
        ------
        ConfigurationError
            If there is none.
        """
        if self.workdir is None:
            raise ConfigurationError("this study learns something on the way: give its context a workdir")
        return self.workdir


@dataclass(frozen=True)
class Finding:
    """A claim, and what became of it.

    Attributes
    ----------
    claim : str
        What was said, in a sentence without its full stop.
    held : bool
        Whether the figures bear it out.
    figures : str
        The figures that decide it, in a few words.
    """

    claim: str
    held: bool
    figures: str


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
    findings : tuple of Finding
        What was claimed, and whether it held; empty where nobody had claimed anything.
    further : mapping of str to pandas.DataFrame
        Further tables, by name, that are written as CSV alone.
    """

    table: pd.DataFrame
    figure: Figure
    text: str
    findings: tuple[Finding, ...] = ()
    further: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def _nothing(_: StudyContext) -> None:
    """Ask nothing of a context."""


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
    run : callable
        From a context to a result. In its small setting it is done in three minutes on two cores.
    pairs : int or None
        Pairs of the suite that it takes in its small setting; None where it takes none.
    paper_pairs : int or None
        The same in the paper's setting.
    check : callable
        Raises where a context lacks what the study needs, before any work is done.
    """

    name: str
    question: str
    source: str
    run: Callable[[StudyContext], StudyResult]
    pairs: int | None = None
    paper_pairs: int | None = None
    check: Callable[[StudyContext], object] = _nothing

    def pairs_of(self, setting: Setting, asked: int | None = None) -> int:
        """Return how many pairs to take.

        Parameters
        ----------
        setting : {"small", "paper"}
            The setting.
        asked : int, optional
            What is asked for instead.

        Returns
        -------
        int
            1 where the study takes none.

        Raises
        ------
        ConfigurationError
            If pairs are asked for and the study takes none.
        """
        if self.pairs is None:
            if asked is not None:
                raise ConfigurationError(
                    f"the study {self.name!r} takes no pairs of the suite: leave out --pairs"
                )
            return 1
        if asked is not None:
            return asked
        return self.pairs if setting == "small" else self.paper_pairs or self.pairs


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


def write_result(study: Study, result: StudyResult, folder: Path, setting: Setting = "small") -> Path:
    """Write table, figure and page of a study.

    Parameters
    ----------
    study : Study
        What was asked.
    result : StudyResult
        What was found.
    folder : pathlib.Path
        Gets ``NAME.csv``, ``NAME.png``, ``NAME.svg`` and ``NAME.md``, ``NAME-findings.csv`` where something
        was claimed, and ``NAME-TABLE.csv`` for each further table; and ``README.md``, which lists what all
        studies in the folder have found.
    setting : {"small", "paper"}
        How much was done, for the pages to say.

    Returns
    -------
    pathlib.Path
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {study.name: result.table}
    tables |= {f"{study.name}-{name}": table for name, table in result.further.items()}
    if result.findings:
        tables[f"{study.name}-{_FINDINGS}"] = pd.DataFrame(map(asdict, result.findings))
    else:  # those of an earlier result are none of this one
        (folder / f"{study.name}-{_FINDINGS}.csv").unlink(missing_ok=True)
    for name, table in tables.items():
        write_csv(folder / f"{name}.csv", table)
    for suffix in (".png", ".svg"):
        save_figure(result.figure, folder / f"{study.name}{suffix}")
    page = folder / f"{study.name}.md"
    write_text(page, _page(study, result, setting))
    write_text(folder / "README.md", _overview(folder))
    return page


def chosen_pairs(context: StudyContext) -> list[Pair]:
    """Return the pairs that a study takes, spread evenly over the suite."""
    step = len(context.suite.pairs) / context.pairs
    return [context.suite.pairs[int(number * step)] for number in range(context.pairs)]


def of_setting(context: StudyContext, small: _T, paper: _T) -> _T:
    """Return which of two settings of a study the context asks for."""
    return small if context.setting == "small" else paper


def _page(study: Study, result: StudyResult, setting: Setting) -> str:
    text = f"# {study.name}\n\n{study.question} ({study.source}; {_SETTINGS[setting]})\n\n"
    if result.findings:
        text += "".join(_finding(finding) for finding in result.findings) + "\n"
    cells = result.table.astype(object).map(_cell)
    table = markdown_table(cells, names=cells.shape[1])
    return f"{text}{result.text}\n\n![{study.question}]({study.name}.png)\n\n{table}\n"


def _overview(folder: Path) -> str:
    """Return the page that lists the studies whose results lie in a folder, with what was claimed."""
    lines = [
        "# Studies",
        "",
        "Made by `timbrebench study`. Whether a claim held is worked out from the figures.",
        "",
    ]
    rows = []
    for name in study_names():
        page = folder / f"{name}.md"
        if not page.is_file():
            continue
        found = folder / f"{name}-{_FINDINGS}.csv"
        claims = pd.read_csv(found).to_dict("records") if found.is_file() else []
        study = (f"[{name}]({name}.md)", _setting_of(page))
        rows += [(*study, row["claim"], "yes" if row["held"] else "no") for row in claims]
        if not claims:
            rows.append((*study, find_study(name).question, ""))
    table = pd.DataFrame(rows, columns=["study", "setting", "claim", "held"])
    return "\n".join([*lines, markdown_table(table, names=4)]) + "\n"


def _setting_of(page: Path) -> str:
    """Return the setting that a study's page says it was made in."""
    text = page.read_text(encoding="utf-8")
    return next((setting for setting, called in _SETTINGS.items() if f"; {called})\n" in text), "")


def _finding(finding: Finding) -> str:
    verdict = "Held" if finding.held else "Did not hold"
    return f"- **{verdict}:** {finding.claim}. {finding.figures}\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{_DIGITS}g}"
    return str(value)
