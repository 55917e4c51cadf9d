import functools
import math

import librosa
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from timbrebench.audio import magnitude
from timbrebench.audio.consistency import REACH, local_weights
from timbrebench.audio.fourier import ShortTimeFourier
from timbrebench.audio.inversion import Inversion, invert, spectral_convergence
from timbrebench.audio.pghi import phase_gradient
from timbrebench.audio.waveform import MagnitudeLoss
from timbrebench.core.errors import AudioError, ConfigurationError
from timbrebench.datasets.notes import notes_table
from timbrebench.transfer import Method
from timbrebench.transfer.contract import Parameters

RATE = 22050
ITERATIVE = ["griffin-lim", "fast-griffin-lim", "le-roux", "waveform"]
PGHI = Inversion(algorithm="pghi")
MANY = Inversion().iterations
ALL = [*(Inversion(algorithm=name, iterations=2, start="random") for name in ITERATIVE), PGHI]
by_algorithm = pytest.mark.parametrize("inversion", ALL, ids=lambda inversion: inversion.algorithm)


@pytest.fixture(scope="module")
def clip(synthesizer):
    pitches = [60, 64, 67, 72, 71, 67]
    phrase = notes_table([(0.25 * i, 0.25 * i + 0.3, pitch, 90) for i, pitch in enumerate(pitches)])
    return synthesizer.render(phrase, 0, 1.5, RATE)


def reached(clip, inversion, seed=0, **settings):
    """Convergence in decibels of a clip's own magnitudes, inverted."""
    wanted = magnitude(clip, **settings)
    samples = invert(wanted, length=len(clip), inversion=inversion, seed=seed, **settings)
    return spectral_convergence(samples, wanted, **settings)


@pytest.fixture(scope="module")
def convergence(clip):
    """The convergence of the clip's own magnitudes by an inversion, computed once."""
    return functools.cache(lambda inversion: reached(clip, inversion))


def iterations_of(name, iterations, start="random"):
    return Inversion(algorithm=name, iterations=iterations, start=start)


@pytest.mark.parametrize("name", ITERATIVE)
def test_more_iterations_come_nearer(convergence, name):
    far, nearer, near = (convergence(iterations_of(name, n)) for n in (1, 6, 25))
    assert near < nearer - 3 < far - 6


def test_what_came_later_converges_faster_than_griffin_lim(convergence):
    plain, *others = (convergence(iterations_of(name, MANY)) for name in ITERATIVE)
    assert max(others) < plain - 2


def test_heap_integration_is_worth_many_iterations(convergence):
    assert convergence(PGHI) < convergence(iterations_of("griffin-lim", MANY))
    for name in ITERATIVE:
        assert convergence(iterations_of(name, 5, "pghi")) < convergence(iterations_of(name, 6)) - 5


@pytest.mark.parametrize("settings", [(512, 128), (1024, 341), (2048, 1024), (1024, 100)])
def test_every_window_and_hop_will_do(clip, settings):
    n_fft, hop_length = settings
    for inversion in ALL:
        assert reached(clip, inversion, n_fft=n_fft, hop_length=hop_length) < -6


def test_a_window_shorter_than_the_transform_will_do(clip):
    settings = {"n_fft": 512, "hop_length": 160, "win_length": 480}
    wanted = np.abs(librosa.stft(clip, **settings))
    for inversion in ALL:
        samples = invert(wanted, length=len(clip), inversion=inversion, seed=0, **settings)
        error = np.abs(librosa.stft(samples, **settings)) - wanted
        assert np.linalg.norm(error) < 0.5 * np.linalg.norm(wanted), inversion.algorithm
        # Taken for one of the transform's length, which it is not, the window leads further away.
        wrong = invert(wanted, length=len(clip), inversion=inversion, seed=0, n_fft=512, hop_length=160)
        error_of_wrong = np.abs(librosa.stft(wrong, **settings)) - wanted
        assert np.linalg.norm(error) < np.linalg.norm(error_of_wrong), inversion.algorithm


