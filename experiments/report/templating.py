"""Pages from templates. Values are escaped, unless they are markup of our own."""

from __future__ import annotations

import base64
from functools import cache
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from timbrebench.core.plain_text import without_controls


def render(name: str, **context: object) -> str:
    """Fill in one of the templates that come with the project; a missing variable is an error.

    What others have named is escaped, and has no control characters and no marks of direction on the page.
    """
    return without_controls(_environment().get_template(name).render(**context))


@cache
def asset(name: str) -> Markup:
    """Return a style sheet or script of ours, to stand inside a page."""
    return Markup(_text(name))  # noqa: S704 - our own file


def data_uri(content: bytes, media_type: str) -> str:
    """Return bytes as an address that holds them."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _text(name: str) -> str:
    return (resources.files("timbrebench.experiments.report") / "templates" / name).read_text(
        encoding="utf-8"
    )
