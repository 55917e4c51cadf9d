import textwrap

import pytest

from timbrebench.classifier import (
    OWN_CONTENT_JUDGE,
    content_judge_names,
    installed_content_judge,
    load_content_judge,
)
from timbrebench.core.errors import ConfigurationError, UnknownNameError

CODE = """
    import pandas as pd
    import numpy as np
    from timbrebench.classifier import Transcription

    class MiddleC:
        fingerprint = weights_sha256 = "0" * 64
        training_pieces, training_clips = (), frozenset()

        def transcribe(self, samples, sample_rate):
            notes = pd.DataFrame({"onset_s": [0.0], "offset_s": [1.0], "pitch": [60]})
            return Transcription(notes, np.zeros((88, 100), dtype=bool), 0.01)

    class Deaf:
        pass
"""


@pytest.fixture
def others(tmp_path, monkeypatch):
    """A distribution with two content judges, one of which cannot transcribe."""
    info = tmp_path / "hearing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hearing\nVersion: 1.0\n")
    lines = "middle-c = hearing_judges:MiddleC\ndeaf = hearing_judges:Deaf\n"
    (info / "entry_points.txt").write_text(f"[timbrebench.content_judges]\n{lines}")
    (tmp_path / "hearing_judges.py").write_text(textwrap.dedent(CODE))
    monkeypatch.syspath_prepend(tmp_path)


def test_the_one_that_comes_with_the_package_is_the_default():
    assert installed_content_judge(OWN_CONTENT_JUDGE) is load_content_judge()
    assert {"timbrebench", "basic-pitch"} <= set(content_judge_names())


@pytest.mark.usefixtures("others")
def test_other_distributions_add_some():
    assert "middle-c" in content_judge_names()
    assert installed_content_judge("middle-c").transcribe(None, 1).notes.pitch.tolist() == [60]


@pytest.mark.usefixtures("others")
def test_what_cannot_transcribe_is_no_content_judge():
    with pytest.raises(ConfigurationError, match="does not return a content judge"):
        installed_content_judge("deaf")


def test_the_nearest_name_is_suggested():
    with pytest.raises(UnknownNameError, match="did you mean 'basic-pitch'"):
        installed_content_judge("basicpitch")
