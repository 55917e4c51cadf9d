"""The content judges that are installed, by name: the one that comes with the package, and outside ones.

A distribution adds a content judge by an entry point in the group ``timbrebench.content_judges``, from its
name to a function without parameters that returns an :class:`InstalledContentJudge`::

    [project.entry-points."timbrebench.content_judges"]
    my-transcriber = "my_package.my_module:load"

Scores of two content judges are different figures: the fingerprint is part of the key of each.
"""

from __future__ import annotations

from functools import cache
from typing import Protocol, runtime_checkable

from timbrebench.audio.clips import Samples
from timbrebench.classifier.content.note_decoding import Transcription
from timbrebench.core.errors import ConfigurationError
from timbrebench.core.plugins import entry_point_names, load_entry_point

GROUP = "timbrebench.content_judges"

#: The content judge that comes with the package.
OWN_CONTENT_JUDGE = "timbrebench"


@runtime_checkable
class InstalledContentJudge(Protocol):
    """What a run needs of a content judge."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hexadecimal digits of all that decides its transcriptions: weights and settings."""

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of its weights: a method that uses the same weights is not ranked."""

    @property
    def training_pieces(self) -> tuple[str, ...]:
        """Pieces that it has learned from, by the names of the datasets here: no suite may hold them."""

    @property
    def training_clips(self) -> frozenset[str]:
        """SHA-256 of the files of the clips that it has learned from."""

    def transcribe(self, samples: Samples, sample_rate: int) -> Transcription:
        """Transcribe a mono clip at a rate in hertz; JudgeError where there is nothing to transcribe."""


def content_judge_names() -> list[str]:
    """Return the names of all content judges, sorted; what one of them needs may be missing."""
    return entry_point_names(GROUP)


@cache
def installed_content_judge(name: str) -> InstalledContentJudge:
    """Load a content judge, once in each process.

    Parameters
    ----------
    name : str
        One of :func:`content_judge_names`.

    Returns
    -------
    InstalledContentJudge
        Ready to transcribe.

    Raises
    ------
    UnknownNameError
        If there is no content judge of that name.
    MissingResourceError
        If something that it needs is not installed.
    ConfigurationError
        If its entry point cannot be imported, or leads to something else.
    JudgeError
        If its weights are missing or damaged.
    """
    load = load_entry_point(GROUP, name, "content judge")
    judge = load() if callable(load) else load
    if not isinstance(judge, InstalledContentJudge):
        raise ConfigurationError(
            f"the entry point {name!r} leads to {load!r}, which does not return a content judge: see "
            "timbrebench.classifier.content.installed_content_judges"
        )
    return judge
