"""The keys of configurations, and what commands take."""

from __future__ import annotations

import re
import subprocess
import sys

from markup import cell
from model_fields import field_table, models_in
from pydantic import BaseModel

from timbrebench.datasets.importing.import_configuration import ImportConfiguration
from timbrebench.experiments.run.configuration_text import profile_names
from timbrebench.experiments.run.run_configuration import RunConfiguration

#: Roots: a name for the file, what it is for, the model.
_ROOTS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("A run", "What `timbrebench run` takes, as a TOML file.", RunConfiguration),
    ("An import", "What `timbrebench dataset import` takes, as a TOML file.", ImportConfiguration),
)


def configuration_page() -> str:
    """Return the Markdown of the page of all keys, with those of nested tables."""
    parts = [
        "# Configuration\n",
        "Unknown keys are errors, and the message names the nearest key. The profiles that come with the "
        f"project are configurations too: {', '.join(f'`{name}`' for name in profile_names())}.\n",
    ]
    seen: set[type[BaseModel]] = set()
    for title, text, root in _ROOTS:
        parts += [f"## {title}\n", f"{text}\n"]
        parts += _tables(root, seen)
    return "\n".join(parts)


def command_page() -> str:
    """Return the Markdown of the page of all commands, which typer writes."""
    command = [sys.executable, "-m", "typer", "timbrebench.experiments.commands.cli", "utils", "docs"]
    done = subprocess.run(  # noqa: S603 - nothing of it comes from outside
        [*command, "--name", "timbrebench", "--title", "Command line"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ValueError(f"typer cannot document the command line: {done.stderr.strip()}")
    return _linked(done.stdout)


def _linked(text: str) -> str:
    """Complete the lists of commands, which typer cuts short, and link them to their sections."""
    said = dict(re.findall(r"^#+ `timbrebench (.+?)`\n\n(.+)$", text, re.MULTILINE))
    section, lines = "", []
    for line in text.splitlines():
        if heading := re.match(r"#+ `timbrebench (.+?)`$", line):
            section = heading[1]
        item = re.match(r"\* `([a-z-]+)`: ", line)
        name = f"{section} {item[1]}".strip() if item else ""
        linked = (
            f"* [`{item[1]}`](#timbrebench-{name.replace(' ', '-')}): {said[name]}" if name in said else line
        )
        lines.append(linked)
    return "\n".join(lines)


def _tables(root: type[BaseModel], seen: set[type[BaseModel]]) -> list[str]:
    """Return the tables of a model and of those that it holds and that are not on the page yet."""
    waiting, parts = [("", root)], []
    while waiting:
        path, model = waiting.pop(0)
        if model in seen:
            continue
        seen.add(model)
        nested = [
            (f"{path}.{name}".lstrip("."), one)
            for name, field in model.model_fields.items()
            for one in models_in(field.annotation)
        ]
        waiting += nested
        if path:
            parts.append(f"### {model.__name__}: `{path}` {{#{model.__name__}}}\n")
        summary = (model.__doc__ or "").strip().splitlines()[0]
        anchors = {one: one.__name__ for _, one in nested}
        parts += [f"<p>{cell(summary, model.__name__)}</p>\n", field_table(model, anchors)]
    return parts
