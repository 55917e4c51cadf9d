"""One output, with everything that is known about it: what a metric is asked of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from timbrebench.classifier.content.content_evaluation import NoteScores
from timbrebench.core.errors import DatasetError
from timbrebench.datasets.notes import DRUM
from timbrebench.metrics.cross_correlation import max_cross_correlation
from timbrebench.metrics.sound import Predictor, Sound, Transcriber, Unscorable
from timbrebench.metrics.transcription import compare_notes

#: What a metric may need beside output, content and style, each with the reason where it is not there.
NEEDS = {
    "reference": "needs a reference, none was given",
    "notes": "needs the notes of the content, none were given",
    "style_notes": "needs the notes of the style, none were given",
    "judge": "needs a judge, none was given",
    "content_judge": "needs a content judge, none was given",
    "labels": "needs the labels of content and style, not both were given",
}

_NOTE_COLUMNS = ("onset_s", "offset_s", "pitch", "velocity")


@dataclass(frozen=True, eq=False)
class Trial:
    """One output, with everything that is known about it.

    Clips may differ in length and rate. Several outputs of one pair can share the sounds of their content,
    style and reference: what metrics work out of those is then worked out once.

    Parameters
    ----------
    output : Sound
        What a method has made.
    content, style : Sound
        What it was made from.
    reference : Sound, optional
        The content's notes played by the style's instrument.
    notes : pandas.DataFrame, optional
        Ground-truth notes of the content: columns ``onset_s`` and ``offset_s`` in seconds from the start of
        the clip, where a note that sounds already has a negative onset, ``pitch`` (MIDI) and ``velocity``
        (MIDI).
    style_notes : pandas.DataFrame, optional
        The same of the style.
    content_label, style_label : str, optional
        Labels of content and style.

    Raises
    ------
    DatasetError
        If notes lack a column, hold a time that is not finite, one that ends before it begins, or drums.
    """

    output: Sound
    content: Sound
    style: Sound
    reference: Sound | None = None
    notes: pd.DataFrame | None = None
    style_notes: pd.DataFrame | None = None
    content_label: str | None = None
    style_label: str | None = None

    def __post_init__(self) -> None:
        for owner, notes in (("content", self.notes), ("style", self.style_notes)):
            if notes is not None:
                _check_notes(notes, owner)

    @classmethod
    def of(
        cls,
        output: ArrayLike,
        *,
        content: ArrayLike,
        style: ArrayLike,
        sample_rate: int,
        reference: ArrayLike | None = None,
        judge: Predictor | None = None,
        content_judge: Transcriber | None = None,
        notes: pd.DataFrame | None = None,
        style_notes: pd.DataFrame | None = None,
        content_label: str | None = None,
        style_label: str | None = None,
    ) -> Trial:
        """Make a trial of arrays of one rate.

        Parameters
        ----------
        output, content, style, reference : array_like, shape (n,) or (channels, n)
            Samples in [-1, 1].
        sample_rate : int
            Their rate in hertz.
        judge, content_judge
            As in :class:`~timbrebench.metrics.sound.Sound`.
        notes, style_notes, content_label, style_label
            As in the class.

        Returns
        -------
        Trial
            Of their sounds.

        Raises
        ------
        AudioError, ConfigurationError
            As :class:`~timbrebench.metrics.sound.Sound`.
        """
        clips = {"output": output, "content": content, "style": style}
        if reference is not None:
            clips["reference"] = reference
        sounds = {
            name: Sound(clip, sample_rate, name=name, judge=judge, content_judge=content_judge)
            for name, clip in clips.items()
        }
        return cls(
            **sounds,
            notes=notes,
            style_notes=style_notes,
            content_label=content_label,
            style_label=style_label,
        )

    def lacks(self, need: str) -> bool:
        """Tell whether something that metrics need is unknown: a key of :data:`NEEDS`."""
        if need == "labels":
            return self.content_label is None or self.style_label is None
        holder = self.output if need in {"judge", "content_judge"} else self
        return getattr(holder, need) is None

    @cached_property
    def note_scores(self) -> NoteScores:
        """How the notes read in the output agree with the content's, by onset and pitch.

        Raises
        ------
        Unscorable
            If the content's notes are not known or none begins in it, or the output cannot be read.
        """
        if self.notes is None:
            raise Unscorable(NEEDS["notes"])
        return compare_notes(
            self.notes,
            self.output.transcription,
            end_s=self.content.duration_s,
            truth_name="the true notes of the content",
        )

    @cached_property
    def content_correlation(self) -> float:
        """Maximum of the normalised cross-correlation of output and content; Unscorable if one is silent."""
        return max_cross_correlation(self.output, self.content)

    @cached_property
    def style_correlation(self) -> float:
        """The same of output and style."""
        return max_cross_correlation(self.output, self.style)


def _check_notes(notes: pd.DataFrame, owner: str) -> None:
    missing = [column for column in _NOTE_COLUMNS if column not in notes.columns]
    if missing:
        raise DatasetError(
            f"the notes of the {owner} lack the columns {', '.join(missing)}: they have {list(notes.columns)}"
        )
    if DRUM in notes and notes[DRUM].any():
        raise DatasetError(
            f"the notes of the {owner} hold strokes of drums, which have no pitch: leave out the rows whose "
            f"column {DRUM!r} is not 0, as timbrebench.datasets.notes.read_notes does"
        )
    onsets, offsets = (notes[column].to_numpy(dtype=np.float64) for column in _NOTE_COLUMNS[:2])
    if not (np.isfinite(onsets).all() and np.isfinite(offsets).all()):
        raise DatasetError(f"the notes of the {owner} hold times that are not finite")
    if (offsets < onsets).any():
        raise DatasetError(
            f"the notes of the {owner} hold one that ends before it begins: both times are in seconds"
        )
