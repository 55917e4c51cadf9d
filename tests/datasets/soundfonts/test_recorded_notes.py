"""Recorded notes, here made with a soundfont so that their pitches are known."""

from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.audio import magnitude, rms, write_audio
from timbrebench.core.errors import DatasetError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets import DatasetConfiguration, build_dataset
from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.soundfonts import take_measurement
from timbrebench.datasets.soundfonts.recorded_notes import RecordedNotes
from timbrebench.datasets.soundfonts.recorded_takes import list_takes
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont
from timbrebench.datasets.soundfonts.take_measurement import TAKE_RATE

RATE = 22_050
SHARED = Path(__file__).parents[4] / "shared" / "data" / "notes"
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


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    """Takes are measured by the code that is tested, not by what measured the same takes before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


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


@pytest.mark.parametrize("gains", [(0.0,), (0.5, -0.5)])
def test_a_recording_in_which_nothing_is_heard_is_refused(tmp_path, gains):
    noise = np.random.default_rng(0).uniform(-1, 1, RATE)
    soundfile.write(tmp_path / "a.wav", np.multiply.outer(noise, gains), RATE)
    (tmp_path / "manifest.csv").write_text("path,instrument,midi\na.wav,trumpet,60\n")
    with pytest.raises(DatasetError, match=r"no recording for program 56 can be used: .*a.wav: it is silent"):
        RecordedNotes(tmp_path).sounding_pitches(56)


def test_what_cannot_be_decoded_is_left_out_and_named(tmp_path, capsys):
    folder = record(tmp_path / "damaged")
    (folder / "trumpet63.flac").write_bytes(b"")
    player = RecordedNotes(folder)
    assert 63 in player.sounding_pitches(56)
    assert "trumpet63.flac: this recorded note is left out: cannot be decoded" in capsys.readouterr().err
    assert rms(player.render(notes_table([(0.0, 0.5, 63, 100)]), 56, 0.5, RATE)) > 0.01


def tone(midi, seconds, harmonics=8, level=1.0):
    """Return a steady tone: its largest step from one sample to the next is known."""
    time = np.arange(round(seconds * TAKE_RATE)) / TAKE_RATE
    frequency = 440 * 2 ** ((midi - 69) / 12)
    return level * sum(np.sin(2 * np.pi * k * frequency * time) / k**2 for k in range(1, harmonics + 1)) / 2


def folder_of(folder, rows):
    """Write tones as takes: (instrument, stated pitch, sounding pitch, seconds, dynamic, harmonics)."""
    folder.mkdir()
    lines = ["path,instrument,midi,dynamic"]
    for number, (instrument, stated, sounding, seconds, dynamic, harmonics) in enumerate(rows):
        silence = np.zeros(TAKE_RATE // 10)
        samples = np.concatenate([silence, tone(sounding, seconds, harmonics), silence])
        write_audio(folder / f"{number}.flac", samples, TAKE_RATE)
        lines.append(f"{number}.flac,{instrument},{stated},{dynamic}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def sounding_pitch(samples, near):
    frequency = 440 * 2 ** ((near - 69) / 12)
    track = librosa.yin(samples, fmin=frequency / 1.2, fmax=frequency * 1.2, sr=RATE)
    return float(np.median(librosa.hz_to_midi(track)))


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    rows = [
        ("flute", 60, 60.6, 0.4, "pp", 2),
        ("flute", 62, 62.6, 1.5, "pp", 2),
        ("flute", 60, 60.6, 0.4, "ff", 12),
        ("flute", 72, 69.6, 1.0, "pp", 8),
        ("flute", 67, 79.6, 1.0, "pp", 8),
        ("flute", 127, 69.6, 0.5, "pp", 8),
        ("guitar", 50, 50.0, 0.5, "", 8),
    ]
    return RecordedNotes(folder_of(tmp_path_factory.mktemp("tones") / "folder", rows))


def play(player, program, *notes, seconds=3.0):
    return player.render(notes_table(list(notes)), program, seconds, RATE)


def test_a_take_that_is_out_of_tune_is_played_in_tune(tones):
    samples = play(tones, 73, (0.0, 1.0, 61, 100), seconds=1.0)
    assert sounding_pitch(samples, 61) == pytest.approx(61, abs=0.03)


def test_takes_at_wrong_pitches_are_left_out_and_named(tones, capsys):
    again = RecordedNotes(tones.path)
    assert max(again.sounding_pitches(73)) == 63 + 6
    said = capsys.readouterr().err
    assert (
        "3.flac: this recorded note is left out: it sounds at MIDI pitch 69.6, where 72 is expected" in said
    )
    assert (
        "4.flac: this recorded note is left out: it sounds at MIDI pitch 79.6, where 67 is expected" in said
    )
    assert "5.flac: this recorded note is left out: it sounds at MIDI pitch 69.6, where 127 is" in said


def test_where_most_takes_have_no_such_pitch_what_is_stated_counts(tmp_path, capsys):
    """Bells and drums: a pitch tracker knows less of them than those who recorded them."""
    rows = [("timpani", pitch, pitch + 4.3, 0.5, "", 8) for pitch in (45, 50)]
    player = RecordedNotes(folder_of(tmp_path / "drums", rows))
    assert player.sounding_pitches(47) == set(range(39, 57))
    assert "its pitch cannot be tracked: it is played as 45, as stated" in capsys.readouterr().err


def brightness(samples):
    spectrum = magnitude(samples, n_fft=2048, hop_length=512).mean(axis=1)
    return float((spectrum * np.arange(len(spectrum))).sum() / spectrum.sum())


def test_the_dynamic_follows_the_velocity(tones):
    soft, loud = (play(tones, 73, (0.0, 0.3, 60, velocity), seconds=0.3) for velocity in (30, 115))
    assert brightness(loud) > 1.3 * brightness(soft)


def test_a_longer_take_is_preferred_to_a_nearer_one_that_is_too_short(tones):
    take, _ = tones._choose(73, 60, 1.2, 33)
    assert take.pitch == 62
    take, _ = tones._choose(73, 60, 0.3, 33)
    assert take.pitch == 60


def test_winds_are_sustained_and_plucked_strings_die_away(tones):
    wind, string = (play(tones, program, (0.0, 2.5, pitch, 100)) for program, pitch in ((73, 61), (24, 50)))
    assert rms(wind[round(2.2 * RATE) : round(2.4 * RATE)]) == pytest.approx(rms(wind[: RATE // 2]), rel=0.1)
    assert rms(string[round(0.7 * RATE) :]) == 0
    assert sounding_pitch(wind[2 * RATE : round(2.4 * RATE)], 61) == pytest.approx(61, abs=0.03)


@pytest.mark.parametrize(
    "notes",
    [
        [(0.0, 2.0, 61, 33)],
        [(0.1 * turn, 0.1 * turn + 0.1, 58 + turn % 5, 33) for turn in range(20)],
        [(0.1 * turn, 0.1 * turn + 0.05, 58 + turn % 5, 33) for turn in range(20)],
    ],
    ids=["held", "legato", "staccato"],
)
def test_notes_neither_begin_nor_end_nor_go_on_with_a_click(tones, notes):
    """No step from sample to sample is larger than those of the tones that sound at once."""
    samples = play(tones, 73, *notes, seconds=2.5)
    highest = 440 * 2 ** ((max(note[2] for note in notes) - 69) / 12)
    one_tone = np.abs(np.diff(tone(69, 1.0, 2))).max() * highest / 440 * TAKE_RATE / RATE
    level = 0.25 * (33 / 127) ** 1.5 / rms(tone(69, 1.0, 2))
    voices = 1 if len(notes) == 1 else 2
    assert np.abs(np.diff(samples)).max() < 1.1 * voices * one_tone * level
    assert rms(samples) > 0.1 * level


def test_a_slow_attack_is_left_out_where_a_note_begins_as_another_ends(tmp_path):
    slow = tone(60, 1.5) * np.minimum(np.arange(round(1.5 * TAKE_RATE)) / (0.2 * TAKE_RATE), 1)
    write_audio(tmp_path / "slow.wav", slow, TAKE_RATE)
    (tmp_path / "manifest.csv").write_text("path,instrument,midi\nslow.wav,cello,60\n")
    player = RecordedNotes(tmp_path)
    detached, legato = (
        play(player, 42, (0.0, end, 60, 100), (1.0, 1.5, 62, 100), seconds=1.5) for end in (0.5, 1.0)
    )
    begun = slice(round(1.03 * RATE), round(1.06 * RATE))
    held = rms(legato[round(1.3 * RATE) : round(1.45 * RATE)])
    assert rms(detached[begun]) < 0.4 * held
    assert rms(legato[begun]) > 0.5 * held


def test_halves_of_a_folder_share_no_file_and_are_one_family(folder):
    even, odd = (find_soundfont(f"{folder}#{half}") for half in ("even", "odd"))
    assert (even.name, odd.name, even.family) == ("notes-even", "notes-odd", "notes")
    assert [find_soundfont(font.reference) for font in (even, odd)] == [even, odd]
    assert odd.family == find_soundfont(str(folder)).family
    files = [
        {take.path for takes in list_takes(font.path, font.half).values() for take in takes}
        for font in (even, odd)
    ]
    assert not files[0] & files[1]
    assert len(files[0] | files[1]) == 2 * len(PITCHES)
    assert even.player().sounding_pitches(56) >= set(range(45, 80))


def test_measurements_are_taken_from_the_cache(folder, monkeypatch):
    expected = RecordedNotes(folder).sounding_pitches(56)
    monkeypatch.setattr(take_measurement, "_measure", None)
    assert RecordedNotes(folder).sounding_pitches(56) == expected


def test_what_lies_behind_a_link_counts_in_the_fingerprint(folder, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "manifest.csv").write_bytes((folder / "manifest.csv").read_bytes())
    (tmp_path / "far").mkdir()
    (linked / "more").symlink_to(tmp_path / "far")
    before = find_soundfont(str(linked)).sha256()
    (tmp_path / "far" / "a.wav").touch()
    assert find_soundfont(str(linked)).sha256() != before


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded notes are not there (../shared/data/notes)")
def test_the_bassoon_of_an_orchestra_lacks_the_take_an_octave_down(monkeypatch, tmp_path, capsys):
    """The pitch track is an octave off on two more, which sound as stated."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    measured = RecordedNotes(SHARED)._range(70)
    left_out = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert ["bassoon_F3_1_forte_normal.mp3" in line for line in left_out] == [True]
    stated = np.array([take.pitch for take in measured.takes])
    assert np.abs(measured.pitches - stated).max() < 0.4
