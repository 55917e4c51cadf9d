"""Tests of the study of phases."""

from __future__ import annotations

from itertools import product

import pandas as pd
import pytest

from timbrebench.experiments.studies import phase_study

COUNTS = (1, 4, 16)

#: How much nearer the magnitudes of a clip are met than those of another, in all ways alike.
LEVELS = {"a": -1.0, "b": 0.0, "c": 1.0}


@pytest.fixture(scope="module")
def result(context):
    return phase_study.run(context, (1, 8))


def errors_of(result):
    return result.table.set_index(
        ["magnitudes", "algorithm", "start", "iterations"]
    ).convergence_db.sort_index()


def finding_of(table, part):
    (finding,) = (finding for finding in phase_study.findings(table) if part in finding.claim)
    return finding


def table_of(**changes):
    """Errors of three clips that bear all claims out, but for changes of ways on magnitudes of a clip."""
    rows = []
    for kind in (phase_study.CLIP, phase_study.MIXTURE):
        rows.append((kind, "pghi", "", 0, -20.0))
        for algorithm, start, count in product(phase_study.ALGORITHMS, phase_study.STARTS, COUNTS):
            gain = 2.0 * (algorithm != "griffin-lim") + 3.0 * (start == "pghi")
            error = -count / 2 - 4 - gain
            if kind == phase_study.CLIP:
                error = changes.get(f"{algorithm} {start} {count}", error)
            rows.append((kind, algorithm, start, count, error))
    columns = ["magnitudes", "algorithm", "start", "iterations", "convergence_db"]
    table = pd.DataFrame(rows, columns=columns).assign(cpu_seconds=1.0)
    return pd.concat(
        [
            table.assign(clip=clip, convergence_db=table.convergence_db + level)
            for clip, level in LEVELS.items()
        ]
    )


def test_every_way_is_measured_on_both_kinds_of_magnitudes(result):
    ways = 1 + len(phase_study.ALGORITHMS) * len(phase_study.STARTS) * 2
    assert len(result.table) == 2 * ways
    assert (result.table.cpu_seconds > 0).all()


@pytest.mark.parametrize("algorithm", phase_study.ALGORITHMS)
def test_more_iterations_come_nearer(result, algorithm):
    errors = errors_of(result)[phase_study.CLIP, algorithm]
    for start in phase_study.STARTS:
        assert errors[start, 8] < errors[start, 1]


@pytest.mark.parametrize("kind", [phase_study.CLIP, phase_study.MIXTURE])
def test_an_integrated_phase_is_a_better_start_than_a_random_one(result, kind):
    errors = errors_of(result)[kind]
    for algorithm in phase_study.ALGORITHMS:
        assert errors[algorithm, "pghi", 8] < errors[algorithm, "random", 8] - 1


def test_magnitudes_that_no_clip_has_cannot_be_met_as_well(result):
    errors = errors_of(result)
    assert errors[phase_study.CLIP, "pghi", "", 0] < errors[phase_study.MIXTURE, "pghi", "", 0]


def test_few_clips_decide_nothing(result):
    assert {finding.verdict for finding in phase_study.findings(result.further["inversions"])} <= {
        "not decided"
    }


def test_claims_do_not_hold_where_every_clip_contradicts_them():
    inversions = table_of()
    turned = inversions.assign(convergence_db=-inversions.convergence_db)
    assert {finding.verdict for finding in phase_study.findings(turned)} == {"did not hold"}


def test_what_differs_from_clip_to_clip_is_not_decided():
    mixed = table_of()
    other = (mixed["clip"] == "a") & (mixed.algorithm == "fast-griffin-lim") & (mixed.iterations == 16)
    mixed.loc[other, "convergence_db"] += 8
    assert finding_of(mixed, "Fast Griffin-Lim").verdict == "not decided"


def test_all_claims_can_be_borne_out():
    assert all(finding.verdict == "held" for finding in phase_study.findings(table_of()))


def test_the_count_that_decides_is_said():
    late = finding_of(table_of(**{"le-roux random 4": -5.0}), "Local consistency")
    assert late.verdict == "did not hold"
    assert late.figures.endswith(
        "The lead is least after 4 on magnitudes of a clip: -5.0 dB against -6.0 dB."
    )
    narrow = finding_of(table_of(**{"le-roux random 16": -12.01}), "Local consistency")
    assert narrow.verdict == "held"
    assert "-12.01 and -14.0 dB against -12.00 and -12.0 dB." in narrow.figures


def test_the_gain_that_decides_is_said():
    finding = finding_of(table_of(**{"waveform pghi 4": -7.0}), "From PGHI's phase")
    assert finding.verdict == "did not hold"
    assert finding.figures == (
        "The gain after 16 iterations is 3.0 to 3.0 dB. It is least, -1.0 dB, for waveform descent after 4 "
        "on magnitudes of a clip."
    )


def test_one_clip_is_no_plural():
    assert phase_study._text(table_of(), 1).startswith("1 clip and 1 mixture. ")
