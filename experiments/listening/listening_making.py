"""A listening test of the outputs of a run, as a folder.

The folder gets ``for-listeners/``, a page with its audio that works from a USB stick and from any host of
files; ``for-webmushra/``, the same test for those who run webMUSHRA; and ``key.json``, which says what is
behind each stimulus and stays with who made the test. Nothing in the other two says which method is which:
names are hashes that follow from the run's outputs, which listeners do not have.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from timbrebench.audio.clips import Samples
from timbrebench.core.errors import ConfigurationError, UnknownNameError
from timbrebench.core.files import file_sha256, fingerprint, write_json
from timbrebench.core.identifiers import path_within
from timbrebench.core.progress import Tracker
from timbrebench.experiments.listening.listening_kinds import (
    CONTENT,
    LOW_PASS,
    QUESTIONS,
    REFERENCE,
    STYLE,
    Conditions,
    ListeningKind,
    Question,
)
from timbrebench.experiments.listening.listening_page import write_page_folder
from timbrebench.experiments.listening.listening_stimuli import PairSounds, pair_sounds
from timbrebench.experiments.listening.listening_test import (
    KEY,
    PAGE_FOLDER,
    WEBMUSHRA_FOLDER,
    GivenClip,
    Key,
    ListeningPage,
    ListeningTest,
    PageKey,
    Role,
)
from timbrebench.experiments.listening.webmushra import write_webmushra
from timbrebench.experiments.ranking.results import Results
from timbrebench.experiments.run.run_configuration import CONTROLS
from timbrebench.experiments.suites.suite import OpenedSuite, Pair

#: What stands beside the stimuli, by question.
_GIVEN: dict[Question, tuple[Role, ...]] = {"style": ("style",), "content": ("content",), "quality": ()}


@dataclass(frozen=True)
class MadeTest:
    """A listening test that was made.

    Attributes
    ----------
    test : ListeningTest
        What listeners get.
    key : Key
        What is behind it.
    folder : pathlib.Path
        Where it lies.
    """

    test: ListeningTest
    key: Key
    folder: Path


def make_listening_test(
    results: Results,
    root: Path,
    out: Path,
    *,
    kind: ListeningKind,
    methods: Sequence[str],
    pairs: int,
    seed: int,
) -> MadeTest:
    """Make a listening test of a run.

    Parameters
    ----------
    results : Results
        The run's, with the audio of its suite; outputs of the first seed are heard.
    root : pathlib.Path
        The run's folder.
    out : pathlib.Path
        The test's folder, without a test in it.
    kind : ListeningKind
        The kind of test.
    methods : sequence of str
        Labels of the run; all of its methods where empty.
    pairs : int
        How many pairs are heard, spread over labels and pieces
        (:meth:`~timbrebench.experiments.suites.suite.Suite.spread_pairs`) among those that every method has
        an output for; all of these where there are fewer.
    seed : int
        Seed of names and orders.

    Returns
    -------
    MadeTest
        The test.

    Raises
    ------
    ConfigurationError
        If a method is not in the run, no pair has all outputs, the kind of test does not fit the suite or the
        methods, or `out` holds a test already.
    RunError, AudioError, StorageError
        If a sound cannot be used or a file cannot be written.
    """
    if (out / KEY).exists():
        raise ConfigurationError(
            f"{out}: holds a listening test, whose ratings need its key: choose another folder"
        )
    suite, conditions = _opened(results, root), _conditions(results, methods, kind)
    outputs = _outputs(results, conditions)
    chosen, spare = _choose(suite, outputs, pairs)
    digests = {
        label: {pair.pair_id: file_sha256(root / outputs[pair.pair_id][label]) for pair in chosen}
        for label in outputs[chosen[0].pair_id]
    }
    names = _Names(fingerprint([suite.version, kind.name, seed, digests]))
    rate = chosen[0].content.sample_rate
    behind = [entry for pair in chosen for entry in names.pages(pair, conditions, kind, is_training=False)]
    training = [
        page
        for pair in spare or chosen[:1]
        for page, _ in names.pages(pair, conditions, kind, is_training=True)
    ]
    audio: dict[str, Samples] = {}
    with Tracker("preparing audio", len(chosen) + len(spare), "pairs") as tracker:
        for pair in (*chosen, *spare):
            paths = {label: path_within(root, path) for label, path in outputs[pair.pair_id].items()}
            audio |= names.audio(pair_sounds(suite, pair, conditions, paths, rate))
            tracker.advance()
    test = _test(kind, rate, [page for page, _ in behind], training, audio)
    key = Key(
        test=test.test,
        kind=kind.name,
        run=str(root.resolve()),
        suite=suite.version,
        seed=seed,
        methods=conditions.methods,
        has_truth=conditions.has_truth,
        pages={page.page: page_key for page, page_key in behind},
        outputs=digests,
    )
    write_page_folder(test, audio, out / PAGE_FOLDER)
    write_webmushra(test, key, audio, out / WEBMUSHRA_FOLDER)
    write_json(out / KEY, key.model_dump(mode="json"))
    return MadeTest(test, key, out)


def _opened(results: Results, root: Path) -> OpenedSuite:
    if not isinstance(results.suite, OpenedSuite):
        raise ConfigurationError(f"{root}: the run was read without its clips, which listeners need")
    return results.suite


def _conditions(results: Results, methods: Sequence[str], kind: ListeningKind) -> Conditions:
    """Check which methods are to be heard, and whether the kind of test fits them and the suite."""
    fixed = (REFERENCE, CONTENT, STYLE, "silence")
    known = [label for label in results.labels if label not in fixed]
    for label in methods:
        if label not in known:
            raise UnknownNameError("method of the run", label, known)
    chosen = tuple(dict.fromkeys(methods)) or tuple(label for label in known if label not in CONTROLS)
    conditions = Conditions(chosen, results.suite.has_truth)
    if problem := kind.misfit(conditions):
        raise ConfigurationError(problem)
    return conditions


def _outputs(results: Results, conditions: Conditions) -> dict[str, dict[str, str]]:
    """Return the output of each condition but the low-pass anchor, for each pair that has them all."""
    labels = [name for name in conditions.all if name != LOW_PASS]
    rows = results.first_seed
    rows = rows[(rows.status == "ok") & rows.label.isin(labels)]
    by_pair = {
        str(pair_id): dict(zip(group.label, group.output, strict=True))
        for pair_id, group in rows.groupby("pair_id", sort=False)
    }
    complete = {pair_id: paths for pair_id, paths in by_pair.items() if len(paths) == len(labels)}
    if not complete:
        raise ConfigurationError(f"no pair has an output of each of {', '.join(labels)}")
    return complete


def _choose(suite: OpenedSuite, outputs: Collection[str], count: int) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs that are chosen, and one more for training if the suite has more."""
    usable = replace(suite, pairs=tuple(pair for pair in suite.pairs if pair.pair_id in outputs))
    chosen = usable.spread_pairs(count)
    spare = [pair for pair in usable.pairs if pair not in chosen]
    return chosen, spare[:1]


