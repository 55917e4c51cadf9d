import pandas as pd

from timbrebench.transfer.bases.trained_network_method import hold_out


def test_a_piece_is_held_out_with_its_copies():
    manifest = pd.DataFrame(
        [
            {"label": label, "piece": f"p{piece}{mark}", "source_piece": f"p{piece}"}
            for piece in range(10)
            for mark in ("", "~1")
            for label in ("piano", "clarinet")
        ]
    )
    held = hold_out(manifest, seed=0)
    assert held.groupby("source_piece").split.nunique().eq(1).all()
    assert set(held.split) == {"judge", "validation"}
    assert held[held.split == "validation"].groupby("label").size().gt(0).sum() == 2
