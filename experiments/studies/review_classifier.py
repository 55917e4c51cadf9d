"""The classifier of the multi-instrument report (2023), its input and its training as they were published.

The input of a chunk of 10 s is ``librosa.power_to_db(|STFT|, ref=max)``: windows of 2,048 samples every 512
at 22,050 Hz, 1025 × 431 values from -80 to 0, not standardised. Since magnitudes are given to a function that
takes powers, a value is half as many decibels, and the range twice as wide as it says. The network
(:class:`~timbrebench.classifier.style.style_networks.FourBlockNetwork`) ends with a softmax, and the
cross-entropy that it is trained by applies another. Adam with a learning rate of 0.001 and batches of 512
clips for 100 epochs; no early stopping, schedule or augmentation; the weights of the last epoch count.

What the text leaves open is settled here: on curves, loss and accuracy of training are means over the batches
of an epoch, as PyTorch Lightning logs them; after the last epoch both parts are evaluated alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from timbrebench.classifier.fitting import one_thread
from timbrebench.classifier.style.style_front_end import StftFrontEnd
from timbrebench.classifier.style.style_networks import FourBlockNetwork

#: The report's transform, in decibels of power down to -160: twice the values of its input.
REVIEW_FRONT_END = StftFrontEnd(range_db=160.0)

#: Clips that are evaluated at a time.
_EVALUATED = 64


@dataclass(frozen=True)
class ReviewTraining:
    """How the network is trained; the defaults are the report's.

    Attributes
    ----------
    epochs : int
        Passes through the clips.
    batch_size : int
        Clips in one step.
    softmaxes : {2, 1}
        How many are applied before the logarithm of the cross-entropy: the network's own and the loss's, or
        the loss's alone.
    learning_rate : float
        Of Adam.
    device : str
        Where torch computes: "cpu" gives the same weights on every run.
    """

    epochs: int = 100
    batch_size: int = 512
    softmaxes: Literal[2, 1] = 2
    learning_rate: float = 1e-3
    device: str = "cpu"


@dataclass(frozen=True)
class LabelledClips:
    """Some clips of a dataset, without a copy of them: those of the report's would be 20 GB.

    Attributes
    ----------
    spectrograms : torch.Tensor, shape (all clips, bands, frames)
        Decibels of power.
    targets : torch.Tensor, shape (all clips,)
        Indices of their labels.
    rows : torch.Tensor, shape (clips,)
        Which of them these are.
    """

    spectrograms: Tensor
    targets: Tensor
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, places: Tensor, device: str) -> tuple[Tensor, Tensor]:
        """Return the network's input and the targets of the clips at some places among these."""
        rows = self.rows[places]
        return review_input(self.spectrograms[rows].to(device)), self.targets[rows].to(device)


@dataclass(frozen=True)
class ReviewFit:
    """A trained network, in evaluation mode, and its curve.

    Attributes
    ----------
    network : FourBlockNetwork
        With the weights of the last epoch.
    curve : dict of str to tuple of float
        ``train_loss, train_accuracy, validation_loss, validation_accuracy`` of each epoch.
    """

    network: FourBlockNetwork
    curve: dict[str, tuple[float, ...]]


def review_input(spectrograms: Tensor) -> Tensor:
    """Return what the network takes of decibels of power: those of magnitudes taken as powers."""
    return spectrograms.float() / 2


def review_loss(logits: Tensor, targets: Tensor, softmaxes: Literal[2, 1]) -> Tensor:
    """Return the cross-entropy in nats after one softmax or two; see :class:`ReviewTraining`.

    With two of them it cannot fall below ln(e + n - 1) - 1 for n labels, 1.0436 for six.
    """
    return cross_entropy(torch.softmax(logits, dim=1) if softmaxes == 2 else logits, targets)


def fit_review_network(
    train: LabelledClips, validation: LabelledClips, n_labels: int, training: ReviewTraining, seed: int
) -> ReviewFit:
    """Train a network; `seed` is that of its first weights and of the order of the clips."""
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        network = FourBlockNetwork(n_labels).to(training.device)
        optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
        rows = []
        for _ in range(training.epochs):
            learned = _learn(network, optimizer, train, training)
            loss, accuracy = review_figures(network, validation, training.softmaxes)
            rows.append((*learned, loss, accuracy))
    names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    return ReviewFit(network, dict(zip(names, zip(*rows, strict=True), strict=True)))


def _learn(
    network: FourBlockNetwork,
    optimizer: torch.optim.Optimizer,
    clips: LabelledClips,
    training: ReviewTraining,
) -> tuple[float, float]:
    """Go through the clips once, and return loss and accuracy on the way."""
    network.train()
    losses, right = 0.0, 0
    for batch in _batches(torch.randperm(len(clips)), training.batch_size):
        inputs, targets = clips.batch(batch, training.device)
        logits = network(inputs)
        loss = review_loss(logits, targets, training.softmaxes)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses += float(loss.detach()) * len(batch)
        right += int((logits.argmax(dim=1) == targets).sum())
    return losses / len(clips), right / len(clips)


def _batches(order: Tensor, size: int) -> Iterator[Tensor]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def review_figures(
    network: FourBlockNetwork, clips: LabelledClips, softmaxes: Literal[2, 1]
) -> tuple[float, float]:
    """Return loss and accuracy of a network in evaluation mode.

    With one label to a clip the accuracy is the micro-averaged precision.
    """
    losses, right = 0.0, 0
    for logits, targets in _answers(network, clips):
        losses += float(review_loss(logits, targets, softmaxes)) * len(targets)
        right += int((logits.argmax(dim=1) == targets).sum())
    return losses / len(clips), right / len(clips)


def given_labels(network: FourBlockNetwork, clips: LabelledClips) -> NDArray[np.int64]:
    """Return the index of the label that a network gives each clip: shape (clips,)."""
    given = [logits.argmax(dim=1).cpu().numpy() for logits, _ in _answers(network, clips)]
    return np.concatenate(given).astype(np.int64)


def _answers(network: FourBlockNetwork, clips: LabelledClips) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield logits and targets of some clips after the other, with the network in evaluation mode."""
    network.eval()
    device = str(next(network.parameters()).device)
    with torch.no_grad(), one_thread():
        for batch in _batches(torch.arange(len(clips)), _EVALUATED):
            inputs, targets = clips.batch(batch, device)
            yield network(inputs), targets
