"""Tests of the study of the failed transfer, from one end to the other, on one pair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.core.errors import ConfigurationError
from timbrebench.experiments.studies import failure_study
from timbrebench.experiments.studies.failure_cases import comparable_pairs, recorded_cases, rendered_cases
from timbrebench.experiments.studies.failure_conditions import (
    FAILED,
    FROM_CONTENT,
    MORE_ITERATIONS,
    PUBLISHED,
    SMALL,
    VARIATION,
    FailureCondition,
    FailureSettings,
)
from timbrebench.experiments.studies.failure_transfers import scored, untouched
from timbrebench.transfer import create

BASE = {
    "n_fft": 1024,
    "hop_length": 512,
    "training": {"max_epochs": 1},
    "inversion": {"iterations": 1},
}


class Quick(FailureSettings):
    """Some conditions of each kind, of those with the same network."""

    @property
    def conditions(self):
        chosen = (PUBLISHED, MORE_ITERATIONS, FROM_CONTENT, VARIATION)
        return tuple(each for each in super().conditions if each.name in chosen or each.method != FAILED)


@pytest.fixture(scope="module")
def result(context):
    settings = Quick(
        base=BASE,
        iterations=1,
        more_iterations=3,
        lbfgs=1,
        map_iterations=1,
        others=(FailureCondition("reference", "style-copy", {}),),
    )
    return failure_study.run(context, settings)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Sines that decay, two octaves apart, as notes of a piano and of a trumpet."""
    folder = tmp_path_factory.mktemp("recordings")
    rows = []
    for instrument, harmonics in (("piano", 3), ("trumpet", 6)):
        for midi in range(30, 106, 12):
            times, frequency = np.arange(22_050) / 22_050, 440 * 2 ** ((midi - 69) / 12)
            waves = [np.sin(2 * np.pi * frequency * k * times) / k for k in range(1, harmonics + 1)]
            name = f"{instrument}-{midi}.wav"
            soundfile.write(folder / name, 0.3 * np.sum(waves, axis=0) * np.exp(-2 * times), 22_050)
            rows.append((name, instrument, "made", midi))
    pd.DataFrame(rows, columns=["path", "instrument", "source", "midi"]).to_csv(
        folder / "manifest.csv", index=False
    )
    return folder


def test_the_table_counts_and_the_outputs_are_listed(result):
    outputs = result.further["outputs"]
    assert list(result.table.condition) == list(dict.fromkeys(outputs.condition))
    assert (result.table.outputs == outputs.groupby("condition", sort=False).size().to_numpy()).all()
    assert not outputs[outputs.condition == "untouched content"].transferred.any()
    assert outputs[outputs.condition == "untouched content"].gain_db.eq(0).all()


def test_from_the_content_one_step_leaves_the_notes(result):
    rows = result.table.set_index("condition")
    assert rows.note_f1["from the content"] >= 0.8 * rows.note_f1["untouched content"]


def test_the_map_has_a_loss_for_all_weights_and_the_curve_one_for_all_iterations(result):
    weights, curve = result.further["map"], result.further["curve"]
    np.testing.assert_allclose(
        weights.loss, weights.alpha * weights.content + weights.beta * weights["style"]
    )
    assert weights[["alpha", "beta"]].duplicated().sum() == 0
    np.testing.assert_allclose(curve.loss, curve.content + curve["style"], rtol=1e-6)
    assert list(curve.iteration) == [0, 1, 2, 3]
    assert curve.loss.iloc[-1] < curve.loss.iloc[0]


def test_without_recorded_notes_that_is_said(result):
    assert "Recorded notes were not at hand" in result.text
    assert len(result.findings) == 13


def test_an_output_that_is_refused_is_no_transfer(context):
    (case,) = rendered_cases(context, context.suite.pairs[:1])
    row = scored(FailureCondition("silence", "silence", {}), create("silence", {}), case)
    assert (row["style_accuracy"], row["note_f1"], row["transferred"]) == (0, 0, False)
    assert row["decidable"] == untouched(case)["decidable"]


def test_recorded_notes_play_the_same_notes_as_loud(context, recordings):
    with_notes = replace(context, recorded_notes=recordings, pairs=len(context.suite.pairs))
    pairs = comparable_pairs(with_notes)
    assert sorted(pair.pair_id for pair in pairs) == sorted(pair.pair_id for pair in context.suite.pairs)
    rendered = rendered_cases(with_notes, pairs[:1])
    (case,) = recorded_cases(with_notes, rendered)
    (plain,) = rendered
    assert case.sounds == "recorded notes"
    assert case.recordings == "made"
    assert plain.recordings == ""
    assert case.trial.notes is plain.trial.notes
    for name in ("content", "style", "reference"):
        ours, theirs = (getattr(each.trial, name).samples for each in (case, plain))
        assert ours.shape == theirs.shape
        assert np.sqrt(np.mean(ours**2)) == pytest.approx(np.sqrt(np.mean(theirs**2)), rel=1e-3)
        assert not np.allclose(ours, theirs, atol=1e-2)


def test_pairs_that_recorded_notes_cannot_play_are_left_out_with_a_line(
    context, recordings, tmp_path, capsys
):
    manifest = pd.read_csv(recordings / "manifest.csv")
    low = manifest[manifest.midi == 30]
    for path in low.path:
        (tmp_path / path).write_bytes((recordings / path).read_bytes())
    low.to_csv(tmp_path / "manifest.csv", index=False)
    with_notes = replace(context, recorded_notes=tmp_path)
    pairs = comparable_pairs(with_notes)
    assert len(pairs) == context.pairs
    assert recorded_cases(with_notes, rendered_cases(with_notes, pairs)) == []
    assert "no recording near MIDI pitch" in capsys.readouterr().err


def test_a_folder_without_a_manifest_is_refused(context, tmp_path):
    with pytest.raises(ConfigurationError, match="not a folder of recorded notes"):
        replace(context, recorded_notes=tmp_path)


def test_the_small_setting_has_pairs_enough_for_a_verdict():
    assert failure_study.STUDY.pairs >= 6
    assert {condition.name for condition in SMALL.conditions if condition.recorded} >= {PUBLISHED, "ulyanov"}
