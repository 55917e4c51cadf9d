"""Which loss terms suit which pairs (Barry & Kim 2018, section 4.3 and table 1).

The six configurations of the table, by their numbers, are those of
:mod:`timbrebench.transfer.methods.multi_representation.multi_representation`; the pairs are those of
:mod:`timbrebench.experiments.studies.loss_term_pairs`, four of each kind that the table names. The table says
what the authors heard. Here

- *success* is the harmonic mean of timbre and notes. Timbre is by which share an output's spectral envelope
  has come from the content's to that of the right output, the content's tune on the style's instrument (1
  minus the ratio of their MFCC distances, and 0 at least). Notes is the F1 of its transcription against the
  content's tune, in the best of 13 keys, since the authors want the content's phrases in the style's key;
- a configuration *works well* on pairs where its success is half that of the right output or more, and none
  does better by 0.1 or more; it *works best* where it does better than each of the others.

Beside the table the section makes two claims of its own. Many mel channels and residual blocks on the style
lead to a "mash-up", in which parts of the style lie over the content, and fewer channels prevent it: that
is the metric ``note_leakage``, the F1 of the output's transcription against the style's notes. Content by mel
bands leads to a breathy sound, and an L1 penalty on the log-magnitude STFT to less of it: that is the metric
``flatness_excess``.

Intervals are over contents: pairs that share theirs are averaged first.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from timbrebench.audio.clips import Samples
from timbrebench.classifier import load_content_judge
from timbrebench.core.progress import Tracker
from timbrebench.core.statistics.bootstrap import COVERAGE
from timbrebench.experiments.studies.librosa_rhythm import curve_error, mean_local_autocorrelation
from timbrebench.experiments.studies.loss_term_claims import (
    FEW_CHANNELS,
    FEW_CHANNELS_SHALLOW,
    MANY_CHANNELS,
    NUMBERS,
    RIGHT,
    UNTOUCHED,
    WITHOUT_PENALTY,
    LossTermTable,
    findings,
)
from timbrebench.experiments.studies.loss_term_pairs import (
    N_CONTENTS,
    PAIR_KINDS,
    PairKind,
    TunePair,
    tune_pairs,
)
from timbrebench.experiments.studies.loss_terms_figure import loss_terms_figure
from timbrebench.experiments.studies.playing import RATE, play
from timbrebench.experiments.studies.study import Study, StudyContext, StudyResult
from timbrebench.experiments.studies.study_scores import metric_values, transfer
from timbrebench.experiments.studies.study_wording import counted
from timbrebench.metrics import Trial
from timbrebench.metrics.sound import Sound
from timbrebench.metrics.timbre import mfcc_distance
from timbrebench.metrics.transcription import compare_notes
from timbrebench.transfer.methods.multi_representation.loss_configurations import (
    CONFIGURATIONS,
    configuration_name,
)
from timbrebench.transfer.methods.multi_representation.multi_representation import MultiRepresentation

#: Semitones by which the notes of an output may have moved.
_KEYS = range(-6, 7)

#: Seconds of every style: two periods of the long rhythm.
STYLE_S = 7.6

#: The figures of an output; the last two are metrics.
FIGURES = ("success", "timbre", "notes", "rhythm_error", "note_leakage", "flatness_excess")

_MOST_BANDS, _LEAST_BANDS = 512, 16


@dataclass(frozen=True)
class LossTermSettings:
    """How much is done.

    Contents last `duration_s` seconds. `parameters` are settings of ``multi-representation``, and
    `mel_network` of its mel network, but for configuration and weights; `style_weight` is the weight of every
    style term, None for the method's own. There are pairs of `kinds`, of the first `contents` contents.
    """

    duration_s: float
    parameters: Mapping[str, object] = field(default_factory=dict)
    mel_network: Mapping[str, object] = field(default_factory=dict)
    style_weight: float | None = None
    kinds: tuple[PairKind, ...] = PAIR_KINDS
    contents: int = N_CONTENTS


SMALL = LossTermSettings(
    duration_s=5.0,
    parameters={
        "sample_rate": 11_025,
        "n_fft": 1024,
        "hop_length": 256,
        "stft_network": {"n_filters": 128},
        "cqt_network": {"n_filters": 4, "n_bins": 72},
        "max_iterations": 100,
    },
    mel_network={"n_filters": 64},
    style_weight=0.3,
)
PAPER = LossTermSettings(duration_s=STYLE_S)


@dataclass(frozen=True)
class _Condition:
    """A row of the table: a configuration with other settings of the mel network or weights."""

    name: str
    configuration: str
    mel_network: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


_TABLE_1 = tuple(_Condition(number, number) for number in NUMBERS)

#: What is made of pairs of one kind beside the six.
_FURTHER: Mapping[PairKind, tuple[_Condition, ...]] = {
    "aligned": (
        _Condition(MANY_CHANNELS, "2", {"style_bands": _MOST_BANDS, "n_blocks": 2}),
        _Condition(FEW_CHANNELS, "2", {"style_bands": _LEAST_BANDS, "n_blocks": 2}),
        _Condition(FEW_CHANNELS_SHALLOW, "2", {"style_bands": _LEAST_BANDS, "n_blocks": 0}),
    ),
    "singing": (_Condition(WITHOUT_PENALTY, "4", weights={"sparsity": 0.0}),),
}


def run(context: StudyContext, settings: LossTermSettings) -> StudyResult:
    """Transfer each pair with each configuration, and say what the outputs show."""
    return result_of(transfer_pairs(context, settings))


def transfer_pairs(context: StudyContext, settings: LossTermSettings) -> pd.DataFrame:
    """Return a row for each output with its ``kind``, ``number``, ``condition`` and figures."""
    soundfont = context.suite.configuration.playing_soundfont
    rows = []
    steps = settings.contents * sum(len(_conditions(kind)) for kind in settings.kinds)
    with Tracker("loss-terms", steps, "outputs") as tracker:
        for pair in tune_pairs(settings.kinds, settings.contents):
            played = PlayedPair.of(pair, soundfont, settings.duration_s)
            place = {"kind": pair.kind, "number": pair.number}
            for name, samples in ((UNTOUCHED, played.content), (RIGHT, played.right)):
                rows.append({**place, "condition": name, **played.scores(samples)})
            for condition in _conditions(pair.kind):
                method = _method(condition, settings)
                started = time.process_time()
                output = transfer(method, played.content, played.style, RATE, seed=pair.number)
                seconds = time.process_time() - started
                rows.append(
                    {**place, "condition": condition.name, **played.scores(output), "seconds": seconds}
                )
                tracker.advance()
    return pd.DataFrame(rows)


def result_of(outputs: pd.DataFrame) -> StudyResult:
    """Make the result of the study of what :func:`transfer_pairs` returns."""
    table = outputs.drop(columns="number").groupby(["kind", "condition"], sort=False).mean().reset_index()
    return StudyResult(
        table,
        loss_terms_figure(LossTermTable(outputs)),
        _text(outputs),
        findings(outputs),
        {"outputs": outputs},
    )


def _conditions(kind: PairKind) -> tuple[_Condition, ...]:
    return (*_TABLE_1, *_FURTHER.get(kind, ()))


def _method(condition: _Condition, settings: LossTermSettings) -> MultiRepresentation:
    weights = dict(condition.weights)
    if settings.style_weight is not None:
        _, style = CONFIGURATIONS[configuration_name(condition.configuration)]
        weights |= {f"{name}_style": settings.style_weight for name in style}
    return MultiRepresentation(
        configuration=condition.configuration,
        mel_network={**settings.mel_network, **condition.mel_network},
        weights=weights,
        **settings.parameters,
    )


@dataclass(frozen=True, eq=False)
class PlayedPair:
    """A pair as sound at 22,050 Hz, with the right output: the content's notes on the style's instrument.

    The untouched content is the output of the `trial`.
    """

    content: Samples
    style: Samples
    right: Samples
    trial: Trial

    @classmethod
    def of(cls, pair: TunePair, soundfont: str, duration_s: float) -> PlayedPair:
        """Play a pair, the content for so many seconds."""
        content = play(pair.content.notes, soundfont, pair.content.program, duration_s)
        style = play(pair.style.notes, soundfont, pair.style.program, STYLE_S)
        right = play(pair.content.notes, soundfont, pair.style.program, duration_s)
        trial = Trial.of(
            content,
            content=content,
            style=style,
            sample_rate=RATE,
            content_judge=load_content_judge(),
            notes=pair.content.notes,
            style_notes=pair.style.notes,
        )
        return cls(content, style, right, trial)

    def scores(self, output: Samples | None) -> dict[str, float]:
        """Return the figures of an output, a clip of the content's length; NaN where it was refused."""
        if output is None:
            return dict.fromkeys(FIGURES, math.nan)
        trial = self.trial.with_output(output, RATE)
        right = Sound(self.right, RATE)
        distances = [mfcc_distance(clip, right) for clip in (trial.output, trial.content)]
        timbre = max(0.0, 1 - distances[0] / distances[1])
        notes = notes_in_any_key(trial)
        curves = (mean_local_autocorrelation(clip) for clip in (output, self.style))
        figures = (harmonic_mean(timbre, notes), timbre, notes, curve_error(*curves))
        return {**dict(zip(FIGURES, figures, strict=False)), **metric_values(trial, FIGURES[-2:])}


