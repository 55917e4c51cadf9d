"""Commands that build, import, check and describe datasets, and those that cut them out of AudioSet."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from timbrebench.core.destinations import check_output_file, check_output_folder
from timbrebench.experiments.commands.interruption import resumable
from timbrebench.experiments.commands.options import AsJson, Config, Force, Where
from timbrebench.experiments.report.standard_output import print_json, print_line

if TYPE_CHECKING:
    from timbrebench.datasets import Dataset

dataset_app = typer.Typer(help="Build, import, check and describe datasets.", no_args_is_help=True)

audioset_app = typer.Typer(help="Plan and build datasets cut out of AudioSet.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The dataset's folder.")]
ConfigFile = Annotated[Path, typer.Argument(help="A TOML file: tables, classes, sources of audio.")]


@dataset_app.command("build")
def dataset_build(out: Folder, config: Config = "trained", executor: Where = "local") -> None:
    """Build what is missing of the dataset of a configuration."""
    from timbrebench.datasets import build_dataset
    from timbrebench.experiments.run.run_configuration import load_configuration

    _print_counts(_build(build_dataset, load_configuration(config).dataset, out, executor))


@dataset_app.command("import")
def dataset_import(
    config: Annotated[
        Path, typer.Argument(help="A TOML file: a folder of audio and where its labels come from.")
    ],
    out: Folder,
    executor: Where = "local",
) -> None:
    """Cut recordings with labels into a dataset: a folder, a table, or what mirdata has a loader for."""
    from timbrebench.datasets.building import load_configuration
    from timbrebench.datasets.importing.import_configuration import ImportConfiguration
    from timbrebench.datasets.importing.imported_dataset import import_dataset

    configuration = load_configuration(config, ImportConfiguration)
    _print_counts(_build(import_dataset, configuration, out, executor))


@dataset_app.command("rebuild")
def dataset_rebuild(
    root: Annotated[Path, typer.Argument(help="The folder of a dataset of any builder.")],
    out: Annotated[Path, typer.Argument(help="Folder of the new dataset.")],
    executor: Where = "local",
) -> None:
    """Build a dataset again from the configuration in its dataset.json."""
    from timbrebench.datasets.rebuilding import rebuild_dataset

    _print_counts(_build(rebuild_dataset, root, out, executor))


@dataset_app.command("verify")
def dataset_verify(root: Folder) -> None:
    """Compare every file of a dataset with its manifest; the exit status is 1 where something differs."""
    from timbrebench.datasets import verify_dataset

    problems = verify_dataset(root)
    for problem in problems:
        print_line(problem)
    if problems:
        raise typer.Exit(1)
    print_line(f"{root}: every file is what the manifest says")


@dataset_app.command("card")
def dataset_card(root: Folder) -> None:
    """Print a dataset's card: what it is, sources, licences, counts, how to build it again."""
    from timbrebench.datasets import Dataset
    from timbrebench.datasets.rebuilding import card_of

    print_line(card_of(Dataset.open(root)).rstrip("\n"))


@dataset_app.command("info")
def dataset_info(
    root: Folder,
    as_json: AsJson = False,
    plot: Annotated[
        Path | None, typer.Option(help="A .png or .svg to draw hours by label, and pieces by length, into.")
    ] = None,
    force: Force = False,
) -> None:
    """Print what a dataset holds by label, split and soundfont, and where it came from."""
    if plot is not None:
        check_output_file(plot, suffixes=(".png", ".svg"), force=force)
    from timbrebench.datasets import Dataset

    dataset = Dataset.open(root)
    if plot is not None:
        from timbrebench.experiments.report.dataset_figure import write_dataset_figure

        write_dataset_figure(dataset, plot)
    description = dict(dataset.description)
    description.pop("files", None)
    if as_json:
        print_json(description)
        return
    _print_tables(dataset, description["counts"])
    for section in ("configuration", "sources", "software"):
        print_line(f"{section}:")
        for name, value in _rows(description[section]):
            print_line(f"  {name}: {json.dumps(value, ensure_ascii=False)}")


@audioset_app.command("counts")
def audioset_counts(config: ConfigFile, as_json: AsJson = False) -> None:
    """Print how many clips each class will have in each split; nothing is fetched or decoded."""
    from timbrebench.datasets.audioset.audioset_configuration import AudioSetConfiguration
    from timbrebench.datasets.audioset.clip_planning import count_classes, plan_clips
    from timbrebench.datasets.building import load_configuration

    plan = plan_clips(load_configuration(config, AudioSetConfiguration))
    counts = count_classes(plan)
    clips = int(plan.choose().sum())
    if as_json:
        print_json({"clips": clips, "classes": counts.to_dict(orient="records")})
        return
    print_line(counts.to_string(index=False))
    print_line(f"{clips} clips of {len(counts)} classes; a clip counts for each of its classes")


@audioset_app.command("build")
def audioset_build(config: ConfigFile, out: Folder, executor: Where = "local") -> None:
    """Fetch and cut the clips of a configuration that are missing."""
    from timbrebench.datasets.audioset.audioset_configuration import AudioSetConfiguration
    from timbrebench.datasets.audioset.audioset_dataset import build_audioset
    from timbrebench.datasets.building import load_configuration

    configuration = load_configuration(config, AudioSetConfiguration)
    counts = _build(build_audioset, configuration, out, executor).description["counts"]
    print_line(
        f"{out}: {counts['clips']} clips, {counts['hours']:.2f} h, {counts['pieces']} videos; "
        f"{counts['failures']} segments could not be used, see failures.csv"
    )


def _build(build: Callable[..., Dataset], source: object, out: Path, executor: str) -> Dataset:
    """Build a dataset from a configuration, or from a dataset's folder, with the executor of an address."""
    from timbrebench.core.workers.executor_addresses import open_executor

    check_output_folder(out)
    with resumable(), open_executor(executor, [build.__module__]) as work:
        return build(source, out, executor=work)


def _print_counts(dataset: Dataset) -> None:
    counts = dataset.description["counts"]
    failed = counts.get("failures", 0)
    print_line(
        f"{dataset.root}: {counts['clips']} clips, {counts['hours']:.2f} h, {counts['pieces']} pieces"
        + (f"; {failed} sources or clips could not be used, see failures.csv" if failed else "")
    )


def _print_tables(dataset: Dataset, counts: dict[str, Any]) -> None:
    from timbrebench.datasets.dataset_summary import summarise

    single = {name: value for name, value in counts.items() if not isinstance(value, dict)}
    print_line("  ".join(f"{name} {value}" for name, value in single.items()))
    for column in ("label", "split", "soundfont"):
        print_line(f"\n{summarise(dataset, column).reset_index().to_string(index=False)}")
    print_line("")


def _rows(section: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - a part of dataset.json
    if isinstance(section, dict):
        return list(section.items())
    return [(row["name"], {key: value for key, value in row.items() if key != "name"}) for row in section]
