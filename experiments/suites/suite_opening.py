"""Open a frozen suite: get its clips, and refuse it where one of them does not match its frozen hash."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from timbrebench.core.errors import DatasetError
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont
from timbrebench.experiments.suites.clip_comparison import compare_clips, find_clips
from timbrebench.experiments.suites.frozen_suite import FrozenSuite
from timbrebench.experiments.suites.kinds.suite_kind import ClipWork
from timbrebench.experiments.suites.recipes import Recipe, SuiteClips
from timbrebench.experiments.suites.suite import OpenedSuite, Suite, SuiteConfiguration


def open_frozen(frozen: FrozenSuite, configuration: SuiteConfiguration, root: Path) -> OpenedSuite:
    """Open a frozen suite whose clips are there.

    `root` is the folder of the clips that can be rendered, as :func:`render_frozen` writes it; the run's
    configuration names, by `audio`, the dataset of those that cannot. Where users hold the audio, clips have
    the hashes of the files that are held.

    Raises
    ------
    DatasetError
        If a clip is missing or does not match its frozen hash; the message says what differs.
    ConfigurationError
        If the audio is with users and the configuration names no folder, or the clips are rendered and it
        names one.
    """
    made = _recipe(frozen).made
    return _checked(frozen, configuration, made.open_clips(frozen.title, root, configuration.audio))


def render_frozen(
    frozen: FrozenSuite, configuration: SuiteConfiguration, root: Path, executor: Executor
) -> OpenedSuite:
    """Render the clips of a frozen suite that are missing, and open it.

    Parameters
    ----------
    frozen, configuration
        As in :func:`open_frozen`. Clips that cannot be rendered have to be there.
    root : pathlib.Path
        Folder for the clips.
    executor : Executor
        Where they are rendered.

    Returns
    -------
    OpenedSuite
        As from :func:`open_frozen`.

    Raises
    ------
    DatasetError, ConfigurationError
        As :func:`open_frozen`.
    """
    recipe = _recipe(frozen)
    about = SuiteClips(suite=frozen.title, fingerprint=frozen.fingerprint, recipe=recipe)
    work = ClipWork(frozen.title, about, root, executor)
    return _checked(frozen, configuration, recipe.made.make_clips(work, frozen, configuration.audio))


def _recipe(frozen: FrozenSuite) -> Recipe:
    if frozen.recipe is None:
        raise DatasetError("the suite has no recipe, which says how its clips are made: name another one")
    return frozen.recipe


def _checked(frozen: FrozenSuite, configuration: SuiteConfiguration, dataset: Dataset) -> OpenedSuite:
    problems = compare_clips(frozen, dataset)
    if problems:
        raise DatasetError(f"{dataset.root}: not the suite {frozen.title}: {'; '.join(problems)}")
    return frozen.opened(configuration, find_clips(frozen, dataset), dataset)


def refuse_learned(suite: Suite, learned: Collection[str]) -> None:
    """Raise a `DatasetError` if a suite holds one of the pieces that anything in the run learns from."""
    pieces = {clip.piece for pair in suite.pairs for clip in (pair.content, pair.style)}
    known = sorted(pieces & set(learned))
    if known:
        raise DatasetError(
            f"the suite {suite.title} holds {len(known)} pieces that are learned from in this run, such as "
            f"{known[0]}: keep the dataset's shares of splits as they are by default"
        )


def refuse_same_takes(frozen: FrozenSuite, learned_from: Iterable[Soundfont]) -> None:
    """Raise a `DatasetError` if recorded notes that play a suite are among those that a run learns from.

    They are compared by the SHA-256 of each, whatever else lies in their folders, and wherever these are.
    """
    playing = {file.sha256 for file in frozen.files}
    if not playing:
        return
    for soundfont in learned_from:
        if same := playing & soundfont.take_digests():
            raise DatasetError(
                f"the suite {frozen.title} is played by {len(same)} of the recorded notes {soundfont.name} "
                "that this run learns from: learn from the other half of their folder, FOLDER#even or "
                "FOLDER#odd"
            )
