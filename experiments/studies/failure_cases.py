"""The clips of the study of the failed transfer: pairs as rendered, and the same notes in recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import pandas as pd

from timbrebench.audio.clips import Samples
from timbrebench.audio.loudness import rms
from timbrebench.classifier import load_content_judge
from timbrebench.core.errors import DatasetError
from timbrebench.core.progress import log
from timbrebench.datasets import Clip
from timbrebench.datasets.notes import read_notes
from timbrebench.datasets.rendering.window_rendering import notes_near, render_window
from timbrebench.datasets.soundfonts.recorded_takes import sources_by_program
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont
from timbrebench.experiments.studies.study import StudyContext, chosen_pairs
from timbrebench.experiments.studies.study_scores import metric_values, untouched_trial
from timbrebench.experiments.suites.suite import Pair
from timbrebench.metrics import Trial

#: The metric of distances from the reference.
DISTORTION = "mel_cepstral_distortion"

#: What plays the notes of a pair.
Sounds = Literal["renderings", "recorded notes"]
RENDERINGS: Final = "renderings"
RECORDED_NOTES: Final = "recorded notes"


@dataclass(frozen=True)
class FailureCase:
    """A pair with its clips.

    Attributes
    ----------
    pair : Pair
        The pair.
    seed : int
        Of the methods' draws: the number of the pair, so that pairs do not share their noise.
    sounds : {"renderings", "recorded notes"}
        What plays the notes.
    trial : Trial
        Whose output is the untouched content.
    recordings : str
        Sources of the recorded notes, by the manifest, separated by commas; empty for renderings.
    """

    pair: Pair
    seed: int
    sounds: Sounds
    trial: Trial
    recordings: str = ""

    @cached_property
    def reference_scores(self) -> dict[str, float]:
        """Scores of the reference: ``style_accuracy`` and ``note_f1``."""
        reference = self.trial.reference
        assert reference is not None  # noqa: S101 - pairs without one are refused before
        trial = self.trial.with_output(reference.samples, reference.sample_rate)
        return metric_values(trial, ("style_accuracy", "note_f1"))

    @cached_property
    def distortion_db(self) -> float:
        """Mel-cepstral distortion of the untouched content against the reference."""
        return metric_values(self.trial, (DISTORTION,))[DISTORTION]


def comparable_pairs(context: StudyContext) -> list[Pair]:
    """Return the pairs that the study takes, spread evenly over the suite.

    Where the context has recorded notes, over those of its pairs that they can play; if these are too few,
    others follow.
    """
    if context.recorded_notes is None:
        return chosen_pairs(context)
    player = find_soundfont(str(context.recorded_notes)).player()

    def can_play(pair: Pair) -> bool:
        return all(
            _notes(context, clip).pitch.isin(player.sounding_pitches(clip.program)).all()
            for clip in (pair.content, pair.style, pair.target)
        )

    playable = [pair for pair in context.suite.pairs if can_play(pair)]
    log(f"{len(playable)} of {len(context.suite.pairs)} pairs can be played by {context.recorded_notes}")
    spread = replace(context.suite, pairs=tuple(playable)).spread_pairs(context.pairs)
    others = [pair for pair in context.suite.pairs if pair not in playable]
    return [*spread, *others[: context.pairs - len(spread)]]


def _notes(context: StudyContext, clip: Clip) -> pd.DataFrame:
    return notes_near(read_notes(context.clips.notes_path(clip.piece)), clip)


def rendered_cases(context: StudyContext, pairs: Sequence[Pair]) -> list[FailureCase]:
    """Return pairs with the clips of the suite."""
    return [
        FailureCase(pair, seed, RENDERINGS, untouched_trial(context, pair)) for seed, pair in enumerate(pairs)
    ]


def recorded_cases(context: StudyContext, rendered: Sequence[FailureCase]) -> list[FailureCase]:
    """Return the cases whose notes the context's recorded notes can play, played by them.

    The notes are the same at the same times, and each clip is as loud as its rendering. A case that has notes
    for which there are no recordings is left out, which is logged; without recorded notes all are.
    """
    if context.recorded_notes is None:
        return []
    sources = sources_by_program(context.recorded_notes)
    cases = []
    for case in rendered:
        try:
            trial = _recorded(context, case)
        except DatasetError as error:
            log(f"pair {case.pair.pair_id} is not played by recorded notes: {error}")
            continue
        names = sorted({sources[clip.program] for clip in (case.pair.content, case.pair.style)})
        cases.append(FailureCase(case.pair, case.seed, RECORDED_NOTES, trial, ", ".join(names)))
    return cases


def _recorded(context: StudyContext, case: FailureCase) -> Trial:
    player = find_soundfont(str(context.recorded_notes)).player()

    def played(clip: Clip) -> tuple[Samples, int]:
        level = rms(context.clips.samples(clip))
        return render_window(player, _notes(context, clip), clip, level=level), clip.sample_rate

    pair, trial = case.pair, case.trial
    content = played(pair.content)
    return Trial.assemble(
        {
            "output": content,
            "content": content,
            "style": played(pair.style),
            "reference": played(pair.target),
        },
        judge=context.judge,
        content_judge=load_content_judge(),
        notes=trial.notes,
        style_notes=trial.style_notes,
        content_label=pair.content.label,
        style_label=pair.style.label,
    )
