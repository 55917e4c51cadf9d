import pytest

from timbrebench.core.errors import UnknownNameError
from timbrebench.datasets.instruments import FAMILIES, SIX_INSTRUMENTS, is_first_program, programs_of
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont, find_soundfont


def test_the_families_part_general_midi():
    programs = [program for family in FAMILIES.values() for program in family]
    assert sorted(programs) == list(range(128))
    assert len(FAMILIES) == 16


@pytest.mark.parametrize("instrument", SIX_INSTRUMENTS)
def test_no_program_belongs_to_two_instruments(instrument):
    others = [set(programs_of(other)) for other in SIX_INSTRUMENTS if other != instrument]
    assert not set(programs_of(instrument)) & set().union(*others)


@pytest.mark.parametrize(
    ("instrument", "family"),
    [("piano", "piano"), ("guitar", "guitar"), ("clarinet", "reed"), ("sax", "reed"), ("trumpet", "brass")],
)
def test_an_instruments_programs_lie_in_its_family(instrument, family):
    assert set(programs_of(instrument)) <= set(FAMILIES[f"{family}-family"])


def test_names_that_are_almost_right_are_suggested():
    with pytest.raises(UnknownNameError, match="did you mean 'reed-family'"):
        programs_of("reeds-family")


def test_a_label_that_is_no_instrument_has_no_other_programs():
    assert is_first_program("Tuvan throat singing", 5)
    assert is_first_program("sax", 66)
    assert not is_first_program("sax", 65)


@pytest.mark.parametrize(
    ("name", "relative"),
    [
        ("MuseScore_General", "FluidR3_GM"),
        ("GeneralUser-v1.47", "FluidR3_GM"),
        ("sf_GMbank", "TimGM6mb"),
        ("A320U", "TimGM6mb"),
    ],
)
def test_relatives_are_known(tmp_path, name, relative):
    assert Soundfont(name, tmp_path).family == Soundfont(relative, tmp_path).family
    assert Soundfont("FluidR3_GM", tmp_path).family != Soundfont("TimGM6mb", tmp_path).family
    assert Soundfont("sonivox", tmp_path).family == "sonivox"


def test_sonivox_comes_with_the_package_and_its_licence():
    path = find_soundfont("sonivox").path
    assert "Apache License" in (path.parent / "NOTICE").read_text()
