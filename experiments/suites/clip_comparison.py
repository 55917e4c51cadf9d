"""Compare the files of a dataset with a frozen suite, clip by clip.

Another soundfont, or another fluidsynth, gives other clips; such a suite is not opened, because its figures
could not stand beside anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from timbrebench.core.errors import DatasetError
from timbrebench.core.files import file_sha256
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.experiments.suites.frozen_pairs import FrozenClip, frozen_clip
from timbrebench.experiments.suites.frozen_suite import FrozenSuite
from timbrebench.experiments.suites.suite import SEVERAL_SOUNDFONTS


def compare_clips(frozen: FrozenSuite, dataset: Dataset) -> list[str]:
    """Compare the files of a dataset, which may hold other clips too, with a frozen suite.

    Returned is what differs, and what may have caused it; nothing where all clips and notes match their
    frozen hashes.
    """
    by_place = _by_place(frozen, dataset)
    absent, changed = [], []
    for clip in frozen.clips:
        here = by_place.get(_place(frozen, clip))
        if here is None or not (path := dataset.root / here.path).is_file():
            absent.append(clip)
        elif file_sha256(path) != (clip.sha256 or here.sha256):
            changed.append(clip)
    problems = [
        f"{len(clips)} of {len(frozen.clips)} clips {problem}, such as {clips[0].label} in "
        f"{clips[0].piece} at {clips[0].start_s:g} s"
        for clips, problem in ((absent, "are missing"), (changed, "do not match the frozen hash"))
        if clips
    ]
    notes = [row.piece for row in frozen.notes if not _holds(dataset, f"notes/{row.piece}.csv", row.sha256)]
    if notes:
        problems.append(f"the notes of {len(notes)} pieces do not match the frozen hash, such as {notes[0]}")
    return problems + (_differences(frozen, dataset.description) if problems else [])


def _holds(dataset: Dataset, name: str, sha256: str) -> bool:
    path = dataset.root / name
    return path.is_file() and dataset.description.get("files", {}).get(name) == file_sha256(path) == sha256


def _differences(frozen: FrozenSuite, description: Mapping[str, Any]) -> list[str]:
    """Name the sources and software of a dataset that differ from a frozen suite's."""
    here = {source["name"]: source for source in description.get("sources", ())}
    differences = []
    for source in frozen.sources:
        other = here.get(source["name"])
        if other is None:
            differences.append(f"{source['name']} was not used")
        elif {key: str(value) for key, value in other.items()} != source:
            differences.append(
                f"{source['name']} differs: {_version(other)} here, {_version(source)} where it was frozen"
            )
    software = description.get("software", {})
    differences += [
        f"{name} {software.get(name, 'unknown')} here, {version} where it was frozen"
        for name, version in frozen.software.items()
        if software.get(name) != version
    ]
    return [f"made with {', '.join(differences)}"] if differences else []


def _version(source: Mapping[str, Any]) -> str:
    return str(source.get("version") or f"SHA-256 {str(source.get('sha256'))[:12]}")


def find_clips(frozen: FrozenSuite, dataset: Dataset) -> list[Clip]:
    """Return the clips of a suite in a dataset that holds them all, in the suite's order.

    Where users hold the audio, clips carry the label that the suite gives them: their dataset may have been
    asked for other classes.
    """
    by_place = _by_place(frozen, dataset)
    return [replace(by_place[_place(frozen, clip)], label=clip.label) for clip in frozen.clips]


#: Piece, label, start, soundfont and program of a clip, as far as they tell clips of a suite apart.
_Place = tuple[str, str, float, str, int]


def _by_place(frozen: FrozenSuite, dataset: Dataset) -> dict[_Place, Clip]:
    has_several = frozen.soundfont == SEVERAL_SOUNDFONTS
    clips = dataset.clips() if has_several else dataset.select(soundfont=frozen.soundfont).clips()
    return {_place(frozen, frozen_clip(clip, names_soundfont=has_several)): clip for clip in clips}


def _place(frozen: FrozenSuite, clip: FrozenClip) -> _Place:
    label = clip.label if frozen.is_hashed else ""
    return clip.piece, label, round(float(clip.start_s), 3), clip.soundfont, clip.program


def as_held(frozen: FrozenSuite, given: FrozenSuite) -> FrozenSuite:
    """Fill the hashes of a suite whose audio is with its users from the files that one of them holds.

    `given` is the same suite as a user opened it: hashes, rate and length of its clips count. A suite that
    had a SHA-256 for every clip is returned as it is; a `DatasetError` is raised if clips were not held.
    """
    if frozen.is_hashed:
        return frozen
    held = {_place(frozen, clip): clip for clip in given.clips}
    places = [_place(frozen, clip) for clip in frozen.clips]
    if missing := sum(place not in held for place in places):
        raise DatasetError(f"{missing} of {len(places)} clips of {frozen.title} were not held")
    clips = tuple(
        clip._replace(sha256=held[place].sha256, start_s=held[place].start_s)
        for clip, place in zip(frozen.clips, places, strict=True)
    )
    return frozen.model_copy(
        update={"clips": clips, "sample_rate": given.sample_rate, "duration_s": given.duration_s}
    )
