"""Tests of soundfonts as a list and as a table by instrument."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from timbrebench.core.errors import UnknownNameError
from timbrebench.core.files import fingerprint
from timbrebench.datasets import DatasetConfiguration

BANK = {"name": "Bank", "url": "https://example.org/bank.sf2", "sha256": "0" * 64}


def test_a_table_is_in_the_order_of_the_instruments():
    configuration = DatasetConfiguration(
        instruments=("piano", "organ", 71), soundfonts={"clarinet": "A", "Organ": "A", "Piano": BANK}
    )
    assert configuration.has_own_soundfonts
    assert list(configuration.soundfonts) == ["piano", "organ", "clarinet"]
    assert list(configuration.instruments_by_soundfont.values()) == [("piano",), ("organ", "clarinet")]
    assert configuration.soundfont_names == ("Bank", "A")
    assert DatasetConfiguration.model_validate(configuration.model_dump(mode="json")) == configuration


def test_each_soundfont_of_a_list_plays_every_instrument():
    configuration = DatasetConfiguration(instruments=("piano", "organ"), soundfonts=("A", "B"))
    assert not configuration.has_own_soundfonts
    assert configuration.instruments_by_soundfont == dict.fromkeys(("A", "B"), ("piano", "organ"))


@pytest.mark.parametrize(
    ("soundfonts", "message"),
    [
        ({"piano": "A"}, "no soundfont for organ: the table needs one for each instrument"),
        ({"piano": "A", "organ": "B", "sax": "C"}, "sax has a soundfont and is not among the instruments"),
        ({"piano": "A", "organ": "B", "Piano": "C"}, "stands in the table twice"),
        (("A", {"piano": "B"}), "a table gives each instrument its own: use one of the two"),
        ({}, "at least 1 item"),
        ({"piano": 3, "organ": "B"}, "soundfonts.piano"),
        (["A", "A"], "stands in the list twice"),
    ],
)
def test_tables_and_lists_that_will_not_do_are_refused(soundfonts, message):
    with pytest.raises(ValidationError, match=message):
        DatasetConfiguration(instruments=("piano", "organ"), soundfonts=soundfonts)


def test_an_instrument_that_does_not_exist_is_an_error():
    with pytest.raises(UnknownNameError, match="did you mean 'organ'"):
        DatasetConfiguration(instruments=("piano", "organ"), soundfonts={"piano": "A", "orgn": "B"})


@pytest.mark.parametrize("clips", [0, "most", 2.5, 10_001])
def test_clips_of_a_piece_are_a_number_or_all(clips):
    with pytest.raises(ValidationError, match="clips_per_piece"):
        DatasetConfiguration(clips_per_piece=clips)


def test_a_track_is_encoded_at_rates_of_the_format():
    with pytest.raises(ValidationError, match="MP3 has no sample rate of 96000 Hz"):
        DatasetConfiguration(sample_rate=96_000, track_format="mp3")


def test_configurations_of_before_keep_their_fingerprints():
    """Descriptions of datasets and fingerprints of runs follow from these keys and values."""
    given = {
        "pieces": 4,
        "instruments": ("piano", "clarinet"),
        "soundfonts": ("TimGM6mb", BANK),
        "clips_per_piece": 2,
        "keep_drums": True,
    }
    before = {
        "b3da5be88c0cdc54d3d819578bca54a9b0ac2580d99e180a9e456c59ae0cccfe": DatasetConfiguration(),
        "d0a44c6e10ee7dab04c8e4e9b8339ee4531d46727f1a18191d7db696b847a515": DatasetConfiguration(**given),
    }
    for key, configuration in before.items():
        assert fingerprint(configuration.model_dump(mode="json")) == key
