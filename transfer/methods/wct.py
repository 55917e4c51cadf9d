"""Whitening and colouring, after Li et al. (2017): on envelopes of spectra instead of features of images.

The features of the content, less their mean, are whitened, so that none varies with another and each has a
variance of 1; then they get the covariance of the style, and its mean:

    made = C_style^½ · C_content^-½ · (content − μ(content)) + μ(style),

with symmetric roots. What AdaIN does to each feature by itself, this does to all of them together.

As published: the transform itself. Nothing is optimised, and nothing is learned from styles.

Not as published, and why:

- *Features.* The source's are those of VGG-19, a network for images whose weights cannot be had here, and
  decoders are trained to invert them. Here they are smooth shapes of the log spectrum
  (:mod:`timbrebench.transfer.bases.smooth_shapes`), which are inverted exactly.
- *How much.* The source passes through five networks one after the other (relu5_1 to relu1_1), each with a
  share `alpha` of 0.6 of the style, so that 0.4⁵ = 1 % of the content's features is left. There is one pass
  here, so `alpha` is 1. On 30 pairs of training pieces (FluidR3, 5 s), an `alpha` of 0.6, 0.8, 1 reached a
  style accuracy of 0.10, 0.43, 0.60, and a note F1 of 0.75, 0.69, 0.60.
- *Few frames.* A clip of 5 s has 216 frames, too few for reliable covariances, and a shorter one may have
  fewer than features. So covariances are shrunk towards a multiple of the identity by as much as Ledoit &
  Wolf (2004) find best for the frames at hand, which leaves no direction without variance to whiten. The
  source leaves out directions with an eigenvalue under 1e-5 instead. Shrinking raised note F1 on those
  pairs from 0.60 to 0.63 at an equal style accuracy (40 cosines, corner at 700 Hz).
- *How many.* 40, as for AdaIN. 20, 30, 40, 60 reached a style accuracy of 0.47, 0.53, 0.60, 0.60, and a
  note F1 of 0.73, 0.68, 0.60, 0.48.
- *Time, phase, level.* As for :mod:`~timbrebench.transfer.methods.adain`.

References
----------
Y. Li, C. Fang, J. Yang, Z. Wang, X. Lu and M.-H. Yang, "Universal style transfer via feature transforms",
Advances in Neural Information Processing Systems 30, 2017.

O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", Journal of
Multivariate Analysis 88(2), 2004.
"""

from __future__ import annotations

import numpy as np
from sklearn.covariance import ledoit_wolf

from timbrebench.transfer.bases.smooth_shapes import Array, SmoothMethod

#: Variances under this count as 0. Shrinkage leaves such ones only where no feature varies at all.
_MIN_VARIANCE = 1e-12


class WCT(SmoothMethod):
    """Whitening and colouring; see the module for what is published and what is not.

    Its parameters are those of every :class:`~timbrebench.transfer.bases.smooth_shapes.SmoothMethod`.
    """

    name = "wct"
    version = 3
    summary = "whitens smooth shapes of the spectrum and gives them the style's covariance over time"
    source = "after Y. Li et al., Universal style transfer via feature transforms, NeurIPS 2017"

    def match(self, content: Array, style: Array) -> Array:
        """Return the features whitened by their own covariance and coloured by the style's."""
        content_mean, style_mean = (features.mean(axis=1, keepdims=True) for features in (content, style))
        mapping = whiten_and_colour(covariance(content), covariance(style))
        made: Array = mapping @ (content - content_mean) + style_mean
        return made


def covariance(features: Array) -> Array:
    """Return the covariance of features over time, shrunk towards a multiple of the identity.

    Parameters
    ----------
    features : numpy.ndarray, shape (channels, frames)
        Features of two frames or more.

    Returns
    -------
    numpy.ndarray, shape (channels, channels)
        (1 − δ) · sample covariance + δ · mean variance · identity, with the δ of Ledoit & Wolf.
    """
    shrunk: Array = ledoit_wolf(features.T)[0]
    return shrunk


def whiten_and_colour(content: Array, style: Array) -> Array:
    """Return the map that turns features of one covariance into features of another.

    Parameters
    ----------
    content, style : numpy.ndarray, shape (channels, channels)
        Covariances.

    Returns
    -------
    numpy.ndarray, shape (channels, channels)
        style^½ · content^-½, with symmetric roots. Directions in which the content does not vary are 0.
    """
    return _power(style, 0.5) @ _power(content, -0.5)


def _power(matrix: Array, exponent: float) -> Array:
    """Return a power of a symmetric matrix, leaving out directions without variance."""
    values, vectors = np.linalg.eigh(matrix)
    varying = values > _MIN_VARIANCE
    power: Array = (vectors[:, varying] * values[varying] ** exponent) @ vectors[:, varying].T
    return power
