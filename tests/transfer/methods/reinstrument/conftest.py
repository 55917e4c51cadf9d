"""The method, prepared once."""

from __future__ import annotations

import pytest

from timbrebench.transfer.methods.reinstrument.reinstrument import Reinstrument

QUICK = {"learning_iterations": 4, "recogniser": {"max_epochs": 2}, "inversion": {"iterations": 5}}


@pytest.fixture(scope="session")
def learned_folder(tmp_path_factory):
    """What the method has learned, as it keeps it."""
    return tmp_path_factory.mktemp("reinstrument")


@pytest.fixture(scope="session")
def prepared(training_music, learned_folder):
    method = Reinstrument(**QUICK)
    method.prepare(training_music, learned_folder)
    return method
