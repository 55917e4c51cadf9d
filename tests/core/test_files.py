"""Files are whole or absent, and open to whom the user's umask opens them."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from timbrebench.core.errors import DatasetError
from timbrebench.core.files import file_sha256, one_at_a_time, read_bytes, write_text


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_written_files_have_the_mode_that_the_umask_asks_for(tmp_path, monkeypatch, mask, mode):
    """Other threads' files would get a mode of their own while a writer has set the process's umask."""
    before = os.umask(mask)
    try:
        with monkeypatch.context() as patch:
            patch.delattr(os, "umask")
            write_text(tmp_path / "folder" / "note.txt", "C major")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "folder" / "note.txt").stat().st_mode) == mode
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["note.txt"]


def test_blocks_that_name_one_file_run_one_at_a_time(tmp_path):
    path, entered = tmp_path / "file", threading.Event()
    path.touch()

    def enter():
        with one_at_a_time(path):
            entered.set()

    second = threading.Thread(target=enter)
    with one_at_a_time(path):
        second.start()
        assert not entered.wait(0.2)
    second.join(60)
    assert entered.is_set()


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device", "missing", "kernel"])
def test_only_regular_files_are_opened(tmp_path, kind):
    path = tmp_path / "file"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "socket":
            server = socket.socket(socket.AF_UNIX)
            server.bind(str(path))
            server.close()
        case "device":
            path.symlink_to("/dev/zero")
        case "kernel":
            path = Path("/proc/kmsg")  # a regular file by its type, which waits for what is not written yet
    with pytest.raises(DatasetError, match="cannot be read"):
        read_bytes(path, 1000, DatasetError)
    with pytest.raises(OSError):  # noqa: PT011 - of several types
        file_sha256(path)


def test_files_are_read_up_to_a_size(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    assert read_bytes(path, 1000, DatasetError) == b"x" * 1000
    with pytest.raises(DatasetError, match="has 1000 bytes, more than the 999"):
        read_bytes(path, 999, DatasetError)


def test_a_name_that_no_file_can_have_is_an_error():
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(DatasetError, match="cannot be read"):
            read_bytes(Path(name), 1000, DatasetError)
