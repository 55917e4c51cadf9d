"""Files are found by the video's identifier in their names, as people and their tools name them."""

from __future__ import annotations

import pytest

from timbrebench.datasets.audioset.audio_sources import Library, Location
from timbrebench.datasets.audioset.audioset_configuration import FolderSource

ID = "-dQw4_9WgXc"


@pytest.fixture
def library(tmp_path):
    """Make empty files, and what looks for videos among them."""

    def make(*names, holds="videos"):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return Library([FolderSource(path=str(tmp_path), holds=holds)])

    return make


@pytest.mark.parametrize(
    ("name", "offset_s"),
    [
        (f"{ID}.webm", 30.0),
        (f"Y{ID}.wav", 30.0),
        (f"{ID}_30.flac", 0.0),
        (f"{ID}_30000_40000.flac", 0.0),
        (f"Sonata No. 2 [live] [{ID}].webm", 30.0),
        (f"[{ID}].opus", 30.0),
        (f"list/003 - Étude für Sitar, 1-2 & more [{ID}].m4a", 30.0),
        (f"Two formats [{ID}].f251.webm", 30.0),
        (f"An old name-{ID}.mp3", 30.0),
    ],
)
def test_a_file_is_found_by_its_name(library, name, offset_s):
    assert library(name, "notes.txt", f"A title [{ID}].info.json").find(ID, 30_000) == Location(
        0, name, offset_s
    )


def test_a_title_says_no_more_than_the_name_does_about_what_a_file_holds(library):
    assert library(f"A title [{ID}].m4a", holds="clips").find(ID, 30_000).offset_s == 0


def test_an_identifier_alone_comes_before_one_behind_a_title(library):
    assert library(f"A title [{ID}].m4a", f"{ID}.wav").find(ID, 30_000).path == f"{ID}.wav"


@pytest.mark.parametrize("name", ["A title.webm", "A title [short].webm", f"A title [{ID}] remastered.webm"])
def test_files_without_an_identifier_are_named(library, name):
    sources = library(name, f"A title [{ID}].webp")
    assert sources.find(ID, 30_000) is None
    assert name in sources.nameless()
    assert "1 files" in sources.nameless()
    assert "TITLE [ID].ext" in sources.nameless()


def test_nothing_is_said_where_all_files_have_one(library):
    assert library(f"A title [{ID}].webm", f"{ID}.wav", "list.csv").nameless() == ""


@pytest.mark.parametrize("beside", ["._{}", "__MACOSX/{}", ".Trashes/{}", "__MACOSX/._{}"])
@pytest.mark.parametrize("name", [f"{ID}.m4a", f"A title-{ID}.m4a", f"A title [{ID}].m4a"])
def test_what_only_lies_beside_audio_is_not_taken_for_it(library, beside, name):
    sources = library(beside.format(name), name)
    assert sources.find(ID, 0).path == name
    assert not sources.nameless()
