import dataclasses
import os
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import cross_entropy

from timbrebench.classifier import Judge, JudgeConfiguration, train_judge
from timbrebench.classifier.style.style_evaluation import evaluate_on
from timbrebench.classifier.style.style_front_end import MelFrontEnd
from timbrebench.core.errors import JudgeError


@pytest.fixture(scope="module")
def briefly_trained(features, brief):
    return train_judge(features, brief).judge


def test_unseen_pieces_are_judged_clearly_better_than_by_chance(judge, features):
    assert evaluate_on(judge, features.where(split=["test"])).accuracy >= 0.8


def test_the_same_seed_trains_the_same_judge_and_another_another(features, brief, briefly_trained):
    assert train_judge(features, brief).judge.fingerprint == briefly_trained.fingerprint
    other = brief.model_copy(update={"seed": 1})
    assert train_judge(features, other).judge.weights_sha256 != briefly_trained.weights_sha256


def test_neither_methods_nor_test_clips_are_learned_from(features, brief, briefly_trained):
    expected = briefly_trained.fingerprint
    assert train_judge(features.where(split=["judge", "validation"]), brief).judge.fingerprint == expected


def test_labels_count_alike_however_many_clips_they_have(features, quick):
    # Of the pianos, a few clips; the validation clips are as many of each.
    manifest = features.manifest
    learned = manifest[(manifest.split == "judge") & (manifest.label == "piano")]
    dropped = manifest.index.isin(learned.index[4:])
    judge = train_judge(features.select(~dropped), quick).judge
    given = judge.probabilities_of(features.where(split=["test"]).spectrograms).argmax(axis=1)
    assert set(given) == {0, 1}


def test_the_callers_random_state_and_threads_are_left_alone(features, brief):
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    threads = torch.get_num_threads()
    train_judge(features, brief)
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert torch.get_num_threads() == threads


def test_the_learning_curve_has_a_row_for_each_epoch(training, quick):
    curve = training.curve
    assert list(curve.columns) == ["epoch", "train_loss", "validation_accuracy", "validation_loss"]
    assert 1 <= len(curve) <= quick.max_epochs
    assert curve.epoch.is_monotonic_increasing
    assert curve.validation_accuracy.between(0, 1).all()
    assert (curve[["train_loss", "validation_loss"]] > 0).all().all()


def test_the_weights_are_those_of_the_best_epoch(training, features):
    validation = features.where(split=["validation"]).first_programs()
    logits = training.judge.logits_of(validation.spectrograms)
    loss = float(cross_entropy(logits, validation.targets(training.judge.labels)))
    assert loss == pytest.approx(training.curve.validation_loss.min(), rel=1e-3)


def test_the_temperature_makes_validation_clips_no_less_probable(training, features):
    judge, validation = training.judge, features.where(split=["validation"]).first_programs()
    logits, targets = judge.logits_of(validation.spectrograms), validation.targets(judge.labels)
    assert judge.temperature > 0
    with_it = float(cross_entropy(logits / judge.temperature, targets))
    assert with_it <= float(cross_entropy(logits, targets)) + 1e-6
    # No other is better, within the bounds that it is looked for.
    others = [float(cross_entropy(logits / other, targets)) for other in np.geomspace(0.2, 5, 50)]
    assert with_it <= min(others) + 1e-4


def test_training_stops_when_validation_no_longer_improves(features, quick):
    curve = train_judge(features, quick.model_copy(update={"max_epochs": 60, "patience": 2})).curve
    assert len(curve) < 60
    assert len(curve) - 1 - curve.validation_loss.idxmin() == 2


def test_the_judge_says_what_it_has_learned_from(judge, features):
    validation = features.where(split=["validation"]).first_programs()
    learned = pd.concat([features.where(split=["judge"]).manifest, validation.manifest])
    assert set(judge.training_pieces) == set(learned.piece)
    assert judge.soundfonts == ("TimGM6mb",)
    assert judge.training_clips == set(learned.sha256)
    assert judge.labels == ("piano", "trumpet")


def test_a_label_that_a_split_misses_is_named(features, quick):
    rows = (features.manifest.split != "validation") | (features.manifest.label != "trumpet")
    with pytest.raises(JudgeError, match="trumpet"):
        train_judge(features.select(rows.to_numpy(copy=True)), quick)


def test_one_label_is_not_enough(features, quick):
    with pytest.raises(JudgeError, match="two"):
        train_judge(features.where(label=["piano"]), quick)


def test_training_is_quiet_and_leaves_no_files(features, brief, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_judge(features, brief)
    printed, said = capfd.readouterr()
    assert printed == ""
    # How far it is, on a machine that takes longer than a second.
    assert all(line.startswith("training the judge: ") for line in said.splitlines())
    assert list(Path.cwd().iterdir()) == []


def test_an_interruption_reaches_the_caller(features, quick):
    endless = quick.model_copy(update={"max_epochs": 100_000, "patience": 100_000})
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


def test_training_that_diverges_says_so(features, brief):
    with pytest.raises(JudgeError, match="learning_rate"):
        train_judge(features, brief.model_copy(update={"learning_rate": 1e30}))


def test_a_judge_can_be_trained_outside_the_main_thread(features, brief, briefly_trained):
    expected = briefly_trained.fingerprint
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(train_judge, features, brief).result().judge.fingerprint == expected


@pytest.mark.parametrize("network", ["four-block", "alexnet"])
def test_other_networks_can_be_trained_and_loaded(features, brief, tmp_path, network):
    judge = train_judge(features, brief.model_copy(update={"network": network})).judge
    judge.save(tmp_path / "judge.pt")
    assert Judge.load(tmp_path / "judge.pt").fingerprint == judge.fingerprint
    assert judge.network_kind == network


def test_an_augmentation_that_the_front_end_does_not_take_is_refused(features, brief):
    mel = dataclasses.replace(features, front_end=MelFrontEnd())
    with pytest.raises(JudgeError, match="shift_semitones"):
        train_judge(mel, brief)


def test_a_multi_label_judge_gives_each_label_a_probability_of_its_own(multi_label_features, quick):
    judge = train_judge(multi_label_features, quick.model_copy(update={"multi_label": True})).judge
    assert judge.labels == ("keyboard", "struck", "wind")
    test = multi_label_features.where(split=["test"])
    probabilities = judge.probabilities_of(test.spectrograms)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert np.ptp(probabilities.sum(axis=1)) > 0.01
    # What always sounds together is heard together.
    assert np.corrcoef(probabilities[:, 0], probabilities[:, 1])[0, 1] > 0.9


@pytest.mark.parametrize(
    "settings", [{"epochs": 3}, {"max_epochs": 0}, {"network": "transformer"}, {"seed": -1}]
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValidationError):
        JudgeConfiguration(**settings)
