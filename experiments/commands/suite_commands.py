"""Commands about frozen suites: what there is, what is in one, making one, and comparing one with clips."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from timbrebench.core.destinations import check_output_file, check_output_folder
from timbrebench.experiments.commands.interruption import resumable
from timbrebench.experiments.commands.options import AsJson, Force, Where
from timbrebench.experiments.report.standard_output import print_json, print_line

# What takes seconds to import is imported when the command runs.
if TYPE_CHECKING:
    from timbrebench.experiments.suites.frozen_suite import FrozenSuite

suite_app = typer.Typer(help="Frozen suites: lists of pairs that never change.", no_args_is_help=True)
pairs_app = typer.Typer(help="Hand the pairs of a run to systems outside.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A suite's name, with or without version, or a .json file.")]


@suite_app.command("list")
def suite_list(as_json: AsJson = False) -> None:
    """List the suites that come with the project."""
    from timbrebench.experiments.suites.frozen_suite import frozen_names, load_frozen

    suites = [load_frozen(name) for name in frozen_names()]
    if as_json:
        print_json([_about(frozen) for frozen in suites])
        return
    for frozen in suites:
        print_line(f"{frozen.title:22} {len(frozen.pairs):4} pairs  {_summary(frozen)}")


@suite_app.command("show")
def suite_show(name: Name, as_json: AsJson = False) -> None:
    """Print what a suite is made of: how many pairs of which labels, and what its clips were made with."""
    from timbrebench.experiments.suites.frozen_suite import load_frozen

    frozen = load_frozen(name)
    about = _about(frozen)
    if as_json:
        print_json(about)
        return
    for key in (
        "suite",
        "summary",
        "attribution",
        "pairs",
        "clips",
        "pieces",
        "version",
        "fingerprint",
        "ranked",
        "judges",
    ):
        print_line(f"{key}: {about[key]}")
    for key in ("directions", "sources", "software"):
        print_line(f"{key}:")
        for row in about[key].items() if isinstance(about[key], dict) else enumerate(about[key], start=1):
            print_line(f"  {row[0]}: {row[1]}")


def _summary(frozen: FrozenSuite) -> str:
    return frozen.recipe.summary if frozen.recipe else ""


def _about(frozen: FrozenSuite) -> dict[str, Any]:
    from timbrebench.experiments.suites.suite import SuiteConfiguration
    from timbrebench.experiments.suites.suite_judges import judges_of

    labels = [(frozen.clips[pair.content].label, frozen.clips[pair.style].label) for pair in frozen.pairs]
    version = frozen.suite(SuiteConfiguration(soundfont=frozen.soundfont)).version if frozen.is_hashed else ""
    return {
        "suite": frozen.title,
        "summary": _summary(frozen),
        "attribution": (frozen.recipe.attribution if frozen.recipe else "") or "none needed",
        "pairs": len(frozen.pairs),
        "clips": len(frozen.clips),
        "pieces": len({frozen.clips[pair.content].piece for pair in frozen.pairs}),
        "version": version or "follows from the audio that its users hold",
        "fingerprint": frozen.fingerprint,
        "ranked": "by the headline" if frozen.is_ranking else f"no: {_why_unranked(frozen)}",
        "judges": ", ".join(judges_of(frozen)) or "none published: a run trains its own",
        "directions": {f"{content} to {style}": count for (content, style), count in Counter(labels).items()},
        "sources": [dict(source) for source in frozen.sources],
        "software": dict(frozen.software),
    }


def _why_unranked(frozen: FrozenSuite) -> str:
    if frozen.has_right_styles:
        return "the styles are right themselves"
    return "the notes of the contents are not known"


@suite_app.command("freeze")
def suite_freeze(
    recipe: Annotated[
        str, typer.Argument(help="One of the project's suites, or a .toml file that says how.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for NAME-VERSION.json.")],
    clips: Annotated[
        Path | None, typer.Option(help="Folder for the clips; without it they are not kept.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            "--tables",
            help="Of a suite whose audio users hold: its folder, or that of AudioSet's tables and ontology.",
        ),
    ] = None,
    executor: Where = "local",
) -> None:
    """Make a suite by its recipe and freeze it. A version that is there already stays as it is."""
    for folder in filter(None, (out, clips)):
        check_output_folder(folder)
    from timbrebench.classifier import load_content_judge
    from timbrebench.core.workers.executor_addresses import open_executor
    from timbrebench.experiments.suites.frozen_suite import freeze_recipe, write_frozen
    from timbrebench.experiments.suites.recipes import load_recipe

    wanted = load_recipe(recipe)
    learned = load_content_judge().training_pieces
    with (
        resumable(lambda: clips is not None),
        open_executor(executor, ["timbrebench.datasets.rendering.rendered_dataset"]) as work,
        tempfile.TemporaryDirectory() as scratch,
    ):
        folder = clips or Path(scratch) / "clips"
        frozen = freeze_recipe(wanted, folder, work, source=source, learned=learned)
    print_line(write_frozen(frozen, out))


@suite_app.command("check")
def suite_check(
    name: Name,
    dataset: Annotated[Path, typer.Argument(help="A dataset, such as a run's suite/ or dataset/.")],
) -> None:
    """Compare every clip of a suite with a dataset; the exit status is 1 if any is missing or differs."""
    from timbrebench.datasets import Dataset
    from timbrebench.experiments.suites.clip_comparison import compare_clips
    from timbrebench.experiments.suites.frozen_suite import load_frozen

    frozen = load_frozen(name)
    problems = compare_clips(frozen, Dataset.open(dataset))
    for problem in problems:
        print_line(problem)
    if problems:
        raise typer.Exit(1)
    print_line(f"{dataset}: holds all {len(frozen.clips)} clips of {frozen.title}")


@suite_app.command("build")
def suite_build(
    name: Name,
    out: Annotated[Path, typer.Argument(help="Folder for the clips.")],
    audio: Annotated[str, typer.Option(help="The folder of audio, for a suite whose audio users hold.")] = "",
    executor: Where = "local",
) -> None:
    """Make the clips of a suite, and nothing else, as a dataset."""
    check_output_folder(out)
    from timbrebench.core.workers.executor_addresses import open_executor
    from timbrebench.experiments.suites.frozen_suite import load_frozen
    from timbrebench.experiments.suites.suite import SuiteConfiguration
    from timbrebench.experiments.suites.suite_opening import render_frozen

    frozen = load_frozen(name)
    with resumable(), open_executor(executor, ["timbrebench.datasets.rendering.rendered_dataset"]) as work:
        configuration = SuiteConfiguration(name=name, audio=audio, soundfont=frozen.soundfont)
        suite = render_frozen(frozen, configuration, out, work)
    print_line(f"{out}: {len(suite.clips)} clips of {frozen.title}")


@suite_app.command("segments")
def suite_segments(
    name: Name,
    out: Annotated[Path, typer.Option(help="A CSV file for `timbrebench audioset build`.")],
    force: Force = False,
) -> None:
    """Write the segments of a suite over AudioSet as a table of segments."""
    check_output_file(out, suffixes=(".csv",), force=force)
    from timbrebench.core.files import write_text
    from timbrebench.experiments.suites.frozen_suite import load_frozen
    from timbrebench.experiments.suites.kinds.audioset_kind import segments_table

    frozen = load_frozen(name)
    write_text(out, segments_table(frozen))
    print_line(f"{out}: {len(frozen.clips)} segments")


@pairs_app.callback()
def _pairs() -> None:
    """Make typer ask for the command's name, though there is one command only."""


@pairs_app.command("export")
def pairs_export(
    root: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[Path, typer.Option(help="Folder of the pairs.")],
) -> None:
    """Write each pair's content and style as audio, with a table and what to hand back; no reference."""
    check_output_folder(out)
    from timbrebench.experiments.run.opened_run import open_suite
    from timbrebench.experiments.suites.pair_export import export_pairs

    configuration, _, _, suite = open_suite(root)
    export_pairs(suite, out, name=configuration.name, seeds=configuration.seeds)
    print_line(f"{out}: {len(suite.pairs)} pairs")
