"""A folder of finished audio as a method: the outputs of a system that is run elsewhere.

The folder holds ``pairs.csv`` as `timbrebench pairs export` wrote it, and one file for each pair, named by
the pair: ``000-piano-trumpet.wav``, or ``.flac``, ``.ogg``, ``.mp3`` and whatever else libsndfile or FFmpeg
reads. A system that draws may have an output for each seed: ``000-piano-trumpet-seed1.wav`` goes before
``000-piano-trumpet.wav``.

A method sees samples, not names, so a pair is found by the SHA-256 of the samples of its clips. Outputs that
were exported for other clips are noticed in this way, too.
"""

from __future__ import annotations

from pathlib import Path

from timbrebench.audio.clips import Samples
from timbrebench.audio.decoding import AUDIO_SUFFIXES
from timbrebench.core.errors import MethodError
from timbrebench.core.tables import read_text_csv
from timbrebench.transfer.contract import Method, Parameters
from timbrebench.transfer.methods.external.clip_files import files_fingerprint, read_output, samples_sha256

#: The table of exported pairs, and the columns of it by which a pair is found.
PAIRS = "pairs.csv"
KEY_COLUMNS = ("pair_id", "content_sha256", "style_sha256")


class FinishedAudioParameters(Parameters):
    """Where the outputs are.

    Attributes
    ----------
    folder : pathlib.Path
        The folder that was handed in.
    """

    folder: Path


class FinishedAudio(Method):
    """Outputs that exist already; see the module for the layout of the folder."""

    name = "finished-audio"
    version = 1
    summary = "a folder of outputs that another system made for exported pairs"
    source = "whoever made the audio"
    costs = frozenset()  # the cost of making the audio is unknown
    Parameters = FinishedAudioParameters
    parameters: FinishedAudioParameters

    def fingerprint(self) -> str:
        """Fingerprint the folder, with all that is in it."""
        return files_fingerprint([self.parameters.folder])

    def transfer(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Read the output of the pair.

        Raises :class:`MethodError` if the folder, its table, the pair in the table or the pair's file is
        missing, or the file is not audio.
        """
        pair_ids = self._pair_ids(samples_sha256(content), samples_sha256(style))
        stems = [stem for pair_id in pair_ids for stem in (f"{pair_id}-seed{seed}", pair_id)]
        for stem in stems:
            outputs = self._files(stem)
            if len(outputs) > 1:
                names = " and ".join(path.name for path in outputs)
                raise MethodError(f"{self.parameters.folder}: {names} are outputs of one pair: leave one")
            if outputs:
                return read_output(outputs[0], sample_rate, len(content))
        raise MethodError(
            f"{self.parameters.folder}: there is no {pair_ids[0]}.wav (nor .flac, .ogg, .mp3, nor "
            f"{pair_ids[0]}-seed{seed}.wav): hand in an output for each pair"
        )

    def _files(self, stem: str) -> list[Path]:
        """List the files of a name; of several, those that are audio by their extensions."""
        files = [
            path
            for path in sorted(self.parameters.folder.iterdir())
            if path.stem == stem and not path.name.startswith(".") and path.is_file()
        ]
        return [path for path in files if path.suffix.lower() in AUDIO_SUFFIXES] or files

    def _pair_ids(self, content: str, style: str) -> list[str]:
        """Look a pair up; the same two clips may be a pair more than once."""
        path = self.parameters.folder / PAIRS
        try:
            table = read_text_csv(path, MethodError)
        except MethodError as error:
            raise MethodError(f"{error}: put the table of the exported pairs beside the outputs") from error
        absent = [column for column in KEY_COLUMNS if column not in table]
        if absent:
            raise MethodError(f"{path}: misses {', '.join(absent)}: put in the table as it was exported")
        rows = table[(table.content_sha256 == content) & (table.style_sha256 == style)]
        if rows.empty:
            raise MethodError(
                f"{path}: has no pair of these two clips: its pairs were exported from another suite"
            )
        return list(rows.pair_id)
