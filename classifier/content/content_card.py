"""What a content judge is and how far it can be believed, on one page."""

from __future__ import annotations

import pandas as pd

from timbrebench.classifier.content.content_evaluation import ContentEvaluation
from timbrebench.classifier.content.content_robustness import ContentRobustness
from timbrebench.classifier.content.content_training import ContentConfiguration
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.tables import markdown_table


class ContentCard(FrozenModel):
    """All figures of a content judge.

    Attributes
    ----------
    fingerprint : str
        Of the judge.
    parameters : int
        Weights of the network.
    soundfonts : tuple of str
        Soundfonts that it has learned from.
    training_pieces, training_clips : int
        How many pieces and clips it has learned from or was chosen by.
    onset_threshold, note_threshold : float
        Chosen on validation pieces.
    tests : dict of str to ContentEvaluation
        Figures on the test split of each dataset, by its name.
    without_soundfont : dict of str to dict of str to ContentEvaluation
        By family of soundfonts, and by dataset: figures on the family's test clips of a judge that was
        trained in the same way without any clip of the family; none where no such judge was trained.
    recordings : ContentRobustness or None
        Figures on test pieces that recorded notes play, by instrument and source, changed as recordings are.
    configuration : ContentConfiguration or None
        How it was trained; None in the card of the first version.
    sources : tuple of dict of str to str
        Name, family and SHA-256 of what has played the clips and phrases that it has learned from; of a
        folder of recorded notes, which takes.
    """

    fingerprint: str
    parameters: int
    soundfonts: tuple[str, ...]
    training_pieces: int
    training_clips: int
    onset_threshold: float
    note_threshold: float
    tests: dict[str, ContentEvaluation]
    without_soundfont: dict[str, dict[str, ContentEvaluation]]
    recordings: ContentRobustness | None = None
    configuration: ContentConfiguration | None = None
    sources: tuple[dict[str, str], ...] = ()

    def markdown(self) -> str:
        """Return the card as a page of Markdown."""
        lines = [
            "# Content judge",
            "",
            "Hears which notes are played, in any timbre: a convolutional network on harmonically",
            f"stacked pictures of pitch, with {self.parameters:,} weights. It has learned from",
            f"{self.training_clips:,} clips of {self.training_pieces} pieces, played with",
            f"{', '.join(self.soundfonts)}.",
            "",
            f"Fingerprint: `{self.fingerprint}`",
            "",
            f"A note begins where the probability of an onset peaks at {self.onset_threshold:g} or more,",
            f"and lasts while that of its key is at least {self.note_threshold:g}. Both thresholds were",
            "chosen on validation pieces.",
            "",
            "All figures are means over clips of pieces that the judge has never heard. Notes are right",
            "within 50 ms of the onset and half a semitone (mir_eval); with offsets, also within 50 ms or",
            "a fifth of the note's length of its end. Frames are compared with the score, from onset to",
            "offset, however long a note can be heard.",
        ]
        for name, evaluation in self.tests.items():
            lines += ["", f"## Test pieces: {name}", "", _table(evaluation)]
        for family, evaluations in self.without_soundfont.items():
            for name, evaluation in evaluations.items():
                title = f"## Trained without {family}, tested on it: {name}"
                lines += ["", title, "", _table(evaluation)]
        if self.recordings:
            lines += ["", "## Recorded notes: note F1", "", self.recordings.markdown()]
        if self.configuration and self.configuration.start:
            lines += ["", f"Training began with the weights of `{self.configuration.start}`."]
        if self.sources:
            lines += ["", "## What has played what it has learned from", "", _sources_table(self.sources)]
        return "\n".join(lines) + "\n"


def _sources_table(sources: tuple[dict[str, str], ...]) -> str:
    columns = {
        "name": "name",
        "family": "family",
        "takes": "takes",
        "version": "version",
        "sha256": "SHA-256",
    }
    rows = [{title: source.get(key, "") for key, title in columns.items()} for source in sources]
    return markdown_table(pd.DataFrame(rows))


def _table(evaluation: ContentEvaluation) -> str:
    figures_of = {"all": evaluation.overall, **evaluation.by_soundfont, **evaluation.by_label}
    rows = [
        {
            "clips of": name,
            "clips": str(figures.clips),
            "note F1": f"{figures.note_f1:.3f}",
            "with offsets": f"{figures.note_f1_with_offsets:.3f}",
            "frame F1": f"{figures.frame_f1:.3f}",
        }
        for name, figures in figures_of.items()
    ]
    return markdown_table(pd.DataFrame(rows))
