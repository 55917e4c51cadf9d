import os
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from timbrebench.audio.errors import JudgeError
from timbrebench.classifier import JudgeConfiguration, train_judge
from timbrebench.classifier.style.evaluation import evaluate_on


def test_unseen_pieces_are_judged_clearly_better_than_by_chance(judge, features):
    assert evaluate_on(judge, features.where(split=["test"])).accuracy >= 0.8


def test_the_same_seed_trains_the_same_judge(judge, features, quick):
    assert train_judge(features, quick).judge.fingerprint == judge.fingerprint


def test_another_seed_trains_another_judge(judge, features, quick):
    other = quick.model_copy(update={"seed": 1})
    assert train_judge(features, other).judge.fingerprint != judge.fingerprint


def test_the_callers_random_state_and_threads_are_left_alone(features, quick):
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    threads = torch.get_num_threads()
    train_judge(features, quick.model_copy(update={"max_epochs": 1}))
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert torch.get_num_threads() == threads


def test_the_learning_curve_has_a_row_for_each_epoch(training, quick):
    curve = training.curve
    assert list(curve.columns) == ["epoch", "train_loss", "validation_loss", "validation_accuracy"]
    assert 1 <= len(curve) <= quick.max_epochs
    assert curve.epoch.is_monotonic_increasing
    assert curve.validation_accuracy.between(0, 1).all()
    assert (curve[["train_loss", "validation_loss"]] > 0).all().all()


def test_the_weights_are_those_of_the_best_epoch(training, features):
    validation = features.where(split=["validation"])
    probabilities = training.judge.probabilities_of(validation.decibels)
    targets = validation.targets(training.judge.labels).numpy()
    loss = -np.log(probabilities[np.arange(len(targets)), targets]).mean()
    assert loss == pytest.approx(training.curve.validation_loss.min(), rel=1e-3)


def test_training_stops_when_validation_no_longer_improves(features):
    patient = JudgeConfiguration(max_epochs=60, patience=2, batch_size=8)
    curve = train_judge(features, patient).curve
    assert len(curve) < 60
    assert len(curve) - 1 - curve.validation_loss.idxmin() == 2


def test_the_judge_says_what_it_has_learned_from(judge, features):
    learned = features.where(split=["train", "validation"]).manifest
    assert set(judge.training_pieces) == set(learned.piece)
    assert judge.soundfonts == ("TimGM6mb",)
    assert judge.labels == ("organ", "piano")


def test_a_label_that_a_split_misses_is_named(features, quick):
    rows = (features.manifest.split != "validation") | (features.manifest.label != "organ")
    with pytest.raises(JudgeError, match="organ"):
        train_judge(features.select(rows.to_numpy(copy=True)), quick)


def test_one_label_is_not_enough(features, quick):
    with pytest.raises(JudgeError, match="two"):
        train_judge(features.where(label=["piano"]), quick)


def test_training_is_quiet_and_leaves_no_files(features, quick, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_judge(features, quick.model_copy(update={"max_epochs": 1}))
    assert capfd.readouterr() == ("", "")
    assert list(Path.cwd().iterdir()) == []


def test_an_interruption_reaches_the_caller(features):
    endless = JudgeConfiguration(max_epochs=100_000, patience=100_000, batch_size=8)
    terminate, interrupt = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    def interrupt_while_training():
        # Lightning's own handler of another signal stands as long as it trains.
        while signal.getsignal(signal.SIGTERM) is terminate:
            pass
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt_while_training, daemon=True)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        train_judge(features, endless)
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is terminate
    assert signal.getsignal(signal.SIGINT) is interrupt


def test_training_that_diverges_says_so(features):
    with pytest.raises(JudgeError, match="learning_rate"):
        train_judge(features, JudgeConfiguration(max_epochs=2, batch_size=8, learning_rate=1e30))


def test_a_judge_can_be_trained_outside_the_main_thread(judge, features, quick):
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(train_judge, features, quick).result().judge.fingerprint == judge.fingerprint


@pytest.mark.parametrize("settings", [{"epochs": 3}, {"max_epochs": 0}, {"crop": 1.5}, {"seed": -1}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValidationError):
        JudgeConfiguration(**settings)
