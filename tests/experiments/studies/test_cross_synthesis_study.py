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
        "training": {"network": "alexnet-narrow", "max_epochs": 1, "excerpt_s": 0.3},
        "iterations": 2,
        "inversion": {"algorithm": "griffin-lim", "iterations": 1, "start": "random"},
    }
    methods = {cross_synthesis_study.CLAIMANT: quick, "cross-synthesis": {}, "silence": {}}
    return cross_synthesis_study.run(context, cross_synthesis_study.CrossSettings(methods, repetitions=2))


def tone(*partials):
    time_s = np.arange(2 * RATE) / RATE
    return sum(np.sin(2 * np.pi * hertz * time_s) for hertz in partials).astype(np.float32) / len(partials)


NOTE = notes_table([(0.2, 1.8, 69, 90)])


def test_a_sine_has_no_overtones_and_hardly_any_bandwidth():
    measured = cross_synthesis_study.measure(tone(440), NOTE)
    assert measured["overtones"] == pytest.approx(0, abs=1e-3)
    assert measured["notes"] == pytest.approx(1, abs=1e-3)
    assert measured["bandwidth_hz"] < 30


def test_bandwidth_is_the_deviation_of_the_frequency():
    measured = cross_synthesis_study.measure(tone(440, 1320), NOTE)
    assert measured["bandwidth_hz"] == pytest.approx(440, rel=0.02)
    assert measured["overtones"] == pytest.approx(0.5, abs=0.01)


def test_noise_has_bandwidth_and_no_notes(generator):
    noise = generator.normal(0, 0.1, 2 * RATE).astype(np.float32)
    measured = cross_synthesis_study.measure(noise, NOTE)
    assert measured["bandwidth_hz"] == pytest.approx(RATE / 2 / np.sqrt(12), rel=0.05)
    assert measured["notes"] < 0.2


def test_the_targets_differ_from_the_contents_as_the_claims_say(result):
    figures = result.table.set_index(["direction", "sound"])
    harp, voice = figures.loc["harp to tuning fork"], figures.loc["voice to violin"]
    for column in ("bandwidth_hz", "overtones"):
        assert harp.loc["target", column] < harp.loc["content", column]
        assert voice.loc["target", column] > voice.loc["content", column]


def test_each_method_is_measured_in_both_directions(result):
    counts = result.table.groupby("sound").size()
    assert counts[cross_synthesis_study.CLAIMANT] == counts["cross-synthesis"] == 2
    assert result.further["repetitions"].groupby("sound").size()["cross-synthesis"] == 4


def test_a_method_whose_output_is_refused_ends_nothing(result):
    refused = result.table[result.table["sound"] == "silence"]
    assert refused[["bandwidth_hz", "overtones", "notes"]].isna().all(axis=None)
    assert len(refused) == 2
    assert "`silence` was refused" in result.text
    assert "nearest to the target's bandwidth is `silence`" not in result.text


def test_the_table_is_the_mean_of_the_keys(result):
    repetitions = result.further["repetitions"]
    own = repetitions[(repetitions.direction == "harp to tuning fork") & (repetitions["sound"] == "target")]
    assert sorted(own.key) == [0, 2]
    shown = result.table.set_index(["direction", "sound"]).loc["harp to tuning fork", "target"]
    assert shown.overtones == pytest.approx(own.overtones.mean())


def test_a_style_is_one_note_as_long_as_the_papers_spectrograms():
    (note,) = cross_synthesis_study._style_note(2).itertuples()
    assert (note.onset_s, note.offset_s, note.pitch) == (0, 2.57, 71)


def repetitions_of(voice_after, overtones_after=0.3, notes_after=0.9):
    """Five keys in which the output has the figures given, give or take a hundredth."""
    wobble = np.linspace(0.99, 1.01, 5)
    rows = [
        {
            "direction": direction,
            "sound": sound,
            "key": key,
            "bandwidth_hz": hertz * (wobble[key] if sound == cross_synthesis_study.CLAIMANT else 1),
            "overtones": 0.3,
            "notes": 0.9,
        }
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
        for key in range(5)
    ]
    table = pd.DataFrame(rows)
    own = table["sound"] == cross_synthesis_study.CLAIMANT
    return table.assign(
        overtones=table.overtones.mask(own, overtones_after), notes=table.notes.mask(own, notes_after)
    )


# Less than before is no growth, and neither is noise that overshoots the violin; what moves by less than it
# differs from key to key, or was refused, decides nothing.
@pytest.mark.parametrize(
    ("voice_after", "verdict"),
    [
        (140.0, "held"),
        (80.0, "did not hold"),
        (900.0, "did not hold"),
        (100.1, "not decided"),
        (np.nan, "not decided"),
    ],
)
def test_verdicts_follow_the_intervals(voice_after, verdict):
    shrinks, grows = (
        finding
        for finding in cross_synthesis_study.findings(repetitions_of(voice_after))
        if "the bandwidth" in finding.claim
    )
    assert shrinks.verdict == "held"
    assert grows.verdict == verdict


def test_figures_say_what_decides():
    shrinks, _, grows, _, stays = cross_synthesis_study.findings(repetitions_of(140.0, 0.3, 0.18))
    assert shrinks.figures.startswith(
        "From 100 Hz to 60 Hz, by -40 Hz (-41 to -39); the tune on the tuning fork"
    )
    assert "has 50 Hz. In the right direction in 5 of 5 keys, nearer to it in 5." in shrinks.figures
    assert "From 100 Hz to 140 Hz" in grows.figures
    assert stays.figures == "harp to tuning fork: 20% (20% to 20%), voice to violin: 20% (20% to 20%)."
    assert stays.verdict == "did not hold"


def test_what_is_refused_has_no_figures():
    repetitions = repetitions_of(np.nan, np.nan, np.nan)
    findings = cross_synthesis_study.findings(repetitions)
    assert findings[2].figures == "5 of 5 outputs were refused."
    assert findings[4].figures == "harp to tuning fork: refused, voice to violin: refused."
    assert findings[4].verdict == "not decided"
    text = cross_synthesis_study._text(cross_synthesis_study.means(repetitions), 5)
    assert f"target 150 Hz): `{cross_synthesis_study.CLAIMANT}` was refused." in text
