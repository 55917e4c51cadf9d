"""Suites of recordings that users hold: how they are frozen, made again, and refused."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from timbrebench.audio import read_audio, write_audio
from timbrebench.core.errors import ConfigurationError, DatasetError, UnknownNameError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets.notes import notes_table, read_notes, write_notes
from timbrebench.datasets.soundfonts.recorded_takes import list_takes
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont
from timbrebench.experiments.suites.frozen_suite import freeze_recipe, load_frozen, parse_frozen
from timbrebench.experiments.suites.held_recordings import hash_files
from timbrebench.experiments.suites.recipes import Recipe
from timbrebench.experiments.suites.suite import SuiteConfiguration
from timbrebench.experiments.suites.suite_opening import open_frozen, refuse_same_takes, render_frozen

RATE = 22_050
SHARED = Path(__file__).parents[5] / "shared" / "data"


def tone(midi, seconds):
    time = np.arange(round(seconds * RATE)) / RATE
    return 0.3 * np.sin(2 * np.pi * 440 * 2 ** ((midi - 69) / 12) * time)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A folder with everything: aligned tracks, a performance with notes, and recorded notes."""
    folder = tmp_path_factory.mktemp("held")
    for piece in range(3):
        for label, octave in (("flute", 12), ("cello", 0)):
            write_audio(folder / f"{piece}-{label}.wav", tone(60 + piece + octave, 1.5), RATE)
    notes = notes_table([(0.25 * turn, 0.25 * turn + 0.2, 60 + turn % 7, 90) for turn in range(24)])
    write_notes(folder / "played.csv", notes)
    played = np.concatenate([tone(60 + turn % 7, 0.25) for turn in range(24)])
    write_audio(folder / "played.flac", played, RATE)
    (folder / "notes").mkdir()
    rows = ["path,instrument,midi"]
    for instrument, first in (("flute", 45), ("cello", 46)):
        for pitch in range(first, 83, 3):
            write_audio(folder / "notes" / f"{instrument}{pitch}.wav", tone(pitch, 1.0), RATE)
            rows.append(f"{instrument}{pitch}.wav,{instrument},{pitch}")
    (folder / "notes" / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def learned_from(corpus_of_tunes):
    return {
        "corpus": str(corpus_of_tunes(beat_s=0.5)),
        "pieces": 16,
        "instruments": ["flute", "cello"],
        "soundfonts": ["TimGM6mb"],
        "clip_duration_s": 2.0,
    }


@pytest.fixture(scope="module", params=["aligned", "recorded-notes", "performances"])
def made(request, learned_from):
    return {
        "aligned": {
            "kind": "aligned",
            "tracks": [
                [f"piece-{piece}", label, f"{piece}-{label}.wav"]
                for piece in range(3)
                for label in ("flute", "cello")
            ],
            "directions": [["flute", "cello"], ["cello", "flute"]],
            "clip_duration_s": 1.0,
        },
        "recorded-notes": {
            "kind": "recorded-notes",
            "phrases": {"folder": "notes", "instruments": ["flute", "cello"]},
            "dataset": learned_from,
        },
        "performances": {
            "kind": "performances",
            "performances": [
                {"audio": "played.flac", "notes": "played.csv", "label": "oboe", "piece": "played"}
            ],
            "styles": {"folder": "notes", "instruments": ["flute", "cello"]},
            "contents": 2,
            "dataset": learned_from,
        },
    }[request.param]


@pytest.fixture(scope="module")
def frozen(made, held, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        recipe = Recipe.model_validate({"name": "own", "version": 1, "summary": "Own.", "made": made})
        root = tmp_path_factory.mktemp("frozen") / "clips"
        yield freeze_recipe(recipe, root, InlineExecutor(), source=held, learned=())


def opened(frozen, audio, root):
    return render_frozen(frozen, SuiteConfiguration(name="own", audio=str(audio)), root, InlineExecutor())


def test_the_file_holds_names_and_digests_and_survives_being_written(frozen, held):
    assert parse_frozen(frozen.text(), "own") == frozen
    assert all((held / file.path).is_file() for file in frozen.files)
    assert all(len(file.sha256) == 64 for file in frozen.files)
    assert frozen.is_hashed


def test_who_holds_the_same_files_gets_the_same_clips(frozen, held, tmp_path):
    copy = shutil.copytree(held, tmp_path / "of-another-name")
    suite = opened(frozen, copy, tmp_path / "clips")
    assert len(suite.pairs) == len(frozen.pairs) > 0
    assert suite.has_truth == frozen.has_truth
    assert suite.is_ranking == frozen.is_ranking
    again = open_frozen(frozen, SuiteConfiguration(name="own", audio=str(copy)), tmp_path / "clips")
    assert again.pairs == suite.pairs
    shutil.rmtree(copy)  # what is made of them is enough for reading a run
    open_frozen(frozen, SuiteConfiguration(name="own", audio=str(copy)), tmp_path / "clips")
    assert suite.version == frozen.suite(SuiteConfiguration()).version


def test_a_missing_or_changed_file_is_refused_by_name(frozen, held, tmp_path):
    copy = shutil.copytree(held, tmp_path / "held")
    victim = copy / next(file.path for file in frozen.files if not file.path.endswith(".csv"))
    victim.write_bytes(victim.read_bytes() + b"more")
    with pytest.raises(DatasetError, match=f"not the recordings of the suite own-1: 1 files .*{victim.name}"):
        opened(frozen, copy, tmp_path / "clips")
    victim.unlink()
    with pytest.raises(DatasetError, match=f"{victim.name}"):
        opened(frozen, copy, tmp_path / "clips")
    assert not (tmp_path / "clips").exists()


def test_without_the_folder_the_suite_is_not_opened(frozen, tmp_path):
    with pytest.raises(ConfigurationError, match=r'own-1 .*audio = "FOLDER"'):
        opened(frozen, "", tmp_path / "clips")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "aligned", "tracks": [["a", "../x", "a.wav"], ["b", "flute", "b.wav"]]},
        {"kind": "aligned", "tracks": [["a", "oboe", "/a.wav"], ["b", "flute", "b.wav"]]},
        {"kind": "recorded-notes", "phrases": {"folder": "../notes", "instruments": ["flute"]}},
        {"kind": "recorded-notes", "phrases": {"instruments": ["vuvuzela"]}},
    ],
)
def test_no_path_of_a_recipe_leads_out_of_the_folder_and_instruments_are_known(change):
    made = {"directions": [["oboe", "flute"]]} if change["kind"] == "aligned" else {}
    with pytest.raises((ValidationError, UnknownNameError)):
        Recipe.model_validate({"name": "own", "version": 1, "summary": "Own.", "made": made | change})


