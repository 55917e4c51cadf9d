"""Tell clips that resemble nothing that a judge has learned.

A network names one of its labels whatever it is asked about, and softmax makes it sure of it. How far a
clip's embedding lies from those that it has learned says whether it can be believed: the Mahalanobis distance
to the nearest label's mean, with one covariance within all labels (Lee et al., "A simple unified framework
for detecting out-of-distribution samples and adversarial attacks", NeurIPS 2018).

An embedding keeps what tells the labels apart and little else: noise may lie among the instruments. So what
counts is the embedding together with five plain statistics of the spectrogram.

What is tonal, such as a vibraphone, lies near the instruments all the same. A judge that has learned from
clips without a label, strangers, also has a logistic regression between them and the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from timbrebench.audio.clips import Samples

#: Statistics that :func:`traits` adds to an embedding.
N_STATISTICS = 5

#: Share of the validation clips that count as familiar.
_FAMILIAR = 0.99

#: Inverse strength of the regression's penalty on weights: some sources of strangers have few clips.
_PENALTY = 0.01

#: Share of the median variance that is added to each, so that directions in which nothing was learned count
#: neither for everything nor for nothing.
_RIDGE = 1e-2

#: Frames so many decibels under the loudest are soft; a clip with this share of them is nearly empty.
_SOFT_DB, _SOFT_SHARE = 30.0, 0.9

#: Length of those frames in seconds.
_FRAME_S = 0.025


@dataclass(frozen=True)
class Familiarity:
    """Where the clips that a judge has learned lie by their traits, as :func:`traits` returns them.

    Attributes
    ----------
    centres : torch.Tensor, shape (labels, d)
        Means of the labels' clips, whitened.
    whitening : torch.Tensor, shape (d, d)
        Makes the covariance within labels the identity.
    threshold : float
        Distance beyond which a clip is unfamiliar.
    strangeness : torch.Tensor, shape (d + 2,), or None
        Weights of whitened traits, distance and 1: a clip with a positive sum is unfamiliar. None where the
        judge has learned from no strangers.
    """

    centres: Tensor
    whitening: Tensor
    threshold: float
    strangeness: Tensor | None = None

    def is_unfamiliar(self, clips: Tensor) -> Tensor:
        """Return whether traits of clips, shape (clips, d), resemble nothing learned: shape (clips,)."""
        distances = self.distances(clips)
        unfamiliar = distances > self.threshold
        if self.strangeness is None:
            return unfamiliar
        return unfamiliar | (self._regression_inputs(clips, distances) @ self.strangeness > 0)

    def distances(self, clips: Tensor) -> Tensor:
        """Return how far traits of clips, shape (clips, d), lie from the nearest label: shape (clips,)."""
        return torch.cdist(clips @ self.whitening, self.centres).amin(dim=1)

    def _regression_inputs(self, clips: Tensor, distances: Tensor) -> Tensor:
        """Return what the logistic regression goes by: shape (clips, d + 2)."""
        return torch.cat(
            [clips @ self.whitening, distances[:, None], torch.ones(len(clips), 1)], dim=1
        ).float()

    def state(self) -> dict[str, Tensor]:
        """Return its tensors by name."""
        state = {"centres": self.centres, "whitening": self.whitening}
        return state if self.strangeness is None else {**state, "strangeness": self.strangeness}


def traits(spectrograms: Tensor, embeddings: Tensor) -> Tensor:
    """Return what clips are compared by.

    Parameters
    ----------
    spectrograms : torch.Tensor, shape (clips, bands, frames)
        Of the judge's front end.
    embeddings : torch.Tensor, shape (clips, size)
        Of its network.

    Returns
    -------
    torch.Tensor, shape (clips, size + 5)
        The embeddings, followed by the mean of the spectrogram, how far its bands differ on average over
        time, how far frames differ within a band, and the mean steps between neighbouring bands and frames:
        noise has bands that are alike, and a chord steps from each harmonic to the next gap.
    """
    values = spectrograms.float()
    statistics = (
        values.mean(dim=(1, 2)),
        values.mean(dim=2).std(dim=1),
        values.std(dim=2).mean(dim=1),
        values.diff(dim=1).abs().mean(dim=(1, 2)),
        values.diff(dim=2).abs().mean(dim=(1, 2)),
    )
    return torch.cat([embeddings, torch.stack(statistics, dim=1)], dim=1)


def learn_familiarity(
    clips: Tensor, targets: Tensor, validation: Tensor, strangers: Tensor
) -> Familiarity | None:
    """Learn what is familiar.

    Parameters
    ----------
    clips : torch.Tensor, shape (clips, d)
        Traits of the clips that the judge has learned from.
    targets : torch.Tensor, shape (clips,)
        Index of the label of each; every label has a clip.
    validation : torch.Tensor, shape (others, d)
        Traits of clips of other pieces, 99 % of which will be familiar.
    strangers : torch.Tensor, shape (strangers, d)
        Traits of clips without a label; may be empty.

    Returns
    -------
    Familiarity or None
        For the traits of the same judge. None where the clips of each label are alike, or one: nothing says
        then how far others may lie.
    """
    clips = clips.double()
    means = torch.stack([clips[targets == label].mean(dim=0) for label in range(int(targets.max()) + 1)])
    within = clips - means[targets]
    covariance = within.T @ within / len(within)
    # The median, since statistics in decibels vary far more than an embedding, of which some may be always 0.
    variances = covariance.diagonal()
    if not (variances > 0).any():
        return None
    typical = variances[variances > 0].median()
    covariance += _RIDGE * typical * torch.eye(len(covariance), dtype=torch.float64)
    whitening = torch.linalg.inv(torch.linalg.cholesky(covariance)).T
    learned = Familiarity((means @ whitening).float(), whitening.float(), 0.0)
    distances = learned.distances(validation.float())
    if not len(strangers):
        return replace(learned, threshold=float(distances.quantile(_FAMILIAR)))
    # Each of the two decisions takes half of the validation clips that may be unfamiliar.
    each = (1 + _FAMILIAR) / 2
    strangeness = _learn_strangeness(learned, clips.float(), strangers)
    logits = learned._regression_inputs(validation.float(), distances) @ strangeness
    strangeness[-1] -= logits.quantile(each)
    return replace(learned, threshold=float(distances.quantile(each)), strangeness=strangeness)


def _learn_strangeness(familiarity: Familiarity, clips: Tensor, strangers: Tensor) -> Tensor:
    """Fit a logistic regression between strangers and others; the constant is still to be set."""
    traits_of_both = torch.cat([clips, strangers])
    inputs = familiarity._regression_inputs(traits_of_both, familiarity.distances(traits_of_both))
    is_stranger = torch.arange(len(inputs)) >= len(clips)
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes a second, for training alone

    regression = LogisticRegression(C=_PENALTY, class_weight="balanced", max_iter=2000, fit_intercept=False)
    regression.fit(inputs.numpy(), is_stranger.numpy())
    return torch.from_numpy(regression.coef_[0]).float()


def is_nearly_empty(samples: Samples, sample_rate: int) -> bool:
    """Tell whether nine tenths of a clip's frames, of 25 ms, lie 30 dB or more under its loudest frame.

    One note in a clip of rests is not what a judge has learned from, and what little sounds decides alone.
    """
    length = max(1, round(_FRAME_S * sample_rate))
    frames = np.resize(samples, (max(1, len(samples) // length), length))
    power = np.square(frames, dtype=np.float64).mean(axis=1)
    return bool(np.mean(power <= power.max() * 10 ** (-_SOFT_DB / 10)) >= _SOFT_SHARE)
