"""A transfer that failed whatever its authors tried, what they blame, and what makes the same data work.

The multi-instrument report (2023, section V) optimises a spectrogram by the features of a network that
classifies instruments (``classifier-features``), and finds nothing transferred: not after 300 iterations nor
after 3,000, not from noise, the content or the style, not with total variation or other weights. Ulyanov &
Lebedev's own method (``ulyanov``) did not work on that data either, and the report suspects that its audio,
synthesised from MIDI, is too perfect.

Each of these is changed alone, and so is the optimiser: the report takes Adam and names L-BFGS as the
alternative. What the authors' code does otherwise than their text has conditions of its own, above all arrays
that are reshaped where they should be transposed. The same notes are also played by recordings of single
notes, where the caller has a folder of them: that takes the synthesised timbre away, not the exact timing.
The same pairs are given to methods that came later: the closed form of a random convolution
(``wide-limit``), and one that reads the notes and plays them again (``reinstrument``).

An output counts as a transfer where the judge predicts the style's instrument and at least half of the
content's notes are kept: its note F1 is half of the reference's or more. Where the judge does not know the
instrument in the reference, it cannot tell, and the output does not count.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from timbrebench.core.progress import Tracker
from timbrebench.experiments.studies.failure_cases import (
    RECORDED_NOTES,
    RENDERINGS,
    FailureCase,
    comparable_pairs,
    recorded_cases,
    rendered_cases,
)
from timbrebench.experiments.studies.failure_conditions import (
    FAILED,
    PAPER,
    SMALL,
    ULYANOV_ITERATIONS,
    FailureSettings,
)
from timbrebench.experiments.studies.failure_figure import FailurePanels, draw_failure
from timbrebench.experiments.studies.failure_findings import by_condition, count_of, findings
from timbrebench.experiments.studies.failure_map import loss_curve, loss_map
from timbrebench.experiments.studies.failure_transfers import (
    UNTOUCHED,
    logged_transfer,
    ready,
    scored,
    untouched,
)
from timbrebench.experiments.studies.share_verdicts import share_interval
from timbrebench.experiments.studies.study import Study, StudyContext, StudyResult
from timbrebench.experiments.studies.study_wording import counted, listed

#: Columns of which the table has means.
_MEANS = (
    "style_accuracy",
    "content_label_share",
    "seen_as_style",
    "seen_as_content",
    "note_f1",
    "gain_db",
    "loss_fall",
)


def run(context: StudyContext, settings: FailureSettings) -> StudyResult:
    """Transfer all pairs in every condition, the first of which is the published one."""
    rendered = rendered_cases(context, comparable_pairs(context))
    outputs = _outputs(context, settings, rendered)
    weights = loss_map(context, rendered[0], settings.base, settings.map_iterations)
    parameters = {**settings.base, "iterations": settings.more_iterations}
    logged = logged_transfer(context, rendered[0], parameters, keep=[settings.iterations])
    curve = loss_curve(logged)
    table = summary(outputs)
    return StudyResult(
        table,
        draw_failure(FailurePanels.of(outputs, weights, curve, logged, settings.iterations)),
        text_of(outputs),
        findings(outputs, weights, full_size=settings.full_size),
        {"outputs": outputs, "map": weights, "curve": curve},
    )


def _outputs(
    context: StudyContext, settings: FailureSettings, rendered: Sequence[FailureCase]
) -> pd.DataFrame:
    recorded = recorded_cases(context, rendered)
    rows = [untouched(case) for case in (*rendered, *recorded)]
    cases = [
        (condition, [*rendered, *(recorded if condition.recorded else ())])
        for condition in settings.conditions
    ]
    with Tracker("failure", sum(len(own) for _, own in cases), "outputs") as tracker:
        for condition, own in cases:
            method = ready(context, condition)
            for case in own:
                rows.append(scored(condition, method, case))
                tracker.advance()
    return pd.DataFrame(rows)


def summary(outputs: pd.DataFrame) -> pd.DataFrame:
    """Return the study's table by that of its outputs: one row for each condition and what plays the notes.

    ``transfers`` of ``decidable`` outputs, with the interval of their share; means over all outputs of the
    other columns. ``seen_as_style`` and ``seen_as_content`` are what the network says of the optimised
    spectrogram, ``style_accuracy`` and ``content_label_share`` what the judge says of the output.
    """
    rows = []
    for name, own in by_condition(outputs):
        transfers, decidable = count_of(own)
        low, high = share_interval(transfers, decidable)
        rows.append(
            {
                "condition": name,
                "outputs": len(own),
                "decidable": decidable,
                "transfers": transfers,
                "share_low": low,
                "share_high": high,
                **{column: float(own[column].mean()) for column in _MEANS},
            }
        )
    return pd.DataFrame(rows)


def text_of(outputs: pd.DataFrame) -> str:
    """Say what stands out, by the table of outputs."""
    own = outputs[outputs.method == FAILED]
    rendered = own[own.sounds == RENDERINGS]
    means = rendered.groupby("condition", sort=False)[["style_accuracy", "note_f1"]].mean().reset_index()
    style = means.iloc[int(means.style_accuracy.argmax())]
    notes = means.iloc[int(means.note_f1.argmax())]
    plain = outputs[outputs.condition == UNTOUCHED]
    decidable = int(plain[plain.sounds == RENDERINGS].decidable.sum())
    sentences = [
        f"{counted(rendered.pair.nunique(), 'pair')}; of {decidable} the judge can tell: it knows the "
        "style's instrument in the reference.",
        f"Of the settings of `{FAILED}`, '{style.condition}' brings most style (accuracy "
        f"{style.style_accuracy:.2f}, note F1 {style.note_f1:.2f}) and '{notes.condition}' keeps most notes "
        f"(note F1 {notes.note_f1:.2f}, accuracy {notes.style_accuracy:.2f}); the untouched content has a "
        f"note F1 of {plain.note_f1.mean():.2f}.",
    ]
    recorded = plain[plain.sounds == RECORDED_NOTES]
    if len(recorded):
        sentences.append(
            f"{len(recorded)} of the pairs are played by recorded notes as well; the judge knows the style's "
            f"instrument in {int(recorded.decidable.sum())} of their references. The recordings are those of "
            f"{listed(sorted(set(', '.join(recorded.recordings).split(', '))))}."
        )
    else:
        sentences.append("Recorded notes were not at hand, so that only renderings are tried.")
    return " ".join(sentences)


STUDY = Study(
    name="failure",
    question="Why did a trained network transfer nothing, and what makes the same data work?",
    source="multi-instrument report 2023",
    run=run,
    small=SMALL,
    paper=PAPER,
    pairs=6,
    paper_pairs=30,
    changes={
        "small": f"{SMALL.more_iterations:,} iterations for 3,000 where more are tried, "
        f"{SMALL.map_iterations} for 1,000 in the map, windows of 1,024 samples for 2,048, and clips as long "
        "as the suite's for 10 s. "
        f"`ulyanov` stops after {ULYANOV_ITERATIONS} of its authors' 300 iterations and has their settings "
        "otherwise, 4,096 filters over 11 frames among them. The network that is "
        "optimised over learns one soundfont. The run's judge decides, beside that network.",
        "paper": "Clips as long as the suite's for 10 s. The run's judge decides, beside the network that is "
        "optimised over.",
    },
    takes_data="recorded notes",
)
