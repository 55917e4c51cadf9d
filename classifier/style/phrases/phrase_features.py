"""Spectrograms of invented phrases, beside those of a dataset's clips, for a style judge to learn from."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from timbrebench.classifier.style.phrases.phrase_configuration import PhraseConfiguration
from timbrebench.classifier.style.phrases.phrase_making import Phrase, PhraseSound, make_phrases
from timbrebench.classifier.style.sound_variation import SoundVariation
from timbrebench.classifier.style.style_features import StyleFeatures
from timbrebench.classifier.style.style_front_end import BaseFrontEnd


def add_phrases(
    features: StyleFeatures,
    configuration: PhraseConfiguration,
    variation: SoundVariation | None,
    *,
    duration_s: float,
    sample_rate: int,
) -> StyleFeatures:
    """Add phrases of the labels of a dataset's clips to them.

    Parameters
    ----------
    features : StyleFeatures
        Of clips whose labels are names of instruments.
    configuration : PhraseConfiguration
        With what they are played, and how many.
    variation : SoundVariation or None
        How seven of ten phrases are varied; None for none.
    duration_s, sample_rate : float, int
        Of the dataset's clips, in seconds and hertz.

    Returns
    -------
    StyleFeatures
        The clips followed by the phrases, which are in the splits "judge" and "validation" and of no piece.
        Their sums are those of the phrases before they are varied.

    Raises
    ------
    JudgeError
        If no soundfont has one of the instruments, or every phrase is silent.
    UnknownNameError
        If a label is no instrument.
    MissingResourceError
        If a soundfont is missing.
    """
    rows, spectrograms = make_phrases(
        features.labels(multi_label=False),
        configuration,
        PhraseSound(variation, duration_s, sample_rate),
        partial(_spectrogram, front_end=features.front_end),
    )
    return StyleFeatures(
        torch.cat([features.spectrograms, *(torch.from_numpy(values)[None] for values in spectrograms)]),
        pd.concat([features.manifest, rows], ignore_index=True),
        features.front_end,
    )


def _spectrogram(phrase: Phrase, front_end: BaseFrontEnd) -> NDArray[np.float16]:
    return front_end.spectrogram(phrase.samples, phrase.sample_rate).astype(np.float16)
