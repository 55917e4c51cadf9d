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

#: Number of pairs whose audio is embedded in the report, as far as they fit into it.
EMBEDDED_PAIRS = 4

#: Bytes of audio and spectrograms, as embedded, that the report may hold; one pair is always embedded.
EMBEDDED_BYTES = 6_000_000

Scores = Sequence[tuple[str, str]]


@dataclass
class Card:
    """A recording on a page, or the `reason` why it is missing.

    `audio` and `image` are addresses, empty if it is missing; `outputs` are labels of methods whose output
    sounds like this, and their scores.
    """

    recording: Recording
    audio: str = ""
    image: str = ""
    reason: str = ""
    outputs: list[tuple[str, Scores]] = field(default_factory=list)


@dataclass(frozen=True)
class Example:
    """A pair with its audio.

    `cards` are of its clips, including unreadable ones, and of its readable outputs; `absent` are the labels
    of methods without a readable output.
    """

    pair: Pair
    cards: list[Card]
    absent: list[str]

    @property
    def is_audible(self) -> bool:
        """Whether any of its recordings is there."""
        return any(card.audio for card in self.cards)

    @property
    def size(self) -> int:
        """Bytes that it takes in the page."""
        return sum(len(card.audio) + len(card.image) for card in self.cards)


def examples(pairs: Sequence[Pair], recordings: Recordings) -> list[Example]:
    """Embed the audio of pairs that are spread evenly over the suite, with outputs of the first seed.

    First comes the one on which methods keep as much as on the median pair: what is heard first is taken for
    the whole. They are :data:`EMBEDDED_PAIRS`, or fewer if they would take more than
    :data:`EMBEDDED_BYTES`, without pairs of which nothing is readable.
    """
    by_pair: dict[str, Example] = {}
    embedded: list[Example] = []
    for count in range(min(EMBEDDED_PAIRS, len(pairs)), 0, -1):
        chosen = [pairs[index] for index in _spread(pairs, count, recordings.median_pair)]
        for pair in chosen:
            if pair.pair_id not in by_pair:
                by_pair[pair.pair_id] = _example(pair, recordings)
        embedded = [by_pair[pair.pair_id] for pair in chosen]
        if sum(example.size for example in embedded) <= EMBEDDED_BYTES:
            break
    return [example for example in embedded if example.is_audible]


def _spread(pairs: Sequence[Pair], count: int, first: str | None) -> list[int]:
    """Return the places of so many pairs at even distances, one of which gives way to the first."""
    places = [int(place) for place in np.linspace(0, len(pairs) - 1, count).round()]
    of_first = next((place for place, pair in enumerate(pairs) if pair.pair_id == first), None)
    if of_first is None:
        return places
    nearest = min(places, key=lambda place: abs(place - of_first))
    return [of_first, *(place for place in places if place != nearest)]


def _example(pair: Pair, recordings: Recordings) -> Example:
    """Collect the recordings of a pair; identical audio under two names is embedded once."""
    cards: dict[bytes | str, Card] = {}
    absent = []
    for recording in recordings.of(pair):
        if recording.seed not in {None, recordings.seeds[0]}:
            continue
        audio = _read(recording, recordings)
        if isinstance(audio, str):
            if recording.role == "given":
                cards[recording.title] = Card(recording, reason=audio)
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
    """Return samples and their rate, or why the recording is missing."""
    if recording.reason:
        return recording.reason
    try:
        return read_audio(recordings.root / recording.path, max_s=recording.duration_s + 1)
    except AudioError as error:
        return recordings.describe(recording, error)


def _embedded(recording: Recording, samples: Samples, pcm: NDArray[np.int16], rate: int) -> Card:
    """Return a card with its audio, at 16 bits, and its image embedded."""
    buffer = BytesIO()
    soundfile.write(buffer, pcm, rate, format="FLAC", subtype="PCM_16")
    return Card(
        recording,
        audio=data_uri(buffer.getvalue(), "audio/flac"),
        image=data_uri(spectrogram_image(samples, rate), "image/png"),
    )
