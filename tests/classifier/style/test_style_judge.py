import copy
import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from timbrebench.classifier import Judge
from timbrebench.classifier.fitting import weights_sha256
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
    judge.save(tmp_path / "judge.pt")
    return tmp_path / "judge.pt"


def test_probabilities_are_a_distribution_over_the_labels(judge, clip):
    probabilities = judge.predict(clip, RATE).probabilities
    assert probabilities.shape == (len(judge.labels),)
    assert (probabilities >= 0).all()
    assert probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize("gain_db", [-12, 12])
def test_the_level_does_not_matter(judge, clip, gain_db):
    louder = (clip * 10 ** (gain_db / 20)).astype(np.float32)
    loud, soft = (judge.predict(samples, RATE).probabilities for samples in (louder, clip))
    np.testing.assert_allclose(loud, soft, atol=1e-3)


@pytest.mark.parametrize("seconds", [0.5, 0.75, 1.5])
def test_shorter_clips_can_be_judged(judge, clip, seconds):
    probabilities = judge.predict(clip[: round(seconds * RATE)], RATE).probabilities
    assert probabilities.sum() == pytest.approx(1)


def test_silence_cannot_be_judged(judge):
    with pytest.raises(JudgeError, match="silent"):
        judge.predict(np.zeros(RATE, dtype=np.float32), RATE)


def test_a_loaded_judge_is_the_saved_one(judge, saved, clip):
    loaded = Judge.load(saved)
    assert loaded.fingerprint == judge.fingerprint
    assert (loaded.labels, loaded.front_end) == (judge.labels, judge.front_end)
    assert (loaded.training_pieces, loaded.soundfonts) == (judge.training_pieces, judge.soundfonts)
    assert (loaded.training_clips, loaded.network_kind) == (judge.training_clips, judge.network_kind)
    assert (loaded.temperature, loaded.multi_label) == (judge.temperature, judge.multi_label)
    np.testing.assert_array_equal(
        loaded.predict(clip, RATE).probabilities, judge.predict(clip, RATE).probabilities
    )


def test_another_weight_is_another_fingerprint(judge):
    network = copy.deepcopy(judge.network)
    with torch.no_grad():
        network.trunk.head.bias[0] += 1e-3
    other = dataclasses.replace(judge, network=network)
    assert other.weights_sha256 != judge.weights_sha256
    assert other.fingerprint != judge.fingerprint


def test_another_temperature_is_another_judge_with_the_same_weights(judge, clip):
    cooler = dataclasses.replace(judge, temperature=judge.temperature / 2)
    assert cooler.weights_sha256 == judge.weights_sha256
    assert cooler.fingerprint != judge.fingerprint
    # The most probable label stays, and is more probable.
    before, after = (model.predict(clip, RATE).probabilities for model in (judge, cooler))
    assert after.argmax() == before.argmax()
    assert after.max() > before.max()


def test_equal_networks_have_equal_hashes(judge):
    assert weights_sha256(copy.deepcopy(judge.network)) == judge.weights_sha256
    assert len(judge.weights_sha256) == 64


def test_equal_judges_have_equal_files_whatever_their_names(judge, saved, tmp_path):
    judge.save(tmp_path / "other.pt")
    assert (tmp_path / "other.pt").read_bytes() == saved.read_bytes()


def test_damaged_weights_are_noticed(judge, saved):
    content = saved.read_bytes()
    weights = judge.network.trunk.head.weight.detach().numpy().tobytes()
    start = content.index(weights)
    saved.write_bytes(content[:start] + weights[::-1] + content[start + len(weights) :])
    with pytest.raises(JudgeError, match="damaged"):
        Judge.load(saved)


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(JudgeError, match="judge train"):
        Judge.load(tmp_path / "none.pt")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: round(share * len(content))])
    with pytest.raises(JudgeError, match=r"judge\.pt"):
        Judge.load(saved)


@pytest.mark.parametrize("content", [b"RIFF....WAVEfmt ", b"label,piece\n", bytes(1000), b"\x80\x02}q\x00."])
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "judge.pt"
    path.write_bytes(content)
    with pytest.raises(JudgeError, match=r"judge\.pt"):
        Judge.load(path)


