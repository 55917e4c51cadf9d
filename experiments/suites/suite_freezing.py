"""Make suites by their recipes: the clips that datasets do not give, and how clips are paired."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from timbrebench.audio.clips import write_audio
from timbrebench.audio.loudness import scale_to_rms
from timbrebench.core.errors import DatasetError
from timbrebench.core.files import file_sha256
from timbrebench.core.workers.executors import Executor
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.piece_planning import PlannedPiece
from timbrebench.datasets.rendering.rendered_dataset import build_pieces, find_pieces
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont
from timbrebench.experiments.suites.frozen_suite import FrozenSuite, freeze
from timbrebench.experiments.suites.melodies import star_spangled_banner
from timbrebench.experiments.suites.recipes import MelodyRecipe, Recipe, RenderedRecipe, TextureRecipe
from timbrebench.experiments.suites.suite import OpenedSuite, Pair, SuiteConfiguration, make_suite

#: Label of contents that are noise, and root mean square that datasets scale their clips to.
_NOISE, _LEVEL = "noise", 0.1


class SuiteClips(BaseModel):
    """What a suite's own dataset is made of.

    Attributes
    ----------
    suite : str
        Name and version.
    fingerprint : str
        Of the frozen suite; empty while it is being frozen.
    recipe : Recipe
        How it is made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    fingerprint: str
    recipe: Recipe


def one_soundfont(made: RenderedRecipe) -> DatasetConfiguration:
    """Return the configuration of a suite's own clips: its soundfont alone, and first programs."""
    return made.dataset.model_copy(update={"soundfonts": (made.draw.soundfont,), "renderings": 1})


def melody_configuration(made: MelodyRecipe) -> DatasetConfiguration:
    """Return the configuration of a melody's clips."""
    labels = tuple(dict.fromkeys(label for direction in made.directions for label in direction))
    return DatasetConfiguration(
        instruments=labels,
        soundfonts=(made.soundfont,),
        renderings=1,
        sample_rate=made.sample_rate,
        clip_duration_s=made.clip_duration_s,
    )


def _melody_name(made: MelodyRecipe, transposition: int) -> str:
    return f"{made.melody}.{transposition:+d}"


def melody_pieces(made: MelodyRecipe) -> list[PlannedPiece]:
    """Return the melody in every key, the home key of the style among them."""
    keys = sorted({0, *made.transpositions})
    return [
        PlannedPiece(_melody_name(made, key), "traditional", "test", star_spangled_banner(key), (0.0,))
        for key in keys
    ]


def texture_configuration(made: TextureRecipe) -> DatasetConfiguration:
    """Return the configuration of the styles' clips."""
    update = {"soundfonts": (made.soundfont,), "renderings": 1, "clip_duration_s": made.clip_duration_s}
    return made.dataset.model_copy(update=update)


def write_noise(made: TextureRecipe, pieces: Sequence[str], root: Path) -> list[dict[str, Any]]:
    """Write the noise that goes with each piece.

    Parameters
    ----------
    made : TextureRecipe
        How.
    pieces : sequence of str
        Names of the styles' pieces.
    root : pathlib.Path
        A dataset's folder.

    Returns
    -------
    list of dict
        Rows of the manifest. A piece has the same samples on every machine and among any others, as numpy's
        draws are.
    """
    rate = made.dataset.sample_rate
    rows = []
    for piece in pieces:
        # Drawn by the piece's name, so that it does not matter in which order pieces are planned.
        generator = np.random.default_rng([made.seed, zlib.crc32(piece.encode())])
        samples = generator.standard_normal(round(made.clip_duration_s * rate)).astype(np.float32)
        samples = np.clip(scale_to_rms(samples, _LEVEL), -1, 1)
        name = f"{_NOISE}-{piece}"
        path = Path("audio") / _NOISE / f"{piece}.flac"
        write_audio(root / path, samples, rate)
        rows.append(
            {
                "clip_id": f"{name}--{_NOISE}",
                "path": path.as_posix(),
                "label": _NOISE,
                "piece": name,
                "instrument": _NOISE,
                "program": -1,
                "soundfont": made.soundfont,
                "start_s": 0.0,
                "duration_s": made.clip_duration_s,
                "sample_rate": rate,
                "split": "test",
                "sha256": file_sha256(root / path),
                "composer": "none",
                "soundfont_family": find_soundfont(made.soundfont).family,
                "source_piece": name,
                "spectrograms": [],
            }
        )
    return rows


