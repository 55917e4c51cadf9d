"""What the trainings of :mod:`timbrebench.experiments.studies.judge_study` say: table, figure, verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from timbrebench.experiments.studies.study import StudyFinding
from timbrebench.experiments.studies.study_wording import counted, listed, with_interval
from timbrebench.experiments.studies.verdicts import interval_verdict, mean_interval

#: What the report has: micro-averaged precision of each fold, and the losses of training and validation.
PUBLISHED_FOLDS = (0.602, 0.916, 0.603, 0.919)
PUBLISHED_LOSSES = (1.2012, 1.2034)

#: The errors that it names: true label, given label.
PUBLISHED_ERRORS = (("piano", "guitar"), ("organ", "guitar"))

#: Difference between folds from which they differ as much as the report's, and losses that are "thousandths"
#: apart.
_MUCH, _NEAR = 0.3, 0.01

#: Loss of precision on other soundfonts with which it is still the instrument that is named.
_TOLERATED = 0.05

#: The shares in the table of pieces.
_SHARES = ["unmoved_right", "moved_right", "moved_by_soundfont", "moved_by_chance"]

#: What curves show of each epoch.
CURVE_FIGURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")

#: Why claims that depend on how much is learned are not refuted in the small setting.
_SMALL_LIMIT = "So few pieces and steps cannot refute it."

#: Maximum number of equally frequent confusions that are named.
_NAMED = 3

_BLUE, _RED, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"


@dataclass(frozen=True)
class Condition:
    """What is learned from, and how many softmaxes come before the loss's logarithm."""

    timbres: Literal["own", "shared"]
    softmaxes: Literal[2, 1]


#: As published; with the loss's softmax alone; on one soundfont for all instruments.
PUBLISHED, ONE_SOFTMAX, SHARED = Condition("own", 2), Condition("own", 1), Condition("shared", 2)
CONDITIONS = (PUBLISHED, ONE_SOFTMAX, SHARED)

_TITLES = {
    PUBLISHED: "own soundfonts, two softmaxes (as published)",
    ONE_SOFTMAX: "own soundfonts, one softmax",
    SHARED: "one shared soundfont, two softmaxes",
}


@dataclass(frozen=True)
class JudgeResults:
    """All trainings.

    Attributes
    ----------
    trainings : pandas.DataFrame
        One row for each training: ``timbres, softmaxes, seed, fold, train_loss, train_accuracy,
        validation_loss, precision``, the last of which is micro-averaged.
    curves : pandas.DataFrame
        One row for each training and epoch: ``timbres, softmaxes, seed, fold, epoch`` and
        :data:`CURVE_FIGURES`.
    pieces : pandas.DataFrame
        One row for each training and piece of its fold: ``timbres, softmaxes, seed, fold, piece, answers,
        errors, published_errors`` on the soundfonts that the network was trained on; ``moved_right``, the
        share right on moved soundfonts, without those of the shared one, and ``unmoved_right``, that of the
        same instruments before the move; ``moved_by_soundfont``, the share given another instrument that the
        soundfont plays where each has its own, and ``moved_by_chance``, what that would be if errors were
        spread evenly.
    confusion : pandas.DataFrame
        Answers of the networks trained as published, by true label (rows) and given label.
    """

    trainings: pd.DataFrame
    curves: pd.DataFrame
    pieces: pd.DataFrame
    confusion: pd.DataFrame

    def trained(self, condition: Condition) -> pd.DataFrame:
        """Return the trainings of a condition."""
        return _of(self.trainings, condition)

    def by_piece(self, condition: Condition) -> pd.DataFrame:
        """Return the rows of a condition's pieces."""
        return _of(self.pieces, condition)

    def by_fold(self, condition: Condition) -> pd.DataFrame:
        """Return the figures of a condition's folds of the first seed, summed or averaged over their pieces.

        The pieces of a fold share a network, and other seeds have the same pieces: these folds alone share
        neither, so that intervals are over them.
        """
        pieces = self.by_piece(condition)
        folds = pieces[pieces.seed == pieces.seed.min()].groupby("fold")
        counts = ["answers", "errors", "published_errors"]
        figures: pd.DataFrame = pd.concat([folds[counts].sum(), folds[_SHARES].mean()], axis=1)
        return figures


