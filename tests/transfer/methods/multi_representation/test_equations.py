"""The losses of multi-representation against the equations of Barry & Kim (2018), written out in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from timbrebench.audio.constant_q import PseudoConstantQ
from timbrebench.audio.differentiable import MelBands
from timbrebench.transfer.methods.multi_representation.gradient_normalisation import (
    normalising_weights,
    weighted_sum,
)
from timbrebench.transfer.methods.multi_representation.multi_representation import MultiRepresentation
from timbrebench.transfer.methods.multi_representation.representations import lecun_normal

RATE, N_FFT, HOP, SEED = 8000, 64, 8, 7

#: Filters and taps of each network; bands of content and style; bins.
STFT, MEL, CQT = (5, 3), (3, 4, 3, (4, 6)), (2, (3, 5), 12)

METHOD = MultiRepresentation(
    sample_rate=RATE,
    n_fft=N_FFT,
    hop_length=HOP,
    weights={"stft_content": 3, "sparsity": 0},
    stft_network={"n_filters": STFT[0], "kernel_width": STFT[1]},
    mel_network={
        "n_filters": MEL[0],
        "kernel_width": MEL[1],
        "block_width": MEL[2],
        "content_bands": MEL[3][0],
        "style_bands": MEL[3][1],
        "content_fmax": 3000,
    },
    cqt_network={"n_filters": CQT[0], "kernel_bins": CQT[1][0], "kernel_width": CQT[1][1], "n_bins": CQT[2]},
)

rng = np.random.default_rng(0)
CONTENT, STYLE, OUTPUT = (rng.standard_normal(n).astype(np.float32) for n in (176, 200, 176))


def magnitudes(samples, n_fft):
    """Hann windows centred on every HOP-th sample, silence beyond the ends."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    padded = np.pad(np.asarray(samples, np.float64), n_fft // 2)
    frames = [padded[start : start + n_fft] for start in range(0, len(samples) + 1, HOP)]
    return np.abs(np.fft.rfft(np.array(frames) * window)).T


def mel_filters(n_bands, fmax):
    """Triangles whose corners are equidistant on M(f) = 1125 ln(1 + f / 700), equation 6."""
    corners = np.linspace(0, 1125 * np.log(1 + fmax / 700), n_bands + 2)
    hertz = 700 * (np.exp(corners / 1125) - 1)
    bins = np.arange(N_FFT // 2 + 1) * RATE / N_FFT
    return np.array([np.interp(bins, hertz[n : n + 3], [0, 1, 0]) for n in range(n_bands)])


def weights(number, layer, *shape):
    return lecun_normal(SEED + number, truncated=False)(layer, shape).double().numpy()


def selu(x):
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))


def convolve(x, w, apart, *, padded):
    """Sum over channels and taps; x (channels, bins, frames), w (filters, channels, taps, taps)."""
    down, across = apart if w.shape[2] > 1 else 1, apart
    reach = (w.shape[2] - 1) * down, (w.shape[3] - 1) * across
    if padded:
        before = (w.shape[2] - 1) // 2 * down, (w.shape[3] - 1) // 2 * across
        x = np.pad(x, [(0, 0), *((b, r - b) for b, r in zip(before, reach, strict=True))])
    height, width = x.shape[1] - reach[0], x.shape[2] - reach[1]
    made = np.zeros((len(w), height, width))
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            window = x[:, i * down : i * down + height, j * across : j * across + width]
            made += np.einsum("fc,cht->fht", w[:, :, i, j], window)
    return made


def layers(number, x, first, n_blocks, kernel, *, pooling=1):
    """The features after the first convolution and each residual block, dilated by 2, 4 and so on."""
    features = selu(convolve(x, first, 1, padded=n_blocks > 0))
    if pooling > 1:
        whole = features.shape[1] // pooling * pooling
        features = features[:, :whole].reshape(len(features), -1, pooling, features.shape[2]).max(axis=2)
    made, stream, n = [features], features, len(first)
    for block in range(n_blocks):
        dilated = weights(number, 2 * block + 1, n, n, *kernel)
        point = weights(number, 2 * block + 2, n, n)
        inner = selu(convolve(made[-1], dilated, 2 ** (block + 1), padded=True))
        stream = stream + np.einsum("fc,cht->fht", point, inner)
        made.append(selu(stream))
    return made


def stft_layers(samples):
    x = np.log1p(magnitudes(samples, N_FFT))[:, None]
    return layers(0, x, weights(0, 0, STFT[0], len(x), STFT[1])[:, :, None], 0, ())


