"""Say in tables what a dataset holds."""

from __future__ import annotations

import pandas as pd

from timbrebench.core.errors import UnknownNameError
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.rendering.dataset_configuration import SPLITS


def summarise(dataset: Dataset, column: str) -> pd.DataFrame:
    """Count a dataset's clips, pieces and hours for each value of a column.

    Parameters
    ----------
    dataset : Dataset
        A dataset, or a selection of its clips.
    column : str
        A column of the manifest: ``"label"``, ``"split"``, ``"soundfont"``. A clip with several values,
        separated by ``|``, counts for each of them.

    Returns
    -------
    pandas.DataFrame
        Indexed by the values, sorted: ``clips``, ``pieces``, ``hours``, and for each split that the dataset
        has the clips in it.

    Raises
    ------
    UnknownNameError
        If there is no such column.
    """
    if column not in dataset.manifest:
        raise UnknownNameError("column of the manifest", column, dataset.manifest.columns)
    rows = dataset.manifest[["piece", "duration_s", "split"]]
    values = dataset.manifest[column].astype("str").str.split("|")
    rows = rows.assign(value=values).explode("value")
    groups = rows.groupby("value")
    table = pd.DataFrame(
        {
            "clips": groups.size(),
            "pieces": groups.piece.nunique(),
            "hours": (groups.duration_s.sum() / 3600).round(4),
        }
    )
    for name in SPLITS:
        if column != "split" and (rows.split == name).any():
            table[name] = rows[rows.split == name].groupby("value").size().reindex(table.index, fill_value=0)
    return table.rename_axis(column)
