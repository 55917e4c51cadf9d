"""Verdicts on what the multi-instrument report claims of its failed transfer, by the tables of outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from timbrebench.experiments.studies.failure_cases import RECORDED_NOTES, RENDERINGS
from timbrebench.experiments.studies.failure_conditions import (
    CODE,
    CONTENT_ONLY,
    FAILED,
    FROM_CONTENT,
    FROM_STYLE,
    MORE_ITERATIONS,
    PUBLISHED,
    RESHAPED,
    ULYANOV,
    ULYANOV_ITERATIONS,
    VARIATION,
)
from timbrebench.experiments.studies.failure_transfers import SETTLED_AFTER
from timbrebench.experiments.studies.share_verdicts import (
    Count,
    most_verdict,
    nothing_verdict,
    share_interval,
    something_verdict,
)
from timbrebench.experiments.studies.study import StudyFinding
from timbrebench.experiments.studies.study_wording import counted, listed, with_interval
from timbrebench.experiments.studies.verdicts import Floats, Verdict, decided, interval_verdict, mean_interval

#: What a claim is measured by where the report gives no figure: the share of a loss that an optimisation that
#: works takes away; the share that it takes away where it hardly moves any more; and the share of the
#: distance from content to style within which a spectrogram stays at its start.
_OPTIMISED, _HARDLY, _STAYS = 0.9, 0.05, 0.5

#: Difference of note F1 up to which two outputs have kept as many of the content's notes.
_ALIKE = 0.1

#: What :func:`nothing_verdict` asks for.
_NOTHING = (
    "Nothing is transferred where no output is a transfer and, in each setting, the 95% interval of the "
    "share lies below a half."
)

#: Why a stopped optimisation does not show that a method fails.
_STOPPED = f"{ULYANOV_ITERATIONS} iterations are too few to show that it does not work."


def findings(outputs: pd.DataFrame, weights: pd.DataFrame, *, full_size: bool) -> tuple[StudyFinding, ...]:
    """Judge each claim of section V, and what explains the failure.

    Parameters
    ----------
    outputs : pandas.DataFrame
        One row for each output, as :func:`~timbrebench.experiments.studies.failure_transfers.scored` has it.
    weights : pandas.DataFrame
        The map of :func:`~timbrebench.experiments.studies.failure_map.loss_map`.
    full_size : bool
        Whether ``ulyanov`` had all its iterations. Where it was stopped, that it does not converge or
        transfers nothing is not decided.
    """
    rendered = outputs[outputs.sounds == RENDERINGS]
    chance = chance_of(outputs)
    return (
        _nothing(rendered, chance),
        _seen_as_content(rendered),
        _settles(rendered),
        _content_only(rendered),
        _from_content(rendered),
        _stays_at_style(rendered),
        _variation(rendered),
        _map(weights),
        *_ulyanov(rendered, chance, full_size=full_size),
        _recorded(outputs, chance),
        _reshaped(rendered, chance),
        _others(rendered, chance),
    )


def chance_of(outputs: pd.DataFrame) -> float:
    """Return the share of outputs that a judge takes for the style's by guessing among other instruments."""
    labels = {*outputs.content_label, *outputs.style_label}
    return 1 / max(len(labels) - 1, 1)


def count_of(outputs: pd.DataFrame) -> Count:
    """Return how many outputs are transfers, and of how many the judge can tell."""
    can_tell = outputs[outputs.decidable.astype(bool)]
    return int(can_tell.transferred.sum()), len(can_tell)


def _counts(outputs: pd.DataFrame, conditions: Sequence[str]) -> list[Count]:
    return [count_of(outputs[outputs.condition == name]) for name in conditions]


def _written(outputs: pd.DataFrame, conditions: Sequence[str]) -> str:
    """Write the transfers of conditions, each with its interval."""
    parts = []
    for name, count in zip(conditions, _counts(outputs, conditions), strict=True):
        low, high = share_interval(*count)
        parts.append(f"`{name}` {count[0]} of {count[1]} ({low:.0%} to {high:.0%})")
    return listed(parts)


