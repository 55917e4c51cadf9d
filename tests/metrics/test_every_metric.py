"""One contract for all metrics that are installed."""

import math
import pickle
import sys

import numpy as np
import pytest

from timbrebench.metrics import evaluate, get, metric_names

RATE = 22_050

#: What the controls score, by metric: (output, value, tolerance).
CONTROLS = {
    "style_accuracy": [("content", 0, 0), ("style", 1, 0), ("reference", 1, 0)],
    "second_style_accuracy": [("content", 0, 0), ("style", 1, 0), ("reference", 1, 0)],
    "unfamiliar": [("content", 0, 0), ("style", 0, 0), ("reference", 0, 0)],
    "content_label_share": [("content", 1, 0), ("style", 0, 0), ("reference", 0, 0)],
    "style_confidence": [("content", 0, 0.1), ("style", 1, 0.1), ("reference", 1, 0.1)],
    "mfcc_style_distance": [("style", 0, 0), ("reference", 0, 0.1)],
    "embedding_style_distance": [("style", 0, 0), ("reference", 0, 0.01)],
    "perceptual_timbre_distance": [("style", 0, 0), ("reference", 0, 0.5), ("content", 0.8, 0.3)],
    "perceptual_timbre_reference_distance": [("reference", 0, 0), ("content", 0.8, 0.3)],
    "embedding_reference_distance": [("reference", 0, 0), ("style", 0, 0.01)],
    "ioi_kl_content": [("content", 0, 0)],
    "ioi_kl_style": [("style", 0, 0)],
    "note_precision": [("content", 1, 0.15), ("reference", 1, 0.15), ("style", 0.1, 0.15)],
    "note_recall": [("content", 1, 0.15), ("reference", 1, 0.15), ("style", 0.1, 0.15)],
    "note_f1": [("content", 1, 0.15), ("reference", 1, 0.15), ("style", 0.1, 0.15)],
    "note_f1_100ms": [("content", 1, 0.15), ("reference", 1, 0.15), ("style", 0.1, 0.15)],
    "note_f1_offsets": [("content", 0.9, 0.15), ("reference", 0.9, 0.15), ("style", 0, 0.1)],
    "multipitch_accuracy": [("content", 0.9, 0.15), ("reference", 0.9, 0.15), ("style", 0.1, 0.15)],
    "transcribed_note_f1": [("content", 1, 0), ("reference", 1, 0.15), ("style", 0.1, 0.15)],
    "note_leakage": [("content", 0, 0.1), ("reference", 0, 0.1), ("style", 1, 0.15)],
    "chroma_cosine": [("content", 1, 1e-6), ("reference", 0.85, 0.15), ("style", 0.3, 0.3)],
    "pitch_jaccard": [("content", 0, 0), ("reference", 0.15, 0.15), ("style", 0.9, 0.1)],
    "melody_accuracy": [("content", 0.9, 0.15), ("reference", 0.9, 0.15), ("style", 0.1, 0.15)],
    "onset_f1": [("content", 1, 0), ("reference", 1, 0.1), ("style", 0.3, 0.3)],
    "xcorr_content": [("content", 1, 1e-6), ("style", 0, 0.3)],
    "xcorr_style": [("style", 1, 1e-6), ("content", 0, 0.3)],
    "is_noop": [("content", 1, 0), ("style", 0, 0), ("reference", 0, 0)],
    "is_style_copy": [("content", 0, 0), ("style", 1, 0), ("reference", 0, 0)],
    "log_stft_mse": [("reference", 0, 0)],
    "log_spectral_distance": [("reference", 0, 0), ("content", 10, 4), ("style", 10, 4)],
    "mel_cepstral_distortion": [("reference", 0, 0), ("content", 8, 4), ("style", 8, 4)],
    "multi_resolution_stft": [("reference", 0, 0), ("content", 1.9, 0.6), ("style", 1.9, 0.6)],
    "onset_envelope_correlation": [("content", 1, 1e-6), ("reference", 0.9, 0.1), ("style", 0, 0.3)],
    "autocorrelation_error_content": [("content", 0, 0), ("reference", 0.05, 0.05), ("style", 0.3, 0.2)],
    "autocorrelation_error_style": [("style", 0, 0), ("content", 0.3, 0.2), ("reference", 0.3, 0.2)],
    "tempo_error": [("content", 0, 0), ("reference", 0, 0.1)],
    "loudness_difference": [("content", 0, 0)],
    "clipped_share": [("content", 0, 0), ("style", 0, 0), ("reference", 0, 0)],
    "silent_share": [("content", 0, 0), ("reference", 0, 0.05)],
    "flatness_excess": [("content", 0, 0), ("style", 0, 0), ("reference", 0, 3)],
    "near_empty_share": [("content", 0, 0), ("style", 0, 0), ("reference", 0, 0.1)],
    "edge_burst": [("content", 0, 0), ("style", 0, 0), ("reference", 0, 1)],
    "modulation_excess": [("content", 0, 0), ("style", 0, 0), ("reference", 0, 3)],
    "sound_quality": [("content", 1, 0), ("style", 1, 0), ("reference", 1, 0.3)],
    "phase_inconsistency": [("content", 0.3, 0.2), ("style", 0.3, 0.2), ("reference", 0.3, 0.2)],
    "information_content": [("content", 4, 1), ("style", 4, 1), ("reference", 4, 1)],
}

#: What silence scores; all others have no score for it.
SILENCE = {"onset_f1": 0.0}


