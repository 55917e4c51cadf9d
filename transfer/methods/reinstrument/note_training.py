"""Train the network that translates the notes of one instrument to those of another.

An example is a piece that two timbres play, and another piece that the second of them plays: content, target
and style. What the network reads are activations of note templates; now and then those of another timbre than
the one that plays, since an unseen timbre has no templates. Its targets come
from the notes, which are known: the stage that each is in, and, for the loudness, the activations that
explain the target best while no other templates may be active.

Pieces are few and timbres are many. So often two clips of one timbre sound together, one of them moved by a
few semitones: activations of a sum are nearly the sum of activations, and one pitch's template is as good as
another's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as Examples

from timbrebench.classifier.lightning import Fit, FittedModule, fit
from timbrebench.core.errors import DatasetError
from timbrebench.transfer.methods.reinstrument.annotated_clips import SOFTEST, AnnotatedClips
from timbrebench.transfer.methods.reinstrument.note_configuration import NoteTraining
from timbrebench.transfer.methods.reinstrument.note_network import ActivationNetwork

Value = TypeVar("Value", bound=np.generic)

#: How much the error of the loudness counts, in nepers, beside the cross-entropy of the stages.
_LOUDNESS_WEIGHT = 0.3


@dataclass(frozen=True)
class _Part:
    """One clip's share of an example."""

    read: NDArray[np.float32]
    stages: NDArray[np.uint8]
    targets: NDArray[np.float32]


class TranslationExamples(Examples[dict[str, Tensor]]):
    """Examples drawn from clips: the same number, the same example.

    Parameters
    ----------
    clips : AnnotatedClips
        What is drawn from.
    configuration : NoteTraining
        How.
    seed : int
        Seed of all examples.
    """

    def __init__(self, clips: AnnotatedClips, configuration: NoteTraining, seed: int) -> None:
        self._clips, self._settings, self._seed = clips, configuration, seed
        self._by_timbre = {
            int(timbre): np.flatnonzero(clips.timbres == timbre) for timbre in np.unique(clips.timbres)
        }
        self._numbers = {
            (int(timbre), int(place)): number
            for number, (timbre, place) in enumerate(zip(clips.timbres, clips.places, strict=True))
        }
        if len(self._by_timbre) < 2 or len(np.unique(clips.places)) < 2:
            raise DatasetError(
                f"the clips to learn from are {len(np.unique(clips.places))} windows of pieces, played by "
                f"{len(self._by_timbre)} timbres: two at least of each are needed"
            )

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Return content, style (stages, pitches, frames), stages and loudness (pitches, frames)."""
        settings, generator = self._settings, np.random.default_rng([self._seed, number])
        while True:
            content, style, target = self._draw(generator)
            if target is not None:
                break
        misread = bool(generator.random() < settings.misread)
        part = self._part(content, target, generator, misread=misread)
        if generator.random() < settings.blended:
            part = self._blend(part, content, style, target, generator, misread=misread)
        activations = self._clips.misread if generator.random() < 0.6 * settings.misread else self._clips.read
        style_read = _window(activations[style], settings.frames, generator)
        return {
            "content": torch.from_numpy(_level(part.read)),
            "style": torch.from_numpy(style_read.astype(np.float32)),
            "stages": torch.from_numpy(part.stages.astype(np.int64)),
            "loudness": torch.from_numpy(_level(part.targets)),
        }

    def _draw(self, generator: np.random.Generator) -> tuple[int, int, int | None]:
        """Draw two timbres, a content of one and a style of the other; return the target's number, too."""
        first, second = (int(timbre) for timbre in generator.choice(list(self._by_timbre), size=2))
        content, style = (int(generator.choice(self._by_timbre[timbre])) for timbre in (first, second))
        places = self._clips.places
        target = self._numbers.get((second, int(places[content])))
        return content, style, target if places[content] != places[style] else None

    def _part(self, content: int, target: int, generator: np.random.Generator, *, misread: bool) -> _Part:
        clips, frames = self._clips, self._settings.frames
        read = (clips.misread if misread else clips.read)[content]
        start = _start(read.shape[2], frames, generator)
        places = slice(start, start + frames)
        return _Part(
            _fill(read[:, :, places].astype(np.float32), frames),
            _fill(clips.stages[target][:, places], frames),
            _fill(clips.targets[target][:, places].astype(np.float32), frames),
        )

    def _blend(
        self,
        part: _Part,
        content: int,
        style: int,
        target: int,
        generator: np.random.Generator,
        *,
        misread: bool,
    ) -> _Part:
        """Let another piece of the content's timbre sound with it, moved by up to a fifth."""
        timbres, places = self._clips.timbres, self._clips.places
        other = int(generator.choice(self._by_timbre[int(timbres[content])]))
        other_target = self._numbers.get((int(timbres[target]), int(places[other])))
        semitones, gain = int(generator.integers(-7, 8)), np.float32(np.exp(generator.uniform(-0.7, 0.4)))
        if other_target is None or places[other] in {places[content], places[style]}:
            return part
        second = self._part(other, other_target, generator, misread=misread)
        stages = _transpose(second.stages, semitones)
        # Of two notes of one pitch, the one that began later is in the earlier stage.
        both = np.where(
            (part.stages == 0) | (stages == 0), part.stages + stages, np.minimum(part.stages, stages)
        )
        return _Part(
            part.read + gain * _transpose(second.read, semitones),
            both,
            part.targets + gain * _transpose(second.targets, semitones),
        )


