import numpy as np
import pytest
import torch

from timbrebench.classifier.style.familiarity import is_nearly_empty, learn_familiarity

RATE = 22_050


@pytest.fixture(scope="module")
def learned():
    torch.manual_seed(0)
    targets = torch.arange(400) % 2
    stretched = torch.tensor([10.0, 1.0, 0.1])
    places = torch.tensor([[0.0, 0, 0], [0.0, 8, 0]])

    def draw(targets):
        return places[targets] + torch.randn(len(targets), 3) * stretched

    return learn_familiarity(draw(targets), targets, draw(targets), torch.empty(0, 3)), draw(targets)


def test_nearly_all_that_is_like_what_was_learned_is_familiar(learned):
    familiarity, others = learned
    share = (familiarity.distances(others) <= familiarity.threshold).float().mean()
    assert 0.97 <= share < 1


def test_distances_count_by_how_far_the_learned_clips_spread(learned):
    familiarity, _ = learned
    far = torch.tensor([[20.0, 0, 0], [0.0, 20, 0], [0.0, 0, 20]])
    along, across, flat = familiarity.distances(far).tolist()
    assert along < familiarity.threshold < across < flat


def test_the_nearest_label_counts(learned):
    familiarity, _ = learned
    at_labels, between = familiarity.distances(torch.tensor([[0.0, 0, 0], [0.0, 8, 0]])), torch.zeros(1, 3)
    assert at_labels.max() < 1
    between[0, 1] = 4
    assert familiarity.distances(between)[0] > 2


def test_strangers_are_told_where_their_distance_does_not_tell_them():
    torch.manual_seed(0)
    targets = torch.arange(2000) % 2
    places = torch.zeros(2, 60)
    places[1, 0] = 8
    clips, validation, others = (places[targets] + torch.randn(2000, 60) for _ in range(3))
    strangers = torch.randn(1000, 60)
    strangers[:, 1] += 5
    by_distance = learn_familiarity(clips, targets, validation, strangers[:0])
    by_both = learn_familiarity(clips, targets, validation, strangers[500:])
    assert by_distance.is_unfamiliar(strangers[:500]).float().mean() < 0.4
    assert by_both.is_unfamiliar(strangers[:500]).float().mean() > 0.9
    assert by_both.is_unfamiliar(others).float().mean() < 0.025


@pytest.mark.parametrize(("sounding_s", "empty"), [(0.3, True), (1.0, False), (4.0, False)])
def test_one_note_in_a_clip_of_rests_is_nearly_nothing(sounding_s, empty):
    clip = 1e-3 * np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    clip[: round(sounding_s * RATE)] *= 300
    assert is_nearly_empty(clip, RATE) is empty


def test_one_clip_of_each_label_says_nothing_of_others():
    assert learn_familiarity(*(torch.eye(2), torch.arange(2), torch.eye(2)), torch.empty(0, 2)) is None
