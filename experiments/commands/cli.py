"""The command line. Library code raises; here errors become messages and exit statuses."""

from __future__ import annotations

import logging
import platform
import resource
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from timbrebench.core.caches import use_writable_caches
from timbrebench.core.destinations import check_output_folder
from timbrebench.core.documents import parse_toml
from timbrebench.core.errors import ConfigurationError, MissingResourceError, RunError, TimbrebenchError
from timbrebench.core.plain_text import without_controls
from timbrebench.core.progress import LOGGER, log, set_verbosity
from timbrebench.experiments.commands.dataset_commands import audioset_app, dataset_app
from timbrebench.experiments.commands.demo_command import demo_command
from timbrebench.experiments.commands.gate_commands import baseline_command, check_command, compare_command
from timbrebench.experiments.commands.human_command import validate_human_command
from timbrebench.experiments.commands.interruption import interruption_message, resumable
from timbrebench.experiments.commands.judge_commands import (
    judge_app,
    learn_spectra_command,
    train_notes_command,
)
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
from timbrebench.experiments.commands.submission_commands import site_command, submission_app, submit_command
from timbrebench.experiments.commands.suite_commands import pairs_app, suite_app
from timbrebench.experiments.commands.track_commands import track_app
from timbrebench.experiments.commands.transfer_commands import list_methods_command, transfer_command
from timbrebench.experiments.report.standard_output import print_line
from timbrebench.experiments.report.terminal import print_run, print_tracks
from timbrebench.experiments.run.configuration_text import configuration_text, listed_tracks, profile_names
from timbrebench.experiments.run.layout import LEADERBOARD, RECORDS

# Commands import what they need when they run: torch and librosa take seconds that `--help` need not.

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(dataset_app, name="dataset")
app.add_typer(audioset_app, name="audioset")
app.add_typer(judge_app, name="judge")
app.add_typer(pairs_app, name="pairs")
app.add_typer(suite_app, name="suite")
app.add_typer(track_app, name="track")
app.add_typer(submission_app, name="submission")
app.add_typer(listen_app, name="listen")


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(f"timbrebench {version('timbrebench')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and leave.", callback=_print_version, is_eager=True
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Show when each line was written and by which module, and errors in full."
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress, only results and errors.")
    ] = False,
) -> None:
    """Measure audio style transfer: build datasets, train judges, run methods, score them, rank them."""
    del show_version
    if verbose and quiet:
        raise typer.BadParameter("--verbose and --quiet contradict each other: choose one")
    set_verbosity(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
    LOGGER.debug(
        f"timbrebench {version('timbrebench')}, Python {platform.python_version()}, {platform.platform()}"
    )


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
        LOGGER.debug("this led to the error below", exc_info=True)
        sys.stderr.write(f"error: {without_controls(str(error))}\n")
        sys.exit(1)
    except MemoryError:
        sys.stderr.write("error: no memory is left: close other programs, or let fewer processes work\n")
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:  # typer turns Ctrl-C into this status without a word
            sys.stderr.write(f"{interruption_message()}\n")
        raise


def _require_memory() -> None:
    """Refuse to begin where libraries cannot be loaded: some of them would end the process by a signal."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < _LEAST_BYTES and "--help" not in sys.argv:
        raise MissingResourceError(
            f"this process may have {limit >> 20} MiB of memory (`ulimit -v`), and torch and the other "
            f"libraries need {_LEAST_BYTES >> 20} MiB to be loaded: raise that limit, or lift it"
        )


app.command("demo")(demo_command)
app.command("methods")(list_methods_command)
app.command("metrics")(list_metrics_command)
app.command("transfer")(transfer_command)
app.command("score")(score_command)
app.command("study")(study_command)
app.command("train-notes")(train_notes_command)
app.command("learn-spectra")(learn_spectra_command)
app.command("validate-metrics")(validate_metrics_command)
app.command("validate-human")(validate_human_command)
app.command("bench-metrics")(bench_metrics_command)
app.command("bench-transfer")(bench_transfer_command)
app.command("bench-datasets")(bench_datasets_command)


@app.command("run")
def run(
    config: Annotated[
        str,
        typer.Argument(
            help=f"A TOML file, or one of the profiles {', '.join(profile_names())}. "
            "`timbrebench profile NAME` prints one.",
            autocompletion=profile_names,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    as_json: AsJson = False,
    executor: Where = "local",
) -> None:
    """Build, train, transfer, score and rank: everything that is missing in the run's folder.

    A configuration that lists several tracks has a folder for each inside.
    """
    from timbrebench.experiments.run.completion import Completion

    text, where = configuration_text(config)
    tracks = listed_tracks(text, where)
    if tracks and (out / RECORDS).exists():
        raise RunError(
            f"{out}: holds a run, and {where} lists tracks, each with a run: choose another folder"
        )
    completions = {
        track: Completion(out / track, f"# {track}\n{text}" if track else text) for track in tracks or [""]
    }
    missing = [track for track, completion in completions.items() if not completion.is_reached()]
    if missing:
        check_output_folder(out)
        from timbrebench.experiments.benchmark import run_benchmark
        from timbrebench.experiments.run.run_configuration import read_configuration

        configurations = {track: read_configuration(text, where, track) for track in completions}
        for track in missing:
            if track:
                log(f"track {track}")
            configuration = configurations[track]
            with resumable(), completions[track].recorded(configuration):
                run_benchmark(configuration, out / track, executor=executor)
    if not tracks:
        print_run(out, as_json=as_json)
        return
    if missing or not (out / LEADERBOARD).is_file():
        from timbrebench.experiments.report.tracks_page import write_tracks

        write_tracks(parse_toml(text, where, ConfigurationError)["name"], tracks, out)
    print_tracks(tracks, out, as_json=as_json)


@app.command("profile")
def profile(
    name: Annotated[
        str | None, typer.Argument(help="One of the profiles.", autocompletion=profile_names)
    ] = None,
) -> None:
    """Print a profile, to copy and change, or what each is for."""
    if name is not None:
        print_line(configuration_text(name)[0].rstrip("\n"))
        return
    width = max(map(len, profile_names()))
    for each in profile_names():
        comment = configuration_text(each)[0].partition("\n\n")[0].split("\n")
        prose = " ".join(line.removeprefix("#").strip() for line in comment if line.startswith("#"))
        print_line(f"{each:{width}}  {prose.partition('. ')[0].rstrip('.')}")


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
app.command("site")(site_command)


if __name__ == "__main__":
    main()
