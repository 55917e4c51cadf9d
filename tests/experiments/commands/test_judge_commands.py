"""Judges on the command line."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from timbrebench.core.errors import JudgeError
from timbrebench.experiments.commands.cli import app
from timbrebench.experiments.suites.frozen_pairs import FrozenClip
from timbrebench.experiments.suites.frozen_suite import freeze, write_frozen
from timbrebench.experiments.suites.kinds.rendered_kind import RenderedKind
from timbrebench.experiments.suites.recipes import Recipe


def publish(root, name, out):
    arguments = ["judge", "publish", str(root), "--suite", str(name), "--out", str(out)]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.fixture
def frozen(run, tiny):
    """The pairs of the tiny run."""
    made = RenderedKind(dataset=tiny.dataset, draw=tiny.suite)
    return freeze(run.results.suite, recipe=Recipe(name="tiny", version=1, summary="Two.", made=made))


def test_a_judge_is_published_for_a_suite_that_it_can_judge(run, frozen, tmp_path):
    done = publish(run.root, write_frozen(frozen, tmp_path), tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["tiny-1.json", "tiny-1.pt"]


def test_a_judge_that_does_not_know_the_styles_is_refused(run, tmp_path):
    with pytest.raises(JudgeError, match="does not know 51 of its styles"):
        publish(run.root, "genres-1", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_judge_that_has_learned_a_piece_is_refused(run, frozen, tmp_path):
    piece = run.results.suite.dataset.select(split="judge").manifest.piece.iloc[0]
    learned = FrozenClip(piece, *frozen.clips[0][1:])
    changed = frozen.model_copy(update={"clips": (learned, *frozen.clips[1:])})
    changed = changed.model_copy(update={"fingerprint": changed.content_fingerprint()})
    with pytest.raises(JudgeError, match=f"has learned from 1 of its pieces, such as {piece}"):
        publish(run.root, write_frozen(changed, tmp_path), tmp_path / "out")
