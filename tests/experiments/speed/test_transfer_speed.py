"""Timing transfers: the yardstick is the same objective, and all that is timed is in the tables."""

import numpy as np
import pytest
import torch

from timbrebench.audio.spectra import log_magnitude
from timbrebench.datasets import Dataset
from timbrebench.experiments.run.run_configuration import MethodEntry, load_configuration
from timbrebench.experiments.speed.machine import cpu_model
from timbrebench.experiments.speed.representation_speed import direct_terms
from timbrebench.experiments.speed.transfer_speed import (
    textbook,
    textbook_with_cached_targets,
    time_transfers,
    timed_methods,
)
from timbrebench.transfer.algorithms.optimisation import with_gradient
from timbrebench.transfer.algorithms.random_convolution import Objective, draw_filters
from timbrebench.transfer.methods.multi_representation.gradient_normalisation import (
    normalising_weights,
    weighted_sum,
)
from timbrebench.transfer.methods.multi_representation.multi_representation import MultiRepresentation

SMALL = MultiRepresentation(
    weights={"stft_content": 1},
    stft_network={"n_filters": 700},
    mel_network={"n_filters": 48, "kernel_width": 12, "block_width": 7, "style_bands": 64},
    cqt_network={"n_filters": 8, "kernel_width": 7},
)


@pytest.fixture(scope="module")
def speed(run, tmp_path_factory):
    methods = [
        MethodEntry(method="wide-limit", parameters={"max_iterations": 2}),
        MethodEntry(method="envelope"),
        MethodEntry(method="templates", label="learner"),
        # No frame of it fits into the clips.
        MethodEntry(method="ulyanov", label="too-wide", parameters={"kernel_width": 1000}),
    ]
    return time_transfers(
        tmp_path_factory.mktemp("speed"),
        dataset=Dataset.open(run.root / "dataset"),
        methods=methods,
        n_filters=16,
        representation=SMALL,
        rounds=1,
    )


def test_the_yardstick_is_the_objective_that_it_measures(synthesizer, scale):
    clips = [
        synthesizer.render(scale, program, duration, 22050) for program, duration in ((0, 1.0), (56, 0.8))
    ]
    spectra = [log_magnitude(clip, 512, 256) for clip in clips]
    rng = np.random.default_rng(0)
    filters = draw_filters(rng, n_filters=64, n_bins=257, kernel_width=11)
    x = rng.uniform(0, 2, spectra[0].size)
    wanted, wanted_gradient = Objective(*spectra, filters, 0.01)(x)
    for form in (textbook, textbook_with_cached_targets):
        loss, gradient = form(*spectra, filters, 0.01)(x)
        assert loss == pytest.approx(wanted, rel=1e-5)
        np.testing.assert_allclose(gradient, wanted_gradient, atol=1e-5 * np.abs(wanted_gradient).max())


def test_the_direct_form_of_multi_representation_is_what_it_computes(synthesizer, scale):
    clips = [
        torch.from_numpy(synthesizer.render(scale, program, duration, 22050))
        for program, duration in ((0, 1.5), (56, 1.2))
    ]
    start = 0.01 * torch.randn(len(clips[0]), generator=torch.Generator().manual_seed(0))
    fast = SMALL.losses(3, torch.device("cpu")).towards(clips[0], [clips[1]])
    direct = direct_terms(SMALL, 3, *clips)
    for x in (start, clips[0] + start):
        assert {n: float(loss) for n, loss in fast(x).items()} == pytest.approx(
            {n: float(loss) for n, loss in direct(x).items()}, rel=1e-4
        )
        betas = normalising_weights(fast, x)
        made, wanted = (with_gradient(weighted_sum(terms, betas))(x)[1] for terms in (fast, direct))
        assert float((made - wanted).norm()) < 1e-4 * float(wanted.norm())


def test_both_forms_of_multi_representation_are_timed(speed):
    assert list(speed.representations.form) == ["direct", "`multi-representation`"]
    assert (speed.representations.seconds > 0).all()


def test_every_form_of_the_objective_is_timed(speed):
    assert list(speed.objectives.form) == ["textbook", "textbook, targets kept", "`ulyanov`", "`wide-limit`"]
    assert (speed.objectives.seconds > 0).all()
    assert speed.objectives.times_as_fast[0] == 1


def test_every_method_has_a_time_a_memory_or_a_reason(speed):
    table = speed.methods.set_index("method")
    assert len(table) == 4
    for name in ("wide-limit", "envelope", "learner"):
        assert table.seconds[name] > 0
        assert table.memory_mib[name] >= 0
        assert table.real_time_factor[name] * table.seconds[name] == pytest.approx(speed.duration_s, rel=1e-3)
    assert " needs " in table.reason["too-wide"]


def test_the_page_holds_all_tables(speed):
    page = speed.markdown()
    for name in (*speed.objectives.form, *speed.representations.form, *speed.methods.method):
        assert name in page
    for row in page.splitlines():
        if row.startswith("|"):
            assert row.count("|") in {4, 5}


def test_all_methods_are_timed_that_can_be_without_parameters():
    entries = {entry.method: entry for entry in timed_methods()}
    assert {"ulyanov", "wide-limit", "envelope", "wct", "adain", "templates"} <= set(entries)
    assert not {"identity", "noise", "command-line", "finished-audio"} & set(entries)
    (configured,) = (
        entry for entry in load_configuration("leaderboard").methods if entry.method == "ulyanov"
    )
    assert entries["ulyanov"] == configured


def test_the_processor_has_a_name():
    assert cpu_model()
