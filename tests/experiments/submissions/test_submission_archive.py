"""Archives: what leads elsewhere, is too large or is not what its list says is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from timbrebench.core.errors import RunError
from timbrebench.experiments.submissions.submission_archive import Archive, write_archive


@pytest.mark.parametrize("name", ["../escaped", "/absolute", "a/../../b", "back\\slash", "folder/"])
def test_names_that_lead_elsewhere_are_refused(name, tmp_path):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"content")
    with pytest.raises(RunError, match="not a plain file inside it"):
        Archive(path)


def test_links_and_repeated_names_are_refused(tmp_path):
    path = tmp_path / "bad.zip"
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(RunError, match="not a plain file"):
        Archive(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("one", b"2")
    with pytest.raises(RunError, match="two files of one name"):
        Archive(path)


def test_devices_and_bombs_of_many_files_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "bad.zip"
    device = zipfile.ZipInfo("device")
    device.external_attr = 0o020666 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(device, b"")
    with pytest.raises(RunError, match="link or device"):
        Archive(path)
    write_archive(path, {f"{number}": bytes(2**20) for number in range(20)})
    monkeypatch.setattr("timbrebench.experiments.submissions.submission_archive.LARGEST_ARCHIVE", 10 * 2**20)
    with pytest.raises(RunError, match="unpacks to more than 10485760 bytes"):
        Archive(path)


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "large.zip"
    write_archive(path, {"zeros": bytes(2**20)})
    assert path.stat().st_size < 10_000
    monkeypatch.setattr("timbrebench.experiments.submissions.submission_archive.LARGEST_FILE", 2**19)
    with pytest.raises(RunError, match="too many"):
        Archive(path)


def test_files_that_are_not_listed_are_found(tmp_path):
    path = tmp_path / "more.zip"
    write_archive(path, {"one": b"1"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("two", b"2")
    with pytest.raises(RunError, match="two is not listed"):
        Archive(path)


def test_files_go_in_by_content_or_by_path(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    write_archive(tmp_path / "a.zip", {"name": b"content"})
    write_archive(tmp_path / "b.zip", {"name": tmp_path / "file"})
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with Archive(Path(tmp_path / "a.zip")) as archive:
        assert archive.read("name") == b"content"
