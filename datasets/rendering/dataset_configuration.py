"""What a dataset is made of."""

from __future__ import annotations

import zlib
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from timbrebench.audio.encoding import MP3_RATES, AudioFormat
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.datasets.corpora.piece_selection import PieceSelection
from timbrebench.datasets.instruments import SIX_INSTRUMENTS, instrument_name, programs_of
from timbrebench.datasets.rendering.score_augmentation import NoteAugmentation
from timbrebench.datasets.rendering.soundfont_choice import (
    SoundfontChoice,
    SoundfontReference,
    own_soundfonts,
)
from timbrebench.datasets.stored_spectrograms import StoredSpectrograms

SPLITS = ("train", "judge", "validation", "test")

#: Fields that earlier versions did not have, with what they are without: left out where they hold that, so
#: that datasets keep the bytes, and suites and runs the fingerprints, from before.
_LATER = {"keep_drums": False, "track_format": None}


def _is_all(value: object) -> str:
    return "all" if isinstance(value, str) and not value.isdecimal() else "number"


#: A number of clips, or "all". Tagged, so that a wrong value is reported once.
ClipsPerPiece = Annotated[
    Annotated[int, Field(ge=1, le=10_000), Tag("number")] | Annotated[Literal["all"], Tag("all")],
    Discriminator(_is_all),
]


class Shares(FrozenModel):
    """Shares of the pieces that go into each split; together 1.

    A piece is in one split with all its clips, so that nothing learned in training is met again in a test.
    Which split that is follows from its name and the shares alone: what a judge has learned from in one
    dataset is not a test piece of another with the same shares.

    Attributes
    ----------
    train : float
        What methods may learn from.
    judge : float
        What judges learn from. No method does: a network inside a method that had learned from the same clips
        as the judge could please it without sounding right.
    validation : float
        What judges are chosen by.
    test : float
        What suites are made of, and judges are tested on.
    """

    train: float = Field(default=0.25, gt=0)
    judge: float = Field(default=0.4, gt=0)
    validation: float = Field(default=0.1, gt=0)
    test: float = Field(default=0.25, gt=0)

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        total = self.train + self.judge + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the splits add up to {total:g}, not 1")
        return self

    def split_of(self, piece: str) -> str:
        """Return the split that a piece of this name belongs to."""
        place = zlib.crc32(f"split of {piece}".encode()) / 2**32
        for name in reversed(SPLITS):
            place -= getattr(self, name)
            if place < 0:
                return name
        return SPLITS[0]


