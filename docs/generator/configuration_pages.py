"""The keys of configurations, and what commands take."""

from __future__ import annotations

import re

from markup import cell
from model_fields import field_table, nested_models
from pydantic import BaseModel
from typer import Context
from typer.cli import get_docs_for_click
from typer.main import get_command

from timbrebench.datasets.importing.import_configuration import ImportConfiguration
from timbrebench.experiments.commands.cli import app
from timbrebench.experiments.run.run_configuration import RunConfiguration

#: Roots: a name for the file, what it is for, the model.
_ROOTS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("A run", "What `timbrebench run` takes, as a TOML file.", RunConfiguration),
    ("An import", "What `timbrebench dataset import` takes, as a TOML file.", ImportConfiguration),
)


def configuration_keys() -> str:
    """Return the Markdown of all keys, with those of nested tables."""
    parts = []
    seen: set[type[BaseModel]] = set()
    for title, text, root in _ROOTS:
        parts += [f"## {title}\n", f"{text}\n"]
        for path, model in nested_models(root, seen):
            if path:
                parts.append(f"### {model.__name__}: `{path}` {{#{model.__name__}}}\n")
            summary = (model.__doc__ or "").strip().splitlines()[0]
            parts += [f"<p>{cell(summary, model.__name__)}</p>\n", field_table(model)]
    return "\n".join(parts)


def command_reference() -> str:
    """Return the Markdown of all commands, which typer writes."""
    command = get_command(app)
    return _linked(
        get_docs_for_click(obj=command, ctx=Context(command), name="timbrebench", title="Command line")
    )


def _linked(text: str) -> str:
    """Complete the lists of commands, which typer cuts short, and link them to their sections."""
    summaries = dict(re.findall(r"^#+ `timbrebench (.+?)`\n\n(.+)$", text, re.MULTILINE))
    section, lines = "", []
    for line in text.splitlines():
        if heading := re.match(r"#+ `timbrebench (.+?)`$", line):
            section = f"{heading[1]} "
        item = re.match(r"\* `([a-z-]+)`: ", line)
        name = section + item[1] if item else ""
        link = f"#timbrebench-{name.replace(' ', '-')}"
        lines.append(f"* [`{item[1]}`]({link}): {summaries[name]}" if item and name in summaries else line)
    return "\n".join(lines)
