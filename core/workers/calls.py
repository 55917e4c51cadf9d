"""Calls of functions, what they may take, and how they fail."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Limits:
    """Limits of a call.

    Attributes
    ----------
    timeout_s : float or None
        Maximum seconds; None for no limit.
    memory_mib : float or None
        Maximum memory of its process and of those started by it together, in MiB: the sum of resident sets,
        with the libraries in each. None for no limit.
    timeout_name : str
        The setting that `timeout_s` comes from, by which messages name it.
    """

    timeout_s: float | None = None
    memory_mib: float | None = None
    timeout_name: str = "timeout_s"


@dataclass(frozen=True)
class Call:
    """A function to be called in a process of its own.

    The function belongs to a module and is pickled by its name; arguments are anything that can be pickled. A
    process makes calls of one kind only, so that what one leaves behind never affects another kind.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    kind: str
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Failure:
    """The result of a call whose process ended without a value.

    Attributes
    ----------
    status : {"failed", "timeout"}
        "timeout" if it took too long.
    reason : str
        What happened.
    seconds : float or None
        How long the call had lasted; None where that says nothing about it.
    exceeded : dict of str to float
        The limit that it exceeded, by the name of its setting; empty where it ended by itself.
    is_transient : bool
        Whether a retry may succeed, since the process was killed from outside.
    """

    status: Literal["failed", "timeout"]
    reason: str
    seconds: float | None
    exceeded: dict[str, float] = field(default_factory=dict)
    is_transient: bool = False


def describe_excess(rss_mib: float, memory_mib: float) -> str:
    """Say that a program was stopped for the memory that it used, and what to do about it."""
    return (
        f"stopped when it held {rss_mib:.0f} MiB of memory, more than the {memory_mib:g} MiB that it may: "
        "raise memory_mib, or make it need less"
    )


def describe_exit(status: int) -> str:
    """Say how a process ended, by its exit status: negative for a signal."""
    if status >= 0:
        return f"exited with status {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    return f"was ended by {name}" + (" (was memory short?)" if name == "SIGKILL" else "")
