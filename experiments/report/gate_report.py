"""The outcome of the quality gate, for a pull request (Markdown) and for test reports (JUnit XML)."""

from __future__ import annotations

import re
from itertools import starmap
from xml.etree import ElementTree

import pandas as pd

from timbrebench.core.tables import markdown_table
from timbrebench.experiments.ranking.gate import MetricChange, Outcome
from timbrebench.experiments.report.escaping import plain_markdown

_HEADINGS = {
    0: "No method has become worse",
    1: "A method has become worse",
    2: "The check could not be made",
}

#: What XML 1.0 does not allow, even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def gate_markdown(outcome: Outcome) -> str:
    """Write an outcome as Markdown: verdict, regressions, what could not be measured, notes, every method."""
    lines = [f"## {_HEADINGS[outcome.exit_status]}", ""]
    if outcome.regressions:
        lines += [markdown_table(pd.DataFrame(map(_row, outcome.regressions)), names=2), ""]
    if outcome.problems:
        lines += ["Not measured:", "", *(f"- {plain_markdown(problem)}" for problem in outcome.problems), ""]
    if outcome.notes:
        lines += ["Notes:", "", *(f"- {plain_markdown(note)}" for note in outcome.notes), ""]
    if outcome.findings:
        lines += [
            markdown_table(pd.DataFrame(starmap(_summary, _by_method(outcome)))),
            "",
            "A loss counts when it reaches the metric's margin and is significant: paired permutation",
        ]
        lines += ["test over content pieces, Holm's correction for all methods and metrics, 5 %.", ""]
    return "\n".join(lines)


def _by_method(outcome: Outcome) -> list[tuple[str, list[MetricChange]]]:
    labels = dict.fromkeys(finding.label for finding in outcome.findings)
    return [(label, [each for each in outcome.findings if each.label == label]) for label in labels]


def _row(finding: MetricChange) -> dict[str, str]:
    return {
        "method": plain_markdown(finding.label),
        "metric": finding.metric,
        "before": f"{finding.before:.4g}",
        "now": f"{finding.now:.4g}",
        "difference": f"{finding.now - finding.before:+.4g}",
        "95 % interval": f"{finding.low:+.4g} to {finding.high:+.4g}",
        "margin": f"{finding.margin:g}",
        "corrected p": f"{finding.p_corrected:.2g}",
    }


def _summary(label: str, findings: list[MetricChange]) -> dict[str, str]:
    worst = max(findings, key=lambda finding: finding.loss / finding.margin)
    share = max(worst.loss / worst.margin, 0.0)
    return {
        "method": plain_markdown(label),
        "metrics compared": str(len(findings)),
        "worse": str(sum(finding.is_worse for finding in findings)),
        "largest loss, in margins": f"{share:.2f}" + (f" ({worst.metric})" if share >= 0.005 else ""),
    }


def gate_junit(outcome: Outcome) -> str:
    """Write an outcome as JUnit XML: a test suite for each method, a test case for each metric.

    Regressions are failures; what could not be measured is an error in the suite "measured", whose output
    holds the notes.
    """
    root = ElementTree.Element("testsuites", name="timbrebench check")
    for label, rows in _by_method(outcome):
        suite = _suite(root, label, len(rows), failures=sum(finding.is_worse for finding in rows))
        for finding in rows:
            case = ElementTree.SubElement(suite, "testcase", classname=_xml(label), name=finding.metric)
            if finding.is_worse:
                ElementTree.SubElement(case, "failure", message=_xml(str(finding)))
    suite = _suite(root, "measured", max(len(outcome.problems), 1), errors=len(outcome.problems))
    for problem in outcome.problems or ("",):
        case = ElementTree.SubElement(suite, "testcase", classname="measured", name=_xml(problem) or "all")
        if problem:
            ElementTree.SubElement(case, "error", message=_xml(problem))
    if outcome.notes:
        ElementTree.SubElement(suite, "system-out").text = _xml("\n".join(outcome.notes))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(
    root: ElementTree.Element, name: str, tests: int, *, failures: int = 0, errors: int = 0
) -> ElementTree.Element:
    counts = {"tests": str(tests), "failures": str(failures), "errors": str(errors)}
    return ElementTree.SubElement(root, "testsuite", {"name": _xml(name), **counts})


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
