"""`timbrebench demo`: packaged music, outputs, scores and a page to listen."""

from __future__ import annotations

import mir_eval
import pytest

from timbrebench.audio import read_audio
from timbrebench.classifier import load_content_judge
from timbrebench.core.errors import StorageError
from timbrebench.experiments.commands import demo_command
from timbrebench.experiments.demo.demo_pieces import CONTENT, REFERENCE, STYLE, copy_pieces, phrase, tune

FILES = {CONTENT, STYLE, REFERENCE, "content.csv", "style.csv", "envelope.wav", "index.html"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder of a demo with the quickest of its methods."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_command, "_METHODS", ("envelope",))
        demo_command.demo_command(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "notes"),
    [(CONTENT, tune()), (STYLE, phrase()), (REFERENCE, tune())],
    ids=lambda value: str(value)[:7],
)
def test_the_audio_in_the_package_plays_the_notes_of_the_pieces(tmp_path, name, notes):
    copy_pieces(tmp_path)
    samples, rate = read_audio(tmp_path / name)
    read = load_content_judge().transcribe(samples, rate).notes
    intervals, pitches = (
        [table[["onset_s", "offset_s"]].to_numpy() for table in (notes, read)],
        [mir_eval.util.midi_to_hz(table["pitch"].to_numpy()) for table in (notes, read)],
    )
    _, _, f1, _ = mir_eval.transcription.precision_recall_f1_overlap(
        intervals[0], pitches[0], intervals[1], pitches[1], offset_ratio=None
    )
    assert f1 > 0.9


def test_outputs_scores_and_page_are_there(demo):
    assert {path.name for path in demo.iterdir()} == FILES
    page = (demo / "index.html").read_text(encoding="utf-8")
    assert page.count("<audio") == 4
    assert 'src="envelope.wav"' in page
    assert "of the notes." in page
    assert "<td>Still sounds like the content (piano)" in page


def test_a_demo_s_own_folder_is_written_again_and_no_other(demo, tmp_path, monkeypatch):
    monkeypatch.setattr(demo_command, "_METHODS", ())
    monkeypatch.setattr("timbrebench.experiments.demo.demo_page.write_demo_page", lambda *_: None)
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(
        StorageError, match=r"not those of a demo: choose another folder by --out, or .* --force"
    ):
        demo_command.demo_command(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    demo_command.demo_command(tmp_path, force=True)
    assert (tmp_path / "index.html").read_text() == "mine"
    demo_command.demo_command(demo)


@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_plays_and_fits(browser, demo, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((demo / "index.html").as_uri())
    page.locator('.clip[data-title="envelope"] .listen').click()
    page.wait_for_timeout(500)
    assert page.evaluate("document.querySelector('[src=\"envelope.wav\"]').currentTime") > 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()
    assert complaints == []
