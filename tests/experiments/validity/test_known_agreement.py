"""Lists of metrics say how each agrees with listeners."""

from timbrebench.experiments.validity.known_agreement import agreement_with_listeners


def test_the_list_of_metrics_says_how_they_agree():
    assert agreement_with_listeners("perceptual_timbre_distance").startswith("timbre 0.")
    assert agreement_with_listeners("clipped_share") == "contradicts listeners' order of systems"
    assert agreement_with_listeners("chroma_cosine") == "orders systems as listeners do"
    assert agreement_with_listeners("edge_burst") == "order of systems undecided"
