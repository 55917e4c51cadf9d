"""Tests of the study of textures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from timbrebench.audio.clips import write_audio
from timbrebench.experiments.studies import texture_study

FIELDS = (0.25, 0.5, 1.0, 4.0)


def textures_of(kl, correlation=((0.2, 0.2, 0.2, 0.2),) * 3):
    """Figures of each piece with each field."""
    rows = [
        ("wide-limit", field, f"{piece}-0", str(piece), 0, value, value, own)
        for piece, (values, correlations) in enumerate(zip(kl, correlation, strict=True))
        for field, value, own in zip(FIELDS, values, correlations, strict=True)
    ]
    return pd.DataFrame(
        rows, columns=[*texture_study.CONDITION, "clip_id", "piece", "seed", *texture_study.FIGURES]
    )


def verdicts(textures):
    return [finding.verdict for finding in texture_study.findings(textures)]


def figures(textures):
    return [finding.figures for finding in texture_study.findings(textures)]


FALLING = ((3.0, 2.0, 1.0, 0.2), (4.0, 3.0, 2.1, 0.1), (3.5, 2.4, 1.0, 0.4))
RISING = tuple(values[::-1] for values in FALLING)


def test_rhythm_that_comes_back_without_a_copy_bears_the_claims_out():
    assert verdicts(textures_of(FALLING)) == ["held", "held", "held"]


def test_rhythm_that_goes_lost_does_not():
    assert verdicts(textures_of(RISING)) == ["did not hold", "did not hold", "not decided"]


def test_pieces_that_disagree_decide_nothing():
    textures = textures_of((FALLING[0], RISING[1], FALLING[2]))
    assert verdicts(textures)[:2] == ["not decided", "not decided"]
    assert figures(textures)[0] == (
        "From 2.20 with 0.25 s to 1.53 with 4.00 s; each doubling of the field changes it by -0.18 "
        "(-2.55 to 2.18), over 3 pieces."
    )


def test_one_piece_decides_nothing():
    textures = textures_of(FALLING[:1], ((0.2,) * 4,))
    assert verdicts(textures) == ["not decided"] * 3
    assert "(\N{EN DASH} to \N{EN DASH}), over 1 piece" in figures(textures)[0]


@pytest.mark.parametrize(
    ("highest", "verdict"),
    [((0.9, 0.8, 0.95), "did not hold"), ((0.25, 0.24, 0.26), "held"), ((0.2, 0.3, 0.35), "not decided")],
)
def test_a_rise_of_the_cross_correlation_counts_from_a_tenth_on(highest, verdict):
    textures = textures_of(FALLING, tuple((0.2, 0.2, 0.2, own) for own in highest))
    assert verdicts(textures)[2] == verdict


def test_noise_correlates_with_nothing_and_is_no_evidence_that_rhythm_comes_without_a_copy():
    noise = textures_of(((2.0, 2.1, 1.9, 2.0), (2.0, 1.9, 2.1, 2.0), (2.1, 2.0, 2.0, 2.1)))
    assert verdicts(noise)[2] == "not decided"
    assert figures(noise)[2].endswith("That the divergence falls is not shown.")


def test_a_piece_that_lacks_a_figure_is_left_out():
    incomplete = ((3.0, np.nan, 9.0, 9.0), *FALLING)
    textures = textures_of(incomplete, ((0.2,) * 4,) * 4)
    assert verdicts(textures) == ["held", "held", "held"]
    assert "3 pieces" in figures(textures)[0]
    assert "4 pieces" in figures(textures)[2]
    missing = textures_of(incomplete[:1], ((0.2,) * 4,))
    assert verdicts(missing)[0] == "not decided"
    assert figures(missing)[0] == "No piece has it with every field."


def test_clips_and_seeds_of_one_piece_are_one_piece():
    one, other = textures_of(FALLING[:1], ((0.2,) * 4,)), textures_of(RISING[:1], ((0.2,) * 4,))
    pieces = texture_study.by_piece(pd.concat([one, other.assign(seed=1)]))
    assert pieces.ioi_kl.tolist() == pytest.approx([1.6, 1.5, 1.5, 1.6])


def test_a_texture_that_is_refused_has_no_figures():
    assert np.isnan(list(texture_study._compare(None, None, None).values())).all()


def test_the_networks_of_the_paper_are_the_texts():
    claimant = [
        (method.parameters, seconds)
        for method, seconds in texture_study._methods(texture_study.PAPER)
        if method.name == texture_study.CLAIMANT
    ]
    fields = [seconds for _, seconds in claimant]
    assert fields == sorted(set(fields))
    (stft, _), *grown = claimant
    assert "mel_style" not in stft.terms
    networks = [parameters.mel_network for parameters, _ in grown]
    assert [network.kernel_width for network in networks] == [25, 50, 50, 50]
    assert [network.n_blocks for network in networks] == [0, 0, 1, 2]
    assert {network.block_width for network in networks[2:]} == {25}
    # 50 + 24 (2 + 4) frames of 512 samples
    assert fields[-1] == pytest.approx(194 * 512 / 22_050)


@pytest.fixture(scope="module")
def result(context, tmp_path_factory):
    """Textures of five seconds of pulses of noise: clips of the small run are shorter than a rhythm."""
    rate = 22_050
    generator = np.random.default_rng(0)
    samples = np.zeros(5 * rate, dtype=np.float32)
    for start in np.arange(0, 5, 0.25):
        first = round(start * rate)
        samples[first : first + 2000] = generator.normal(0, 0.2, 2000) * np.exp(-np.arange(2000) / 300)
    root = tmp_path_factory.mktemp("pulses")
    write_audio(root / "pulses.flac", samples, rate)
    pair = context.suite.pairs[0]
    clip = replace(pair.style, path="pulses.flac", sample_rate=rate, duration_s=5.0)
    dataset = replace(context.clips, root=root)
    pulses = replace(
        context, suite=replace(context.suite, pairs=(replace(pair, style=clip),), dataset=dataset)
    )
    quick = {"sample_rate": 11_025, "n_fft": 512, "hop_length": 256, "max_iterations": 2}
    settings = texture_study.TextureSettings(
        mel_networks=({"n_filters": 2, "style_bands": 8, "kernel_width": 25, "n_blocks": 0},),
        kernel_widths=(1, 48),
        seeds=(0,),
        multi_representation={**quick, "stft_network": {"n_filters": 2}},
        wide_limit={"max_iterations": 30, "inversion": {"iterations": 5}},
    )
    return texture_study.run(pulses, settings)


def test_a_field_longer_than_a_beat_brings_the_rhythm_back_and_one_frame_does_not(result):
    short, long = result.table[result.table.method == "wide-limit"].itertuples()
    assert long.receptive_field_s > 1 > short.receptive_field_s
    assert long.autocorrelation_error < 0.7 * short.autocorrelation_error


def test_the_panels_are_those_of_the_method_whose_claims_these_are(result):
    fields = [
        f"{seconds:.2f} s"
        for seconds in result.table[result.table.method == texture_study.CLAIMANT].receptive_field_s
    ]
    assert len(fields) == 2
    for name in ("intervals", "autocorrelation"):
        assert list(result.further[name].columns)[-3:] == ["source", *fields]
    titles = [axes.get_title() for axes in result.figure.axes[3:]]
    assert [title.split(":")[0] for title in titles] == 2 * fields
    kl = result.table.ioi_kl[0]
    assert titles[0] == f"{fields[0]}: KL = {kl:.2f}"


def test_what_is_said_names_the_greatest_correlation(result):
    peak = result.table[result.table.method == "wide-limit"].max_cross_correlation.max()
    assert f"{peak:.2f} with `wide-limit`; a copy has 0.9 and more" in result.text
