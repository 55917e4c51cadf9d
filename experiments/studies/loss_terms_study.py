"""Which loss terms do best, the more content and style differ (Barry & Kim 2018, section 4.3, table 1).

Content is the beginning of *The Star-Spangled Banner* on a piano. The styles, all on a trumpet, differ from
it by more and more: the same tune; another tune in the same key; that tune in the farthest key and another
tempo; other music, a clip of the suite. Right would be the content's tune on the trumpet.

The six configurations are those of
:mod:`timbrebench.transfer.methods.multi_representation.loss_configurations`, named ``{content}/{style}``.
The submission's table says which work best for which kind of pair, by ear; what its sources say in words is
tested here: that content by the STFT suits pairs in one key, and content by mel bands pairs in two, and that
several representations together do better than one.

An output is as good as the harmonic mean of two figures: the judge's confidence in the trumpet, and the F1
of its transcribed notes against the content's. The authors listened for something else where keys
differ: the content's phrases in the style's key. Notes that have moved there count as lost here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from timbrebench.audio.clips import Samples, resample
from timbrebench.classifier import load_content_judge
from timbrebench.core.errors import ConfigurationError
from timbrebench.core.progress import Tracker
from timbrebench.datasets import Clip
from timbrebench.experiments.studies import key_invariance_study
from timbrebench.experiments.studies.playing import RATE, play
from timbrebench.experiments.studies.study import Study, StudyContext, StudyFinding, StudyResult
from timbrebench.experiments.studies.study_scores import metric_values, transfer
from timbrebench.experiments.studies.study_wording import format_distinct
from timbrebench.experiments.studies.verdicts import decided
from timbrebench.experiments.suites.melodies import (
    ODE_TEMPO,
    ODE_TO_JOY,
    ode_to_joy,
    star_spangled_banner,
    tune,
)
from timbrebench.metrics import Trial
from timbrebench.transfer.methods.multi_representation.loss_configurations import CONFIGURATIONS, TABLE_1
from timbrebench.transfer.methods.multi_representation.multi_representation import MultiRepresentation

#: The labels of content and style, and their General MIDI programs.
CONTENT, STYLE = ("piano", 0), ("trumpet", 56)

SAME_TUNE, SAME_KEY = "same tune", "same key"
OTHER_KEY, OTHER_MUSIC = "other key and tempo", "other music"

_DURATION_S = 4.0

#: From D to B flat, the content's key, and to E, the farthest from it.
_TO_SAME_KEY, _TO_OTHER_KEY = -4, 2

_METRICS = ("style_confidence", "note_f1", "log_stft_mse")

#: The figures of an output, and what they are called in the figure.
_TITLES = {
    "harmonic_mean": "harmonic mean of the next two",
    "style_confidence": "judge's confidence in the trumpet",
    "note_f1": "note F1",
    "log_stft_mse": "log-STFT MSE to the right output",
}

_COLOURS = ("#7F7F7F", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")


@dataclass(frozen=True)
class LossTermSettings:
    """How much is done: which configurations are compared, on pairs with which differences.

    `parameters` are settings of ``multi-representation``, but for configuration and weights. `style_weight`
    is that of every style term, None for the method's own; where it is given, sparsity has none.
    """

    parameters: Mapping[str, object] = field(default_factory=dict)
    style_weight: float | None = None
    configurations: tuple[str, ...] = TABLE_1
    differences: tuple[str, ...] = (SAME_TUNE, SAME_KEY, OTHER_KEY, OTHER_MUSIC)


SMALL = LossTermSettings(key_invariance_study.SMALL.parameters, style_weight=0.3)
PAPER = LossTermSettings()


def run(context: StudyContext, settings: LossTermSettings) -> StudyResult:
    """Transfer each pair with each configuration, and score the outputs."""
    check(context)
    soundfont = context.suite.configuration.playing_soundfont
    content = play(star_spangled_banner(), soundfont, CONTENT[1], _DURATION_S)
    target = play(star_spangled_banner(), soundfont, STYLE[1], _DURATION_S)
    rows = []
    steps = len(settings.differences) * len(settings.configurations)
    with Tracker("loss-terms", steps, "outputs") as tracker:
        for difference, style in _styles(context, settings.differences):
            untouched = _scores(context, content, content, style, target)
            rows.append({"pair": difference, "configuration": "untouched", **untouched})
            for name in settings.configurations:
                output = transfer(_method(name, settings), content, style, RATE)
                scores = _scores(context, output, content, style, target)
                rows.append({"pair": difference, "configuration": name, **scores})
                tracker.advance()
    table = pd.DataFrame(rows)
    return StudyResult(table, _figure(table), _text(table, settings), findings(table))


def check(context: StudyContext) -> None:
    """Raise a `ConfigurationError` if the judge does not know both instruments, or no style is a trumpet."""
    missing = [label for label, _ in (CONTENT, STYLE) if label not in context.judge.labels]
    if missing:
        raise ConfigurationError(
            f"the run's judge does not know {' and '.join(missing)}: take a run of the six instruments"
        )
    _other_music(context)


def _styles(context: StudyContext, differences: tuple[str, ...]) -> Iterator[tuple[str, Samples]]:
    """Yield what the styles play, at 22,050 Hz, by its difference from the content."""
    soundfont = context.suite.configuration.playing_soundfont
    slower = tune([(pitch + _TO_OTHER_KEY, beats) for pitch, beats in ODE_TO_JOY], 0.75 * ODE_TEMPO)
    tunes = {SAME_TUNE: star_spangled_banner(), SAME_KEY: ode_to_joy(_TO_SAME_KEY), OTHER_KEY: slower}
    for difference in differences:
        if difference == OTHER_MUSIC:
            clip = _other_music(context)
            yield difference, resample(context.clips.samples(clip), clip.sample_rate, RATE)
        else:
            yield difference, play(tunes[difference], soundfont, STYLE[1], _DURATION_S)


def _other_music(context: StudyContext) -> Clip:
    """Return the first clip of the suite's styles that is a trumpet's."""
    clips = [pair.style for pair in context.suite.pairs if pair.style.label == STYLE[0]]
    if not clips:
        raise ConfigurationError(f"the suite has no pair whose style is a {STYLE[0]}: take another run")
    return clips[0]


def _method(configuration: str, settings: LossTermSettings) -> MultiRepresentation:
    weights: dict[str, float] = {}
    if settings.style_weight is not None:
        _, style = CONFIGURATIONS[configuration]
        weights = {f"{name}_style": settings.style_weight for name in style} | {"sparsity": 0.0}
    return MultiRepresentation(configuration=configuration, weights=weights, **settings.parameters)


def _scores(
    context: StudyContext, output: Samples | None, content: Samples, style: Samples, target: Samples
) -> dict[str, float]:
    if output is None:
        return dict.fromkeys(_TITLES, math.nan)
    trial = Trial.of(
        output,
        content=content,
        style=style,
        reference=target,
        sample_rate=RATE,
        judge=context.judge,
        content_judge=load_content_judge(),
        notes=star_spangled_banner(),
        content_label=CONTENT[0],
        style_label=STYLE[0],
    )
    values = metric_values(trial, _METRICS)
    confidence, notes, _ = values.values()
    return {"harmonic_mean": _harmonic_mean(confidence, notes), **values}


def _harmonic_mean(first: float, second: float) -> float:
    """Return 0 where both figures are 0, and NaN where one is NaN."""
    return 0.0 if first == second == 0 else 2 * first * second / (first + second)


def _figure(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(10, 7), layout="constrained")
    names = list(dict.fromkeys(table.configuration))
    pairs = list(dict.fromkeys(table.pair))
    width = 0.8 / len(names)
    for axes, column in zip(figure.subplots(2, 2).ravel(), _TITLES, strict=True):
        for number, (name, colour) in enumerate(zip(names, ("#000000", *_COLOURS), strict=False)):
            values = table[table.configuration == name].set_index("pair")[column][pairs]
            places = np.arange(len(pairs)) + (number - (len(names) - 1) / 2) * width
            axes.bar(places, values, width, color=colour, label=name)
        axes.set_xticks(range(len(pairs)), [pair.replace(" and", "\nand") for pair in pairs])
        axes.set_ylabel(_TITLES[column])
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _means(table: pd.DataFrame, pairs: tuple[str, ...]) -> pd.Series:
    """Return each configuration's mean over pairs; NaN where one of its outputs has no score."""
    chosen = table[table.pair.isin(pairs) & (table.configuration != "untouched")]
    outputs = chosen.groupby("configuration", sort=False).harmonic_mean
    means: pd.Series = outputs.agg(lambda own: own.mean(skipna=False))
    return means


