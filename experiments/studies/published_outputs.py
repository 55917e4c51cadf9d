"""Outputs that authors have published, with the inputs that they were made of, as a folder.

A folder says what is in it by a table, ``outputs.csv``, with the columns ``content, style, output, method``
and, where settings are known, ``parameters``: paths relative to the folder, the name of one of this project's
methods, and its parameters as JSON. What ``parameters`` does not say has the method's default.

Without a table, the folder is read as that of Mital's repository is laid out
(https://github.com/pkmital/time-domain-neural-audio-style-transfer): ``target/`` holds contents, ``corpus/``
styles, ``examples/timedomain/`` and ``examples/uylanov/`` outputs by the time-domain method and by its
author's port of Ulyanov & Lebedev's, each named ``CONTENT+STYLE``, or ``CONTENT+STYLE,n_fft=4096,k_w=4`` and
so on. Settings that a name does not hold are those that the repository's names share: n_fft 4096, 4,096
filters, hop 256, alpha 0.05; and filters over 8 frames, the middle of the 4, 8 and 16 that they name.

That port draws its filters with as many frames where Ulyanov & Lebedev's script has frequencies, so that they
are larger by a factor s. That multiplies the content loss by s² and the style loss by s⁴, which is what a
content weight divided by s² does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from timbrebench.audio.clips import read_audio
from timbrebench.core.errors import ConfigurationError
from timbrebench.core.progress import log
from timbrebench.core.tables import read_text_csv

#: The table of a folder, and its columns.
TABLE = "outputs.csv"
COLUMNS = ("content", "style", "output", "method")
PARAMETERS = "parameters"

#: Rate in hertz that the repository's methods work at.
_RATE = 22_050

#: Names of files that are audio.
_AUDIO = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".m4a")

#: This project's method for each folder of outputs of the repository, under its names of then and now.
_FOLDERS = {
    "timedomain": "time-domain",
    "fourier": "time-domain",
    "uylanov": "ulyanov",
    "original": "ulyanov",
}

#: This project's parameter, with its type, for each setting in a name; and what a name need not say.
_SETTINGS: Mapping[str, tuple[str, type]] = {
    "n_fft": ("n_fft", int),
    "n_filters": ("n_filters", int),
    "hop_length": ("hop_length", int),
    "alpha": ("content_weight", float),
    "k_w": ("kernel_width", int),
}
_UNSAID: Mapping[str, object] = {
    "preset": "code",
    "n_fft": 4096,
    "n_filters": 4096,
    "hop_length": 256,
    "content_weight": 0.05,
    "kernel_width": 8,
}


@dataclass(frozen=True)
class PublishedOutput:
    """An output of a method's author, the files that it was made of, and the settings it was made with."""

    content: Path
    style: Path
    output: Path
    method: str
    parameters: Mapping[str, object] = field(default_factory=dict)


def read_outputs(folder: Path) -> list[PublishedOutput]:
    """Read which outputs a folder holds, in the order of the table or of their names.

    Raises a `ConfigurationError` if the folder is laid out in neither way, names a file that is not there, or
    holds no output whose inputs it has. Outputs without their inputs, which repositories leave out for their
    size or licence, are logged and left out.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder of authors' outputs")
    if (folder / TABLE).is_file():
        outputs = list(_of_table(folder))
    elif (folder / "examples").is_dir():
        outputs = list(_of_repository(folder))
    else:
        raise ConfigurationError(
            f"{folder}: holds neither {TABLE}, with the columns {', '.join(COLUMNS)}, nor the folders "
            "target, corpus and examples"
        )
    if not outputs:
        raise ConfigurationError(f"{folder}: holds no output of which content and style are there too")
    return outputs


def _of_table(folder: Path) -> Iterator[PublishedOutput]:
    table = read_text_csv(folder / TABLE, ConfigurationError)
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise ConfigurationError(f"{folder / TABLE}: lacks the columns {', '.join(missing)}")
    for number, row in enumerate(table.to_dict("records"), start=2):
        where = f"{folder / TABLE}, line {number}"
        files = {column: folder / row[column] for column in ("content", "style", "output")}
        for column, file in files.items():
            if not file.is_file():
                raise ConfigurationError(f"{where}: the {column} {row[column]!r} is not there")
        yield PublishedOutput(
            **files, method=row["method"], parameters=_parameters(row.get(PARAMETERS, ""), where)
        )


def _parameters(text: str, where: str) -> dict[str, object]:
    try:
        parameters = json.loads(text or "{}")
    except ValueError as error:
        raise ConfigurationError(f"{where}: parameters {text!r} are not JSON: {error}") from error
    if not isinstance(parameters, dict):
        raise ConfigurationError(f"{where}: parameters {text!r} are not a JSON object, such as {{}}")
    return parameters


def _of_repository(folder: Path) -> Iterator[PublishedOutput]:
    inputs = {name: _audio_by_stem(folder / name) for name in ("target", "corpus")}
    for outputs in sorted(path for path in (folder / "examples").iterdir() if path.is_dir()):
        if outputs.name not in _FOLDERS:
            log(f"{outputs}: left out, since only {', '.join(_FOLDERS)} are known")
            continue
        for output in sorted(path for path in outputs.iterdir() if path.suffix.lower() in _AUDIO):
            content, _, rest = output.name.partition("+")
            style, _, settings = rest.partition(",")
            stems = {"target": _stem(content), "corpus": _stem(style)}
            missing = [f"{name}/{stem}" for name, stem in stems.items() if stem not in inputs[name]]
            if missing:
                log(f"{output}: left out, since {' and '.join(missing)} is not there")
                continue
            method = _FOLDERS[outputs.name]
            files = inputs["target"][stems["target"]], inputs["corpus"][stems["corpus"]]
            parameters = {**_UNSAID, **_named_settings(settings, output)}
            if method == "ulyanov":
                parameters["content_weight"] = _port_weight(files, parameters)
            yield PublishedOutput(*files, output, method, parameters)


def _audio_by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder, which would hold inputs of the outputs")
    return {_stem(file.name): file for file in sorted(folder.iterdir()) if file.suffix.lower() in _AUDIO}


def _stem(name: str) -> str:
    """Return a file's name without the suffixes of audio files, of which outputs have several."""
    while name.lower().endswith(_AUDIO):
        name = name.rpartition(".")[0]
    return name


def _named_settings(text: str, output: Path) -> dict[str, object]:
    """Return the parameters of settings in a name: ``n_fft=4096,k_w=4.wav.limiter.wav``."""
    parameters: dict[str, object] = {}
    for name, value in re.findall(r"(\w+)=(\d+(?:\.\d+)?)", text):
        if name in _SETTINGS:
            parameter, type_ = _SETTINGS[name]
            parameters[parameter] = type_(value)
        elif (name, value) != ("n_layers", "1"):
            raise ConfigurationError(f"{output}: has no counterpart here for the setting {name}={value}")
    return parameters


def _port_weight(inputs: tuple[Path, Path], parameters: Mapping[str, Any]) -> float:
    """Return the content weight that does what the port's filters do; see the module."""
    samples = min(len(read_audio(file, _RATE)[0]) for file in inputs)
    frames, bins = 1 + samples // parameters["hop_length"], 1 + parameters["n_fft"] // 2
    n_filters = parameters["n_filters"]
    weight: float = parameters["content_weight"] * (frames + n_filters) / (bins + n_filters)
    return weight