class DatasetConfiguration(FrozenModel):
    """A dataset of pieces rendered note for note on several instruments and soundfonts.

    Attributes
    ----------
    corpus : str
        Where the pieces come from: ``"music21"`` for the scores that music21 carries, ``"adl-piano-midi"``,
        or the path of a folder or an archive (.zip, .tar, .tar.gz) of MIDI files, whose folders stand for
        composers or genres.
    corpus_sha256 : str or None
        SHA-256 that the archive, or what the folder holds, has to have; None takes what is there. Datasets
        list it among their sources.
    selection : PieceSelection
        What pieces have to be like.
    pieces : int
        How many pieces, 4 to 250,000: the largest corpus, Lakh's, has 178,561.
    instruments : tuple of str
        Names or numbers of instruments, families or General MIDI programs, at least 2, as
        :func:`timbrebench.datasets.instruments.instrument_name` takes them. No program may belong to two.
    renderings : int
        How many times each piece is played by each instrument on each soundfont: once with the instrument's
        first program, and then with others drawn among its programs, as far as there are any that sound all
        pitches of the piece. The split "train" is played with the first only: methods learn what suites ask.
    soundfonts : tuple of str or PinnedSoundfont, or dict of these by instrument
        Names, paths, or a name with an address and a SHA-256. A list: each piece is rendered with each of
        them, on all instruments; with a folder of recorded notes, on those that it holds. A table,
        ``{ piano = "FluidR3_GM", guitar = "TimGM6mb" }``: each instrument is rendered with its own alone, and
        every instrument has to be in it. Then whatever tells the soundfonts apart tells the labels apart, and
        a judge that learns from such a dataset may have learned no more than that. What is not on this
        machine is downloaded where :mod:`timbrebench.datasets.soundfonts.soundfont_downloads` knows it.
    sample_rate : int
        Rate of the clips in hertz, 8,000 to 96,000. 22,050 is what the literature's methods work at.
        Renderings are made at 44,100 and resampled, so higher rates add no higher frequencies.
    channels : {1, 2}
        2 keeps the stereo image that soundfonts give an instrument. Methods and judges hear the mean of both
        channels all the same, which is what 1 stores.
    audio_format : {"flac", "wav", "ogg", "mp3"}
        Of the clips (:mod:`timbrebench.audio.encoding`). Ogg Vorbis and MP3 change the sound a little, and
        with it what references sound like.
    clip_duration_s : float
        Length of a clip in seconds.
    clips_per_piece : int or "all"
        Clips of each piece, one after the other, from a point that is drawn. Few clips of many pieces teach a
        judge more than the reverse: what it gets wrong are pieces unlike those that it knows. ``"all"`` cuts
        the whole piece up, from its start. Windows with fewer than four onsets are left out, and so is what
        remains at the end.
    track_format : "mp3" or None
        What the whole rendering, up to the end of its last clip, is encoded in and decoded from again before
        clips are cut out of it; None leaves it as it is. `audio_format` is what the clips are stored in.
    melody_only : bool
        Whether only the highest voice is played (:func:`timbrebench.datasets.rendering.melody.skyline`), for
        instruments that play one note at a time. It holds for all instruments alike, since a reference is the
        same notes played by another one.
    keep_drums : bool
        Whether the drum tracks of pieces (MIDI's channel 10) are played as well, by the soundfont's standard
        drum kit beside the instrument and as loud as the soundfont has them. Drums have no pitch to transfer,
        so they are left out by default. Kept, they are the same on all instruments; tempo and velocity of
        copies change them, transposition and folding do not. Files of notes then mark them by a column
        ``drum``; only pitched notes count for polyphony, lengths, clips and for all that compares notes.
        Metrics that listen for onsets hear the strokes and take them for wrong ones, in references as well.
    augmentation : NoteAugmentation or None
        How copies of the pieces that are learned from differ from them; None for no copies.
    spectrograms : StoredSpectrograms or None
        Spectrograms that are stored beside the audio; None for none.
    splits : Shares
        Shares of the pieces in each split.
    seed : int
        Seed of all that is drawn: the order of the pieces, tempi, where clips begin, further programs and
        copies.
    """

    corpus: str = Field(default="music21", min_length=1)
    corpus_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    selection: PieceSelection = PieceSelection()
    pieces: int = Field(default=112, ge=4, le=250_000)
    instruments: tuple[str, ...] = Field(default=tuple(SIX_INSTRUMENTS), min_length=2, max_length=128)
    renderings: int = Field(default=2, ge=1, le=128)
    soundfonts: SoundfontChoice = ("FluidR3_GM", "TimGM6mb", "GeneralUser-v1.47", "sonivox")
    sample_rate: int = Field(default=22_050, ge=8_000, le=96_000)
    channels: Literal[1, 2] = 1
    audio_format: AudioFormat = "flac"
    clip_duration_s: float = Field(default=5.0, ge=1.0, le=60.0)
    clips_per_piece: ClipsPerPiece = 1
    track_format: Literal["mp3"] | None = None
    melody_only: bool = False
    keep_drums: bool = False
    augmentation: NoteAugmentation | None = None
    spectrograms: StoredSpectrograms | None = None
    splits: Shares = Shares()
    seed: int = Field(default=0, ge=0)

    @field_validator("instruments", mode="before")
    @classmethod
    def _known_instruments(cls, names: object) -> object:
        if not isinstance(names, list | tuple):
            return names
        return tuple(
            instrument_name(name) if isinstance(name, str | int) and not isinstance(name, bool) else name
            for name in names
        )

    @field_validator("instruments")
    @classmethod
    def _no_shared_programs(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        owners: dict[int, str] = {}
        for name in names:
            for program in programs_of(name):
                if owners.setdefault(program, name) != name:
                    raise ValueError(
                        f"{owners[program]} and {name} both cover General MIDI program {program}"
                    )
        return names

    @field_validator("instruments", "soundfonts")
    @classmethod
    def _no_repeats(cls, names: SoundfontChoice) -> SoundfontChoice:
        if not isinstance(names, dict) and len({str(name) for name in names}) < len(names):
            raise ValueError("a name stands in the list twice")
        return names

    @field_validator("soundfonts")
    @classmethod
    def _one_for_each_instrument(cls, soundfonts: SoundfontChoice, info: ValidationInfo) -> SoundfontChoice:
        if isinstance(soundfonts, dict) and "instruments" in info.data:
            return own_soundfonts(soundfonts, info.data["instruments"])
        return soundfonts

    @model_validator(mode="after")
    def _rate_of_the_format(self) -> Self:
        if "mp3" in {self.audio_format, self.track_format} and self.sample_rate not in MP3_RATES:
            rates = ", ".join(str(rate) for rate in MP3_RATES)
            raise ValueError(f"MP3 has no sample rate of {self.sample_rate} Hz, only {rates}")
        return self

    @model_serializer(mode="wrap")
    def _without_later_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        return {key: value for key, value in content.items() if key not in _LATER or value != _LATER[key]}

    @property
    def has_own_soundfonts(self) -> bool:
        """Whether each instrument is played by a soundfont of its own, and by no other."""
        return isinstance(self.soundfonts, dict)

    @property
    def instruments_by_soundfont(self) -> dict[SoundfontReference, tuple[str, ...]]:
        """The instruments that each soundfont plays."""
        if not isinstance(self.soundfonts, dict):
            return dict.fromkeys(self.soundfonts, self.instruments)
        played: dict[SoundfontReference, tuple[str, ...]] = {}
        for name, soundfont in self.soundfonts.items():
            played[soundfont] = (*played.get(soundfont, ()), name)
        return played

    @property
    def soundfont_names(self) -> tuple[str, ...]:
        """The names and paths of the soundfonts, without addresses."""
        return tuple(map(str, self.instruments_by_soundfont))
