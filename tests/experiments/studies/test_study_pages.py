"""What the published pages say follows from the tables beside them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from timbrebench.experiments.studies import (
    cross_synthesis_study,
    failure_study,
    fidelity_study,
    key_invariance_study,
    loss_terms_study,
    phase_study,
    spectrograms_study,
    study_pages,
    style_content_curve_study,
    texture_study,
    wide_limit_convergence_study,
)
from timbrebench.experiments.studies.judge_findings import JudgeResults, judge_findings, judge_text
from timbrebench.experiments.studies.study import StudyResult
from timbrebench.experiments.studies.study_registry import STUDIES, find_study

PAGES = Path(__file__).resolve().parents[3] / "docs" / "studies"


def published(name):
    return pd.read_csv(PAGES / f"{name}.csv").fillna({"start": ""})


def _setting(name):
    return study_pages._setting_of(PAGES / f"{name}.md")


def judge_of(_):
    trainings, curves, pieces, confusion = (
        published(f"judge-{name}") for name in ("trainings", "curves", "pieces", "confusion")
    )
    results = JudgeResults(trainings, curves, pieces, confusion.set_index("true_label"))
    return judge_text(results), judge_findings(results, full_size=False)


def convergence_of(table):
    rates = {
        name: wide_limit_convergence_study._rate(table, name) for name in ("loss_error", "gradient_error")
    }
    return wide_limit_convergence_study._text(table, rates), ()


#: Text and findings by the table of each study.
FOLLOWS = {
    "cross-synthesis": lambda table: (
        cross_synthesis_study._text(table, cross_synthesis_study.SMALL.repetitions),
        cross_synthesis_study.findings(published("cross-synthesis-repetitions")),
    ),
    "failure": lambda _: (
        failure_study.text_of(published("failure-outputs")),
        failure_study.findings(published("failure-outputs"), published("failure-map"), full_size=False),
    ),
    "fidelity": lambda _: (
        fidelity_study.text_of(published("fidelity-distances")),
        fidelity_study.findings(published("fidelity-distances"), reduced=_setting("fidelity") == "small"),
    ),
    "judge": judge_of,
    "key-invariance": lambda _: (
        key_invariance_study._text(published("key-invariance-outputs")),
        key_invariance_study.findings(published("key-invariance-outputs")),
    ),
    "loss-terms": lambda _: (
        loss_terms_study._text(published("loss-terms-outputs")),
        loss_terms_study.findings(published("loss-terms-outputs")),
    ),
    "phase": lambda table: (
        phase_study._text(table, phase_study.STUDY.pairs),
        phase_study.findings(published("phase-inversions")),
    ),
    "spectrograms": lambda _: (
        spectrograms_study._text(published("spectrograms-trainings")),
        spectrograms_study.findings(published("spectrograms-trainings")),
    ),
    "style-content-curve": lambda table: (
        style_content_curve_study._text(
            table, style_content_curve_study.STUDY.pairs, style_content_curve_study.SMALL
        ),
        style_content_curve_study.findings(published("style-content-curve-outputs")),
    ),
    "texture": lambda _: (
        texture_study._text(published("texture-textures")),
        texture_study.findings(published("texture-textures")),
    ),
    "wide-limit-convergence": convergence_of,
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_follows_from_its_table(name):
    if not (PAGES / f"{name}.md").is_file():
        pytest.skip(f"docs/studies has no page of {name} yet: `timbrebench study {name}` makes it")
    table = published(name)
    text, findings = FOLLOWS[name](table)
    study = find_study(name)
    setting = _setting(name)
    result = study.limited(StudyResult(table, Figure(), text, findings), setting)
    page = study_pages._page(study, result, setting)
    assert (PAGES / f"{name}.md").read_text(encoding="utf-8") == page
    if result.findings:
        written = pd.read_csv(PAGES / f"{name}-findings.csv").to_dict("records")
        assert written == [asdict(finding) for finding in result.findings]


def test_the_overview_follows_from_the_pages():
    assert (PAGES / "README.md").read_text(encoding="utf-8") == study_pages._overview(PAGES)
