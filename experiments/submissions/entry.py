"""Entries: a method on a suite, in a folder that others add by a pull request.

``<results>/<suite>/<method>/`` has a card, a reduced submission of the one method and, where its authors
like, excerpts. Whoever reads an entry treats it as any submission: nothing in it is run, and no path that it
states is opened.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from timbrebench.core.errors import RunError
from timbrebench.core.files import why_no_folder
from timbrebench.core.identifiers import is_identifier
from timbrebench.experiments.submissions.entry_excerpts import (
    GIVEN,
    excerpt_name,
    excerpt_pairs,
    read_excerpt,
)
from timbrebench.experiments.submissions.method_card import (
    LEARNED_FROM,
    OWN_CODE,
    LearnedFrom,
    MethodCard,
    parse_card,
    read_card_text,
)
from timbrebench.experiments.submissions.submission_reading import Submission, read_submission
from timbrebench.experiments.submissions.submitted_methods import verifiable_method
from timbrebench.experiments.suites.suite import Suite
from timbrebench.experiments.suites.tracks import track_of
from timbrebench.transfer.contract import learns

#: What an entry's folder holds: files, and a folder of excerpts.
CARD, SUBMISSION, EXCERPTS = "card.yaml", "submission.zip", "audio"

#: The folder beside the entries of a suite with what was given of the pairs that can be heard.
GIVEN_CLIPS = "clips"

#: Names that stand for something else beside entries and their pages, and endings of pages and tables: the
#: excerpts of a method lie in a folder of its name.
RESERVED, ENDINGS = (GIVEN_CLIPS, "index", "leaderboard"), (".html", ".csv", ".json")

#: Maximum bytes of an entry's submission: with 240 pairs it has 100,000.
_SUBMISSION_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class Entry:
    """A method on a suite.

    Attributes
    ----------
    folder : Path
        Where it lies.
    card : MethodCard
        What its authors state.
    submission : Submission
        With one method, and the controls.
    excerpts : mapping of str to bytes
        Audio by the name of the pair, of as many as it came with.
    """

    folder: Path
    card: MethodCard
    submission: Submission
    excerpts: Mapping[str, bytes]

    @property
    def suite(self) -> str:
        """Name and version of the suite, which is the name of the folder around it."""
        return self.submission.about.suite

    @property
    def order(self) -> tuple[object, ...]:
        """When it arrived among others, and its name."""
        return self.card.date, self.card.method


def entry_folders(path: Path) -> list[Path]:
    """List the folders of entries at a path, sorted: itself, or those at most two levels below it.

    Raises RunError if there is none.
    """
    if not path.is_dir():
        raise RunError(f"{path}: {why_no_folder(path)}: name a submission, or a folder with entries")
    folders = [path, *sorted(path.glob("*/")), *sorted(path.glob("*/*/"))]
    entries = [
        folder
        for folder in folders
        if folder.name != GIVEN_CLIPS and any((folder / name).is_file() for name in (CARD, SUBMISSION))
    ]
    if not entries:
        raise RunError(f"{path}: no entry here, which is a folder with {CARD} and {SUBMISSION}")
    return entries


def read_entry(folder: Path) -> Entry:
    """Read an entry.

    Raises RunError, or ConfigurationError for a wrong field of its card, if anything in it is not what an
    entry has; the message names the file.
    """
    _refuse_others(folder)
    card = parse_card(read_card_text(folder / CARD), str(folder / CARD))
    path = folder / SUBMISSION
    if (size := path.stat().st_size) > _SUBMISSION_BYTES:
        raise RunError(f"{path}: has {size} bytes, and an entry's may have {_SUBMISSION_BYTES}")
    submission = read_submission(path)
    labels = [entry.name for entry in submission.results.configuration.methods]
    if not submission.about.is_reduced or labels != [card.method]:
        raise RunError(
            f"{path}: is of {', '.join(labels) or 'no method'}, and the card of {card.method}: make an entry "
            "with `timbrebench submit --card`"
        )
    expected = Path(submission.about.suite) / card.method
    if (folder.resolve().parent.name, folder.resolve().name) != expected.parts:
        raise RunError(f"{folder}: this entry belongs into {expected}")
    return Entry(folder, card, submission, _excerpts(folder / EXCERPTS, submission.results.suite))


def card_problems(card: MethodCard, submission: Submission) -> list[str]:
    """List what a card states that the records contradict."""
    problems = []
    if card.code == OWN_CODE and verifiable_method(submission.results.configuration.methods[-1]) is None:
        problems.append(
            f"{CARD}: code is {OWN_CODE!r}, and it is no method of this project at these settings"
        )
    shown = learned_at_least(submission)
    if LEARNED_FROM.index(card.learned_from) < LEARNED_FROM.index(shown):
        problems.append(f"{CARD}: learned_from is {card.learned_from!r}, and the records show {shown!r}")
    return problems


def track_problems(submission: Submission) -> list[str]:
    """List what the track of a submission's suite settles, and the submission has otherwise.

    All entries of a suite stand in one leaderboard, whose rule and judges the first of them must not choose.
    """
    about = submission.about
    track = track_of(about.suite)
    if track is None:
        return []
    problems = []
    if about.setting != track.setting:
        problems.append(
            f"is in the setting {about.setting!r}, and the track of {about.suite} in {track.setting!r}"
        )
    if track.judges and about.judge_names != track.judges:
        judges = [" and ".join(names) for names in (about.judge_names, track.judges)]
        problems.append(f"is judged by {judges[0]}, and the track of {about.suite} by {judges[1]}")
    return problems


def learned_at_least(submission: Submission) -> LearnedFrom:
    """Return what the one method of a submission has learned from, as far as its records show it.

    Records of before do not name the soundfonts that were learned from: a method of this project that learns,
    where the setting allows it the suite's, has learned from them.
    """
    entry = submission.results.configuration.methods[-1]
    made = verifiable_method(entry)
    if made is not None and learns(made) and submission.about.setting == "known-timbre":
        return "this timbre"
    recorded = submission.results.learned_from[entry.name]
    return "nothing" if recorded == "not stated" else recorded


def read_given(folder: Path, suite: Suite) -> dict[str, bytes]:
    """Read what was given of the pairs that can be heard, by the names of files; those that are there.

    `folder` is that of a suite. Raises RunError if a file is not an excerpt, or of nothing that is known.
    """
    names = [excerpt_name(pair, what) for pair in excerpt_pairs(suite.pairs) for what in GIVEN]
    return _read_known(folder / GIVEN_CLIPS, names)


def _excerpts(folder: Path, suite: Suite) -> dict[str, bytes]:
    pairs = {excerpt_name(pair): pair.pair_id for pair in excerpt_pairs(suite.pairs)}
    return {pairs[name]: content for name, content in _read_known(folder, pairs).items()}


def _read_known(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    known = set(names)
    if strange := sorted(path.name for path in folder.iterdir() if path.name not in known):
        raise RunError(
            f"{folder}: {strange[0][:100]!r} is no excerpt of this suite, expected {min(known)!r}, …"
        )
    return {name: read_excerpt(folder / name) for name in sorted(known) if (folder / name).exists()}


def _refuse_others(folder: Path) -> None:
    """Refuse an entry that holds anything else, or leads elsewhere by a link."""
    name = folder.resolve().name
    if not is_identifier(name) or name.lower() in RESERVED or name.lower().endswith(ENDINGS):
        raise RunError(
            f"{folder}: the name of an entry has letters, digits and . _ - +, is none of {RESERVED}, and "
            f"ends in none of {ENDINGS}"
        )
    kinds = {CARD: stat.S_ISREG, SUBMISSION: stat.S_ISREG, EXCERPTS: stat.S_ISDIR}
    for path in sorted(folder.iterdir()):
        is_that = kinds.get(path.name)
        if is_that is None or not is_that(path.lstat().st_mode):
            raise RunError(f"{folder}: {path.name[:100]!r} belongs into no entry, or is a link")
    for name in (CARD, SUBMISSION):
        if not (folder / name).is_file():
            raise RunError(f"{folder}: {name} is missing")
    if (folder / EXCERPTS).is_dir() and any(path.is_symlink() for path in (folder / EXCERPTS).iterdir()):
        raise RunError(f"{folder / EXCERPTS}: has a link, expected files")
