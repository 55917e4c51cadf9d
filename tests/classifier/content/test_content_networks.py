import pytest
import torch

from timbrebench.classifier.content.content_augmentation import vary
from timbrebench.classifier.content.content_networks import NoteNetwork, scale, shift_rows

BINS, FRAMES = 309, 30


@pytest.fixture
def network():
    torch.manual_seed(0)
    return NoteNetwork(channels=8, blocks=2).eval()


@pytest.mark.parametrize("frames", [1, 16, 45])
def test_there_is_an_answer_for_every_key_and_frame(network, frames):
    notes, onsets = network(torch.rand(2, 2, BINS, frames))
    assert notes.shape == onsets.shape == (2, 88, frames)


def test_a_semitone_up_is_a_key_up():
    torch.manual_seed(0)
    network = NoteNetwork(channels=8, blocks=1).eval()
    pictures = torch.zeros(1, 2, BINS, FRAMES)
    pictures[:, :, 110:140] = torch.rand(1, 2, 30, FRAMES)
    with torch.no_grad():
        notes, _ = network(pictures)
        higher, _ = network(shift_rows(pictures, -3, BINS))
    # Two octaves and more from the ends of the keyboard, where related keys are missing.
    torch.testing.assert_close(higher[:, 33:56], notes[:, 32:55], atol=1e-5, rtol=1e-4)


def test_the_sound_of_the_whole_clip_matters_to_every_frame(network):
    pictures = torch.rand(1, 2, BINS, 40)
    changed = pictures.clone()
    changed[..., 30:] = 0
    with torch.no_grad():
        before, after = network(pictures)[0], network(changed)[0]
    assert not torch.allclose(before[..., 5], after[..., 5])


def test_clips_of_a_batch_know_nothing_of_each_other(network):
    pictures = torch.rand(3, 2, BINS, FRAMES)
    with torch.no_grad():
        together, alone = network(pictures)[1], network(pictures[1:2])[1]
    torch.testing.assert_close(together[1:2], alone)


def test_the_scale_is_from_silence_to_the_loudest():
    torch.testing.assert_close(scale(torch.tensor([-80.0, -40.0, 0.0]), 80.0), torch.tensor([0.0, 0.5, 1.0]))


@pytest.mark.parametrize("rows", [-3, 0, 2, 50, -50])
def test_rows_are_shifted_and_filled_with_zeros(rows):
    picture = torch.arange(1.0, 11).view(1, 10, 1)
    expected = [float(row + 1) if 0 <= row < 10 else 0.0 for row in range(rows, rows + 10)]
    if abs(rows) < 10:
        assert shift_rows(picture, rows, 10).flatten().tolist() == expected


def test_varied_pictures_keep_their_notes_in_place():
    torch.manual_seed(0)
    pictures, notes = torch.zeros(4, 2, BINS, FRAMES), torch.zeros(4, 88, FRAMES)
    notes[:, 40, 10:20] = 1
    pictures[:, :, 121, 10:20] = 1
    for _ in range(5):
        varied, moved, onsets = vary(pictures, notes, notes, 80.0)
        assert varied.min() >= 0
        assert varied.max() <= 1
        torch.testing.assert_close(moved, onsets)
        key = int(moved[0, :, 15].argmax())
        assert varied[:, 0, 3 * key + 1, 15].min() > varied[:, 0, 3 * key + 1, 5].max() - 0.5
        assert moved.sum() == notes.sum()
