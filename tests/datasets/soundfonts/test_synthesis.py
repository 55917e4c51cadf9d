import numpy as np
import pytest

from timbrebench.audio import magnitude, rms
from timbrebench.core.errors import DatasetError, MissingResourceError
from timbrebench.datasets.instruments import SIX_INSTRUMENTS, programs_of
from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.soundfonts.soundfont_finding import FOLDERS_VARIABLE, Soundfont, find_soundfont
from timbrebench.datasets.soundfonts.synthesis import Synthesizer


def test_a_rendering_repeats_bit_for_bit_whatever_was_played_before(synthesizer, scale):
    first = synthesizer.render(scale, 0, 2.0, 22050)
    synthesizer.render(scale, 56, 2.0, 22050)
    assert np.array_equal(first, synthesizer.render(scale, 0, 2.0, 22050))
    assert np.array_equal(first, Synthesizer(synthesizer.path).render(scale, 0, 2.0, 22050))


@pytest.mark.parametrize("rate", [16000, 22050, 44100])
def test_length_and_pitch_hold_at_any_rate(synthesizer, rate):
    note = notes_table([(0.0, 1.5, 69, 90)])
    samples = synthesizer.render(note, programs_of("trumpet")[0], 1.5, rate)
    assert len(samples) == round(1.5 * rate)
    spectrum = magnitude(samples, n_fft=8192, hop_length=2048).mean(axis=1)
    frequencies = np.arange(len(spectrum)) * rate / 8192
    harmonics = [spectrum[np.abs(frequencies - 440 * k) < 15].max() for k in (1, 2)]
    between = spectrum[np.abs(frequencies - 660) < 15].max()
    assert min(harmonics) > 5 * between


@pytest.mark.parametrize(
    "program", [programs_of(name)[0] for name in SIX_INSTRUMENTS], ids=list(SIX_INSTRUMENTS)
)
def test_instruments_begin_together(synthesizer, program):
    note = notes_table([(0.5, 1.0, 60, 100)])
    samples = synthesizer.render(note, program, 1.5, 22050)
    assert rms(samples[: round(0.49 * 22050)]) < 1e-5
    assert rms(samples[round(0.5 * 22050) : round(0.6 * 22050)]) > 1e-3


def test_every_instrument_sounds_on_the_keys_that_folding_keeps(synthesizer):
    for program in (programs_of(name)[0] for name in SIX_INSTRUMENTS):
        assert set(range(36, 97)) <= synthesizer.sounding_pitches(program)


def test_gaps_of_a_preset_are_found(synthesizer):
    alto = synthesizer.sounding_pitches(65)
    assert 64 not in alto
    assert {63, 65} <= alto
    silent = synthesizer.render(notes_table([(0.0, 1.0, 64, 90)]), 65, 1.0, 22050)
    assert not silent.any()


def test_a_file_that_is_no_soundfont_is_refused(tmp_path):
    path = tmp_path / "broken.sf2"
    path.write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(DatasetError, match=r"broken\.sf2"):
        Synthesizer(path)


def test_a_missing_soundfont_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path))
    with pytest.raises(MissingResourceError) as caught:
        find_soundfont("FluidR4_GM")
    assert str(tmp_path) in str(caught.value)
    assert FOLDERS_VARIABLE in str(caught.value)


def test_soundfonts_are_found_by_name_and_path(tmp_path, monkeypatch, synthesizer):
    link = tmp_path / "Own.sf2"
    link.symlink_to(synthesizer.path)
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path))
    assert find_soundfont("Own").path == link
    assert find_soundfont("Own.sf2").path == link
    assert find_soundfont(str(link)).name == "Own"


def test_relatives_share_a_family():
    families = {
        name: Soundfont(name, None).family for name in ("FluidR3_GM", "MuseScore_General", "TimGM6mb")
    }
    assert families["FluidR3_GM"] == families["MuseScore_General"] != families["TimGM6mb"]
