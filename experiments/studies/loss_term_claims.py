"""What Barry & Kim (2018) claim of loss terms in section 4.3 and table 1, and what a study says to it.

The table has a row for each pair and condition, with the columns ``kind`` and ``number`` of the pair, the
``condition``, a number of table 1 or a constant of this module, and the figures of the output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.experiments.studies.loss_term_pairs import PAIR_KINDS
from timbrebench.experiments.studies.study import StudyFinding
from timbrebench.experiments.studies.study_wording import format_distinct, listed, with_interval
from timbrebench.experiments.studies.verdicts import Verdict, all_positive, contrary, mean_interval

#: The six configurations of table 1.
NUMBERS = ("1", "2", "3", "4", "5", "6")

#: What no method has made: the content as it is, and the right output.
UNTOUCHED, RIGHT = "untouched", "right"

#: Configuration 2 with many mel channels and two residual blocks on the style, with few, and without blocks.
MANY_CHANNELS, FEW_CHANNELS, FEW_CHANNELS_SHALLOW = (
    "2, many channels, blocks",
    "2, few channels, blocks",
    "2, few channels",
)

#: Configuration 4 without the penalty for what is not sparse.
WITHOUT_PENALTY = "4, no penalty"

#: Pairs in one key whose content and style are of another nature: a tune, and chords or a choir.
UNLIKE_KINDS = ("long", "singing")

#: Difference of success that counts, and share of the right output's success from which an output is good.
MARGIN, GOOD = 0.1, 0.5

#: A figure of each content.
Values = NDArray[np.float64]


class LossTermTable:
    """The outputs of a study of loss terms.

    Parameters
    ----------
    outputs : pandas.DataFrame
        See the module.
    """

    def __init__(self, outputs: pd.DataFrame) -> None:
        self.kinds = [kind for kind in PAIR_KINDS if kind in set(outputs.kind)]
        numbers = sorted(set(outputs.number))
        self._missing = np.full(len(numbers), np.nan)
        self._cells = {
            place: rows.set_index("number").reindex(numbers)
            for place, rows in outputs.groupby(["kind", "condition"])
        }

    def values(self, figure: str, condition: str, kinds: Sequence[str]) -> Values:
        """Return a figure's mean over kinds of pairs for each content; NaN where an output lacks it."""
        cells = [self._cells.get((kind, condition)) for kind in kinds]
        means = [self._missing if rows is None else rows[figure].to_numpy(dtype=np.float64) for rows in cells]
        return np.asarray(np.mean(means, axis=0))

    def lead(self, figure: str, condition: str, other: str, kinds: Sequence[str]) -> Values:
        """Return by how much a condition's figure is above another's, for each content."""
        return self.values(figure, condition, kinds) - self.values(figure, other, kinds)


