"""AudioSet's ontology: classes of sound, from the general to the particular, and their names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from timbrebench.core.documents import JSON_BYTES, parse_json
from timbrebench.core.errors import DatasetError, UnknownNameError
from timbrebench.core.files import read_text
from timbrebench.core.tables import read_text_csv

#: Short names of the subtrees that say something about style, and the classes at their tops.
SUBTREES = {"instruments": "/m/04szw", "genres": "/m/0kpv1t", "moods": "/t/dd00030"}


@dataclass(frozen=True)
class Ontology:
    """The classes and how they are nested. A class can lie below several others.

    Attributes
    ----------
    names : mapping of str to str
        The display name of each class, by identifier, in the order of the file.
    children : mapping of str to tuple of str
        The identifiers right below each.
    labels : tuple of str
        The identifiers that segments are labelled with, in the order of their indices.
    """

    names: Mapping[str, str]
    children: Mapping[str, tuple[str, ...]]
    labels: tuple[str, ...]

    @classmethod
    def read(cls, ontology: Path | str, class_labels: Path | str) -> Ontology:
        """Read the ontology and the list of labels.

        Parameters
        ----------
        ontology : path-like
            ``ontology.json``.
        class_labels : path-like
            ``class_labels_indices.csv``, with the columns ``index``, ``mid`` and ``display_name``.

        Raises
        ------
        DatasetError
            If a file cannot be read, names a class that the ontology lacks, or names one otherwise.
        """
        try:
            text = read_text(Path(ontology), JSON_BYTES, DatasetError)
            nodes = parse_json(text, str(ontology), DatasetError)
            names = {str(node["id"]): str(node["name"]) for node in nodes}
            children = {str(node["id"]): tuple(map(str, node["child_ids"])) for node in nodes}
        except (KeyError, TypeError) as error:
            raise DatasetError(
                f"{ontology}: cannot be read as AudioSet's ontology ({error}): give its ontology.json"
            ) from error
        absent = sorted({child for below in children.values() for child in below} - set(names))
        if absent:
            raise DatasetError(f"{ontology}: names {absent[0]} as a child, which it does not hold")
        return cls(names, children, _read_labels(Path(class_labels), names))

    def subtree(self, identifier: str) -> set[str]:
        """Return a class and all that lie below it, as identifiers."""
        below: set[str] = set()
        pending = [identifier]
        while pending:
            node = pending.pop()
            if node not in below:
                below.add(node)
                pending += self.children[node]
        return below

    def find(self, name: str) -> str:
        """Return the identifier of a class.

        Parameters
        ----------
        name : str
            Its identifier, its name in upper or lower case, or one of :data:`SUBTREES`.

        Raises
        ------
        UnknownNameError
            If no class has this name; the nearest one is suggested.
        """
        if name in self.names:
            return name
        known = {title.casefold(): identifier for identifier, title in self.names.items()}
        known |= {title: identifier for title, identifier in SUBTREES.items() if identifier in self.names}
        if name.casefold() not in known:
            written = {title.casefold(): title for title in [*self.names.values(), *SUBTREES]}
            near = difflib.get_close_matches(name.casefold(), written, n=1, cutoff=0.6)
            # Without a near name the subtrees are named: all 632 classes would fill the screen.
            raise UnknownNameError("AudioSet class", name, [written[title] for title in near] or SUBTREES)
        return known[name.casefold()]

    def select(self, classes: Iterable[str], *, descendants: bool) -> list[str]:
        """Return the labels that are wanted.

        Parameters
        ----------
        classes : iterable of str
            As :meth:`find` takes them.
        descendants : bool
            Whether the classes below them are wanted too.

        Returns
        -------
        list of str
            Identifiers, in the order of :attr:`labels`. Classes that no segment can be labelled with, because
            they are too general or too unclear, are left out.

        Raises
        ------
        UnknownNameError
            If there is no such class.
        DatasetError
            If none of a name's classes is a label.
        """
        wanted: set[str] = set()
        for name in classes:
            identifier = self.find(name)
            own = self.subtree(identifier) if descendants else {identifier}
            if own.isdisjoint(self.labels):
                below = "" if descendants else ": set descendants = true for the classes below it"
                raise DatasetError(
                    f"no segment is labelled with {self.names[identifier]!r} ({identifier}){below}"
                )
            wanted |= own
        return [label for label in self.labels if label in wanted]


def _read_labels(path: Path, names: Mapping[str, str]) -> tuple[str, ...]:
    try:
        titles = read_text_csv(path, DatasetError).set_index("mid")["display_name"]
    except KeyError as error:
        raise DatasetError(
            f"{path}: cannot be read as AudioSet's list of labels ({error}): give class_labels_indices.csv"
        ) from error
    for identifier, title in titles.items():
        if names.get(str(identifier)) != title:
            raise DatasetError(
                f"{path}: calls {identifier} {title!r}, the ontology {names.get(str(identifier))!r}: "
                "the two files are of different releases"
            )
        if "|" in title:
            raise DatasetError(f"{path}: the name {title!r} holds a |, which separates the labels of a clip")
    return tuple(map(str, titles.index))
