"""Commands that train judges, and the network of notes that comes with the package, and measure them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from timbrebench.core.destinations import check_output_folder
from timbrebench.core.errors import JudgeError
from timbrebench.experiments.commands.interruption import resumable
from timbrebench.experiments.commands.options import AsJson, Config
from timbrebench.experiments.report.standard_output import print_json, print_line
from timbrebench.experiments.run.layout import JUDGE

judge_app = typer.Typer(help="Train judges and measure how accurate they are.", no_args_is_help=True)

Recordings = Annotated[
    list[str] | None,
    typer.Option(help="A folder of recorded notes to judge as well, or half of it; may be given repeatedly."),
]

DatasetFolder = Annotated[Path, typer.Argument(help="A dataset's folder.")]


@judge_app.command("train")
def judge_train(
    dataset: DatasetFolder,
    out: Annotated[Path, typer.Option(help="The judge's folder.")],
    config: Config = "trained",
) -> None:
    """Train a style judge on a dataset and evaluate it on unseen pieces."""
    check_output_folder(out)
    from timbrebench.classifier import build_judge
    from timbrebench.classifier.style.style_pipeline import EVALUATION_FILE
    from timbrebench.datasets import Dataset
    from timbrebench.experiments.run.run_configuration import load_configuration

    with resumable():
        build_judge(Dataset.open(dataset), load_configuration(config).judge, out)
    print_line((out / EVALUATION_FILE).read_text(encoding="utf-8"))


@judge_app.command("evaluate")
def judge_evaluate(
    judge: Annotated[Path, typer.Argument(help="A saved style judge, judge.pt.")],
    dataset: Annotated[Path, typer.Argument(help="A dataset's folder; its test split is judged.")],
    as_json: AsJson = False,
) -> None:
    """Print a style judge's accuracy on the test split of a dataset."""
    from timbrebench.classifier import Judge, evaluate_judge
    from timbrebench.datasets import Dataset

    _print_evaluation(evaluate_judge(Judge.load(judge), Dataset.open(dataset)), as_json)


