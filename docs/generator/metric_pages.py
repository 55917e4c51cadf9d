"""Pages of the metrics, one for each module: what each declares, and the module's definition."""

from __future__ import annotations

import html
import math
import sys
from collections.abc import Iterator

from markup import facts, to_html
from module_pages import module_pages, overview, own

from timbrebench.experiments.validity.known_agreement import agreement_with_listeners
from timbrebench.metrics import Metric, Specification, get, metric_names

_METRICS = own(map(get, metric_names()))

_BETTER = {"higher": "higher", "lower": "lower", "none": "neither"}

#: What a metric can need beside output, content and style.
_NEEDS = {
    "content_judge": "the content judge",
    "judge": "a style judge",
    "labels": "the labels of content and style",
    "notes": "the content's notes",
    "one_tune": "one tune by one instrument as content and style",
    "reference": "the reference",
    "second_judge": "a second style judge",
    "style_notes": "the style's notes",
}


def metric_overview() -> str:
    """Return the table of all metrics, as HTML."""
    return overview(
        ("name", "question", "better", "unit", "agrees with listeners"),
        [
            (
                metric.__module__,
                about.name,
                about.summary,
                _BETTER[about.direction],
                _unit(about),
                _listeners(about),
            )
            for metric in _METRICS
            for about in [metric.specification]
        ],
    )


def metric_pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the Markdown of each page."""
    return module_pages("reference/metrics", _METRICS, _metric_page)


def _metric_page(module: str, group: list[Metric]) -> str:
    title, _, rest = (sys.modules[module].__doc__ or "").strip().partition("\n")
    parts = [
        f"# {module.rsplit('.', 1)[-1].replace('_', ' ').capitalize()} {{#{module}}}\n",
        f"{title} Below is the [definition](#definition).\n",
    ]
    for about in (metric.specification for metric in group):
        parts += [f"## `{about.name}` {{#{about.name}}}\n", f"{html.escape(about.summary)}\n", _facts(about)]
    parts.append(f'<div class="docstring">\n{to_html(rest, module)}\n</div>\n')
    return "\n".join(parts)


def _facts(declared: Specification) -> str:
    return facts(
        {
            "unit": _unit(declared),
            "range": f"{_bound(declared.lower)} to {_bound(declared.upper)}",
            "better": _BETTER[declared.direction],
            "needs": ", ".join(_NEEDS[need] for need in sorted(declared.needs)) or "content and style only",
            "smallest change that matters": f"{declared.relevant_change:g}",
            "responds": _responses(declared),
            "invariant to": ", ".join(sorted(declared.invariant_to)) or "none",
            "agrees with listeners": _listeners(declared),
            "version": str(declared.version),
        }
    )


def _listeners(declared: Specification) -> str:
    return agreement_with_listeners(declared.name) or "not measured"


def _responses(declared: Specification) -> str:
    ways: dict[str, list[str]] = {"rises": [], "falls": []}
    for name, way in declared.responds.items():
        ways[way].append(name.replace("_", " "))
    return (
        "; ".join(f"{way} under {', '.join(names)}" for way, names in ways.items() if names)
        or "none promised"
    )


def _unit(declared: Specification) -> str:
    return "none" if declared.unit == "1" else declared.unit


def _bound(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else ("∞" if value > 0 else "-∞")
