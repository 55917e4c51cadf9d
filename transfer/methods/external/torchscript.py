"""A network that was exported with TorchScript as a method.

The module is called as ``module(content, style)`` with two ``float32`` tensors of shapes (1, n) and (1, m):
mono samples in [-1, 1] at the model's own rate. It returns a tensor of floats of shape (1, k), k as long as n
within 50 ms. The clips are resampled to the model's rate and its output back.

As the contract asks of every method, the module is in evaluation mode, torch's generators are seeded, and
each pair gets a fresh copy of the module, so that what a module keeps between calls, as networks for streams
do, depends on no other pair. Code that is optimised while it runs would round differently from one call to
the next, so TorchScript's optimiser is left out.

Reading an export runs no Python of its maker.
"""

from __future__ import annotations

import copy
import hashlib
import io
import re
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from timbrebench.audio.clips import Samples, change_rate
from timbrebench.classifier.fitting import weights_sha256
from timbrebench.core.errors import MethodError
from timbrebench.core.files import open_regular
from timbrebench.transfer.algorithms.optimisation import Device, find_device
from timbrebench.transfer.contract import Learned, Method, Parameters
from timbrebench.transfer.methods.external.clip_files import files_fingerprint, max_output_s

#: An error behind the last of the interpreter's tracebacks, whose lines are indented or name a place.
_RAISED = re.compile(
    r"\ATh.*TorchScript interpreter.*\nTraceback of TorchScript.*?\n(?:builtins\.)?(?P<message>[\w.]+: .*)\Z",
    re.DOTALL,
)

#: Maximum characters of a module's error in the reason of a failure.
_MAX_REASON = 500


class TorchScriptParameters(Parameters):
    """Which export, and how it is run.

    Attributes
    ----------
    path : pathlib.Path
        The file that `torch.jit.save` wrote.
    sample_rate : int
        Rate that the model works at, in hertz. The file does not state it, and a wrong one would go
        unnoticed, so it has no default.
    device : {"auto", "cpu", "cuda"}
        Where it computes: "auto" is a GPU where there is one.
    """

    path: Path
    sample_rate: int = Field(gt=0, le=384_000)
    device: Device = "auto"


class TorchScript(Method):
    """An exported network; see the module for how it is called."""

    name = "torchscript"
    version = 1
    summary = "a network exported with TorchScript, called as module(content, style)"
    source = "the export that its parameters name"
    Parameters = TorchScriptParameters
    parameters: TorchScriptParameters

    def fingerprint(self) -> str:
        """Fingerprint the export."""
        return files_fingerprint([self.parameters.path])

    def learned(self) -> Learned:
        """Return the SHA-256 of the file, and of the weights of the network and each network inside it.

        A judge is recognised in this way even where it is a part of the export. Training clips are not
        recorded in an export. Raises :class:`MethodError` if the file is missing or not TorchScript.
        """
        module = _load(self.parameters.path, self._sha256, torch.device("cpu"))
        return Learned(weights=frozenset({self._sha256, *_weights(module)}))

    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Call the module.

        Raises :class:`MethodError` if the file is missing or not TorchScript, or the module fails or returns
        anything but a tensor of shape (1, k), and :class:`ConfigurationError` if it is to run on a GPU and
        torch finds none.
        """
        device = find_device(self.parameters.device)
        module = copy.deepcopy(_load(self.parameters.path, self._sha256, device))
        rate = self.parameters.sample_rate
        inputs = [
            torch.from_numpy(change_rate(clip, sample_rate, rate))[None].to(device)
            for clip in (content, style)
        ]
        longest = max_output_s(len(content) / sample_rate) * rate
        made = self._checked(_call(module, inputs, seed, self.parameters.path), longest)
        return change_rate(made[0].to("cpu", torch.float32).numpy(), rate, sample_rate)

    @cached_property
    def _sha256(self) -> str:
        """The file as it is when the method is first asked for it; workers are sent this with the method."""
        return hashlib.sha256(_read(self.parameters.path)).hexdigest()

    def _checked(self, made: Any, longest: float) -> Tensor:  # noqa: ANN401 - a module may return anything
        if not isinstance(made, Tensor):
            raise MethodError(
                f"{self.parameters.path}: the module returned a {type(made).__name__}, not a tensor"
            )
        if not made.is_floating_point() or made.ndim != 2 or made.shape[0] != 1 or not made.numel():
            raise MethodError(
                f"{self.parameters.path}: the module returned {made.dtype} of shape {tuple(made.shape)}: "
                "return floats of shape (1, k), as many samples as the content has"
            )
        if made.shape[1] > longest:  # before it is copied: an expanded tensor can be of any size
            raise MethodError(
                f"{self.parameters.path}: the module returned {made.shape[1]} samples at "
                f"{self.parameters.sample_rate} Hz: return as many as the content has"
            )
        return made


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read()
    except OSError as error:
        raise MethodError(
            f"{path}: cannot be read ({error.strerror}): check the path of the export"
        ) from error


@lru_cache(maxsize=8)  # the exports of a run; a method is sent to its worker anew for every pair
def _load(path: Path, sha256: str, device: torch.device) -> nn.Module:
    """Read an export as it was when its SHA-256 was taken, in evaluation mode."""
    content = _read(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise MethodError(f"{path}: the file has changed in the meantime: run it again")
    try:
        module: nn.Module = torch.jit.load(io.BytesIO(content), map_location=device)  # type: ignore[no-untyped-call]
    except Exception as error:  # a foreign file fails in whatever way its bytes happen to be read
        raise MethodError(f"{path}: not a TorchScript export: write it with torch.jit.save") from error
    return module.eval()


def _call(module: nn.Module, inputs: list[Tensor], seed: int, path: Path) -> Any:  # noqa: ANN401
    gpus = [inputs[0].device] if inputs[0].is_cuda else []
    try:
        with (
            torch.no_grad(),
            torch.random.fork_rng(devices=gpus),
            torch.jit.optimized_execution(False),  # type: ignore[attr-defined]
        ):
            torch.manual_seed(seed)
            return module(*inputs)
    except Exception as error:  # a module may raise anything
        raise MethodError(f"{path}: module(content, style) failed: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return what a module's error says: what follows the interpreter's traceback, else the first line.

    The interpreter puts its traceback before the error that a module has raised; errors of the call itself
    have none, and go on with what was handed in.
    """
    text = str(error).strip()
    raised = _RAISED.search(text)
    lines = raised["message"].split("\n") if raised else text.split("\n")[:1]
    reason = " ".join(line.strip() for line in lines if line.strip()) or type(error).__name__
    return reason if len(reason) <= _MAX_REASON else f"{reason[:_MAX_REASON]}…"


def _weights(module: nn.Module) -> set[str]:
    """Return the SHA-256 of the weights of a network and of each network inside it."""
    digests = set()
    for network in module.modules():
        # NumPy has no bfloat16, and no judge uses it.
        if network.state_dict() and all(
            tensor.dtype != torch.bfloat16 for tensor in network.state_dict().values()
        ):
            digests.add(weights_sha256(network))
    return digests
