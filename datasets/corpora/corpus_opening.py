"""Find a corpus by its name or path, and get the notes of its scores."""

from __future__ import annotations

import os
from pathlib import Path

from timbrebench.core.documents import read_json
from timbrebench.core.errors import CorpusError, UnknownNameError
from timbrebench.core.files import write_json
from timbrebench.core.folders import expand_home
from timbrebench.datasets.building import JOURNAL
from timbrebench.datasets.corpora import adl
from timbrebench.datasets.corpora.corpus import Corpus, CorpusScore, Piece
from timbrebench.datasets.corpora.midi_files import open_midi_corpus
from timbrebench.datasets.corpora.midi_notes import convert_midi
from timbrebench.datasets.corpora.music21_scores import Music21Corpus, convert_with_music21


def find_corpus(wanted: str, sha256: str | None = None) -> Corpus:
    """Find a corpus that holds at least one score, or fetch it.

    It is ``"music21"``, ``"adl-piano-midi"``, or the path of a folder or an archive of MIDI files. The
    SHA-256 is that which an archive, or what a folder holds, has to have; ``dataset.json`` lists it. Raises
    UnknownNameError if it is neither the name of a corpus nor looks like a path; CorpusError if there is no
    corpus at the path, it has another SHA-256, or it cannot be unpacked; MissingResourceError if it has to be
    downloaded and cannot be; StorageError if the user's cache cannot be written.
    """
    if wanted == Music21Corpus.name:
        if sha256 is not None:
            raise CorpusError("music21's corpus has no SHA-256: its version settles its content")
        return Music21Corpus()
    if wanted == adl.NAME:
        return open_midi_corpus(adl.fetch_adl(sha256), name=adl.NAME, sha256=sha256)
    path = expand_home(wanted)
    if not path.exists() and os.sep not in wanted and not path.suffix:
        raise UnknownNameError("corpus, and no folder or archive:", wanted, [Music21Corpus.name, adl.NAME])
    return open_midi_corpus(path, sha256=sha256)


def begin_with(corpus: Corpus, root: Path) -> None:
    """Take down which corpus the build in a folder is begun with, or see that it goes on with the same.

    Raises CorpusError if what is built already comes from another version of the corpus, StorageError if it
    cannot be written.
    """
    path = root / JOURNAL / "corpus.json"
    if not path.is_file():
        write_json(path, corpus.source())
    elif read_json(path, CorpusError) != corpus.source():
        raise CorpusError(
            f"{corpus.name} has changed since the build of {root} was begun: give the folder back what it "
            "held, or delete what is built"
        )


def convert(score: CorpusScore) -> Piece:
    """Return the notes of a score of any corpus, from the user's cache where they were made before.

    Raises CorpusError if it cannot be used; the reason is kept and given again the next time.
    """
    return convert_midi(score) if score.source else convert_with_music21(score)
