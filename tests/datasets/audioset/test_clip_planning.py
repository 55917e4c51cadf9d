"""Tables, ontology, selection and balance, on the real tables."""

import numpy as np
import pandas as pd
import pytest

from timbrebench.core.errors import ConfigurationError, DatasetError, UnknownNameError
from timbrebench.datasets.audioset.audioset_configuration import AudioSetConfiguration
from timbrebench.datasets.audioset.clip_planning import count_classes, plan_clips
from timbrebench.datasets.audioset.ontology import Ontology
from timbrebench.datasets.audioset.segments import read_segments
from timbrebench.datasets.building import load_configuration

ROWS = (
    ("--PJHxphWEs", 30.0, 40.0, "/m/09x0r,/t/dd00088"),
    ("-0RWZT-miFs", 420.0, 430.0, "/m/03v3yw,/m/0k4j"),
    ("_123456789A", 0.5, 9.25, "/m/05r5c"),
)


def published(path):
    """Write rows as AudioSet's own files have them."""
    lines = [f'{ytid}, {start:.3f}, {end:.3f}, "{labels}"' for ytid, start, end, labels in ROWS]
    comments = ["# Segments csv created Sun Mar  5 10:54:31 2017", "# num_ytids=3, num_segs=3"]
    path.write_text("\n".join([*comments, "# YTID, start_seconds, end_seconds, positive_labels", *lines]))


def passed_on(path):
    """Write rows as copies of the files have them."""
    pd.DataFrame(ROWS, columns=["YTID", "start_seconds", "end_seconds", "positive_labels"]).to_csv(
        path, index=False
    )


@pytest.fixture
def ontology(audioset):
    return Ontology.read(audioset / "ontology.json", audioset / "class_labels_indices.csv")


def test_both_forms_of_a_table_hold_the_same(tmp_path):
    published(tmp_path / "a.csv")
    passed_on(tmp_path / "b.csv")
    a, b = read_segments([tmp_path / "a.csv"]), read_segments([tmp_path / "b.csv"])
    pd.testing.assert_frame_equal(a.table, b.table)
    assert a.label_sets == b.label_sets
    assert a.table.ytid.tolist() == ["--PJHxphWEs", "-0RWZT-miFs", "_123456789A"]
    assert a.table.start_ms.tolist() == [30_000, 420_000, 500]
    assert a.label_sets[a.table["labels"][0]] == ("/m/09x0r", "/t/dd00088")


