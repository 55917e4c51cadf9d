"""The kind ``recorded-notes``: pairs of phrases sequenced from recorded notes, which users hold."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.excerpts import RECORDED
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.experiments.suites.frozen_pairs import FrozenPairs, freeze_pairs
from timbrebench.experiments.suites.held_recordings import (
    hash_files,
    refuse_other_files,
    refuse_unnamed,
    require_folder,
    require_source,
)
from timbrebench.experiments.suites.kinds.recorded_phrases import (
    RecordedPhrases,
    as_recordings,
    choose_test_pieces,
    plan_phrases,
    render_phrases,
)
from timbrebench.experiments.suites.kinds.suite_kind import ClipWork, SuiteKind
from timbrebench.experiments.suites.suite import SuiteConfiguration, make_suite


class RecordedNotesKind(SuiteKind):
    """Pairs drawn from the test pieces of a dataset, played by recorded notes.

    Content, style and reference are sequenced from recordings of single notes
    (:mod:`timbrebench.datasets.soundfonts.recorded_notes`), content and reference from the same notes. Pieces
    are other ones than judges and methods learn from, and takes are, where these learn from the other half of
    the folder.

    Attributes
    ----------
    kind : "recorded-notes"
        Which kind this is.
    phrases : RecordedPhrases
        Whose recordings play.
    dataset : DatasetConfiguration
        Gives pieces, clips and splits. Judges and methods of a run learn from it, on its soundfonts, unless
        the run has another one.
    draw : SuiteConfiguration
        How pairs are drawn.
    """

    kind: Literal["recorded-notes"]
    phrases: RecordedPhrases
    dataset: DatasetConfiguration = DatasetConfiguration()
    draw: SuiteConfiguration = SuiteConfiguration(soundfont=RECORDED)

    @model_validator(mode="after")
    def _check_soundfont(self) -> Self:
        if self.draw.soundfont != RECORDED:
            raise ValueError("recorded notes play the suite: leave out the soundfont in draw")
        return self

    def freeze(self, work: ClipWork, source: Path | None, learned: Collection[str]) -> FrozenPairs:
        """Sequence the phrases of all test pieces, and draw the pairs as a run does."""
        held = require_source(work.title, source)
        configuration = self.phrases.configuration(held, self.dataset)
        files = hash_files(held, self.phrases.files(held))
        pieces, pitch_range = choose_test_pieces(configuration, work)
        dataset = render_phrases(work, configuration, pieces, pitch_range)
        frozen = freeze_pairs(make_suite(dataset, self.draw, learned=learned))
        return frozen.model_copy(update={"files": files})

    def open_clips(self, title: str, root: Path, audio: str) -> Dataset:
        """Open the dataset that the phrases were rendered into; their recordings are not needed any more."""
        refuse_unnamed(title, audio)
        return as_recordings(Dataset.open(root))

    def make_clips(self, work: ClipWork, frozen: FrozenPairs, audio: str) -> Dataset:
        """Sequence the phrases of a frozen suite, or what is missing of them."""
        held = require_folder(work.title, audio)
        refuse_other_files(work.title, held, frozen.files, self.phrases.files(held))
        configuration = self.phrases.configuration(held, self.dataset)
        names = [clip.piece for clip in frozen.clips]
        pieces, pitch_range = plan_phrases(names, configuration, frozen.pitch_range, work)
        return render_phrases(work, configuration, pieces, pitch_range)
