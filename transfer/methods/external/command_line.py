"""Any program as a method: content and style as files, and its output as another.

The command is a list of arguments in which placeholders are filled in. No shell reads it, so nothing in a
path is executed:

    ["python", "tool.py", "--content", "{content}", "--style", "{style}", "--out", "{output}"]

``{content}`` and ``{style}`` are WAV files with 32-bit floats, one channel and the pair's rate; ``{output}``
is the file to write, in any format that libsndfile or FFmpeg knows by its first bytes. ``{sample_rate}`` is
the rate of both in hertz and ``{seed}`` the seed of all that the program draws. An output at another rate is
resampled, one with several channels is averaged; it has to last as long as the content, within 50 ms.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from timbrebench.audio.clips import Samples
from timbrebench.core.errors import MethodError, suggestion
from timbrebench.core.files import why_no_file
from timbrebench.core.workers.limited_process import run_limited
from timbrebench.transfer.contract import Method, Parameters
from timbrebench.transfer.methods.external.clip_files import files_fingerprint, read_output, write_clip

PLACEHOLDERS = ("content", "style", "output", "sample_rate", "seed")

#: A style may be part of the program, as with networks that were trained for one instrument.
_NEEDED = ("content", "output")

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")


def _as_list(command: object) -> object:
    if isinstance(command, str):
        raise ValueError(  # noqa: TRY004 - pydantic reports this one
            'write it as a list of arguments, no shell reads it: ["python", "tool.py", "{content}"]'
        )
    return command


def _check_placeholders(command: tuple[str, ...]) -> tuple[str, ...]:
    used = [name for argument in command for name in _PLACEHOLDER.findall(argument)]
    for name in used:
        if name not in PLACEHOLDERS:
            raise ValueError(f"unknown placeholder {{{name}}}{suggestion(name, PLACEHOLDERS)}")
    absent = " and ".join(f"{{{name}}}" for name in _NEEDED if name not in used)
    if absent:
        raise ValueError(f"the command has no {absent}: it could not know which file is meant")
    return command


class CommandLineParameters(Parameters):
    """How the program is run.

    Attributes
    ----------
    command : tuple of str
        The program and its arguments, with placeholders. Relative paths start at the folder in which the
        benchmark is run.
    timeout_s : float
        Maximum seconds for one pair. By default ten minutes: a program that hangs must not stop a run.
    memory_mib : float or None
        Maximum memory of the program and the processes it starts, in MiB; by default there is no
        limit, since it depends on the machine.
    depends_on : tuple of pathlib.Path
        Files and folders that the outputs depend on, beside the arguments of the command: code, weights,
        settings. When one has changed, the pairs are run again.
    """

    command: Annotated[
        tuple[str, ...], BeforeValidator(_as_list), AfterValidator(_check_placeholders), Field(min_length=1)
    ]
    timeout_s: float = Field(default=600.0, gt=0, le=31_536_000)
    memory_mib: float | None = Field(default=None, gt=0, le=1 << 24)
    depends_on: tuple[Path, ...] = ()


class CommandLine(Method):
    """A program that is started for each pair; see the module for what it is given and has to do."""

    name = "command-line"
    version = 1
    summary = "any program: it is given content and style as files and writes the output"
    source = "the program that its parameters name"
    costs = frozenset({"seconds"})  # the memory is that of another process
    Parameters = CommandLineParameters
    parameters: CommandLineParameters

    def fingerprint(self) -> str:
        """Fingerprint the program, the arguments that are files, and `depends_on`."""
        program, *arguments = self.parameters.command
        # The value of an option may be a file as well: --weights=model.pt.
        named = [Path(argument.rpartition("=")[2]) for argument in arguments]
        files = [Path(shutil.which(program) or program), *filter(_is_file, named)]
        return files_fingerprint([*files, *self.parameters.depends_on])

    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Run the program.

        Raises :class:`MethodTimeoutError` if it took too long, and :class:`MethodError` if it cannot be
        started, failed, held too much memory, or wrote no audio.
        """
        chosen = self.parameters
        with tempfile.TemporaryDirectory(prefix="timbrebench-", ignore_cleanup_errors=True) as folder:
            files = {name: Path(folder) / f"{name}.wav" for name in ("content", "style", "output")}
            write_clip(files["content"], content, sample_rate)
            write_clip(files["style"], style, sample_rate)
            values = {**files, "sample_rate": sample_rate, "seed": seed}
            arguments = [
                _PLACEHOLDER.sub(lambda match: str(values[match[1]]), argument) for argument in chosen.command
            ]
            messages = run_limited(arguments, timeout_s=chosen.timeout_s, memory_mib=chosen.memory_mib)
            if not files["output"].is_file():
                problem = why_no_file(files["output"])
                raise MethodError(f"{arguments[0]}: ended well and wrote no {{output}}: {problem}{messages}")
            return read_output(files["output"], sample_rate, len(content))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # an argument that is too long for a name
        return False