def notes_in_any_key(trial: Trial) -> float:
    """Return the F1 of the output's transcription against the content's notes, in the best of 13 keys."""
    assert trial.notes is not None  # noqa: S101 - every pair has them
    return max(
        compare_notes(
            trial.notes.assign(pitch=trial.notes.pitch + semitones),
            trial.output.transcription,
            end_s=trial.content.duration_s,
            truth_name="the true notes of the content",
        ).f1
        for semitones in _KEYS
    )


def harmonic_mean(first: float, second: float) -> float:
    """Return 0 where both are 0."""
    return 0.0 if first == second == 0 else 2 * first * second / (first + second)


def _text(outputs: pd.DataFrame) -> str:
    table = LossTermTable(outputs)
    untouched = table.values("success", UNTOUCHED, table.kinds).mean()
    right = table.values("success", RIGHT, table.kinds).mean()
    return (
        f"Means over {counted(outputs.number.nunique(), 'content')}, and {COVERAGE:.0%} intervals over them. "
        f"The untouched content has a success of {untouched:.2f}, the right output {right:.2f}. "
        "`rhythm_error` is the distance of the mean local autocorrelation from the style's, `note_leakage` "
        "the F1 of the style's notes, `flatness_excess` the wide-band noise that neither content nor style "
        "has, in decibels, and `seconds` CPU time for an output on the machine that made this page."
    )


_PAIRS = (
    "Tunes rendered with a soundfont instead of commercial songs, a choir of General MIDI for singers and no "
    "drums; figures instead of the authors' ears."
)

STUDY = Study(
    name="loss-terms",
    question="Which loss terms suit which pairs?",
    source="Barry & Kim 2018, section 4.3 and table 1",
    run=run,
    small=SMALL,
    paper=PAPER,
    small_limit="So few filters and iterations cannot refute it.",
    changes={
        "small": f"{_PAIRS} 128 filters of 4,096 on the STFT, 64 of 1,025 on mel bands and 4 of 256 on the "
        "CQT of 72 bins, at 11,025 Hz, style weights of 0.3 in place of 50, 100 iterations of L-BFGS.",
        "paper": _PAIRS,
    },
)
