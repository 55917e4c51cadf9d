"""What is shown of long work: how much of it is done, how long the rest will take, and which stage it is."""

from __future__ import annotations

import logging
import re
import time

import pytest

from timbrebench.core import progress
from timbrebench.core.progress import AtWork, StageProgress, Tracker, log, muted, set_verbosity


class Clock:
    """Time that passes when it is told to."""

    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def lines(capsys):
    return capsys.readouterr().err.splitlines()


def test_what_is_left_is_counted_from_the_first_step_that_was_finished(capsys, clock):
    """The first step waits for libraries and processes: it would make hours of minutes."""
    with Tracker("rendering", 101, "clips") as tracker:
        clock.now += 120
        tracker.advance()
        for _ in range(50):
            clock.now += 2
            tracker.advance()
    first, *_, last = lines(capsys)
    assert first == "rendering: 1/101 clips (1%), 2 min 0 s so far"
    assert last == "rendering: 51/101 clips (50%), 0.5 clips/s, 1 min 40 s left"


def test_slow_steps_have_a_duration_instead_of_a_rate(capsys, clock):
    with Tracker("learning", 10, "timbres") as tracker:
        for _ in range(3):
            clock.now += 75
            tracker.advance()
    assert lines(capsys)[1] == "learning: 2/10 timbres (20%), 1 min 15 s each, 10 min 0 s left"


def test_steps_that_are_finished_together_are_no_reason_to_hope(capsys, clock):
    """What was done before, or all at once, says nothing about the rest."""
    with Tracker("transferring", 300, "pairs") as tracker:
        clock.now += 10
        tracker.advance(290)
        clock.now += 10
        tracker.advance()
    assert lines(capsys)[1] == "transferring: 291/300 pairs (97%), 0.1 pairs/s, 1 min 30 s left"


def test_the_end_is_told_once(capsys, clock):
    with Tracker("rendering", 2, "clips") as tracker:
        for _ in range(2):
            clock.now += 6
            tracker.advance()
    assert lines(capsys) == [
        "rendering: 1/2 clips (50%), 6 s so far",
        "rendering: 2/2 clips, 0.167 clips/s, in 12 s",
    ]


def test_quick_work_is_not_mentioned(capsys):
    with Tracker("rendering", 2, "clips") as tracker:
        tracker.advance(2)
    with Tracker("nothing", 0):
        pass
    assert lines(capsys) == []


def test_work_that_finishes_no_step_says_so_from_its_first_second(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_FIRST_LINE_S", 0.02)
    monkeypatch.setattr(progress, "LINE_INTERVAL_S", 0.02)
    with Tracker("ulyanov", 300, "iterations"):
        time.sleep(0.3)
    shown = lines(capsys)
    assert 2 <= len(shown) <= 6  # they come more and more seldom
    assert {re.sub(r"\d+ s", "N s", line) for line in shown} == {"ulyanov: 0/300 iterations (0%), N s so far"}


def test_whoever_shows_no_progress_is_said_to_be_at_work(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_FIRST_LINE_S", 0.05)
    with AtWork("my-method"):
        time.sleep(0.2)
    assert lines(capsys) == ["my-method: at work, 1 s so far"]
    with AtWork("my-method"):
        log("training the network")
        time.sleep(0.02)
    assert lines(capsys) == ["training the network"]


def test_the_stage_and_the_whole_are_shown(capsys, clock):
    with StageProgress(6) as stages:
        stages.begin("building the dataset")
        clock.now += 65
        stages.begin("transferring")
        with Tracker("transferring", 40, "pairs") as tracker:
            clock.now += 10
            tracker.advance()
    with Tracker("alone", 2) as tracker:
        clock.now += 10
        tracker.advance()
    assert lines(capsys) == [
        "1 of 6: building the dataset",
        "2 of 6: transferring, 1 min 5 s so far",
        "2 of 6: transferring: 1/40 pairs (2%), 10 s so far (whole: 1 min 15 s so far)",
        "2 of 6: transferring: 1/40 pairs (2%), 10 s so far (whole: 1 min 15 s so far)",
        "alone: 1/2 steps (50%), 10 s so far",
        "alone: 1/2 steps (50%), 10 s so far",
    ]


def test_workers_are_quiet(capsys, clock):
    with muted(), Tracker("rendering", 2) as tracker:
        clock.now += 10
        tracker.advance()
        log("nothing")
    assert lines(capsys) == []


@pytest.fixture
def verbosity():
    yield set_verbosity
    set_verbosity(logging.INFO)


def test_lines_go_through_standard_logging(capsys, clock, verbosity):
    log("usual")
    verbosity(logging.WARNING)
    log("unwanted")
    with Tracker("rendering", 2) as tracker:
        clock.now += 10
        tracker.advance()
    logging.getLogger("timbrebench").warning("wanted")
    verbosity(logging.DEBUG)
    log("detailed")
    usual, wanted, detailed = lines(capsys)
    assert (usual, wanted) == ("usual", "wanted")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ test_progress: detailed", detailed)


def test_a_line_cannot_command_a_terminal(capsys):
    log("a\x1b[2Jb")
    assert "\x1b" not in capsys.readouterr().err
