"""Which content representations do not depend on the key (Barry & Kim 2018, section 4.2, figure 5).

Content is the beginning of *The Star-Spangled Banner* in its own key; style is the same, by the same piano,
in each of the thirteen keys up to six semitones away. A representation of the content that does not hold on
to its key leaves that to the style, and the output is the style's own signal: the error is the metric
``key_invariance_mse``, of the log-magnitude STFT of output and style. Where the keys agree, content and
style are one and the same signal.

The content is compared by the STFT, and in the three ways that the text proposes: by few mel bands, by the
CQT with pooling over pitch, and by both. Section 4.2 does not say which style terms there were. Here they are
those of the configurations 2 (``stft/stft+mel``) and 5 (``mel+cqt/stft+mel``), of which the text says that
the first works where keys are aligned and the second on almost all examples: the two differ in the content
alone, and so there is no penalty for what is not sparse, which the method has by default where mel bands are
the content.

Every output is made with several seeds, which draw networks and starts. Differences from the STFT are taken
with one seed, and so with the same networks for the style, and the same start; their deviation over seeds is
estimated from all keys together, since a key has too few. Beside the error stands what it comes from: by how
much of their norm the content's features change from key to key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations, permutations, product

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from timbrebench.audio.clips import Samples, resample
from timbrebench.core.progress import Tracker
from timbrebench.core.statistics.bootstrap import COVERAGE
from timbrebench.experiments.studies.playing import RATE, play
from timbrebench.experiments.studies.study import Study, StudyContext, StudyFinding, StudyResult
from timbrebench.experiments.studies.study_scores import transfer
from timbrebench.experiments.studies.study_wording import counted, listed, with_interval
from timbrebench.experiments.studies.verdicts import Verdict, all_positive, pooled_intervals
from timbrebench.experiments.suites.melodies import star_spangled_banner
from timbrebench.metrics.sound import Sound
from timbrebench.metrics.target import log_spectral_mse
from timbrebench.transfer.methods.multi_representation.multi_representation import MultiRepresentation

#: Conditions, and the representations that the content is compared by.
CONTENTS: Mapping[str, tuple[str, ...]] = {
    "STFT": ("stft",),
    "mel": ("mel",),
    "CQT": ("cqt",),
    "mel + CQT": ("mel", "cqt"),
}

#: The ones that the text proposes.
PROPOSED = ("mel", "CQT", "mel + CQT")

#: Semitones from the content to the style.
TRANSPOSITIONS = tuple(range(-6, 7))

_ERROR = "key_invariance_mse"
_DURATION_S = 4.0
_PIANO = 0
_COLOURS = dict(zip(CONTENTS, ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), strict=True))


@dataclass(frozen=True)
class KeySettings:
    """How much is done.

    The style is moved by the semitones of `transpositions`, 0 among them, and every output is made with each
    of `seeds`, at least two. `parameters` are settings of ``multi-representation``, but for configuration and
    weights; `weights` those of style and sparsity, where they are not the method's own. So few iterations as
    on two cores follow the content only with less weight on the style.
    """

    transpositions: tuple[int, ...] = TRANSPOSITIONS
    seeds: tuple[int, ...] = (0, 1, 2)
    parameters: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


SMALL = KeySettings(
    parameters={
        "sample_rate": 11_025,
        "n_fft": 1024,
        "hop_length": 256,
        "stft_network": {"n_filters": 128},
        "mel_network": {
            "n_filters": 64,
            "kernel_width": 16,
            "block_width": 8,
            "content_bands": 16,
            "style_bands": 128,
        },
        "cqt_network": {"n_filters": 6, "kernel_width": 7, "n_blocks": 1, "n_bins": 72},
        "max_iterations": 100,
    },
    weights={"stft_style": 0.3, "mel_style": 0.3, "sparsity": 0.0},
)
PAPER = KeySettings(weights={"sparsity": 0.0})


def run(context: StudyContext, settings: KeySettings) -> StudyResult:
    """Transfer every key to the tune in its own, with each kind of content and each seed."""
    soundfont = context.suite.configuration.playing_soundfont
    content = _tune(soundfont, 0)
    methods = {name: _method(representations, settings) for name, representations in CONTENTS.items()}
    rows = []
    steps = len(settings.transpositions) * len(methods) * len(settings.seeds)
    with Tracker("key-invariance", steps, "outputs") as tracker:
        for transposition in settings.transpositions:
            style = _tune(soundfont, transposition)
            untouched = log_spectral_mse(Sound(content, RATE), Sound(style, RATE))
            for (name, method), seed in product(methods.items(), settings.seeds):
                rows.append(
                    {
                        "content": name,
                        "transposition": transposition,
                        "seed": seed,
                        _ERROR: _error(method, content, style, seed),
                        "untouched_mse": untouched,
                        "feature_change": _feature_change(method, content, style, seed),
                    }
                )
                tracker.advance()
    outputs = pd.DataFrame(rows)
    table = over_seeds(outputs)
    return StudyResult(table, _figure(outputs), _text(outputs), findings(outputs), {"outputs": outputs})


def _tune(soundfont: str, transposition: int) -> Samples:
    return play(star_spangled_banner(transposition), soundfont, _PIANO, _DURATION_S)


def _method(representations: tuple[str, ...], settings: KeySettings) -> MultiRepresentation:
    """Make the method with configuration 2 or 5; of the content, with these representations alone."""
    configuration, own = (2, ("stft",)) if representations == ("stft",) else (5, ("mel", "cqt"))
    left_out = {f"{name}_content": 0.0 for name in set(own) - set(representations)}
    weights = {**left_out, **settings.weights}
    return MultiRepresentation(configuration=configuration, weights=weights, **settings.parameters)


def _error(method: MultiRepresentation, content: Samples, style: Samples, seed: int) -> float:
    output = transfer(method, content, style, RATE, seed=seed)
    return math.nan if output is None else log_spectral_mse(Sound(output, RATE), Sound(style, RATE))


def _feature_change(method: MultiRepresentation, content: Samples, style: Samples, seed: int) -> float:
    """Return the root mean square, over representations, of the change as a share of the content's norm."""
    losses = method.losses(seed, torch.device("cpu"))
    own, changed = (
        losses.contents(torch.from_numpy(samples / np.abs(samples).max()))
        for samples in (resample(clip, RATE, method.parameters.sample_rate) for clip in (content, style))
    )
    shares = [float((changed[name] - own[name]).norm() / own[name].norm()) for name in own]
    return float(np.sqrt(np.mean(np.square(shares))))


