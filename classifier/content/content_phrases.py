"""Invented phrases for a content judge to learn from: their notes are known, as those of renderings are."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from timbrebench.classifier.content.content_features import ContentFeatures, labelled, levels_of
from timbrebench.classifier.content.content_front_end import PitchFrontEnd
from timbrebench.classifier.style.phrases.phrase_configuration import PhraseConfiguration
from timbrebench.classifier.style.phrases.phrase_making import Phrase, PhraseSound, make_phrases
from timbrebench.datasets.instruments import FAMILIES, programs_of
from timbrebench.datasets.notes import notes_table, window
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont

#: Families whose sound is the pitch that was asked for.
PITCHED_FAMILIES = tuple(
    name
    for name in FAMILIES
    if name not in {"synth-effects-family", "percussive-family", "sound-effects-family"}
)


def phrase_features(
    front_end: PitchFrontEnd, configuration: PhraseConfiguration, sound: PhraseSound
) -> ContentFeatures:
    """Return the features of phrases of all General MIDI families that the phrases' soundfonts have.

    Parameters
    ----------
    front_end : PitchFrontEnd
        What computes them.
    configuration : PhraseConfiguration
        With what they are played, and how many.
    sound : PhraseSound
        How they sound: as long as the clips beside them.

    Returns
    -------
    ContentFeatures
        In the splits "judge" and "validation", of no piece, with the families as labels. A phrase in which no
        note begins is left out.

    Raises
    ------
    JudgeError
        If every phrase is silent.
    MissingResourceError
        If a soundfont is missing.
    """
    soundfonts = [find_soundfont(reference) for reference in configuration.soundfonts]
    played = {program for soundfont in soundfonts for program in soundfont.player().programs()}
    labels = [name for name in PITCHED_FAMILIES if played & set(programs_of(name))]
    see = partial(_seen, front_end=front_end, duration_s=sound.duration_s)
    manifest, seen = make_phrases(labels, configuration, sound, see)
    begins = np.array([bool((notes.onset_s >= 0).any()) for _, notes in seen])
    with_onsets = [phrase for phrase, wanted in zip(seen, begins, strict=True) if wanted]
    levels, truth = zip(*with_onsets, strict=True)
    stacked = torch.stack([torch.from_numpy(values) for values in levels])
    return labelled(stacked, truth, manifest[begins].assign(piece=None).reset_index(drop=True), front_end)


def _seen(
    phrase: Phrase, front_end: PitchFrontEnd, duration_s: float
) -> tuple[NDArray[np.uint8], pd.DataFrame]:
    rows = [(note.onset_s, note.offset_s, note.pitch, round(note.velocity)) for note in phrase.notes]
    notes = window(notes_table(rows), 0.0, duration_s)
    return levels_of(phrase.samples, phrase.sample_rate, front_end), notes
