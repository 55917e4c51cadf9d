"""The kind ``performances``: real performances as contents, phrases of recorded notes as styles."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from timbrebench.classifier import load_content_judge
from timbrebench.core.errors import DatasetError
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.identifiers import Identifier, RelativePath
from timbrebench.datasets.dataset import Clip, Dataset
from timbrebench.datasets.excerpts import RECORDED
from timbrebench.datasets.importing.note_files import listed_file
from timbrebench.datasets.importing.recording_notes import settle
from timbrebench.datasets.notes import read_notes, write_notes
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import MIN_ONSETS
from timbrebench.experiments.suites.frozen_pairs import FrozenPairs, freeze_pairs
from timbrebench.experiments.suites.held_recordings import (
    cut_clip,
    hash_files,
    refuse_other_files,
    refuse_unnamed,
    require_folder,
    require_source,
)
from timbrebench.experiments.suites.kinds.recorded_phrases import (
    MoreClips,
    RecordedPhrases,
    as_recordings,
    choose_test_pieces,
    plan_phrases,
    render_phrases,
)
from timbrebench.experiments.suites.kinds.suite_kind import ClipWork, SuiteKind
from timbrebench.experiments.suites.note_alignment import note_lag
from timbrebench.experiments.suites.suite import OpenedSuite, Pair, SuiteConfiguration


class Performance(FrozenModel):
    """A recording of a performance, with its notes.

    Attributes
    ----------
    audio, notes : str
        Their paths below the users' folder: any audio file, and notes as a table, MIDI or JAMS
        (:mod:`timbrebench.datasets.importing.note_files`).
    label : str
        Who plays.
    piece : str
        What is played; figures are resampled by pieces.
    shift_s : float
        Seconds to add to the notes' times, where they are off by a constant.
    """

    audio: RelativePath
    notes: RelativePath
    label: Identifier
    piece: Identifier
    shift_s: float = Field(default=0.0, ge=-3_600, le=3_600)


class PerformancesKind(SuiteKind):
    """Windows of real performances are to be played by other instruments.

    Nobody has played them so: there is no reference, and what is kept of the notes is measured against what
    is heard in the untouched content.

    Attributes
    ----------
    kind : "performances"
        Which kind this is.
    performances : tuple of Performance
        The contents.
    styles : RecordedPhrases
        Whose recorded notes play the styles, test pieces of the dataset.
    contents : int
        Windows of each performance, at even distances among those in which at least four notes begin.
    seed : int
        Seed by which styles are drawn.
    dataset : DatasetConfiguration
        Gives pieces and length of the styles, and rate and length of all clips. Judges and methods of a run
        learn from it, unless the run has another one.
    """

    kind: Literal["performances"]
    performances: tuple[Performance, ...] = Field(min_length=1, max_length=10_000)
    styles: RecordedPhrases
    contents: int = Field(default=6, ge=1, le=1_000)
    seed: int = Field(default=0, ge=0)
    dataset: DatasetConfiguration = DatasetConfiguration()

    @model_validator(mode="after")
    def _check_pieces(self) -> Self:
        pieces = [performance.piece for performance in self.performances]
        if len(set(pieces)) < len(pieces):
            raise ValueError("two performances have the same piece: name each differently")
        return self

    def freeze(self, work: ClipWork, source: Path | None, learned: Collection[str]) -> FrozenPairs:
        """Cut the contents, sequence the styles, and pair each content with each instrument."""
        held = require_source(work.title, source)
        configuration = self.styles.configuration(held, self.dataset)
        files = hash_files(held, [*self._files(), *self.styles.files(held)])
        pieces, pitch_range = choose_test_pieces(configuration, work)
        pieces = [piece for piece in pieces if piece.name not in learned]
        if not pieces:
            raise DatasetError(
                f"{work.title}: styles need a test piece that no judge has learned from: use more pieces"
            )
        starts = {performance.piece: self._starts(held, performance) for performance in self.performances}
        dataset = render_phrases(work, configuration, pieces, pitch_range, self._contents(held, starts))
        for performance in self.performances:
            _refuse_misaligned(performance, dataset.select(piece=performance.piece))
        frozen = freeze_pairs(self._pair(dataset))
        return frozen.model_copy(update={"files": files})

    def open_clips(self, title: str, root: Path, audio: str) -> Dataset:
        """Open the dataset that contents and styles were written into."""
        refuse_unnamed(title, audio)
        return as_recordings(Dataset.open(root))

    def make_clips(self, work: ClipWork, frozen: FrozenPairs, audio: str) -> Dataset:
        """Cut the contents and sequence the styles of a frozen suite, or what is missing of them."""
        held = require_folder(work.title, audio)
        refuse_other_files(work.title, held, frozen.files, {*self._files(), *self.styles.files(held)})
        configuration = self.styles.configuration(held, self.dataset)
        performed = {performance.piece for performance in self.performances}
        starts: dict[str, list[float]] = {piece: [] for piece in performed}
        for clip in frozen.clips:
            if clip.piece in performed:
                starts[clip.piece].append(clip.start_s)
        names = [clip.piece for clip in frozen.clips if clip.piece not in performed]
        pieces, pitch_range = plan_phrases(names, configuration, frozen.pitch_range, work)
        return render_phrases(work, configuration, pieces, pitch_range, self._contents(held, starts))

    def _files(self) -> set[str]:
        return {name for each in self.performances for name in (each.audio, each.notes)}

    def _starts(self, held: Path, performance: Performance) -> list[float]:
        """Choose where the windows of a performance begin, in seconds."""
        duration = self.dataset.clip_duration_s
        onsets = _read_notes(held, performance).onset_s
        windows = (onsets // duration).value_counts()
        usable = sorted(float(number) * duration for number in windows.index[windows >= MIN_ONSETS])
        usable = usable[:-1] if len(usable) > 1 else usable  # the recording may end within the last
        if not usable:
            raise DatasetError(
                f"{held / performance.notes}: no window of {duration:g} s in which {MIN_ONSETS} notes begin"
            )
        places = np.linspace(0, len(usable), min(self.contents, len(usable)), endpoint=False)
        return [usable[place] for place in places.astype(int)]

    def _contents(self, held: Path, starts: dict[str, list[float]]) -> MoreClips:
        """Return what writes the contents and their notes below a folder, and returns their rows."""

        def write(root: Path) -> list[dict[str, Any]]:
            return [
                row for each in self.performances for row in self._cut(held, each, starts[each.piece], root)
            ]

        return write

    def _cut(
        self, held: Path, performance: Performance, starts: Sequence[float], root: Path
    ) -> list[dict[str, Any]]:
        write_notes(root / "notes" / f"{performance.piece}.csv", _read_notes(held, performance))
        return [
            cut_clip(
                held / performance.audio,
                root,
                label=performance.label,
                piece=performance.piece,
                start_s=start,
                duration_s=self.dataset.clip_duration_s,
                sample_rate=self.dataset.sample_rate,
            )
            | {"composer": "", "source_piece": performance.piece, "spectrograms": []}
            for start in starts
        ]

    def _pair(self, dataset: Dataset) -> OpenedSuite:
        """Pair each content with a drawn phrase of each instrument that does not play it."""
        performed = {performance.piece for performance in self.performances}
        clips = list(dataset.clips())
        contents = [clip for clip in clips if clip.piece in performed]
        styles: dict[str, list[Clip]] = {name: [] for name in self.styles.instruments}
        for clip in clips:
            if clip.piece not in performed:
                styles[clip.label].append(clip)
        generator = np.random.default_rng(self.seed)
        pairs: list[Pair] = []
        for content in contents:
            for label in styles:
                if label != content.label:
                    style = styles[label][int(generator.integers(len(styles[label])))]
                    name = f"{len(pairs):03d}-{content.label}-{label}"
                    pairs.append(Pair(name, content, style, None, ""))
        configuration = SuiteConfiguration(soundfont=RECORDED)
        real = tuple(clip for label in styles for clip in styles[label])
        return OpenedSuite(configuration, tuple(pairs), real, dataset=dataset)


def _read_notes(held: Path, performance: Performance) -> pd.DataFrame:
    """Return the table of a performance's notes; raise DatasetError or CorpusError if it cannot be read."""
    listed = listed_file(performance.notes, held / performance.notes, performance.audio).read()
    notes, _ = settle(listed)
    shifted = notes.assign(
        onset_s=(notes.onset_s + performance.shift_s).round(4),
        offset_s=(notes.offset_s + performance.shift_s).round(4),
    )
    return shifted[shifted.onset_s >= 0].reset_index(drop=True)


def _refuse_misaligned(performance: Performance, clips: Dataset) -> None:
    """Raise DatasetError if the notes of a performance are heard at another time in its windows."""
    judge = load_content_judge()
    tables = []
    for clip in clips.clips():
        transcribed = judge.transcribe(clips.samples(clip), clip.sample_rate).notes
        tables.append(transcribed.assign(onset_s=transcribed.onset_s + clip.start_s))
    notes = read_notes(clips.notes_path(performance.piece))
    lag = note_lag(notes, pd.concat(tables))
    if lag:
        raise DatasetError(
            f"{performance.notes}: most notes are heard {abs(lag):g} s {'later' if lag > 0 else 'earlier'} "
            f"in {performance.audio}: give shift_s = {performance.shift_s + lag:g}, or notes that are aligned"
        )
