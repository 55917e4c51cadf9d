"""The command line. Library code raises; here errors become messages and exit statuses."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from timbrebench.core.errors import ConfigurationError, TimbrebenchError
from timbrebench.experiments.commands.audioset_commands import audioset_app
from timbrebench.experiments.commands.compare_command import compare_command
from timbrebench.experiments.commands.dataset_commands import dataset_app
from timbrebench.experiments.commands.gate_commands import baseline_command, check_command
from timbrebench.experiments.commands.judge_commands import judge_app
from timbrebench.experiments.commands.metric_commands import (
    bench_metrics_command,
    list_metrics_command,
    validate_metrics_command,
)
from timbrebench.experiments.commands.notes_command import train_notes_command
from timbrebench.experiments.commands.options import AsJson, Where
from timbrebench.experiments.commands.pairs_command import pairs_app
from timbrebench.experiments.commands.score_command import score_command
from timbrebench.experiments.commands.speed_commands import bench_datasets_command
from timbrebench.experiments.commands.study_commands import study_command
from timbrebench.experiments.commands.submission_commands import submission_app, submit_command
from timbrebench.experiments.commands.suite_commands import suite_app
from timbrebench.experiments.commands.transfer_commands import bench_transfer_command
from timbrebench.experiments.report.standard_output import print_json, print_line
from timbrebench.experiments.report.terminal import print_run

# Commands import what they need when they run: torch and librosa take seconds that `--help` need not.

app = typer.Typer(
    help="Measure audio style transfer: build datasets, train judges, run methods, score them, rank them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(dataset_app, name="dataset")
app.add_typer(audioset_app, name="audioset")
app.add_typer(judge_app, name="judge")
app.add_typer(pairs_app, name="pairs")
app.add_typer(suite_app, name="suite")
app.add_typer(submission_app, name="submission")

#: Exit status of a command that Ctrl-C has ended, as shells give it: 128 and the signal's number.
_INTERRUPTED = 130


def main() -> None:
    """Run the command line.

    Exits with 0 when all went well, 1 on an error of the project, 2 on wrong usage and when a check could not
    be made, and 130 when interrupted.
    """
    try:
        app()
    except TimbrebenchError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:  # typer turns Ctrl-C into this status without a word
            sys.stderr.write("stopped: the same command goes on where it was\n")
        raise


@app.command("methods")
def list_methods(as_json: AsJson = False) -> None:
    """List the methods that are installed."""
    from timbrebench.transfer.registry import default_parameters, method_class, method_names

    found = [(name, method_class(name)) for name in method_names()]
    rows = [
        {
            "name": name,
            "version": method.version,
            "summary": method.summary,
            "source": method.source,
            "parameters": default_parameters(name),
            "required": [key for key, field in method.Parameters.model_fields.items() if field.is_required()],
        }
        for name, method in found
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        print_line(f"{row['name']:12} {row['summary']}")


app.command("metrics")(list_metrics_command)


@app.command("transfer")
def transfer(
    method: Annotated[str, typer.Argument(help="Name of a method; `timbrebench methods` lists them.")],
    content: Annotated[Path, typer.Argument(help="Audio whose notes are kept.")],
    style: Annotated[Path, typer.Argument(help="Audio whose sound is taken.")],
    output: Annotated[Path, typer.Argument(help="Audio to write: .wav, .flac or .ogg.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter of the method: key=value, as often as needed."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all that the method draws.")] = 0,
    dataset: Annotated[
        Path | None,
        typer.Option(help="For a method that learns: a dataset, from whose training pieces it does."),
    ] = None,
    learned: Annotated[
        Path | None, typer.Option(help="Where to keep what it learned; without it, it learns anew each time.")
    ] = None,
) -> None:
    """Give one recording the style of another."""
    from timbrebench.audio import read_audio, write_audio
    from timbrebench.transfer.method_calls import apply
    from timbrebench.transfer.registry import create

    chosen = create(method, dict(_setting(text) for text in settings or ()))
    _prepare(chosen, dataset, learned)
    samples, sample_rate = read_audio(content)
    style_samples, _ = read_audio(style, sample_rate)
    result = apply(chosen, samples, style_samples, sample_rate=sample_rate, seed=seed)
    write_audio(output, result, sample_rate)


def _prepare(method: Any, dataset: Path | None, learned: Path | None) -> None:  # noqa: ANN401 - imported late
    """Let a method that learns do so."""
    from timbrebench.transfer.contract import learns

    if not learns(method):
        if dataset is not None or learned is not None:
            raise ConfigurationError(
                f"the method {method.name!r} learns nothing: leave out --dataset and --learned"
            )
        return
    if dataset is None:
        raise ConfigurationError(
            f"the method {method.name!r} has to learn first: give it --dataset, such as runs/default/dataset"
        )
    from timbrebench.datasets import Dataset

    training = Dataset.open(dataset).select(split="train")
    with tempfile.TemporaryDirectory() as anew:
        folder = learned or Path(anew)
        folder.mkdir(parents=True, exist_ok=True)
        method.prepare(training, folder)


def _setting(text: str) -> tuple[str, Any]:
    """Split key=value; a value is a number, true, false or a list where JSON reads it as one, else a text."""
    key, separator, value = text.partition("=")
    if not separator:
        raise ConfigurationError(f"--set {text}: write key=value")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


app.command("score")(score_command)
app.command("study")(study_command)
app.command("train-notes")(train_notes_command)
app.command("validate-metrics")(validate_metrics_command)
app.command("bench-metrics")(bench_metrics_command)
app.command("bench-transfer")(bench_transfer_command)
app.command("bench-datasets")(bench_datasets_command)


@app.command("run")
def run(
    config: Annotated[
        str, typer.Argument(help="A TOML file, or one of the profiles smoke, default and full.")
    ],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    as_json: AsJson = False,
    executor: Where = "local",
) -> None:
    """Build, train, transfer, score and rank: everything that is missing in the run's folder."""
    from timbrebench.experiments.run.completion import Completion
    from timbrebench.experiments.run.configuration_text import configuration_text

    text, where = configuration_text(config)
    completion = Completion(out, text)
    if not completion.is_reached():
        from timbrebench.experiments.benchmark import run_benchmark
        from timbrebench.experiments.run.run_configuration import read_configuration

        configuration = read_configuration(text, where)
        with completion.recorded(configuration):
            run_benchmark(configuration, out, executor=executor)
    print_run(out, as_json=as_json)


@app.command("leaderboard")
def leaderboard(
    root: Annotated[Path, typer.Argument(help="A run's folder.")], as_json: AsJson = False
) -> None:
    """Print a run's leaderboard, and write it and the report again."""
    from timbrebench.experiments.benchmark import open_run

    open_run(root)
    print_run(root, as_json=as_json)


app.command("compare")(compare_command)
app.command("check")(check_command)
app.command("baseline")(baseline_command)
app.command("submit")(submit_command)


if __name__ == "__main__":
    main()
