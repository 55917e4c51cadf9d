"""What a method has learned from, and whether a suite's setting allows it."""

from __future__ import annotations

from typing import Literal

from timbrebench.datasets.soundfonts.soundfont_finding import family_of, recorded_name
from timbrebench.experiments.run.record_types import LearnedRecord
from timbrebench.experiments.run.run_configuration import MethodEntry
from timbrebench.experiments.run.tasks import Barred, families_of
from timbrebench.experiments.suites.suite import Suite

#: What the column says: nothing; sounds of other soundfonts; a soundfont of the suite, or a relative of one;
#: or a network of which neither a record nor a declaration says what it has learned from.
LearnedFrom = Literal["nothing", "training pieces", "this timbre", "not stated"]


def learned_from(entry: MethodEntry, record: LearnedRecord | None, suite: Suite) -> LearnedFrom:
    """Say what a method has learned from, by its record and what its configuration declares."""
    sources = _sources(entry, record)
    if set(map(family_of, sources)) & families_of(suite):
        return "this timbre"
    if sources or (record and record.clips):
        return "training pieces"
    return "not stated" if record and record.weights else "nothing"


def rule_violation(entry: MethodEntry, record: LearnedRecord | None, barred: Barred) -> str:
    """Say what a method has learned from that the suite's setting bars; empty where there is nothing."""
    relatives = sorted(name for name in _sources(entry, record) if family_of(name) in barred.families)
    programs = sorted(set(record.programs if record else ()) & barred.programs)
    problems = [
        f"has learned from {', '.join(relatives)}, of a family of the suite's soundfonts"
        if relatives
        else "",
        f"has learned from programs that play styles: {', '.join(map(str, programs))}" if programs else "",
    ]
    return " and ".join(filter(None, problems))


def _sources(entry: MethodEntry, record: LearnedRecord | None) -> set[str]:
    return {*map(recorded_name, entry.learned_from), *(record.soundfonts if record else ())}
