"""What the journal of a build keeps, and what it loses."""

from __future__ import annotations

import json

from timbrebench.datasets.audioset.journal import Journal
from timbrebench.datasets.building import JOURNAL


def entered(root, *entries):
    (root / JOURNAL).mkdir(exist_ok=True)
    for entry in entries:
        (root / entry["path"]).touch()
    with Journal(root) as journal:
        journal.enter(entries)


def test_a_damaged_line_is_said_and_its_clip_made_again(tmp_path, capsys):
    entered(
        tmp_path, *({"clip_id": name, "path": name, "missing_s": 0.25, "source": "x\u2028y"} for name in "ab")
    )
    path = tmp_path / JOURNAL / "clips.jsonl"
    path.write_text(path.read_text().replace("0.25", "0.75", 1))
    with Journal(tmp_path) as journal:
        assert "a" not in journal
        assert journal.entry("b")["missing_s"] == 0.25
    assert "clips.jsonl: 1 damaged lines" in capsys.readouterr().err


def test_lines_without_digests_and_torn_ones_are_read_as_before(tmp_path, capsys):
    entered(tmp_path, {"clip_id": "a", "path": "a"})
    lines = json.dumps({"clip_id": "b", "reason": "silent"}) + '\n{"clip_id": "torn'
    with (tmp_path / JOURNAL / "clips.jsonl").open("a") as file:
        file.write(lines)
    with Journal(tmp_path) as journal:
        assert "a" in journal
        assert journal.reason("b") == "silent"
    assert not capsys.readouterr().err
