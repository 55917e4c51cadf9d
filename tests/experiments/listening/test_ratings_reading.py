"""Files count if they are of the test, whole and as they were saved; others are left out with a reason."""

import json

import pytest

from timbrebench.core.errors import RunError
from timbrebench.experiments.listening.ratings_reading import read_ratings


def scored(value):
    return lambda question, condition, page: value


@pytest.fixture
def key(made):
    return made.key("mushra")


@pytest.fixture
def good(key, made):
    return made.ratings(key, "7", scored(50))


def left_out(key, paths):
    """Read files of which the first counts, and return why the last does not."""
    ratings = read_ratings(key, paths)
    assert set(ratings.table.listener) == {"7"}
    assert ratings.left_out[-1].name == paths[-1].name
    return ratings.left_out[-1].reason


def test_every_stimulus_is_a_row_with_what_is_behind_it(key, good, handed_in):
    ratings = read_ratings(key, handed_in(good))
    assert ratings.left_out == ()
    assert len(ratings.table) == 3 * 3 * 6
    assert set(ratings.table.condition) == set(key.conditions.all)
    first = good["pages"][0]
    rows = ratings.table[ratings.table.page == first["page"]]
    assert list(rows.stimulus) == [rating["stimulus"] for rating in first["ratings"]]
    assert list(rows.position) == list(range(6))


def test_of_another_test(key, good, handed_in, made):
    other = made.sign({**made.ratings(key, "8", scored(50)), "test": "fedcba9876543210"})
    assert "another listening test" in left_out(key, handed_in(good, other))


def test_edited(key, good, handed_in, made):
    edited = json.loads(
        json.dumps(made.ratings(key, "8", scored(40))).replace('"score": 40', '"score": 90', 1)
    )
    assert "edited or damaged" in left_out(key, handed_in(good, edited))


def test_incomplete(key, good, handed_in, made):
    whole = made.ratings(key, "8", scored(50))
    reason = left_out(key, handed_in(good, made.sign({**whole, "pages": whole["pages"][:4]})))
    assert reason == "it is incomplete: 4 of 9 pages are rated"


@pytest.mark.parametrize("score", [101, -1, 50.5, True, "9", None])
def test_off_the_scale(key, good, handed_in, made, score):
    wrong = made.ratings(key, "8", scored(50))
    wrong["pages"][0]["ratings"][0]["score"] = score
    assert "pages.0.ratings.0.score" in left_out(key, handed_in(good, made.sign(wrong)))


def test_stimuli_and_pages_that_are_not_the_test_s(key, good, handed_in, made):
    for change in ("stimulus", "page", "twice"):
        wrong = made.ratings(key, "8", scored(50))
        first = wrong["pages"][0]
        if change == "stimulus":
            first["ratings"][0]["stimulus"] = 16 * "f"
        elif change == "page":
            first["page"] = 16 * "f"
        else:
            wrong["pages"].append(first)
        assert "page" in left_out(key, handed_in(good, made.sign(wrong)))


def test_two_equal_files_count_once_and_two_that_differ_do_not(key, good, handed_in, made):
    assert "are equal: the first counts" in left_out(key, handed_in(good, good))
    first, second = (made.ratings(key, "8", scored(value)) for value in (10, 90))
    ratings = read_ratings(key, handed_in(good, first, second))
    assert [item.reason for item in ratings.left_out] == 2 * [
        "2 files of listener 8 differ: keep the right one"
    ]


def test_one_session_under_two_names(key, good, handed_in, made):
    first = made.ratings(key, "8", scored(30))
    ratings = read_ratings(key, handed_in(good, first, made.sign({**first, "listener": "9"})))
    assert set(ratings.table.listener) == {"7"}
    assert len(ratings.left_out) == 2
    assert all("under another name" in item.reason for item in ratings.left_out)


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "../../etc/passwd", "=cmd|'/c calc'!A1", "", "x" * 41, "a\nb", "\u202e7"],
)
def test_a_hostile_name_is_refused(key, good, handed_in, made, name):
    assert "listener" in left_out(
        key, handed_in(good, made.sign({**good, "listener": name, "session": 16 * "a"}))
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b'{"format": "timbrebench-ratings-2"}',
        b"[" * 100_000,
        b" " * (5 << 20),
    ],
)
def test_what_is_no_file_of_ratings(key, good, handed_in, content):
    paths = handed_in(good, {})
    paths[1].write_bytes(content)
    assert left_out(key, paths)


def test_a_key_that_nobody_knows_is_refused(key, good, handed_in, made):
    assert "unknown key" in left_out(
        key, handed_in(good, made.sign({**good, "listener": "8", "html": "<b>"}))
    )


def test_a_missing_file_stops_nothing(key, good, handed_in, tmp_path):
    assert "cannot be read" in left_out(key, [*handed_in(good), tmp_path / "missing.json"])


def test_where_nothing_counts_every_reason_is_said(key, handed_in, tmp_path):
    with pytest.raises(RunError, match=r"ratings-0\.json: .*missing\.json: "):
        read_ratings(key, [*handed_in({}), tmp_path / "missing.json"])


def test_one_of_two_has_to_be_chosen(made, handed_in):
    key = made.key("abx")
    good, wrong = (
        made.ratings(key, name, lambda question, condition, page: condition == min(page.stimuli.values()))
        for name in "78"
    )
    for rating in wrong["pages"][0]["ratings"]:
        rating["score"] = 100
    assert "has to be chosen" in left_out(key, handed_in(good, made.sign(wrong)))


def test_whatever_byte_is_changed_ratings_are_left_out_or_the_same(key, good, handed_in, generator):
    paths = handed_in(good)
    content, expected = paths[0].read_bytes(), read_ratings(key, paths).table
    counted = 0
    for _ in range(150):
        changed = bytearray(content)
        changed[generator.integers(len(content))] = generator.integers(256)
        paths[0].write_bytes(changed)
        try:
            table = read_ratings(key, paths).table
        except RunError:
            continue
        counted += 1
        assert table.equals(expected)
    assert counted < 30