def findings(table: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge Barry & Kim's claims by a table as :func:`run` makes it, as far as it holds what they compare."""
    # The key of the other music is not known.
    same, other = _means(table, (SAME_TUNE, SAME_KEY)), _means(table, (OTHER_KEY,))
    every = _means(table, tuple(table.pair.unique()))
    by_stft, by_mel, single = "stft/stft+mel", "mel+cqt/stft+mel", "stft/stft"
    found = []
    for means, first, second, where in (
        (same, by_stft, by_mel, "In one key, content by the STFT does better than by mel bands and CQT"),
        (other, by_mel, by_stft, "In two keys, content by mel bands and CQT does better than by the STFT"),
    ):
        if {first, second} <= set(means.index):
            found.append(
                StudyFinding(
                    f"{where} (the authors' earlier article, 2017)",
                    decided(means[first] > means[second]),
                    f"Harmonic mean {_compared(means, first, second)}.",
                )
            )
    several = every.drop(single, errors="ignore").dropna()
    if single in every.index and len(several):
        best = str(several.idxmax())
        found.append(
            StudyFinding(
                "What does best uses several representations together (abstract)",
                decided(several[best] > every[single]),
                f"Mean over all pairs {_compared(every, best, single)}; "
                f"{int((several > every[single]).sum())} of {len(several)} are better.",
            )
        )
    return tuple(found)


def _compared(means: pd.Series, first: str, second: str) -> str:
    mean, other = format_distinct(means[first], means[second], decimals=2)
    return f"`{first}` {mean}, `{second}` {other}"


def _text(table: pd.DataFrame, settings: LossTermSettings) -> str:
    made = table[table.configuration != "untouched"]
    sentences = [_best(str(pair), own) for pair, own in made.groupby("pair", sort=False)]
    untouched = table[table.configuration == "untouched"].set_index("pair").log_stft_mse
    nearer = int((made.log_stft_mse.to_numpy() < untouched[made.pair].to_numpy()).sum())
    sentences.append(
        f"{nearer} of {len(made)} outputs are nearer to the right one, by their log-STFT, than the untouched "
        "content is. Notes count in the content's key: an output that moves them to the style's loses them."
    )
    if settings.style_weight is not None:
        sentences.append(f"Style terms have a weight of {settings.style_weight:g}, content terms of 1.")
    return " ".join(sentences)


def _best(pair: str, own: pd.DataFrame) -> str:
    """Say which configuration does best on a pair."""
    if not own.harmonic_mean.max() > 0:
        return f"{pair.capitalize()}: none brings the {STYLE[0]} and the notes together."
    best = own.iloc[int(own.harmonic_mean.argmax())]
    return (
        f"{pair.capitalize()}: `{best.configuration}` does best with a harmonic mean of "
        f"{best.harmonic_mean:.2f} (judge {best.style_confidence:.2f}, notes {best.note_f1:.2f})."
    )


STUDY = Study(
    name="loss-terms",
    question="Which loss terms do best, the more content and style differ?",
    source="Barry & Kim 2018, section 4.3",
    run=run,
    small=SMALL,
    paper=PAPER,
    check=check,
)
