"""A listening test is whole, the same when it is made again, and does not tell what is behind it."""

import json
import re
import wave
from dataclasses import replace

import pytest
import yaml

from timbrebench.core.errors import ConfigurationError, RunError, UnknownNameError
from timbrebench.core.files import file_sha256
from timbrebench.experiments.listening.listening_kinds import QUESTIONS, kind_of
from timbrebench.experiments.listening.listening_making import make_listening_test
from timbrebench.experiments.listening.listening_test import KEY, PAGE_FOLDER, WEBMUSHRA_FOLDER, read_key


def make(run, out, kind="mushra", **changes):
    settings = {"methods": ("ulyanov", "noise"), "pairs": 1, "seed": 0, **changes}
    return make_listening_test(run.results, run.root, out, kind=kind_of(kind), **settings)


def test_each_pair_is_asked_about_by_each_question(listening):
    assert len(listening.test.pages) == 2 * 3
    conditions = {"reference", "identity", "style-copy", "low-pass", "ulyanov", "noise"}
    for page in listening.test.pages:
        key = listening.key.pages[page.page]
        assert set(page.stimuli) == set(key.stimuli)
        assert set(key.stimuli.values()) == conditions
        given = {"style": ["style"], "content": ["content"], "quality": []}[page.question]
        assert [clip.role for clip in page.given] == [*given, "reference"]
    assert read_key(listening.folder) == listening.key


def test_training_is_about_a_pair_that_is_not_asked_about(listening):
    assert [page.question for page in listening.test.training] == list(QUESTIONS)
    trained = {name for page in listening.test.training for name in page.stimuli}
    assert not trained & {name for page in listening.test.pages for name in page.stimuli}


def test_listeners_get_no_name_and_no_order_that_tells(listening):
    """Every file is as long as the others, and what the page holds is sorted by hashes."""
    folder = listening.folder / PAGE_FOLDER
    text = (folder / "index.html").read_text(encoding="utf-8")
    hidden = ["ulyanov", "noise", "identity", "style-copy", "low-pass", *listening.key.outputs["noise"]]
    content = text[text.index('id="test"') : text.index("</script>")]
    assert [name for name in hidden if name in content.replace("Noise, holes", "")] == []
    assert re.search(r"(src|href)=\"(?!data:)", text) is None
    for page in (*listening.test.pages, *listening.test.training):
        assert list(page.stimuli) == sorted(page.stimuli)
        sizes = {(folder / f"audio/{name}.js").stat().st_size for name in page.stimuli}
        assert len(sizes) == 1
    assert [page.page for page in listening.test.pages] == sorted(listening.key.pages)
    stimuli = {name for page in listening.test.pages for name in page.stimuli}
    named = {clip.audio for page in listening.test.pages for clip in page.given}
    assert not stimuli & named
    assert not (folder / KEY).exists()


def test_the_same_seed_gives_the_same_bytes_and_another_other_names(listening, run, tmp_path):
    same = make(run, tmp_path / "same", pairs=2, seed=3)
    assert same.key == listening.key
    files = sorted(path.relative_to(same.folder) for path in same.folder.rglob("*") if path.is_file())
    assert len(files) > 30
    for path in files:
        assert file_sha256(same.folder / path) == file_sha256(listening.folder / path), path
    other = make(run, tmp_path / "other", pairs=2, seed=4)
    assert other.test.test != same.test.test
    assert not set(other.key.pages) & set(same.key.pages)


@pytest.mark.parametrize(
    ("kind", "type_", "pages"),
    [("mushra", "mushra", 3), ("mos", "likert_single_stimulus", 18), ("abx", "likert_single_stimulus", 6)],
)
def test_webmushra_gets_the_same_test(run, tmp_path, kind, type_, pages):
    made = make(run, tmp_path / "test", kind)
    folder = made.folder / WEBMUSHRA_FOLDER
    content = yaml.safe_load((folder / "test.yaml").read_text(encoding="utf-8"))
    first, (random, *asked), last = content["pages"]
    assert (first["type"], random, last["type"]) == ("generic", "random", "finish")
    assert len(asked) == len(made.test.pages) == pages
    for page in asked:
        assert page["type"] == type_
        paths = [*page["stimuli"].values(), *re.findall(r"src='([^']*)'", page["content"])]
        paths += [page["reference"]] if kind == "mushra" else []
        for path in paths:
            with wave.open(str(folder / path.removeprefix("configs/for-webmushra/"))) as file:
                assert file.getframerate() == made.test.sample_rate
        behind = made.key.pages[page["id"]].stimuli
        if kind == "mushra":  # it adds the hidden reference itself
            assert {behind[name[1:]] for name in page["stimuli"]} == set(behind.values()) - {"reference"}
        if kind == "abx":
            assert [answer["label"] for answer in page["response"]] == ["the first", "the second"]


def test_what_does_not_fit_is_refused(run, listening, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown method of the run 'ulianov': did you mean 'ulyanov'"):
        make(run, tmp_path, methods=("ulianov",))
    with pytest.raises(ConfigurationError, match="it needs two"):
        make(run, tmp_path, "abx", methods=("ulyanov",))
    with pytest.raises(ConfigurationError, match="holds a listening test"):
        make(run, listening.folder)
    pairs = tuple(replace(pair, reference=None) for pair in run.results.suite.pairs)
    without = replace(run, results=replace(run.results, suite=replace(run.results.suite, pairs=pairs)))
    with pytest.raises(ConfigurationError, match="this suite has none: choose mos or abx"):
        make(without, tmp_path)
    failed = run.results.transfers.assign(status="failed")
    with pytest.raises(ConfigurationError, match="no pair has an output of each of"):
        make(replace(run, results=replace(run.results, transfers=failed)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_suite_without_references_is_heard_without_them(run, tmp_path):
    pairs = tuple(replace(pair, reference=None) for pair in run.results.suite.pairs)
    without = replace(run, results=replace(run.results, suite=replace(run.results.suite, pairs=pairs)))
    made = make(without, tmp_path / "test", "mos")
    assert "reference" not in {name for page in made.key.pages.values() for name in page.stimuli.values()}


def test_a_key_that_is_not_one_is_refused(listening, tmp_path):
    with pytest.raises(RunError, match="no such folder"):
        read_key(tmp_path / "missing")
    (tmp_path / KEY).write_text(json.dumps({**listening.key.model_dump(), "kind": "musra"}))
    with pytest.raises(RunError, match="did you mean 'mushra'"):
        read_key(tmp_path)
