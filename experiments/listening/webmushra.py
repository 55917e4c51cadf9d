"""The same test for webMUSHRA (Schoeffler et al., Journal of Open Research Software 6, 2018).

The folder goes into webMUSHRA's ``configs/`` as it is, and ``?config=for-webmushra/test.yaml`` opens the
test. Stimuli are WAV files with the names that our own page has for them; webMUSHRA's results state these.

webMUSHRA adds the hidden reference of a page of the type ``mushra`` by itself, so that ours is left out. Its
type ``paired_comparison`` asks which of two sounds the reference is, which is another question than that of
``abx``: there the two are one sound, with a pause between them, of the type ``likert_single_stimulus``, whose
answers are "the first" and "the second". Orders are drawn by webMUSHRA, without a seed; of two sounds that
follow each other the order is that of their names, which are hashes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from timbrebench.audio.clips import Samples, write_audio
from timbrebench.core.files import write_text
from timbrebench.experiments.listening.listening_kinds import REFERENCE, Abx, Mushra
from timbrebench.experiments.listening.listening_questions import QUESTION_TEXTS, WORDS
from timbrebench.experiments.listening.listening_test import (
    WEBMUSHRA_FOLDER,
    Key,
    ListeningPage,
    ListeningTest,
)

#: Name of the configuration, and of the folder of its sounds.
_CONFIGURATION, _SOUNDS = "test.yaml", "audio"

#: Seconds between two sounds that are compared.
_PAUSE_S = 0.5

#: Seconds that a stimulus may have where webMUSHRA keeps to the recommendation.
_MAX_S = 12.0


def write_webmushra(test: ListeningTest, key: Key, audio: Mapping[str, Samples], folder: Path) -> None:
    """Write the configuration and the sounds that it names.

    Raises :class:`StorageError` if a file cannot be written.
    """
    sounds = dict(audio)
    pages = []
    for page in test.pages:
        if test.kind == Abx.name:
            pause = np.zeros(round(_PAUSE_S * test.sample_rate), dtype=np.float32)
            first, second = (audio[name] for name in page.stimuli)
            sounds[page.page] = np.concatenate([first, pause, second])
        pages.append(_page(test, key, page, audio))
    for name, samples in sorted(sounds.items()):
        write_audio(folder / _SOUNDS / f"{name}.wav", samples, test.sample_rate)
    write_text(folder / _CONFIGURATION, _configuration(test, pages))


def _configuration(test: ListeningTest, pages: list[list[str]]) -> str:
    lines = [
        f"testname: {_quoted('Listening test')}",
        f"testId: {_quoted(f'timbrebench-{test.test}')}",
        "bufferSize: 2048",
        "stopOnErrors: true",
        "showButtonPreviousPage: false",
        "remoteService: service/write.php",
        "pages:",
        "    - type: generic",
        "      id: welcome",
        "      name: Welcome",
        f"      content: {_quoted('Use headphones. Each page asks one question about several sounds.')}",
        "    -",
        "        - random",
    ]
    for page in pages:
        head, *rest = page
        lines += [f"        - {head}", *(f"          {line}" for line in rest)]
    return "\n".join(
        [
            *lines,
            "    - type: finish",
            "      name: Thank you",
            f"      content: {_quoted('Thank you for listening.')}",
            "      showResults: false",
            "      writeResults: true",
            "",
        ]
    )


def _page(test: ListeningTest, key: Key, page: ListeningPage, audio: Mapping[str, Samples]) -> list[str]:
    text = QUESTION_TEXTS[page.question]
    shown = [f"<b>{text.asked(test.kind)}</b> {text.explanation}"]
    shown += [
        f"{clip.role.capitalize()}: <audio controls loop src='{_path(clip.audio)}'></audio>"
        for clip in page.given
        if clip.role != REFERENCE  # which has a button of its own
    ]
    head = [f"id: {_quoted(page.page)}", f"name: {_quoted(text.title)}"]
    content = f"content: {_quoted('<br/>'.join(shown))}"
    if test.kind == Mushra.name:
        return ["type: mushra", *head, content, *_mushra(test, key, page, audio)]
    answers = {"1": "the first", "2": "the second"}
    stimuli: tuple[str, ...] = (page.page,)
    if test.kind != Abx.name:
        answers = {str(grade): f"{grade} {word}" for grade, word in enumerate(WORDS, start=1)}
        stimuli = page.stimuli
    return [
        "type: likert_single_stimulus",
        *head,
        content,
        "mustRate: true",
        *_stimuli(stimuli),
        "response:",
        *(
            line
            for value, label in answers.items()
            for line in (f"    - value: {_quoted(value)}", f"      label: {_quoted(label)}")
        ),
    ]


def _mushra(test: ListeningTest, key: Key, page: ListeningPage, audio: Mapping[str, Samples]) -> list[str]:
    reference = next(clip.audio for clip in page.given if clip.role == REFERENCE)
    hidden = [name for name in page.stimuli if key.pages[page.page].stimuli[name] != REFERENCE]
    is_short = len(audio[reference]) <= _MAX_S * test.sample_rate
    return [
        "showWaveform: false",
        "enableLooping: true",
        f"strict: {'true' if is_short else 'false'}",
        "randomize: true",
        "showConditionNames: false",
        f"reference: {_quoted(_path(reference))}",
        "createAnchor35: false",
        "createAnchor70: false",
        *_stimuli(hidden),
    ]


def _stimuli(names: tuple[str, ...] | list[str]) -> list[str]:
    return ["stimuli:", *(f"    s{name}: {_quoted(_path(name))}" for name in names)]


def _path(name: str) -> str:
    return f"configs/{WEBMUSHRA_FOLDER}/{_SOUNDS}/{name}.wav"


def _quoted(text: str) -> str:
    """Write a text as YAML and JSON both do."""
    return json.dumps(text)
