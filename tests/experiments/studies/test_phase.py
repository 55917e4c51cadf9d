"""Tests of the study of phases."""

from __future__ import annotations

import pytest

from timbrebench.experiments.studies import phase


@pytest.fixture(scope="module")
def result(context):
    return phase.run(context, phase.PhaseSettings((1, 8)))


def errors_of(result):
    return result.table.set_index(
        ["magnitudes", "algorithm", "start", "iterations"]
    ).convergence_db.sort_index()


def held(table, part):
    (finding,) = (finding for finding in phase.findings(table) if part in finding.claim)
    return finding.held


def test_every_way_is_measured_on_both_kinds_of_magnitudes(result):
    ways = 1 + len(phase.ALGORITHMS) * len(phase.STARTS) * 2
    assert len(result.table) == 2 * ways
    assert (result.table.cpu_seconds > 0).all()


@pytest.mark.parametrize("algorithm", phase.ALGORITHMS)
def test_more_iterations_come_nearer(result, algorithm):
    errors = errors_of(result)[phase.CLIP, algorithm]
    for start in phase.STARTS:
        assert errors[start, 8] < errors[start, 1]


@pytest.mark.parametrize("kind", [phase.CLIP, phase.MIXTURE])
def test_an_integrated_phase_is_a_better_start_than_a_random_one(result, kind):
    errors = errors_of(result)[kind]
    for algorithm in phase.ALGORITHMS:
        assert errors[algorithm, "pghi", 8] < errors[algorithm, "random", 8] - 1


def test_magnitudes_that_no_clip_has_cannot_be_met_as_well(result):
    errors = errors_of(result)
    assert errors[phase.CLIP, "pghi", "", 0] < errors[phase.MIXTURE, "pghi", "", 0]


def test_what_is_found_follows_the_table(result):
    assert held(result.table, "From PGHI's phase")
    turned = result.table.assign(convergence_db=-result.table.convergence_db)
    assert not held(turned, "From PGHI's phase")
    for part in ("Fast Griffin-Lim", "Descent on the waveform"):
        assert held(turned, part) is not held(result.table, part)