def _test(
    kind: ListeningKind,
    sample_rate: int,
    pages: list[ListeningPage],
    training: list[ListeningPage],
    audio: dict[str, Samples],
) -> ListeningTest:
    # By name, as the order in which they were made gives conditions away.
    by_name = sorted(pages, key=lambda page: page.page)
    sounds = {name: sha256(samples.tobytes()).hexdigest() for name, samples in audio.items()}
    everything = [kind.name, sample_rate, [page.model_dump(mode="json") for page in by_name], sounds]
    return ListeningTest(
        test=fingerprint(everything)[:16],
        kind=kind.name,
        sample_rate=sample_rate,
        training=tuple(training),
        pages=tuple(by_name),
    )


@dataclass(frozen=True)
class _Names:
    """Names of pages and sounds: hashes of what they are and of what listeners do not know."""

    secret: str

    def pages(
        self,
        pair: Pair,
        conditions: Conditions,
        kind: ListeningKind,
        *,
        is_training: bool,
    ) -> list[tuple[ListeningPage, PageKey]]:
        """Make the pages of a pair, and what is behind them."""
        made = []
        groups = kind.training_groups if is_training else kind.groups
        reference: tuple[Role, ...] = ("reference",) if kind.names_reference else ()
        for question in QUESTIONS:
            for group in groups(conditions, question):
                stimuli = {self._hashed(pair, "stimulus", condition): condition for condition in group}
                page = ListeningPage(
                    page=self._hashed(pair, "training" if is_training else "page", question, *group),
                    question=question,
                    given=tuple(
                        GivenClip(role=role, audio=self._hashed(pair, "given", role))
                        for role in (*_GIVEN[question], *reference)
                    ),
                    stimuli=tuple(sorted(stimuli)),
                )
                key = PageKey(question=question, pair_id=pair.pair_id, piece=pair.piece, stimuli=stimuli)
                made.append((page, key))
        return made

    def audio(self, sounds: PairSounds) -> dict[str, Samples]:
        """Return the sounds of a pair by their names."""
        pair = sounds.pair
        return {
            **{self._hashed(pair, "stimulus", name): samples for name, samples in sounds.stimuli.items()},
            **{self._hashed(pair, "given", role): samples for role, samples in sounds.given.items()},
        }

    def _hashed(self, pair: Pair, *parts: str) -> str:
        return fingerprint([self.secret, pair.pair_id, *parts])[:16]