@pytest.mark.parametrize("name", ITERATIVE)
@pytest.mark.parametrize("iterations", [0, 1])
def test_the_true_phase_is_kept(clip, name, iterations):
    spectrum = librosa.stft(clip)
    inversion = iterations_of(name, iterations, "given")
    samples = invert(
        np.abs(spectrum), length=len(clip), inversion=inversion, seed=0, phase=np.angle(spectrum)
    )
    # Truncated weights do not hold the true phase quite still, least of all at the ends of the clip.
    tolerance = 0.02 if name == "le-roux" and iterations else 1e-6
    assert np.abs(samples - clip).max() < tolerance


@pytest.mark.parametrize(("name", "momentum"), [("griffin-lim", 0.0), ("fast-griffin-lim", 0.99)])
def test_griffin_lim_is_that_of_librosa(clip, name, momentum):
    wanted = magnitude(clip)
    theirs = librosa.griffinlim(
        wanted, n_iter=4, momentum=momentum, length=len(clip), random_state=np.random.default_rng(5)
    )
    ours = invert(wanted, length=len(clip), inversion=iterations_of(name, 4), seed=5)
    np.testing.assert_array_equal(ours, theirs)


def test_heap_integration_finds_steady_sines():
    time = np.arange(2 * RATE) / RATE
    sines = sum(np.sin(2 * np.pi * hertz * time + hertz) / 4 for hertz in (300, 700, 1500, 3100))
    # Faded in and out: windows that hold the edge of a sound hold no steady sines.
    faded = (sines * np.hanning(len(sines))).astype(np.float32)
    assert reached(faded, PGHI) < -30  # an error of 3 % of the amplitude


def test_heap_integration_follows_a_chirp():
    time = np.arange(2 * RATE) / RATE
    chirp = np.sin(2 * np.pi * (200 * time + 1000 * time**2)) * np.hanning(len(time))
    assert reached(chirp.astype(np.float32), PGHI) < -30


def test_the_phase_gradient_is_that_of_a_tone_and_of_a_click():
    transform = ShortTimeFourier(RATE, 2048, 512, 2048)
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    over_time, _ = phase_gradient(magnitude(tone), transform)
    nearest = round(440 * 2048 / RATE)  # its own frequency would turn the phase by 0.2 more
    np.testing.assert_allclose(over_time[nearest, 5:-5], 2 * np.pi * 440 * 512 / RATE, atol=0.05)

    click = np.zeros(RATE, dtype=np.float32)
    click[20 * 512 + 200] = 1
    _, over_frequency = phase_gradient(magnitude(click), transform)
    # A click in sample t of a window turns the phase by -2π t / n_fft from bin to bin.
    np.testing.assert_allclose(over_frequency[:, 20], -2 * np.pi * (1024 + 200) / 2048, atol=0.1)


def test_local_weights_are_those_of_going_there_and_back(clip, generator):
    transform = ShortTimeFourier(len(clip), 512, 128, 512)
    spectrum = transform.forward(generator.standard_normal(len(clip)).astype(np.float32))
    there_and_back = np.zeros_like(spectrum)
    there_and_back[100, 40] = spectrum[100, 40]
    there_and_back = transform.forward(transform.inverse(there_and_back)) / spectrum[100, 40]
    weights = local_weights(transform)
    for q in range(-3, 4):
        for p in range(-REACH, REACH + 1):
            turn = np.exp(-2j * np.pi * (100 - p) * q * 128 / 512)
            expected = there_and_back[100 - p, 40 - q]
            assert weights[q + 3, p + REACH] * turn == pytest.approx(expected, abs=1e-6)


def test_the_gradient_of_the_waveform_is_that_of_automatic_differentiation(clip, generator):
    wanted = magnitude(clip)
    samples = generator.standard_normal(len(clip)) * 0.1
    loss, gradient = MagnitudeLoss(wanted, ShortTimeFourier(len(clip), 2048, 512, 2048))(samples)

    x = torch.tensor(samples, requires_grad=True)
    window = torch.hann_window(2048, dtype=torch.float64)
    both_sides = torch.stft(
        x, 2048, 512, window=window, pad_mode="constant", onesided=False, return_complex=True
    )
    target = torch.from_numpy(np.concatenate([wanted, wanted[-2:0:-1]]).astype(np.float64))
    expected = ((both_sides.abs() - target) ** 2).sum() / (target**2).sum()
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(gradient, x.grad.numpy(), atol=1e-4 * x.grad.abs().max())