def count_pieces(answers: pd.DataFrame, own: Mapping[str, str]) -> pd.DataFrame:
    """Return :attr:`JudgeResults.pieces`.

    `answers` has one row for each clip that a network was asked about: ``timbres, softmaxes, seed, fold,
    tested_on, piece, label, soundfont, given``, where `tested_on` is "moved" or what the network was trained
    on. `own` has the soundfont of each instrument where each has its own.
    """
    wrong, moved = answers.given != answers.label, answers.tested_on == "moved"
    played = wrong & (answers.given.map(dict(own)) == answers.soundfont)
    # Moved, no instrument is on its own soundfont: all that the soundfont plays are others.
    others = answers.soundfont.map(pd.Series(dict(own)).value_counts()).fillna(0) / (len(own) - 1)
    named = pd.Series(False, index=answers.index)
    for true, given in PUBLISHED_ERRORS:
        named |= (answers.label == true) & (answers.given == given)
    marked = answers.assign(errors=wrong, published_errors=named, right=~wrong)
    marked = marked.assign(played=played, chance=wrong * others)
    keys = ["timbres", "softmaxes", "seed", "fold", "piece"]
    same, other = marked[~moved].groupby(keys), marked[moved].groupby(keys)
    unmoved = marked[~moved & marked.label.isin(marked.label[moved])].groupby(keys)
    return pd.DataFrame(
        {
            "answers": same.size(),
            "errors": same.errors.sum(),
            "published_errors": same.published_errors.sum(),
            "unmoved_right": unmoved.right.mean(),
            "moved_right": other.right.mean(),
            "moved_by_soundfont": other.played.mean(),
            "moved_by_chance": other.chance.mean(),
        }
    ).reset_index()


