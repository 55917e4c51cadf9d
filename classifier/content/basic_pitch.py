"""basic-pitch as a content judge: an outside reader of notes, to compare with the one of this project.

Network, windows and decoding are those of the package ``basic-pitch`` (Apache-2.0), version 0.4.0, which
brings its weights in the ONNX format; they are run by onnxruntime on the processor, in one thread. Nothing is
downloaded. The package asks for TensorFlow, of which nothing is used here: ``docs/outside-judges.md`` says
how it is installed without.

Settled here
------------
- Thresholds and minimum duration are the defaults of the package's ``predict``: 0.5 for onsets, 0.3 for
  frames, 11 frames (127.7 ms), with onsets inferred from frames and notes searched for in what onsets leave.
  Shorter notes than 128 ms are therefore never found: on fast music that alone costs recall.
- Clips are resampled by soxr and scaled to a peak of 1, as for the content judge of this project; the
  package resamples by librosa and does not scale. Its front end normalises levels itself.
- The keys that sound in a frame are those of the decoded notes, not of the thresholded frames: notes are what
  the package gives out.
- It learned from GuitarSet, iKala, MAESTRO, MedleyDB-Pitch and Slakh, none of which suites here are made of;
  which clips of these is not published with the weights, so that it is not checked whether a method learned
  from the same.

References
----------
R. Bittner et al., "A lightweight instrument-agnostic model for polyphonic note transcription and multipitch
estimation", IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP), 2022.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples
from timbrebench.classifier.clip_preparation import prepare_clip
from timbrebench.classifier.content.note_decoding import COLUMNS, Transcription
from timbrebench.classifier.content.note_targets import note_raster
from timbrebench.core.errors import MissingResourceError
from timbrebench.core.files import file_sha256, fingerprint

#: Probabilities from which an onset begins a note and a frame continues it, and the minimum of frames: the
#: defaults of the package's function ``predict``.
ONSET_THRESHOLD, FRAME_THRESHOLD, MIN_FRAMES = 0.5, 0.3, 11

#: Modules of the package that are used: sizes, windows and how they are put together, decoding of notes.
_MODULES = ("constants", "inference", "note_creation")

#: Frames that neighbouring windows share, half of which are cut off at either end.
_OVERLAP_FRAMES = 30


class BasicPitch:
    """The network of ``basic-pitch`` with its decoding.

    Raises
    ------
    MissingResourceError
        If the package or onnxruntime is not installed.
    """

    training_pieces: tuple[str, ...] = ()
    training_clips: frozenset[str] = frozenset()

    def __init__(self) -> None:
        try:
            with _without_warnings():
                package, onnxruntime = map(import_module, ("basic_pitch", "onnxruntime"))
                parts = [import_module(f"basic_pitch.{name}") for name in _MODULES]
        except ImportError as error:
            raise MissingResourceError(
                f"the content judge basic-pitch cannot be imported ({error}): install it by "
                "`pip install 'timbrebench[basic-pitch]'` and `pip install --no-deps basic-pitch`"
            ) from error
        self._constants, self._inference, self._notes = parts
        self._path = Path(package.build_icassp_2022_model_path(package.FilenameSuffix.onnx))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(self._path), options, providers=["CPUExecutionProvider"]
        )

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the file of the network."""
        return file_sha256(self._path)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of weights, thresholds, and the package's version, which has the decoding."""
        settings = ONSET_THRESHOLD, FRAME_THRESHOLD, MIN_FRAMES
        return fingerprint(["basic-pitch", version("basic-pitch"), self.weights_sha256, *settings])

    def transcribe(self, samples: Samples, sample_rate: int) -> Transcription:
        """Transcribe a clip.

        Parameters
        ----------
        samples : numpy.ndarray, shape (n,)
            Mono samples, at least 0.5 s.
        sample_rate : int
            Their rate in hertz.

        Returns
        -------
        Transcription
            Notes, and the keys that sound in each frame of 11.6 ms. Empty without a note.

        Raises
        ------
        JudgeError
            If the clip is too short or silent.
        """
        rate, hop_length = self._constants.AUDIO_SAMPLE_RATE, self._constants.FFT_HOP
        clip = prepare_clip(samples, sample_rate, rate)
        frames, onsets = self._probabilities(clip)
        with np.errstate(invalid="ignore"):  # frames that never rise are divided by a rise of 0
            events = self._notes.output_to_notes_polyphonic(
                frames,
                onsets,
                onset_thresh=ONSET_THRESHOLD,
                frame_thresh=FRAME_THRESHOLD,
                min_note_len=MIN_FRAMES,
                infer_onsets=True,
                max_freq=None,
                min_freq=None,
            )
        times = self._notes.model_frames_to_time(len(frames))
        rows = [(times[first], times[last], int(pitch)) for first, last, pitch, _ in events]
        notes = pd.DataFrame(rows, columns=list(COLUMNS)).astype(
            {"pitch": int, "onset_s": float, "offset_s": float}
        )
        notes = notes.sort_values(["onset_s", "pitch"], ignore_index=True)
        frame_s = hop_length / rate
        roll = note_raster(notes, 1 + len(clip) // hop_length, frame_s).astype(bool)
        return Transcription(notes, roll, frame_s)

    def _probabilities(self, clip: Samples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return how probable it is that a key sounds, and is struck: shape (frames, 88) each."""
        overlap = _OVERLAP_FRAMES * self._constants.FFT_HOP
        padded = np.concatenate([np.zeros(overlap // 2, dtype=np.float32), clip])
        windows = self._inference.window_audio_file(padded, self._constants.AUDIO_N_SAMPLES - overlap)
        outputs = ["StatefulPartitionedCall:1", "StatefulPartitionedCall:2"]
        answers: list[Any] = [
            self._session.run(outputs, {"serving_default_input_2:0": window[np.newaxis]})
            for window, _ in windows
        ]
        frames, onsets = (
            self._inference.unwrap_output(np.concatenate(parts), len(clip), _OVERLAP_FRAMES)
            for parts in zip(*answers, strict=True)
        )
        return frames, onsets


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep the package from warning of each back end that is not installed."""
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)  # otherwise logging would set up one that prints
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
