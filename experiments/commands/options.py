"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from timbrebench.experiments.run.configuration_text import profile_names

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Config = Annotated[
    str,
    typer.Option(
        "--config",
        help=f"A TOML file, or a profile: {', '.join(profile_names())}.",
        autocompletion=profile_names,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there already.")]
Where = Annotated[
    str,
    typer.Option(
        "--executor",
        help="Where to work: local, or a Dask scheduler, such as dask://host:8786 or tcp://host:8786.",
    ),
]
