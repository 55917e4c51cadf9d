"""numba's cache of compiled functions, filled by one process at a time.

librosa compiles functions when its modules are imported, and others when they are first called. On a fresh
machine, processes that do so at the same time each take the first free number for the code of another
signature (numba issue 10128). The index then names the wrong code: every later process that calls the
function jumps to address 0, until somebody deletes the cache.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from timbrebench.core.files import one_at_a_time

_CACHING = "numba.core.caching"


def fill_cache_one_at_a_time() -> None:
    """Let numba save what it has compiled under a lock; where it is not imported yet, as soon as it is."""
    if _CACHING in sys.modules:
        _use_lock(sys.modules[_CACHING])
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _use_lock(caching: ModuleType) -> None:
    caching.IndexDataCacheFile.save = _save


def _save(cache: Any, key: Any, data: Any) -> None:  # noqa: ANN401 - numba's own
    """Save code as ``IndexDataCacheFile.save`` does, under a lock, and before the index names it."""
    with contextlib.ExitStack() as locked:
        with contextlib.suppress(OSError):  # a file system without locks
            locked.enter_context(one_at_a_time(Path(cache._cache_path)))
        index = cache._load_index()
        names = set(index.values())
        free = (cache._data_name(number) for number in range(1, len(names) + 2))
        name = index.get(key) or next(name for name in free if name not in names)
        cache._save_data(name, data)
        if key not in index:
            cache._save_index({**index, key: name})


class _Finder(MetaPathFinder):
    """Finds numba's module of caching as Python does, with a loader that changes it once it is loaded."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _CACHING:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, str(spec.loader.path))
        return spec


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _use_lock(module)