def _conditions(outputs: pd.DataFrame, keep: Callable[[pd.DataFrame], pd.Series]) -> list[str]:
    return list(dict.fromkeys(outputs[keep(outputs)].condition))


def _nothing(rendered: pd.DataFrame, chance: float) -> StudyFinding:
    names = _conditions(rendered, lambda table: (table.method == FAILED) & (table.condition != CONTENT_ONLY))
    counts = _counts(rendered, names)
    most = max(range(len(names)), key=lambda place: counts[place][0])
    total, pairs = sum(count for count, _ in counts), max(number for _, number in counts)
    figures = f"{counted(len(names), 'setting')} on {counted(pairs, 'pair')}: {counted(total, 'transfer')}"
    figures += f"; at most with {_written(rendered, [names[most]])}." if total else _at_most(counts)
    return StudyFinding(
        "Nothing is transferred, whatever is changed: iterations, starting point, total variation, weights "
        "(V-B), and, which the report does not say, optimiser or layout of the arrays",
        nothing_verdict(counts, chance),
        f"{figures} {_NOTHING}",
    )


def _at_most(counts: Sequence[Count]) -> str:
    upper = max(share_interval(*count)[1] for count in counts)
    return f"; in each setting the share is at most {upper:.0%}, by its 95% interval."


def _seen_as_content(rendered: pd.DataFrame) -> StudyFinding:
    rows = rendered[(rendered.condition == MORE_ITERATIONS) & rendered.seen_as_content.notna()]
    content, style = (_judged(rows, column) for column in ("seen_as_content", "seen_as_style"))
    code = rendered[rendered.condition == CODE]
    return StudyFinding(
        "After thousands of steps from noise the spectrogram is classified as the content's instrument, "
        "before any inversion (V-B)",
        most_verdict(content, len(rows)),
        f"The network that is optimised over names the content's instrument in {content} of {len(rows)} "
        f"spectrograms, the style's in {style}; the judge the content's in {_judged(rows)} of the outputs, "
        f"whose note F1 is {rows.note_f1.mean():.2f}. With the authors' code, whose content is the "
        f"spectrogram itself, the network names the content's in {_judged(code, 'seen_as_content')} of "
        f"{len(code)}, the judge in {_judged(code)}, and the note F1 is {code.note_f1.mean():.2f}.",
    )


def _judged(outputs: pd.DataFrame, column: str = "content_label_share") -> int:
    """Return how many outputs are taken for the content's instrument, or are what another column says."""
    return int(outputs[column].sum())


def _settles(rendered: pd.DataFrame) -> StudyFinding:
    later, whole = (_values(rendered, MORE_ITERATIONS, column) for column in ("later_fall", "loss_fall"))
    low, high = mean_interval(later)
    # As a share of the loss at the start, which is what a curve on a linear axis shows.
    shown = later / (1 - later) * (1 - whole)
    return StudyFinding(
        f"After {SETTLED_AFTER} iterations the optimisation hardly moves, in a local minimum (V-B1)",
        interval_verdict(_HARDLY - high, _HARDLY - low),
        f"Of the loss that is left by then, later iterations take away {_shares(later)}; hardly is taken "
        f"as {_HARDLY:.0%}. Of the loss at the start that is {_shares(shown)}, so that a curve from there "
        f"looks flat. Transfers: {_written(rendered, [MORE_ITERATIONS])}.",
    )


def _content_only(rendered: pd.DataFrame) -> StudyFinding:
    fall = _values(rendered, CONTENT_ONLY, "content_fall")
    low, high = mean_interval(fall)
    return StudyFinding(
        "With the content alone the optimisation works (V-B2)",
        interval_verdict(low - _OPTIMISED, high - _OPTIMISED),
        f"It takes away {_shares(fall)} of the content loss; {_OPTIMISED:.0%} is taken as working.",
    )


