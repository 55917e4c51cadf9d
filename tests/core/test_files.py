"""Files are whole or absent, and open to whom the user's umask opens them."""

import os
import stat
import threading

import pytest

from timbrebench.core.files import one_at_a_time, write_text


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
