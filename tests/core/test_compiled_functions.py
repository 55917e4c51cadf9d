"""Processes that fill numba's cache at the same time find their own code in it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from numba.core.caching import IndexDataCacheFile

from timbrebench.core.compiled_functions import fill_cache_one_at_a_time

fill_cache_one_at_a_time()


def test_code_that_is_saved_at_the_same_time_is_told_apart(tmp_path):
    slow, quick, later = (IndexDataCacheFile(str(tmp_path), "function", "stamp") for _ in range(3))
    load, has_loaded = slow._load_index, threading.Event()

    def load_slowly():
        index = load()
        has_loaded.set()
        time.sleep(0.2)
        return index

    slow._load_index = load_slowly
    other = threading.Thread(target=slow.save, args=("float32", "code for float32"))
    other.start()
    has_loaded.wait()
    quick.save("float64", "code for float64")
    other.join()
    assert later.load("float32") == "code for float32"
    assert later.load("float64") == "code for float64"
    later.save("float32", "newer code")
    assert slow.load("float32") == "newer code"
    assert len(list(tmp_path.glob("*.nbc"))) == 2


def test_whoever_imports_the_packages_saves_so():
    code = (
        "import sys, timbrebench.audio\n"
        "assert 'numba' not in sys.modules\n"
        "import librosa; librosa.yin\n"
        "print(sys.modules['numba.core.caching'].IndexDataCacheFile.save.__module__)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "timbrebench.core.compiled_functions"
