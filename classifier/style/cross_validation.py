"""Train judges in the same way on other parts of a dataset, and test them on the rest.

Cross-validation over pieces says how much a judge's figures owe to which pieces it was tested on. Leaving out
the soundfonts of a family says what to expect of a timbre that is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, train_test_split

from timbrebench.classifier.style.judge_configuration import JUDGE_SPLITS, JudgeConfiguration
from timbrebench.classifier.style.style_evaluation import Evaluation, evaluate_on
from timbrebench.classifier.style.style_features import StyleFeatures, first_programs, unvaried
from timbrebench.classifier.style.style_training import train_judge
from timbrebench.classifier.style.training_stages import stage, training_key
from timbrebench.core.errors import JudgeError
from timbrebench.core.identifiers import path_within
from timbrebench.datasets.dataset import source_pieces

#: Share of the pieces outside a fold that its judge is chosen by.
_VALIDATION_SHARE = 1 / 6


def cross_validate(
    features: StyleFeatures, configuration: JudgeConfiguration, folder: Path, *, folds: int = 4
) -> tuple[Evaluation, ...]:
    """Test every piece once, by a judge that has not learned from it: one evaluation for each fold.

    The pieces of all splits are split into `folds` at random by the configuration's seed. For each fold a
    judge is trained on the other pieces, a sixth of which it is chosen by, and tested on the fold's clips
    with the labels' first programs. Labels that are not instruments have no programs: all their clips are
    tested. `folder` gets ``fold-0.json`` and so on, which a later call with the same features and
    configuration takes up. JudgeError if there are too few pieces for so many folds.
    """
    evaluations = []
    for number, (manifest, test) in enumerate(_folds(features.manifest, folds, configuration.seed)):
        assigned = replace(features, manifest=manifest)

        def evaluate(
            scratch: Path,
            assigned: StyleFeatures = assigned,
            test: pd.Series[bool] = test,
            number: int = number,
        ) -> Evaluation:
            description = f"training fold {number + 1} of {folds}"
            training = train_judge(assigned, configuration, description=description, folder=scratch)
            return evaluate_on(training.judge, assigned.select(test.to_numpy(copy=True)))

        key = training_key(manifest, configuration)
        evaluations.append(stage(folder / f"fold-{number}.json", key, Evaluation, evaluate))
    return tuple(evaluations)


def leave_soundfonts_out(
    features: StyleFeatures, configuration: JudgeConfiguration, folder: Path
) -> dict[str, Evaluation]:
    """Test each family of soundfonts by a judge that has not learned from it.

    By family, on its test clips with the labels' first programs. Left out are families without which no other
    plays one of the labels, as where each label has a soundfont of its own, or where there is only one.
    `folder` gets ``without-FluidR3.json`` and so on, which a later call with the same features and
    configuration takes up.
    JudgeError if the other families' clips are too few to train on, or a family has no test clip.
    """
    families = sorted(str(family) for family in features.manifest.soundfont_family.unique())
    played = features.manifest[features.manifest.piece.notna()]  # phrases, of no piece, are never tested
    tested = sorted(str(family) for family in played.soundfont_family.unique())
    evaluations: dict[str, Evaluation] = {}
    for family in tested:
        others = features.where(soundfont_family=[name for name in families if name != family])
        if set(_learned_labels(others, configuration)) < set(_learned_labels(features, configuration)):
            continue

        def evaluate(scratch: Path, family: str = family, others: StyleFeatures = others) -> Evaluation:
            description = f"training without {family}"
            training = train_judge(others, configuration, description=description, folder=scratch)
            test = features.where(soundfont_family=[family], split=["test"])
            return evaluate_on(training.judge, test.first_programs().unvaried())

        key = training_key(features.manifest, configuration)
        evaluations[family] = stage(path_within(folder, f"without-{family}.json"), key, Evaluation, evaluate)
    return evaluations


def _learned_labels(features: StyleFeatures, configuration: JudgeConfiguration) -> tuple[str, ...]:
    return features.where(split=list(JUDGE_SPLITS)).labels(multi_label=configuration.multi_label)


def _folds(manifest: pd.DataFrame, folds: int, seed: int) -> Iterator[tuple[pd.DataFrame, pd.Series[bool]]]:
    """Yield for each fold the manifest with its splits, and which rows its judge is tested on."""
    sources = source_pieces(manifest)  # a copy of a piece tells what the piece is
    pieces = np.array(sorted(sources.dropna().unique()))
    if not 2 <= folds <= len(pieces) - 2:
        raise JudgeError(f"{folds} folds of {len(pieces)} pieces: choose 2 or more folds, or more pieces")
    tested_clips = first_programs(manifest) & unvaried(manifest)
    for known, tested in KFold(folds, shuffle=True, random_state=seed).split(pieces):
        judge, validation = train_test_split(pieces[known], test_size=_VALIDATION_SHARE, random_state=seed)
        split = dict.fromkeys(judge, "judge") | dict.fromkeys(validation, "validation")
        split |= dict.fromkeys(pieces[tested], "test")
        assigned = manifest.assign(split=sources.map(split).fillna(manifest.split))
        yield assigned, (assigned.split == "test") & tested_clips
