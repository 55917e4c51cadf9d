"""A listening test as data: what listeners get, and the key that stays with who made it.

Stimuli and pages have names that are hashes. What is behind them is in the key alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator

from timbrebench.core.documents import read_json
from timbrebench.core.errors import RunError, UnknownNameError, describe_validation
from timbrebench.core.files import why_no_folder
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.experiments.listening.listening_kinds import Conditions, ListeningKind, Question, kind_of

#: Files of a test's folder: the key, and the folders to hand out.
KEY, PAGE_FOLDER, WEBMUSHRA_FOLDER, RESULTS_FOLDER = "key.json", "for-listeners", "for-webmushra", "results"

#: The page in its folder, and the folder of its audio.
PAGE, AUDIO = "index.html", "audio"

#: Name of a page or a stimulus.
HashedName = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


#: What a clip that pages name openly is.
Role = Literal["style", "content", "reference"]


class GivenClip(FrozenModel):
    """A clip that a page names openly."""

    role: Role
    audio: HashedName


class ListeningPage(FrozenModel):
    """A page: a question, the clips that are named, and the stimuli in the order of their names."""

    page: HashedName
    question: Question
    given: tuple[GivenClip, ...]
    stimuli: tuple[HashedName, ...]


class ListeningTest(FrozenModel):
    """What listeners get.

    Attributes
    ----------
    test : str
        Fingerprint of everything else and of the audio.
    kind : str
        Name of the kind.
    sample_rate : int
        Of all audio, in hertz.
    training, pages : tuple of ListeningPage
        The pages before the test, which are not rated, and those of the test. Each listener gets both in an
        order that follows from `test` and the listener's name.
    """

    test: str
    kind: str
    sample_rate: int
    training: tuple[ListeningPage, ...]
    pages: tuple[ListeningPage, ...]


class PageKey(FrozenModel):
    """What is behind a page: its pair, the pair's piece, and the condition of each stimulus."""

    question: Question
    pair_id: str
    piece: str
    stimuli: dict[HashedName, str]


class Key(FrozenModel):
    """What is behind a test.

    Attributes
    ----------
    format : int
        1, the layout of this file.
    test, kind : str
        As in :class:`ListeningTest`.
    run : str
        Folder of the run that it was made from, as an absolute path.
    suite : str
        Version of the run's suite.
    seed : int
        Seed of names and orders.
    methods : tuple of str
        Labels of the run.
    has_truth : bool
        Whether the suite has references.
    pages : dict
        What is behind each page.
    outputs : dict
        SHA-256 of each output that is heard, by label and pair.
    """

    format: Literal[1] = 1
    test: str
    kind: str
    run: str
    suite: str
    seed: int
    methods: tuple[str, ...]
    has_truth: bool
    pages: dict[HashedName, PageKey]
    outputs: dict[str, dict[str, Sha256]]

    @field_validator("kind")
    @classmethod
    def _is_known(cls, kind: str) -> str:
        return kind_of(kind).name

    @property
    def conditions(self) -> Conditions:
        """What is heard."""
        return Conditions(self.methods, self.has_truth)

    @property
    def test_kind(self) -> ListeningKind:
        """The kind of test."""
        return kind_of(self.kind)


def read_key(folder: Path) -> Key:
    """Read the key of a listening test.

    Raises RunError if there is no test in the folder, or its key is not what this version writes.
    """
    path = folder / KEY
    if not folder.is_dir():
        raise RunError(f"{folder}: {why_no_folder(folder)}: name the folder of `timbrebench listen make`")
    try:
        return Key.model_validate(read_json(path, RunError))
    except ValidationError as error:
        raise RunError(str(describe_validation(error, str(path), Key.model_fields))) from error
    except UnknownNameError as error:
        raise RunError(f"{path}: {error}") from error
