"""The studies there are, by name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from timbrebench.core.errors import UnknownNameError

if TYPE_CHECKING:
    from timbrebench.experiments.studies.study import Study

#: Names of all studies, sorted. ``judge`` is the ``STUDY`` of the module ``judge_study``, and so on.
STUDIES = (
    "cross-synthesis",
    "failure",
    "fidelity",
    "judge",
    "key-invariance",
    "loss-terms",
    "phase",
    "spectrograms",
    "style-content-curve",
    "texture",
    "wide-limit-convergence",
)


def find_study(name: str) -> Study[Any, Any]:
    """Return a study; where none has that name, an `UnknownNameError` suggests the nearest."""
    if name not in STUDIES:
        raise UnknownNameError("study", name, STUDIES)
    module = import_module(f"timbrebench.experiments.studies.{name.replace('-', '_')}_study")
    study: Study[Any, Any] = module.STUDY
    return study
