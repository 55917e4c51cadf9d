"""What a style judge is and how far it can be believed, on one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from timbrebench.classifier.style.cross_validation import cross_validate, leave_soundfonts_out
from timbrebench.classifier.style.judge_configuration import JUDGE_SPLITS, JudgeConfiguration
from timbrebench.classifier.style.judge_figures import (
    bar_figure,
    confusion_figure,
    learning_curve_figure,
    reliability_figure,
)
from timbrebench.classifier.style.recorded_pieces import EVIDENCE_FOLDER, play_recordings, recordings_table
from timbrebench.classifier.style.robustness import Disturbance, Robustness, measure_robustness
from timbrebench.classifier.style.style_evaluation import Evaluation, evaluate_judge, evaluate_on
from timbrebench.classifier.style.style_features import first_programs
from timbrebench.classifier.style.style_front_end import FrontEnd
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.classifier.style.style_networks import NetworkKind
from timbrebench.classifier.style.style_pipeline import CURVE_FILE, learned_features
from timbrebench.classifier.style.training_stages import stage, training_key
from timbrebench.core.errors import JudgeError
from timbrebench.core.figures import save_figure
from timbrebench.core.files import fingerprint, write_json, write_text
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.tables import markdown_table, read_csv
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont, find_soundfont

CARD_FILE = "card.json"
PAGE_FILE = "card.md"
CONFUSION_FIGURE = "confusion.png"
RELIABILITY_FIGURE = "reliability.png"
CONDITIONS_FIGURE = "conditions.png"
CURVE_FIGURE = "learning_curve.png"


class JudgeCard(FrozenModel):
    """All figures of a style judge.

    Attributes
    ----------
    fingerprint : str
        Of the judge.
    labels : tuple of str
        Its labels.
    multi_label : bool
        Whether it gives each label a probability of its own.
    network : {"harmonic", "four-block", "separable", "alexnet", "alexnet-wide", "alexnet-narrow"}
        What it thinks with.
    parameters : int
        Weights of the network.
    front_end : FrontEnd
        What it sees.
    temperature : float
        What its logits are divided by.
    soundfonts : tuple of str
        Soundfonts that it has learned from.
    training_pieces, training_clips : int
        How many pieces and clips it has learned from or was chosen by.
    test : Evaluation
        On those test clips of its dataset that are played by the labels' first programs, of which suites are
        made.
    test_all_programs : Evaluation
        On all of its test clips.
    cross_validation : tuple of Evaluation
        On each fold of the pieces, first programs only, of a judge trained in the same way on the others.
    without_soundfont : dict of str to Evaluation
        By family of soundfonts: on its test clips, first programs only, of a judge trained in the same way
        without any of it.
    robustness : Robustness
        On changed test clips, first programs only.
    recordings : Evaluation or None
        On the test pieces played with recorded notes; None where none were given.
    recordings_robustness : Robustness or None
        On the same clips changed; None where none were given, and in cards of earlier versions.
    own_soundfonts : dict of str to str
        Soundfonts by label, of labels that it has not learned on all of its soundfonts: which soundfont plays
        then says something of the label, and the judge may go by that.
    """

    fingerprint: str
    labels: tuple[str, ...]
    multi_label: bool
    network: NetworkKind
    parameters: int
    front_end: FrontEnd
    temperature: float
    soundfonts: tuple[str, ...]
    training_pieces: int
    training_clips: int
    test: Evaluation
    test_all_programs: Evaluation
    cross_validation: tuple[Evaluation, ...]
    without_soundfont: dict[str, Evaluation]
    robustness: Robustness
    recordings: Evaluation | None
    recordings_robustness: Robustness | None = None
    own_soundfonts: dict[str, str] = Field(default={})

    def markdown(self) -> str:
        """Return the card as a page of Markdown; its figures are those of :func:`write_card`."""
        parts = (self._about(), self._tested(), self._elsewhere(), self._changed())
        return "\n".join(line for part in parts for line in part) + "\n"

    def accuracies(self) -> Iterator[tuple[str, float, int]]:
        """Go through all accuracies: what of, the accuracy, and on how many clips."""
        yield "test pieces", self.test.accuracy, self.test.clips
        programs = self.test_all_programs
        yield "test pieces, all programs", programs.accuracy, programs.clips
        for number, fold in enumerate(self.cross_validation, start=1):
            yield f"fold {number}", fold.accuracy, fold.clips
        for family, evaluation in self.without_soundfont.items():
            yield f"trained without {family}", evaluation.accuracy, evaluation.clips
        if self.recordings:
            yield "recorded notes", self.recordings.accuracy, self.recordings.clips
        for condition in self.robustness.conditions[1:]:
            if condition.accuracy is not None:
                yield condition.name, condition.accuracy, condition.clips

    def _about(self) -> Iterator[str]:
        yield from ("# Style judge", "")
        yield f"Hears which of these is played: {', '.join(self.labels)}."
        yield f"A network ({self.network}) with {self.parameters:,} weights on {self.front_end.kind}"
        yield f"spectrograms ({self.front_end.scale}). It has learned from {self.training_clips:,} clips of"
        yield f"{self.training_pieces} pieces, played with {', '.join(self.soundfonts)}; its logits are"
        yield f"divided by {self.temperature:.3f}."
        if self.own_soundfonts:
            pairs = ", ".join(f"{label} on {names}" for label, names in self.own_soundfonts.items())
            yield from ("", "**Timbre and soundfont cannot be told apart in what it has learned from**:")
            yield f"it has learned {pairs}, and on no other. Its answers may be about the soundfont and not"
            yield "about the instrument, and the accuracies below, on the same soundfonts, do not show which."
        yield from ("", f"Fingerprint: `{self.fingerprint}`", "")
        yield "All figures are of pieces that the judge in question has never heard. Accuracy is the share of"
        yield "clips given their label" + (", all of them and no other." if self.multi_label else ".")

    def _tested(self) -> Iterator[str]:
        test = self.test
        yield from ("", "## Test pieces", "")
        programs = self.test_all_programs
        yield f"Accuracy **{test.accuracy:.3f}** on {test.clips} clips: how far its answers can be believed"
        yield "for what suites are made of, known soundfonts and the labels' first programs. With further"
        yield f"programs of each label it is {programs.accuracy:.3f} on {programs.clips} clips."
        if test.mean_average_precision is not None:
            yield f"Mean average precision {test.mean_average_precision:.3f}."
        yield from ("", _table_of_labels(test))
        if test.confusion:
            yield from ("", f"![Labels given, by true label]({CONFUSION_FIGURE})")
        yield from ("", f"Expected calibration error **{test.calibration_error:.3f}**: by how much its")
        yield "probabilities differ from how often it is right (15 bins, Guo et al. 2017)."
        yield from ("", f"![Accuracy over confidence]({RELIABILITY_FIGURE})")

    def _elsewhere(self) -> Iterator[str]:
        folds = [fold.accuracy for fold in self.cross_validation]
        yield from ("", "## Other pieces: cross-validation", "")
        yield f"Accuracy {np.mean(folds):.3f} on average over {len(folds)} folds of all pieces, standard"
        yield f"deviation {np.std(folds, ddof=1):.3f}: how much the figure above owes to"
        yield "which pieces were drawn."
        evaluations = {f"fold {number}": fold for number, fold in enumerate(self.cross_validation, start=1)}
        yield from ("", _table(evaluations))
        if self.without_soundfont:
            yield from ("", "## New timbres: each family of soundfonts left out", "")
            yield "A judge trained in the same way without any clip of a family, on the family's test clips:"
            yield "what to expect of a timbre that this judge has never heard."
            yield from ("", _table(self.without_soundfont))
        if self.recordings:
            yield from ("", "## Recorded notes", "")
            yield "The test pieces played with recordings of real instruments: what to expect of a"
            yield "performance instead of a soundfont."
            yield from ("", _table({"recorded notes": self.recordings}), "")
            yield _table_of_labels(self.recordings)
        if self.recordings_robustness:
            yield from ("", "The same clips after the changes that are explained below:", "")
            yield markdown_table(pd.DataFrame(map(_row, self.recordings_robustness.conditions)))
            if self.recordings_robustness.conditions[0].accuracy_by_source:
                yield from ("", "By instrument and source:", "")
                yield recordings_table(self.recordings_robustness)

    def _changed(self) -> Iterator[str]:
        yield from ("", "## Changed clips", "")
        yield "Test clips after a change that leaves the instrument what it is: how far the accuracy falls"
        yield 'against that of the same clips unchanged ("before"). Clips that a change cannot be made to,'
        yield "such as notes moved to where the instrument does not sound, are skipped."
        yield from ("", markdown_table(pd.DataFrame(map(_row, self.robustness.conditions))))
        yield from ("", f"![Accuracy under each condition]({CONDITIONS_FIGURE})")


def write_card(
    judge: Judge,
    dataset: Dataset,
    configuration: JudgeConfiguration,
    folder: Path | str,
    *,
    recordings: Sequence[Path | str] = (),
) -> JudgeCard:
    """Measure how far a judge can be believed, and write it down.

    Parameters
    ----------
    judge : Judge
        Of the dataset and configuration.
    dataset : Dataset
        What it was trained on, whole.
    configuration : JudgeConfiguration
        How it was trained, and how others are for comparison.
    folder : path-like
        Gets ``card.json``, ``card.md`` and its figures. What is finished of an interrupted card lies in
        ``evidence/`` and is taken up. Of the judge's own folder, the learning curve is drawn too.
    recordings : sequence of path-like
        Folders of recorded notes (:mod:`timbrebench.datasets.soundfonts.recorded_notes`), or halves of them,
        with which the pieces of the dataset are played as well; each plays the instruments that it holds. The
        dataset must have been rendered from notes.

    Returns
    -------
    JudgeCard
        The same for the same judge, dataset, configuration and recordings.

    Raises
    ------
    JudgeError
        If the judge is another configuration's, or there are too few pieces.
    DatasetError
        If the recordings cannot play the dataset's instruments.
    StorageError
        If a file cannot be written.
    """
    folder = Path(folder)
    _check(judge, dataset, configuration)
    recorded = [find_soundfont(str(reference)) for reference in recordings]
    asked = fingerprint([judge.fingerprint, training_key(dataset.manifest, configuration)])
    key = fingerprint([asked, _sources(recorded)])
    card = stage(
        folder / EVIDENCE_FOLDER / "card.json",
        key,
        JudgeCard,
        lambda _: _measure(judge, dataset, configuration, folder / EVIDENCE_FOLDER, recorded),
    )
    _write(card, folder)
    return card


def _check(judge: Judge, dataset: Dataset, configuration: JudgeConfiguration) -> None:
    wanted = (configuration.front_end, configuration.network, configuration.multi_label)
    if (judge.front_end, judge.network_kind, judge.multi_label) != wanted:
        raise JudgeError(
            "the judge was not trained by this configuration: front end, network or multi_label differ; "
            "give the one that it was trained by"
        )
    strangers = sorted(set(judge.training_pieces) - set(dataset.manifest.piece))
    if strangers:
        raise JudgeError(f"{dataset.root}: the judge has learned from {strangers[0]}, which is not in it")


def _measure(
    judge: Judge,
    dataset: Dataset,
    configuration: JudgeConfiguration,
    folder: Path,
    recorded: Sequence[Soundfont],
) -> JudgeCard:
    suited = replace(dataset, manifest=dataset.manifest[first_programs(dataset.manifest)])
    # What asks the judge itself comes first: it is quick, and whatever is wrong shows there.
    asked = fingerprint([judge.fingerprint, training_key(dataset.manifest, configuration)])
    robustness = stage(
        folder / "robustness.json",
        asked,
        Robustness,
        lambda _: measure_robustness(judge, suited, seed=configuration.seed),
    )
    recordings = recordings_robustness = None
    if recorded:
        played, key = play_recordings(dataset, recorded, folder), fingerprint([asked, _sources(recorded)])
        recordings = stage(
            folder / "recordings.json", key, Evaluation, lambda _: evaluate_judge(judge, played)
        )
        recordings_robustness = stage(
            folder / "recordings-robustness.json",
            key,
            Robustness,
            lambda _: measure_robustness(judge, played, seed=configuration.seed),
        )
    features = learned_features(dataset, configuration)
    test = features.where(split=["test"]).unvaried()
    return JudgeCard(
        fingerprint=judge.fingerprint,
        labels=judge.labels,
        multi_label=judge.multi_label,
        network=judge.network_kind,
        parameters=judge.parameters,
        front_end=configuration.front_end,
        temperature=judge.temperature,
        soundfonts=judge.soundfonts,
        training_pieces=len(judge.training_pieces),
        training_clips=len(judge.training_clips),
        test=evaluate_on(judge, test.first_programs()),
        test_all_programs=evaluate_on(judge, test),
        cross_validation=cross_validate(features, configuration, folder),
        without_soundfont=leave_soundfonts_out(features, configuration, folder),
        robustness=robustness,
        recordings=recordings,
        recordings_robustness=recordings_robustness,
        own_soundfonts=own_soundfonts(dataset.manifest),
    )


def _sources(recorded: Sequence[Soundfont]) -> list[dict[str, str]]:
    return [soundfont.source() for soundfont in recorded]


def own_soundfonts(manifest: pd.DataFrame) -> dict[str, str]:
    """Return the soundfonts, separated by commas, of labels that judges do not learn on all soundfonts.

    Parameters
    ----------
    manifest : pandas.DataFrame
        Of a dataset.

    Returns
    -------
    dict of str to str
        By label; empty where each label is learned on each soundfont, or the dataset has only one.
    """
    learned = manifest[manifest.split.isin(JUDGE_SPLITS)]
    every = set(learned.soundfont)
    by_label = learned.groupby("label").soundfont.agg(set)
    return {str(label): ", ".join(sorted(fonts)) for label, fonts in by_label.items() if fonts < every}


def _write(card: JudgeCard, folder: Path) -> None:
    write_json(folder / CARD_FILE, card.model_dump(mode="json"))
    if card.test.confusion:
        save_figure(confusion_figure(card.test), folder / CONFUSION_FIGURE)
    save_figure(reliability_figure(card.test), folder / RELIABILITY_FIGURE)
    names, accuracies, clips = zip(*card.accuracies(), strict=True)
    notes = [f"({count} clips)" for count in clips]
    save_figure(bar_figure(names, accuracies, notes), folder / CONDITIONS_FIGURE)
    page = card.markdown()
    if (folder / CURVE_FILE).is_file():
        save_figure(
            learning_curve_figure(read_csv(folder / CURVE_FILE, JudgeError, {})), folder / CURVE_FIGURE
        )
        page += f"\n## Training\n\n![Learning curve]({CURVE_FIGURE})\n"
    write_text(folder / PAGE_FILE, page)


def _table(evaluations: dict[str, Evaluation]) -> str:
    rows = [
        {
            "judged": name,
            "clips": str(evaluation.clips),
            "accuracy": f"{evaluation.accuracy:.3f}",
            "macro F1": f"{evaluation.macro.f1:.3f}",
            "calibration error": f"{evaluation.calibration_error:.3f}",
        }
        for name, evaluation in evaluations.items()
    ]
    return markdown_table(pd.DataFrame(rows))


def _table_of_labels(evaluation: Evaluation) -> str:
    scores_of = {**evaluation.by_label, "all (micro)": evaluation.micro, "mean (macro)": evaluation.macro}
    rows = [
        (name, *(f"{score:.3f}" for score in (scores.precision, scores.recall, scores.f1)))
        for name, scores in scores_of.items()
    ]
    return markdown_table(pd.DataFrame(rows, columns=["label", "precision", "recall", "F1"]))


def _row(condition: Disturbance) -> dict[str, str]:
    accuracy, before = (
        "-" if value is None else f"{value:.3f}" for value in (condition.accuracy, condition.accuracy_before)
    )
    return {
        "change": condition.name,
        "clips": str(condition.clips),
        "skipped": str(condition.skipped),
        "accuracy": accuracy,
        "before": before,
    }
