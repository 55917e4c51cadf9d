"""Values of the wrong type in a dataset's files are errors that name the file, the row and the column."""

from pathlib import Path

import pandas as pd
import pytest

from timbrebench.core.errors import DatasetError
from timbrebench.datasets.dataset_checks import MANIFEST_COLUMNS, checked_description, checked_manifest

NUMBERS = {"program": 0, "start_s": 0.0, "duration_s": 5.0, "sample_rate": 22_050}


def manifest(**changed):
    row = {column: NUMBERS.get(column, "a") for column in MANIFEST_COLUMNS}
    return pd.DataFrame([row, row | changed])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(
            (column, value)
            for column in NUMBERS
            for value in ("x", None, float("nan"), float("inf"), -5.0, 1e300)
        ),
        ("program", 0.5),
        ("sample_rate", 22_050.5),
        ("duration_s", 30_000.0),
        *((column, None) for column in ("clip_id", "path", "piece", "split", "sha256")),
    ],
)
def test_a_value_that_no_clip_can_have_is_an_error_with_its_row(column, value):
    with pytest.raises(DatasetError, match=f"m.csv, row 3: {column} is "):
        checked_manifest(manifest(**{column: value}), Path("m.csv"))


def test_a_manifest_as_it_should_be_stays_what_it_is():
    table = checked_manifest(manifest(program=-1), Path("m.csv"))
    pd.testing.assert_frame_equal(table.drop(columns="soundfont_family"), manifest(program=-1))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("builder", 3),
        ("configuration", []),
        ("sources", {"name": "x"}),
        ("sources", [{"sha256": "x"}]),
        ("sources", ["x"]),
        ("software", ["x"]),
        ("counts", {"clips": "many"}),
        ("files", ["x"]),
        ("files", {"README.md": 3}),
        ("pitch_range", "low"),
    ],
)
def test_a_description_of_the_wrong_type_is_an_error_with_its_key(key, value):
    with pytest.raises(DatasetError, match=rf"dataset\.json: (the key ')?{key}"):
        checked_description({"schema": 2, key: value}, Path("dataset.json"))
