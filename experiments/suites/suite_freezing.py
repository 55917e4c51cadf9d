"""Make a suite by its recipe and freeze it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from timbrebench.core.workers.executors import Executor
from timbrebench.experiments.suites.frozen_suite import FrozenSuite
from timbrebench.experiments.suites.kinds.suite_kind import ClipWork
from timbrebench.experiments.suites.recipes import Recipe, SuiteClips


def freeze_recipe(
    recipe: Recipe,
    folder: Path,
    executor: Executor,
    *,
    source: Path | None = None,
    learned: Collection[str],
) -> FrozenSuite:
    """Make a suite and freeze it.

    Parameters
    ----------
    recipe : Recipe
        How.
    folder : pathlib.Path
        Gets the clips, where they can be made; what is there already is used.
    executor : Executor
        Where they are rendered.
    source : pathlib.Path, optional
        A folder of what the suite is drawn from, for kinds that need one.
    learned : collection of str
        Pieces that the content judge has learned from, which are left out.

    Returns
    -------
    FrozenSuite
        The same wherever the same corpus, soundfont, software and source are.

    Raises
    ------
    ConfigurationError, DatasetError
        If the recipe cannot be followed.
    """
    about = SuiteClips(suite=recipe.title, fingerprint="", recipe=recipe)
    pairs = recipe.made.freeze(ClipWork(recipe.title, about, folder, executor), source, learned)
    return FrozenSuite(recipe=recipe, **dict(pairs))
