"""Links are followed, and no folder is listed twice."""

from __future__ import annotations

import pytest

from timbrebench.core.folders import files_below


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def everything(_name):
    return True


def test_files_behind_links_are_listed_in_order(tmp_path, capsys):
    root = tmp_path / "root"
    make(root, "b/2.wav", "b/1.wav", "a.wav")
    make(tmp_path, "other/disk/3.wav", "single.wav")
    (root / "linked").symlink_to(tmp_path / "other")
    (root / "c.wav").symlink_to(tmp_path / "single.wav")
    (tmp_path / "link").symlink_to(root)
    expected = ["a.wav", "b/1.wav", "b/2.wav", "c.wav", "linked/disk/3.wav"]
    assert files_below(root, everything) == files_below(tmp_path / "link", everything) == expected
    assert not capsys.readouterr().err


@pytest.mark.parametrize("target", [".", "..", "b", "../root/b"])
def test_a_folder_that_is_listed_already_is_passed_over_with_a_word(tmp_path, capsys, target):
    root = tmp_path / "root"
    make(root, "b/1.wav")
    (root / "a").symlink_to(target)  # before the folder itself in the alphabet
    assert [name for name in files_below(root, everything) if name.endswith("1.wav")] == ["b/1.wav"]
    assert "1 links passed over" in capsys.readouterr().err


def test_links_in_a_circle_end(tmp_path, capsys):
    make(tmp_path, "root/x.wav", "one/1.wav", "two/2.wav")
    (tmp_path / "root/one").symlink_to(tmp_path / "one")
    (tmp_path / "one/two").symlink_to(tmp_path / "two")
    (tmp_path / "two/one").symlink_to(tmp_path / "one")
    assert files_below(tmp_path / "root", everything) == ["one/1.wav", "one/two/2.wav", "x.wav"]
    assert "one/two/one" in capsys.readouterr().err


def test_links_to_nowhere_and_to_themselves_are_files_that_cannot_be_read(tmp_path):
    (tmp_path / "gone.wav").symlink_to("nowhere")
    (tmp_path / "itself.wav").symlink_to("itself.wav")
    assert files_below(tmp_path, everything) == ["gone.wav", "itself.wav"]


def test_folders_are_left_out_by_name_behind_links_too(tmp_path):
    make(tmp_path, "root/.git/1.wav", "other/.git/2.wav", "other/3.wav")
    (tmp_path / "root/other").symlink_to(tmp_path / "other")
    assert files_below(tmp_path / "root", lambda name: not name.startswith(".")) == ["other/3.wav"]
