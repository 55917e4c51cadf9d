"""Names that become files: what is refused, and that no path leaves its folder."""

import pytest
from pydantic import TypeAdapter, ValidationError

from timbrebench.core.errors import PathError
from timbrebench.core.identifiers import MAX_LENGTH, Identifier, is_identifier, path_within

BAD = [
    "",
    ".",
    "..",
    ".hidden",
    "../../../../x/pwn",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a b",
    "a\n",
    "a\0b",
    "+cmd",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "\x1b[31mred",
    "caf\u00e9",
    "a\u202eb",
    "C:",
    "x" * (MAX_LENGTH + 1),
]


@pytest.mark.parametrize("name", BAD)
def test_names_that_could_leave_a_folder_or_fool_a_reader_are_refused(name):
    assert not is_identifier(name)
    with pytest.raises(ValidationError, match="letters, digits"):
        TypeAdapter(Identifier).validate_python(name)


@pytest.mark.parametrize("name", ["a", "-1", "_x", "001-piano.mid", "star.+2", "x" * MAX_LENGTH])
def test_plain_names_are_accepted(name):
    assert TypeAdapter(Identifier).validate_python(name) == name


def test_a_path_within_a_folder_may_have_folders_and_need_not_exist(tmp_path):
    assert path_within(tmp_path, "audio/new/a b.flac") == tmp_path / "audio" / "new" / "a b.flac"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "a/../../b", "/etc/passwd", "a\0b", "a/" + "x" * 300]
)
def test_a_path_that_leaves_its_folder_is_refused(tmp_path, name):
    with pytest.raises(PathError, match="inside"):
        path_within(tmp_path, name)


def test_a_link_out_of_the_folder_is_refused_and_the_folder_may_be_a_link(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "way-out").symlink_to(outside)
    (inside / "circle").symlink_to(inside / "circle")
    (tmp_path / "link").symlink_to(inside)
    for name in ("way-out/file", "circle/file"):
        with pytest.raises(PathError, match=r"inside|out of"):
            path_within(inside, name)
    assert path_within(tmp_path / "link", "file") == tmp_path / "link" / "file"
