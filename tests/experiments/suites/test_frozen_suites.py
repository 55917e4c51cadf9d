"""Frozen suites: that they are what they were, and that anything else is refused."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from importlib import resources
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.classifier import load_content_judge
from timbrebench.classifier.style.published_judges import published_card
from timbrebench.core.errors import ConfigurationError, DatasetError, UnknownNameError
from timbrebench.core.files import file_sha256, fingerprint, write_json
from timbrebench.core.identifiers import is_identifier
from timbrebench.core.workers.executors import LocalExecutor
from timbrebench.datasets import Dataset, DatasetConfiguration
from timbrebench.datasets.dataset import SCHEMA
from timbrebench.datasets.instruments import FAMILIES, SIX_INSTRUMENTS
from timbrebench.datasets.rendering.dataset_configuration import Shares
from timbrebench.experiments.benchmark import read_results, run_benchmark
from timbrebench.experiments.ranking.leaderboard import make_leaderboard
from timbrebench.experiments.run.run_configuration import RunConfiguration
from timbrebench.experiments.suites.clip_comparison import as_held, compare_clips
from timbrebench.experiments.suites.frozen_pairs import FrozenClip, FrozenPair
from timbrebench.experiments.suites.frozen_suite import (
    FrozenSuite,
    freeze,
    freeze_recipe,
    frozen_names,
    load_frozen,
    parse_frozen,
    write_frozen,
)
from timbrebench.experiments.suites.kinds.audioset_kind import AudioSetKind
from timbrebench.experiments.suites.kinds.rendered_kind import RenderedKind
from timbrebench.experiments.suites.recipes import Recipe, load_recipe
from timbrebench.experiments.suites.suite import SuiteConfiguration
from timbrebench.experiments.suites.suite_judges import judges_of
from timbrebench.experiments.suites.suite_opening import open_frozen, refuse_learned

RENDERED = ("instruments-6-1", "instruments-gm16-1", "cross-synthesis-1", "key-invariance-1")


@pytest.fixture(scope="module")
def recipe(tiny):
    """The pairs that the tiny run draws, to be frozen."""
    made = RenderedKind(dataset=tiny.dataset, draw=tiny.suite)
    return Recipe(name="tiny", version=1, summary="Piano and trumpet.", made=made)


@pytest.fixture(scope="module")
def frozen(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frozen") / "clips"
    with LocalExecutor(["timbrebench.datasets"], workers=1) as executor:
        return freeze_recipe(recipe, folder, executor, learned=load_content_judge().training_pieces)


@pytest.fixture
def clips(run, tmp_path):
    """A copy of the dataset that the frozen clips are in."""
    return shutil.copytree(run.root / "dataset", tmp_path / "dataset")


class TestSuitesOfTheProject:
    @pytest.mark.parametrize("name", frozen_names())
    def test_their_files_are_whole_and_named_by_what_they_hold(self, name):
        suite = load_frozen(name)
        assert suite.title == name
        assert suite.fingerprint == suite.content_fingerprint()
        packaged = resources.files("timbrebench.experiments.suites") / "frozen" / f"{name}.json"
        assert '"digest": "' in packaged.read_text(encoding="utf-8")
        assert load_frozen(suite.recipe.name).recipe.version >= suite.recipe.version
        assert load_recipe(suite.recipe.name).name == suite.recipe.name

    @pytest.mark.parametrize("name", RENDERED)
    def test_pieces_and_notes_that_can_be_known_are(self, name):
        suite = load_frozen(name)
        assert suite.is_hashed
        assert suite.has_truth
        contents = {suite.clips[pair.content].piece for pair in suite.pairs}
        assert {row.piece for row in suite.notes} == contents
        for pair in suite.pairs:
            content, reference = suite.clips[pair.content], suite.clips[pair.reference]
            assert (content.piece, content.start_s) == (reference.piece, reference.start_s)
            assert reference.label == suite.clips[pair.style].label != content.label

    def test_every_direction_between_six_instruments_is_there_once_on_test_pieces(self):
        suite = load_frozen("instruments-6")
        directions = Counter((suite.clips[p.content].label, suite.clips[p.style].label) for p in suite.pairs)
        assert directions == Counter(permutations(SIX_INSTRUMENTS, 2))
        assert {Shares().split_of(clip.piece) for clip in suite.clips} == {"test"}
        assert not {clip.piece for clip in suite.clips} & set(load_content_judge().training_pieces)

    def test_every_direction_between_the_sixteen_families_is_there_once(self):
        suite = load_frozen("instruments-gm16")
        directions = Counter((suite.clips[p.content].label, suite.clips[p.style].label) for p in suite.pairs)
        assert directions == Counter(permutations(FAMILIES, 2))
        contents = Counter(suite.clips[pair.content].piece for pair in suite.pairs)
        assert max(contents.values()) - min(contents.values()) <= 1

    def test_the_spectrum_narrows_in_one_direction_and_widens_in_the_other(self):
        suite = load_frozen("cross-synthesis")
        directions = Counter((suite.clips[p.content].label, suite.clips[p.style].label) for p in suite.pairs)
        assert directions == {("orchestral-harp", "celesta"): 14, ("choir-aahs", "violin"): 14}

    def test_the_melody_is_in_thirteen_keys_and_the_style_in_the_home_key(self):
        suite = load_frozen("key-invariance-1")
        keys = Counter(suite.clips[pair.content].piece for pair in suite.pairs)
        assert len(keys) == 13
        assert set(keys.values()) == {3}
        assert {suite.clips[pair.style].piece for pair in suite.pairs} == {"star-spangled-banner.+0"}
        at_home = [pair for pair in suite.pairs if suite.clips[pair.content].piece.endswith("+0")]
        assert all(pair.style == pair.reference for pair in at_home)
        assert suite.is_ranking
        assert not suite.recipe.made.is_of_one_tune

    def test_in_the_second_version_the_style_is_the_contents_tune_in_thirteen_keys_and_is_right(self):
        suite = load_frozen("key-invariance")
        assert suite.title == "key-invariance-2"
        assert suite.is_hashed
        assert suite.has_truth
        assert not suite.is_ranking
        assert not suite.suite(SuiteConfiguration()).is_ranking
        assert suite.recipe.made.is_of_one_tune
        keys = Counter(suite.clips[pair.style].piece for pair in suite.pairs)
        assert keys == {f"star-spangled-banner.{key:+d}": 3 for key in range(-6, 7)}
        for pair in suite.pairs:
            content, style = suite.clips[pair.content], suite.clips[pair.style]
            assert content.piece == "star-spangled-banner.+0"
            assert content.label == style.label
            assert pair.reference == pair.style
        pieces = {pair.piece for pair in suite.suite(SuiteConfiguration()).pairs}
        assert pieces == set(keys), "figures are resampled by the key"
        before = {clip[:2]: clip.sha256 for clip in load_frozen("key-invariance-1").clips}
        assert all(before[clip[:2]] == clip.sha256 for clip in suite.clips)

    def test_textures_are_made_of_noise_which_styles_of_one_piece_share(self):
        suite = load_frozen("texture")
        assert suite.is_hashed
        assert not suite.has_truth
        assert not suite.notes
        styles = Counter(suite.clips[pair.style].label for pair in suite.pairs)
        assert styles == dict.fromkeys(SIX_INSTRUMENTS, 10)
        for pair in suite.pairs:
            content, style = suite.clips[pair.content], suite.clips[pair.style]
            assert content[:2] == (f"noise-{style.piece}", "noise")
        assert {clip.label for clip in suite.suite(SuiteConfiguration()).clips} == set(SIX_INSTRUMENTS)

    @pytest.mark.parametrize(("name", "classes"), [("genres", 51), ("moods", 7)])
    def test_no_video_is_in_two_pairs_and_classes_take_turns(self, name, classes):
        suite = load_frozen(name)
        assert not suite.has_truth
        assert len({clip.piece for clip in suite.clips}) == len(suite.clips) == 2 * len(suite.pairs)
        for role in ("content", "style"):
            counts = Counter(suite.clips[getattr(pair, role)].label for pair in suite.pairs)
            assert len(counts) == classes
            assert len(set(counts.values())) == 1
        assert all(suite.clips[p.content].label != suite.clips[p.style].label for p in suite.pairs)
        assert "CC BY 4.0" in suite.recipe.attribution

    def test_the_suites_that_a_published_judge_knows_are_named(self):
        for name in ("instruments-6", "key-invariance", "texture"):
            assert judges_of(load_frozen(name)) == [
                "instruments-6-1",
                "instruments-6-2",
                "instruments-6-mel-1",
            ]
        for name in ("cross-synthesis", "instruments-gm16"):
            assert judges_of(load_frozen(name)) == [f"{name}-1"]
        assert judges_of(load_frozen("moods")) == []
        frozen = load_frozen("instruments-6")
        heard = published_card("instruments-6-1").training_pieces[0]
        learned = (frozen.clips[0]._replace(piece=heard), *frozen.clips[1:])
        assert judges_of(frozen.model_copy(update={"clips": learned})) == ["instruments-6-mel-1"]


class TestFiles:
    def test_a_suite_survives_being_written_and_read(self, frozen, tmp_path):
        path = write_frozen(frozen, tmp_path)
        assert path.name == "tiny-1.json"
        assert load_frozen(str(path)) == frozen
        assert write_frozen(frozen, tmp_path) == path

    def test_any_change_of_a_clip_a_pair_or_a_note_is_found(self, frozen):
        text = frozen.text()
        clip, notes = frozen.clips[0].sha256, frozen.notes[0].sha256
        swapped = {"0": "1"}.get(clip[0], "0") + clip[1:]
        for old, new in (
            (clip, swapped),
            (notes, notes[::-1]),
            (f'"{frozen.pairs[0].pair_id}"', '"another"'),
            (f'"{frozen.clips[0].piece}"', '"another"'),
        ):
            assert old in text
            with pytest.raises(ConfigurationError, match="changed after it was frozen"):
                parse_frozen(text.replace(old, new), "a file")

    def test_any_other_change_is_found_as_well(self, frozen):
        text = frozen.text()
        for old, new in (
            ('"duration_s": 2.0', '"duration_s": 20.0'),
            ('"soundfont": "TimGM6mb",\n  "sample_rate"', '"soundfont": "another",\n  "sample_rate"'),
            (f"    {frozen.pitch_range[0]},\n", "    1,\n"),
            ('"summary": "Piano and trumpet."', '"summary": "Flute."'),
        ):
            assert old in text
            with pytest.raises(ConfigurationError, match="changed after it was frozen"):
                parse_frozen(text.replace(old, new), "a file")

    @pytest.mark.parametrize("name", ["digest", "fingerprint"])
    def test_a_file_without_digest_or_fingerprint_is_refused(self, frozen, name):
        content = json.loads(frozen.text())
        del content[name]
        with pytest.raises(ConfigurationError, match="changed after it was frozen"):
            parse_frozen(json.dumps(content), "a file")
        without = frozen.model_copy(update={"fingerprint": ""})
        with pytest.raises(ConfigurationError, match="changed after it was frozen"):
            parse_frozen(without.text(), "a file")

    @pytest.mark.parametrize(
        "text", ["", "[]", '{"duration_s": NaN}', "[" * 100_000, '{"format": 1, "duration_s": 0}']
    )
    def test_text_that_is_not_a_suite_is_refused(self, text):
        with pytest.raises(ConfigurationError, match="a file: "):
            parse_frozen(text, "a file")

    def test_clips_have_a_length(self, frozen):
        content = json.loads(frozen.text())
        for name in ("duration_s", "sample_rate"):
            with pytest.raises(ConfigurationError, match=f"{name}: .* greater than 0"):
                parse_frozen(json.dumps(content | {name: 0}), "a file")

    def test_a_version_that_is_there_is_not_replaced_by_another(self, frozen, tmp_path):
        write_frozen(frozen, tmp_path)
        other = frozen.model_copy(update={"pairs": frozen.pairs[:-1], "fingerprint": ""})
        other = other.model_copy(update={"fingerprint": other.content_fingerprint()})
        with pytest.raises(ConfigurationError, match="raise the version"):
            write_frozen(other, tmp_path)

    def test_unknown_names_are_refused(self, tmp_path):
        with pytest.raises(UnknownNameError, match="did you mean 'instruments-6'"):
            load_frozen("instrument-6")
        with pytest.raises(UnknownNameError, match="moods"):
            load_recipe("mood")
        with pytest.raises(ConfigurationError, match="cannot be read"):
            load_frozen(str(tmp_path / "absent.json"))


class TestOpening:
    def test_a_drawn_suite_and_the_same_one_frozen_have_one_version(self, frozen, run):
        assert frozen.suite(run.results.suite.configuration).version == run.results.suite.version
        assert freeze(run.results.suite).content_fingerprint() == frozen.fingerprint

    def test_every_file_is_compared(self, frozen, clips):
        dataset = Dataset.open(clips)
        assert compare_clips(frozen, dataset) == []
        first = frozen.suite(SuiteConfiguration()).pairs[0]
        row = dataset.manifest[
            (dataset.manifest.piece == first.content.piece) & (dataset.manifest.label == first.content.label)
        ].iloc[0]
        path = clips / row.path
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        (problem,) = compare_clips(frozen, dataset)
        assert problem.startswith(f"1 of {len(frozen.clips)} clips do not match the frozen hash")
        path.unlink()
        (clips / "notes" / f"{first.content.piece}.csv").write_text("onset_s\n", encoding="utf-8")
        problems = "; ".join(compare_clips(frozen, dataset))
        assert f"1 of {len(frozen.clips)} clips are missing" in problems
        assert f"notes of 1 pieces do not match the frozen hash, such as {first.content.piece}" in problems

    def test_another_soundfont_or_software_is_named(self, frozen, clips):
        description = json.loads((clips / "dataset.json").read_text(encoding="utf-8"))
        for source in description["sources"]:
            if source["name"] == "TimGM6mb":
                source["sha256"] = "0" * 64
        description["software"]["fluidsynth"] = "1.0.0"
        write_json(clips / "dataset.json", description)
        # Without a difference in the sound there is nothing to say.
        assert compare_clips(frozen, Dataset.open(clips)) == []
        dataset = Dataset.open(clips)
        chosen = frozen.clips[0]
        row = dataset.manifest[
            (dataset.manifest.piece == chosen.piece)
            & (dataset.manifest.label == chosen.label)
            & (dataset.manifest.start_s == chosen.start_s)
        ].iloc[0]
        (clips / row.path).write_bytes(b"other")
        problems = "; ".join(compare_clips(frozen, dataset))
        assert "TimGM6mb differs: SHA-256 000000000000 here" in problems
        assert f"fluidsynth 1.0.0 here, {frozen.software['fluidsynth']} where it was frozen" in problems
        with pytest.raises(DatasetError, match="not the suite tiny-1"):
            open_frozen(frozen, SuiteConfiguration(), clips)

    def test_a_piece_that_anything_has_learned_is_refused(self, frozen):
        suite = frozen.suite(SuiteConfiguration())
        refuse_learned(suite, {"another"})
        with pytest.raises(DatasetError, match="1 pieces that are learned from"):
            refuse_learned(suite, {suite.pairs[0].content.piece})

    def test_what_a_user_holds_of_a_suite_counts_with_its_own_pairs(self, frozen):
        moods = load_frozen("moods")
        held = tuple(clip._replace(sha256=f"{number:064d}") for number, clip in enumerate(moods.clips))
        given = moods.model_copy(update={"clips": held[::-1], "duration_s": 5.0, "pairs": moods.pairs[:1]})
        assert as_held(moods, given).clips == held
        assert as_held(moods, given).pairs == moods.pairs
        assert as_held(moods, given).duration_s == 5
        with pytest.raises(DatasetError, match=f"1 of {len(held)} clips of moods-1 were not held"):
            as_held(moods, given.model_copy(update={"clips": held[1:]}))
        assert as_held(frozen, given) == frozen


class TestRuns:
    def test_a_run_on_a_frozen_suite_finds_what_a_run_on_the_same_drawn_pairs_has_found(
        self, frozen, run, tiny, tmp_path
    ):
        """Its clips are rendered anew, beside another copy of them, and yet every result still holds."""
        root = shutil.copytree(run.root, tmp_path / "run")
        path = write_frozen(frozen, tmp_path)
        content = tiny.model_dump(mode="json") | {"suite": {"name": str(path)}}
        again = run_benchmark(RunConfiguration.model_validate(content), root)
        assert again.results.suite.title == f"tiny-1 ({run.results.suite.version})"
        assert again.results.suite.dataset.root == root / "suite"
        pd.testing.assert_frame_equal(again.leaderboard.table, run.leaderboard.table)
        reopened = make_leaderboard(read_results(root))
        pd.testing.assert_frame_equal(reopened.table, run.leaderboard.table)

    def test_recordings_without_a_right_answer_are_measured_and_not_ranked(self, run, tiny, tmp_path):
        frozen = recordings(tmp_path / "audio", run.results.suite)
        path = write_frozen(frozen, tmp_path)
        root = shutil.copytree(run.root, tmp_path / "run")
        metrics = ["style_accuracy", "note_f1", "log_stft_mse", "xcorr_content"]
        content = tiny.model_dump(mode="json") | {
            "suite": {"name": str(path), "audio": str(tmp_path / "audio")},
            "methods": [{"method": "envelope"}],
            "metrics": metrics,
        }
        again = run_benchmark(RunConfiguration.model_validate(content), root)
        assert again.leaderboard.problems == ()
        table = again.leaderboard.table.set_index("method")
        assert table["rank"].isna().all()
        assert table.headline.isna().all()
        assert table.xcorr_content["identity"] == pytest.approx(1)
        assert table[["note_f1", "log_stft_mse"]].isna().all(axis=None)
        assert table.missing["reference"] == len(frozen.pairs)
        reasons = again.results.reasons[again.results.transfers.label == "envelope"].iloc[0]
        assert "notes" in reasons.note_f1
        assert "reference" in reasons.log_stft_mse
        # What is held is what counts: other audio is another version.
        held = again.results.suite.version
        (tmp_path / "audio" / "audio" / "0.flac").unlink()
        frozen = recordings(tmp_path / "audio", run.results.suite, gain=0.5)
        assert open_frozen(frozen, again.results.configuration.suite, root).version != held

    def test_configurations_take_a_frozen_suite_in_place_of_a_draw(self):
        def parse(**content):
            return RunConfiguration.model_validate({"name": "a run", **content})

        named = parse(suite={"name": "instruments-6"})
        assert named.suite.name == "instruments-6-1"
        assert named.dataset == load_frozen("instruments-6").recipe.made.dataset
        assert RunConfiguration.model_validate(named.model_dump(mode="json")) == named
        assert parse(suite={"name": "moods-1"}, dataset={"pieces": 64}).dataset.pieces == 64
        for suite, message in (
            ({"name": "instruments-6", "seed": 1}, "leave out seed"),
            ({"name": "instruments-6", "soundfont": "TimGM6mb"}, "is played by FluidR3_GM"),
            ({"audio": "folder"}, "give its name too"),
        ):
            with pytest.raises(ValueError, match=message):
                parse(suite=suite)
        with pytest.raises(UnknownNameError, match="key-invariance"):
            parse(suite={"name": "key-invarance"})


def recordings(root, suite, gain=1.0):
    """Make a dataset of three clips that nobody knows the notes of, and a suite of two pairs over it."""
    (root / "audio").mkdir(parents=True, exist_ok=True)
    holder, rows = suite.dataset, []
    for number, pair in enumerate(suite.pairs[:3]):
        path = root / "audio" / f"{number}.flac"
        samples = gain * holder.samples(pair.content)
        soundfile.write(path, np.stack([samples, samples], axis=1), pair.content.sample_rate)
        clip = replace(pair.content, piece=f"video-{number:05d}", path=f"audio/{number}.flac", program=-1)
        clip = replace(clip, clip_id=f"{clip.piece}_0", label="a|b", soundfont="recordings", start_s=0.0)
        rows.append(replace(clip, sha256=file_sha256(path)).__dict__)
    pd.DataFrame(rows).to_csv(root / "manifest.csv", index=False)
    write_json(
        root / "dataset.json", {"schema": SCHEMA, "builder": "audioset", "configuration": {}, "files": {}}
    )
    made = AudioSetKind(kind="audioset", classes="moods", dataset=DatasetConfiguration(pieces=4))
    clips = tuple(FrozenClip(row["piece"], name, 0.0, "") for row, name in zip(rows, "abc", strict=True))
    frozen = FrozenSuite(
        recipe=Recipe(name="held", version=1, summary="Recordings.", made=made),
        soundfont="recordings",
        sample_rate=22_050,
        duration_s=2.0,
        notes=(),
        clips=clips,
        pairs=(FrozenPair("000-a-b", 0, 1, None), FrozenPair("001-b-c", 1, 2, None)),
    )
    return frozen.with_fingerprint()


@pytest.mark.parametrize("name", ["../../../../x/pwn", "/x/pwn", ".hidden", "a/b", "a b", "=1+1", "x" * 101])
def test_a_pair_whose_name_cannot_be_a_file_is_refused(tmp_path, name):
    """Pairs become files and folders wherever a suite is run or exported, and suites come from strangers."""
    content = json.loads(load_frozen("instruments-6-1").text())
    content["pairs"][0][0] = name
    content["fingerprint"] = fingerprint([content["notes"], content["clips"], content["pairs"]])
    content["digest"] = fingerprint({key: value for key, value in content.items() if key != "digest"})
    path = tmp_path / "suite.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"pairs\.0\.0: .*letters, digits"):
        load_frozen(str(path))


def test_every_name_of_the_project_can_be_a_file():
    suites = [load_frozen(name) for name in frozen_names()]
    pairs = [pair.pair_id for suite in suites for pair in suite.pairs]
    assert len(pairs) > 500
    assert [name for name in [*frozen_names(), *pairs] if not is_identifier(name)] == []
