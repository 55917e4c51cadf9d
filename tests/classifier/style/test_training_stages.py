import pytest

from timbrebench.classifier.style.phrases.phrase_configuration import PhraseConfiguration
from timbrebench.classifier.style.style_evaluation import Scores
from timbrebench.classifier.style.training_stages import stage, training_key
from timbrebench.core.errors import JudgeError

FIGURES = Scores(precision=0.5, recall=0.25, f1=1 / 3)
KEY, OTHER_KEY = "0123456789", "9876543210"


def never(_):
    raise AssertionError


@pytest.fixture
def kept(tmp_path):
    stage(tmp_path / "figures.json", KEY, Scores, lambda _: FIGURES)
    return tmp_path / "figures.json"


def test_what_is_kept_is_not_measured_again(kept):
    assert stage(kept, KEY, Scores, never) == FIGURES


def test_another_key_is_measured(kept):
    other = Scores(precision=1, recall=1, f1=1)
    assert stage(kept, OTHER_KEY, Scores, lambda _: other) == other
    assert stage(kept, OTHER_KEY, Scores, never) == other


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"key": "0123456789"}', '{"figures": {}}'])
def test_what_is_damaged_is_measured_again(kept, content):
    kept.write_text(content, encoding="utf-8")
    assert stage(kept, KEY, Scores, lambda _: FIGURES) == FIGURES
    assert stage(kept, KEY, Scores, never) == FIGURES


def test_what_an_interrupted_measurement_needs_is_kept_until_it_is_done(tmp_path):
    def interrupted(scratch):
        scratch.mkdir()
        (scratch / "half").write_text("done", encoding="utf-8")
        raise KeyboardInterrupt

    def goes_on(scratch):
        assert (scratch / "half").read_text(encoding="utf-8") == "done"
        return FIGURES

    with pytest.raises(KeyboardInterrupt):
        stage(tmp_path / "figures.json", KEY, Scores, interrupted)
    assert stage(tmp_path / "figures.json", KEY, Scores, goes_on) == FIGURES
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]


def test_what_fails_keeps_nothing(tmp_path):
    def fails(_):
        raise JudgeError("no")

    with pytest.raises(JudgeError):
        stage(tmp_path / "figures.json", KEY, Scores, fails)
    assert list(tmp_path.iterdir()) == []


def test_the_key_follows_clips_splits_and_configuration(features, multi_label_features, quick, brief):
    manifest = features.manifest
    keys = [
        training_key(manifest, quick),
        training_key(manifest, brief),
        training_key(manifest.iloc[1:], quick),
        training_key(manifest.assign(split="judge"), quick),
        training_key(multi_label_features.manifest, quick),
    ]
    assert len(set(keys)) == len(keys)
    assert training_key(manifest.copy(), quick) == keys[0]


def test_the_key_follows_the_bytes_of_what_plays_the_phrases(features, quick, tmp_path):
    (tmp_path / "manifest.csv").write_text("path,instrument,midi\n", encoding="utf-8")
    configuration = quick.model_copy(update={"phrases": PhraseConfiguration(soundfonts=(str(tmp_path),))})
    before = training_key(features.manifest, configuration)
    assert training_key(features.manifest, configuration) == before
    (tmp_path / "piano.wav").write_bytes(b"a take")
    assert training_key(features.manifest, configuration) != before
