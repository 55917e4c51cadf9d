"""A network that was exported with TorchScript as a method.

The module is called as ``module(content, style)`` with two ``float32`` tensors of shapes (1, n) and (1, m):
mono samples in [-1, 1] at the model's own rate. It returns a tensor of floats of shape (1, k), k as long as n
within 50 ms. The clips are resampled to the model's rate and its output back. Exports of RAVE and AFTER have
methods of their own instead (:mod:`timbrebench.transfer.methods.external.latent_exports`): `interface` says
so.

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
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import pad

from timbrebench.audio.clips import Samples, change_rate
from timbrebench.classifier.fitting import weights_sha256
from timbrebench.core.errors import MethodError
from timbrebench.core.files import open_regular
from timbrebench.transfer.algorithms.optimisation import Device, find_device
from timbrebench.transfer.contract import Learned, Method, Parameters
from timbrebench.transfer.methods.external.clip_files import files_fingerprint, max_output_s
from timbrebench.transfer.methods.external.export_calls import reason, repeatable
from timbrebench.transfer.methods.external.latent_exports import LatentExport, call_after, call_rave


class TorchScriptParameters(Parameters):
    """Which export, and how it is run.

    Attributes
    ----------
    path : pathlib.Path
        The file that `torch.jit.save` wrote.
    sample_rate : int
        Rate that the model works at, in hertz. The file does not state it, and a wrong one would go
        unnoticed, so it has no default. Exports of RAVE and AFTER do state it, and another is refused.
    interface : {"transfer", "rave", "after"}
        How it is called: ``module(content, style)``, or the methods of an export of RAVE or AFTER.
    latency : int
        Samples at the model's rate by which its output is late, as that of exports for streams is. They are
        dropped. No export states it.
    device : {"auto", "cpu", "cuda"}
        Where it computes: "auto" is a GPU where there is one.
    """

    path: Path
    sample_rate: int = Field(gt=0, le=384_000)
    interface: Literal["transfer", "rave", "after"] = "transfer"
    latency: int = Field(default=0, ge=0, le=1 << 20)
    device: Device = "auto"


class TorchScript(Method):
    """An exported network; see the module for how it is called."""

    name = "torchscript"
    version = 1
    summary = (
        "a network exported with TorchScript, called as module(content, style) or as RAVE's and AFTER's are"
    )
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
        with repeatable(seed, device):
            made = self._checked(self._call(module, *inputs), longest)
        return change_rate(made[0].to("cpu", torch.float32).numpy(), rate, sample_rate)

    def _call(self, module: nn.Module, content: Tensor, style: Tensor) -> Any:  # noqa: ANN401
        settings = self.parameters
        if settings.interface == "transfer":
            made = _call_whole(module, pad(content, (0, settings.latency)), style, settings.path)
            return made[..., settings.latency :] if settings.latency and isinstance(made, Tensor) else made
        export = LatentExport(module, str(settings.path))
        export.check_rate(settings.sample_rate)
        if settings.interface == "rave":
            return call_rave(export, content, settings.latency)
        return call_after(export, content, style, settings.latency)

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


def _call_whole(module: nn.Module, content: Tensor, style: Tensor, path: Path) -> Any:  # noqa: ANN401
    try:
        return module(content, style)
    except Exception as error:  # a module may raise anything
        raise MethodError(f"{path}: module(content, style) failed: {reason(error)}{_hint(module)}") from error


def _hint(module: nn.Module) -> str:
    """Return which interface an export is likely to have that cannot be called with two clips."""
    methods = {"rave": ("encode", "decode"), "after": ("structure", "timbre")}
    fitting = [
        name
        for name, needed in methods.items()
        if all(hasattr(module, f"{method}_params") for method in needed)
    ]
    return f'; its methods are those of another interface: set interface = "{fitting[0]}"' if fitting else ""


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
