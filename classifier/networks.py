"""The judge's network."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class FourBlockNetwork(nn.Module):
    """Four blocks of convolution, batch normalisation and ReLU, averaged over the clip, and one linear layer.

    Each convolution is 3×3 with stride 2. Clips may have any length from 16 frames on.

    Parameters
    ----------
    n_labels : int
        Number of labels.
    channels : tuple of int
        Filters of the four convolutions.
    """

    def __init__(self, n_labels: int, channels: tuple[int, int, int, int] = (16, 32, 64, 128)) -> None:
        super().__init__()
        blocks = [
            nn.Sequential(
                nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            )
            for before, after in pairwise((1, *channels))
        ]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels[-1], n_labels)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Return logits.

        Parameters
        ----------
        spectrograms : torch.Tensor, shape (clips, bands, frames)
            Standardised.

        Returns
        -------
        torch.Tensor, shape (clips, n_labels)
            Logits: a softmax makes them probabilities.
        """
        features = self.blocks(spectrograms.unsqueeze(1)).mean(dim=(2, 3))
        logits: Tensor = self.head(features)
        return logits
