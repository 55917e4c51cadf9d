"""From what docstrings are written in, reStructuredText after numpydoc, to HTML."""

from __future__ import annotations

import functools
import html
import inspect
import io
import re
from collections.abc import Callable, Sequence

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


def reference(target: str) -> str:
    """Return a link to an object, for its name as roles have it; where no page has the object, its name.

    Parameters
    ----------
    target : str
        A dotted name; a tilde in front shortens what is shown to the last part.

    Returns
    -------
    str
        HTML, which the plugin autorefs completes.
    """
    name = target.lstrip("~!")
    shown = name.rsplit(".", 1)[-1] if target.startswith("~") else name
    return f'<autoref optional identifier="{html.escape(name)}"><code>{html.escape(shown)}</code></autoref>'


def link_roles(text: str) -> str:
    """Replace the roles in a docstring that is Markdown otherwise."""
    return _ROLE.sub(lambda role: reference(role[1]), text)


def to_html(text: str, where: str, heading_level: int = 2) -> str:
    """Return a docstring, or a part of one, as HTML.

    Parameters
    ----------
    text : str
        reStructuredText; its indentation may be a docstring's.
    where : str
        What it documents, for messages.
    heading_level : int, default 2
        Level of its highest headings.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ValueError
        If it is not valid reStructuredText.
    """
    try:
        return _fragment(inspect.cleandoc(text), heading_level)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


@functools.cache  # methods share settings, and docutils takes its time
def _fragment(text: str, heading_level: int) -> str:
    # numpydoc writes parameters between single backticks. docutils forgets it after each text.
    roles.register_local_role("", _role(nodes.literal))
    messages = io.StringIO()
    parts = publish_parts(
        _INITIAL.sub(r"\1\\\2", text),
        writer=_Writer(),
        settings_overrides={
            "doctitle_xform": False,
            "file_insertion_enabled": False,
            "initial_header_level": heading_level,
            "raw_enabled": False,
            "report_level": Reporter.WARNING_LEVEL,
            "smart_quotes": False,
            "warning_stream": messages,
        },
    )
    if messages.getvalue():
        raise ValueError(f"not valid reStructuredText: {messages.getvalue().strip()}")
    return str(parts["fragment"]).strip()


def cell(text: str, where: str) -> str:
    """Return a description as HTML for a table's cell: a single paragraph without its tags."""
    content = to_html(text, where) if text else ""
    single = re.fullmatch(r"<p>((?:(?!<p>).)*)</p>", content, re.DOTALL)
    return single[1] if single else content


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


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a list of terms and what is said of them, which is HTML."""
    return '<dl class="facts">\n' + "".join(f"<dt>{a}</dt><dd>{b}</dd>\n" for a, b in pairs) + "</dl>\n"


class _Translator(HTMLTranslator):
    """Literals are code, as Markdown has it."""

    def visit_literal(self, node: nodes.literal) -> None:
        self.body.append(f"<code>{html.escape(node.astext())}</code>")
        raise nodes.SkipNode


class _Writer(Writer):
    def __init__(self) -> None:
        super().__init__()
        self.translator_class = _Translator


def _role(make: Callable[[str, str], nodes.Node]) -> Callable[..., tuple[list[nodes.Node], list[nodes.Node]]]:
    """Return a role, as docutils calls it: name, raw text, text, and what it is not asked for here."""
    return lambda _name, rawtext, text, *_, **__: ([make(rawtext, text)], [])


for _name in OBJECT_ROLES:
    roles.register_local_role(
        _name, _role(lambda rawtext, text: nodes.raw(rawtext, reference(text), format="html"))
    )
