"""From what docstrings are written in, reStructuredText after numpydoc, to HTML."""

from __future__ import annotations

import functools
import html
import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

import griffe
from docutils import nodes
from docutils.core import publish_parts
from docutils.parsers.rst import roles
from docutils.utils import Reporter
from docutils.writers.html5_polyglot import HTMLTranslator, Writer

#: Roles that name an object of the code.
OBJECT_ROLES = ("attr", "class", "data", "exc", "func", "meth", "mod", "obj")

# The initials of an author, which begin a line, are no numbering.
_INITIAL = re.compile(r"^([ \t]*)([A-Z]\. )", re.MULTILINE)

_ROLE = re.compile(rf":(?:{'|'.join(OBJECT_ROLES)}):`([^`]+)`")


class Roles(griffe.Extension):
    """Replace roles, and literal blocks by fenced ones, in docstrings that are Markdown otherwise."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:  # noqa: ANN401 - griffe's signature
        """Rewrite an object's docstring."""
        if obj.docstring:
            text = _ROLE.sub(lambda role: _reference(role[1]), obj.docstring.value)
            obj.docstring.value = text.replace("::\n\n", ":\n\n")


@functools.cache  # methods share settings, and docutils takes its time
def to_html(text: str, where: str, heading_level: int = 2) -> str:
    """Return a docstring, or a part of one, as HTML.

    `where`, what it documents, stands in the :class:`docutils.utils.SystemMessage` that is raised where it
    is not valid reStructuredText.
    """
    writer = Writer()
    writer.translator_class = _Translator
    parts = publish_parts(
        # numpydoc writes parameters between single backticks.
        ".. default-role:: literal\n\n" + _INITIAL.sub(r"\1\\\2", inspect.cleandoc(text)),
        source_path=where,
        writer=writer,
        settings_overrides={
            "doctitle_xform": False,
            "file_insertion_enabled": False,
            "halt_level": Reporter.WARNING_LEVEL,
            "initial_header_level": heading_level,
            "raw_enabled": False,
            "smart_quotes": False,
            "warning_stream": False,
        },
    )
    return str(parts["fragment"]).strip()


def cell(text: str, where: str) -> str:
    """Return a description as HTML for a table's cell: a single paragraph without its tags."""
    content = to_html(text, where)
    single = re.fullmatch(r"<p>((?:(?!<p>).)*)</p>", content, re.DOTALL)
    return single[1] if single else content


def code(text: object) -> str:
    """Return a text as code in HTML."""
    return f"<code>{html.escape(str(text))}</code>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are HTML."""
    head = "".join(f"<th>{name}</th>" for name in header)
    body = "\n".join(
        "<tr>"
        + "".join(f'<td class="{name}">{value}</td>' for name, value in zip(header, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"


def facts(values: Mapping[str, str]) -> str:
    """Return a list of terms and what is said of them, which is plain text."""
    items = "".join(
        f"<dt>{term}</dt><dd>{html.escape(value, quote=False)}</dd>\n" for term, value in values.items()
    )
    return f'<dl class="facts">\n{items}</dl>\n'


def _reference(target: str) -> str:
    """Return a link, which the plugin autorefs completes, to an object; its name where no page has it.

    A tilde in front of the dotted name shortens what is shown to the last part.
    """
    name = target.lstrip("~!")
    shown = name.rsplit(".", 1)[-1] if target.startswith("~") else name
    return f'<autoref optional identifier="{html.escape(name)}">{code(shown)}</autoref>'


class _Translator(HTMLTranslator):
    """Literals are code, as Markdown has it."""

    def visit_literal(self, node: nodes.literal) -> None:
        self.body.append(code(node.astext()))
        raise nodes.SkipNode


for _name in OBJECT_ROLES:
    roles.register_local_role(
        _name, lambda _name, raw, text, *_, **__: ([nodes.raw(raw, _reference(text), format="html")], [])
    )
