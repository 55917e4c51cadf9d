"""Tests of how the timbre of a clip is recognised."""

from __future__ import annotations

import numpy as np
import pytest

from timbrebench.audio.spectra import magnitude
from timbrebench.transfer.algorithms.note_templates import Analysis, label_of, learn
from timbrebench.transfer.bases.spectrogram_method import AnalysedClip
from timbrebench.transfer.methods.reinstrument.recogniser import (
    RecogniserTraining,
    recognise,
    train_recogniser,
)

ANALYSIS = Analysis(22050, 2048, 512)
QUICK = RecogniserTraining(max_epochs=2)


@pytest.fixture(scope="module")
def templates(training_music):
    return learn(training_music, ANALYSIS, iterations=5, clips_per_timbre=4)


@pytest.fixture(scope="module")
def network(training_music, tmp_path_factory):
    return train_recogniser(training_music, QUICK, tmp_path_factory.mktemp("recogniser"))


@pytest.mark.parametrize("length", [8000, 22050])
def test_a_known_timbre_is_recognised_however_loud(templates, network, content, style, length):
    for clip, label in ((content, "string"), (style, "reed")):
        for gain in (0.1, 1.0):
            heard = gain * clip[:length]
            found = recognise(AnalysedClip(heard, magnitude(heard, 2048, 512)), 22050, templates, network)
            assert label_of(templates.timbres[found.timbre]) == label
            assert 0 < found.unexplained < 0.2


def test_what_was_learned_is_loaded_again(training_music, network, tmp_path):
    first = train_recogniser(training_music, QUICK, tmp_path)
    again = train_recogniser(training_music, QUICK, tmp_path)
    assert first.weights_sha256 == again.weights_sha256 == network.weights_sha256
    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_file_is_made_again(training_music, network, tmp_path):
    train_recogniser(training_music, QUICK, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"no network")
    assert train_recogniser(training_music, QUICK, tmp_path).weights_sha256 == network.weights_sha256


def test_it_learned_from_the_clips_it_was_given(training_music, network):
    assert network.training_clips <= set(training_music.manifest.sha256)
    assert set(network.labels) == {"reed", "string"}


@pytest.mark.parametrize(
    ("timbre", "label"),
    [("piano 000 FluidR3_GM", "piano"), ("grand piano 001 My Font 2", "grand piano")],
)
def test_labels_may_hold_blanks(timbre, label):
    assert label_of(timbre) == label


def test_weights_do_not_depend_on_the_number_of_threads(training_music, network, tmp_path):
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = train_recogniser(training_music, QUICK, tmp_path)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_equal(again.weights_sha256, network.weights_sha256)