def over_seeds(outputs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each content and key: means over the seeds, and the deviation of the error."""
    conditions = outputs.groupby(["content", "transposition"], sort=False)
    means: pd.DataFrame = conditions[[_ERROR, "untouched_mse", "feature_change"]].mean()
    means.insert(1, "seed_sd", conditions[_ERROR].std())
    return means.reset_index()


def _figure(outputs: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, points in outputs.groupby("content", sort=False):
        keys = points.groupby("transposition")
        errors, colour = keys[_ERROR], _COLOURS[str(name)]
        left.plot(errors.mean(), "o-", color=colour, markersize=4, label=str(name))
        left.fill_between(errors.mean().index, errors.min(), errors.max(), color=colour, alpha=0.2, lw=0)
        right.plot(keys.feature_change.mean(), "o-", color=colour, markersize=4)
    left.plot(outputs.groupby("transposition").untouched_mse.first(), "k:", label="untouched content")
    left.set(ylabel="log-STFT MSE of output and style,\nmean and range over seeds", ylim=(0, None))
    right.set(ylabel="change of the content's features", ylim=(0, None))
    for axes in (left, right):
        axes.set(xlabel="transposition of the style in semitones")
        axes.set_xticks(sorted(outputs.transposition.unique()))
        axes.grid(alpha=0.3)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def findings(outputs: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge Barry & Kim's claims by a table of outputs as :func:`run` makes it."""
    errors = outputs.pivot_table(
        index=["content", "transposition"], columns="seed", values=_ERROR, dropna=False, sort=False
    )
    contents, keys = errors.index.get_level_values("content"), errors.index.get_level_values("transposition")
    own, other = (
        {name: errors[(contents == name) & is_chosen].droplevel("content") for name in CONTENTS}
        for is_chosen in (keys == 0, keys != 0)
    )
    return (_lower_than_stft(other), _no_clear_best(other), _less_effect(own, other))


def _lower_than_stft(other: Mapping[str, pd.DataFrame]) -> StudyFinding:
    leads = {name: other["STFT"] - other[name] for name in PROPOSED}
    comparisons = sum(len(lead) for lead in leads.values())
    counts = []
    for name, lead in leads.items():
        lower, higher = _signs(lead, comparisons)
        counts.append(f"{name} lower in {lower} of {len(lead)} keys and higher in {higher}")
    holds = all((_interval_of(lead)[0] > 0).all() for lead in leads.values())
    fails = any((_interval_of(lead, comparisons)[1] < 0).any() for lead in leads.values())
    means = ", ".join(f"{name} {errors.to_numpy().mean():.3f}" for name, errors in other.items())
    return StudyFinding(
        "In every other key, all proposed representations of the content give a lower error than the STFT",
        _verdict(holds=holds, fails=fails),
        f"Against the STFT, by 95% intervals of the difference, those of a higher error at the family-wise "
        f"rate of {comparisons} comparisons: {'; '.join(counts)}. Mean errors: {means}.",
    )


def _no_clear_best(other: Mapping[str, pd.DataFrame]) -> StudyFinding:
    """Judge by whether each of the three is beaten by another in some key, or one beats both in all."""
    leads = {pair: other[pair[1]] - other[pair[0]] for pair in permutations(PROPOSED, 2)}
    comparisons = sum(len(lead) for lead in leads.values())
    ahead = {pair: int((_interval_of(lead, comparisons)[0] > 0).sum()) for pair, lead in leads.items()}
    beaten = {name: any(ahead[rival, name] for rival in PROPOSED if rival != name) for name in PROPOSED}
    best = [
        name
        for name in PROPOSED
        if all((_interval_of(leads[name, rival])[0] > 0).all() for rival in PROPOSED if rival != name)
    ]
    counts = (f"{name} than {rival} in {count}" for (name, rival), count in ahead.items())
    return StudyFinding(
        "None of the three proposed representations is clearly the best",
        _verdict(holds=all(beaten.values()), fails=bool(best)),
        f"Of {len(other['STFT'])} other keys, an error is lower, by intervals for {comparisons} comparisons, "
        f"with {listed(list(counts))}.",
    )


def _less_effect(own: Mapping[str, pd.DataFrame], other: Mapping[str, pd.DataFrame]) -> StudyFinding:
    """Judge by whether the error rises less by more than what two seeds in one key differ by."""
    floor = seed_difference(pd.concat([*own.values(), *other.values()]))
    rises = {name: other[name].to_numpy().mean(axis=0) - own[name].to_numpy()[0] for name in CONTENTS}
    shown = ", ".join(
        f"{name} {rise.mean():.3f} from {own[name].to_numpy().mean():.3f}" for name, rise in rises.items()
    )
    leads = ", ".join(f"{name} {with_interval(rises['STFT'] - rises[name], decimals=3)}" for name in PROPOSED)
    return StudyFinding(
        "Changing the key has less of an effect on the proposed representations than on the STFT",
        all_positive([rises["STFT"] - rises[name] - floor for name in PROPOSED]),
        f"From the own key to the mean of the others the error rises by {shown} in the own key, over "
        f"{counted(len(rises['STFT']), 'seed')}. Less than with the STFT: {leads}; up to {floor:.3f}, what "
        "two seeds in one key differ by, counts as no effect.",
    )


def seed_difference(errors: pd.DataFrame) -> float:
    """Return by how much two seeds' errors differ, on average over the rows: a key with a content each.

    NaN where there is one seed, or an error is missing.
    """
    pairs = list(combinations(errors.to_numpy().T, 2))
    return float(np.mean([np.abs(one - other) for one, other in pairs])) if pairs else math.nan


def _interval_of(leads: pd.DataFrame, comparisons: int = 1) -> tuple[pd.Series, pd.Series]:
    """Return the intervals of each key's mean lead, all at the family-wise error rate of so many."""
    low, high = pooled_intervals(leads.to_numpy(), 1 - (1 - COVERAGE) / comparisons)
    return pd.Series(low, leads.index), pd.Series(high, leads.index)


def _signs(leads: pd.DataFrame, comparisons: int) -> tuple[int, int]:
    """Count the keys whose interval lies above 0, and those whose interval for all comparisons lies below."""
    return int((_interval_of(leads)[0] > 0).sum()), int((_interval_of(leads, comparisons)[1] < 0).sum())


def _verdict(*, holds: bool, fails: bool) -> Verdict:
    return "held" if holds else "did not hold" if fails else "not decided"


def _text(outputs: pd.DataFrame) -> str:
    table = over_seeds(outputs)
    means = table[table.transposition != 0].groupby("content", sort=False)[[_ERROR, "untouched_mse"]].mean()
    own = table[table.transposition == 0].set_index("content")[_ERROR]
    changes = table[table.transposition != 0].groupby("content", sort=False).feature_change.mean()
    nearer = int((means[_ERROR] < means.untouched_mse).sum())
    return (
        f"{counted(table.transposition.nunique(), 'key')}, {counted(outputs.seed.nunique(), 'seed')}. In the "
        f"own key the errors are {', '.join(f'{error:.3f} ({name})' for name, error in own.items())}. In "
        f"others the untouched content is {means.untouched_mse.iloc[0]:.3f} from the style, which {nearer} "
        f"of {len(means)} mean errors undercut: noise that an optimisation leaves counts as an error, too. "
        "From key to key the features of the content change by "
        f"{', '.join(f'{share:.0%} ({name})' for name, share in changes.items())} of their norm."
    )


_ALWAYS = (
    "The text names neither synthesizer nor instrument, nor the voices of its score, nor the style's terms; "
    "here the suite's soundfont plays the tune alone on a piano, and the style is compared by STFT and mel "
    "bands (configurations 2 and 5), without a penalty for what is not sparse."
)

STUDY = Study(
    name="key-invariance",
    question="Which representations of the content do not depend on its key?",
    source="Barry & Kim 2018, section 4.2",
    run=run,
    small=SMALL,
    paper=PAPER,
    small_limit="So few filters and iterations cannot refute it.",
    changes={
        "small": f"{_ALWAYS} 11,025 Hz instead of 22,050; 128 filters on the STFT instead of 4,096; 64 on "
        "mel bands instead of 1,025, with kernels of 16 frames instead of 50, and 128 bands of style instead "
        "of 512; 6 on the CQT instead of 256, of 7 by 7 instead of 11 by 11, and 72 bins instead of 86; 100 "
        "iterations; weights of 0.3 for style.",
        "paper": _ALWAYS,
    },
)