def findings(outputs: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge the claims by a table of outputs."""
    table = LossTermTable(outputs)
    return (
        _fastest(table),
        _works_well(table, "1", ["alike"], "where content and style are highly similar"),
        _works_well(table, "2", ["aligned"], "on most pairs whose keys are aligned"),
        _aligned_keys(table),
        _long_structure(table),
        _works_best(table, "4", "singing", "for singing, as to a cappella"),
        _works_well(table, "5", table.kinds, "on almost all pairs"),
        _improves_some(table),
        _works_best(table, "6", "hardest", "for the most difficult pairs"),
        _works_alone(table),
        _abstracted_content(table),
        _no_best_for_all(table),
        _better_than_stft(table),
        *_mash_up(table),
        *_breathiness(table),
    )


def _fastest(table: LossTermTable) -> StudyFinding:
    """Judge by the logarithms of ratios, so that slow kinds of pairs do not count for more."""
    times = {number: np.log(table.values("seconds", number, table.kinds)) for number in NUMBERS}
    leads = {number: times[number] - times["1"] for number in NUMBERS[1:]}
    nearest = _least(leads)
    ratio, low, high = np.exp([leads[nearest].mean(), *mean_interval(leads[nearest])])
    seconds = [float(np.exp(times[number]).mean()) for number in NUMBERS]
    return StudyFinding(
        "(1) is the fastest",
        all_positive(list(leads.values())),
        f"CPU seconds for an output: {_each(NUMBERS, seconds, decimals=1)}. The next, ({nearest}), takes "
        f"{ratio:.2f} times ({low:.2f} to {high:.2f}) as long.",
    )


def _works_well(table: LossTermTable, number: str, kinds: Sequence[str], where: str) -> StudyFinding:
    """Judge whether a success is half of the right output's or more, and none is higher by the margin."""
    leads = _leads(table, number, kinds)
    excess = table.values("success", number, kinds) - GOOD * table.values("success", RIGHT, kinds)
    return StudyFinding(
        f"({number}) works well {where}",
        all_positive([excess, *(lead + MARGIN for lead in leads.values())]),
        f"{_successes(table, kinds)} It is above half of the right output's by {with_interval(excess)}; "
        f"{_least_lead(leads)}.",
    )


def _works_best(table: LossTermTable, number: str, kind: str, where: str) -> StudyFinding:
    leads = _leads(table, number, [kind])
    return StudyFinding(
        f"({number}) works best {where}",
        all_positive(list(leads.values())),
        f"{_successes(table, [kind])} {_least_lead(leads).capitalize()}.",
    )


def _works_alone(table: LossTermTable) -> StudyFinding:
    """Judge by half of the right output's success, from which an output is good: above it, and below it."""
    excess = {
        number: table.values("success", number, ["hardest"])
        - GOOD * table.values("success", RIGHT, ["hardest"])
        for number in NUMBERS
    }
    shown = ", ".join(f"({number}) {with_interval(own)}" for number, own in excess.items())
    return StudyFinding(
        "(6) works for the most difficult pairs, where (1) to (5) fail",
        all_positive([excess["6"], *(-excess[number] for number in NUMBERS[:-1])]),
        f"Success above half of the right output's: {shown}.",
    )


def _abstracted_content(table: LossTermTable) -> StudyFinding:
    """Judge by pairs in one key whose style is chords or a choir, for each set of style terms."""
    leads = {
        (number, other): table.lead("success", number, other, UNLIKE_KINDS)
        for number, other in zip(NUMBERS[3:], NUMBERS[:3], strict=True)
    }
    shown = ", ".join(
        f"({number}) over ({other}) {with_interval(lead)}" for (number, other), lead in leads.items()
    )
    return StudyFinding(
        "Content by mel bands and CQT, in place of the STFT, greatly helps where content and style are very "
        f"different, even in one key: by {MARGIN:g} and more",
        all_positive([lead - MARGIN for lead in leads.values()]),
        f"Where the style is chords or a choir in the content's key, success is higher by: {shown}.",
    )


def _leads(table: LossTermTable, number: str, kinds: Sequence[str]) -> dict[str, Values]:
    """Return by how much a configuration's success is above that of each other, for each content."""
    return {other: table.lead("success", number, other, kinds) for other in NUMBERS if other != number}


def _least(leads: Mapping[str, Values]) -> str:
    """Return over which condition a lead is least; the first one where none is known."""
    return min(leads, key=lambda other: np.nan_to_num(leads[other].mean(), nan=np.inf))


def _least_lead(leads: Mapping[str, Values]) -> str:
    other = _least(leads)
    return f"its lead is least over ({other}), {with_interval(leads[other])}"


def _aligned_keys(table: LossTermTable) -> StudyFinding:
    loss = table.values("success", "2", ["aligned"]) - table.values("success", "2", ["apart"])
    return StudyFinding(
        "(2) works better where keys are aligned than where they are not",
        all_positive([loss]),
        f"Its success is higher by {with_interval(loss)} where keys are aligned.",
    )


def _long_structure(table: LossTermTable) -> StudyFinding:
    leads = [table.lead("rhythm_error", other, "3", ["long"]) for other in ("1", "2")]
    return StudyFinding(
        "(3) is needed where very long-term structure counts: it takes over the style's rhythm better than "
        "(1) and (2)",
        all_positive(leads),
        "The mean local autocorrelation comes nearer to the style's than with (1) and (2) by "
        f"{with_interval(leads[0])} and {with_interval(leads[1])}.",
    )


def _improves_some(table: LossTermTable) -> StudyFinding:
    leads = [table.lead("success", "5", "2", [kind]) for kind in table.kinds]
    listing = "; ".join(
        f"{kind} {with_interval(lead)}" for kind, lead in zip(table.kinds, leads, strict=True)
    )
    return StudyFinding(
        "(5) improves some of the pairs of (2)", _any_positive(leads), f"Lead of (5) in success: {listing}."
    )


def _no_best_for_all(table: LossTermTable) -> StudyFinding:
    """Judge whether each configuration is beaten by another on some kind of pair."""
    beaten = [_any_positive(list(_leads_over(table, number))) for number in NUMBERS]
    best = [_best(table, kind) for kind in table.kinds]
    verdict: Verdict = "not decided"
    if all(own == "held" for own in beaten):
        verdict = "held"
    elif "did not hold" in beaten:
        verdict = "did not hold"
    names = [f"({number})" for number, own in zip(NUMBERS, beaten, strict=True) if own == "held"]
    certain = f"Beaten for certain: {listed(names)}" if names else "For certain, none is beaten"
    return StudyFinding(
        "No set of loss terms works best for all pairs",
        verdict,
        f"{certain}. The highest mean success has "
        f"{', '.join(f'({number}) for {kind}' for kind, number in zip(table.kinds, best, strict=True))}.",
    )


def _leads_over(table: LossTermTable, number: str) -> Iterator[Values]:
    """Yield by how much each other configuration's success is above one's, on each kind of pair."""
    for kind in table.kinds:
        yield from (-lead for lead in _leads(table, number, [kind]).values())


def _best(table: LossTermTable, kind: str) -> str:
    means = {number: table.values("success", number, [kind]).mean() for number in NUMBERS}
    return max(means, key=lambda number: (np.nan_to_num(means[number], nan=-1.0), number))


def _better_than_stft(table: LossTermTable) -> StudyFinding:
    leads = [table.lead("success", number, "1", table.kinds) for number in ("5", "6")]
    return StudyFinding(
        "Both formulations, of content and of style, improve many pairs over the STFT alone: (5) and (6) are "
        "better than (1)",
        all_positive(leads),
        f"Over all pairs success rises by {with_interval(leads[0])} and {with_interval(leads[1])}.",
    )


def _mash_up(table: LossTermTable) -> Iterator[StudyFinding]:
    for other, claim in (
        (
            FEW_CHANNELS_SHALLOW,
            'Many mel channels and residual blocks for the style lead to a "mash-up", parts of the style '
            "over the content",
        ),
        (FEW_CHANNELS, "Fewer mel channels alone prevent it"),
    ):
        lead = table.lead("note_leakage", MANY_CHANNELS, other, ["aligned"])
        means = [
            table.values("note_leakage", condition, ["aligned"]).mean()
            for condition in (MANY_CHANNELS, other)
        ]
        many, few = format_distinct(*means, decimals=2)
        yield StudyFinding(
            claim,
            all_positive([lead]),
            f"F1 of the style's notes in the output {many} with ({MANY_CHANNELS}), {few} with ({other}); "
            f"difference {with_interval(lead)}.",
        )


def _breathiness(table: LossTermTable) -> Iterator[StudyFinding]:
    for first, second, claim in (
        (
            WITHOUT_PENALTY,
            "1",
            "Content by mel bands makes singing breathy: more wide-band noise than with content by the STFT",
        ),
        (WITHOUT_PENALTY, "4", "The L1 penalty on the log-magnitude STFT makes it less breathy"),
    ):
        lead = table.lead("flatness_excess", first, second, ["singing"])
        means = [table.values("flatness_excess", own, ["singing"]).mean() for own in (first, second)]
        figures = format_distinct(*means, decimals=1)
        yield StudyFinding(
            claim,
            all_positive([lead]),
            f"Spectral flatness over that of content and style {figures[0]} dB with ({first}), {figures[1]} "
            f"dB with ({second}); difference {with_interval(lead, decimals=1, unit=' dB')}.",
        )


def _any_positive(groups: Sequence[Values]) -> Verdict:
    """Return the verdict on "the mean of some group is above 0", the contrary of none being so."""
    return contrary(all_positive([-group for group in groups]))


def _successes(table: LossTermTable, kinds: Sequence[str]) -> str:
    conditions = (*NUMBERS, RIGHT)
    means = [table.values("success", condition, kinds).mean() for condition in conditions]
    return f"Success {_each(conditions, means, decimals=2)}."


def _each(conditions: Sequence[str], values: Sequence[float], decimals: int) -> str:
    names = [f"({condition})" if condition in NUMBERS else condition for condition in conditions]
    written = format_distinct(*values, decimals=decimals)
    return ", ".join(f"{name} {value}" for name, value in zip(names, written, strict=True))
