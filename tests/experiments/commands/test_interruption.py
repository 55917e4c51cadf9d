"""Ctrl-C promises that the same command goes on only where something is kept, and there it does."""

from __future__ import annotations

import sys

import pytest

from timbrebench.audio import write_audio
from timbrebench.experiments.commands.cli import main
from timbrebench.transfer.algorithms import template_learning
from timbrebench.transfer.methods.envelope import Envelope


@pytest.fixture
def transfer(tmp_path, monkeypatch, synthesizer, scale, capsys):
    """Return what runs `timbrebench transfer METHOD` on two clips; it returns status and messages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, program in (("a", 0), ("b", 56)):
        write_audio(f"{name}.wav", synthesizer.render(scale, program, 2.0, 22050), 22050)

    def run(method, *options):
        command = ["timbrebench", "transfer", method, "a.wav", "b.wav", "out.wav", *map(str, options)]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, capsys.readouterr().err

    return run


def interrupt(*_, **__):
    raise KeyboardInterrupt


def test_a_transfer_that_learns_nothing_keeps_nothing_and_says_so(transfer, monkeypatch, tmp_path):
    monkeypatch.setattr(Envelope, "convert", interrupt)
    status, said = transfer("envelope")
    assert status == 130
    assert said.splitlines() == ["interrupted"]
    assert not (tmp_path / "out.wav").exists()


def test_what_a_method_has_learned_when_it_is_interrupted_is_not_learned_again(transfer, monkeypatch, run):
    learn_timbre, learned = template_learning._learn_timbre, []

    def interrupted_in_the_second(*arguments):
        learned.append(arguments)
        return interrupt() if len(learned) == 2 else learn_timbre(*arguments)

    options = ["--dataset", run.root / "dataset"]
    with monkeypatch.context() as patch:
        patch.setattr(template_learning, "_learn_timbre", interrupt)
        assert transfer("templates", *options)[1].splitlines()[-1] == "interrupted"  # nothing is kept yet
        patch.setattr(template_learning, "_learn_timbre", interrupted_in_the_second)
        status, said = transfer("templates", *options)
        assert status == 130
        assert said.splitlines()[-1] == "interrupted; run the same command to resume"
        learned.clear()
        patch.setattr(template_learning, "_learn_timbre", lambda *a: learned.append(a) or learn_timbre(*a))
        assert transfer("templates", *options)[0] == 0
        assert len(learned) == 1  # of two timbres
    monkeypatch.setattr(template_learning, "_learn_timbre", None)  # learning again would fail
    status, said = transfer("templates", *options, "--force")
    assert status == 0, said
    assert "templates: what it learns from " in said
