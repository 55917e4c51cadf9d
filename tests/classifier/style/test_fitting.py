import resource
import signal
import threading

import pytest
import torch
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

from timbrebench.classifier.fitting import FitConfiguration
from timbrebench.classifier.lightning import CHECKPOINT, EVENTS, EpochSampler, FittedModule, fit
from timbrebench.core.errors import StorageError

CONFIGURATION = FitConfiguration(max_epochs=6, patience=6, batch_size=4, averaging=0.9)


class Line(FittedModule):
    """Learns a line through noisy points; the noise is drawn anew at each step."""

    def __init__(self, steps, configuration, *, interrupted_in=None):
        torch.manual_seed(0)
        super().__init__(torch.nn.Linear(3, 1), configuration, steps)
        self.interrupted_in = interrupted_in

    def training_step(self, batch, number):
        if self.current_epoch == self.interrupted_in and number == 2:
            raise KeyboardInterrupt
        points, values = batch
        loss = mse_loss(self.network(points + 0.3 * torch.randn_like(points)), values)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(points))
        return loss

    def validation_step(self, batch, _):
        self.log("validation_loss", mse_loss(self.averaged(batch[0]), batch[1]), batch_size=len(batch[0]))


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(24, 3, generator=generator)
    return TensorDataset(points, points @ torch.tensor([[1.0], [-2.0], [0.5]]))


def run(data, folder=None, *, interrupted_in=None, configuration=CONFIGURATION):
    sampler = EpochSampler(data, configuration.seed)
    train = DataLoader(data, batch_size=configuration.batch_size, sampler=sampler)
    module = Line(len(train), configuration, interrupted_in=interrupted_in)
    with torch.random.fork_rng(devices=[]):
        return fit(
            module, train, DataLoader(data, batch_size=8), configuration, description="", folder=folder
        )


def assert_same(fitted, other):
    assert fitted.curve.equals(other.curve)
    assert all(torch.equal(fitted.weights[name], other.weights[name]) for name in other.weights)


def test_every_epoch_has_an_order_of_its_own_that_follows_from_the_seed(data):
    def orders(seed):
        sampler = EpochSampler(data, seed)
        found = []
        for epoch in range(3):
            sampler.set_epoch(epoch)
            found.append(tuple(sampler))
        return found

    assert orders(0) == orders(0)
    assert len({*orders(0), *orders(1)}) == 6
    assert all(sorted(order) == list(range(24)) for order in orders(0))


def test_items_are_drawn_as_often_as_they_weigh():
    weights = torch.tensor([1.0, 3.0]).repeat(2000)
    drawn = torch.tensor(list(EpochSampler(range(4000), 0, weights))) % 2
    assert float(drawn.float().mean()) == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("epoch", [0, 1, 4])
def test_an_interrupted_fit_goes_on_as_if_nothing_had_been(data, tmp_path, epoch):
    undisturbed = run(data)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path, interrupted_in=epoch)
    assert not any("_wait" in thread.name for thread in threading.enumerate())  # no more lines of progress
    assert (tmp_path / CHECKPOINT).is_file() == (epoch > 0)
    assert_same(run(data, tmp_path), undisturbed)


def test_a_checkpoint_that_does_not_fit_on_the_disk_is_an_error_and_the_one_before_stays(data, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path, interrupted_in=2)
    before = (tmp_path / CHECKPOINT).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(StorageError, match=rf"cannot write {tmp_path / CHECKPOINT}"):
            run(data, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert not list(tmp_path.glob(".part-*"))
    assert_same(run(data, tmp_path), run(data))


def test_a_checkpoint_that_was_cut_off_is_said_and_the_fit_begins_anew(data, tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path, interrupted_in=2)
    whole = (tmp_path / CHECKPOINT).read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / CHECKPOINT).write_bytes(whole[:length])
        assert_same(run(data, tmp_path), run(data))
        assert f"{CHECKPOINT}: was cut off" in capsys.readouterr().err


def test_a_finished_fit_that_is_asked_for_again_is_the_same(data, tmp_path):
    assert_same(run(data, tmp_path), run(data, tmp_path))


def test_a_fit_that_stopped_early_and_is_asked_for_again_is_the_same(data, tmp_path):
    hasty = CONFIGURATION.model_copy(update={"max_epochs": 200, "patience": 1, "learning_rate": 0.5})
    stopped = run(data, tmp_path, configuration=hasty)
    assert len(stopped.curve) < 200
    assert_same(run(data, tmp_path, configuration=hasty), stopped)


def test_the_curve_is_written_for_tensorboard(data, tmp_path):
    run(data, tmp_path)
    [events] = (tmp_path / EVENTS).glob("events.out.tfevents.*")
    content = events.read_bytes()
    assert b"train_loss" in content
    assert b"validation_loss" in content


def test_without_a_folder_nothing_is_written(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(data)
    assert list(tmp_path.iterdir()) == []


def test_the_weights_are_those_of_the_best_epoch(data):
    fitted = run(data)
    network = torch.nn.Linear(3, 1)
    network.load_state_dict(fitted.weights)
    with torch.no_grad():
        loss = mse_loss(network(data.tensors[0]), data.tensors[1])
    assert float(loss) == pytest.approx(fitted.curve.validation_loss.min(), rel=1e-4)


class InterruptedAtTheStart(DataLoader):
    def __iter__(self):
        raise KeyboardInterrupt


def test_an_interruption_before_the_first_batch_is_one(data):
    """Lightning's cleaning up fails then, since its loops have not begun."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    train = InterruptedAtTheStart(data, batch_size=4)
    with pytest.raises(KeyboardInterrupt):
        fit(Line(6, CONFIGURATION), train, DataLoader(data, batch_size=8), CONFIGURATION, description="")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
