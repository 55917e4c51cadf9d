"""Commands that plan and build datasets cut out of AudioSet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.experiments.commands.options import AsJson, Where
from timbrebench.experiments.report.standard_output import print_json, print_line

audioset_app = typer.Typer(help="Plan and build datasets cut out of AudioSet.", no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Argument(help="A TOML file: tables, classes, sources of audio.")]


@audioset_app.command("counts")
def audioset_counts(config: ConfigFile, as_json: AsJson = False) -> None:
    """Print how many clips each class will have in each split; nothing is fetched or decoded."""
    from timbrebench.datasets.audioset.audioset_configuration import load_audioset
    from timbrebench.datasets.audioset.clip_planning import count_classes, plan_clips

    plan = plan_clips(load_audioset(config))
    counts = count_classes(plan)
    clips = int(plan.choose().sum())
    if as_json:
        print_json({"clips": clips, "classes": counts.to_dict(orient="records")})
        return
    print_line(counts.to_string(index=False))
    print_line(f"{clips} clips of {len(counts)} classes; a clip counts for each of its classes")


@audioset_app.command("build")
def audioset_build(
    config: ConfigFile,
    out: Annotated[Path, typer.Argument(help="The dataset's folder.")],
    executor: Where = "local",
) -> None:
    """Fetch and cut the clips of a configuration, or what is missing of them."""
    from timbrebench.core.workers.executor_addresses import open_executor
    from timbrebench.datasets.audioset.audioset_configuration import load_audioset
    from timbrebench.datasets.audioset.audioset_dataset import build_audioset

    configuration = load_audioset(config)
    with open_executor(executor, ["timbrebench.datasets.audioset.audioset_dataset"]) as work:
        dataset = build_audioset(configuration, out, executor=work)
    counts = dataset.description["counts"]
    print_line(
        f"{out}: {counts['clips']} clips, {counts['hours']:.2f} h, {counts['pieces']} videos; "
        f"{counts['failures']} segments could not be used, see failures.csv"
    )
