"""The outside content judge gives the notes that its package gives, and finds those that were played."""

import importlib.util

import numpy as np
import pytest
import soundfile

from timbrebench.classifier import installed_content_judge
from timbrebench.classifier.clip_preparation import prepare_clip
from timbrebench.classifier.content.basic_pitch import BasicPitch
from timbrebench.classifier.content.content_evaluation import note_f1
from timbrebench.core.errors import JudgeError, MissingResourceError

RATE = 22_050

needs_it = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("basic_pitch", "onnxruntime", "resampy")),
    reason="basic-pitch is not installed: `pip install --no-deps basic-pitch onnxruntime resampy`",
)


@pytest.fixture
def rendering(synthesizer, scale):
    """A scale played by a trumpet of FluidR3, at a rate that is not the network's."""
    return synthesizer.render(scale, 56, 4.0, 32_000)


@needs_it
def test_notes_that_were_played_are_found(rendering, scale):
    judge = installed_content_judge("basic-pitch")
    transcription = judge.transcribe(rendering, 32_000)
    assert note_f1(scale, transcription.notes) >= 0.8
    assert note_f1(scale.assign(pitch=scale.pitch + 1), transcription.notes) <= 0.2
    frame = round((scale.onset_s[0] + 0.1) / transcription.frame_s)
    assert np.flatnonzero(transcription.roll[:, frame]).tolist() == [scale.pitch[0] - 21]
    assert transcription.roll.shape[1] * transcription.frame_s == pytest.approx(4.0, abs=0.02)


@needs_it
def test_notes_are_those_of_the_package(rendering, tmp_path):
    from basic_pitch import FilenameSuffix, build_icassp_2022_model_path
    from basic_pitch.inference import predict

    clip = prepare_clip(rendering, 32_000, RATE)
    soundfile.write(tmp_path / "clip.wav", clip, RATE, "FLOAT")
    _, _, events = predict(tmp_path / "clip.wav", build_icassp_2022_model_path(FilenameSuffix.onnx))
    notes = installed_content_judge("basic-pitch").transcribe(clip, RATE).notes
    expected = sorted((start, end, pitch) for start, end, pitch, *_ in events)
    assert len(expected) >= 5
    np.testing.assert_allclose(sorted(notes.itertuples(index=False, name=None)), expected, atol=1e-9)


@needs_it
def test_silence_and_noise_without_pitch_are_no_notes(generator):
    judge = installed_content_judge("basic-pitch")
    with pytest.raises(JudgeError, match="silent"):
        judge.transcribe(np.zeros(RATE), RATE)
    click = np.zeros(RATE)
    click[RATE // 2] = 1.0
    assert judge.transcribe(click, RATE).notes.empty
    assert not judge.transcribe(click, RATE).roll.any()


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingResourceError, match="pip install --no-deps basic-pitch"):
        BasicPitch()