def _from_content(rendered: pd.DataFrame) -> StudyFinding:
    starts = [FROM_CONTENT, PUBLISHED]
    seen, notes = (
        rendered.pivot_table(index="pair", columns="condition", values=column)[starts].dropna()
        for column in ("seen_as_content", "note_f1")
    )
    alike = (notes[FROM_CONTENT] - notes[PUBLISHED]).abs() <= _ALIKE
    both = (seen == 1).all(axis=1)
    return StudyFinding(
        "From the content it ends up just as from noise, classified as the content's instrument (V-B3)",
        most_verdict(int((both & alike).sum()), len(seen)),
        f"The network names the content's instrument in {_count(seen[FROM_CONTENT])} spectrograms from the "
        f"content and in {_count(seen[PUBLISHED])} from noise, in both in {_count(both)} pairs. The outputs' "
        f"note F1 is {notes[FROM_CONTENT].mean():.2f} and {notes[PUBLISHED].mean():.2f}, alike (within "
        f"{_ALIKE:g}) in {_count(alike)} pairs. By Adam's steps of 1, the authors' unit, the loss ends at "
        f"{_shares(1 - _values(rendered, FROM_CONTENT, 'loss_fall'))} of what it is at the content.",
    )


def _count(values: pd.Series) -> str:
    return f"{int(values.sum())} of {len(values)}"


def _stays_at_style(rendered: pd.DataFrame) -> StudyFinding:
    moved = _values(rendered, FROM_STYLE, "moved")
    low, high = mean_interval(moved)
    return StudyFinding(
        "From the style the spectrogram stays at its starting point (V-B3)",
        interval_verdict(_STAYS - high, _STAYS - low),
        f"It moves by {_shares(moved)} of the distance from style to content; {_STAYS:.0%} is taken as "
        "staying.",
    )


def _variation(rendered: pd.DataFrame) -> StudyFinding:
    gains = rendered.pivot_table(index="pair", columns="condition", values="gain_db")
    difference = (gains[VARIATION] - gains[PUBLISHED]).dropna().to_numpy()
    low, high = mean_interval(difference)
    return StudyFinding(
        "Total variation does not help, it harms (V-B4)",
        interval_verdict(-high, -low),
        "It changes the mel-cepstral gain over the untouched content by "
        f"{with_interval(difference, decimals=1, unit=' dB')}. "
        f"Transfers: {_written(rendered, [VARIATION])}.",
    )


def _map(weights: pd.DataFrame) -> StudyFinding:
    loss = weights.pivot_table(index="alpha", columns="beta", values="loss").to_numpy()
    steps = np.concatenate([np.diff(loss, axis=axis).ravel() for axis in (0, 1)])
    fell = 1 - weights["style"] / weights.style_start
    best, worst = weights.iloc[int(fell.argmax())], weights.iloc[int(fell.argmin())]
    return StudyFinding(
        "Lower weights of content and style give a lower loss (V-B5), which says nothing of the transfer: "
        "the weights are its unit",
        decided(bool((steps > 0).all())),
        f"On one pair, {int((steps > 0).sum())} of {len(steps)} steps to the next weight raise the loss, "
        f"which spans a factor of {loss.max() / loss.min():.2g}. The style loss itself falls by "
        f"{fell.max():.1%} at a ratio of {best.alpha / best.beta:.2g}, by {fell.min():.1%} at "
        f"{worst.alpha / worst.beta:.2g}.",
    )


def _ulyanov(rendered: pd.DataFrame, chance: float, *, full_size: bool) -> Iterator[StudyFinding]:
    """Judge both readings of "it would not converge": by its loss, and by what came of it."""
    fall = _values(rendered, ULYANOV, "loss_fall")
    low, high = mean_interval(fall)
    iterations = "its 300 iterations" if full_size else f"{ULYANOV_ITERATIONS} of its 300 iterations"
    convergence = StudyFinding(
        "Ulyanov & Lebedev's own method does not converge on this data: it does not take away "
        f"{_OPTIMISED:.0%} of its loss (V-B6)",
        interval_verdict(_OPTIMISED - high, _OPTIMISED - low),
        f"In {iterations} it takes away {_shares(fall)} of the loss.",
    )
    transfer = StudyFinding(
        "Ulyanov & Lebedev's own method transfers nothing on this data either (V-B6)",
        nothing_verdict(_counts(rendered, [ULYANOV]), chance),
        f"After {iterations}, transfers: {_written(rendered, [ULYANOV])}. {_NOTHING} "
        f"{_gains(rendered, [ULYANOV])}",
    )
    for finding in (convergence, transfer):
        yield finding if full_size else finding.without("held", _STOPPED)


