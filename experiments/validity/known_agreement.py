"""How metrics agree with listeners: what ``listener_agreement.json`` holds, made by ``validate-human``."""

from __future__ import annotations

import importlib.resources
from functools import cache
from typing import Any

from timbrebench.core.documents import parse_object
from timbrebench.core.errors import ConfigurationError

#: The file beside this module.
AGREEMENT = "listener_agreement.json"

_SYSTEMS = {"yes": "orders systems as listeners do", "contradicts": "contradicts listeners' order of systems"}


def agreement_with_listeners(name: str) -> str:
    """Return in a few words how a metric agrees with listeners; empty where that was not measured.

    That is Spearman's rank correlation with dissimilarities of timbre, with its 95 % interval, and whether
    the metric orders two systems as listeners did (``docs/human.md``).

    Examples
    --------
    >>> agreement_with_listeners("no_such_metric")
    ''
    """
    known = _known().get(name, {})
    parts = []
    if "timbre" in known:
        value, low, high = known["timbre"]
        parts.append(f"timbre {value:.2f} ({low:.2f} to {high:.2f})")
    if "systems" in known:
        parts.append(_SYSTEMS.get(known["systems"], "order of systems undecided"))
    return "; ".join(parts)


@cache
def _known() -> dict[str, Any]:
    text = (importlib.resources.files(__package__) / AGREEMENT).read_text(encoding="utf-8")
    return parse_object(text, AGREEMENT, ConfigurationError)
