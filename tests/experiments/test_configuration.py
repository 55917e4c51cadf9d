import pytest

from timbrebench.audio.errors import ConfigurationError, UnknownNameError
from timbrebench.experiments.configuration import CONTROLS, load_configuration
from timbrebench.experiments.configuration_text import profile_names


def written(tmp_path, text):
    path = tmp_path / "run.toml"
    path.write_text(text)
    return str(path)


def test_the_profiles_are_valid():
    assert profile_names() == [
        "default",
        "families",
        "full",
        "leaderboard",
        "literature",
        "multi-instrument-226",
        "smoke",
    ]
    for name in profile_names():
        configuration = load_configuration(name)
        assert configuration.name == name
        assert configuration.dataset.pieces >= 40
        assert len(configuration.dataset.instruments) == (16 if name == "families" else 6)
        assert [entry.method for entry in configuration.entries][: len(CONTROLS)] == list(CONTROLS)


def test_the_multi_instrument_profile_has_the_size_of_the_report():
    dataset = load_configuration("multi-instrument-226").dataset
    assert (dataset.pieces, len(dataset.instruments), dataset.clip_duration_s) == (226, 6, 10.0)
    assert dataset.corpus == "adl-piano-midi"


def test_the_full_profile_uses_published_settings():
    assert all(entry.parameters == {} for entry in load_configuration("full").methods)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\n[datset]\n', "unknown key 'datset': did you mean 'dataset'"),
        ('name = "x"\n[dataset]\npeices = 3\n', "unknown key 'dataset.peices': did you mean 'pieces'"),
        ('name = "x"\n[dataset]\npieces = "many"\n', "dataset.pieces"),
        ('name = "x"\n[dataset]\ninstruments = ["piano", "flut"]\n', "unknown instrument 'flut'"),
        ('name = "x"\nmetrics = ["onset_f2"]\n', "unknown metric 'onset_f2': did you mean 'onset_f1'"),
        ('name = "x"\n[[methods]]\nmethod = "uljanov"\n', "did you mean 'ulyanov'"),
        ('name = "x"\n[[methods]]\nmethod = "ulyanov"\nparameters = {filters = 3}\n', "'n_filters'"),
        ('name = "x"\n[[methods]]\nmethod = "noise"\n', "'noise' stands for two methods"),
        ('name = "x"\n[suite]\nsoundfont = "TimGM"\n', "unknown soundfont of the dataset 'TimGM'"),
        ('name = "x"\n[[methods]]\nmethod = "ulyanov"\nlabel = "../up"\n', "label"),
        ("name = x", "not valid TOML"),
        ("", "name"),
    ],
)
def test_what_is_wrong_is_named_with_a_suggestion(tmp_path, text, message):
    with pytest.raises(ConfigurationError, match=message):
        load_configuration(written(tmp_path, text))


def test_unknown_profiles_and_missing_files(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'smoke'"):
        load_configuration("smok")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_configuration(str(tmp_path / "absent.toml"))
