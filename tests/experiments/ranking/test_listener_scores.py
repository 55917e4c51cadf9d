"""What listeners say stands beside the metrics as long as it is of the outputs that are there."""

from dataclasses import replace

import numpy as np
import pytest

from timbrebench.core.errors import RunError
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.ranking.listener_scores import (
    ListenerScore,
    digests_now,
    outputs_fingerprint,
    read_listener_scores,
    write_listener_scores,
)
from timbrebench.experiments.run.layout import LISTENERS

PAIRS = ["000", "001"]


@pytest.fixture
def heard(results, generator, tmp_path):
    """Results with outputs on the disk, and what listeners say of one method."""
    made = results(generator)
    transfers = made.transfers.assign(output=made.transfers.label + "/" + made.transfers.pair_id)
    for path in transfers.output[transfers.pair_id.isin(PAIRS)]:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(path)
    made = replace(made, transfers=transfers)
    digests = digests_now(tmp_path, made.first_seed, "good", PAIRS)
    assert list(digests) == PAIRS
    score = ListenerScore(
        question="style",
        method="good",
        kind="mushra",
        lowest=0,
        highest=100,
        listeners=12,
        outputs=2,
        mean=71.5,
        low=64.25,
        high=None,
        pairs="|".join(PAIRS),
        heard=outputs_fingerprint(digests),
    )
    write_listener_scores(tmp_path, [score])
    return made, score


def test_they_are_read_as_they_were_written(heard, tmp_path):
    made, score = heard
    assert read_listener_scores(tmp_path, made.first_seed) == [score]


def test_they_stand_in_the_leaderboard_and_change_nothing_else(heard):
    made, score = heard
    without = make_leaderboard(made).table
    table = make_leaderboard(replace(made, listeners=[score])).table
    added = [name for name in table if name not in without]
    assert added == ["listeners_style", "listeners_style_low", "listeners_style_high", "listeners_style_n"]
    assert table.drop(columns=added).equals(without)
    row, other = (table.set_index("method").loc[name, added].tolist() for name in ("good", "poor"))
    assert row[:2] == [71.5, 64.25]
    assert row[3] == 2
    assert np.isnan(other[:3]).all()
    assert other[3] == 0


def test_other_outputs_were_not_heard(heard, tmp_path, caplog):
    made, _ = heard
    (tmp_path / "good/001").write_text("another output")
    assert read_listener_scores(tmp_path, made.first_seed) == []
    assert "the outputs of good are not those that listeners heard" in caplog.text


def test_without_listeners_there_is_nothing(heard, tmp_path):
    made, _ = heard
    (tmp_path / LISTENERS).unlink()
    assert read_listener_scores(tmp_path, made.first_seed) == []


@pytest.mark.parametrize(
    "change",
    [("style", "taste"), (",12,", ",0,"), (",71.5,", ",,"), ("mean", "average"), (",71.5,", ",high,")],
)
def test_what_is_not_such_a_file_is_refused(heard, tmp_path, change):
    made, _ = heard
    path = tmp_path / LISTENERS
    text = path.read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(RunError, match=LISTENERS):
        read_listener_scores(tmp_path, made.first_seed)


def test_a_pair_that_leads_out_of_the_run_is_not_opened(heard, tmp_path):
    made, score = heard
    write_listener_scores(
        tmp_path, [score.model_copy(update={"pairs": "../../etc/passwd", "method": "../x"})]
    )
    assert read_listener_scores(tmp_path, made.first_seed) == []
