from importlib import resources

import pytest

from timbrebench.core.errors import ConfigurationError, UnknownNameError
from timbrebench.datasets.soundfonts.soundfont_finding import family_of
from timbrebench.experiments.run.configuration_text import configuration_text, listed_tracks, profile_names
from timbrebench.experiments.run.run_configuration import (
    CONTROLS,
    RunConfiguration,
    load_configuration,
    parse_configuration,
    read_configuration,
)
from timbrebench.experiments.suites.tracks import find_track
from timbrebench.transfer import Control, method_class, method_names


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
        "trained",
    ]
    for name in set(profile_names()) - {"default"}:
        configuration = load_configuration(name)
        assert configuration.name == name
        assert configuration.dataset.pieces >= 40
        assert len(configuration.dataset.instruments) == (16 if name == "families" else 6)
        assert [entry.method for entry in configuration.entries][: len(CONTROLS)] == list(CONTROLS)


def test_the_default_profile_is_a_run_on_each_of_two_tracks():
    text, where = configuration_text("default")
    tracks = listed_tracks(text, where)
    assert tracks == ["known-timbre", "new-timbre"]
    for track in tracks:
        configuration = read_configuration(text, where, track)
        assert configuration.suite.name == f"{track}-1"
        assert configuration.suite.setting == track
        assert configuration.suite.pairs >= 20
        assert tuple(judge.name for judge in configuration.style_judges) == find_track(track).judges
        again = parse_configuration(configuration.as_recorded(), "a run's folder")
        assert again == configuration
    new = read_configuration(text, where, "new-timbre")
    barred = {family_of(name) for name in ("FluidR3_GM", "GeneralUser-v1.47")}
    assert not barred & set(map(family_of, new.dataset.soundfont_names))
    with pytest.raises(ConfigurationError, match="lists the tracks known-timbre, new-timbre"):
        load_configuration("default")


@pytest.mark.parametrize(
    ("table", "settled"),
    [
        ('[judge]\nname = "instruments-6-2"', r"\[judge\]"),
        ("[dataset]\npieces = 40", r"\[dataset\]"),
        ('[suite]\nsetting = "known-timbre"\npairs = 30', r"setting in \[suite\]"),
    ],
)
def test_what_a_track_settles_is_not_said_a_second_time(tmp_path, table, settled):
    with pytest.raises(ConfigurationError, match=f"'new-timbre' settles .*: leave out {settled}$"):
        load_configuration(written(tmp_path, f'name = "a"\ntrack = "new-timbre"\n{table}\n'))


@pytest.mark.parametrize("suite", ["true", "3", "[]", '["pairs"]', '"known-timbre-1"'])
def test_a_suite_that_is_no_table_is_said_of_a_track_too(tmp_path, suite):
    with pytest.raises(ConfigurationError, match="suite"):
        load_configuration(written(tmp_path, f'name = "a"\ntrack = "new-timbre"\nsuite = {suite}\n'))


def test_a_track_without_its_audio_says_what_to_get_how_large_and_where_to_put_it(tmp_path):
    audio = find_track("aligned").audio
    with pytest.raises(ConfigurationError) as error:
        load_configuration(written(tmp_path, 'name = "a"\ntrack = "aligned"\n'))
    assert all(part in str(error.value) for part in (*audio, "audio = "))
    named = 'name = "a"\ntrack = "aligned"\n[suite]\naudio = "here"\n'
    assert load_configuration(written(tmp_path, named)).suite.name == "aligned-1"


@pytest.mark.parametrize("tracks", ["[]", '["../elsewhere"]', '["known-timbre", "known-timbre"]', "[1]"])
def test_a_list_of_tracks_has_each_once(tmp_path, tracks):
    with pytest.raises(ConfigurationError, match="a name or a list of names, each once"):
        load_configuration(written(tmp_path, f'name = "a"\ntrack = {tracks}\n'))


def test_an_unknown_track_is_an_error_that_names_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="new-timbre"):
        load_configuration(written(tmp_path, 'name = "a"\ntrack = "new-timber"\n'))


