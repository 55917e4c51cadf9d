import textwrap

import numpy as np
import pytest
import torch

from timbrebench.classifier.embeddings.embedding import (
    Embedding,
    SilentClipError,
    embedding_names,
    load_embedding,
    read_state,
)
from timbrebench.core.errors import ConfigurationError, JudgeError, MissingResourceError, UnknownNameError

RATE = 8_000

CODE = """
    from timbrebench.classifier.embeddings.embedding import Embedding

    class Loudness(Embedding):
        name, version, sample_rate, source = "loudness", 1, 8000, "a number"

        def vectors(self, clip):
            return [[abs(clip).mean()]]
"""


class Halves(Embedding):
    """Mean and peak of both halves of a clip, times the number in the file."""

    name, version, sample_rate, source = "halves", 1, RATE, "a number"

    def vectors(self, clip):
        factor = float(self.weights.read_text())
        return factor * np.array([[half.mean(), half.max()] for half in np.split(clip, 2)])


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "weights.txt").write_text("2")
    return tmp_path / "weights.txt"


def test_a_clip_is_the_mean_over_its_windows(weights):
    clip = np.concatenate([np.full(RATE, 0.5), np.full(RATE, 0.25)])
    np.testing.assert_allclose(Halves(weights).embed(clip, RATE), [0.75, 0.75])
    assert Halves(weights).embed(np.repeat(clip, 2), 2 * RATE) == pytest.approx([0.75, 0.75], abs=0.2)


def test_silence_has_no_embedding(weights):
    with pytest.raises(SilentClipError):
        Halves(weights).embed(np.zeros(RATE), RATE)


def test_vectors_that_hold_nan_are_refused(weights):
    weights.write_text("nan")
    with pytest.raises(JudgeError, match="no table of finite numbers"):
        Halves(weights).embed(np.ones(RATE), RATE)


def test_other_weights_have_another_fingerprint_wherever_they_lie(weights, tmp_path):
    before = Halves(weights).fingerprint
    moved = tmp_path / "elsewhere.txt"
    moved.write_text("2")
    assert Halves(moved).fingerprint == before
    moved.write_text("3")
    assert Halves(moved).fingerprint != before
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "part").write_text("2")
    first = Halves(tmp_path / "folder").fingerprint
    (tmp_path / "folder" / "another").write_text("2")
    assert Halves(tmp_path / "folder").fingerprint not in {first, before}


def test_weights_and_packages_that_are_missing_are_named(weights, tmp_path):
    with pytest.raises(MissingResourceError, match="nothing there; the embedding halves reads a number"):
        Halves(tmp_path / "gone")

    class Needy(Halves):
        packages, install = ("no_such_package",), "pip install no-such-package"

    with pytest.raises(MissingResourceError, match="install it by `pip install no-such-package`"):
        Needy(weights)


def test_other_distributions_add_embeddings(tmp_path, weights, monkeypatch):
    info = tmp_path / "loud-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    entries = "loudness = loud_embedding:Loudness\nmisnamed = loud_embedding:Loudness\nnothing = os:sep\n"
    (info / "entry_points.txt").write_text(f"[timbrebench.embeddings]\n{entries}")
    (tmp_path / "loud_embedding.py").write_text(textwrap.dedent(CODE))
    monkeypatch.syspath_prepend(tmp_path)
    assert load_embedding("loudness", weights).embed(np.full(RATE, -0.5), RATE) == pytest.approx([0.5])
    with pytest.raises(ConfigurationError, match="give both one name"):
        load_embedding("misnamed", weights)
    with pytest.raises(ConfigurationError, match="not a subclass of"):
        load_embedding("nothing", weights)


def test_the_project_brings_three(weights):
    assert {"clap", "panns-cnn14", "vggish"} <= set(embedding_names())
    with pytest.raises(UnknownNameError, match="did you mean 'vggish'"):
        load_embedding("vgish", weights)


def test_a_file_that_is_no_state_is_refused(weights, tmp_path):
    with pytest.raises(JudgeError, match="not a number, or damaged"):
        read_state(weights, "a number")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(JudgeError, match="holds no state"):
        read_state(tmp_path / "list.pth", "a number")