def test_two_performances_of_one_piece_are_refused():
    played = {"audio": "a.wav", "notes": "a.csv", "label": "violin", "piece": "partita"}
    made = {
        "kind": "performances",
        "performances": [played, {**played, "label": "oboe"}],
        "styles": {"instruments": ["flute"]},
    }
    with pytest.raises(ValidationError, match="two performances have the same piece"):
        Recipe.model_validate({"name": "own", "version": 1, "summary": "Own.", "made": made})


def test_pairs_are_what_the_kind_says(frozen, held, tmp_path):
    suite = opened(frozen, held, tmp_path / "clips")
    check = {"aligned": _check_aligned, "recorded-notes": _check_recorded, "performances": _check_performed}
    check[frozen.recipe.made.kind](suite, frozen, shutil.copytree(held, tmp_path / "held"))


def _check_aligned(suite, frozen, held):
    assert len(suite.pairs) == 6
    assert len(frozen.files) == 6
    assert not suite.is_ranking
    for pair in suite.pairs:
        assert pair.target.piece == pair.content.piece != pair.style.piece
        assert pair.target.label == pair.style.label != pair.content.label
        number = pair.content.piece.removeprefix("piece-")
        recorded, _ = read_audio(held / f"{number}-{pair.content.label}.wav")
        clip = suite.dataset.samples(pair.content)
        assert np.corrcoef(clip, recorded[: len(clip)])[0, 1] > 0.999


def _check_recorded(suite, frozen, held):
    assert suite.is_ranking
    assert suite.has_truth
    takes = {take.path for taken in list_takes(held / "notes", "odd").values() for take in taken}
    assert {held / file.path for file in frozen.files} == takes
    learned = {take.path for taken in list_takes(held / "notes", "even").values() for take in taken}
    assert learned
    assert not learned & takes
    for halves, is_refused in ((["#even"], False), (["#odd"], True), ([""], True), (["#odd", "#even"], True)):
        learned_from = [find_soundfont(f"{held / 'notes'}{half}") for half in halves]
        with pytest.raises(DatasetError, match="FOLDER#even") if is_refused else nullcontext():
            refuse_same_takes(frozen, learned_from)
    # Elsewhere, with something beside them, they are the same takes.
    copied = shutil.copytree(held / "notes", held.parent / "copied")
    (copied / "read me.txt").write_text("copied")
    with pytest.raises(DatasetError, match=f"by {len(takes)} of the recorded notes copied-odd"):
        refuse_same_takes(frozen, [find_soundfont("sonivox"), find_soundfont(f"{copied}#odd")])
    refuse_same_takes(frozen, [find_soundfont("sonivox"), find_soundfont(f"{copied}#even")])
    # One take more in the list changes which ones play.
    shutil.copy(held / "notes" / "flute45.wav", held / "notes" / "flute0.wav")
    with (held / "notes" / "manifest.csv").open("a") as file:
        file.write("flute0.wav,flute,45\n")
    with pytest.raises(DatasetError, match="are not the suite's, such as notes/flute"):
        opened(frozen, held, held.parent / "others")


def _check_performed(suite, frozen, held):
    assert suite.is_ranking
    assert not suite.has_truth
    notes = read_notes(held / "played.csv")
    for pair in suite.pairs:
        assert pair.content.label == "oboe"
        clip_notes = suite.dataset.notes(pair.content)
        begun = notes[(notes.onset_s >= pair.content.start_s) & (notes.onset_s < pair.content.start_s + 2)]
        assert list(clip_notes[clip_notes.onset_s >= 0].pitch) == list(begun.pitch)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recordings are not there (../shared/data)")
class TestSuitesOfTheProject:
    @pytest.mark.parametrize(
        ("name", "folder"),
        [
            ("recorded-notes", "notes"),
            ("performances", "."),
            ("aligned", "performances/starnet/truth"),
        ],
    )
    def test_their_files_are_those_that_others_hold(self, name, folder):
        files = load_frozen(name).files
        assert hash_files(SHARED / folder, [file.path for file in files]) == files

    def test_aligned_clips_are_cut_the_same_again(self, tmp_path):
        suite = opened(load_frozen("aligned"), SHARED / "performances/starnet/truth", tmp_path / "clips")
        assert len(suite.pairs) == 40