def test_a_second_judge_is_another_one_that_knows_the_labels(tmp_path):
    text = (
        'name = "two"\n[suite]\nname = "instruments-6-1"\n[judge]\nname = "instruments-6-1"\n[second_judge]\n'
    )
    configuration = read_configuration(text + "seed = 1\n", "here")
    assert [judge.name for judge in configuration.style_judges] == ["instruments-6-1", ""]
    with pytest.raises(ConfigurationError, match="the second judge is the first one again"):
        read_configuration(text + 'name = "instruments-6-1"\n', "here")
    with pytest.raises(ConfigurationError, match=r"does not know the suite's labels.*\[second_judge\]"):
        read_configuration(text + 'name = "instruments-gm16-1"\n', "here")


@pytest.mark.parametrize("drawn", ["banks/own.sf2", "own", "own.sf2"])
def test_pairs_are_drawn_from_a_soundfont_that_is_given_by_its_path(drawn):
    text = (
        f'name = "x"\n[dataset]\nsoundfonts = ["sonivox", "banks/own.sf2"]\n[suite]\nsoundfont = "{drawn}"\n'
    )
    assert read_configuration(text, "here").suite.soundfont == drawn
    with pytest.raises(ConfigurationError, match="unknown soundfont of the dataset"):
        read_configuration(text.replace(f'soundfont = "{drawn}"', 'soundfont = "banks/other.sf2"'), "here")


def test_a_run_records_the_version_of_its_headline():
    text = 'name = "x"\nmetrics = ["style_accuracy", "note_f1"]\n'
    before, now = read_configuration(text, "here"), read_configuration('name = "x"\n', "here")
    assert [made.as_recorded()["headline_version"] for made in (before, now)] == [1, 2]
    assert RunConfiguration.model_validate(now.as_recorded()) == now


def test_the_multi_instrument_profile_has_the_size_of_the_report():
    dataset = load_configuration("multi-instrument-226").dataset
    assert (dataset.pieces, len(dataset.instruments), dataset.clip_duration_s) == (226, 6, 10.0)
    assert dataset.corpus == "adl-piano-midi"
    assert (dataset.clips_per_piece, dataset.track_format) == ("all", "mp3")
    assert len(set(dataset.soundfonts.values())) == 6


def test_the_full_profile_has_every_method_at_published_settings_but_for_iterations_that_it_names():
    full = load_configuration("full").methods
    # What is reduced are iterations alone, and there is a comment above each that says so.
    assert {key for entry in full for key in entry.parameters} <= {"max_iterations", "iterations"}
    text = (resources.files("timbrebench.experiments") / "profiles" / "full.toml").read_text(encoding="utf-8")
    lines = text.splitlines()
    reduced = [number for number, line in enumerate(lines) if line.startswith("parameters")]
    assert len(reduced) == sum(bool(entry.parameters) for entry in full)
    assert all(lines[number - 3].startswith("#") for number in reduced)
    offered = {name for name in method_names() if not issubclass(method_class(name), Control)}
    # The published training of ddsp is for a GPU; paired was published by nobody, and trains for long.
    elsewhere = {"command-line", "torchscript", "finished-audio", "ddsp", "paired"}
    assert {entry.method for entry in full} == offered - elsewhere


def test_former_names_of_metrics_are_read_as_todays(tmp_path):
    text = 'name = "x"\nmetrics = ["read_note_f1", "note_f1", "key_invariance_mse"]\n'
    metrics = load_configuration(written(tmp_path, text)).metrics
    assert metrics == ("transcribed_note_f1", "note_f1", "log_stft_mse")


def test_a_name_that_another_metric_took_over_is_read_by_version_or_suite(tmp_path):
    """Without either, a file is of before."""
    asked = 'name = "x"\nmetrics = ["key_invariance_mse"]\n'
    for more, meant in (
        ('[suite]\nname = "key-invariance-1"\n', "log_stft_mse"),
        ('[suite]\nname = "key-invariance-2"\n', "key_invariance_mse"),
        ("[metric_versions]\nkey_invariance_mse = 2\n", "log_stft_mse"),
        ("[metric_versions]\nkey_invariance_mse = 3\n", "key_invariance_mse"),
    ):
        configuration = load_configuration(written(tmp_path, asked + more))
        assert configuration.metrics == (meant,)
        assert RunConfiguration.model_validate(configuration.as_recorded()) == configuration


