import json
import shutil
from collections import Counter

import numpy as np
import pytest

from timbrebench.core.errors import CorpusError, DatasetError, MissingResourceError, UnknownNameError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets import Dataset, DatasetConfiguration, build_dataset, verify_dataset
from timbrebench.datasets.building import JOURNAL
from timbrebench.datasets.corpora.corpus import CorpusScore, round_robin_by_composer
from timbrebench.datasets.corpora.corpus_opening import convert
from timbrebench.datasets.corpora.music21_scores import Music21Corpus
from timbrebench.datasets.instruments import programs_of
from timbrebench.datasets.rendering.piece_planning import shared_range

CONFIGURATION = DatasetConfiguration(
    pieces=4,
    instruments=("piano", "clarinet"),
    soundfonts=("TimGM6mb",),
    renderings=1,
    clip_duration_s=2.0,
    clips_per_piece=2,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return build_dataset(CONFIGURATION, tmp_path_factory.mktemp("built") / "dataset")


@pytest.fixture
def copy(dataset, tmp_path):
    shutil.copytree(dataset.root, tmp_path / "copy")
    return tmp_path / "copy"


def test_every_piece_is_played_by_every_instrument(dataset):
    assert len(dataset) == 4 * 2 * 2
    assert Counter(dataset.manifest.instrument) == {"piano": 8, "clarinet": 8}
    assert dataset.manifest.groupby("piece").clip_id.count().eq(4).all()
    assert dataset.labels == ("clarinet", "piano")


def test_splits_are_by_piece_and_each_has_a_piece(dataset):
    assert dataset.manifest.groupby("piece").split.nunique().eq(1).all()
    assert set(dataset.manifest.split) == {"train", "judge", "validation", "test"}


def test_a_piece_is_in_the_same_split_of_every_dataset(dataset, tmp_path):
    other = CONFIGURATION.model_copy(update={"pieces": 7, "seed": 3, "instruments": ("piano", "organ")})
    here = dataset.manifest.groupby("piece").split.first()
    built = build_dataset(other, tmp_path / "other", executor=InlineExecutor())
    there = built.manifest.groupby("piece").split.first()
    assert len(there) == 7
    common = here.index.intersection(there.index)
    assert (here[common] == there[common]).all()


def test_judges_hear_several_programs_of_a_label_and_suites_the_first(tmp_path):
    configuration = CONFIGURATION.model_copy(update={"renderings": 3, "clips_per_piece": 1})
    manifest = build_dataset(configuration, tmp_path / "several", executor=InlineExecutor()).manifest
    programs = manifest.groupby(["split", "label", "piece"]).program.agg(set)
    for (split, label, _), played in programs.items():
        first, *others = programs_of(label)
        assert first in played
        assert len(played) == (min(3, 1 + len(others)) if split != "train" else 1)
        assert played <= {first, *others}
    assert manifest.clip_id.is_unique


def test_clips_are_what_the_manifest_says(dataset):
    for clip in dataset.clips():
        samples = dataset.samples(clip)
        assert len(samples) == round(clip.duration_s * clip.sample_rate)
        assert np.abs(samples).max() <= 1


def test_instruments_are_aligned_note_for_note(dataset):
    """The same music: onset envelopes of both instruments are far more alike than those of other windows."""
    import librosa

    def envelope(clip):
        return librosa.onset.onset_strength(y=dataset.samples(clip), sr=clip.sample_rate)

    piano, clarinet = (
        [envelope(clip) for clip in dataset.select(instrument=name).clips()] for name in ("piano", "clarinet")
    )
    alike = np.array([[np.corrcoef(a, b)[0, 1] for b in clarinet] for a in piano])
    own = np.diag(alike).mean()
    others = alike[~np.eye(len(alike), dtype=bool)].mean()
    assert own > others + 0.3


def test_notes_lie_where_the_music_begins(dataset):
    for clip in dataset.select(instrument="piano").clips():
        notes = dataset.notes(clip)
        assert (notes.onset_s < clip.duration_s).all()
        assert notes.offset_s.between(0, clip.duration_s, inclusive="right").all()
        assert notes.onset_s[notes.onset_s >= 0].nunique() >= 4


def test_processes_and_this_one_make_the_same_bytes(dataset, tmp_path, same_files):
    build_dataset(CONFIGURATION, tmp_path / "again", executor=InlineExecutor())
    assert same_files(dataset.root, tmp_path / "again")


def test_an_interrupted_build_goes_on_where_it_was(dataset, tmp_path, same_files):
    root = tmp_path / "interrupted"

    class StoppedError(Exception):
        pass

    def stop_at_the_end(*args, **kwargs):
        raise StoppedError

    from timbrebench.datasets.rendering import rendered_dataset

    original = rendered_dataset._finish
    rendered_dataset._finish = stop_at_the_end
    try:
        with pytest.raises(StoppedError):
            build_dataset(CONFIGURATION, root, executor=InlineExecutor())
    finally:
        rendered_dataset._finish = original
    with pytest.raises(DatasetError, match="no finished dataset"):
        Dataset.open(root)
    finished = sorted((root / JOURNAL).glob("*--*.json"))
    finished[0].unlink()
    made = {path: path.stat().st_mtime_ns for path in (root / "audio").rglob("*.flac")}
    build_dataset(CONFIGURATION, root, executor=InlineExecutor())
    again = [path for path, time in made.items() if path.stat().st_mtime_ns != time]
    assert len(again) == 4
    assert same_files(dataset.root, root)


def test_a_finished_dataset_is_not_built_again(dataset):
    before = (dataset.root / "dataset.json").stat().st_mtime_ns
    build_dataset(CONFIGURATION, dataset.root)
    assert (dataset.root / "dataset.json").stat().st_mtime_ns == before


def test_two_builds_do_not_share_a_folder(tmp_path):
    from timbrebench.core.errors import StorageError
    from timbrebench.core.files import exclusive

    root = tmp_path / "dataset"
    with exclusive(root / JOURNAL / "lock"), pytest.raises(StorageError, match="another process"):
        build_dataset(CONFIGURATION, root, executor=InlineExecutor())
    assert len(build_dataset(CONFIGURATION, root, executor=InlineExecutor())) == 16


def test_another_configuration_does_not_take_the_folder(dataset):
    other = CONFIGURATION.model_copy(update={"seed": 1})
    with pytest.raises(DatasetError, match=r"another configuration \(seed differ"):
        build_dataset(other, dataset.root)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("draft")
    with pytest.raises(DatasetError, match="not empty"):
        build_dataset(CONFIGURATION, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_missing_soundfont_is_an_error_before_anything_is_written(tmp_path):
    wanted = CONFIGURATION.model_copy(update={"soundfonts": ("Absent",)})
    with pytest.raises(MissingResourceError, match="Absent"):
        build_dataset(wanted, tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()


def test_verification_finds_what_is_changed_missing_and_extra(copy):
    assert verify_dataset(copy) == []
    clips = sorted((copy / "audio").rglob("*.flac"))
    clips[0].write_bytes(clips[0].read_bytes()[:-1])
    clips[1].unlink()
    (copy / "audio" / "extra.txt").write_text("")
    manifest = (copy / "manifest.csv").read_text()
    (copy / "manifest.csv").write_text(manifest.replace("train", "test", 1))
    problems = verify_dataset(copy)
    assert [problem.split(":")[0] for problem in problems] == [
        "changed",
        "missing",
        "changed",
        "not listed",
        "in more than one split",
        "dataset.json counts other split than there are",
    ]


def test_damaged_datasets_are_refused(copy, tmp_path):
    with pytest.raises(DatasetError, match="no finished dataset"):
        Dataset.open(tmp_path / "absent")
    description = json.loads((copy / "dataset.json").read_text())
    (copy / "dataset.json").write_text(json.dumps({**description, "schema": 99}))
    with pytest.raises(DatasetError, match="layout 99"):
        Dataset.open(copy)
    (copy / "dataset.json").write_text("{")
    with pytest.raises(DatasetError, match="not valid JSON"):
        Dataset.open(copy)


def test_selection(dataset):
    assert len(dataset.select(split="train", instrument=["piano"])) == 2
    with pytest.raises(UnknownNameError, match="did you mean 'instrument'"):
        dataset.select(instrment="piano")


def test_unknown_instruments_are_suggested():
    with pytest.raises(UnknownNameError, match="did you mean 'clarinet'"):
        DatasetConfiguration(instruments=("piano", "clarinete"))


def test_the_corpus_gives_composers_turns():
    corpus = Music21Corpus().scores()
    scores = round_robin_by_composer(corpus, 0)
    composers = [score.composer for score in scores]
    assert len(set(composers[:20])) == 20
    assert len({score.piece for score in scores}) == len(scores)
    assert scores == round_robin_by_composer(corpus, 0)
    assert scores != round_robin_by_composer(corpus, 1)


def test_a_score_that_does_not_convert_says_why_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache"))
    path = tmp_path / "broken.mxl"
    path.write_bytes(b"no music")
    for _ in range(2):
        with pytest.raises(CorpusError, match="music21 cannot convert it"):
            convert(CorpusScore("broken", "nobody", path))
    assert len(list((tmp_path / "cache").rglob("*.json"))) == 1


def test_the_shared_range_has_no_gap():
    alto = set(range(30, 100)) - {64}
    assert shared_range([("a", set(range(21, 109))), ("b", alto)]) == (65, 99)
    with pytest.raises(DatasetError, match="sax of X"):
        shared_range([("piano of X", set(range(21, 109))), ("sax of X", set(range(60, 72)))])