def mel_layers(samples, kind):
    bands, n_blocks, fmax = (MEL[3][0], 0, 3000) if kind == "content" else (MEL[3][1], 2, RATE / 2)
    x = np.log1p(mel_filters(bands, fmax) @ magnitudes(samples, N_FFT))[:, None]
    return layers(1, x, weights(1, 0, MEL[0], bands, MEL[1])[:, :, None], n_blocks, (1, MEL[2]))


TRANSFORM = PseudoConstantQ(RATE, hop_length=HOP, n_bins=CQT[2], filter_scale=0.1)


def cqt_layers(samples, kind):
    x = np.log1p(TRANSFORM.weights.double().numpy() @ magnitudes(samples, TRANSFORM.n_fft))[None]
    n_blocks, pooling = (0, 2) if kind == "content" else (3, 1)
    return layers(2, x, weights(2, 0, CQT[0], 1, *CQT[1]), n_blocks, CQT[1], pooling=pooling)


NETWORKS = {"stft": lambda samples, kind: stft_layers(samples), "mel": mel_layers, "cqt": cqt_layers}


def content_loss(c, x):
    """Equation 1, of the last layer."""
    return 0.5 * np.sum((c[-1] - x[-1]) ** 2)


def style_loss(s, x):
    """Equations 2 to 4, summed over layers, with products divided by the positions, of both axes."""
    total = 0.0
    for of_style, of_output in zip(s, x, strict=True):
        g, w = (np.einsum("iht,jht->ij", f, f) / (f.shape[1] * f.shape[2]) for f in (of_style, of_output))
        total += np.sum((g - w) ** 2) / len(g) ** 2
    return total


TARGETS = {name: (network(CONTENT, "content"), network(STYLE, "style")) for name, network in NETWORKS.items()}


def losses(samples):
    """All six, by term."""
    made = {}
    for name, network in NETWORKS.items():
        content, style = TARGETS[name]
        made[f"{name}_content"] = content_loss(content, network(samples, "content"))
        made[f"{name}_style"] = style_loss(style, network(samples, "style"))
    return made


@pytest.fixture(scope="module")
def terms():
    made = METHOD.losses(SEED, torch.device("cpu"))
    return made.towards(torch.from_numpy(CONTENT), [torch.from_numpy(STYLE)])


@pytest.fixture(scope="module")
def betas():
    """Equation 7, from central differences of the losses in every sample."""
    step = 1e-5
    slopes = {}
    for sample in range(len(OUTPUT)):
        ahead, behind = (OUTPUT + side * step * (np.arange(len(OUTPUT)) == sample) for side in (1.0, -1.0))
        for name, loss in losses(ahead).items():
            slopes.setdefault(name, []).append(loss)
        for name, loss in losses(behind).items():
            slopes[name][-1] = (slopes[name][-1] - loss) / (2 * step)
    return {name: 1 / np.linalg.norm(gradient) for name, gradient in slopes.items()}


def test_equations_1_to_4(terms):
    made = {name: float(loss) for name, loss in terms(torch.from_numpy(OUTPUT)).items()}
    assert made == pytest.approx(losses(OUTPUT), rel=1e-4)


def test_equation_5_is_the_weighted_sum_of_the_two_terms_of_the_stft(terms):
    made = weighted_sum(terms, dict.fromkeys(losses(OUTPUT), 0.0) | {"stft_content": 2, "stft_style": 5})
    own = losses(OUTPUT)
    expected = 2 * own["stft_content"] + 5 * own["stft_style"]
    assert float(made(torch.from_numpy(OUTPUT))) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("n_bands", [4, 16])
def test_equation_6(n_bands):
    made = MelBands(RATE, N_FFT, n_bands, 3000, "htk").weights
    np.testing.assert_allclose(made, mel_filters(n_bands, 3000), atol=1e-6)


def test_equation_7(terms, betas):
    assert normalising_weights(terms, torch.from_numpy(OUTPUT)) == pytest.approx(betas, rel=1e-4)


def test_equations_8_and_9(terms, betas):
    gammas = METHOD.parameters.terms
    assert gammas == {"stft_content": 3, "mel_content": 1, "cqt_content": 1} | dict.fromkeys(
        ("stft_style", "mel_style", "cqt_style"), 50
    )
    x = torch.from_numpy(OUTPUT)
    norms = normalising_weights(terms, x)
    made = weighted_sum(terms, {name: gamma * norms[name] for name, gamma in gammas.items()})
    expected = sum(gammas[name] * betas[name] * loss for name, loss in losses(OUTPUT).items())
    assert float(made(x)) == pytest.approx(expected, rel=1e-4)