def test_a_folder_records_the_versions_of_all_metrics():
    recorded = load_configuration("smoke").as_recorded()
    assert list(recorded["metric_versions"]) == recorded["metrics"]
    assert recorded["metric_versions"]["key_invariance_mse"] == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'name = "x"\nmetrics = ["read_note_f1", "transcribed_note_f1"]\n',
            "'transcribed_note_f1' stands in the list twice",
        ),
        ('name = "x"\n[datset]\n', "unknown key 'datset': did you mean 'dataset'"),
        ('name = "x"\ntimeout_s = 3\n', "unknown key 'timeout_s': it belongs to limits$"),
        ('name = "x"\n[limits]\nseeds = [3]\n', "unknown key 'limits.seeds': it belongs to the top level$"),
        (
            'name = "x"\nseed = 3\n',
            r"did you mean 'seeds'\? It belongs to dataset, judge, .*second_judge, .*suite$",
        ),
        ('name = "x"\n[judge.augmentation]\nshares = 3\n', "did you mean 'share'"),
        ('name = "x"\n[judge.front_end]\nkind = "mel"\nn_mel = 3\n', "did you mean 'n_mels'"),
        ('name = "x"\n[[dataset.soundfonts]]\nnam = "y"\n', "'dataset.soundfonts.0.+': did you mean 'name'"),
        (
            'name = "x"\n[judge.fit]\nmax_epochs = 3\n',
            "unknown key 'judge.fit': choose from accelerator, .*, strategy",
        ),
        ('name = "x"\n[[methods]]\nmethod = "noise"\nparameter = {}\n', "did you mean 'parameters'"),
        (
            'name = "x"\n[dataset]\ninstruments = ["piano", "organ"]\n'
            'soundfonts = { piano = "sonivox", organ = "TimGM6mb" }\n',
            r"""each instrument .* soundfont = "own" in \[suite\]""",
        ),
        ('name = "x"\n[suite]\nsoundfont = "own"\n', "unknown soundfont of the dataset 'own'"),
        (
            'name = "x"\n[suite]\nsoundfont = "own"\nsetting = "new-timbre"\n',
            "where each instrument has its own there are no others",
        ),
        ('name = "x"\nseeds = [-1]\n', "seeds.0: .*greater than or equal to 0, got -1$"),
        ('name = "x"\nseeds = []\n', "seeds: .*the list is empty"),
        ('name = "x"\nmetrics = []\n', "metrics: .*the list is empty"),
        ('name = "x"\nseeds = [true]\n', "seeds.0: .*valid integer, got True"),
        ('name = "x"\nseeds = ["0"]\n', "seeds.0: .*valid integer, got '0'"),
        ('name = "x"\nseeds = [1, 0, 1]\n', "seeds: .*1 stands in the list twice"),
        ('name = "x"\nmetrics = ["note_f1", "note_f1"]\n', "metrics: .*'note_f1' stands in the list twice"),
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


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("resamples = 1_000_000_000", "resamples"),
        ("seeds = [" + ", ".join(map(str, range(2000))) + "]", "seeds"),
        ("seeds = [9223372036854775808]", "seeds"),
        (f'name = "{"x" * 1000}"', "name"),
        ("[dataset]\npieces = 1_000_000_000", "dataset.pieces"),
        ("[dataset]\nrenderings = 1_000_000", "dataset.renderings"),
        ("[dataset]\nclips_per_piece = 1_000_000_000", "dataset.clips_per_piece"),
        ("[dataset.spectrograms]\nhop_length = 1", "dataset.spectrograms.hop_length"),
        ("[judge]\nmax_epochs = 1_000_000_000", "judge.max_epochs"),
        ("[judge]\nbatch_size = 1_000_000_000", "judge.batch_size"),
        ("[judge]\nlearning_rate = inf", "judge.learning_rate"),
        ("[suite]\npairs_per_direction = 1_000_000_000", "suite.pairs_per_direction"),
        ('[[methods]]\nmethod = "identity"\nlabel = "../../x"', "methods.0.label"),
        ("a." * 5000 + "a = 1", "nested"),
        ("resamples = " + "9" * 6000, "digits"),
    ],
)
def test_what_would_take_all_time_or_memory_is_refused(text, key):
    with pytest.raises(ConfigurationError, match=key.replace(".", r"\.")) as caught:
        read_configuration(('name = "x"\n' if "name =" not in text else "") + text, "run.toml")
    assert len(str(caught.value)) < 2000
