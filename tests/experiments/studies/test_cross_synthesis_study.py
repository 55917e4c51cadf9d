"""Tests of the study of bandwidths."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timbrebench.datasets.notes import notes_table
from timbrebench.experiments.studies import cross_synthesis_study
from timbrebench.experiments.studies.playing import RATE


@pytest.fixture(scope="module")
def result(context):
    quick = {
        "training": {"max_epochs": 1},
        "iterations": 2,
        "inversion": {"algorithm": "griffin-lim", "iterations": 1, "start": "random"},
    }
    methods = {cross_synthesis_study.CLAIMANT: quick, "cross-synthesis": {}, "silence": {}}
    return cross_synthesis_study.run(context, methods)


def tone(*partials):
    time_s = np.arange(2 * RATE) / RATE
    return sum(np.sin(2 * np.pi * hertz * time_s) for hertz in partials).astype(np.float32) / len(partials)


NOTE = notes_table([(0.2, 1.8, 69, 90)])


def test_a_sine_has_no_overtones_and_hardly_any_bandwidth():
    found = cross_synthesis_study.measure(tone(440), NOTE)
    assert found["overtones"] == pytest.approx(0, abs=1e-3)
    assert found["notes"] == pytest.approx(1, abs=1e-3)
    assert found["bandwidth_hz"] < 30


def test_bandwidth_is_the_deviation_of_the_frequency():
    found = cross_synthesis_study.measure(tone(440, 1320), NOTE)
    assert found["bandwidth_hz"] == pytest.approx(440, rel=0.02)
    assert found["overtones"] == pytest.approx(0.5, abs=0.01)


def test_noise_has_bandwidth_and_no_notes(generator):
    noise = generator.normal(0, 0.1, 2 * RATE).astype(np.float32)
    found = cross_synthesis_study.measure(noise, NOTE)
    assert found["bandwidth_hz"] == pytest.approx(RATE / 2 / np.sqrt(12), rel=0.05)
    assert found["notes"] < 0.2


def test_the_targets_differ_from_the_contents_as_the_claims_say(result):
    figures = result.table.set_index(["direction", "sound"])
    harp, voice = figures.loc["harp to tuning fork"], figures.loc["voice to violin"]
    for column in ("bandwidth_hz", "overtones"):
        assert harp.loc["target", column] < harp.loc["content", column]
        assert voice.loc["target", column] > voice.loc["content", column]


def test_each_method_is_measured_in_both_directions(result):
    counts = result.table.groupby("sound").size()
    assert counts[cross_synthesis_study.CLAIMANT] == counts["cross-synthesis"] == 2


def test_a_method_whose_output_is_refused_ends_nothing(result):
    refused = result.table[result.table["sound"] == "silence"]
    assert refused[["bandwidth_hz", "overtones", "notes"]].isna().all(axis=None)
    assert len(refused) == 2
    assert "`silence` was refused" in result.text
    assert "nearest to the target's bandwidth is `silence`" not in result.text


def table_of(voice_after, overtones_after=0.3, notes_after=0.9):
    rows = [
        {"direction": direction, "sound": sound, "bandwidth_hz": hertz, "overtones": 0.3, "notes": 0.9}
        for direction, target, after in (
            ("harp to tuning fork", 50.0, 60.0),
            ("voice to violin", 150.0, voice_after),
        )
        for sound, hertz in (
            ("content", 100.0),
            ("style", target),
            ("target", target),
            (cross_synthesis_study.CLAIMANT, after),
        )
    ]
    table = pd.DataFrame(rows)
    own = table["sound"] == cross_synthesis_study.CLAIMANT
    return table.assign(
        overtones=table.overtones.mask(own, overtones_after), notes=table.notes.mask(own, notes_after)
    )


# Less than before is no growth, and neither is noise that overshoots the violin, or nothing.
@pytest.mark.parametrize(
    ("voice_after", "held"), [(140.0, True), (80.0, False), (900.0, False), (np.nan, False)]
)
def test_what_is_found_follows_the_table(voice_after, held):
    found = cross_synthesis_study.findings(table_of(voice_after))
    shrinks, grows = (finding.verdict == "held" for finding in found if "the bandwidth" in finding.claim)
    assert shrinks
    assert grows is held


def test_a_change_that_decides_is_seen():
    shrinks, overtones, grows, _, kept = cross_synthesis_study.findings(table_of(100.3, 0.29952, 0.4498))
    assert "From 100 Hz to 60 Hz; the tune on the tuning fork has 50 Hz." in shrinks.figures
    assert "From 100.0 Hz to 100.3 Hz; the tune on the violin has 150.0 Hz." in grows.figures
    assert grows.verdict == "held"
    assert overtones.figures.startswith("From 30.00% to 29.95%; ")
    assert "harp to tuning fork: 49.98%" in kept.figures
    assert kept.verdict == "did not hold"


def test_what_is_refused_has_no_figures():
    found = cross_synthesis_study.findings(table_of(np.nan, np.nan, np.nan))
    assert found[2].figures == "The output was refused."
    assert found[4].figures == "harp to tuning fork: refused, voice to violin: refused."
    assert found[4].verdict == "did not hold"
    text = cross_synthesis_study._text(table_of(np.nan))
    assert f"target 150 Hz): `{cross_synthesis_study.CLAIMANT}` was refused." in text