@by_algorithm
def test_the_seed_decides(clip, inversion):
    wanted = magnitude(clip)
    first, again, other = (
        invert(wanted, length=len(clip), inversion=inversion, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@by_algorithm
@pytest.mark.parametrize("length", [5000, 5119, 5120])
def test_the_length_is_the_one_asked_for(clip, inversion, length):
    samples = invert(magnitude(clip[:length]), length=length, inversion=inversion, seed=0)
    assert samples.shape == (length,)
    assert samples.dtype == np.float32


@by_algorithm
def test_the_level_is_kept(clip, inversion):
    wanted = magnitude(clip)
    loud, quiet = (
        invert(wanted * gain, length=len(clip), inversion=inversion, seed=0) for gain in (1, 2**-10)
    )
    np.testing.assert_allclose(quiet * 2**10, loud, atol=1e-4)


@by_algorithm
def test_silence_stays_silence(inversion):
    silence = np.zeros(5000, dtype=np.float32)
    assert not invert(magnitude(silence), length=5000, inversion=inversion, seed=0).any()


@by_algorithm
def test_what_is_half_silent_is_inverted(clip, inversion):
    half = clip.copy()
    half[len(half) // 2 :] = 0
    assert reached(half, inversion) < -4


def test_convergence_counts_in_decibels(clip):
    wanted = magnitude(clip)
    assert spectral_convergence(clip, wanted) == -math.inf
    assert spectral_convergence(np.zeros_like(clip), wanted) == 0
    assert spectral_convergence(clip * np.float32(0.9), wanted) == pytest.approx(-20, abs=1e-3)
    with pytest.raises(AudioError, match="zero"):
        spectral_convergence(clip, np.zeros_like(wanted))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"iterations": None}, "needs iterations"),
        ({"algorithm": "le-roux", "iterations": 3, "start": None}, "needs start"),
        ({"algorithm": "pghi", "iterations": 3}, "leave out iterations"),
        ({"algorithm": "pghi", "start": "random"}, "leave out start"),
        ({"algorithm": "waveform", "iterations": -1}, "greater than or equal to 0"),
        ({"algorithm": "waveform", "iterations": 1, "momentum": 0.5}, "momentum"),
    ],
)
def test_a_setting_does_something_or_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        Inversion(**settings)


def test_the_default_comes_as_near_as_any(convergence):
    for name in ITERATIVE:
        assert convergence(Inversion()) < convergence(iterations_of(name, MANY)) - 1


@by_algorithm
def test_settings_survive_being_written_down(inversion):
    assert Inversion(**inversion.model_dump()) == inversion


class Resynthesis(Method):
    name = "resynthesis"

    class Parameters(Parameters):
        inversion: Inversion = PGHI

    def transfer(self, content, style, *, sample_rate, seed):
        return invert(magnitude(content), length=len(content), inversion=self.parameters.inversion, seed=seed)


def test_a_method_names_the_algorithms_there_are(clip):
    method = Resynthesis(inversion={"algorithm": "le-roux", "iterations": 1})
    assert len(method.transfer(clip, clip, sample_rate=RATE, seed=0)) == len(clip)
    with pytest.raises(ConfigurationError, match=r"inversion\.algorithm.*'griffin-lim'.*got 'grifin-lim'"):
        Resynthesis(inversion={"algorithm": "grifin-lim", "iterations": 1})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": 99}, "shape"),
        ({"hop_length": 1500}, "overlap"),
        ({"win_length": 1000}, "overlap"),
        ({"win_length": 2050}, "no longer"),
        ({"inversion": iterations_of("le-roux", 1, "given")}, "pass `phase`"),
        ({"inversion": iterations_of("le-roux", 1, "given"), "phase": np.zeros((3, 3))}, r"shape \(3, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(clip, change, message):
    settings = {"length": len(clip), "inversion": PGHI, "seed": 0, **change}
    with pytest.raises(AudioError, match=message):
        invert(magnitude(clip), **settings)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_invalid_magnitudes_are_refused(clip, value):
    spoilt = magnitude(clip)
    spoilt[3, 3] = value
    with pytest.raises(AudioError, match="negative, infinite or NaN"):
        invert(spoilt, length=len(clip), inversion=PGHI, seed=0)
