"""Differentiable digital signal processing (Engel, Hantrakul, Gu & Roberts, 2020), for clips of many voices.

A network turns fundamental and loudness of a voice into the controls of a synthesiser: amplitudes of harmonic
oscillators, and the spectrum of a filtered noise. `prepare` trains it by the distance between the spectra of
what is played and of the recording, through the synthesiser. At transfer the voices are the content's, and
the timbre is the style's.

1. *Read* the content's voices (:mod:`timbrebench.transfer.methods.ddsp.voices`): notes, and how loud each is
   over time, by the templates of the timbre that explains the content best.
2. *Embed* the style clip: 16 numbers, from its MFCCs.
3. *Play* each voice by the decoder (:mod:`timbrebench.transfer.methods.ddsp.decoder`) and the synthesiser
   (:mod:`timbrebench.transfer.methods.ddsp.ddsp_synthesis`).

As published: 16 kHz; MFCCs with 30 coefficients, a recurrent encoder of 16 numbers, perceptrons for pitch,
loudness and timbre, a recurrent decoder; 60 harmonics and 65 bands of noise by the scaled sigmoid; harmonics
above half the rate are left out; the multi-scale spectral loss with its six windows, both terms of weight 1;
Adam, gradients cut at a norm of 3. These settings were checked against the authors' public code and
configurations, not against the text.

Not as published, and why:

- *Voices.* The published system is monophonic, with the fundamental of a tracker and the loudness of the
  recording; most contents here are not. Each note is a voice with a share of the loudness, and all are played
  by one decoder. To refuse polyphony would leave nearly no content of the default suite.
- *Fundamental.* That of the note in equal temperament at A 440 Hz, for as long as the note lasts: vibrato,
  bends and other tunings of the content are lost. A tracker has no fundamental to offer where several notes
  sound.
- *Timbre.* There, one network for each instrument, or an encoder of the very clip that is resynthesised,
  frame by frame. Here one network for all timbres: the style is another clip of the same timbre in training,
  and its embedding is the mean over the clip. So any clip is a style, and no decision between labels is
  needed.
- *Whether a note is held* is told to the decoder: the release of a note belongs to the instrument.
- *Loudness.* `loudness = "frames"` is as published: decays and swells of the content are kept. With "notes"
  the decoder has the loudness of each note's loudest frame, and brings the envelope itself. It is trained for
  both.
- *Noise.* The bands of all voices are added, and one noise is filtered by their sum.
- *Reverberation* is not learned: the renderings of a dataset have none, or that of their soundfont.
- *First values.* The sum of the amplitudes starts at the loudness, shares fall by 2 dB each: a start like an
  instrument, since steps are few.
- *Sizes.* Frames of 16 ms (published: 4), 64 channels (512), two layers (3), batches of 2 clips of the
  dataset (32 of 4 s), a learning rate from 3e-3 to a tenth of it (3e-4, slowly falling), 12 passes through at
  most 16 clips of each timbre (a million steps). ``preset = "published"`` has the published values, with 100
  harmonics as the authors' autoencoder, for a GPU; nobody has run it here.

What a step costs, with two clips of 5 s, on one core: 0.2 s, of which loss and its gradient take half,
decoder and encoder a third, and oscillators a twentieth. With a sine for each sample of each harmonic these
took 0.3 to 1.3 s of four clips (frames of 10 ms); since the rows of one pitch share their sines, they take
0.02 to 0.04 s. The default dataset has 384 clips to learn from: 12 passes take some 8 minutes of one core,
the analysis of the clips half a minute, and templates another one. An interrupted training goes on after its
last pass.

Measured on the 30 pairs of the default suite (style accuracy, note F1, log-spectral distance to the reference
in decibels), with the networks after 11 of the 12 passes; the curve is ``docs/ddsp-training.svg``:

============================ ===== ===== ====
method                       style notes dB
============================ ===== ===== ====
the content itself            0.00  0.87  9.7
ddsp, loudness of frames      0.13  0.77  8.5
ddsp, loudness of notes       0.13  0.75  8.7
templates                     0.93  0.86  5.7
reinstrument                  1.00  0.86  4.6
============================ ===== ===== ====

So minutes of training teach it to play notes, and hardly to play them like an instrument: the judge hears
most of its winds and organs as saxophone or trumpet and what is plucked as piano. The loss on pieces held out
falls from 10.8 after the first pass to 9.0, and is nearly flat at the end of the schedule. One cause is
known: the encoder normalises the coefficients of a frame together, of which the first is by far the largest.
With each normalised by itself the loss is 10.3 after the first pass; that has not been trained to its end. 5
s take 0.35 s of one core.

What limits it: notes that are not read are not played
(:func:`~timbrebench.transfer.methods.ddsp.voices.read_voices` has how many are), and a content without notes
is refused; a style without pitch gives some pitched sound.

References
----------
J. Engel, L. Hantrakul, C. Gu and A. Roberts, "DDSP: Differentiable digital signal processing", ICLR 2020,
arXiv:2001.04643; code and configurations at https://github.com/magenta/ddsp.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from timbrebench.audio.clips import Samples, fit_length
from timbrebench.audio.spectra import magnitude
from timbrebench.core.errors import JudgeError, MethodError
from timbrebench.core.files import fingerprint
from timbrebench.core.tables import SIX_DIGITS, write_csv
from timbrebench.datasets.dataset import Dataset
from timbrebench.transfer.algorithms.note_templates import NoteTemplates, divergences
from timbrebench.transfer.algorithms.template_learning import clips_by_timbre, learn, learning_key, spread
from timbrebench.transfer.bases.conversion_method import FrameMethod, FrameParameters
from timbrebench.transfer.contract import Learned
from timbrebench.transfer.methods.ddsp.ddsp_configuration import DdspTraining
from timbrebench.transfer.methods.ddsp.trained_ddsp import TrainedDdsp
from timbrebench.transfer.methods.ddsp.voice_playing import Loudness
from timbrebench.transfer.methods.ddsp.voices import Grid, pitch_levels, read_voices

#: Files in the folder of what was learned: templates and the training curve.
TEMPLATES, CURVE = "ddsp_templates.npz", "ddsp_curve.csv"

#: Updates of templates and activations when templates are learned.
_LEARNING_ITERATIONS = 10

#: Share of the content's magnitudes that the best templates may leave unexplained.
MAX_UNEXPLAINED = 0.5

#: The authors' settings where the defaults are reduced.
PUBLISHED_HOP = 64
PUBLISHED_TRAINING: Mapping[str, Any] = {
    "channels": 512,
    "layers": 3,
    "harmonics": 100,
    "batch_size": 32,
    "learning_rate": 3e-4,
    "max_epochs": 2000,
    "patience": 2000,
    "accelerator": "auto",
}


class DdspParameters(FrameParameters):
    """Settings of :class:`Ddsp`.

    Attributes
    ----------
    preset : {"reduced", "published"}
        "published" has frames of 4 ms and the authors' network, for a GPU; settings given beside it win.
    sample_rate, hop_length : int
        Rate in hertz, as published; samples in a frame: 256, which are 16 ms, or 64 with the preset
        "published".
    loudness : {"frames", "notes"}
        "frames", as published: the style plays the content's loudness frame by frame. "notes": each note has
        the loudness of its loudest frame, and the network decides how it swells and decays. Both are trained
        at once.
    clips_per_timbre : int
        Maximum clips to learn from for each timbre, spread evenly over those available.
    training : DdspTraining
        How the networks are trained.
    """

    preset: Literal["reduced", "published"] = "reduced"
    sample_rate: int = Field(default=16_000, ge=4_000, le=384_000)
    hop_length: int = Field(default=256, ge=16, le=1 << 12)
    loudness: Loudness = "frames"
    clips_per_timbre: int = Field(default=16, gt=0, le=10_000)
    training: DdspTraining = DdspTraining()

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        settings = dict(given)
        if settings.get("preset") == "published":
            settings.setdefault("hop_length", PUBLISHED_HOP)
            training = settings.get("training", {})
            if isinstance(training, Mapping):
                settings["training"] = {**PUBLISHED_TRAINING, **training}
        return settings


@dataclass(frozen=True)
class _Prepared:
    """What `prepare` has learned or loaded."""

    templates: NoteTemplates
    trained: TrainedDdsp


class Ddsp(FrameMethod):
    """Oscillators and noise, controlled by a network; see the module."""

    name = "ddsp"
    version = 1
    summary = (
        "plays the content's notes by harmonic oscillators and filtered noise that a trained network controls"
    )
    source = "after J. Engel, L. Hantrakul, C. Gu and A. Roberts, DDSP, ICLR 2020, arXiv:2001.04643"
    keeps_level = True
    Parameters = DdspParameters
    parameters: DdspParameters

    def __init__(self, /, **parameters: object) -> None:
        super().__init__(**parameters)
        self._prepared: _Prepared | None = None

    def prepare(self, dataset: Dataset, workdir: Path) -> None:
        """Learn note templates and train the networks, or load what was learned from the same clips before.

        Templates are kept in `workdir` as they come, and the networks after each epoch: an interrupted call
        goes on there. A file that is damaged, or was learned from other clips, is made again. The training
        curve is written beside them (:data:`CURVE`). Raises :class:`DatasetError` if the dataset holds too
        few notes, :class:`CorpusError` if the notes of a piece are missing, :class:`JudgeError` if there are
        too few pieces or the training diverges, and :class:`StorageError` if something cannot be written.
        """
        workdir.mkdir(parents=True, exist_ok=True)
        settings = self.parameters
        timbres = clips_by_timbre(dataset).values()
        chosen = [clip.clip_id for clips in timbres for clip in spread(clips, settings.clips_per_timbre)]
        dataset = dataset.select(clip_id=chosen)
        templates = self._templates(dataset, workdir)
        clips = sorted(dataset.manifest.sha256)
        key = fingerprint([self.version, settings.model_dump(mode="json", exclude={"loudness"}), clips])
        path = workdir / f"ddsp-{key[:16]}.pt"
        try:
            trained = TrainedDdsp.load(path)
        except JudgeError:
            trained, curve = self._train(dataset, templates, path.with_suffix(""))
            write_csv(workdir / CURVE, curve, SIX_DIGITS)
            trained.save(path)
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        self._prepared = _Prepared(templates, trained)

    def learned(self) -> Learned:
        """Return the weights of the networks and the clips that they learned from."""
        if self._prepared is None:
            return Learned()
        trained = self._prepared.trained
        return Learned(frozenset({trained.weights_sha256}), trained.training_clips)

    def convert(self, content: Samples, style: Samples, *, sample_rate: int, seed: int) -> Samples:
        """Read the voices of the content, and play them in the style."""
        learned, grid = self.prepared(self._prepared), self._grid
        analysis = grid.analysis
        spectrogram = magnitude(content, analysis.n_fft, analysis.hop_length)
        templates = learned.templates
        unexplained = divergences(spectrogram, templates)
        timbre = int(np.argmin(unexplained))
        levels = pitch_levels(content, templates.spectra[timbre], grid)
        voices = read_voices(levels, templates.pitches, grid)
        if not voices or unexplained[timbre] > MAX_UNEXPLAINED:
            raise MethodError(
                "no notes could be read in the content: ddsp plays notes, so choose a content with pitch, "
                "such as a melody or chords, and not drums or noise"
            )
        played = learned.trained.play(
            voices,
            style,
            loudness=self.parameters.loudness,
            grid=grid,
            frames=grid.cover(content),
            rng=np.random.default_rng(seed),
        )
        return fit_length(played, len(content))

    def _templates(self, dataset: Dataset, workdir: Path) -> NoteTemplates:
        settings = self.parameters
        key = learning_key(dataset, self.version, settings, {"preset", "loudness", "training"})
        templates = NoteTemplates.load(workdir / TEMPLATES, key)
        if templates is None:
            unfinished = workdir / f"learning-{key[:16]}"
            templates = learn(
                dataset,
                self._grid.analysis,
                iterations=_LEARNING_ITERATIONS,
                clips_per_timbre=settings.clips_per_timbre,
                folder=unfinished,
            )
            templates.save(workdir / TEMPLATES, key)
            shutil.rmtree(unfinished, ignore_errors=True)
        return templates

    def _train(
        self, dataset: Dataset, templates: NoteTemplates, folder: Path
    ) -> tuple[TrainedDdsp, pd.DataFrame]:
        from timbrebench.transfer.methods.ddsp.ddsp_training import (  # noqa: PLC0415 - Lightning takes seconds to import
            gather,
            train_ddsp,
        )

        training = self.parameters.training
        played = gather(dataset, templates, self._grid, training.seed)
        network, fit = train_ddsp(played, training, self._grid, folder=folder)
        return TrainedDdsp(network, frozenset(dataset.manifest.sha256)), fit.curve

    @property
    def _grid(self) -> Grid:
        return Grid(self.parameters.sample_rate, self.parameters.hop_length)
