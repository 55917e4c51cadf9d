"""Notes read from the content, and played by what is known of the style's instrument.

The exchange of note templates (:mod:`timbrebench.transfer.methods.templates`) keeps the notes, and fails
where a sound that decays should become one that is held, or the other way round: its activations are the
content's. Here a network stands between reading and playing:

1. *Recognise* what plays the style among the timbres that `prepare` has learned
   (:mod:`timbrebench.transfer.methods.reinstrument.recogniser`), and which of them explains the content best.
2. *Read* the notes of both: activations of an attack and a rest for each pitch.
3. *Translate*: a convolutional network (:mod:`timbrebench.transfer.methods.reinstrument.note_network`) turns
   the activations of the content into those that the style's instrument would have, stage by stage of each
   note's life. What kind of instrument that is it infers from the style's activations.
4. *Play* with the templates of the style's timbre, six for each pitch. A style that none of the timbres
   explains gets templates of its own, fitted to the clip
   (:mod:`timbrebench.transfer.methods.reinstrument.note_adaptation`).

`prepare` learns templates and recogniser from the clips it is given, in a minute or two. The network comes
with the package (:mod:`timbrebench.transfer.methods.reinstrument.packaged_notes`); its input is no spectrum,
and it was trained without relatives of FluidR3. It can also be learned from the clips given. Nothing is drawn
at transfer.

What was tried, on 30 pairs of pieces that no part of it has learned from (FluidR3, 5 s; style accuracy, note
F1 over that of the reference, their harmonic mean, and the log-spectral distance to the reference):

=================================================================== ===== ===== ===== ======
route                                                               style notes mean  dB
=================================================================== ===== ===== ===== ======
*FluidR3 among what was learned*
templates exchanged, activations kept (other pieces)                0.93  0.95  0.94  5.8
notes translated by the network, six stages played                  1.00  1.00  1.00  4.7
the same, templates fitted to the style                             0.97  0.99  0.98  5.4
*FluidR3 not among it*
templates exchanged, activations kept (other pieces)                0.43  0.91  0.59  8.7
the same, timbres recognised with a network's help (other pieces)   0.57  0.83  0.67  8.8
notes translated, six stages played                                 0.83  0.80  0.82  7.4
the same, templates fitted to the style                             0.90  0.79  0.84  7.1
*neither FluidR3 nor the style's label among it*
notes translated, a smooth filter to the style's spectrum           0.27  0.85  0.41  8.0
the same, templates fitted to the style, prior of 5 frames          0.53  0.86  0.66  7.6
the same, prior of half a frame                                     0.70  0.86  0.77  7.3
=================================================================== ===== ===== ===== ======

So templates are fitted where no timbre explains the style, and left alone where one does. A network that is
trained on the distance between spectra, through the templates, instead of on the stages of notes, stayed at
6.5 dB on what it learned from, and drifted. Reading the content with templates filtered or fitted to it
changed little (note F1 0.69 to 0.70); reading it with those that explain it best, rather than with those of
the label that a network names, brought 0.70 to 0.72.

Styles of other instruments still, General MIDI programs of FluidR3 outside the six, are what it does worst.
Judged by a judge of families that knows them, on pairs whose content one of the six plays, for 13 programs
drawn by seed (39 pairs), 25 others (validation pieces, by which the routes were chosen) and another 55 (a
pair each); style accuracy, and for the 55 the log-spectral distance of magnitudes before inversion:

=================================================================== ===== ===== ===== =====
start of the templates that are fitted to the style                  13    25    55   dB
=================================================================== ===== ===== ===== =====
the known timbre that explains the style best, as it is done         0.62  0.32  0.38  10.1
the same, notes get the mean spectrum of those around them           0.54  0.32  0.40   9.3
a mixture of all 24 known timbres, so pooled                         0.54  0.44
a mixture of 198 timbres of single notes, so pooled                  0.59  0.64  0.47   9.0
=================================================================== ===== ===== ===== =====

All but the first have a prior of a fifth of a frame, and read the style again with the mixture, if any. The
last is a dictionary of 99 programs of TimGM6mb and Sonivox, without the style's and the 13 programs; the
shares of the mixture are those that come nearest to the style when its notes, as the network reads them, are
played. No single timbre of it will do: with notes free, the purest tone explains every clip best; with notes
as they were read, the best timbre is one of the style's family for one style in six. With the label of the
style left out of the six (30 pairs, their own judge) the four rows have 0.67, 0.77, 0.83 and 0.90; with
FluidR3 left out, the first three 0.73, 0.80 and 0.73. Templates of the very program, of single notes of
FluidR3, come to 6.5 dB on nine pairs where the first row comes to 10.9; fitting them to the clip makes that
7.7 dB. Notes are preserved as well as in the references, so the headlines of the first row are 0.76 (13
programs) and 0.55 (55), and of the last 0.74 and 0.64: which programs are drawn matters more than the route.
The dictionary is not in the package.

What limits it: two notes of one pitch cannot sound together; 28 pitches at most do; what is not made of notes
is lost.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import Field

from timbrebench.audio.inversion import Inversion
from timbrebench.audio.spectra import Spectrogram
from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.classifier.style.style_judge import Judge
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import fingerprint
from timbrebench.core.progress import Tracker
from timbrebench.datasets.dataset import Dataset, source_pieces
from timbrebench.transfer.algorithms.network_training import train_network
from timbrebench.transfer.algorithms.nmf import activate
from timbrebench.transfer.algorithms.note_templates import (
    Analysis,
    NoteTemplates,
    divergences,
)
from timbrebench.transfer.algorithms.template_learning import learning_key
from timbrebench.transfer.bases.spectrogram_method import (
    AnalysedClip,
    MagnitudeMethod,
    SpectrogramParameters,
    match_energy,
)
from timbrebench.transfer.contract import ComesPrepared, Learned
from timbrebench.transfer.methods.reinstrument.annotated_clips import ITERATIONS
from timbrebench.transfer.methods.reinstrument.note_adaptation import KNOWN_SHARE, fit_templates
from timbrebench.transfer.methods.reinstrument.note_configuration import NoteTraining
from timbrebench.transfer.methods.reinstrument.note_network import PLAYED
from timbrebench.transfer.methods.reinstrument.packaged_spectra import (
    packaged_recogniser,
    packaged_spectra,
    recogniser_soundfonts,
    require_defaults,
)
from timbrebench.transfer.methods.reinstrument.recogniser import RecogniserTraining, recognise
from timbrebench.transfer.methods.reinstrument.trained_notes import (
    PACKAGED_PROGRAMS,
    PACKAGED_SOUNDFONTS,
    TrainedNotes,
    learn_templates,
    packaged_notes,
    train_notes,
)

#: Files in the folder of what was learned.
READING, PLAYING, NOTES = "reading.npz", "playing.npz", "notes.pt"


class ReinstrumentParameters(SpectrogramParameters):
    """Settings of :class:`Reinstrument`.

    Attributes
    ----------
    learning_iterations : int
        Updates of templates and activations when templates are learned.
    clips_per_timbre : int
        Maximum clips that templates are learned from for each timbre.
    recogniser : RecogniserTraining
        How the network that names labels is trained.
    notes : NoteTraining or None
        How the note network is trained on the clips that `prepare` is given; None, the default, for the one
        that comes with the package.
    """

    inversion: Inversion = Inversion(iterations=60)
    learning_iterations: int = Field(default=10, gt=0, le=1_000_000)
    clips_per_timbre: int = Field(default=64, gt=0, le=10_000)
    recogniser: RecogniserTraining = RecogniserTraining()
    notes: NoteTraining | None = None


@dataclass(frozen=True)
class _Prepared:
    """What `prepare` has learned or loaded."""

    reading: NoteTemplates
    playing: NoteTemplates
    recogniser: Judge
    notes: TrainedNotes
    packaged: Learned  # what the package's templates and recogniser have learned from


class Reinstrument(MagnitudeMethod, ComesPrepared):
    """Reads notes and plays them; see the module."""

    name = "reinstrument"
    version = 1
    summary = "reads the content's notes and plays them as the style's instrument would"
    source = "this benchmark"
    Parameters = ReinstrumentParameters
    parameters: ReinstrumentParameters

    def __init__(self, /, **parameters: object) -> None:
        super().__init__(**parameters)
        self._prepared: _Prepared | None = None

    def prepare(self, dataset: Dataset, workdir: Path) -> None:
        """Learn templates and recogniser, or load what was learned from the same clips before.

        Clips have known notes and two labels or more, each in two pieces or more. What is learned is kept in
        `workdir` as it comes, so that an interrupted call goes on there; a file that is damaged, or was
        learned from other clips, is made again. Raises :class:`DatasetError` if the dataset holds no note, or
        too little to train the note network on, if that is asked for; :class:`JudgeError` if there are too
        few labels or pieces for the recogniser, or a training diverges; and :class:`StorageError` if
        something cannot be written.
        """
        settings = self.parameters
        workdir.mkdir(parents=True, exist_ok=True)
        reading, playing = self._templates(dataset, workdir)
        recogniser = train_network(
            dataset,
            JudgeConfiguration(seed=settings.recogniser.seed, max_epochs=settings.recogniser.max_epochs),
            workdir,
            "recogniser",
        )
        notes = packaged_notes()
        if settings.notes is not None:
            notes = self._train_notes(dataset, (reading, playing), settings.notes, workdir)
        self._prepared = _Prepared(reading, playing, recogniser, notes, Learned())

    def load_packaged(self) -> str:
        """Take the note spectra that come with the package; see :meth:`ComesPrepared.load_packaged`."""
        decisive = ("learning_iterations", "clips_per_timbre", "recogniser", "notes")
        require_defaults(self.name, self.parameters, decisive)
        spectra = packaged_spectra()
        learned = spectra.learned()
        learned = replace(learned, soundfonts=learned.soundfonts | recogniser_soundfonts())
        self._prepared = _Prepared(
            spectra.reading, spectra.playing, packaged_recogniser(), packaged_notes(), learned
        )
        return spectra.describe()

    def learned(self) -> Learned:
        """Return the weights of recogniser and note network, and what they learned from.

        So do templates that come with the package.
        """
        if self._prepared is None:
            return Learned()
        networks = (self._prepared.recogniser, self._prepared.notes)
        packaged, has_own_notes = self._prepared.packaged, self.parameters.notes is not None
        return Learned(
            frozenset(network.weights_sha256 for network in networks),
            packaged.clips.union(*(network.training_clips for network in networks)),
            packaged.soundfonts | (frozenset() if has_own_notes else PACKAGED_SOUNDFONTS),
            packaged.programs | (frozenset() if has_own_notes else PACKAGED_PROGRAMS),
        )

    def make(self, content: AnalysedClip, style: AnalysedClip, rng: np.random.Generator) -> Spectrogram:
        """Return the magnitudes of the content's notes, played by the style's timbre; nothing is drawn."""
        learned = self.prepared(self._prepared)
        with Tracker(self.name, 4, "steps") as tracker:
            source = int(np.argmin(divergences(content.magnitude, learned.reading)))
            target, unexplained = recognise(
                style, self.parameters.sample_rate, learned.reading, learned.recogniser
            )
            tracker.advance()
            notes, style_notes = (
                activate(clip.magnitude, learned.reading.of(timbre), ITERATIONS)
                for clip, timbre in ((content, source), (style, target))
            )
            tracker.advance()
            played = learned.notes.play(notes, style_notes)
            tracker.advance()
            spectra = learned.playing.of(target)
            if unexplained > KNOWN_SHARE:
                style_played = learned.notes.play(style_notes, style_notes)
                shape = len(PLAYED), len(learned.playing.pitches), self.parameters.sample_rate
                spectra = fit_templates(style.magnitude, spectra, style_played, shape)
            made: Spectrogram = np.asarray(spectra @ played, dtype=np.float32)
            tracker.advance()
        return match_energy(made, content.magnitude)

    def _templates(self, dataset: Dataset, workdir: Path) -> tuple[NoteTemplates, NoteTemplates]:
        settings = self.parameters
        key = learning_key(dataset, self.version, settings, {"inversion", "recogniser", "notes"})
        reading, playing = (NoteTemplates.load(workdir / name, key) for name in (READING, PLAYING))
        if reading is None or playing is None:
            unfinished = workdir / f"learning-{key[:16]}"
            reading, playing = learn_templates(
                dataset,
                self._analysis,
                iterations=settings.learning_iterations,
                clips_per_timbre=settings.clips_per_timbre,
                folder=unfinished,
            )
            reading.save(workdir / READING, key)
            playing.save(workdir / PLAYING, key)
            shutil.rmtree(unfinished, ignore_errors=True)
        return reading, playing

    def _train_notes(
        self,
        dataset: Dataset,
        templates: tuple[NoteTemplates, NoteTemplates],
        training: NoteTraining,
        workdir: Path,
    ) -> TrainedNotes:
        """Train the note network on four pieces in five or, of few pieces, on fewer; or load it."""
        clips = sorted(dataset.manifest.sha256)
        key = fingerprint(
            [self.version, self.parameters.model_dump(mode="json", exclude={"inversion"}), clips]
        )
        path = workdir / f"{key[:16]}-{NOTES}"
        try:
            return TrainedNotes.load(path)
        except JudgeError:
            sources = source_pieces(dataset.manifest)  # copies of a piece stay on one side
            pieces = sorted(sources.unique())
            # Two pieces at least, if there are four.
            held_out = sources.isin(pieces[:: min(5, max(2, len(pieces) // 2))])
            notes, _ = train_notes(
                replace(dataset, manifest=dataset.manifest[~held_out]),
                replace(dataset, manifest=dataset.manifest[held_out]),
                self._analysis,
                training,
                templates=templates,
                folder=workdir / f"training-{key[:16]}",
            )
            notes.save(path)
            return notes

    @property
    def _analysis(self) -> Analysis:
        settings = self.parameters
        return Analysis(settings.sample_rate, settings.n_fft, settings.hop_length)
