"""The note spectra that come with the package."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest

from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.core.files import file_sha256
from timbrebench.transfer import Learned, apply, create
from timbrebench.transfer.algorithms.note_templates import label_of
from timbrebench.transfer.method_calls import query_learned
from timbrebench.transfer.methods.reinstrument.packaged_spectra import (
    SPECTRA_CARD_FILE,
    PackagedSpectra,
    packaged_recogniser,
    packaged_spectra,
)

WEIGHTS = resources.files("timbrebench.transfer.methods.reinstrument") / "weights"


def test_the_files_are_those_of_the_card():
    card = json.loads((WEIGHTS / SPECTRA_CARD_FILE).read_text(encoding="utf-8"))
    assert card["sha256"] == {name: file_sha256(WEIGHTS / name) for name in card["sha256"]}
    assert len(card["sha256"]) == 2


def test_six_instruments_are_known_and_named_alike():
    labels = {label_of(name) for name in packaged_spectra().playing.timbres}
    assert labels == set(packaged_recogniser().labels)
    assert len(labels) == 6


def test_stored_spectra_come_back_within_a_quarter_of_a_decibel(tmp_path):
    known = packaged_spectra()
    known.save(tmp_path / "spectra.npz")
    again = PackagedSpectra.load(tmp_path / "spectra.npz")
    assert again.clips == known.clips
    present = known.playing.spectra > 0
    change = 20 * np.log10(again.playing.spectra[present] / known.playing.spectra[present])
    assert np.abs(change).max() <= 0.25


@pytest.mark.parametrize("name", ["reinstrument", "templates"])
def test_two_clips_and_no_dataset_are_enough(name, pair):
    method = create(name, {})
    assert "of FluidR3_GM, learned from 168 rendered clips" in method.load_packaged()
    assert np.abs(apply(method, **pair, seed=0)).max() > 0.01


@pytest.mark.parametrize(
    ("name", "soundfonts"),
    [
        ("reinstrument", {"FluidR3_GM", "GeneralUser-v1.47", "TimGM6mb", "sonivox"}),
        ("templates", {"FluidR3_GM"}),
    ],
)
def test_what_the_package_was_learned_from_is_declared(name, soundfonts):
    method = create(name, {})
    assert query_learned(method) == Learned()
    method.load_packaged()
    learned = query_learned(method)
    assert learned.clips >= packaged_spectra().clips
    assert (learned.soundfonts, learned.programs) == (soundfonts, {0, 19, 24, 56, 66, 71})


@pytest.mark.parametrize("name", ["reinstrument", "templates"])
def test_nothing_is_loaded_unless_asked_for(name, pair):
    with pytest.raises(MethodError, match="has not been prepared"):
        apply(create(name, {}), **pair, seed=0)


@pytest.mark.parametrize(
    ("name", "setting"), [("templates", {"learning_iterations": 3}), ("reinstrument", {"n_fft": 1024})]
)
def test_settings_of_learning_need_a_dataset(name, setting):
    with pytest.raises(ConfigurationError, match="give a dataset by --dataset"):
        create(name, setting).load_packaged()
