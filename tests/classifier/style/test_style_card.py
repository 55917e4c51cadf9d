import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.classifier import build_judge
from timbrebench.classifier.style.style_card import CARD_FILE, PAGE_FILE, JudgeCard, write_card
from timbrebench.classifier.style.style_evaluation import evaluate_judge
from timbrebench.core.errors import JudgeError
from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.soundfonts.recorded_takes import MANIFEST


@pytest.fixture(scope="module")
def small(dataset):
    """Without the test pieces but one."""
    manifest = dataset.manifest
    spared = sorted(manifest[manifest.split == "test"].piece.unique())[1:]
    return dataset.select(piece=sorted(set(manifest.piece) - set(spared)))


@pytest.fixture(scope="module")
def recordings(synthesizer, tmp_path_factory):
    """Single notes of both instruments, an octave apart, as if they had been recorded."""
    folder = tmp_path_factory.mktemp("recordings")
    rows = []
    for instrument, program in (("piano", 0), ("trumpet", 56)):
        for pitch in range(30, 103, 12):
            note = notes_table([(0.0, 1.0, pitch, 100)])
            soundfile.write(
                folder / f"{instrument}-{pitch}.wav", synthesizer.render(note, program, 1.5, 22_050), 22_050
            )
            rows.append((f"{instrument}-{pitch}.wav", instrument, "studio", pitch))
    table = pd.DataFrame(rows, columns=["path", "instrument", "source", "midi"])
    table.to_csv(folder / MANIFEST, index=False)
    return folder


@pytest.fixture(scope="module")
def folder(small, brief, recordings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    judge = build_judge(small, brief, folder)
    write_card(judge, small, brief, folder, recordings=[recordings])
    return folder


@pytest.fixture(scope="module")
def card(folder):
    return JudgeCard.model_validate_json((folder / CARD_FILE).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def built(folder, small, brief):
    return build_judge(small, brief, folder)


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "evidence").glob("*.json")}


def test_the_card_says_what_the_judge_is(card, built, small, brief):
    assert card.fingerprint == built.fingerprint
    assert card.front_end == brief.front_end
    assert card.parameters == sum(weights.numel() for weights in built.network.parameters())
    assert (card.training_pieces, card.training_clips) == (
        len(built.training_pieces),
        len(built.training_clips),
    )
    assert card.test_all_programs == evaluate_judge(built, small)
    assert card.test == evaluate_judge(built, small.select(program=[0, 56]))


def test_all_evidence_is_on_it(card, small):
    assert len(card.cross_validation) == 4
    assert card.without_soundfont == {}  # there is one family
    assert card.robustness.conditions[0].accuracy == card.test.accuracy
    assert card.test.clips == len(small.select(split="test", program=[0, 56])) < card.test_all_programs.clips
    # The test piece, two clips of it, on the one source of each instrument.
    assert card.recordings.clips == 4
    changed = card.recordings_robustness.conditions
    names = [part.name for part in card.robustness.conditions]
    assert [part.name for part in changed] == [name for name in names if "semitones" not in name]
    assert changed[0].accuracy == card.recordings.accuracy
    by_source = changed[0].accuracy_by_source
    assert np.mean(list(by_source.values())) == pytest.approx(changed[0].accuracy)  # as many clips of each
    rows = [line.replace(" ", "") for line in card.markdown().splitlines()]
    for source, share in by_source.items():
        assert any(row.startswith(f"|{source}|{share:.2f}|".replace(" ", "")) for row in rows)
    names = [name for name, _, _ in card.accuracies()]
    assert len(set(names)) == len(names)


def test_the_page_shows_the_figures(folder, card):
    page = (folder / PAGE_FILE).read_text(encoding="utf-8")
    assert card.fingerprint in page
    assert f"**{card.test.accuracy:.3f}**" in page
    for name in ("confusion.png", "reliability.png", "conditions.png", "learning_curve.png"):
        assert f"({name})" in page
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    assert max(len(line) for line in page.splitlines() if not line.startswith("|")) < 150


def test_an_interrupted_card_goes_on(folder, card, small, brief, recordings):
    before = stamps(folder)
    for name in ("card.json", "fold-2.json"):
        (folder / "evidence" / name).unlink()
    judge = build_judge(small, brief, folder)
    assert write_card(judge, small, brief, folder, recordings=[recordings]) == card
    after = stamps(folder)
    assert {name for name in before if after[name] != before[name]} == {"card.json", "fold-2.json"}


def test_without_recordings_the_card_has_none(folder, built, small, brief, card):
    other = write_card(built, small, brief, folder)
    assert other == card.model_copy(update={"recordings": None, "recordings_robustness": None})
    assert "Recorded" not in (folder / PAGE_FILE).read_text(encoding="utf-8")


def test_another_configurations_judge_is_refused(folder, built, small, brief):
    with pytest.raises(JudgeError, match="configuration"):
        write_card(built, small, brief.model_copy(update={"network": "alexnet"}), folder)


def test_another_datasets_judge_is_refused(folder, built, small, brief):
    with pytest.raises(JudgeError, match="not in it"):
        write_card(built, small.select(split="test"), brief, folder)


def test_a_multi_label_page_has_no_confusion(card):
    test = card.test.model_copy(update={"confusion": (), "mean_average_precision": 0.75})
    page = card.model_copy(update={"multi_label": True, "test": test}).markdown()
    assert "0.750" in page
    assert "confusion.png" not in page


def test_the_card_says_where_timbre_and_soundfont_are_one(card):
    assert card.own_soundfonts == {}
    assert "cannot be told apart" not in card.markdown()
    own = card.model_copy(update={"own_soundfonts": {"piano": "A", "trumpet": "B"}})
    assert "it has learned piano on A, trumpet on B, and on no other" in own.markdown()
