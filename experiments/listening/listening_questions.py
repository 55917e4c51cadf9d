"""What listeners are asked, in words."""

from __future__ import annotations

from dataclasses import dataclass

from timbrebench.experiments.listening.listening_kinds import Abx, Question


@dataclass(frozen=True)
class QuestionText:
    """A question.

    Attributes
    ----------
    title : str
        Its heading.
    rating : str
        How it is asked of each sound.
    comparison : str
        How it is asked of two.
    explanation : str
        What counts, and what does not.
    """

    title: str
    rating: str
    comparison: str
    explanation: str

    def asked(self, kind: str) -> str:
        """Return the question as a kind of test asks it."""
        return self.comparison if kind == Abx.name else self.rating


QUESTION_TEXTS: dict[Question, QuestionText] = {
    "style": QuestionText(
        "Instrument",
        "How much does it sound like the instrument of the style clip?",
        "Which of the two sounds more like the instrument of the style clip?",
        "Listen to the colour of the sound alone. Which notes are played, and how clean the sound is, do not "
        "count here.",
    ),
    "content": QuestionText(
        "Notes",
        "How well are the notes of the content clip kept?",
        "Which of the two keeps the notes of the content clip better?",
        "Listen to melody, chords and rhythm alone. Which instrument is heard, and how clean the sound is, "
        "do not count here.",
    ),
    "quality": QuestionText(
        "Sound quality",
        "How good is the sound quality?",
        "Which of the two has the better sound quality?",
        "Noise, holes, smearing, a metallic or a dull sound make it worse. Which notes and which instrument "
        "are heard do not count here.",
    ),
}

#: The five words of BS.1534-3 and P.800, from the lowest.
WORDS = ("Bad", "Poor", "Fair", "Good", "Excellent")
