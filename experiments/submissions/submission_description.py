"""What a submission says of itself, and the names of its files.

A whole one holds files of the run's folder under their names there, the suite's list of pairs, and a
description. A reduced one is small enough to lie in a repository: of a frozen suite of the project, with the
metrics that a leaderboard shows, no predictions, and nothing that follows from something else.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from timbrebench.classifier.style.published_judges import published_name
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.identifiers import MAX_LENGTH
from timbrebench.experiments.run.layout import JUDGE_FILE, SECOND_JUDGE_FILE
from timbrebench.experiments.run.run_configuration import CONTROLS
from timbrebench.experiments.run.run_judges import JudgeFingerprints
from timbrebench.experiments.suites.frozen_suite import frozen_names, load_frozen
from timbrebench.experiments.suites.suite import Suite, TimbreSetting

#: Versions of the layout, whole and reduced; readers refuse others.
FORMAT, REDUCED = 2, 3

#: Beside the files of a run: what the submission says of itself, and the list of pairs.
ABOUT = "submission.json"
SUITE_FILE = "suite.json"

#: In place of a run's records, in a reduced one: a row for each output, and what was learned.
OUTPUT_TABLE = "outputs.csv"
LEARNED_FILE = "learned.jsonl"

#: What a submitter may be called.
SUBMITTER = r"^[\w.@+-]([\w .@+-]{0,58}[\w.@+-])?$"

#: Maximum methods of a submission, and maximum outputs; each two methods are compared, in all resamples.
MAX_METHODS, MAX_OUTPUTS = 100, 50_000

Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SubmittedMethod(FrozenModel):
    """A method of a submission.

    Attributes
    ----------
    label, method : str
        Its name in results, and the registered one.
    version : int
        Of the method.
    key : str
        Key of its records.
    """

    label: str = Field(max_length=MAX_LENGTH)
    method: str = Field(max_length=MAX_LENGTH)
    version: int = Field(ge=0, lt=2**31)
    key: Fingerprint


class About(FrozenModel):
    """What a submission says of itself.

    Attributes
    ----------
    format : {2, 3}
        Version of the layout: whole, or reduced.
    submitter : str
        Who hands it in; it distinguishes methods of one name.
    run : str
        The run's name.
    suite : str
        Name and version of the frozen suite that the pairs are; empty for pairs of no frozen suite.
    suite_version : str
        Version of the pairs (:attr:`~timbrebench.experiments.suites.suite.Suite.version`).
    setting : {"known-timbre", "new-timbre"}
        Whether methods that learn may have learned from the suite's timbre.
    judge, second_judge, content_judge : str
        Fingerprints of the judges; of the second style judge empty where there is one.
    training : str
        Fingerprint of what methods that learn have learned from.
    seeds : tuple of int
        Seeds of the methods.
    metrics : dict of str to int
        Version of each metric.
    methods : tuple of SubmittedMethod
        Controls first.
    """

    format: int = FORMAT
    submitter: str = Field(pattern=SUBMITTER)
    run: str = Field(max_length=200)
    suite: str = Field(max_length=MAX_LENGTH)
    suite_version: str = Field(max_length=MAX_LENGTH)
    setting: TimbreSetting
    judge: Fingerprint
    second_judge: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    content_judge: Fingerprint
    training: Fingerprint
    seeds: tuple[int, ...] = Field(max_length=1_000)
    metrics: dict[str, int] = Field(max_length=1_000)
    methods: tuple[SubmittedMethod, ...] = Field(max_length=MAX_METHODS + len(CONTROLS))

    @property
    def is_reduced(self) -> bool:
        """Whether it holds no more than what a leaderboard of a suite of the project follows from."""
        return self.format == REDUCED

    @property
    def judges(self) -> JudgeFingerprints:
        """The fingerprints of the judges."""
        return JudgeFingerprints(self.judge, self.second_judge, self.content_judge)

    @property
    def style_judges(self) -> dict[str, str]:
        """The names of the style judges' files, as a run's folder has them, by fingerprint."""
        judges = {self.judge: JUDGE_FILE}
        return judges | ({self.second_judge: SECOND_JUDGE_FILE} if self.second_judge else {})

    @property
    def judge_names(self) -> tuple[str, ...]:
        """The style judges by name; those that are not published by the first digits of their fingerprint."""
        return tuple(published_name(judge) or judge[:12] for judge in self.style_judges)


def name_of(suite: Suite) -> str:
    """Return the frozen suite of the project that has just these pairs, or an empty text."""
    for name in frozen_names():
        frozen = load_frozen(name)
        if frozen.is_hashed and frozen.suite(suite.configuration).version == suite.version:
            return name
    return ""
