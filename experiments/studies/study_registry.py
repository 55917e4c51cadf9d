"""The studies there are, by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from timbrebench.core.errors import UnknownNameError
from timbrebench.experiments.studies.study import Study

#: Names of all studies, sorted. ``judge`` is the ``STUDY`` of the module ``judge_study``, and so on.
STUDIES = (
    "cross-synthesis",
    "failure",
    "judge",
    "key-invariance",
    "loss-terms",
    "phase",
    "spectrograms",
    "style-content-curve",
    "texture",
    "wide-limit-convergence",
)


def find_study(name: str) -> Study[Any]:
    """Return a study; where none has that name, an `UnknownNameError` suggests the nearest."""
    if name not in STUDIES:
        raise UnknownNameError("study", name, STUDIES)
    module = import_module(f"timbrebench.experiments.studies.{name.replace('-', '_')}_study")
    study: Study[Any] = module.STUDY
    return study
