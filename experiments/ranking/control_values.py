"""What the controls of a published suite score: the ends of a metric's scale, for whoever scores one output.

The file beside the baselines has the means of a run on the suite, by the published judge of its name. A value
counts as long as the metric has the version that it was measured by.
"""

from __future__ import annotations

import importlib.resources
from functools import cache
from pathlib import Path

import pandas as pd

from timbrebench.core.errors import ConfigurationError
from timbrebench.core.tables import SIX_DIGITS, parse_csv, write_csv
from timbrebench.experiments.run.layout import LEADERBOARD
from timbrebench.metrics.registry import get, metric_names

#: The suite, and the published judge that serves where none is named.
SUITE = "instruments-6-1"

#: The untouched content, the style in its place, and the content's notes played by the style's instrument.
CONTROLS = ("identity", "style-copy", "reference")

_TYPES = {"metric": "str", "version": "int64", **dict.fromkeys(CONTROLS, "float64")}


@cache
def control_values() -> dict[str, dict[str, float]]:
    """Return the controls' means by metric and control, of metrics whose version has not changed since."""
    path = importlib.resources.files("timbrebench.experiments") / "baselines" / f"controls-{SUITE}.csv"
    table = parse_csv(path.read_bytes(), str(path), ConfigurationError, _TYPES).dropna()
    installed = set(metric_names())
    return {
        row["metric"]: {control: float(row[control]) for control in CONTROLS}
        for row in table.to_dict(orient="records")
        if row["metric"] in installed and get(row["metric"]).specification.version == row["version"]
    }


def write_control_values(run: Path, path: Path) -> None:
    """Write the controls' means of a finished run on the suite, by the judge of its name.

    Raises OSError if the run has no leaderboard, and StorageError if the file cannot be written.
    """
    board = pd.read_csv(run / LEADERBOARD).set_index("method").loc[list(CONTROLS)]
    measured = [name for name in metric_names() if name in board and board[name].notna().all()]
    versions = [get(name).specification.version for name in measured]
    table = board[measured].T.rename_axis("metric").reset_index()
    table.insert(1, "version", versions)
    write_csv(path, table, SIX_DIGITS)
