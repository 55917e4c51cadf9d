"""Make entries of a finished run, and see that they will be accepted before they are there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from timbrebench.core.errors import RunError, StorageError
from timbrebench.core.files import write_bytes, write_text
from timbrebench.experiments.run.record_types import Transfer
from timbrebench.experiments.submissions.entry import (
    CARD,
    EXCERPTS,
    GIVEN_CLIPS,
    SUBMISSION,
    card_problems,
    read_entry,
    track_problems,
)
from timbrebench.experiments.submissions.entry_excerpts import (
    excerpt_name,
    excerpt_of_file,
    excerpt_pairs,
)
from timbrebench.experiments.submissions.method_card import parse_card, read_card_text
from timbrebench.experiments.submissions.submission_checking import check_submission
from timbrebench.experiments.submissions.submission_packing import (
    FinishedRun,
    check_submitter,
    pack_reduced,
)


def write_entries(
    root: Path,
    results: Path,
    cards: Sequence[Path],
    *,
    submitter: str,
    audio: bool = False,
    force: bool = False,
) -> list[Path]:
    """Make an entry for each card of a run on a suite of the project.

    Parameters
    ----------
    root : Path
        The run's folder.
    results : Path
        The folder of all results: an entry is ``<suite>/<method>`` in it.
    cards : sequence of Path
        Cards of methods of the run.
    submitter : str
        Who hands them in.
    audio : bool, default False
        Add excerpts of the pairs that can be heard, and what was given of them where that is not there yet.
    force : bool, default False
        Replace entries that are there.

    Returns
    -------
    list of Path
        The folders of the entries.

    Raises
    ------
    RunError
        If the run cannot be handed in, has no method of a card's name, or an entry would not be accepted.
    ConfigurationError
        If a field of a card is wrong.
    StorageError
        If an entry is there already, or cannot be written.
    """
    check_submitter(submitter)
    texts = {path: read_card_text(path) for path in cards}
    named = {path: parse_card(text, str(path)).method for path, text in texts.items()}
    run = FinishedRun.read(root)
    written = []
    for path, text in texts.items():
        folder = results / run.suite.name / named[path]
        if folder.exists() and not force:
            raise StorageError(f"{folder}: exists already: rename the method, or replace it with --force")
        # Made elsewhere first: what would not be accepted is not left behind.
        with tempfile.TemporaryDirectory() as made:
            draft = Path(made) / run.suite.name / named[path]
            _write(run.reduced(named[path]), draft, text, submitter=submitter, audio=audio)
            _check(draft)
            if folder.exists():
                shutil.rmtree(folder)
            shutil.copytree(draft, folder)
        written.append(folder)
    if audio:
        _write_given(run, results / run.suite.name / GIVEN_CLIPS)
    return written


def _write(run: FinishedRun, folder: Path, card: str, *, submitter: str, audio: bool) -> None:
    pack_reduced(run, folder / SUBMISSION, submitter=submitter)
    write_text(folder / CARD, card)
    if not audio:
        return
    audible = {pair.pair_id: pair for pair in excerpt_pairs(run.suite.pairs)}
    method = run.configuration.methods[-1].name
    for task in run.tasks:
        is_shown = task.entry.name == method and task.seed == run.configuration.seeds[0]
        transfer: Transfer = run.records.transfers[task.key]
        if is_shown and task.pair.pair_id in audible and transfer.status == "ok":
            name = excerpt_name(audible[task.pair.pair_id])
            write_bytes(folder / EXCERPTS / name, excerpt_of_file(run.root / transfer.output))


def _check(folder: Path) -> None:
    entry = read_entry(folder)
    problems = [
        *check_submission(entry.submission),
        *track_problems(entry.submission),
        *card_problems(entry.card, entry.submission),
    ]
    if problems:
        raise RunError(f"{entry.card.method}: would not be accepted: {'; '.join(problems)}")


def _write_given(run: FinishedRun, folder: Path) -> None:
    for pair in excerpt_pairs(run.suite.pairs):
        for what, clip in (("content", pair.content), ("style", pair.style), ("reference", pair.reference)):
            path = folder / excerpt_name(pair, what)
            if clip is not None and not path.exists():
                write_bytes(path, excerpt_of_file(run.suite.dataset.audio_path(clip)))
