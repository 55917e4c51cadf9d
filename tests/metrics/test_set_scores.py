"""One row for each label, and one for all."""

import numpy as np
import pytest

from timbrebench.core.errors import ConfigurationError
from timbrebench.metrics.distribution import classifier_score, frechet_distance, kernel_distance
from timbrebench.metrics.set_scores import COLUMNS, set_scores

LABELS = ("organ", "piano", "sax")
SCORES = COLUMNS[4:-1]


def renderings(count, seed, d=6):
    """Embeddings of as many renderings of each label, around a place of its own."""
    generator = np.random.default_rng(seed)
    places = 3 * np.eye(3, d)
    labels = np.repeat(LABELS, count)
    return np.repeat(places, count, axis=0) + generator.standard_normal((3 * count, d)), labels


def score(outputs, labels, real, real_labels, **changes):
    answers = np.eye(3)[[LABELS.index(label) for label in labels]]
    return set_scores(
        outputs,
        answers,
        labels,
        real,
        real_labels,
        **{"embedding": "made up", "resamples": 50, "seed": 0, **changes},
    ).set_index("label")


def test_rows_are_the_scores_of_their_outputs():
    (outputs, labels), (real, real_labels) = renderings(15, 1), renderings(40, 2)
    table = score(outputs, labels, real, real_labels)
    assert list(table.reset_index().columns) == list(COLUMNS)
    assert list(table.index) == [*LABELS, "all"]
    for label in LABELS:
        mine, theirs = outputs[labels == label], real[real_labels == label]
        row = table.loc[label]
        assert (row.outputs, row.real, row.reason) == (15, 40, "")
        assert row.frechet == frechet_distance(mine, theirs)
        assert row.kernel == kernel_distance(mine, theirs)
        assert row.classifier_score == 1
    assert (table.loc["all", "outputs"], table.loc["all", "real"]) == (45, 120)
    assert table.loc["all", "frechet"] == frechet_distance(outputs, real)
    assert table.loc["all", "classifier_score"] == pytest.approx(classifier_score(np.eye(3)))
    for kind in ("frechet", "kernel"):
        assert (table[f"{kind}_low"] < table[kind]).all()
        assert (table[kind] < table[f"{kind}_high"]).all()
    assert (table.frechet_extrapolated < table.frechet).all()


def test_outputs_that_sound_like_another_label_are_far_from_their_own():
    (outputs, labels), (real, real_labels) = renderings(15, 1), renderings(40, 2)
    right = score(outputs, labels, real, real_labels)
    wrong = score(outputs, np.roll(labels, 15), real, real_labels)
    for kind in ("frechet", "kernel"):
        assert (wrong.loc[list(LABELS), f"{kind}_low"] > right.loc[list(LABELS), f"{kind}_high"]).all()
    # As a whole the set is as it was: only its labels are mixed up.
    assert wrong.loc["all", "frechet"] == pytest.approx(right.loc["all", "frechet"])


def test_all_are_compared_with_the_labels_that_were_asked_for():
    (outputs, labels), (real, real_labels) = renderings(15, 1), renderings(40, 2)
    some = labels != "sax"
    table = score(outputs[some], labels[some], real, real_labels)
    assert list(table.index) == ["organ", "piano", "all"]
    assert table.loc["all", "real"] == 80


def test_too_few_have_a_reason_and_no_scores():
    (outputs, labels), (real, real_labels) = renderings(15, 1), renderings(40, 2)
    kept = (labels != "piano") | (np.arange(45) < 24)
    known = (real_labels != "sax") | (np.arange(120) < 83)
    table = score(outputs[kept], labels[kept], real[known], real_labels[known])
    assert table.loc["piano", "reason"] == "9 outputs: at least 10 are needed"
    assert table.loc["sax", "reason"] == "3 real renderings: at least 10 are needed"
    assert table.loc[["piano", "sax"], list(SCORES)].isna().all(axis=None)
    assert table.loc[["organ", "all"], list(SCORES)].notna().all(axis=None)


def test_no_outputs_are_one_row_without_scores():
    real, real_labels = renderings(40, 2)
    table = set_scores(
        np.zeros((0, 6)), np.zeros((0, 3)), [], real, real_labels, resamples=9, seed=0, embedding="made up"
    )
    assert list(table.label) == ["all"]
    assert table.loc[0, "reason"] == "0 outputs and 0 real renderings: at least 10 are needed"


def test_repeats_with_its_seed_and_knows_pieces():
    arguments = (*renderings(15, 1), *renderings(40, 2))
    first = score(*arguments)
    assert first.equals(score(*arguments))
    assert not first.equals(score(*arguments, seed=1))
    in_pieces = score(*arguments, pieces=np.tile(np.arange(5), 9))
    assert (in_pieces.frechet == first.frechet).all()
    assert (in_pieces.frechet_high != first.frechet_high).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": ["piano"]}, "45 embeddings have 1 labels"),
        ({"labels": ["all"] * 45}, "the name of the row"),
        ({"probabilities": np.eye(3)}, "45 embeddings have 3 probabilities"),
        ({"pieces": [1]}, "45 embeddings have 1 pieces"),
        ({"real_labels": ["sax"]}, "120 embeddings have 1 labels"),
    ],
)
def test_tables_that_do_not_fit_are_refused(change, words):
    (outputs, labels), (real, real_labels) = renderings(15, 1), renderings(40, 2)
    given = {
        "embeddings": outputs,
        "probabilities": np.full((45, 3), 1 / 3),
        "labels": labels,
        "real_embeddings": real,
        "real_labels": real_labels,
        **change,
    }
    with pytest.raises(ConfigurationError, match=words):
        set_scores(**given, resamples=5, seed=0, embedding="made up")


def test_an_embedding_without_labels_has_distances_and_no_classifier_score():
    (outputs, labels), (real, real_labels) = renderings(15, 1), renderings(40, 2)
    answers = np.zeros((len(outputs), 0))
    table = set_scores(
        outputs, answers, labels, real, real_labels, embedding="vggish", resamples=5, seed=0
    ).set_index("label")
    assert table.loc["all", "frechet"] == frechet_distance(outputs, real)
    assert table.classifier_score.isna().all()
    assert set(table.embedding) == {"vggish"}
    assert (table.reason == "").all()
