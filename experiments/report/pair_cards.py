"""How recordings stand on a page: a card with a player and a spectrogram each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples, read_audio
from timbrebench.core.errors import AudioError
from timbrebench.experiments.report.recordings import Recording, Recordings
from timbrebench.experiments.report.spectrogram_images import spectrogram_image
from timbrebench.experiments.report.templating import data_uri
from timbrebench.experiments.suites.suite import Pair

#: Pairs that the report itself lets one hear, as far as they fit into it.
PAIRS_TO_HEAR = 4

#: Bytes of audio and spectrograms, as embedded, that the report may hold; one pair is always there.
EMBEDDED_BYTES = 6_000_000

Scores = Sequence[tuple[str, str]]


@dataclass
class Card:
    """Something that can be heard, or that should be.

    Attributes
    ----------
    title, subtitle, role
        Of the :class:`~timbrebench.experiments.report.recordings.Recording`.
    audio, image : str
        Addresses; empty where there is nothing to hear.
    duration_s : float
        How long it lasts.
    reason : str
        Why there is nothing to hear.
    outputs : list of (str, sequence of (str, str))
        Labels of methods whose output sounds like this, and their scores.
    """

    title: str
    subtitle: str
    role: str
    audio: str
    image: str
    duration_s: float
    reason: str
    outputs: list[tuple[str, Scores]] = field(default_factory=list)


@dataclass(frozen=True)
class Example:
    """A pair to be heard.

    Attributes
    ----------
    pair : Pair
        Which one.
    cards : list of Card
        Its clips, those that cannot be read as well, and the outputs that can be heard.
    absent : list of str
        Labels of methods of whose output there is nothing to hear.
    """

    pair: Pair
    cards: list[Card]
    absent: list[str]

    @property
    def is_heard(self) -> bool:
        """Whether there is anything to hear."""
        return any(card.audio for card in self.cards)

    @property
    def size(self) -> int:
        """Bytes that it takes in the page."""
        return sum(len(card.audio) + len(card.image) for card in self.cards)


def examples(pairs: Sequence[Pair], recordings: Recordings) -> list[Example]:
    """Make pairs spread evenly over the suite fit to be heard inside the report.

    Parameters
    ----------
    pairs : sequence of Pair
        All pairs.
    recordings : Recordings
        What there is to hear of them.

    Returns
    -------
    list of Example
        :data:`PAIRS_TO_HEAR`, or fewer if they would take more than :data:`EMBEDDED_BYTES`, with what the
        first seed has made; without those of which nothing can be read.
    """
    made: dict[str, Example] = {}
    found: list[Example] = []
    for count in range(min(PAIRS_TO_HEAR, len(pairs)), 0, -1):
        chosen = [pairs[index] for index in np.linspace(0, len(pairs) - 1, count).round().astype(int)]
        for pair in chosen:
            if pair.pair_id not in made:
                made[pair.pair_id] = _example(pair, recordings)
        found = [made[pair.pair_id] for pair in chosen]
        if sum(example.size for example in found) <= EMBEDDED_BYTES:
            break
    return [example for example in found if example.is_heard]


def _example(pair: Pair, recordings: Recordings) -> Example:
    """Collect what there is to hear of a pair; the same sound under two names is there once."""
    cards: dict[bytes | str, Card] = {}
    absent = []
    for recording in recordings.of(pair):
        if recording.seed not in {None, recordings.seeds[0]}:
            continue
        audio = _read(recording, recordings)
        if isinstance(audio, str):
            if recording.role == "given":
                cards[recording.title] = _unread(recording, audio)
            else:
                absent.append(recording.title)
            continue
        samples, rate = audio
        pcm = np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)
        key = pcm.tobytes()
        if key not in cards:
            cards[key] = _embedded(recording, samples, pcm, rate)
        if recording.role != "given":
            cards[key].outputs.append((recording.title, recording.scores))
    return Example(pair, list(cards.values()), absent)


def _read(recording: Recording, recordings: Recordings) -> tuple[Samples, int] | str:
    """Return samples and their rate, or why there is nothing to hear."""
    if recording.reason:
        return recording.reason
    try:
        return read_audio(recordings.root / recording.path)
    except AudioError as error:
        return recordings.describe(recording, error)


def _unread(recording: Recording, reason: str) -> Card:
    """Return a card with nothing to hear."""
    return Card(recording.title, recording.subtitle, recording.role, "", "", 0.0, reason)


def _embedded(recording: Recording, samples: Samples, pcm: NDArray[np.int16], rate: int) -> Card:
    """Return a card with audio, at 16 bits, and image inside."""
    buffer = BytesIO()
    soundfile.write(buffer, pcm, rate, format="FLAC", subtype="PCM_16")
    return Card(
        title=recording.title,
        subtitle=recording.subtitle,
        role=recording.role,
        audio=data_uri(buffer.getvalue(), "audio/flac"),
        image=data_uri(spectrogram_image(samples, rate), "image/png"),
        duration_s=len(samples) / rate,
        reason="",
    )
