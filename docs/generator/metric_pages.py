"""Pages of the metrics, one for each module: what each declares, and the module's definition."""

from __future__ import annotations

import html
import math
import sys
from collections.abc import Iterator

from markup import facts, table, to_html

from timbrebench.metrics import Specification, get, metric_names

FOLDER = "reference/metrics"

_INTRODUCTION = """# Metrics

A page for each question that is asked of an output. It has what its metrics declare, and their definition
down to the last window. `timbrebench metrics --json` has the same for programs; [whether they move as they
declare](../../validity.md) was measured.

A metric that needs what is not there, or cannot be computed, has no value and a reason.

"""

_BETTER = {"higher": "higher", "lower": "lower", "none": "neither"}

#: What a metric can need beside output, content and style.
_NEEDS = {
    "content_judge": "the content judge",
    "judge": "a style judge",
    "labels": "the labels of content and style",
    "notes": "the content's notes",
    "reference": "the reference",
    "style_notes": "the style's notes",
}


def metric_pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the Markdown of each page, the overview first."""
    modules: dict[str, list[Specification]] = {}
    for name in metric_names():
        metric = get(name)
        if metric.__module__.startswith("timbrebench."):
            modules.setdefault(metric.__module__, []).append(metric.specification)
    rows = [
        (
            f'<a href="{_page(module)}.html#{declared.name}"><code>{declared.name}</code></a>',
            html.escape(declared.summary),
            _BETTER[declared.direction],
            _unit(declared),
        )
        for declared, module in sorted(
            ((declared, module) for module, group in modules.items() for declared in group),
            key=lambda item: item[0].name,
        )
    ]
    yield f"{FOLDER}/index.md", _INTRODUCTION + table(("name", "question", "better", "unit"), rows)
    for module, group in sorted(modules.items()):
        yield f"{FOLDER}/{_page(module)}.md", _metric_page(module, group)


def _page(module: str) -> str:
    return module.rsplit(".", 1)[-1].replace("_", "-")


def _metric_page(module: str, group: list[Specification]) -> str:
    text = (sys.modules[module].__doc__ or "").strip()
    title, _, rest = text.partition("\n")
    parts = [
        f"# {module.rsplit('.', 1)[-1].replace('_', ' ').capitalize()} {{#{module}}}\n",
        f"{title} Below is the [definition](#definition).\n",
        *(
            f"## `{each.name}` {{#{each.name}}}\n\n{html.escape(each.summary)}\n\n{_facts(each)}"
            for each in group
        ),
        f'<div class="docstring">\n{to_html(rest, module)}\n</div>\n',
    ]
    return "\n".join(parts)


def _facts(declared: Specification) -> str:
    return facts(
        [
            ("unit", _unit(declared)),
            ("range", f"{_bound(declared.lower)} to {_bound(declared.upper)}"),
            ("better", _BETTER[declared.direction]),
            ("needs", ", ".join(_NEEDS[need] for need in sorted(declared.needs)) or "content and style only"),
            ("smallest change that matters", f"{declared.relevant_change:g}"),
            ("responds", _responses(declared)),
            ("invariant to", ", ".join(sorted(declared.invariant_to)) or "none"),
            ("version", str(declared.version)),
        ]
    )


def _responses(declared: Specification) -> str:
    ways = {
        way: [name for name, response in declared.responds.items() if response == way]
        for way in ("rises", "falls")
    }
    text = "; ".join(f"{way} under {', '.join(names)}" for way, names in ways.items() if names)
    return text.replace("_", " ") or "none promised"


def _unit(declared: Specification) -> str:
    return "none" if declared.unit == "1" else html.escape(declared.unit)


def _bound(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else ("∞" if value > 0 else "-∞")
