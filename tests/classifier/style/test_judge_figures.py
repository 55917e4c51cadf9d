import sys

import matplotlib.image
import pandas as pd
import pytest

from timbrebench.classifier.style.judge_figures import (
    bar_figure,
    confusion_figure,
    learning_curve_figure,
    reliability_figure,
)
from timbrebench.classifier.style.style_evaluation import evaluate_on
from timbrebench.core.figures import save_figure


@pytest.fixture(scope="module")
def evaluation(judge, features):
    return evaluate_on(judge, features.where(split=["test"]))


def draw(evaluation, curve):
    return {
        "confusion": confusion_figure(evaluation),
        "reliability": reliability_figure(evaluation),
        "curve": learning_curve_figure(curve),
        "bars": bar_figure(["one", "two"], [0.2, 0.9], ["", "(7 clips)"]),
    }


@pytest.fixture
def figures(evaluation, training):
    return draw(evaluation, training.curve)


@pytest.mark.parametrize("name", ["confusion", "reliability", "curve", "bars"])
def test_a_figure_is_written_the_same_each_time(evaluation, training, tmp_path, name):
    for number in range(2):
        save_figure(draw(evaluation, training.curve)[name], tmp_path / f"{number}.png")
    assert (tmp_path / "0.png").read_bytes() == (tmp_path / "1.png").read_bytes()
    height, width, _ = matplotlib.image.imread(tmp_path / "0.png").shape
    assert min(height, width) > 200


@pytest.mark.parametrize("name", ["confusion", "reliability", "curve", "bars"])
def test_axes_are_labelled(figures, name):
    axes = figures[name].axes
    assert any(each.get_xlabel() for each in axes)
    assert any(each.get_ylabel() for each in axes) or name == "bars"


def test_all_counts_of_the_confusion_are_written(figures, evaluation):
    written = [text.get_text() for text in figures["confusion"].axes[0].texts]
    assert written == [str(count) for row in evaluation.confusion for count in row]


def test_the_calibration_error_is_written(figures, evaluation):
    assert f"{evaluation.calibration_error:.3f}" in figures["reliability"].axes[0].get_title()


def test_the_epoch_that_was_kept_is_marked():
    curve = pd.DataFrame(
        {
            "epoch": [0, 1, 2],
            "train_loss": 1.0,
            "validation_loss": [3.0, 1.0, 2.0],
            "validation_accuracy": 0.5,
        }
    )
    labels = [line.get_label() for line in learning_curve_figure(curve).axes[0].lines]
    assert "epoch 2, kept" in labels


def test_no_state_of_pyplot_is_touched(figures):
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
