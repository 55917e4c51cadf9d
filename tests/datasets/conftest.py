"""What tests of all builders share."""

from __future__ import annotations

import filecmp

import pytest


@pytest.fixture(scope="session")
def same_files():
    """Whether two folders hold files of the same names and bytes."""

    def compare(left, right):
        ours, theirs = (
            {path.relative_to(root) for path in root.rglob("*") if path.is_file()} for root in (left, right)
        )
        return ours == theirs and all(filecmp.cmp(left / name, right / name, shallow=False) for name in ours)

    return compare