def _recorded(outputs: pd.DataFrame, chance: float) -> StudyFinding:
    claim = (
        "Audio that is too perfect is to blame (V-C): on recorded notes, what failed on renderings transfers"
    )
    recorded = outputs[outputs.sounds == RECORDED_NOTES]
    names = _conditions(recorded, lambda table: table.method.isin([FAILED, "ulyanov"]))
    if not names:
        return StudyFinding(
            claim,
            "not decided",
            "No recorded notes were at hand that play the pairs: give a folder of them by --data.",
        )
    both = outputs[outputs.pair.isin(recorded.pair)]
    gained = [f"`{name}` {with_interval(_paired_gain(both, name), decimals=1, unit=' dB')}" for name in names]
    return StudyFinding(
        claim,
        something_verdict(_counts(recorded, names), chance),
        f"Transfers among those of which the judge can tell: {_written(recorded, names)}. Mel-cepstral gain "
        "over the untouched content on recorded notes less that on renderings of the same notes: "
        f"{listed(gained)}.",
    )


def _paired_gain(outputs: pd.DataFrame, condition: str) -> Floats:
    rows = outputs[outputs.condition == condition]
    gains = rows.pivot_table(index="pair", columns="sounds", values="gain_db")
    return (gains[RECORDED_NOTES] - gains[RENDERINGS]).dropna().to_numpy()


def _reshaped(rendered: pd.DataFrame, chance: float) -> StudyFinding:
    reshaped = [RESHAPED, CODE]
    whole = _conditions(
        rendered,
        lambda table: (table.method == FAILED) & ~table.condition.isin([*reshaped, CONTENT_ONLY]),
    )
    verdict: Verdict = something_verdict(_counts(rendered, whole), chance)
    if verdict == "held" and nothing_verdict(_counts(rendered, reshaped), chance) != "held":
        verdict = "not decided"
    total = sum(count for count, _ in _counts(rendered, whole))
    return StudyFinding(
        "The failure is that of the scrambled arrays in the authors' code: with whole arrays there are "
        "transfers, with reshaped ones there are not (not in the report)",
        verdict,
        f"Transfers: {_written(rendered, reshaped)}; {total} in all settings with whole arrays. "
        f"{_gains(rendered, reshaped)}",
    )


def _others(rendered: pd.DataFrame, chance: float) -> StudyFinding:
    names = _conditions(rendered, lambda table: ~table.method.isin([FAILED, "identity", "ulyanov"]))
    return StudyFinding(
        "The same data works with another method (not in the report)",
        something_verdict(_counts(rendered, names), chance),
        f"Transfers: {_written(rendered, names)}.",
    )


def _gains(outputs: pd.DataFrame, conditions: Sequence[str]) -> str:
    parts = [
        f"`{name}` {with_interval(_values(outputs, name, 'gain_db'), decimals=1, unit=' dB')}"
        for name in conditions
    ]
    return f"Mel-cepstral gain over the untouched content: {listed(parts)}."


def _values(outputs: pd.DataFrame, condition: str, column: str) -> Floats:
    return outputs[outputs.condition == condition][column].dropna().to_numpy(dtype=np.float64)


def _shares(values: Floats) -> str:
    """Write a mean share with its interval."""
    return with_interval(values, decimals=1, kind="%")


def by_condition(outputs: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield conditions and sounds with their outputs, in the order of the table."""
    for (condition, sounds), rows in outputs.groupby(["condition", "sounds"], sort=False):
        yield f"{condition}, {sounds}" if sounds == RECORDED_NOTES else str(condition), rows
