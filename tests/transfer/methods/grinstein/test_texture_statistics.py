"""The auditory statistics of textures: by their definitions, and what changes of a sound do to them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import hilbert
from scipy.stats import kurtosis, skew

from timbrebench.audio.cochlear import COMPRESSION, CochlearFilterBank
from timbrebench.transfer.methods.grinstein.texture_statistics import (
    STATISTICS,
    TextureStatistics,
    band_pairs,
    modulation_responses,
    octave_centres,
    octave_responses,
    texture_errors,
)

RATE = 20_000
SECONDS = 4
N_BANDS = 12
MOMENTS = ("envelope_mean", "envelope_variance", "envelope_skewness", "envelope_kurtosis")


@pytest.fixture
def envelopes(generator):
    """Twelve uneven envelopes of 4 s, 405 samples a second, that share some of their movement."""
    length = 405 * SECONDS
    own, shared = generator.standard_normal((N_BANDS, length)), generator.standard_normal(length)
    spectrum = np.fft.rfft(np.exp(0.5 * (own + shared)))
    spectrum[:, 200 * SECONDS + 1 :] = 0
    return np.fft.irfft(spectrum, n=length)


def measure(envelopes, statistics=STATISTICS, seconds=SECONDS):
    statistics_of = TextureStatistics(envelopes.shape[1], seconds, len(envelopes), dtype=torch.float64)
    return statistics_of(torch.as_tensor(envelopes), statistics)


def of_sound(samples, statistics=STATISTICS):
    bank = CochlearFilterBank(len(samples), RATE, dtype=torch.float64)
    return measure(bank.envelopes(torch.from_numpy(samples)), statistics, len(samples) / RATE)


def filtered(envelopes, responses_of):
    """Filter each envelope with each response, over time: shape (responses, bands, samples)."""
    length = envelopes.shape[1]
    frequencies = np.arange(1 + length // 2) / SECONDS
    responses = responses_of(frequencies, 0.5)
    return np.fft.irfft(np.fft.rfft(envelopes) * responses[:, None], n=length)


class TestDefinitions:
    def test_moments(self, envelopes):
        measured = measure(envelopes, MOMENTS)
        expected = [
            envelopes.mean(axis=1),
            envelopes.var(axis=1) / envelopes.mean(axis=1) ** 2,
            skew(envelopes, axis=1),
            kurtosis(envelopes, axis=1, fisher=False),
        ]
        for name, values in zip(MOMENTS, expected, strict=True):
            np.testing.assert_allclose(measured[name], values, rtol=1e-5, err_msg=name)

    def test_correlations_of_envelopes(self, envelopes):
        lower, higher = band_pairs(N_BANDS, (1, 2, 3, 5, 8, 11))
        expected = np.corrcoef(envelopes)[lower, higher]
        measured = measure(envelopes)["envelope_correlation"]
        np.testing.assert_allclose(measured, expected, rtol=1e-5)

    def test_modulation_power(self, envelopes):
        bands = filtered(envelopes, modulation_responses)
        expected = (np.square(bands).mean(axis=2) / envelopes.var(axis=1)).T
        np.testing.assert_allclose(measure(envelopes)["modulation_power"], expected, rtol=1e-5)

    def test_c1(self, envelopes):
        octaves = filtered(envelopes, octave_responses)[1:]
        lower, higher = band_pairs(N_BANDS, (1, 2))
        expected = np.stack([np.corrcoef(octave)[lower, higher] for octave in octaves], axis=1)
        np.testing.assert_allclose(measure(envelopes)["modulation_c1"], expected, rtol=1e-4, atol=1e-7)

    def test_c2(self, envelopes):
        octaves = hilbert(filtered(envelopes, octave_responses)).swapaxes(0, 1)
        slow, fast = octaves[:, :-1], octaves[:, 1:]
        doubled = slow**2 / np.abs(slow)
        strength = np.sqrt((np.abs(slow) ** 2).mean(axis=-1) * (np.abs(fast) ** 2).mean(axis=-1))
        expected = (np.conj(doubled) * fast).mean(axis=-1) / strength
        measured = measure(envelopes)["modulation_c2"]
        np.testing.assert_allclose(measured, [expected.real, expected.imag], rtol=1e-3, atol=1e-6)

    @pytest.mark.parametrize("name", STATISTICS)
    def test_derivatives_are_those_of_finite_differences(self, envelopes, generator, name):
        statistics_of = TextureStatistics(envelopes.shape[1], SECONDS, N_BANDS, dtype=torch.float64)
        values = torch.from_numpy(envelopes)
        weights = torch.from_numpy(generator.standard_normal(statistics_of(values, [name])[name].shape))

        def weighted(x):
            return (weights * statistics_of(x, [name])[name]).sum()

        x = values.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(weighted(x), x)
        direction = torch.from_numpy(generator.standard_normal(envelopes.shape))
        ahead, behind = (float(weighted(values + step * direction)) for step in (1e-6, -1e-6))
        assert float((gradient * direction).sum()) == pytest.approx((ahead - behind) / 2e-6, rel=1e-5)


class TestModulationBands:
    def test_there_are_twenty_from_the_lowest_to_200_hz_at_equal_ratios(self):
        frequencies = np.linspace(0, 250, 250_001)
        responses = modulation_responses(frequencies, 0.5)
        centres = frequencies[responses.argmax(axis=1)]
        np.testing.assert_allclose(centres, np.geomspace(0.5, 200, 20), atol=1e-3)
        total = np.square(responses).sum(axis=0)[(frequencies > centres[3]) & (frequencies < centres[-4])]
        np.testing.assert_allclose(total, 1, atol=0.1)

    def test_octaves_end_above_twice_the_lowest(self):
        assert octave_centres(0.5).tolist() == [1.5625, 3.125, 6.25, 12.5, 25, 50, 100]
        assert octave_centres(4).tolist() == [12.5, 25, 50, 100]

    def test_the_squares_of_octaves_add_up_to_one_between_their_centres(self):
        total = np.square(octave_responses(np.linspace(1.6, 100, 500), 0.5)).sum(axis=0)
        np.testing.assert_allclose(total, 1)

    def test_no_band_hears_the_mean(self):
        assert not modulation_responses(np.zeros(1), 0.5).any()
        assert not octave_responses(np.zeros(1), 0.5).any()


class TestSounds:
    def test_noise_has_the_same_statistics_wherever_it_is_cut(self, generator):
        noise = generator.standard_normal(20 * RATE)
        first, second = (of_sound(noise[start * RATE :][: 10 * RATE]) for start in (0, 10))
        errors = texture_errors(first, second)
        by_name = dict(zip(STATISTICS, errors.tolist(), strict=True))
        for name in ("envelope_mean", "envelope_variance", "envelope_kurtosis", "modulation_power"):
            assert by_name[name] < 0.02, name
        drums = np.where(np.arange(10 * RATE) % (RATE // 4) < 1000, noise[: 10 * RATE], 0)
        assert (texture_errors(of_sound(drums), second) > 10 * errors)[:4].all()

    @pytest.mark.parametrize("rate_hz", [2, 8, 30])
    def test_the_modulation_of_a_tone_is_in_its_band(self, rate_hz):
        time = np.arange(SECONDS * RATE) / RATE
        tone = (1 + 0.5 * np.sin(2 * np.pi * rate_hz * time)) * np.sin(2 * np.pi * 2000 * time)
        power = of_sound(tone, ["modulation_power"])["modulation_power"]
        bank = CochlearFilterBank(len(tone), RATE, dtype=torch.float64)
        band = int(bank.powers(torch.from_numpy(tone)).argmax())
        centres = np.geomspace(0.5, 200, 20)
        assert abs(np.log(centres[int(power[band].argmax())] / rate_hz)) < np.log(400) / 19
        far = np.abs(np.log2(centres / rate_hz)) > 2
        assert float(power[band][far].sum()) < 0.02 * float(power[band].sum())

    def test_a_gain_changes_nothing_but_the_mean(self, generator):
        noise = generator.standard_normal(SECONDS * RATE)
        soft, loud = of_sound(noise), of_sound(10 * noise)
        torch.testing.assert_close(loud["envelope_mean"], 10**COMPRESSION * soft["envelope_mean"])
        for name in STATISTICS[1:]:
            torch.testing.assert_close(loud[name], soft[name], rtol=1e-6, atol=1e-9)

    def test_only_c2_knows_attacks_from_their_reverse(self, generator):
        decays = np.exp(-(np.arange(SECONDS * RATE) % (RATE // 4)) / 1000)
        plucked = decays * generator.standard_normal(SECONDS * RATE)
        forwards, backwards = of_sound(plucked), of_sound(plucked[::-1].copy())
        for name in STATISTICS[:-1]:
            torch.testing.assert_close(forwards[name], backwards[name], rtol=0.01, atol=5e-3)
        real, imaginary = forwards["modulation_c2"]
        torch.testing.assert_close(backwards["modulation_c2"][0], real, rtol=0, atol=0.02)
        torch.testing.assert_close(backwards["modulation_c2"][1], -imaginary, rtol=0, atol=0.02)
        assert float(imaginary.abs().max()) > 0.1

    def test_bands_that_move_together_are_correlated_and_those_of_noise_are_not(self, generator):
        noise = generator.standard_normal(SECONDS * RATE)
        beat = 1 + np.sin(2 * np.pi * 6 * np.arange(SECONDS * RATE) / RATE)
        for name in ("envelope_correlation", "modulation_c1"):
            together, apart = (float(of_sound(sound, [name])[name].mean()) for sound in (beat * noise, noise))
            assert together > apart + 0.1, name

    def test_a_still_band_has_statistics_of_nothing(self):
        envelopes = np.full((N_BANDS, 405 * SECONDS), 0.3)
        measured = measure(envelopes)
        assert measured["envelope_mean"].tolist() == pytest.approx([0.3] * N_BANDS)
        for name in STATISTICS[1:]:
            assert float(measured[name].abs().max()) < 1e-6, name


class TestErrors:
    def test_they_are_0_where_all_is_as_wanted_and_1_where_all_is_0(self, envelopes):
        wanted = measure(envelopes)
        assert not texture_errors(wanted, wanted).any()
        nothing = {name: torch.zeros_like(values) for name, values in wanted.items()}
        assert texture_errors(nothing, wanted).tolist() == pytest.approx([1] * len(STATISTICS))

    def test_only_what_is_asked_for_is_measured(self, envelopes):
        assert list(measure(envelopes, ["modulation_c2", "envelope_mean"])) == [
            "modulation_c2",
            "envelope_mean",
        ]