def _start(length: int, frames: int, generator: np.random.Generator) -> int:
    return int(generator.integers(0, max(length - frames, 0) + 1))


def _window(values: NDArray[np.float16], frames: int, generator: np.random.Generator) -> NDArray[np.float16]:
    start = _start(values.shape[2], frames, generator)
    return _fill(values[:, :, start : start + frames], frames)


def _fill(values: NDArray[Value], frames: int) -> NDArray[Value]:
    """Add silence behind a clip that is shorter than an example."""
    missing = frames - values.shape[-1]
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)]) if missing > 0 else values


def _transpose(values: NDArray[Value], semitones: int) -> NDArray[Value]:
    moved = np.roll(values, semitones, axis=-2)
    if semitones > 0:
        moved[..., :semitones, :] = 0
    elif semitones < 0:
        moved[..., semitones:, :] = 0
    return moved


def _level(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale as :func:`~timbrebench.transfer.methods.reinstrument.note_network.normalise` does."""
    total = values.sum(axis=0) if values.ndim == 3 else values
    return values / np.float32(max(np.quantile(total.max(axis=0), 0.9), SOFTEST))


class _FreshSampler(Sampler[int]):
    """Numbers that no epoch before has had."""

    def __init__(self, examples: int) -> None:
        self._examples, self._epoch = examples, 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return self._examples

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._epoch * self._examples, (self._epoch + 1) * self._examples))


class _NoteModule(FittedModule):
    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        loss = translation_loss(self.network(batch["content"], batch["style"]), batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch["content"]))
        return loss

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        loss = translation_loss(self.averaged(batch["content"], batch["style"]), batch)
        self.log("validation_loss", loss, batch_size=len(batch["content"]))


def translation_loss(answer: tuple[Tensor, Tensor, Tensor], batch: dict[str, Tensor]) -> Tensor:
    """Return the cross-entropy of the stages, and the absolute error of the loudness where a note sounds.

    `answer` is what :meth:`~timbrebench.transfer.methods.reinstrument.note_network.ActivationNetwork.forward`
    returns; ``stages`` and ``loudness`` of the batch have the shape (batch, pitches, frames).
    """
    logits, log_loudness, pitches = answer
    places = pitches[:, :, None].expand(-1, -1, logits.shape[3])
    stages, loudness = batch["stages"].gather(1, places), batch["loudness"].gather(1, places)
    sounding = (stages > 0) & (loudness > SOFTEST)
    error = (log_loudness - loudness.clamp(min=SOFTEST).log()).abs() * sounding
    of_stages = cross_entropy(logits.transpose(1, 2), stages)
    return of_stages + _LOUDNESS_WEIGHT * error.sum() / sounding.sum().clamp(min=1)


def train_note_network(
    train: AnnotatedClips,
    validation: AnnotatedClips,
    configuration: NoteTraining,
    *,
    folder: Path | None = None,
) -> tuple[ActivationNetwork, Fit]:
    """Train the network; keep the weights of the epoch that did best on other pieces.

    `folder` gets checkpoints that an interrupted training goes on from. Raises :class:`DatasetError` if there
    are fewer than two timbres or two windows of pieces, and :class:`JudgeError` if training diverges.
    """
    torch.manual_seed(configuration.seed)
    network = ActivationNetwork(configuration.channels)
    size, steps = configuration.batch_size, -(-configuration.examples // configuration.batch_size)
    examples = TranslationExamples(train, configuration, configuration.seed)
    others = TranslationExamples(validation, configuration, configuration.seed + 1)
    checked = [others[number] for number in range(max(size, configuration.examples // 10))]
    fitted = fit(
        _NoteModule(network, configuration, steps),
        DataLoader(examples, size, sampler=_FreshSampler(configuration.examples)),
        DataLoader(checked, size),  # type: ignore[arg-type] # a list is a data set, too
        configuration,
        description="training the note network",
        folder=folder,
    )
    return network, fitted
