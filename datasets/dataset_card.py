"""A dataset's card: what it is, where it came from, what it holds, and how to build it again.

The card is Markdown, ``README.md`` in the dataset's folder, made of its description alone: equal datasets
have equal cards.
"""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import soundfile

from timbrebench.core.plain_text import on_one_line
from timbrebench.datasets.dataset import FAILURES, MANIFEST

CARD = "README.md"

#: Licences of what is often built from, as far as their authors state them.
_LICENCES = {
    "music21": "music21: BSD 3-clause; of its scores, see each and `music21/corpus`",
    "FluidR3_GM": "MIT",
    "MuseScore_General": "MIT",
    "TimGM6mb": "GPL 2",
    "GeneralUser-v1.47": "GeneralUser GS 2.0: any use",
    "GeneralUser-GS": "GeneralUser GS 2.0: any use",
    "sonivox": "Apache 2.0",
    "balanced_train_segments.csv": "CC BY 4.0",
    "unbalanced_train_segments.csv": "CC BY 4.0",
    "eval_segments.csv": "CC BY 4.0",
    "class_labels_indices.csv": "CC BY 4.0",
    "ontology.json": "CC BY-SA 4.0",
}

_SPLITS = (
    "A piece is in one split with all its clips. Methods learn from `train`, judges from `judge`; they are "
    f"chosen by `validation` and tested on `test`. `{MANIFEST}` has a row for each clip, `{FAILURES}` what "
    "could not be used, and why."
)

#: Added for datasets that keep drums.
_DRUMS = (
    " Drums play beside the instrument: rows of `notes/` with `drum` = 1 are strokes, which have no pitch."
)

#: Added for datasets in which each instrument has a soundfont of its own.
_OWN_SOUNDFONTS = (
    " Each instrument is played by one soundfont alone: {pairs}. Timbre and soundfont cannot be told apart "
    "here: a judge that learns from these clips may know the soundfonts, their noise and their filters, and "
    "not the instruments. What it says of the same instruments on other soundfonts has to be measured."
)

#: Added for datasets of pieces whose files leave something open.
_REPAIRS = (
    " Some pieces' MIDI files do not keep to the standard: `repairs.csv` has where, and how they were read."
)

#: Added for datasets of recordings that come with notes.
_NOTES = (
    " `notes/` has the notes of recordings that come with some: onset, offset, pitch, velocity. Recordings "
    "of the same notes are one `piece`; a `source_piece` stays in one split. Pitches are those of the "
    "nearest semitones: `sources.csv` has by how many cents notes lie off them, median and maximum."
)

#: What a source's row has in columns of its own, or the card elsewhere.
_APART = frozenset(("name", "licence", "sha256", "bibtex"))

_COMMAND = (
    "Where this configuration's sources lie in the same places, and with the same software, this builds the "
    "same bytes:\n\n```sh\ntimbrebench dataset rebuild THIS_FOLDER ANOTHER_FOLDER\n```"
)

_UNKNOWN = "not recorded: ask where it came from"


def dataset_card(description: Mapping[str, Any], *, title: str, about: str, rebuildable: bool) -> str:
    """Write a dataset's card.

    Parameters
    ----------
    description : mapping
        The content of ``dataset.json``, of any version of this layout.
    title, about : str
        Heading and first paragraph.
    rebuildable : bool
        Whether ``timbrebench dataset rebuild`` can build from the description's configuration.

    Returns
    -------
    str
        Markdown.
    """
    configuration = json.dumps(description["configuration"], indent=2, sort_keys=True, ensure_ascii=False)
    if description["configuration"].get("keep_drums"):
        about += _DRUMS
    if "pieces_with_notes" in description["counts"]:
        about += _NOTES
    if isinstance(soundfonts := description["configuration"].get("soundfonts"), Mapping):
        pairs = ", ".join(f"{label} by {_soundfont_name(font)}" for label, font in sorted(soundfonts.items()))
        about += _OWN_SOUNDFONTS.format(pairs=pairs)
    sections = [
        f"# {title}",
        about,
        "## What it holds",
        *_holdings(description["counts"]),
        _SPLITS + (_REPAIRS if "repaired_pieces" in description["counts"] else ""),
        "## Where it comes from",
        _sources(description["sources"]),
        *(f"```bibtex\n{source['bibtex']}\n```" for source in description["sources"] if "bibtex" in source),
        "## How to build it again",
        _COMMAND if rebuildable else "By what has made it, from this configuration:",
        f"```json\n{configuration}\n```",
        "## Software",
        _table(("", "version"), sorted(description["software"].items())),
    ]
    return "\n\n".join(sections) + "\n"


def software(*packages: str) -> dict[str, str]:
    """Return the versions of what a dataset was built with.

    Parameters
    ----------
    *packages : str
        Python packages beside this one; those that are not installed are left out.

    Returns
    -------
    dict of str to str
        With those of Python, libsndfile and this package.
    """
    versions = {"python": platform.python_version(), "libsndfile": str(soundfile.__libsndfile_version__)}
    for name in ("timbrebench", *packages):
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def _holdings(counts: Mapping[str, Any]) -> list[str]:
    """Return one table of the single figures, and one for each column that was counted."""
    single = [(name, value) for name, value in counts.items() if not isinstance(value, Mapping)]
    tables = [_table(("", "number"), sorted(single))]
    for name, tally in sorted(counts.items()):
        if isinstance(tally, Mapping):
            tables.append(_table((name, "clips"), sorted(tally.items())))
    return tables


def _soundfont_name(soundfont: str | Mapping[str, Any]) -> str:
    return on_one_line(str(soundfont["name"] if isinstance(soundfont, Mapping) else soundfont))


def _sources(sources: Iterable[Mapping[str, Any]]) -> str:
    rows = []
    for source in sources:
        name = str(source["name"])
        licence = source.get("licence") or _LICENCES.get(name, _UNKNOWN)
        # What identifies the bytes stands last, since it is long.
        details = ", ".join(f"{key} {value}" for key, value in sorted(source.items()) if key not in _APART)
        rows.append((name, details, licence, source.get("sha256", "")))
    return _table(("source", "", "licence", "SHA-256"), rows)


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    # Without the padding of other Markdown tables here: cards are part of a dataset's bytes.
    titles = list(header)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return on_one_line(str(value)).replace("|", "\\|")
