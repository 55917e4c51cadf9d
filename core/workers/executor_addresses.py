"""Open an executor by its address."""

from __future__ import annotations

from collections.abc import Sequence

from timbrebench.core.errors import ConfigurationError, MissingResourceError
from timbrebench.core.workers.executors import Executor, LocalExecutor

#: The address of this machine.
LOCAL = "local"

#: Protocols of a scheduler's address. "dask" stands for "tcp", Dask's default.
_PROTOCOLS = ("dask", "tcp", "tls", "ucx", "ws", "wss")


def open_executor(address: str, preload: Sequence[str]) -> Executor:
    """Return an executor, to be closed after use; a local one starts nothing before the first call.

    `address` is ``"local"``, or that of a Dask scheduler: ``"dask://host:port"``, ``"tcp://host:port"`` or
    any other protocol of Dask. The modules of `preload` are imported once for all processes of a machine.
    Raises ConfigurationError if the address is invalid or the scheduler unreachable, and MissingResourceError
    if it is a scheduler's and Dask is not installed.
    """
    if address == LOCAL:
        return LocalExecutor(preload)
    protocol, separator, place = address.partition("://")
    if not separator or not place or protocol not in _PROTOCOLS:
        raise ConfigurationError(
            f"executor {address!r}: invalid address: write {LOCAL!r} or the address of a Dask scheduler, "
            "such as dask://host:8786"
        )
    try:
        from timbrebench.core.workers.dask_executor import DaskExecutor  # noqa: PLC0415 - Dask is an extra
    except ImportError as error:
        raise MissingResourceError(
            f"executor {address!r}: needs Dask: install it with `pip install 'timbrebench[distributed]'`"
        ) from error
    return DaskExecutor(f"tcp://{place}" if protocol == "dask" else address, preload)
