"""The bands of the cochlea: where they lie, that they lose nothing, and what their envelopes follow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import hilbert

from timbrebench.audio.cochlear import (
    COMPRESSION,
    FLOOR,
    HIGHEST_MODULATION_HZ,
    LOWEST_HZ,
    CochlearFilterBank,
    cosine_responses,
    erb_frequency,
    erb_number,
)
from timbrebench.core.errors import AudioError

RATE = 20_000


def bank_for(samples, **settings):
    return CochlearFilterBank(len(samples), RATE, dtype=torch.float64, **settings)


@pytest.fixture
def noise(generator):
    return torch.from_numpy(generator.standard_normal(RATE))


@pytest.fixture
def notes(generator):
    """A second of five harmonic notes with decays."""
    time = np.arange(RATE // 5) / RATE
    played = [
        sum(np.sin(2 * np.pi * f0 * n * time) / n for n in range(1, 9)) * np.exp(-6 * time)
        for f0 in 220 * 2 ** (generator.integers(0, 24, 5) / 12)
    ]
    return torch.from_numpy(np.concatenate(played))


def amplitude_modulated(carrier_hz, rate_hz, seconds=2):
    time = np.arange(round(seconds * RATE)) / RATE
    return torch.from_numpy(
        (1 + 0.8 * np.sin(2 * np.pi * rate_hz * time)) * np.sin(2 * np.pi * carrier_hz * time)
    )


class TestResponses:
    def test_1000_hz_lies_where_glasberg_and_moore_put_it(self):
        # Their own formula in decimal logarithms, with the rounded constants of the paper.
        assert erb_number(1000) == pytest.approx(21.4 * np.log10(4.37 + 1), rel=0.005)

    def test_the_scale_can_be_undone(self):
        frequencies = np.geomspace(20, 20_000, 50)
        np.testing.assert_allclose(erb_frequency(erb_number(frequencies)), frequencies)

    def test_the_published_bands_are_centred_from_52_to_8844_hz(self):
        frequencies = np.arange(10_001)
        bands = cosine_responses(frequencies, n_bands=30, fmax=10_000)[1:-1]
        centres = frequencies[bands.argmax(axis=1)]
        assert (centres[0], centres[-1]) == (52, pytest.approx(8844, abs=1))

    def test_the_published_bands_are_a_ninth_wider_than_the_ears(self):
        frequencies = np.arange(0, 10_000, 0.5)
        bands = cosine_responses(frequencies, n_bands=30, fmax=10_000)[10:-1]
        widths = 0.5 * np.count_nonzero(bands**2 > 0.5, axis=1)
        ears = 24.7 * (1 + frequencies[bands.argmax(axis=1)] / (24.7 * 9.265))
        np.testing.assert_allclose(widths / ears, 1.11, atol=0.01)

    @pytest.mark.parametrize("n_bands", [1, 2, 30, 100])
    def test_squares_add_up_to_one_at_every_frequency(self, n_bands):
        responses = cosine_responses(np.arange(0, 24_000, 3.7), n_bands=n_bands, fmax=10_000)
        assert responses.shape[0] == n_bands + 2
        np.testing.assert_allclose(np.square(responses).sum(axis=0), 1)

    def test_what_lies_outside_goes_to_the_ends(self):
        responses = cosine_responses([0, LOWEST_HZ, 10_000, 11_000], n_bands=5, fmax=10_000)
        assert responses.argmax(axis=0).tolist() == [0, 0, 6, 6]


class TestSubbands:
    @pytest.mark.parametrize("length", [20_000, 19_999, 1001, 1000])
    def test_filtering_twice_and_adding_up_gives_the_sound_back(self, noise, length):
        samples = noise[:length]
        bank = bank_for(samples)
        torch.testing.assert_close(bank.synthesise(bank.subbands(samples)), samples, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("length", [20_000, 19_999])
    def test_powers_are_the_mean_squares_of_the_subbands_and_add_up_to_the_clips(self, noise, length):
        samples = noise[:length]
        bank = bank_for(samples)
        torch.testing.assert_close(bank.powers(samples), bank.subbands(samples).square().mean(dim=1))
        assert float(bank.powers(samples).sum()) == pytest.approx(float(samples.square().mean()))

    @pytest.mark.parametrize("frequency", [60, 440, 3000, 9000])
    def test_a_tone_excites_two_neighbouring_bands_alone(self, frequency):
        samples = torch.from_numpy(np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE))
        bank = bank_for(samples)
        powers = bank.powers(samples)
        bin_of_tone = bank.responses[:, frequency].square()
        torch.testing.assert_close(powers, 0.5 * bin_of_tone, rtol=1e-6, atol=1e-10)
        assert int((powers > 1e-6).sum()) <= 2

    def test_a_rate_without_room_for_the_envelopes_is_refused(self):
        with pytest.raises(AudioError, match=r"need a sample rate above 400 Hz, not 400 Hz"):
            CochlearFilterBank(1000, 400)


class TestEnvelopes:
    @pytest.mark.parametrize("sound", ["noise", "notes"])
    def test_they_are_compressed_magnitudes_of_analytic_signals(self, request, sound):
        samples = request.getfixturevalue(sound)
        bank = bank_for(samples)
        power = np.abs(hilbert(bank.subbands(samples).numpy())) ** 2
        full_rate = (power + FLOOR**2 * float(samples.square().mean())) ** (COMPRESSION / 2)
        slow = np.fft.rfft(full_rate)
        slow[:, HIGHEST_MODULATION_HZ + 1 :] = 0  # a second: one bin for each hertz
        expected = np.fft.irfft(slow, n=len(samples))
        moments = torch.arange(bank.envelope_length) * len(samples) / bank.envelope_length
        expected = np.stack([np.interp(moments, np.arange(len(samples)), row) for row in expected])
        error = np.sqrt(np.mean((bank.envelopes(samples).numpy() - expected) ** 2, axis=1))
        assert (error < 0.03 * expected.mean(axis=1)).all()
        assert np.median(error / expected.mean(axis=1)) < 0.005

    def test_a_factor_on_the_clip_is_its_compression_on_every_envelope(self, notes):
        bank = bank_for(notes)
        torch.testing.assert_close(bank.envelopes(100 * notes), 100**COMPRESSION * bank.envelopes(notes))

    def test_the_envelope_of_a_modulated_tone_follows_the_modulation(self):
        samples = amplitude_modulated(1000, 5)
        bank = bank_for(samples)
        band = int(bank.powers(samples).argmax())
        time = np.arange(bank.envelope_length) * 2 / bank.envelope_length
        modulation = (1 + 0.8 * np.sin(2 * np.pi * 5 * time)) ** COMPRESSION
        assert np.corrcoef(bank.envelopes(samples)[band].numpy(), modulation)[0, 1] > 0.999

    def test_the_derivative_is_that_of_finite_differences(self, notes, generator):
        samples = notes[:4001].clone().requires_grad_()
        bank = bank_for(samples)
        weights = torch.from_numpy(generator.standard_normal((32, bank.envelope_length)))
        (gradient,) = torch.autograd.grad((weights * bank.envelopes(samples)).sum(), samples)
        direction = torch.from_numpy(generator.standard_normal(4001))
        with torch.no_grad():
            ahead, behind = (
                (weights * bank.envelopes(samples + step * direction)).sum() for step in (1e-6, -1e-6)
            )
        assert float(gradient @ direction) == pytest.approx(float(ahead - behind) / 2e-6, rel=1e-5)

    @pytest.mark.parametrize("length", [1000, 4001, 19_997])
    def test_clips_of_any_length_have_400_samples_a_second_or_a_few_more(self, noise, length):
        bank = bank_for(noise[:length])
        fewest = 400 * length / RATE - 1
        assert fewest <= bank.envelope_length <= 1.15 * fewest + 3
        assert bank.envelopes(noise[:length]).shape == (32, bank.envelope_length)


class TestImpose:
    @pytest.mark.parametrize("length", [20_000, 19_999, 1001])
    def test_no_change_leaves_the_clip_as_it_was(self, noise, length):
        samples = noise[:length]
        bank = bank_for(samples)
        unchanged = torch.zeros(32, bank.envelope_length, dtype=torch.float64)
        made = bank.impose(samples, unchanged, bank.powers(samples))
        torch.testing.assert_close(made, samples, rtol=0, atol=1e-10)

    def test_noise_takes_on_the_envelopes_of_notes(self, noise, notes):
        bank = bank_for(noise)
        level = notes.square().mean().sqrt()
        made, wanted, powers = noise * level, bank.envelopes(notes), bank.powers(notes)
        distances = []
        for _ in range(5):
            distances.append(float((wanted - bank.envelopes(made)).square().mean()))
            made = bank.impose(made, wanted - bank.envelopes(made), powers)
        assert distances == sorted(distances, reverse=True)
        assert distances[-1] < 0.2 * distances[0]

    def test_subbands_take_on_the_powers_asked_for(self, noise, notes):
        bank = bank_for(noise)
        unchanged = torch.zeros(32, bank.envelope_length, dtype=torch.float64)
        made = noise
        for _ in range(20):
            made = bank.impose(made, unchanged, bank.powers(notes))
        ratio = bank.powers(made)[5:25] / bank.powers(notes)[5:25]
        assert (10 * torch.log10(ratio)).abs().max() < 1  # decibels

    def test_a_subband_of_nothing_stays_so(self):
        tone = torch.sin(2 * np.pi * 440 * torch.arange(RATE) / RATE)
        bank = CochlearFilterBank(RATE, RATE)
        made = bank.impose(torch.zeros(RATE) + tone, torch.zeros(32, bank.envelope_length), torch.ones(32))
        assert torch.isfinite(made).all()
