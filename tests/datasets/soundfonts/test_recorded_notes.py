"""Recorded notes, here made with a soundfont so that their pitches are known."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.audio import magnitude, rms, write_audio
from timbrebench.core.errors import DatasetError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets import DatasetConfiguration, build_dataset
from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.soundfonts.recorded_notes import RecordedNotes
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont

RATE = 22_050
PITCHES = range(45, 85, 6)


def record(folder, octaves_named_off=0):
    """Make a folder of clarinet and trumpet notes, named so many octaves under what they sound."""
    folder.mkdir()
    player = find_soundfont("TimGM6mb").player()
    rows = []
    for instrument, program in (("clarinet", 71), ("trumpet", 56)):
        for pitch in PITCHES:
            samples = player.render(notes_table([(0.2, 1.2, pitch, 100)]), program, 1.5, RATE)
            write_audio(folder / f"{instrument}{pitch}.flac", samples / np.abs(samples).max(), RATE)
            stated = pitch - 12 * octaves_named_off
            rows.append((f"{instrument}{pitch}.flac", instrument, f"made-{instrument}", stated))
    pd.DataFrame(rows, columns=["path", "instrument", "source", "midi"]).to_csv(
        folder / "manifest.csv", index=False
    )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return record(tmp_path_factory.mktemp("recorded") / "notes")


@pytest.fixture(scope="module")
def player(folder):
    return RecordedNotes(folder)


def strongest_hz(samples):
    spectrum = magnitude(samples, n_fft=8192, hop_length=2048).mean(axis=1)
    return spectrum.argmax() * RATE / 8192


@pytest.mark.parametrize("pitch", [57, 60, 66, 68])
def test_a_note_sounds_at_its_pitch_recorded_or_shifted(player, pitch):
    samples = player.render(notes_table([(0.0, 1.0, pitch, 100)]), 71, 1.0, RATE)
    harmonics = strongest_hz(samples) / (440 * 2 ** ((pitch - 69) / 12))
    assert harmonics == pytest.approx(round(harmonics), abs=0.04)
    assert round(harmonics) >= 1


def test_a_note_begins_where_the_notes_say_though_the_file_begins_with_silence(player):
    samples = player.render(notes_table([(0.5, 1.0, 63, 100)]), 56, 1.5, RATE)
    assert rms(samples[: round(0.49 * RATE)]) < 1e-4
    assert rms(samples[round(0.5 * RATE) : round(0.56 * RATE)]) > 1e-3


def test_a_note_that_is_let_go_dies_away(player):
    samples = player.render(notes_table([(0.0, 0.3, 63, 100)]), 56, 1.0, RATE)
    assert rms(samples[round(0.55 * RATE) :]) < 1e-3 * rms(samples[: round(0.3 * RATE)])


def test_louder_velocities_are_louder(player):
    soft, loud = (
        player.render(notes_table([(0.0, 0.5, 63, velocity)]), 56, 0.5, RATE) for velocity in (40, 110)
    )
    assert rms(loud) > 3 * rms(soft)


def test_octaves_that_are_named_wrong_are_measured_and_corrected(tmp_path, player):
    misnamed = RecordedNotes(record(tmp_path / "misnamed", octaves_named_off=1))
    assert misnamed.sounding_pitches(71) == player.sounding_pitches(71)


def test_what_no_recording_is_near_to_is_refused(player):
    assert player.sounding_pitches(0) == set()
    assert {39, 87} <= player.sounding_pitches(56)
    with pytest.raises(DatasetError, match="MIDI pitch 100"):
        player.render(notes_table([(0.0, 1.0, 100, 90)]), 56, 1.0, RATE)


def test_a_dataset_is_built_on_recorded_notes_as_on_a_soundfont(folder, tmp_path):
    configuration = DatasetConfiguration(
        pieces=4, instruments=("clarinet", "trumpet"), soundfonts=(str(folder),), clip_duration_s=2.0
    )
    dataset = build_dataset(configuration, tmp_path / "dataset", executor=InlineExecutor())
    assert set(dataset.manifest.soundfont) == {"notes"}
    low, high = dataset.description["pitch_range"]
    assert high - low >= 24
    assert len(dataset.description["sources"][1]["sha256"]) == 64


def test_a_manifest_that_cannot_be_used_says_why(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,instrument\na.flac,piano\n")
    with pytest.raises(DatasetError, match="source, midi"):
        RecordedNotes(tmp_path)
    (tmp_path / "manifest.csv").write_text("path,instrument,source,midi\nnone.flac,piano,x,60\n")
    with pytest.raises(DatasetError, match=r"none\.flac"):
        RecordedNotes(tmp_path)


@pytest.mark.parametrize("midi", ["440", "60.5", "C4", "", "-1", "128"])
def test_a_pitch_that_is_no_midi_number_is_an_error_with_its_row(tmp_path, midi):
    (tmp_path / "manifest.csv").write_text(
        f"\ufeffpath,instrument,source,midi\na.flac,piano,x,60\nb.flac,piano,x,{midi}\n"
    )
    with pytest.raises(DatasetError, match=r"manifest\.csv, row 3: midi is .*whole MIDI number"):
        RecordedNotes(tmp_path)


def listed(tmp_path, path):
    table = pd.DataFrame([(path, "trumpet", "made", 60)], columns=["path", "instrument", "source", "midi"])
    table.to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("path", ["../a.wav", "/a.wav", "a/../../b.wav"])
def test_a_recording_outside_of_the_folder_is_refused_with_its_row(tmp_path, path):
    with pytest.raises(DatasetError, match=r"manifest.csv, row 2: the path .* leads out of the folder"):
        RecordedNotes(listed(tmp_path, path))


@pytest.mark.parametrize("gains", [(0.0,), (0.5, -0.5)])
def test_a_recording_in_which_nothing_is_heard_is_refused(tmp_path, gains):
    noise = np.random.default_rng(0).uniform(-1, 1, RATE)
    soundfile.write(tmp_path / "a.wav", np.multiply.outer(noise, gains), RATE)
    with pytest.raises(DatasetError, match=r"lists a.wav, which is silent"):
        RecordedNotes(listed(tmp_path, "a.wav"))


def test_what_lies_behind_a_link_counts_in_the_fingerprint(folder, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "manifest.csv").write_bytes((folder / "manifest.csv").read_bytes())
    (tmp_path / "far").mkdir()
    (linked / "more").symlink_to(tmp_path / "far")
    before = find_soundfont(str(linked)).sha256()
    (tmp_path / "far" / "a.wav").touch()
    assert find_soundfont(str(linked)).sha256() != before
