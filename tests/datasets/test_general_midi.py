import pretty_midi
import pytest

from timbrebench.core.errors import ConfigurationError, UnknownNameError
from timbrebench.datasets import DatasetConfiguration
from timbrebench.datasets.instruments import (
    FAMILIES,
    SIX_INSTRUMENTS,
    instrument_name,
    is_first_program,
    programs_of,
)


@pytest.mark.parametrize("program", range(128))
def test_every_program_has_a_name_and_a_number(program):
    name = instrument_name(program)
    assert programs_of(name) == programs_of(program) == programs_of(f"program-{program}") == (program,)
    assert instrument_name(name) == name
    published = pretty_midi.program_to_instrument_name(program)
    if program != 56:  # the trumpet is one of the six, with the muted one
        assert instrument_name(published) == instrument_name(published.upper()) == name


def test_names_are_fit_for_labels_and_paths():
    names = [instrument_name(program) for program in range(128)]
    assert len(set(names)) == 128
    assert all(name.replace("-", "").isalnum() and name == name.lower() for name in names)
    assert names[0] == "acoustic-grand-piano"
    assert names[27] == "electric-guitar-clean"
    assert names[80] == "lead-1-square"


def test_the_six_and_the_families_keep_their_names():
    assert programs_of("Trumpet") == SIX_INSTRUMENTS["trumpet"]
    assert programs_of(56) == (56,)
    for number, (name, programs) in enumerate(FAMILIES.items()):
        assert programs_of(name) == programs_of(f"family-{number}") == programs
    assert instrument_name("Chromatic Percussion family") == "chromatic-percussion-family"


def test_unknown_names_and_numbers_say_what_there_is():
    with pytest.raises(UnknownNameError, match="did you mean 'orchestral-harp'"):
        programs_of("orchestra harp")
    with pytest.raises(UnknownNameError, match=r"choose from .*clarinet"):
        programs_of("zzz")
    for number in (128, "program-128", -1):
        with pytest.raises(ConfigurationError, match="0 to 127"):
            programs_of(number)
    with pytest.raises(ConfigurationError, match="0 to 15"):
        programs_of("family-16")


def test_a_configuration_takes_names_and_numbers():
    configuration = DatasetConfiguration(
        instruments=["Acoustic Grand Piano", 73, "reed-family", "program-56"]
    )
    assert configuration.instruments == ("acoustic-grand-piano", "flute", "reed-family", "program-56")
    assert DatasetConfiguration.model_validate(configuration.model_dump(mode="json")) == configuration


@pytest.mark.parametrize("names", [("piano", 0), ("sax", "reed-family"), ("flute", 73), ("violin", True)])
def test_one_program_cannot_have_two_labels(names):
    with pytest.raises(ValueError, match=r"both cover|twice|valid string"):
        DatasetConfiguration(instruments=names)


def test_clips_that_no_program_has_played_all_count():
    assert is_first_program("violin", 40)
    assert not is_first_program("violin", 41)
    assert is_first_program("violin", -1)
    assert is_first_program("violin", float("nan"))
