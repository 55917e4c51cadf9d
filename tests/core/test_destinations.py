"""What would be lost, or could not be written, is said before anything is done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from timbrebench.core.destinations import check_output_file, check_output_folder
from timbrebench.core.errors import ConfigurationError, StorageError


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.wav"
    path.write_bytes(b"the only copy")
    return path


def itself(source):
    return source


def other_spelling(source):
    (source.parent / "below").mkdir()
    return source.parent / "below" / ".." / source.name


def link(source):
    path = source.with_name("link.wav")
    path.symlink_to(source.name)
    return path


def hard_link(source):
    path = source.with_name("hard.wav")
    os.link(source, path)
    return path


def linked_folder(source):
    (source.parent / "elsewhere").symlink_to(source.parent)
    return source.parent / "elsewhere" / source.name


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", [itself, other_spelling, link, hard_link, linked_folder])
def test_an_output_that_is_an_input_is_refused_by_whatever_name(source, name, force):
    path = name(source)
    with pytest.raises(ConfigurationError, match=r"is the input .*source\.wav, which would be lost"):
        check_output_file(path, inputs=(None, source), force=force)


def test_what_exists_is_replaced_only_by_force(source, tmp_path):
    with pytest.raises(StorageError, match="exists already: choose another name, or replace it with --force"):
        check_output_file(source)
    check_output_file(source, force=True)
    (tmp_path / "nowhere.wav").symlink_to("absent")
    with pytest.raises(StorageError, match="exists already"):
        check_output_file(tmp_path / "nowhere.wav")


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_is_no_file_and_a_file_no_folder(source, tmp_path, force):
    with pytest.raises(StorageError, match=r"it is a folder: name a file, such as .*out\.flac"):
        check_output_file(tmp_path, force=force, suffixes=(".flac", ".wav"))
    with pytest.raises(StorageError, match="it is a file, not a folder: name a folder"):
        check_output_folder(source)
    with pytest.raises(StorageError, match="part of the path is a file"):
        check_output_folder(source / "below")
    with pytest.raises(StorageError, match="part of the path is a file"):
        check_output_file(source / "below" / "out.wav", force=force)


def test_endings_are_listed(tmp_path):
    for name in ("out", "out.mp", "out.wav.txt"):
        with pytest.raises(ConfigurationError, match=r"must end in \.wav, \.flac or \.mp3"):
            check_output_file(tmp_path / name, suffixes=(".wav", ".flac", ".mp3"))
    with pytest.raises(ConfigurationError, match=r"must end in \.zip$"):
        check_output_file(tmp_path / "out", suffixes=(".zip",))
    check_output_file(tmp_path / "out.WAV", suffixes=(".wav",))


@pytest.mark.parametrize("place", ["/proc/out.wav", "/proc/below/out.wav"])
def test_a_folder_that_cannot_be_written_is_named(place, tmp_path):
    """Nobody can, root included."""
    if not Path("/proc").is_dir():
        pytest.skip("no folder here that root cannot write")
    with pytest.raises(StorageError, match=f"cannot write {place}: "):
        check_output_file(tmp_path / place)
    with pytest.raises(StorageError, match="cannot write /proc"):
        check_output_folder(tmp_path / place)


def test_a_folder_without_permission_is_named(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="no permission to write there: choose another folder"):
        check_output_file(tmp_path / "out.wav")


def test_a_name_that_no_file_can_have_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"cannot write .*: .*too long"):
        check_output_file(tmp_path / f"{'a' * 300}.wav")


def test_looking_leaves_nothing_behind(source, tmp_path):
    check_output_file(tmp_path / "new" / "deep" / "out.wav")
    check_output_folder(tmp_path / "new" / "deep")
    check_output_folder(tmp_path)
    assert list(tmp_path.iterdir()) == [source]