@pytest.mark.parametrize("write", [published, passed_on])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["", "\n"])
def test_what_spreadsheets_make_of_a_table_is_the_same(tmp_path, write, mark, end, before):
    """A byte-order mark, other ends of lines, an empty line, a header in quotation marks."""
    write(tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text()
    header = ",".join(f'"{name}"' for name in ("YTID", "start_seconds", "end_seconds", "positive_labels"))
    for number, content in enumerate(
        (text, text.replace("YTID,start_seconds", f"{header}\nYTID,start_seconds"))
    ):
        path = tmp_path / f"{number}.csv"
        path.write_bytes((mark + before + content).replace("\n", end).encode())
        same = read_segments([path])
        pd.testing.assert_frame_equal(same.table, read_segments([tmp_path / "a.csv"]).table)


def test_rows_alone_may_follow_a_byte_order_mark(tmp_path):
    (tmp_path / "a.csv").write_text('\ufeff--PJHxphWEs, 30.000, 40.000, "/m/05r5c"\n')
    assert read_segments([tmp_path / "a.csv"]).table.ytid.tolist() == ["--PJHxphWEs"]


def test_tables_put_together_have_comments_in_the_middle(tmp_path):
    published(tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text() + "\n"
    (tmp_path / "b.csv").write_text(text + text.replace("--PJHxphWEs", "--PJHxphWEt"))
    assert len(read_segments([tmp_path / "b.csv"])) == len(ROWS) + 1


def test_a_segment_in_two_tables_has_all_its_labels(tmp_path):
    passed_on(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text('--PJHxphWEs, 30.000, 40.000, "/m/05r5c,/m/09x0r"\n')
    segments = read_segments([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert len(segments) == 3
    labels = segments.label_sets[segments.table["labels"][0]]
    assert sorted(labels) == ["/m/05r5c", "/m/09x0r", "/t/dd00088"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('../../etc/pa, 0.0, 10.0, "/m/05r5c"', "line 5: holds no video's identifier"),
        ('abcdefghijk, 10.0, 10.0, "/m/05r5c"', "line 5: holds no interval"),
        ("abcdefghijk, 0.0, 10.0, piano", "line 5: holds no label"),
        ('abcdefghijk, 0.0, 1e300, "/m/05r5c"', "line 5: holds no interval"),
        ('abcdefghijk, soon, 10.0, "/m/05r5c"', "line 5, which holds 'abcdefghijk, soon.* cannot be read"),
        ("abcdefghijk, 0.0, 10.0, /m/05r5c, /m/09x0r", "line 5, which holds .* cannot be read as a table"),
        ("abcdefghijk; 0.0; 10.0; /m/05r5c", "line 5, which holds .* cannot be read as a table"),
    ],
)
def test_an_invalid_row_is_named(tmp_path, row, words):
    passed_on(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text((tmp_path / "a.csv").read_text() + row + "\n")
    with pytest.raises(DatasetError, match=words):
        read_segments([tmp_path / "a.csv"])


def test_the_real_tables_are_read_whole(audioset):
    segments = read_segments([audioset / "balanced_train_segments.csv", audioset / "eval_segments.csv"])
    assert len(segments) == 22_160 + 20_371
    lengths = segments.table.end_ms - segments.table.start_ms
    assert (lengths != 10_000).sum() == 345 + 361


def test_subtrees_hold_the_known_numbers_of_labels(ontology):
    assert len(ontology.subtree("/m/04szw")) == 92
    assert len(ontology.select(["instruments"], descendants=True)) == 80
    assert len(ontology.select(["genres"], descendants=True)) == 52
    assert len(ontology.select(["moods"], descendants=True)) == 7
    assert ontology.select(["instruments"], descendants=False) == ["/m/04szw"]
    with pytest.raises(DatasetError, match="descendants = true"):
        ontology.select(["moods"], descendants=False)


def test_a_class_goes_by_name_and_by_identifier(ontology):
    assert ontology.find("Piano") == ontology.find("piano") == ontology.find("/m/05r5c") == "/m/05r5c"
    below = ontology.select(["Piano"], descendants=True)
    assert {ontology.names[identifier] for identifier in below} == {"Piano", "Electric piano"}
    with pytest.raises(UnknownNameError, match="did you mean 'Guitar'"):
        ontology.find("gitar")


def test_no_video_lies_in_two_splits(settings, tmp_path):
    extra = tmp_path / "more.csv"
    table = pd.read_csv(settings["segments"][0]).head(2000)
    later = table.assign(start_seconds=table.start_seconds + 500, end_seconds=table.end_seconds + 500)
    later.to_csv(extra, index=False)
    segments = (*settings["segments"], str(extra))
    plan = plan_clips(AudioSetConfiguration(**{**settings, "segments": segments}))
    splits = pd.Series(plan.selection.splits).groupby(plan.selection.table.ytid.to_numpy())
    assert splits.size().max() > 1
    assert splits.nunique().eq(1).all()


def test_classes_are_balanced_as_far_as_labels_allow(settings):
    everything = count_classes(plan_clips(AudioSetConfiguration(**settings)))
    counts = count_classes(plan_clips(AudioSetConfiguration(**settings, clips_per_class=40)))
    assert (counts.chosen >= 0.9 * 40).all()
    assert counts.chosen.max() / counts.chosen.min() < everything.chosen.max() / everything.chosen.min() / 2
    assert (counts[["train", "judge", "validation", "test"]].sum(axis=1) == counts.chosen).all()
    assert (counts.chosen <= counts.held).all()
    sitar = counts[counts.name == "Sitar"].iloc[0]
    assert sitar[["train", "judge", "validation", "test"]].tolist() == [10, 16, 4, 10]


def test_what_was_not_chosen_can_go_without_a_change(settings):
    plan = plan_clips(AudioSetConfiguration(**settings, clips_per_class=10))
    chosen = plan.choose()
    others = np.flatnonzero(~chosen)[::7]
    assert (plan.choose(others) == chosen).all()
    failed = int(np.flatnonzero(chosen)[0])
    assert not plan.choose([failed])[failed]


def test_another_seed_chooses_others(settings):
    first = plan_clips(AudioSetConfiguration(**settings, clips_per_class=10)).choose()
    second = plan_clips(AudioSetConfiguration(**settings, clips_per_class=10, seed=1)).choose()
    assert (first != second).any()


def test_short_segments_are_an_error_before_anything_is_fetched(settings):
    plan = plan_clips(AudioSetConfiguration(**settings))
    reasons = plan.failures()
    assert len(reasons) == (~plan.long_enough).sum() > 0
    assert all(reason.endswith("s, a clip 10 s") for reason in reasons.values())


def test_a_misspelt_key_is_an_error(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('segments = ["a.csv"]\nontology = "o"\nclass_labels = "c"\nclips_per_clas = 3\n')
    with pytest.raises(ConfigurationError, match="did you mean 'clips_per_class'"):
        load_configuration(path, AudioSetConfiguration)
