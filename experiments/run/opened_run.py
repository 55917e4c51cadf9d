"""A run that was begun: what its methods are measured with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from timbrebench.classifier import JUDGE_SPLITS, Judge, installed_content_judge, load_content_judge
from timbrebench.classifier.style.published_judges import published_card
from timbrebench.core.documents import read_json
from timbrebench.core.errors import MissingResourceError, RunError, TimbrebenchError
from timbrebench.core.files import why_no_folder
from timbrebench.core.progress import log
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets import Dataset
from timbrebench.datasets.soundfonts.soundfont_finding import Soundfont, find_soundfont
from timbrebench.experiments.run.layout import CONFIGURATION, DATASET, JUDGE_FILE, SUITE_CLIPS
from timbrebench.experiments.run.run_configuration import MethodEntry, RunConfiguration, parse_configuration
from timbrebench.experiments.suites.frozen_suite import FrozenSuite, load_configured
from timbrebench.experiments.suites.suite import OpenedSuite, SuiteConfiguration, make_suite
from timbrebench.experiments.suites.suite_opening import (
    open_frozen,
    refuse_learned,
    refuse_same_takes,
    render_frozen,
)
from timbrebench.transfer import create


class OpenedRun(NamedTuple):
    """What the methods of a run are measured with.

    Judge and methods learn from the dataset. It holds the clips of drawn pairs; a frozen suite has its own.
    """

    configuration: RunConfiguration
    dataset: Dataset
    judge: Judge
    suite: OpenedSuite


def open_suite(root: Path | str) -> OpenedRun:
    """Read what the methods of a run, finished or not, are measured with, without running anything.

    A method that cannot be made any more, since it is not installed or a later version refuses its settings,
    is left out, with a line that says why: what the run has measured of the others can be read. Raises
    RunError if there is no run in the folder `root`, or it has no judge yet.
    """
    root = Path(root)
    path, judge_path = root / CONFIGURATION, root / JUDGE_FILE
    if not path.is_file() or not judge_path.is_file():
        problem = "" if root.is_dir() else f" ({why_no_folder(root)})"
        raise RunError(
            f"{root}: no run here that has come to its scores{problem}: start it with `timbrebench run`"
        )
    configuration = parse_configuration(_without_refused(read_json(path, RunError), root), str(path))
    dataset = Dataset.open(root / DATASET)
    judge = Judge.load(judge_path)
    return OpenedRun(configuration, dataset, judge, _suite(dataset, configuration, open_frozen, root))


def _without_refused(content: Any, root: Path) -> Any:  # noqa: ANN401 - whatever was read
    """Leave out the methods of a recorded configuration that cannot be made; what is malformed stays."""
    methods = content.get("methods") if isinstance(content, dict) else None
    if not isinstance(methods, list):
        return content
    left = []
    for method in methods:
        try:
            entry = MethodEntry.model_validate(method)
        except ValidationError:  # parse_configuration names it
            return content
        try:
            create(entry.method, entry.parameters)
        except TimbrebenchError as error:
            log(f"{root}: {entry.name} is left out: {error}")
        else:
            left.append(method)
    return {**content, "methods": left}


def prepare_suite(
    dataset: Dataset, configuration: RunConfiguration, root: Path, executor: Executor
) -> OpenedSuite:
    """Draw the pairs of a run, or render what is missing of its frozen suite's clips and open it."""
    if configuration.suite.name:
        refuse_same_takes(load_configured(configuration.suite), _learned_soundfonts(configuration))
    return _suite(dataset, configuration, partial(render_frozen, executor=executor), root)


def _learned_soundfonts(configuration: RunConfiguration) -> Iterator[Soundfont]:
    """Yield what plays the clips and phrases that judges and methods of the run learn from."""
    for reference in configuration.dataset.instruments_by_soundfont:
        # A dataset that was built before stays usable where what has played it is gone; it was seen to then.
        with suppress(MissingResourceError):
            yield find_soundfont(reference)
    for judge in configuration.style_judges:
        if not judge.name and judge.phrases:
            yield from map(find_soundfont, judge.phrases.soundfonts)


def _suite(
    dataset: Dataset,
    configuration: RunConfiguration,
    open_clips: Callable[[FrozenSuite, SuiteConfiguration, Path], OpenedSuite],
    root: Path,
) -> OpenedSuite:
    """Draw the pairs of a run, or open its frozen suite by the function given."""
    learned = _learned_by_judges(dataset, configuration)
    if not configuration.suite.name:
        return make_suite(dataset, configuration.suite, learned=learned)
    suite = open_clips(load_configured(configuration.suite), configuration.suite, root / SUITE_CLIPS)
    refuse_learned(suite, {*learned, *dataset.select(split="train").manifest.piece})
    return suite


def _learned_by_judges(dataset: Dataset, configuration: RunConfiguration) -> set[str]:
    """Return the pieces that a judge of the run has learned from, or will."""
    # Those of our own content judge count whichever is used, so that each is asked about the same pairs.
    content_judges = load_content_judge(), installed_content_judge(configuration.content_judge.name)
    pieces = {piece for judge in content_judges for piece in judge.training_pieces}
    for judge in configuration.style_judges:
        trained = judge.name and published_card(judge.name).training_pieces
        pieces.update(trained or dataset.select(split=JUDGE_SPLITS).manifest.piece)
    return pieces
