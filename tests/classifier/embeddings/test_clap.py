"""CLAP is read from a folder in the format of transformers; here a small one with random weights."""

import importlib.util

import numpy as np
import pytest

from timbrebench.classifier.embeddings.clap import Clap
from timbrebench.core.errors import JudgeError

RATE = 48_000

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="transformers is not installed (extra clap)"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import torch
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    torch.manual_seed(0)
    audio = {
        "patch_embeds_hidden_size": 8,
        "hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [1, 2],
        "num_hidden_layers": 2,
        "num_mel_bins": 64,
        "spec_size": 256,
        "window_size": 8,
    }
    text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    configuration = ClapConfig(audio_config=audio, text_config=text | {"vocab_size": 20}, projection_dim=6)
    folder = tmp_path_factory.mktemp("clap")
    ClapModel(configuration).save_pretrained(folder)
    ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(folder)
    return folder


def test_a_clip_is_what_the_model_gives(folder, generator):
    import torch
    from transformers import ClapFeatureExtractor, ClapModel

    clip = generator.normal(scale=0.1, size=2 * RATE).astype(np.float32)
    inputs = ClapFeatureExtractor.from_pretrained(folder)(clip, sampling_rate=RATE, return_tensors="pt")
    with torch.no_grad():
        expected = ClapModel.from_pretrained(folder).eval().get_audio_features(**inputs).pooler_output[0]
    vector = Clap(folder).embed(clip, RATE)
    assert vector.shape == (6,)
    np.testing.assert_allclose(vector, expected.numpy(), rtol=1e-4, atol=1e-6)


def test_a_clip_longer_than_a_window_is_the_mean_of_its_windows(folder, generator):
    clip = generator.normal(scale=0.1, size=12 * RATE).astype(np.float32)
    embedding = Clap(folder)
    parts = [embedding.embed(clip[: 10 * RATE], RATE), embedding.embed(clip[10 * RATE :], RATE)]
    np.testing.assert_allclose(embedding.embed(clip, RATE), np.mean(parts, axis=0), rtol=1e-5)


def test_a_folder_without_a_model_is_refused_and_nothing_is_downloaded(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(JudgeError, match="not a folder of transformers' ClapModel"):
        Clap(tmp_path).embed(np.ones(RATE, dtype=np.float32), RATE)
