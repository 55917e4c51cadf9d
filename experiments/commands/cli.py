"""The command line. Library code raises; here errors become messages and exit statuses."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Annotated

import typer

from timbrebench.core.caches import use_writable_caches
from timbrebench.core.destinations import check_output_folder
from timbrebench.core.errors import MissingResourceError, TimbrebenchError
from timbrebench.core.plain_text import without_controls
from timbrebench.experiments.commands.dataset_commands import audioset_app, dataset_app
from timbrebench.experiments.commands.gate_commands import baseline_command, check_command, compare_command
from timbrebench.experiments.commands.interruption import last_words, resumable
from timbrebench.experiments.commands.judge_commands import judge_app, train_notes_command
from timbrebench.experiments.commands.listen_commands import listen_app
from timbrebench.experiments.commands.metric_commands import list_metrics_command, validate_metrics_command
from timbrebench.experiments.commands.options import AsJson, Where
from timbrebench.experiments.commands.score_command import score_command
from timbrebench.experiments.commands.speed_commands import (
    bench_datasets_command,
    bench_metrics_command,
    bench_transfer_command,
)
from timbrebench.experiments.commands.study_commands import study_command
from timbrebench.experiments.commands.submission_commands import submission_app, submit_command
from timbrebench.experiments.commands.suite_commands import pairs_app, suite_app
from timbrebench.experiments.commands.transfer_commands import list_methods_command, transfer_command
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
app.add_typer(listen_app, name="listen")

#: Addresses that the libraries take when they are loaded, most of them torch's: with a fifth less they fail.
_LEAST_BYTES = 1_500 << 20

#: Exit status of a command that Ctrl-C has ended, as shells give it: 128 and the signal's number.
_INTERRUPTED = 130


def main() -> None:
    """Run the command line.

    Exits with 0 when all went well, 1 on an error of the project or for want of memory, 2 on wrong usage and
    when a check could not be made, and 130 when interrupted.
    """
    try:
        _require_memory()
        use_writable_caches()
        app()
    except TimbrebenchError as error:
        sys.stderr.write(f"error: {without_controls(str(error))}\n")
        sys.exit(1)
    except MemoryError:
        sys.stderr.write("error: no memory is left: close other programs, or let fewer processes work\n")
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:  # typer turns Ctrl-C into this status without a word
            sys.stderr.write(f"{last_words()}\n")
        raise


def _require_memory() -> None:
    """Refuse to begin where libraries cannot be loaded: some of them would end the process by a signal."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < _LEAST_BYTES and "--help" not in sys.argv:
        raise MissingResourceError(
            f"this process may have {limit >> 20} MiB of memory (`ulimit -v`), and torch and the other "
            f"libraries need {_LEAST_BYTES >> 20} MiB to be loaded: raise that limit, or lift it"
        )


app.command("methods")(list_methods_command)
app.command("metrics")(list_metrics_command)
app.command("transfer")(transfer_command)
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
        check_output_folder(out)
        from timbrebench.experiments.benchmark import run_benchmark
        from timbrebench.experiments.run.run_configuration import read_configuration

        configuration = read_configuration(text, where)
        with resumable(), completion.recorded(configuration):
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