def count_confusions(answers: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """Return :attr:`JudgeResults.confusion` of such answers."""
    published = _of(answers, PUBLISHED)
    published = published[published.tested_on != "moved"]
    counts = pd.crosstab(published.label, published.given)
    return counts.reindex(index=labels, columns=labels, fill_value=0).rename_axis("true_label")


def _of(table: pd.DataFrame, condition: Condition) -> pd.DataFrame:
    return table[(table.timbres == condition.timbres) & (table.softmaxes == condition.softmaxes)]


def judge_table(results: JudgeResults) -> pd.DataFrame:
    """Return one row for each condition: precision by fold over all seeds, losses, and what moving does."""
    return pd.DataFrame([_table_row(results, condition) for condition in CONDITIONS])


def _table_row(results: JudgeResults, condition: Condition) -> dict[str, object]:
    trained, pieces = results.trained(condition), results.by_piece(condition)
    return {
        "soundfonts": condition.timbres,
        "softmaxes": condition.softmaxes,
        "trainings": len(trained),
        "precision": trained.precision.mean(),
        "lowest_fold": trained.precision.min(),
        "highest_fold": trained.precision.max(),
        "spread_of_folds": _spreads(trained).mean(),
        "train_accuracy": trained.train_accuracy.mean(),
        "train_loss": trained.train_loss.mean(),
        "validation_loss": trained.validation_loss.mean(),
        "precision_unmoved": pieces.unmoved_right.mean(),
        "precision_moved": pieces.moved_right.mean(),
        "moved_by_soundfont": pieces.moved_by_soundfont.mean(),
        "moved_by_chance": pieces.moved_by_chance.mean(),
    }


def _spreads(trained: pd.DataFrame) -> pd.Series[float]:
    """Return by how much the folds of each seed differ."""
    by_seed = trained.groupby("seed").precision
    return by_seed.max() - by_seed.min()


def judge_findings(results: JudgeResults, *, full_size: bool) -> tuple[StudyFinding, ...]:
    """Judge the report's claims, and what the second softmax and the soundfonts have to do with them.

    Where fewer pieces were learned from, for fewer steps, than in the report (not `full_size`), claims that
    depend on how much was learned are not refuted by their not holding: they are not decided.
    """
    depending: tuple[StudyFinding, ...] = (
        _folds_finding(results),
        _overfitting_finding(results),
        _errors_finding(results),
        _softmax_finding(results),
    )
    if not full_size:
        depending = tuple(finding.without("did not hold", _SMALL_LIMIT) for finding in depending)
    return (*depending, _loss_finding(results), _soundfont_finding(results), _confound_finding(results))


def _interval(values: pd.Series[float]) -> tuple[float, float, str]:
    """Return a mean's interval, and mean and interval as text."""
    return *mean_interval(values.to_numpy()), with_interval(values, decimals=3)


def _folds_finding(results: JudgeResults) -> StudyFinding:
    trained = results.trained(PUBLISHED)
    low, high, text = _interval(_spreads(trained))
    folds = "; ".join(
        ", ".join(f"{value:.3f}" for value in group) for _, group in trained.groupby("seed").precision
    )
    published = ", ".join(f"{value:.3f}" for value in PUBLISHED_FOLDS)
    return StudyFinding(
        f"Micro-averaged precision differs from fold to fold by {_MUCH} and more, as in table I "
        f"({published}), of which the report says that it is moderate",
        interval_verdict(low - _MUCH, high - _MUCH),
        f"The folds of each seed: {folds}. They differ by {text}; the report's by "
        f"{max(PUBLISHED_FOLDS) - min(PUBLISHED_FOLDS):.3f}. Mean {trained.precision.mean():.3f}, there "
        f"{np.mean(PUBLISHED_FOLDS):.3f}.",
    )


def _overfitting_finding(results: JudgeResults) -> StudyFinding:
    trained = results.trained(PUBLISHED)
    by_seed = trained.groupby("seed")
    low, high, text = _interval((trained.validation_loss - trained.train_loss).groupby(trained.seed).mean())
    accuracy, precision = by_seed.train_accuracy.mean().mean(), by_seed.precision.mean().mean()
    return StudyFinding(
        f"Training and validation loss are thousandths apart in the end ({PUBLISHED_LOSSES[0]} and "
        f"{PUBLISHED_LOSSES[1]}), less than {_NEAR}, so that the network does not overfit",
        interval_verdict(_NEAR - high, _NEAR - low),
        f"Here they are {trained.train_loss.mean():.4f} and {trained.validation_loss.mean():.4f}, {text} "
        f"apart; accuracy is {accuracy:.3f} on what was learned and {precision:.3f} on the folds.",
    )


def _loss_finding(results: JudgeResults) -> StudyFinding:
    double, single = (
        results.trained(condition).groupby("seed").validation_loss.mean()
        for condition in (PUBLISHED, ONE_SOFTMAX)
    )
    target, floor = PUBLISHED_LOSSES[1], math.log(math.e + len(results.confusion) - 1) - 1
    low, high, text = _interval((single - target).abs() - (double - target).abs())
    return StudyFinding(
        f"A validation loss of {target} is that of a network trained with two softmaxes rather than with one",
        interval_verdict(low, high),
        f"With two it is {double.mean():.3f} and cannot fall below {floor:.3f}, with one "
        f"{single.mean():.3f}; the distance to the report's is greater with one by {text}.",
    )


def _errors_finding(results: JudgeResults) -> StudyFinding:
    folds = results.by_fold(PUBLISHED)
    others = folds.errors - folds.published_errors
    low, high, text = _interval((folds.published_errors - others) / folds.answers)
    return StudyFinding(
        "The errors are mainly piano taken for guitar and organ taken for guitar: more than half of them",
        interval_verdict(low, high),
        f"They are {folds.published_errors.sum()} of {counted(int(folds.errors.sum()), 'error')} among "
        f"{folds.answers.sum():,} answers of the first seed's networks; their share of the answers exceeds "
        f"that of all others by {text} over its {len(folds)} folds.",
    )


def _softmax_finding(results: JudgeResults) -> StudyFinding:
    double, single = (
        results.trained(condition).groupby("seed").precision.mean() for condition in (PUBLISHED, ONE_SOFTMAX)
    )
    low, high, text = _interval(single - double)
    return StudyFinding(
        "The second softmax costs precision: with one alone, all else alike, the folds' mean is higher (not "
        "in the report)",
        interval_verdict(low, high),
        f"{single.mean():.3f} with one and {double.mean():.3f} with two, higher by {text} over the seeds. "
        f"The folds of a seed differ by {_spreads(results.trained(ONE_SOFTMAX)).mean():.3f} with one and by "
        f"{_spreads(results.trained(PUBLISHED)).mean():.3f} with two.",
    )


def _soundfont_finding(results: JudgeResults) -> StudyFinding:
    folds = results.by_fold(PUBLISHED)
    low, high, text = _interval(folds.unmoved_right - folds.moved_right)
    return StudyFinding(
        "The classifier names the instrument whatever soundfont plays it, as an objective judge of transfers "
        f"has to: within {_TOLERATED} of its precision once the soundfonts are moved to other instruments",
        interval_verdict(_TOLERATED - high, _TOLERATED - low),
        f"The first seed's networks, trained as published, give {folds.unmoved_right.mean():.3f} of the "
        "clips of pieces that they have not learned from their instrument, and "
        f"{folds.moved_right.mean():.3f} after the move, {text} less over {len(folds)} folds. More pieces "
        "on the same soundfonts would hold no other timbre.",
    )


def _confound_finding(results: JudgeResults) -> StudyFinding:
    own, shared = results.by_fold(PUBLISHED), results.by_fold(SHARED)
    low, high, text = _interval(shared.moved_right - own.moved_right)
    return StudyFinding(
        "What is learned of each instrument on a soundfont of its own holds less on other soundfonts than "
        "what is learned of all instruments on one, all else alike (not in the report)",
        interval_verdict(low, high),
        f"On soundfonts on which neither has learned an instrument, {own.moved_right.mean():.3f} of the "
        f"clips are given it against {shared.moved_right.mean():.3f}, more with one soundfont by {text} over "
        f"{len(own)} folds of the same pieces and first weights. Of the answers of those with own soundfonts "
        f"{own.moved_by_soundfont.mean():.3f} are another instrument that the soundfont played in training; "
        f"{own.moved_by_chance.mean():.3f} would be if errors were spread evenly.",
    )


def judge_text(results: JudgeResults) -> str:
    """Say in sentences how the networks trained as published did, and what they confuse."""
    trained, confusion = results.trained(PUBLISHED), results.confusion
    moved = results.by_piece(PUBLISHED).moved_right
    return (
        f"As published, {counted(len(trained), 'network')} get {trained.precision.mean():.3f} of the clips "
        f"of their folds right; {confused(confusion)}. Of clips whose soundfonts were moved to other "
        f"instruments they get {moved.mean():.3f} right; those of the shared soundfont are left out of that, "
        "since some networks know it. The curves are those of training and validation of every network "
        "trained as published, and their mean."
    )


def confused(counts: pd.DataFrame) -> str:
    """Say what is taken for what most often, by the clips of each true label (rows) and given label."""
    labels = list(map(str, counts.columns))
    wrong = {
        (labels[row], labels[column]): int(count)
        for (row, column), count in np.ndenumerate(counts.to_numpy())
        if row != column
    }
    maximum = max(wrong.values())
    if maximum == 0:
        return "they confuse nothing"
    frequent = [pair for pair, count in wrong.items() if count == maximum]
    if len(frequent) > _NAMED:
        return (
            f"no confusion stands out: {len(frequent)} are as frequent, with {counted(maximum, 'clip')} each"
        )
    names = listed([f"{true} for {given}" for true, given in frequent])
    if len(frequent) > 1:
        return f"most often they take {names} ({counted(maximum, 'clip')} each)"
    clips = int(counts.loc[frequent[0][0]].to_numpy().sum())
    return f"most often they take {names} ({maximum} of {counted(clips, 'clip')})"


def judge_figure(results: JudgeResults) -> Figure:
    """Draw the curves of loss and accuracy, the folds beside the report's, and the confusion matrix."""
    figure = Figure(figsize=(13, 9), layout="constrained")
    (loss, accuracy), (folds, confusion) = figure.subplots(2, 2)
    curves = _of(results.curves, PUBLISHED)
    _draw_curves(loss, curves, "loss")
    for value, style in zip(PUBLISHED_LOSSES, ("--", ":"), strict=True):
        loss.axhline(value, ls=style, lw=1, color=_GREY)
    loss.set(title="Loss, as published (grey: the report's last)", ylabel="cross-entropy (nats)")
    _draw_curves(accuracy, curves, "accuracy")
    accuracy.set(title="Accuracy, as published", ylabel="share of clips", ylim=(0, 1.02))
    _draw_folds(folds, results)
    _draw_confusion(confusion, results.confusion)
    return figure


def _draw_curves(axes: Axes, curves: pd.DataFrame, figure: str) -> None:
    for part, colour in (("train", _BLUE), ("validation", _RED)):
        column = f"{part}_{figure}"
        for _, training in curves.groupby(["seed", "fold"]):
            axes.plot(training.epoch, training[column], color=colour, lw=0.6, alpha=0.35)
        mean = curves.groupby("epoch")[column].mean()
        axes.plot(mean.index, mean, color=colour, lw=2.2, label="training" if part == "train" else part)
    axes.set(xlabel="epoch")
    axes.legend(frameon=False)


def _draw_folds(axes: Axes, results: JudgeResults) -> None:
    columns = [(_TITLES[condition], results.trained(condition).precision) for condition in CONDITIONS]
    columns.append(("the report's", pd.Series(PUBLISHED_FOLDS)))
    for place, ((title, values), colour) in enumerate(
        zip(columns, (_BLUE, _GREEN, _RED, _GREY), strict=True)
    ):
        offsets = np.linspace(-0.18, 0.18, len(values))
        axes.plot(place + offsets, values, "o", color=colour, ms=6, alpha=0.75, label=title)
        axes.hlines(values.mean(), place - 0.3, place + 0.3, color=colour, lw=2)
    axes.set(title="Folds, and their mean", ylabel="micro-averaged precision", ylim=(0, 1.02), xticks=[])
    axes.legend(frameon=False, loc="lower left", fontsize=9)


def _draw_confusion(axes: Axes, counts: pd.DataFrame) -> None:
    numbers = counts.to_numpy()
    shares = numbers / np.maximum(numbers.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(counts))
    axes.set_xticks(places, list(counts.columns), rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, list(counts.index))
    axes.set(title="Confusion, as published", xlabel="given label", ylabel="true label")
    for (row, column), count in np.ndenumerate(numbers):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
