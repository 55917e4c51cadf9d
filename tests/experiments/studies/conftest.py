"""What all studies are tested on: the pairs of a small run."""

from __future__ import annotations

import pytest

from timbrebench.experiments.run.opened_run import open_suite
from timbrebench.experiments.studies.study import StudyContext


@pytest.fixture(scope="session")
def context(run, tmp_path_factory):
    """One pair of the small run, and a folder for what is learned."""
    _, dataset, judge, suite = open_suite(run.root)
    return StudyContext(dataset, judge, suite, workdir=tmp_path_factory.mktemp("learned"))
