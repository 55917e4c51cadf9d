"""A key made up for statistics, ratings made up for a key, and a listening test of a real run."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace

import pytest

from timbrebench.experiments.listening.listening_kinds import QUESTIONS, Conditions, kind_of
from timbrebench.experiments.listening.listening_making import make_listening_test
from timbrebench.experiments.listening.listening_stimuli import pair_sounds
from timbrebench.experiments.listening.listening_test import Key, PageKey
from timbrebench.experiments.listening.ratings_reading import checksum

METHODS = ("good", "poor")


def hashed(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def key_of(kind, *, methods=METHODS, pieces=3, has_truth=True):
    """Make up what is behind a test: one pair for each piece."""
    conditions, pages = Conditions(methods, has_truth), {}
    for piece in range(pieces):
        for question in QUESTIONS:
            for group in kind_of(kind).groups(conditions, question):
                stimuli = {hashed(piece, condition): condition for condition in group}
                page = hashed(piece, question, group)
                pages[page] = PageKey(
                    question=question, pair_id=f"pair-{piece}", piece=f"piece-{piece}", stimuli=stimuli
                )
    outputs = {name: {f"pair-{piece}": 64 * "0" for piece in range(pieces)} for name in conditions.all}
    return Key(
        test="0123456789abcdef",
        kind=kind,
        run="/nowhere",
        suite="",
        seed=0,
        methods=methods,
        has_truth=has_truth,
        pages=pages,
        outputs=outputs,
    )


def fair_score(key, question, condition):
    """What a listener who hears right gives the anchors."""
    if condition == key.conditions.right(question):
        return 100
    return 20 if condition == key.conditions.wrong(question) else 60


def ratings_of(key, listener, score):
    """Make up the file of a listener whose `score` takes question, condition and page: 0 to 100."""
    kind, pages = key.test_kind, []
    for name, page in key.pages.items():
        scores = {stimulus: score(page.question, of, page) for stimulus, of in page.stimuli.items()}
        if kind.name == "abx":
            scores = {stimulus: 100 * (value == max(scores.values())) for stimulus, value in scores.items()}
        if kind.name == "mos":
            scores = {stimulus: 1 + round(value / 25) for stimulus, value in scores.items()}
        order = sorted(scores, key=lambda stimulus: hashed(listener, name, stimulus))
        pages.append(
            {
                "page": name,
                "seconds": 20,
                "ratings": [{"stimulus": stimulus, "score": round(scores[stimulus])} for stimulus in order],
            }
        )
    return signed(
        {
            "format": "timbrebench-ratings-1",
            "test": key.test,
            "listener": listener,
            "session": hashed("session", listener),
            "pages": pages,
        }
    )


def signed(content):
    content = {name: value for name, value in content.items() if name != "checksum"}
    return {**content, "checksum": checksum(content)}


@pytest.fixture(scope="session")
def made():
    """Make up keys, what a fair listener gives anchors, files of ratings, and their checksums."""
    return SimpleNamespace(key=key_of, fair=fair_score, ratings=ratings_of, sign=signed)


@pytest.fixture
def handed_in(tmp_path):
    """Write files of ratings, and return their paths."""

    def write(*files):
        paths = [tmp_path / f"ratings-{number}.json" for number, _ in enumerate(files)]
        for path, file in zip(paths, files, strict=True):
            path.write_text(json.dumps(file), encoding="utf-8")
        return paths

    return write


@pytest.fixture(scope="session")
def listening(run, tmp_path_factory):
    """A test of two pairs of the small run, whose one method stands beside noise."""
    return make_listening_test(
        run.results,
        run.root,
        tmp_path_factory.mktemp("listening") / "test",
        kind=kind_of("mushra"),
        methods=("ulyanov", "noise"),
        pairs=2,
        seed=3,
    )


@pytest.fixture(scope="session")
def sounds(run):
    """What is heard of the first pair of the small run, and the rate."""
    results, labels = run.results, ("reference", "identity", "style-copy", "ulyanov", "noise")
    pair = results.suite.pairs[0]
    rows = results.transfers[results.transfers.pair_id == pair.pair_id].set_index("label")
    outputs = {label: run.root / rows.output[label] for label in labels}
    conditions = Conditions(("ulyanov", "noise"), has_truth=True)
    rate = pair.content.sample_rate
    return pair_sounds(results.suite, pair, conditions, outputs, rate), rate
