"""Where pieces come from: music21's corpus, ADL Piano MIDI, or anybody's folder or archive of MIDI files."""

from timbrebench.datasets.corpora.corpus import Candidates, Corpus, Piece, Score
from timbrebench.datasets.corpora.corpus_opening import begin_with, convert, find_corpus
from timbrebench.datasets.corpora.music21_scores import Music21Corpus, convert_with_music21, list_scores

__all__ = [
    "Candidates",
    "Corpus",
    "Music21Corpus",
    "Piece",
    "Score",
    "begin_with",
    "convert",
    "convert_with_music21",
    "find_corpus",
    "list_scores",
]
