import pytest
import torch

from timbrebench.classifier.networks import FourBlockNetwork


@pytest.mark.parametrize("frames", [16, 22, 108, 431])
def test_clips_of_any_length_get_a_logit_for_each_label(frames):
    network = FourBlockNetwork(6).eval()
    assert network(torch.zeros(2, 96, frames)).shape == (2, 6)


def test_logits_are_not_normalised():
    torch.manual_seed(0)
    logits = FourBlockNetwork(6).eval()(torch.randn(4, 96, 64))
    assert (logits < 0).any()
    assert not torch.allclose(logits.sum(dim=1), torch.ones(4), atol=1e-3)


def test_a_clip_is_judged_by_itself_whatever_the_batch():
    torch.manual_seed(0)
    network, batch = FourBlockNetwork(3).eval(), torch.randn(4, 96, 64)
    torch.testing.assert_close(network(batch)[2:3], network(batch[2:3]), atol=1e-5, rtol=1e-4)
