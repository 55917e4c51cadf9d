"""What a method has learned from, in words, and what a suite's setting bars."""

from __future__ import annotations

import pytest

from timbrebench.experiments.ranking.learning_rules import learned_from, rule_violation
from timbrebench.experiments.run.record_types import LearnedRecord
from timbrebench.experiments.run.run_configuration import MethodEntry
from timbrebench.experiments.run.tasks import Barred, barred_by
from timbrebench.experiments.suites.frozen_suite import load_configured
from timbrebench.experiments.suites.suite import SuiteConfiguration

PLAIN = MethodEntry(method="torchscript", parameters={"path": "net.pt"})
TIM, FLUID, GENERAL = ("TimGM6mb",), ("FluidR3_GM",), ("GeneralUser-GS",)


def suite(setting, name="new-timbre-1"):
    configuration = SuiteConfiguration(name=name, setting=setting, pairs=30)
    return load_configured(configuration).suite(configuration)


def record(*, weights=(), clips=(), soundfonts=(), programs=()):
    return LearnedRecord(key="k", weights=weights, clips=clips, soundfonts=soundfonts, programs=programs)


@pytest.mark.parametrize(
    ("learned", "said"),
    [
        (None, "nothing"),
        (record(weights=("a",)), "not stated"),
        (record(clips=("a",), soundfonts=TIM), "training pieces"),
        (record(clips=("a",), soundfonts=TIM + FLUID), "this timbre"),
        (record(clips=("a",), soundfonts=GENERAL), "this timbre"),
    ],
)
def test_the_column_says_how_near_to_the_suite_a_method_has_learned(learned, said):
    assert learned_from(PLAIN, learned, suite("known-timbre")) == said


def test_only_a_new_timbre_bars_the_suites_family_and_a_relative_counts():
    for learned in (record(soundfonts=FLUID), record(soundfonts=GENERAL)):
        assert rule_violation(PLAIN, learned, barred_by(suite("known-timbre"))) == ""
        problem = rule_violation(PLAIN, learned, barred_by(suite("new-timbre")))
        assert f"has learned from {learned.soundfonts[0]}" in problem
    assert rule_violation(PLAIN, record(soundfonts=TIM), barred_by(suite("new-timbre"))) == ""
    assert rule_violation(PLAIN, None, barred_by(suite("new-timbre"))) == ""


def test_a_declaration_counts_as_a_record_does():
    entry = PLAIN.model_copy(update={"learned_from": FLUID})
    assert learned_from(entry, None, suite("new-timbre")) == "this timbre"
    assert "FluidR3_GM" in rule_violation(entry, None, barred_by(suite("new-timbre")))


def test_one_shot_bars_programs_of_styles_on_any_soundfont():
    one_shot = suite("one-shot", "one-shot-1")
    barred = barred_by(one_shot)
    program = one_shot.pairs[0].style.program
    assert program in barred.programs
    assert barred.families == {"FluidR3"}
    assert str(program) in rule_violation(PLAIN, record(soundfonts=TIM, programs=(program,)), barred)
    assert rule_violation(PLAIN, record(soundfonts=TIM, programs=(0,)), barred) == "", "the first piano"
    assert Barred() == barred_by(suite("known-timbre"))


def test_a_record_of_programs_alone_is_one():
    assert not record(programs=(40,)).is_empty
    assert record().is_empty
