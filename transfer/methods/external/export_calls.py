"""How code inside a TorchScript export is run, and what its errors say."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import torch

#: An error behind the last of the interpreter's tracebacks, whose lines are indented or name a place.
_RAISED = re.compile(
    r"\ATh.*TorchScript interpreter.*\nTraceback of TorchScript.*?\n(?:builtins\.)?(?P<message>[\w.]+: .*)\Z",
    re.DOTALL,
)

#: Maximum characters of a module's error in the reason of a failure.
_MAX_REASON = 500


@contextlib.contextmanager
def repeatable(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch inside the block, leave its generators as they were, and differentiate and optimise nothing.

    Code that is optimised while it runs would round differently from one call to the next.
    """
    gpus = [device] if device.type == "cuda" else []
    with (
        torch.no_grad(),
        torch.random.fork_rng(devices=gpus),
        torch.jit.optimized_execution(False),  # type: ignore[attr-defined]
    ):
        torch.manual_seed(seed)
        yield


def reason(error: Exception) -> str:
    """Return what a module's error says: what follows the interpreter's traceback, else the first line.

    The interpreter puts its traceback before the error that a module has raised; errors of the call itself
    have none, and go on with what was handed in.
    """
    text = str(error).strip()
    raised = _RAISED.search(text)
    lines = raised["message"].split("\n") if raised else text.split("\n")[:1]
    message = " ".join(line.strip() for line in lines if line.strip()) or type(error).__name__
    return message if len(message) <= _MAX_REASON else f"{message[:_MAX_REASON]}…"
