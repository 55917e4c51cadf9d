"""What a study is, what it works on, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, Literal, Protocol, Self, TypeVar, get_args

import pandas as pd
from matplotlib.figure import Figure

from timbrebench.classifier import JUDGE_SPLITS, Judge
from timbrebench.core.errors import ConfigurationError, UnknownNameError
from timbrebench.datasets import Dataset
from timbrebench.datasets.soundfonts.recorded_takes import MANIFEST
from timbrebench.experiments.studies.verdicts import Verdict
from timbrebench.experiments.suites.suite import OpenedSuite, Pair

#: How much work is done: what two cores do in ten minutes, or what was published, for a GPU or a night.
StudySetting = Literal["small", "paper"]
STUDY_SETTINGS: tuple[StudySetting, ...] = get_args(StudySetting)


class HasSetting(Protocol):
    """What every context of a study says: how much work is done."""

    @property
    def setting(self) -> StudySetting:
        """The setting."""


_Context = TypeVar("_Context", bound=HasSetting)
_Settings = TypeVar("_Settings")


@dataclass(frozen=True)
class StudyContext:
    """What a study works on.

    Methods learn from the dataset, and so has the judge, the run's style judge, where the run has trained it.
    Of the suite so many pairs are taken, spread evenly over it; the setting says how much work is done. What
    is learned on the way and can be used again is kept in `workdir`; None for studies that learn nothing.
    `recorded_notes` is a folder of them (:mod:`timbrebench.datasets.soundfonts.recorded_notes`), for studies
    that play notes with recordings; None leaves that out.
    """

    dataset: Dataset
    judge: Judge
    suite: OpenedSuite
    pairs: int = 1
    setting: StudySetting = "small"
    workdir: Path | None = None
    recorded_notes: Path | None = None

    def __post_init__(self) -> None:
        if self.recorded_notes is not None and not (self.recorded_notes / MANIFEST).is_file():
            raise ConfigurationError(
                f"{self.recorded_notes}: not a folder of recorded notes, which holds a {MANIFEST}"
            )
        if not 1 <= self.pairs <= len(self.suite.pairs):
            raise ConfigurationError(
                f"{self.pairs} pairs are asked for, and the suite has {len(self.suite.pairs)}: ask for fewer"
            )
        if self.setting not in STUDY_SETTINGS:
            raise UnknownNameError("setting", self.setting, STUDY_SETTINGS)

    @property
    def clips(self) -> Dataset:
        """The dataset that holds the clips of the suite; a frozen suite has its own."""
        return self.suite.dataset

    def on_soundfonts(self, clips: Dataset) -> Dataset:
        """Select what is learned from: in the small setting, clips of the suite's soundfont alone."""
        if self.setting == "paper":
            return clips
        return self.suite.configuration.played_clips(clips)

    @property
    def judged(self) -> Dataset:
        """What judges learn from and are tested on, for studies that train some.

        A `ConfigurationError` is raised if the run's judge is a published one, so that its dataset has
        training clips of methods alone.
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
        """The `workdir`; a `ConfigurationError` is raised if the context has none."""
        if self.workdir is None:
            raise ConfigurationError("this study learns something on the way: give its context a workdir")
        return self.workdir


@dataclass(frozen=True)
class StudyFinding:
    """A claim in its source's terms (a sentence without full stop), the verdict, and what decides it.

    The verdict comes from :mod:`timbrebench.experiments.studies.verdicts`; the figures, in brief, are the
    intervals or counts that it follows from.
    """

    claim: str
    verdict: Verdict
    figures: str

    def without(self, verdict: Verdict, limit: str) -> Self:
        """Return the finding as one of an experiment too small for a verdict.

        Where the claim has that verdict it is not decided, and the figures end with `limit`, a sentence that
        says what was too small.
        """
        if self.verdict != verdict:
            return self
        return replace(self, verdict="not decided", figures=f"{self.figures} {limit}")


@dataclass(frozen=True)
class StudyResult:
    """What came out of a study.

    The table has one row for each condition, the figure shows the same, and the text says it in a few
    sentences of Markdown, made from the figures. `findings` is empty where nobody had claimed anything; the
    `further` tables, by name, are written as CSV alone.
    """

    table: pd.DataFrame
    figure: Figure
    text: str
    findings: tuple[StudyFinding, ...] = ()
    further: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Study(Generic[_Context, _Settings]):
    """A question in one sentence, who asked or claimed it, and how it is answered.

    The name is made of lower-case words joined by hyphens. `run` takes a context, most often a
    :class:`StudyContext`, and settings: `small`, what is done in ten minutes on two cores, or `paper`, what
    was published. `pairs` and `paper_pairs` are how many pairs of the suite it takes in either; None where it
    takes none. `changes` says for each setting, in sentences of Markdown, what it changes against the source;
    it is empty where a study follows nobody's experiment. `small_limit` says in a sentence what is too small
    in the small setting to refute any of the claims; it is empty where that setting can refute some.
    `takes_data` says what a folder holds that the study takes: beside a run, with which it does more, or
    instead of one where it does not need a run (`needs_run`). It is empty where the study takes none. `check`
    raises where a context lacks what the study needs, before any work is done.
    """

    name: str
    question: str
    source: str
    run: Callable[[_Context, _Settings], StudyResult]
    small: _Settings
    paper: _Settings
    pairs: int | None = None
    paper_pairs: int | None = None
    changes: Mapping[StudySetting, str] = field(default_factory=dict)
    small_limit: str = ""
    takes_data: str = ""
    needs_run: bool = True
    check: Callable[[_Context], object] = lambda _: None

    def answer(self, context: _Context) -> StudyResult:
        """Run the study in the setting that the context asks for."""
        small = context.setting == "small"
        return self.limited(self.run(context, self.small if small else self.paper), context.setting)

    def limited(self, result: StudyResult, setting: StudySetting) -> StudyResult:
        """Return a result without the refutations that a setting is too small for."""
        if setting == "paper" or not self.small_limit:
            return result
        findings = tuple(finding.without("did not hold", self.small_limit) for finding in result.findings)
        return replace(result, findings=findings)

    def pairs_of(self, setting: StudySetting, asked: int | None = None) -> int:
        """Return how many pairs to take: those `asked` for, or the study's own; 1 where it takes none.

        A `ConfigurationError` is raised if pairs are asked for and the study takes none.
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

    def check_folders(self, run: Path | None, data: Path | None) -> None:
        """Raise a `ConfigurationError` unless these are folders that the study works on."""
        if self.needs_run and run is None:
            raise ConfigurationError(f"the study {self.name!r} works on a run: name its folder by --run")
        if run is not None and not self.needs_run:
            raise ConfigurationError(f"the study {self.name!r} works on no run: leave out --run")
        if data is None and not self.needs_run:
            raise ConfigurationError(
                f"the study {self.name!r} works on {self.takes_data}: name a folder of them by --data"
            )
        if data is not None and not self.takes_data:
            raise ConfigurationError(f"the study {self.name!r} takes no folder of data: leave out --data")


def chosen_pairs(context: StudyContext) -> list[Pair]:
    """Return the pairs that a study takes, spread evenly over the suite."""
    return context.suite.spread_pairs(context.pairs)
