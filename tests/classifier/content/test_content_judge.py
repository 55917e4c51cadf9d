import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from timbrebench.classifier.content.content_judge import ContentJudge
from timbrebench.classifier.content.note_decoding import Decoding
from timbrebench.core.errors import JudgeError, StorageError

RATE = 22_050


class Malicious:
    """Touches a file when it is unpickled by something that trusts it."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.fixture
def saved(judge, tmp_path):
    judge.save(tmp_path / "content.pt")
    return tmp_path / "content.pt"


def test_probabilities_are_between_0_and_1(judge, clip):
    for answer in judge.probabilities(clip, RATE):
        assert answer.shape == (88, judge.front_end.n_frames(2.0))
        assert answer.min() >= 0
        assert answer.max() <= 1


def test_frames_have_times(judge, clip):
    transcription = judge.transcribe(clip, RATE)
    assert transcription.roll.dtype == bool
    assert transcription.roll.shape[0] == 88
    assert transcription.roll.shape[1] * transcription.frame_s == pytest.approx(
        2.0, abs=judge.front_end.frame_s
    )


def test_a_loaded_judge_is_the_saved_one(judge, saved, clip):
    loaded = ContentJudge.load(saved)
    assert loaded.fingerprint == judge.fingerprint
    for name in ("front_end", "decoding", "training_pieces", "soundfonts", "training_clips"):
        assert getattr(loaded, name) == getattr(judge, name)
    assert loaded.transcribe(clip, RATE).notes.equals(judge.transcribe(clip, RATE).notes)


def test_equal_judges_have_equal_files(judge, saved, tmp_path):
    judge.save(tmp_path / "again.pt")
    assert (tmp_path / "again.pt").read_bytes() == saved.read_bytes()


def test_whatever_changes_the_answers_changes_the_fingerprint(judge):
    network = copy.deepcopy(judge.network)
    with torch.no_grad():
        network.notes.bias[0] += 1e-3
    others = [
        dataclasses.replace(judge, network=network),
        dataclasses.replace(judge, decoding=Decoding(onset=0.77)),
    ]
    assert len({judge.fingerprint, *(other.fingerprint for other in others)}) == 3


def test_damaged_weights_are_noticed(judge, saved):
    content = saved.read_bytes()
    weights = judge.network.first[0].weight.detach().numpy().tobytes()
    start = content.index(weights)
    saved.write_bytes(content[:start] + weights[::-1] + content[start + len(weights) :])
    with pytest.raises(JudgeError, match="damaged"):
        ContentJudge.load(saved)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(JudgeError, match="no such file"):
        ContentJudge.load(tmp_path / "none.pt")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: round(share * len(content))])
    with pytest.raises(JudgeError, match=r"content\.pt"):
        ContentJudge.load(saved)


@pytest.mark.parametrize("content", [b"RIFF....WAVEfmt ", b"label,piece\n", bytes(1000), b"\x80\x02}q\x00."])
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "content.pt"
    path.write_bytes(content)
    with pytest.raises(JudgeError, match=r"content\.pt"):
        ContentJudge.load(path)


def test_another_kind_of_judge_is_refused(tmp_path):
    torch.save({"schema": 1, "labels": ["piano", "organ"]}, tmp_path / "judge.pt")
    with pytest.raises(JudgeError, match="not a content judge"):
        ContentJudge.load(tmp_path / "judge.pt")


def test_a_judge_of_another_version_is_refused(saved):
    content = torch.load(saved, weights_only=True)
    torch.save({**content, "schema": 0}, saved)
    with pytest.raises(JudgeError, match="version 0"):
        ContentJudge.load(saved)


@pytest.mark.parametrize("key", ["network", "front_end", "weights", "decoding", "training_clips"])
def test_a_judge_with_a_part_missing_is_refused(saved, key):
    content = torch.load(saved, weights_only=True)
    del content[key]
    torch.save(content, saved)
    with pytest.raises(JudgeError, match="damaged"):
        ContentJudge.load(saved)


def test_code_in_a_file_is_not_run(tmp_path):
    path, trace = tmp_path / "content.pt", tmp_path / "executed"
    torch.save({"schema": 1, "kind": Malicious(trace)}, path)
    with pytest.raises(JudgeError):
        ContentJudge.load(path)
    assert not trace.exists()
    # A reader that trusts the file does run its code: the test can fail.
    torch.load(path, weights_only=False)
    assert trace.exists()


def test_a_judge_that_cannot_be_written_leaves_the_old_one(judge, saved):
    before = saved.read_bytes()
    with pytest.raises(StorageError):
        judge.save(saved / "inside" / "content.pt")
    assert saved.read_bytes() == before


def test_silence_cannot_be_judged(judge):
    with pytest.raises(JudgeError, match="silent"):
        judge.transcribe(np.zeros(RATE, dtype=np.float32), RATE)
