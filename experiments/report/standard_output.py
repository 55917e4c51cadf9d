"""Standard output: the answers of commands. Messages go to standard error."""

from __future__ import annotations

import json
import sys
from typing import Any

from timbrebench.core.plain_text import without_controls


def print_line(value: object) -> None:
    """Write a value and a newline, without what a terminal would obey."""
    sys.stdout.write(f"{without_controls(str(value))}\n")


def print_json(value: Any) -> None:  # noqa: ANN401 - anything that JSON can hold
    """Write a value as indented JSON; NaN and infinity, which JSON lacks, are errors."""
    print_line(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
