import pytest
import torch
from pydantic import ValidationError

from timbrebench.classifier.style.style_augmentation import Augmentation
from timbrebench.classifier.style.style_front_end import (
    CqtFrontEnd,
    LogFrequencyFrontEnd,
    MelFrontEnd,
    StftFrontEnd,
    standardise,
)
from timbrebench.core.errors import JudgeError

FRONT_END = LogFrequencyFrontEnd()
NOTHING = Augmentation(
    crop=1, share=1, equaliser_db=0, shift_semitones=0, noise_db=-80, masked_bands=0, masked_frames=0
)


@pytest.fixture
def spectrograms():
    torch.manual_seed(0)
    spectrograms = -60 * torch.rand(40, 191, 50)
    return spectrograms - spectrograms.amax(dim=(1, 2), keepdim=True)


@pytest.fixture
def lines():
    """One band sounds in each clip, and nothing else."""
    spectrograms = torch.full((200, 191, 8), -80.0)
    spectrograms[:, 95] = 0
    return spectrograms


def test_a_share_of_none_keeps_all_values(spectrograms):
    untouched = Augmentation(crop=1, share=0, masked_bands=0, masked_frames=0)
    torch.testing.assert_close(untouched.vary(spectrograms, FRONT_END), standardise(spectrograms))


@pytest.mark.parametrize("crop", [0.1, 0.4, 1.0])
def test_a_crop_is_a_stretch_of_the_clip(crop):
    ramp = torch.arange(50.0).expand(20, 191, 50) - 50
    seen = Augmentation(crop=crop, share=0, masked_bands=0, masked_frames=0).vary(ramp, FRONT_END)
    assert seen.shape == (20, 191, round(50 * crop))
    steps = seen.diff(dim=2)
    assert (steps > 0).all()
    torch.testing.assert_close(steps, steps[:, :, :1].expand_as(steps), atol=1e-4, rtol=0)


def test_clips_are_moved_by_whole_bands_within_bounds(lines):
    moved = NOTHING.model_copy(update={"shift_semitones": 6.0}).vary(lines, FRONT_END)
    peaks = moved.mean(dim=2).argmax(dim=1)
    assert (peaks - 95).abs().max() == 12  # half an octave of 24 bands
    assert len(peaks.unique()) > 20
    # Still one band over silence: nothing was blurred.
    assert ((moved > 5).sum(dim=1) == 1).all()


def test_a_share_of_the_clips_is_moved(lines):
    torch.manual_seed(0)
    some = NOTHING.model_copy(update={"share": 0.5, "shift_semitones": 12.0, "noise_db": -79.9})
    peaks = some.vary(lines, FRONT_END).mean(dim=2).argmax(dim=1)
    assert 0.35 < float((peaks != 95).float().mean()) < 0.65


def test_the_equaliser_is_one_gain_for_each_band(spectrograms):
    torch.manual_seed(0)
    quiet = spectrograms / 10  # far over the floor and the noise
    equalised = NOTHING.model_copy(update={"equaliser_db": 3.0}).vary(quiet, FRONT_END)
    spread = equalised * quiet.std(dim=(1, 2), keepdim=True)
    assert not torch.allclose(equalised, standardise(quiet), atol=0.1)
    # What differs between the frames of a band is kept, up to the scale of the clip.
    contrast = spread.diff(dim=2).flatten(1)
    before = quiet.diff(dim=2).flatten(1)
    cosines = torch.nn.functional.cosine_similarity(contrast, before)
    assert cosines.min() > 0.99


def test_masks_stay_within_their_shares(spectrograms):
    masking = Augmentation(crop=1, share=0, masked_bands=0.25, masked_frames=0.1)
    masked = masking.vary(spectrograms, FRONT_END) == 0
    bands, frames = masked.all(dim=2), masked.all(dim=1)
    assert 0 < bands.sum(dim=1).max() <= 0.25 * 191 + 1
    assert 0 < frames.sum(dim=1).max() <= 0.1 * 50 + 1
    # Neighbours: one run of each, which begins once at most.
    for rows in (bands, frames):
        assert (rows.int().diff(dim=1) > 0).sum(dim=1).max() <= 1


def test_draws_follow_from_the_seed(spectrograms):
    first, again, other = (
        (torch.manual_seed(seed), Augmentation().vary(spectrograms, FRONT_END))[1] for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("front_end", [StftFrontEnd(), MelFrontEnd()])
def test_what_has_no_octaves_cannot_be_moved(front_end):
    with pytest.raises(JudgeError, match="shift_semitones"):
        Augmentation().check(front_end)
    Augmentation(shift_semitones=0).check(front_end)


def test_what_is_not_in_decibels_cannot_be_equalised():
    with pytest.raises(JudgeError, match="decibel"):
        Augmentation().check(CqtFrontEnd(scale="log1p"))
    Augmentation(share=0).check(CqtFrontEnd(scale="log1p"))


@pytest.mark.parametrize("settings", [{"crop": 0}, {"share": 1.1}, {"masked_bands": 1}, {"pitch": 2}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValidationError):
        Augmentation(**settings)
