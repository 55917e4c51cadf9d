"""A part is removed exactly when its writer is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from timbrebench.core.files import atomic_path, write_text
from timbrebench.core.partial_files import partial_folder, remove_abandoned_parts

_WRITER = """
import sys, time
from pathlib import Path
from timbrebench.core.files import atomic_path
from timbrebench.core.partial_files import partial_folder

writer = {"file": atomic_path, "folder": partial_folder}[sys.argv[1]]
with writer(Path(sys.argv[2])) as part:
    print(part, flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["file", "folder"])
def writer(request, tmp_path):
    """Another process that is at work on a part, and the part."""
    target = tmp_path / "out" / "clip.flac"
    target.parent.mkdir()
    command = [sys.executable, "-c", _WRITER, request.param, str(target)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield process, target.parent / process.stdout.readline().strip()
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_part_of_a_living_process_stays_and_that_of_a_killed_one_goes(writer, tmp_path):
    process, part = writer
    remove_abandoned_parts(tmp_path)
    assert part.exists()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    remove_abandoned_parts(tmp_path)
    assert not part.exists()


def test_whoever_writes_next_to_an_abandoned_part_removes_it(tmp_path):
    (tmp_path / ".part-1.flac").write_bytes(b"half a clip")
    (tmp_path / ".part-2").mkdir()
    (tmp_path / ".part-2" / "half.mid").touch()
    (tmp_path / "own.flac.part-3").touch()
    write_text(tmp_path / "whole.txt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.flac.part-3", "whole.txt"]


def test_own_parts_stay_while_they_are_written(tmp_path):
    with atomic_path(tmp_path / "a.txt") as part, partial_folder(tmp_path / "b") as folder:
        write_text(tmp_path / "c.txt", "whole")
        remove_abandoned_parts(tmp_path)
        assert part.exists()
        assert folder.exists()
        part.write_text("a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "c.txt"]


def test_links_and_pipes_of_that_name_are_left_alone(tmp_path):
    (tmp_path / "elsewhere").write_text("somebody's")
    (tmp_path / ".part-1").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / ".part-2")
    remove_abandoned_parts(tmp_path)
    assert (tmp_path / "elsewhere").read_text() == "somebody's"
    assert (tmp_path / ".part-2").exists()
