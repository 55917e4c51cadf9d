"""Commands that list the methods and run one of them on two recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from timbrebench.core.destinations import check_output_file, check_output_folder
from timbrebench.core.errors import ConfigurationError
from timbrebench.core.plugins import entry_point_names
from timbrebench.core.progress import AtWork, log
from timbrebench.experiments.commands.interruption import resumable
from timbrebench.experiments.commands.listing import METHODS, method_summaries
from timbrebench.experiments.commands.options import AsJson, Force
from timbrebench.experiments.report.standard_output import print_json, print_line


def list_methods_command(as_json: AsJson = False) -> None:
    """List the methods that are installed."""
    if not as_json:
        for name, summary in method_summaries():
            print_line(f"{name:20} {summary}")
        return
    from timbrebench.transfer.registry import default_parameters, method_class, method_names

    methods = [(name, method_class(name)) for name in method_names()]
    rows = [
        {
            "name": name,
            "version": method.version,
            "summary": method.summary,
            "source": method.source,
            "parameters": default_parameters(name),
            "required": [key for key, field in method.Parameters.model_fields.items() if field.is_required()],
        }
        for name, method in methods
    ]
    print_json(rows)


def transfer_command(
    method: Annotated[
        str,
        typer.Argument(
            help="Name of a method; `timbrebench methods` lists them.",
            autocompletion=lambda: entry_point_names(METHODS),
        ),
    ],
    content: Annotated[Path, typer.Argument(help="Audio whose notes are kept.")],
    style: Annotated[Path, typer.Argument(help="Audio whose sound is taken.")],
    output: Annotated[Path, typer.Argument(help="Audio to write: .wav, .flac, .ogg or .mp3.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter of the method, key=value; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all that the method draws.")] = 0,
    dataset: Annotated[
        Path | None,
        typer.Option(
            help="For a method that learns: a dataset with training pieces. templates and reinstrument do "
            "without, by note spectra that come with timbrebench."
        ),
    ] = None,
    learned: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps what it learned for the next time; by default in the folder of caches."
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Give one recording the style of another.

    The output has the content's sample rate, and two channels if the content has two.
    """
    from timbrebench.audio import read_audio
    from timbrebench.audio.clips import read_side
    from timbrebench.audio.encoding import check_format, check_suffix, write_frames
    from timbrebench.transfer.contract import ComesPrepared
    from timbrebench.transfer.method_calls import apply
    from timbrebench.transfer.registry import create

    chosen = create(method, dict(_setting(text) for text in settings or ()))
    from timbrebench.audio.stereo import spread  # loads librosa, which a typo need not wait for

    check_output_file(output, inputs=(content, style), force=force)
    check_suffix(output)
    if learned is not None:
        check_output_folder(learned)
    _check_learning(chosen, dataset, learned)
    samples, sample_rate = read_audio(content)
    side = read_side(content)
    style_samples, _ = read_audio(style, sample_rate)
    check_format(output, sample_rate)
    if dataset is not None:
        _prepare(chosen, dataset, learned)
    elif isinstance(chosen, ComesPrepared):
        log(f"{method}: {chosen.load_packaged()}")
    _log_bandwidth(chosen, sample_rate)
    with AtWork(method):
        result = apply(chosen, samples, style_samples, sample_rate=sample_rate, seed=seed)
    channels = result[None] if side is None else spread(result, samples, side, sample_rate)
    write_frames(output, channels.T, sample_rate, "PCM_16")


def _log_bandwidth(method: Any, sample_rate: int) -> None:  # noqa: ANN401 - imported late
    """Say what an output lacks whose method works at a lower rate than that of the content."""
    from timbrebench.transfer.bases.conversion_method import ConversionMethod

    if isinstance(method, ConversionMethod) and (rate := method.working_rate(sample_rate)) < sample_rate:
        log(
            f"{method.name}: works at {rate} Hz, so that the output, at {sample_rate} Hz as the content, "
            f"has nothing above {rate / 2000:g} kHz"
        )


def _check_learning(method: Any, dataset: Path | None, learned: Path | None) -> None:  # noqa: ANN401
    """Refuse what only methods that learn need, and the lack of it where one learns."""
    from timbrebench.transfer.contract import ComesPrepared, learns

    if isinstance(method, ComesPrepared) and dataset is None:
        if learned is not None:
            raise ConfigurationError("--learned keeps what is learned from --dataset: give both, or neither")
    elif learns(method) and dataset is None:
        raise ConfigurationError(
            f"the method {method.name!r} has to learn first: give it --dataset, such as runs/trained/dataset"
        )
    if not learns(method) and (dataset is not None or learned is not None):
        raise ConfigurationError(
            f"the method {method.name!r} learns nothing: leave out --dataset and --learned"
        )


def _prepare(method: Any, dataset: Path, learned: Path | None) -> None:  # noqa: ANN401 - imported late
    """Train a method that learns, or load what it learned from the same clips before."""
    from timbrebench.datasets import Dataset

    training = Dataset.open(dataset).select(split="train")
    folder = learned or _learned_folder(method, training)
    folder.mkdir(parents=True, exist_ok=True)
    log(f"{method.name}: what it learns from {dataset} is kept in {folder}")
    with AtWork(method.name), resumable(lambda: any(folder.iterdir())):
        method.prepare(training, folder)


def _learned_folder(method: Any, training: Any) -> Path:  # noqa: ANN401 - imported late
    """Return the folder of caches for what a method learns from some clips with its parameters."""
    import platformdirs

    from timbrebench.core.files import fingerprint

    parameters = method.parameters.model_dump(mode="json")
    key = fingerprint([method.version, parameters, training.manifest.sha256.tolist()])
    return Path(platformdirs.user_cache_dir("timbrebench")) / "learned" / f"{method.name}-{key[:16]}"


def _setting(text: str) -> tuple[str, Any]:
    """Split key=value; a value is a number, true, false or a list where JSON reads it as one, else a text."""
    key, separator, value = text.partition("=")
    if not separator:
        raise ConfigurationError(f"--set {text}: write key=value")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value