@judge_app.command("evaluate-content")
def judge_evaluate_content(
    dataset: Annotated[
        Path, typer.Argument(help="A dataset's folder; clips of its test split with notes are read.")
    ],
    content_judge: Annotated[
        str, typer.Option(help="The content judge; docs/outside-judges.md.")
    ] = "timbrebench",
    changed: Annotated[
        bool, typer.Option("--changed", help="Read the clips changed as recordings differ, by source.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print how well a content judge reads the notes of the test split of a dataset."""
    from timbrebench.classifier import installed_content_judge
    from timbrebench.classifier.content.content_evaluation import evaluate_content_judge
    from timbrebench.classifier.content.content_robustness import measure_content_robustness
    from timbrebench.datasets import Dataset

    judge = installed_content_judge(content_judge)
    if not changed:
        _print_evaluation(evaluate_content_judge(judge, Dataset.open(dataset)), as_json)
        return
    robustness = measure_content_robustness(judge, Dataset.open(dataset))
    if as_json:
        print_json(robustness.model_dump(mode="json"))
    else:
        print_line(robustness.markdown())


@judge_app.command("card")
def judge_card(
    judge: Annotated[Path, typer.Argument(help="The folder of a style judge, from `judge train` or a run.")],
    dataset: Annotated[Path, typer.Argument(help="The dataset that it was trained on.")],
    out: Annotated[Path | None, typer.Option(help="The card's folder; by default the judge's.")] = None,
    config: Config = "trained",
    recordings: Recordings = None,
) -> None:
    """Write a style judge's card: cross-validation, soundfonts left out, calibration, noise, recordings."""
    check_output_folder(out or judge)
    from timbrebench.classifier import Judge
    from timbrebench.classifier.style.style_card import write_card
    from timbrebench.classifier.style.style_pipeline import JUDGE_FILE
    from timbrebench.datasets import Dataset
    from timbrebench.experiments.run.run_configuration import load_configuration

    with resumable():
        card = write_card(
            Judge.load(judge / JUDGE_FILE),
            Dataset.open(dataset),
            load_configuration(config).judge,
            out or judge,
            recordings=recordings or (),
        )
    print_line(card.markdown())


@judge_app.command("spectrograms")
def judge_spectrograms(
    dataset: DatasetFolder,
    out: Annotated[Path, typer.Option(help="Folder of the table and the figure.")],
    max_epochs: Annotated[int, typer.Option(min=1, help="Passes through the clips for each judge.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every judge.")] = 0,
) -> None:
    """Compare front ends and scales by the judges that are trained on them."""
    check_output_folder(out)
    from timbrebench.classifier.style.spectrogram_study import write_study
    from timbrebench.datasets import Dataset

    with resumable():
        table = write_study(Dataset.open(dataset), out, max_epochs=max_epochs, seed=seed)
    print_line(table.to_string(index=False))


@judge_app.command("publish")
def judge_publish(
    run: Annotated[Path, typer.Argument(help="The folder of a run that has trained its judge.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME.pt and its card, NAME.json.")],
    suite: Annotated[str, typer.Option(help="The frozen suite that it is for, by its name or file.")],
    name: Annotated[str | None, typer.Option(help="Its name; by default the suite's.")] = None,
    recordings: Recordings = None,
) -> None:
    """Write the style judge of a run as those that come with the package are written, if it fits a suite."""
    check_output_folder(out)
    from timbrebench.classifier.style.judge_publishing import publish_judge
    from timbrebench.experiments.run.opened_run import open_suite
    from timbrebench.experiments.suites.frozen_suite import load_frozen
    from timbrebench.experiments.suites.suite_judges import why_unfit

    frozen = load_frozen(suite)
    opened = open_suite(run)
    if reason := why_unfit(frozen, opened.judge.labels, opened.judge.training_pieces):
        raise JudgeError(
            f"{run}: its judge {reason}, and cannot be that of {frozen.title}: name the suite that it was "
            "trained for"
        )
    card = publish_judge(
        run / JUDGE,
        opened.dataset,
        opened.configuration.judge,
        name=name or frozen.title,
        run=opened.configuration.name,
        out=out,
        recordings=recordings or (),
    )
    print_line(f"{out / card.name}.pt: accuracy {card.evaluation.accuracy:.3f} on unseen pieces")


@judge_app.command("train-content")
def judge_train_content(
    out: Annotated[Path, typer.Argument(help="Gets the datasets, the judge and its card.")],
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file: what it is made of; by default, what `timbrebench` is made of."),
    ] = None,
) -> None:
    """Build the datasets of a content judge, and train and measure it."""
    check_output_folder(out)
    from timbrebench.classifier.content.content_pipeline import PAGE_FILE, build_recipe
    from timbrebench.classifier.content.content_recipe import FIRST_RECIPE, ContentRecipe
    from timbrebench.datasets.building import load_configuration

    recipe = load_configuration(config, ContentRecipe) if config else FIRST_RECIPE
    with resumable():
        build_recipe(recipe, out)
    print_line((out / PAGE_FILE).read_text(encoding="utf-8"))


def _print_evaluation(evaluation: BaseModel, as_json: bool) -> None:
    content = evaluation.model_dump(mode="json")
    if as_json:
        print_json(content)
        return
    for name, value in content.items():
        print_line(f"{name}: {json.dumps(value)}")


def train_notes_command(
    out: Annotated[Path, typer.Argument(help="Gets the dataset, the network and its card.")],
    dataset: Annotated[
        Path | None, typer.Option(help="Where the default dataset is, or is to be built.")
    ] = None,
) -> None:
    """Train the note network of reinstrument that comes with the package again."""
    check_output_folder(out)
    from timbrebench.transfer.methods.reinstrument.packaged_notes import NOTES_FILE, build_packaged_notes

    with resumable():
        notes = build_packaged_notes(out, dataset=dataset)
    print_line(f"{out / NOTES_FILE}: learned from {len(notes.training_clips)} clips")


def learn_spectra_command(
    out: Annotated[Path, typer.Argument(help="Gets the dataset, the note spectra and their card.")],
    dataset: Annotated[
        Path | None, typer.Option(help="Where the default dataset is, or is to be built.")
    ] = None,
) -> None:
    """Learn the note spectra of reinstrument and templates that come with the package again."""
    check_output_folder(out)
    from timbrebench.transfer.methods.reinstrument.packaged_spectra import SPECTRA_FILE
    from timbrebench.transfer.methods.reinstrument.spectra_learning import learn_packaged_spectra

    with resumable():
        spectra = learn_packaged_spectra(out, dataset=dataset)
    print_line(f"{out / SPECTRA_FILE}: learned from {len(spectra.clips)} clips")
