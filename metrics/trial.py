"""One output, with everything that is known about it: the input of a metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from timbrebench.classifier.content.content_evaluation import ONSET_TOLERANCE_S, NoteScores
from timbrebench.core.errors import DatasetError
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.datasets.note_tables import problems
from timbrebench.datasets.notes import DRUM
from timbrebench.metrics.cross_correlation import max_cross_correlation
from timbrebench.metrics.sound import Predictor, Sound, Transcriber, Unscorable
from timbrebench.metrics.transcription import compare_notes

#: Inputs that a metric may need beside output, content and style, each with the reason where it is missing.
NEEDS = {
    "reference": "needs a reference, none was given",
    "notes": "needs the notes of the content, none were given",
    "style_notes": "needs the notes of the style, none were given",
    "judge": "needs a judge, none was given",
    "second_judge": "needs a second judge, none was given",
    "content_judge": "needs a content judge, none was given",
    "labels": "needs the labels of content and style, not both were given",
    "one_tune": "needs content and style to be one tune by one instrument, in one key or two",
}

#: By how many seconds notes may differ that are played at the same time: tables of notes have microseconds.
_SAME_TIME_S = 1e-3

_NOTE_COLUMNS = ("onset_s", "offset_s", "pitch", "velocity")


@dataclass(frozen=True, eq=False)
class Trial:
    """One output, with everything that is known about it.

    Clips may differ in length and rate. Outputs of one pair share the sounds of content, style and reference
    (:meth:`with_output`): what metrics compute of those is then computed once.

    Parameters
    ----------
    output : Sound
        The result of a method.
    content, style : Sound
        The inputs of the method.
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
        second_judge: Predictor | None = None,
        content_judge: Transcriber | None = None,
        notes: pd.DataFrame | None = None,
        style_notes: pd.DataFrame | None = None,
        content_label: str | None = None,
        style_label: str | None = None,
    ) -> Trial:
        """Make a trial of arrays of one sample rate.

        Parameters
        ----------
        output, content, style, reference : array_like, shape (n,) or (channels, n)
            Samples in [-1, 1].
        sample_rate : int
            Their rate in hertz.
        judge, second_judge, content_judge
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
        return cls.assemble(
            {name: (clip, sample_rate) for name, clip in clips.items()},
            judge=judge,
            second_judge=second_judge,
            content_judge=content_judge,
            notes=notes,
            style_notes=style_notes,
            content_label=content_label,
            style_label=style_label,
        )

    @classmethod
    def of_clips(
        cls,
        dataset: Dataset,
        *,
        content: Clip,
        style: Clip,
        reference: Clip | None,
        judge: Predictor | None,
        content_judge: Transcriber,
        second_judge: Predictor | None = None,
    ) -> Trial:
        """Make the trial in which the content itself is the output; :meth:`with_output` replaces it.

        `dataset` holds the clips with their labels, and notes of those that have any.
        """
        clips = {"output": content, "content": content, "style": style}
        if reference is not None:
            clips["reference"] = reference
        return cls.assemble(
            {name: (dataset.samples(clip), clip.sample_rate) for name, clip in clips.items()},
            judge=judge,
            second_judge=second_judge,
            content_judge=content_judge,
            notes=_notes_of(dataset, content),
            style_notes=_notes_of(dataset, style),
            content_label=content.label,
            style_label=style.label,
        )

    @classmethod
    def assemble(
        cls,
        clips: Mapping[str, tuple[ArrayLike, int]],
        *,
        judge: Predictor | None,
        content_judge: Transcriber | None,
        notes: pd.DataFrame | None,
        style_notes: pd.DataFrame | None,
        content_label: str | None,
        style_label: str | None,
        second_judge: Predictor | None = None,
    ) -> Trial:
        """Make a trial of clips that may differ in rate, each its samples and rate, by name.

        The names are "output", "content", "style" and, where there is one, "reference".
        """
        sounds = {
            name: Sound(
                samples,
                rate,
                name=name,
                judge=judge,
                second_judge=second_judge,
                content_judge=content_judge,
            )
            for name, (samples, rate) in clips.items()
        }
        return cls(
            **sounds,
            notes=notes,
            style_notes=style_notes,
            content_label=content_label,
            style_label=style_label,
        )

    def with_output(self, samples: ArrayLike, sample_rate: int) -> Trial:
        """Return the trial of another output of the same pair, which shares the other sounds."""
        own = self.output
        output = Sound(
            samples,
            sample_rate,
            name="output",
            judge=own.judge,
            second_judge=own.second_judge,
            content_judge=own.content_judge,
        )
        return replace(self, output=output)

    def lacks(self, need: str) -> bool:
        """Whether a required input, a key of :data:`NEEDS`, is missing."""
        if need == "labels":
            return self.content_label is None or self.style_label is None
        if need == "one_tune":
            return self.transposition is None
        holder = self.output if need in {"judge", "second_judge", "content_judge"} else self
        return getattr(holder, need) is None

    @cached_property
    def transposition(self) -> int | None:
        """By how many semitones the style lies above the content, where both are one tune by one instrument.

        None where labels differ, the notes of either are not known, or they differ in more than the key.
        """
        if self.notes is None or self.style_notes is None or self.lacks("labels"):
            return None
        own, other = (
            notes[[*_NOTE_COLUMNS[:3]]].sort_values(["onset_s", "pitch"]).to_numpy(dtype=np.float64)
            for notes in (self.notes, self.style_notes)
        )
        if self.content_label != self.style_label or not 0 < len(own) == len(other):
            return None
        times, pitches = np.hsplit(other - own, [2])
        is_moved = (np.abs(times) <= _SAME_TIME_S).all() and (pitches == pitches[0]).all()
        return int(pitches[0, 0]) if is_moved else None

    @cached_property
    def note_scores(self) -> NoteScores:
        """Agreement of the output's transcription with the content's notes; see :meth:`compare_notes`."""
        return self.compare_notes()

    def compare_notes(
        self, *, onset_tolerance_s: float = ONSET_TOLERANCE_S, with_offsets: bool = False
    ) -> NoteScores:
        """Compare the output's transcription with the content's notes, by onset and pitch.

        Parameters
        ----------
        onset_tolerance_s : float, default 0.05
            How far apart in seconds onsets may lie.
        with_offsets : bool, default False
            Whether the notes' ends count as well.

        Raises
        ------
        Unscorable
            If the content's notes are not known or none begins in it, or the output cannot be transcribed.
        """
        if self.notes is None:
            raise Unscorable(NEEDS["notes"])
        return compare_notes(
            self.notes,
            self.output.transcription,
            end_s=self.content.duration_s,
            truth_name="the true notes of the content",
            onset_tolerance_s=onset_tolerance_s,
            with_offsets=with_offsets,
        )

    @cached_property
    def content_correlation(self) -> float:
        """Maximum of the normalised cross-correlation of output and content; Unscorable if one is silent."""
        return max_cross_correlation(self.output, self.content)

    @cached_property
    def style_correlation(self) -> float:
        """The same of output and style."""
        return max_cross_correlation(self.output, self.style)


def _notes_of(dataset: Dataset, clip: Clip) -> pd.DataFrame | None:
    is_known = f"notes/{clip.piece}.csv" in dataset.description.get("files", {})
    return dataset.notes(clip) if is_known else None


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
    problem = next(problems(notes), None)
    if problem is not None:
        place, what = problem
        raise DatasetError(f"the notes of the {owner}, row {place} from 0: {what}")