def test_weights_of_something_else_are_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "judge.pt")
    with pytest.raises(JudgeError, match=r"judge\.pt"):
        Judge.load(tmp_path / "judge.pt")


def test_a_judge_of_another_version_is_refused(saved):
    content = torch.load(saved, weights_only=True)
    torch.save({**content, "schema": 0}, saved)
    with pytest.raises(JudgeError, match="version 0"):
        Judge.load(saved)


@pytest.mark.parametrize(
    ("key", "value"),
    [("network", "transformer"), ("front_end", {"kind": "wavelet"}), ("labels", ["one", "two", "three"])],
)
def test_a_judge_with_a_part_that_does_not_fit_is_refused(saved, key, value):
    content = torch.load(saved, weights_only=True)
    torch.save({**content, key: value}, saved)
    with pytest.raises(JudgeError, match="damaged"):
        Judge.load(saved)


@pytest.mark.parametrize(
    "key", ["labels", "front_end", "network", "temperature", "weights", "training_pieces", "training_clips"]
)
def test_a_judge_with_a_part_missing_is_refused(saved, key):
    content = torch.load(saved, weights_only=True)
    del content[key]
    torch.save(content, saved)
    with pytest.raises(JudgeError, match="damaged"):
        Judge.load(saved)


def write_pickle(value, path):
    path.write_bytes(pickle.dumps(value, protocol=2))


@pytest.mark.parametrize(
    ("write", "trusting_read"),
    [
        (torch.save, lambda path: torch.load(path, weights_only=False)),
        (write_pickle, lambda path: pickle.loads(path.read_bytes())),  # noqa: S301 - the danger is the point
    ],
)
def test_code_in_a_file_is_not_run(tmp_path, write, trusting_read):
    path, trace = tmp_path / "judge.pt", tmp_path / "executed"
    write({"schema": 1, "labels": Malicious(trace)}, path)
    with pytest.raises(JudgeError):
        Judge.load(path)
    assert not trace.exists()
    # A reader that trusts the file does run its code: the test can fail.
    trusting_read(path)
    assert trace.exists()


def test_a_judge_that_cannot_be_written_leaves_the_old_one(judge, saved, tmp_path):
    before = saved.read_bytes()
    with pytest.raises(StorageError):
        judge.save(saved / "inside" / "judge.pt")
    assert saved.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["judge.pt"]


def test_a_judge_tells_what_resembles_nothing_learned(judge, clip):
    noise = np.random.default_rng(0).standard_normal(len(clip)).astype(np.float32)
    assert judge.predict(clip, RATE).is_unfamiliar is False
    assert judge.predict(0.1 * noise, RATE).is_unfamiliar is True
    softly = np.where(np.arange(len(clip)) < RATE // 10, clip, 1e-3 * clip)
    assert judge.predict(softly, RATE).is_unfamiliar is True


def test_what_is_familiar_is_learned_once_and_not_for_each_judge_of_a_fold(training, judge):
    assert training.judge.familiarity is None
    assert judge.familiarity is not None
    assert judge.weights_sha256 == training.judge.weights_sha256


def test_a_judge_of_earlier_versions_cannot_tell(judge, clip, tmp_path):
    earlier = dataclasses.replace(judge, familiarity=None)
    earlier.save(tmp_path / "judge.pt")
    loaded = Judge.load(tmp_path / "judge.pt")
    assert loaded.fingerprint == earlier.fingerprint != judge.fingerprint
    assert loaded.predict(clip, RATE).is_unfamiliar is None


@pytest.mark.parametrize("damage", [torch.zeros(2, 3), torch.full((2, 133), torch.nan)])
def test_a_familiarity_that_does_not_fit_is_refused(judge, damage, tmp_path):
    broken = dataclasses.replace(judge.familiarity, centres=damage)
    dataclasses.replace(judge, familiarity=broken).save(tmp_path / "judge.pt")
    with pytest.raises(JudgeError, match=r"familiarity\.centres is"):
        Judge.load(tmp_path / "judge.pt")