def freeze_recipe(
    recipe: Recipe, folder: Path, executor: Executor, *, learned: Collection[str]
) -> FrozenSuite:
    """Make a suite and freeze it.

    Parameters
    ----------
    recipe : Recipe
        How, for a suite whose clips can be rendered.
    folder : pathlib.Path
        Gets the clips; what is there already is used.
    executor : Executor
        Where they are rendered.
    learned : collection of str
        Pieces that a judge has learned from.

    Returns
    -------
    FrozenSuite
        The same wherever the same corpus, soundfont and software are.

    Raises
    ------
    DatasetError
        If the recipe cannot be followed.
    """
    about = SuiteClips(suite=f"{recipe.name}-{recipe.version}", fingerprint="", recipe=recipe)
    made = recipe.made
    if isinstance(made, RenderedRecipe):
        pieces, pitch_range = find_pieces(made.dataset, executor)
        pieces = [piece for piece in pieces if piece.split == "test"]
        dataset = build_pieces(
            about, one_soundfont(made), pieces, folder, pitch_range=pitch_range, executor=executor
        )
        return freeze(make_suite(dataset, made.draw, learned=learned), recipe)
    if isinstance(made, MelodyRecipe):
        pieces = melody_pieces(made)
        pitches = [pitch for piece in pieces for pitch in piece.notes.pitch]
        pitch_range = (int(min(pitches)), int(max(pitches)))
        dataset = build_pieces(
            about, melody_configuration(made), pieces, folder, pitch_range=pitch_range, executor=executor
        )
        return freeze(_melody_suite(made, dataset), recipe)
    if isinstance(made, TextureRecipe):
        configuration = texture_configuration(made)
        pieces, pitch_range = find_pieces(
            made.dataset.model_copy(update={"clip_duration_s": made.clip_duration_s}), executor
        )
        chosen = [piece for piece in pieces if piece.split == "test" and piece.name not in learned]
        chosen = chosen[: made.pieces]
        dataset = build_pieces(
            about,
            configuration,
            chosen,
            folder,
            pitch_range=pitch_range,
            executor=executor,
            more=partial(write_noise, made, [piece.name for piece in chosen]),
        )
        return freeze(_texture_suite(made, dataset), recipe)
    raise DatasetError(f"{recipe.name}: its segments are drawn with `timbrebench suite freeze --tables`")


def _melody_suite(made: MelodyRecipe, dataset: Dataset) -> OpenedSuite:
    """Pair the melody in each key with the home key."""
    clips = {(clip.label, clip.piece): clip for clip in dataset.clips()}
    home = _melody_name(made, 0)
    pairs: list[Pair] = []
    for content_label, style_label in made.directions:
        for key in made.transpositions:
            name = _melody_name(made, key)
            content, style = clips[content_label, name], clips[style_label, home]
            pair_id = f"{len(pairs):03d}-{content_label}-{style_label}-{key:+d}"
            pairs.append(Pair(pair_id, content, style, clips[style_label, name], ""))
    configuration = SuiteConfiguration(soundfont=made.soundfont)
    return OpenedSuite(configuration, tuple(pairs), tuple(clips.values()), dataset=dataset)


def _texture_suite(made: TextureRecipe, dataset: Dataset) -> OpenedSuite:
    """Pair each style with the noise of its piece."""
    noise = {clip.piece: clip for clip in dataset.clips() if clip.label == _NOISE}
    styles = [clip for clip in dataset.clips() if clip.label != _NOISE]
    pairs = [
        Pair(f"{number:03d}-{clip.label}-{clip.piece}", noise[f"{_NOISE}-{clip.piece}"], clip, None, "")
        for number, clip in enumerate(sorted(styles, key=lambda clip: (clip.label, clip.piece)))
    ]
    configuration = SuiteConfiguration(soundfont=made.soundfont)
    return OpenedSuite(configuration, tuple(pairs), tuple(styles), dataset=dataset)
