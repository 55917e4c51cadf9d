"""Metrics of other distributions: found, refused with a reason, and harmless until asked for."""

import textwrap

import pytest

from timbrebench.core.errors import ConfigurationError, UnknownNameError
from timbrebench.core.plugins import entry_point_names, load_entry_point
from timbrebench.metrics import Metric, get, metric_names
from timbrebench.metrics.registry import current_name, current_names, recorded_name, unversioned_names

WORKING = """
from timbrebench.metrics import metric

@metric(
    name="always_half", version=1, unit="1", lower=0.0, upper=1.0, direction="none",
    relevant_change=0.1, summary="Is the glass half full?",
)
def always_half(trial):
    return 0.5
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with one module and one metric, as pip would leave it on disk."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(distribution: str, entry: str, module: str = "", code: str = "") -> None:
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[timbrebench.metrics]\n{entry}\n")
        if module:
            (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))

    return write


def test_the_project_brings_its_own():
    own = {"style_accuracy", "content_label_share", "onset_f1", "log_stft_mse"}
    own |= {f"{question}_{of}" for question in ("ioi_kl", "xcorr") for of in ("content", "style")}
    assert own <= set(metric_names())
    assert metric_names() == sorted(metric_names())


def test_every_name_leads_to_the_metric_of_that_name():
    for name in metric_names():
        found = get(name)
        assert isinstance(found, Metric)
        assert found.specification.name == name


@pytest.mark.parametrize(
    ("former", "current"), [("key_invariance_mse", "log_stft_mse"), ("read_note_f1", "transcribed_note_f1")]
)
def test_a_metric_that_was_renamed_is_read_under_its_former_name(former, current):
    version = get(current).specification.version
    assert unversioned_names([former], one_tune=False) == (current,)
    assert current_names({former: version}) == {former: current}
    assert recorded_name(current, version) == former


def test_a_former_name_that_nobody_has_leads_to_the_metric_itself():
    assert "read_note_f1" not in metric_names()
    assert get("read_note_f1") is get("transcribed_note_f1")


def test_the_metric_that_took_over_a_name_is_not_taken_for_the_one_of_before():
    name, before = "key_invariance_mse", "log_stft_mse"
    assert get(name).specification.name == name
    assert current_names({name: 3, before: 2}) == {name: name, before: before}
    assert recorded_name(name, 3) == name
    assert unversioned_names([name, before], one_tune=False) == (name, before)
    assert unversioned_names([name], one_tune=True) == (name,)


def test_a_later_version_under_a_former_name_is_a_metric_of_its_own(install):
    code = WORKING.replace("always_half", "read_note_f1")
    install("newer", "read_note_f1 = newer_module:read_note_f1", "newer_module", code)
    assert current_name("read_note_f1") == "read_note_f1"
    assert get("read_note_f1") is not get("transcribed_note_f1")
    assert current_names({"read_note_f1": 2}) == {"read_note_f1": "read_note_f1"}
    assert current_names({"read_note_f1": 1}) == {"read_note_f1": "transcribed_note_f1"}
    assert recorded_name("transcribed_note_f1", 2) == "transcribed_note_f1"


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(UnknownNameError, match="unknown metric 'onset_f2': did you mean 'onset_f1'"):
        get("onset_f2")


def test_a_distribution_adds_a_metric(install, make_trial, clips):
    install("half", "always_half = half_full_module:always_half", "half_full_module", WORKING)
    assert "always_half" in metric_names()
    assert get("always_half")(make_trial(clips["content"])).value == 0.5


@pytest.mark.parametrize("code", ["import no_such_module_at_all", "raise SystemExit(3)", "def ("])
def test_a_broken_metric_harms_nobody_until_it_is_asked_for(code, install):
    module = f"broken_module_{len(code)}"
    install("broken", f"broken_metric = {module}:broken", module, code)
    assert "broken_metric" in metric_names()
    assert get("onset_f1").specification.name == "onset_f1"
    with pytest.raises(ConfigurationError, match=r"'broken_metric' of package 'broken'.*cannot be imported"):
        get("broken_metric")


def test_a_name_declared_twice_is_refused(install):
    install("rival", "onset_f1 = rival_module:onset_f1")
    assert metric_names().count("onset_f1") == 1
    with pytest.raises(ConfigurationError, match=r"2 metrics named 'onset_f1'.*'rival'.*'timbrebench'"):
        get("onset_f1")


def test_the_same_object_declared_twice_is_no_conflict(install):
    install("mirror", "onset_f1 = timbrebench.metrics.onsets:onset_f1")
    assert get("onset_f1").specification.name == "onset_f1"


def test_what_is_no_metric_is_refused(install):
    install("odd", "odd_metric = math:sqrt")
    with pytest.raises(ConfigurationError, match="not a metric"):
        get("odd_metric")


def test_a_metric_under_another_name_is_refused(install):
    install("alias", "better_name = timbrebench.metrics.onsets:onset_f1")
    with pytest.raises(ConfigurationError, match="'onset_f1': give both one name"):
        get("better_name")


def test_an_empty_group_has_no_names():
    assert entry_point_names("timbrebench.nothing.here") == []
    with pytest.raises(UnknownNameError, match="unknown thing 'x'"):
        load_entry_point("timbrebench.nothing.here", "x", "thing")
