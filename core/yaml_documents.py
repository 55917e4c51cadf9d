"""YAML that people write by hand, read so that a stranger's file can do no more than be wrong.

YAML holds more than it seems to: tags that make objects, anchors of which a small file makes a huge one, keys
that a later one silently replaces, and words that become something else, such as ``no``. Here a file is a
mapping of texts, lists and mappings, and nothing else: whoever declares the fields decides what they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import yaml

from timbrebench.core.errors import TimbrebenchError
from timbrebench.core.files import read_text

#: A text, or a list or a mapping of such.
Tree: TypeAlias = "str | list[Tree] | dict[str, Tree]"

#: Maximum depth of nested lists and mappings: what is written by hand has two or three.
MAX_DEPTH = 8


def read_yaml(path: Path, error: type[TimbrebenchError], limit: int) -> dict[str, Tree]:
    """Read a YAML mapping from a file of at most `limit` bytes.

    Raises `error` if it cannot be read (:func:`timbrebench.core.files.read_text`), or as :func:`parse_yaml`.
    """
    return parse_yaml(read_text(path, limit, error), str(path), error)


def parse_yaml(text: str, where: str, error: type[TimbrebenchError]) -> dict[str, Tree]:
    """Read a YAML mapping.

    Parameters
    ----------
    text : str
        The text, one document.
    where : str
        Where it is from, for messages.
    error : type of TimbrebenchError
        What is raised.

    Returns
    -------
    dict
        Its keys with texts, lists and dicts; every scalar is the text that was written, without its quotes.

    Raises
    ------
    TimbrebenchError
        Of the type `error`: if it is not YAML or not a mapping, or has an anchor, an alias, a tag, a key
        twice, or more than :data:`MAX_DEPTH` levels. The message has the line.
    """
    try:
        _refuse_references(text, where, error)
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as problem:
        raise error(
            f"{where}: not valid YAML ({_one_line(problem)}): a text with `: ` or ` #` stands in quotes"
        ) from problem
    if not isinstance(root, yaml.MappingNode):
        raise error(f"{where}: holds no mapping, expected lines of `key: value`")
    return _mapping(root, where, error)


def _refuse_references(text: str, where: str, error: type[TimbrebenchError]) -> None:
    """Refuse what refers to something else, and what is nested deeply, before anything is made of it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        line = f"{where}: line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise error(f"{line}: has an anchor or an alias (& or *): write the text out, in quotes")
        if getattr(event, "tag", None):
            raise error(f"{line}: has a tag (!): write the text in quotes")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise error(f"{line}: is nested deeper than {MAX_DEPTH}")


def _mapping(node: yaml.MappingNode, where: str, error: type[TimbrebenchError]) -> dict[str, Tree]:
    mapping: dict[str, Tree] = {}
    for key, value in node.value:
        line = f"{where}: line {key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode):
            raise error(f"{line}: a key is a list or a mapping, expected a name")
        if key.value in mapping:
            raise error(f"{line}: the key {key.value[:100]!r} is there twice")
        mapping[str(key.value)] = _tree(value, where, error)
    return mapping


def _tree(node: yaml.Node, where: str, error: type[TimbrebenchError]) -> Tree:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, where, error)
    if isinstance(node, yaml.SequenceNode):
        return [_tree(entry, where, error) for entry in node.value]
    return str(node.value)


def _one_line(problem: yaml.YAMLError) -> str:
    """Return what is wrong and where; the library's own message has several lines, some of the file's."""
    mark = getattr(problem, "problem_mark", None)
    said = str(getattr(problem, "problem", None) or getattr(problem, "reason", None) or "it cannot be parsed")
    return f"line {mark.line + 1}: {said[:200]}" if mark else said[:200]
