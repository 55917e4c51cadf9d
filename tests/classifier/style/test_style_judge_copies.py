import pandas as pd

from timbrebench.classifier.style.cross_validation import _folds


def manifest():
    """Twelve pieces, each with two copies, played by two instruments."""
    rows = [
        {
            "label": label,
            "program": program,
            "piece": f"p{piece}{mark}",
            "source_piece": f"p{piece}",
            "split": "judge",
        }
        for piece in range(12)
        for mark in ("", "~1", "~2")
        for label, program in (("piano", 0), ("clarinet", 71))
    ]
    return pd.DataFrame(rows)


def test_a_fold_takes_a_piece_with_all_its_copies():
    tested = []
    for assigned, held in _folds(manifest(), 4, seed=0):
        assert assigned.groupby("source_piece").split.nunique().eq(1).all()
        assert set(assigned.split) == {"judge", "validation", "test"}
        tested += assigned.source_piece[held].unique().tolist()
    assert sorted(tested) == sorted(f"p{piece}" for piece in range(12))


def test_folds_without_copies_are_of_pieces():
    for assigned, _ in _folds(manifest().drop(columns="source_piece"), 4, seed=0):
        assert assigned.groupby("piece").split.nunique().eq(1).all()
        assert assigned.split.eq("test").sum() == 18
