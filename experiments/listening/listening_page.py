"""The page of a listening test, and its audio.

The page needs nothing but its folder. A page that was opened from a disk may not read the files beside it, so
that a browser cannot decode them, and the players of HTML neither loop without a gap nor keep the place when
another sound is chosen. A script may be loaded from there, though: each sound is a file that hands 16-bit
samples over to the page, which plays them by Web Audio.

Names of sounds, and their order in the page, are hashes. The page has a policy that forbids everything but
its own scripts; all that a listener writes is shown as text.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from timbrebench.audio.clips import Samples
from timbrebench.core.files import write_text
from timbrebench.experiments.listening.listening_kinds import kind_of
from timbrebench.experiments.listening.listening_questions import QUESTION_TEXTS, WORDS
from timbrebench.experiments.listening.listening_test import AUDIO, PAGE, ListeningTest
from timbrebench.experiments.report.templating import asset, render


def write_page_folder(test: ListeningTest, audio: Mapping[str, Samples], folder: Path) -> None:
    """Write the page, ``index.html``, and each sound, ``audio/NAME.js``.

    Raises :class:`StorageError` if a file cannot be written.
    """
    for name, samples in sorted(audio.items()):  # files tell when they were made
        pcm = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")
        encoded = base64.b64encode(pcm.tobytes()).decode()
        write_text(folder / AUDIO / f"{name}.js", f'receiveSound("{name}", "{encoded}");\n')
    kind = kind_of(test.kind)
    content = {
        **test.model_dump(mode="json"),
        "questions": {
            name: {**asdict(text), "asked": text.asked(test.kind)} for name, text in QUESTION_TEXTS.items()
        },
        "words": WORDS,
        "low": kind.low,
        "high": kind.high,
    }
    page = render(
        "listen.html.jinja",
        css=asset("report.css"),
        own_css=asset("listen.css"),
        scripts=[asset("listen_audio.js"), asset("listen.js")],
        content=content,
        kind=test.kind,
        pages=len(test.pages),
    )
    write_text(folder / PAGE, page)
