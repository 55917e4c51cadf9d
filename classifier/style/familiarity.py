"""Tell clips that resemble nothing that a judge has learned.

A network names one of its labels whatever it is asked about, and softmax makes it sure of it. How far a
clip's embedding lies from those that it has learned says whether it can be believed: the Mahalanobis distance
to the nearest label's mean, with one covariance within all labels (Lee et al., "A simple unified framework
for detecting out-of-distribution samples and adversarial attacks", NeurIPS 2018).

An embedding keeps what tells the labels apart and little else: noise may lie among the instruments. So what
counts is the embedding together with five plain statistics of the spectrogram.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from timbrebench.audio.clips import Samples

#: Statistics that :func:`traits` adds to an embedding.
N_STATISTICS = 5

#: Share of the validation clips that count as familiar.
_FAMILIAR = 0.99

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
    """

    centres: Tensor
    whitening: Tensor
    threshold: float

    def distances(self, clips: Tensor) -> Tensor:
        """Return how far traits of clips, shape (clips, d), lie from the nearest label: shape (clips,)."""
        return torch.cdist(clips @ self.whitening, self.centres).amin(dim=1)

    def state(self) -> dict[str, Tensor]:
        """Return its tensors by name."""
        return {"centres": self.centres, "whitening": self.whitening}


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


def learn_familiarity(clips: Tensor, targets: Tensor, validation: Tensor) -> Familiarity | None:
    """Learn what is familiar.

    Parameters
    ----------
    clips : torch.Tensor, shape (clips, d)
        Traits of the clips that the judge has learned from.
    targets : torch.Tensor, shape (clips,)
        Index of the label of each; every label has a clip.
    validation : torch.Tensor, shape (others, d)
        Traits of clips of other pieces, 99 % of which will be familiar.

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
    threshold = float(learned.distances(validation.float()).quantile(_FAMILIAR))
    return Familiarity(learned.centres, learned.whitening, threshold)


def is_nearly_empty(samples: Samples, sample_rate: int) -> bool:
    """Tell whether nine tenths of a clip's frames, of 25 ms, lie 30 dB or more under its loudest frame.

    One note in a clip of rests is not what a judge has learned from, and what little sounds decides alone.
    """
    length = max(1, round(_FRAME_S * sample_rate))
    frames = np.resize(samples, (max(1, len(samples) // length), length))
    power = np.square(frames, dtype=np.float64).mean(axis=1)
    return bool(np.mean(power <= power.max() * 10 ** (-_SOFT_DB / 10)) >= _SOFT_SHARE)
