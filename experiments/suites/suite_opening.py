"""Open a frozen suite: get its clips, and refuse it where one of them is another.

Clips that can be rendered are rendered, into a small dataset of their own, so that a suite is the same
whatever dataset the judge and the methods of a run learn from. Another soundfont, or another fluidsynth,
gives other clips; such a suite is not opened, because its figures could not stand beside anybody's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from timbrebench.core.errors import ConfigurationError, DatasetError
from timbrebench.core.files import file_sha256
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.datasets.instruments import is_first_program
from timbrebench.datasets.rendering.piece_planning import plan_named
from timbrebench.datasets.rendering.rendered_dataset import build_pieces
from timbrebench.experiments.suites.frozen_suite import FrozenSuite
from timbrebench.experiments.suites.recipes import (
    AudioSetRecipe,
    MelodyRecipe,
    RenderedRecipe,
    TextureRecipe,
)
from timbrebench.experiments.suites.suite import OpenedSuite, Suite, SuiteConfiguration
from timbrebench.experiments.suites.suite_freezing import (
    SuiteClips,
    melody_configuration,
    melody_pieces,
    one_soundfont,
    texture_configuration,
    write_noise,
)


def open_frozen(frozen: FrozenSuite, configuration: SuiteConfiguration, root: Path) -> OpenedSuite:
    """Open a frozen suite whose clips are there.

    Parameters
    ----------
    frozen : FrozenSuite
        The suite.
    configuration : SuiteConfiguration
        Of the run; `audio` names the dataset of clips that cannot be rendered.
    root : pathlib.Path
        Folder of the clips that can, as :func:`render_frozen` writes it.

    Returns
    -------
    OpenedSuite
        Where users hold the audio, clips have the hashes of the files that are held.

    Raises
    ------
    DatasetError
        If a clip is missing or does not match its frozen hash; the message says what differs.
    ConfigurationError
        If the audio is with users and the configuration names no folder, or the clips are rendered and it
        names one.
    """
    if _is_held(frozen, configuration):
        return _checked(frozen, configuration, Dataset.open(configuration.audio))
    return _checked(frozen, configuration, Dataset.open(root))


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
    if _is_held(frozen, configuration):
        return open_frozen(frozen, configuration, root)
    return _checked(frozen, configuration, _render(frozen, root, executor))


def _is_held(frozen: FrozenSuite, configuration: SuiteConfiguration) -> bool:
    """Tell whether users hold the audio of a suite; the configuration has to name their folder only then."""
    made = frozen.recipe.made if frozen.recipe else None
    if isinstance(made, AudioSetRecipe):
        if not configuration.audio:
            raise ConfigurationError(
                f"the suite {frozen.title} lists clips of AudioSet, without audio: name a dataset of them "
                'with audio = "FOLDER" in [suite] (see `timbrebench suite segments`)'
            )
        return True
    if configuration.audio:
        raise ConfigurationError(f"the suite {frozen.title} renders its clips: leave out audio in [suite]")
    return False


def _checked(frozen: FrozenSuite, configuration: SuiteConfiguration, dataset: Dataset) -> OpenedSuite:
    problems = compare_clips(frozen, dataset)
    if problems:
        raise DatasetError(f"{dataset.root}: not the suite {frozen.title}: {'; '.join(problems)}")
    return frozen.opened(configuration, find_clips(frozen, dataset), dataset)


def as_held(frozen: FrozenSuite, given: FrozenSuite) -> FrozenSuite:
    """Return a suite whose audio is with its users as one of them holds it; any other as it is.

    Parameters
    ----------
    frozen : FrozenSuite
        The suite.
    given : FrozenSuite
        The same suite as it was opened somewhere: hashes, rate and length of its clips count.

    Returns
    -------
    FrozenSuite
        With a SHA-256 for every clip.

    Raises
    ------
    DatasetError
        If not all clips were held.
    """
    if frozen.is_hashed:
        return frozen
    held = {_place(frozen, clip.piece, clip.label, clip.start_s): clip for clip in given.clips}
    places = [_place(frozen, clip.piece, clip.label, clip.start_s) for clip in frozen.clips]
    if missing := sum(place not in held for place in places):
        raise DatasetError(f"{missing} of {len(places)} clips of {frozen.title} were not held")
    clips = tuple(
        clip._replace(sha256=held[place].sha256, start_s=held[place].start_s)
        for clip, place in zip(frozen.clips, places, strict=True)
    )
    return frozen.model_copy(
        update={"clips": clips, "sample_rate": given.sample_rate, "duration_s": given.duration_s}
    )


def refuse_learned(suite: Suite, learned: Collection[str]) -> None:
    """Refuse a frozen suite of which a judge, or a method, may have learned a piece.

    Parameters
    ----------
    suite : Suite
        The suite.
    learned : collection of str
        All pieces that anything in the run learns from.

    Raises
    ------
    DatasetError
        If one of them is in the suite.
    """
    pieces = {clip.piece for pair in suite.pairs for clip in (pair.content, pair.style)}
    known = sorted(pieces & set(learned))
    if known:
        raise DatasetError(
            f"the suite {suite.title} holds {len(known)} pieces that are learned from in this run, such as "
            f"{known[0]}: keep the dataset's shares of splits as they are by default"
        )


def compare_clips(frozen: FrozenSuite, dataset: Dataset) -> list[str]:
    """Compare the files of a dataset with a frozen suite.

    Parameters
    ----------
    frozen : FrozenSuite
        The suite.
    dataset : Dataset
        What may hold its clips, among others.

    Returns
    -------
    list of str
        What differs, and what it may come from; empty where every clip and note is the one that was frozen.
    """
    found = _by_place(frozen, dataset)
    absent, changed = [], []
    for clip in frozen.clips:
        here = found.get(_place(frozen, clip.piece, clip.label, clip.start_s))
        if here is None or not (path := dataset.root / here.path).is_file():
            absent.append(clip)
        elif file_sha256(path) != (clip.sha256 or here.sha256):
            changed.append(clip)
    problems = [
        f"{len(clips)} of {len(frozen.clips)} clips {are}, such as {clips[0].label} in {clips[0].piece} "
        f"at {clips[0].start_s:g} s"
        for clips, are in ((absent, "are not there"), (changed, "are others"))
        if clips
    ]
    notes = [row.piece for row in frozen.notes if not _holds(dataset, f"notes/{row.piece}.csv", row.sha256)]
    if notes:
        problems.append(f"the notes of {len(notes)} pieces are others, such as {notes[0]}")
    return problems + (_made_otherwise(frozen, dataset.description) if problems else [])


def _holds(dataset: Dataset, name: str, sha256: str) -> bool:
    path = dataset.root / name
    return path.is_file() and dataset.description["files"].get(name) == file_sha256(path) == sha256


def _made_otherwise(frozen: FrozenSuite, description: Mapping[str, Any]) -> list[str]:
    """Say with what else a dataset was made: what clips that differ come from."""
    here = {source["name"]: source for source in description.get("sources", ())}
    differences = []
    for source in frozen.sources:
        other = here.get(source["name"])
        if other is None:
            differences.append(f"{source['name']} was not used")
        elif {key: str(value) for key, value in other.items()} != source:
            differences.append(
                f"{source['name']} is another: {_mark(other)} here, {_mark(source)} where it was frozen"
            )
    software = description.get("software", {})
    differences += [
        f"{name} {software.get(name, 'unknown')} here, {version} where it was frozen"
        for name, version in frozen.software.items()
        if software.get(name) != version
    ]
    return [f"made with {', '.join(differences)}"] if differences else []


def _mark(source: Mapping[str, Any]) -> str:
    return str(source.get("version") or f"SHA-256 {str(source.get('sha256'))[:12]}")


def find_clips(frozen: FrozenSuite, dataset: Dataset) -> list[Clip]:
    """Return the clips of a suite in a dataset that holds them all, in the suite's order.

    Where users hold the audio, clips carry the label that the suite gives them: their dataset may have been
    asked for other classes.
    """
    found = _by_place(frozen, dataset)
    return [
        replace(found[_place(frozen, clip.piece, clip.label, clip.start_s)], label=clip.label)
        for clip in frozen.clips
    ]


def _by_place(frozen: FrozenSuite, dataset: Dataset) -> dict[tuple[str, str, float], Clip]:
    chosen = dataset.select(soundfont=frozen.soundfont)
    return {
        _place(frozen, clip.piece, clip.label, clip.start_s): clip
        for clip in chosen.clips()
        if is_first_program(clip.label, clip.program)
    }


def _place(frozen: FrozenSuite, piece: str, label: str, start_s: float) -> tuple[str, str, float]:
    return piece, label if frozen.is_hashed else "", round(float(start_s), 3)


def _render(frozen: FrozenSuite, root: Path, executor: Executor) -> Dataset:
    """Render the clips of a suite, or what is missing of them."""
    if frozen.recipe is None or len(frozen.pitch_range) != 2:
        raise DatasetError(f"the suite {frozen.title} does not say how its clips are made")
    about = SuiteClips(suite=frozen.title, fingerprint=frozen.fingerprint, recipe=frozen.recipe)
    pitch_range = (frozen.pitch_range[0], frozen.pitch_range[1])
    made, more = frozen.recipe.made, None
    if isinstance(made, RenderedRecipe):
        configuration = one_soundfont(made)
        names = sorted({clip.piece for clip in frozen.clips})
        pieces = plan_named(names, configuration, pitch_range, executor)
    elif isinstance(made, MelodyRecipe):
        configuration, pieces = melody_configuration(made), melody_pieces(made)
    elif isinstance(made, TextureRecipe):
        configuration = texture_configuration(made)
        names = list(dict.fromkeys(frozen.clips[pair.style].piece for pair in frozen.pairs))
        pieces = plan_named(names, configuration, pitch_range, executor)
        more = partial(write_noise, made, names)
    else:
        raise DatasetError(f"the clips of {frozen.title} cannot be rendered")
    return build_pieces(
        about, configuration, pieces, root, pitch_range=pitch_range, executor=executor, more=more
    )
