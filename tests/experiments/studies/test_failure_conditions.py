"""What the study of the failed transfer changes, one thing at a time."""

from __future__ import annotations

from timbrebench.experiments.studies.failure_conditions import (
    ALPHAS,
    BETAS,
    CODE,
    CONTENT_ONLY,
    FAILED,
    PAPER,
    PUBLISHED,
    RESHAPED,
    SMALL,
    ULYANOV,
)
from timbrebench.transfer import create
from timbrebench.transfer.methods.classifier_features import ClassifierFeatures


def test_each_condition_of_the_report_differs_from_the_published_in_one_thing():
    published, *others = (condition for condition in SMALL.conditions if condition.method == FAILED)
    assert published.name == PUBLISHED
    for condition in others:
        changed = {
            name
            for name in {*published.parameters, *condition.parameters}
            if published.parameters.get(name) != condition.parameters.get(name)
        }
        weights, extra = changed - {"content_weight", "style_weight"}, changed - {"optimiser", "iterations"}
        assert len(changed) == 1 or not weights or not extra or weights == {"start"}, condition.name


def test_the_papers_setting_is_the_published_one():
    conditions = {condition.name: condition for condition in PAPER.conditions}
    assert (
        ClassifierFeatures(**conditions[PUBLISHED].parameters).parameters == ClassifierFeatures().parameters
    )
    assert (PAPER.iterations, PAPER.more_iterations, PAPER.map_iterations) == (300, 3000, 1000)
    settings = create("ulyanov", dict(conditions[ULYANOV].parameters)).parameters
    assert (settings.n_filters, settings.kernel_width, settings.max_iterations) == (4096, 11, 300)
    assert conditions[ULYANOV].recorded
    assert conditions[PUBLISHED].recorded


def test_content_only_has_no_style_and_the_scrambled_arrays_their_layout():
    conditions = {condition.name: condition for condition in SMALL.conditions}
    assert ClassifierFeatures(**conditions[CONTENT_ONLY].parameters).parameters.style_weight == 0
    assert ClassifierFeatures(**conditions[RESHAPED].parameters).layout == "reshaped"
    assert ClassifierFeatures(**conditions[CODE].parameters).layout == "reshaped"


def test_the_published_weights_are_on_the_map():
    settings = ClassifierFeatures().parameters
    assert settings.content_weight in ALPHAS
    assert settings.style_weight in BETAS
