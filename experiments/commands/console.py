"""What all commands share: options and writing to standard output."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Config = Annotated[
    str, typer.Option("--config", help="A TOML file, or a profile: smoke, default, full or families.")
]
Where = Annotated[
    str,
    typer.Option(
        "--executor",
        help="Where to work: local, or a Dask scheduler, such as dask://host:8786 or tcp://host:8786.",
    ),
]


def print_line(value: object) -> None:
    """Write a value and a line's end."""
    sys.stdout.write(f"{value}\n")


def print_json(value: Any) -> None:  # noqa: ANN401 - anything that JSON can hold
    """Write a value as indented JSON; NaN and infinity, which JSON lacks, are errors."""
    print_line(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
