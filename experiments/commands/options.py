"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Config = Annotated[
    str, typer.Option("--config", help="A TOML file, or a profile: smoke, default, full or families.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there already.")]
Where = Annotated[
    str,
    typer.Option(
        "--executor",
        help="Where to work: local, or a Dask scheduler, such as dask://host:8786 or tcp://host:8786.",
    ),
]