def noise(seconds, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def click(seconds):
    """One onset, and nothing else."""
    decay = np.exp(-np.arange(int(seconds * RATE)) / 800)
    start = len(decay) // 2
    return np.concatenate([np.zeros(start), decay[: len(decay) - start]]).astype(np.float32)


DEGENERATE = {
    "silence": np.zeros(4 * RATE, np.float32),
    "all but silence": np.full(4 * RATE, 1e-6, np.float32),
    "one onset": click(4.0),
    "no onset": np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE).astype(np.float32),
    "constant": np.full(4 * RATE, 0.5, np.float32),
    "full scale": np.sign(noise(4.0)),
    "far beyond full scale": 1e6 * noise(4.0),
    "one sample": np.ones(1, np.float32),
    "two milliseconds": noise(0.002),
    "tenth of a second": noise(0.1),
    "half as long": noise(2.0),
    "twice as long": noise(8.0),
    "30 ms longer": noise(4.03),
}


@pytest.fixture(params=metric_names())
def metric(request):
    return get(request.param)


@pytest.fixture
def make_trial(request, make_trial, tune):
    """A trial that has what the metric needs: where that is one tune in two keys, notes and labels say so."""
    metric = request.getfixturevalue("metric") if "metric" in request.fixturenames else None
    if metric is None or "one_tune" not in metric.specification.needs:
        return make_trial
    one_tune = {"style_notes": tune.assign(pitch=tune.pitch + 2), "content_label": "trumpet"}
    return lambda output, **changes: make_trial(output, **{**one_tune, **changes})


def check(metric, score):
    """A score is a number in the declared range, or a reason."""
    declared = metric.specification
    if math.isnan(score.value):
        assert score.reason
        assert "fault of the metric" not in score.reason
    else:
        assert score.reason is None
        assert declared.lower <= score.value <= declared.upper
        assert math.isfinite(score.value)


def test_the_project_has_a_control_for_each_of_its_metrics():
    assert set(CONTROLS) <= set(metric_names())


@pytest.mark.parametrize(
    ("name", "control"), [(name, control) for name, controls in CONTROLS.items() for control in controls]
)
def test_controls_score_what_they_must(name, control, clips, make_trial):
    output, value, tolerance = control
    assert get(name)(make_trial(clips[output])).value == pytest.approx(value, abs=tolerance or 1e-12)


def test_definition_is_written_down(metric):
    text = sys.modules[metric.__module__].__doc__
    for part in ("Definition\n----------", "References\n----------", "Range", "no score"):
        assert part in text
    assert metric.specification.summary.endswith("?")
    assert metric.__doc__


@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_output_has_a_score_or_a_reason(metric, case, make_trial):
    check(metric, metric(make_trial(DEGENERATE[case])))


@pytest.mark.parametrize("role", ["content", "style", "reference"])
@pytest.mark.parametrize("case", ["silence", "one onset", "one sample", "half as long"])
def test_degenerate_input_has_a_score_or_a_reason(metric, role, case, clips, make_trial):
    check(metric, metric(make_trial(clips["reference"], **{role: DEGENERATE[case]})))


def test_silence_scores_what_is_declared(metric, make_trial):
    score = metric(make_trial(DEGENERATE["silence"]))
    expected = SILENCE.get(metric.specification.name)
    if expected is None:
        assert math.isnan(score.value)
    else:
        assert score.value == expected


def test_no_notes_have_no_score(make_trial, clips, tune):
    score = get("onset_f1")(make_trial(clips["content"], notes=tune[:0]))
    assert math.isnan(score.value)
    assert "no note begins" in score.reason


def test_what_is_needed_is_asked_for(metric, make_trial, clips):
    judges = ("judge", "second_judge", "content_judge")
    blank = dict.fromkeys(("reference", "notes", "style_notes", "content_label", *judges))
    score = metric(make_trial(clips["reference"], **blank))
    if metric.specification.needs:
        assert math.isnan(score.value)
        assert score.reason.startswith("needs ")
    else:
        check(metric, score)


@pytest.mark.parametrize("decibels", [-12, 12])
def test_loudness_does_not_count(metric, decibels, make_trial, clips):
    if "gain" not in metric.specification.invariant_to:
        pytest.skip("declares that loudness counts")
    for output in (clips["content"], clips["reference"], clips["style"]):
        louder = output * np.float32(10 ** (decibels / 20))
        assert metric(make_trial(louder)).value == pytest.approx(metric(make_trial(output)).value, abs=1e-4)


def test_polarity_does_not_count(metric, make_trial, clips):
    if "polarity" not in metric.specification.invariant_to:
        pytest.skip("declares that polarity counts")
    for output in (clips["content"], clips["reference"], clips["style"]):
        assert metric(make_trial(-output)).value == pytest.approx(metric(make_trial(output)).value, abs=1e-6)


def test_sample_rate_does_not_count(metric, make_trial, clips, to_rate):
    here = metric(make_trial(clips["reference"])).value
    others = {role: to_rate(clip, 32_000) for role, clip in clips.items()}
    there = metric(make_trial(others["reference"], **others, sample_rate=32_000)).value
    assert there == pytest.approx(here, abs=0.02)


def test_same_trial_same_score_and_nothing_is_changed(metric, make_trial, clips, tune):
    before = {role: clip.copy() for role, clip in clips.items()}
    trial = make_trial(clips["reference"])
    first = metric(trial)
    assert metric(trial) == first
    assert metric(make_trial(clips["reference"])) == first
    for role, clip in before.items():
        np.testing.assert_array_equal(clips[role], clip)
    assert trial.notes is tune


def test_workers_get_the_metric_itself(metric):
    assert pickle.loads(pickle.dumps(metric)) is metric  # noqa: S301 - our own bytes


def test_evaluate_gives_each_metric_its_score(make_trial, clips):
    trial = make_trial(clips["content"])
    metrics = [get(name) for name in metric_names()]
    assert evaluate(trial, metrics) == {item.specification.name: item(trial) for item in metrics}
