"""Results of studies as files: tables, figures, a page for each study, and one that lists them all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from timbrebench.core.errors import RunError
from timbrebench.core.figures import save_figure
from timbrebench.core.files import write_text
from timbrebench.core.statistics.bootstrap import COVERAGE
from timbrebench.core.tables import markdown_table, read_csv, write_csv
from timbrebench.experiments.studies.study import Study, StudyFinding, StudyResult, StudySetting
from timbrebench.experiments.studies.study_registry import STUDIES, find_study
from timbrebench.experiments.studies.verdicts import Verdict, decided

#: What pages call the settings.
_SETTINGS: Mapping[StudySetting, str] = {"small": "small setting", "paper": "the paper's setting"}

#: Significant digits of the figures on a page; the CSV has all.
_DIGITS = 3

#: What the table of a study's findings is called.
_FINDINGS = "findings"


def write_result(study: Study[Any, Any], result: StudyResult, folder: Path, setting: StudySetting) -> Path:
    """Write table, figure and page of a study; return the page.

    The folder gets ``NAME.csv``, ``NAME.png``, ``NAME.svg`` and ``NAME.md``, ``NAME-findings.csv`` where
    something was claimed, and ``NAME-TABLE.csv`` for each further table; and ``README.md``, which lists the
    findings of all studies in the folder. The setting is for the pages to say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {study.name: result.table}
    tables |= {f"{study.name}-{name}": table for name, table in result.further.items()}
    if result.findings:
        tables[f"{study.name}-{_FINDINGS}"] = pd.DataFrame(map(asdict, result.findings))
    else:  # an earlier result may have had some
        (folder / f"{study.name}-{_FINDINGS}.csv").unlink(missing_ok=True)
    for name, table in tables.items():
        write_csv(folder / f"{name}.csv", table)
    for suffix in (".png", ".svg"):
        save_figure(result.figure, folder / f"{study.name}{suffix}")
    page = folder / f"{study.name}.md"
    write_text(page, _page(study, result, setting))
    write_text(folder / "README.md", _overview(folder))
    return page


def _page(study: Study[Any, Any], result: StudyResult, setting: StudySetting) -> str:
    text = f"# {study.name}\n\n{study.question} ({study.source}; {_SETTINGS[setting]})\n\n"
    if changes := study.changes.get(setting):
        text += f"**Changed against the source:** {changes}\n\n"
    if result.findings:
        text += "".join(_finding(finding) for finding in result.findings)
        text += f"\nIn parentheses behind a mean is its {COVERAGE:.0%} interval.\n\n"
    cells = result.table.astype(object).map(_cell)
    table = markdown_table(cells, names=cells.shape[1])
    return f"{text}{result.text}\n\n![{study.question}]({study.name}.png)\n\n{table}\n"


def _overview(folder: Path) -> str:
    """Return the page that lists the studies whose results lie in a folder, with what was claimed."""
    lines = [
        "# Studies",
        "",
        "Made by `timbrebench study`. Each verdict is worked out from the figures; a claim that these leave "
        "open is not decided.",
        "",
    ]
    rows: list[tuple[str, ...]] = []
    for name in STUDIES:
        page = folder / f"{name}.md"
        if not page.is_file():
            continue
        findings = folder / f"{name}-{_FINDINGS}.csv"
        claims = _claims(findings) if findings.is_file() else []
        study = (f"[{name}]({name}.md)", _setting_of(page))
        rows += [(*study, claim, verdict) for claim, verdict in claims]
        if not claims:
            rows.append((*study, find_study(name).question, ""))
    table = pd.DataFrame(rows, columns=["study", "setting", "claim", "verdict"])
    return "\n".join([*lines, markdown_table(table, names=4)]) + "\n"


def _claims(path: Path) -> list[tuple[str, Verdict]]:
    """Return the claims of a table of findings with their verdicts; older tables have yes or no instead."""
    table = read_csv(path, RunError, {})
    if "held" in table:
        table["verdict"] = table.held.map(decided)
    return list(zip(table.claim, table.verdict, strict=True))


def _setting_of(page: Path) -> str:
    """Return the setting that a study's page says it was made in."""
    text = page.read_text(encoding="utf-8")
    return next((setting for setting, title in _SETTINGS.items() if f"; {title})\n" in text), "")


def _finding(finding: StudyFinding) -> str:
    return f"- **{finding.verdict.capitalize()}:** {finding.claim}. {finding.figures}\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{_DIGITS}g}"
    return str(value)
