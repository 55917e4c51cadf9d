"""The judges of a run: which ones scored it, by their fingerprints."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from timbrebench.classifier import Judge, installed_content_judge
from timbrebench.experiments.run.layout import SECOND_JUDGE_FILE
from timbrebench.experiments.run.run_configuration import RunConfiguration


class JudgeFingerprints(NamedTuple):
    """Fingerprints of the judges that score a run; of the second style judge empty where there is one."""

    style: str
    second_style: str
    content: str


def second_judge_path(configuration: RunConfiguration, root: Path) -> Path | None:
    """Return where the second style judge of the run in the folder `root` lies, or None where it has one."""
    return root / SECOND_JUDGE_FILE if configuration.second_judge else None


def judge_fingerprints(configuration: RunConfiguration, judge: Judge, root: Path) -> JudgeFingerprints:
    """Return the fingerprints of all judges of a run, given its first style judge and its folder.

    Raises JudgeError if the second one is missing or cannot be read.
    """
    path = second_judge_path(configuration, root)
    second = Judge.load(path).fingerprint if path else ""
    return JudgeFingerprints(
        judge.fingerprint, second, installed_content_judge(configuration.content_judge.name).fingerprint
    )
