"""Exports of RAVE and AFTER: small networks with the same methods, exported as those are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.transfer import apply, create

RATIO, LATENTS = 64, 4


class Exported(nn.Module):
    """What `nn_tilde.Module` adds: a buffer for each method, and the rate."""

    def __init__(self, **methods: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.sr = 22050
        for name, shape in methods.items():
            self.register_buffer(f"{name}_params", torch.tensor(shape))


class Rave(Exported):
    """Keeps each frame whole in its latents, so that decoding gives the clip back."""

    def __init__(
        self, in_channels: int = 1, out_channels: int = 1, **methods: tuple[int, int, int, int]
    ) -> None:
        usual = {
            "encode": (in_channels, 1, RATIO, RATIO),
            "decode": (RATIO, RATIO, out_channels, 1),
            "forward": (in_channels, 1, out_channels, 1),
        }
        super().__init__(**{**usual, **methods})
        self.out_channels = out_channels
        self.encoder = nn.Conv1d(in_channels, RATIO, RATIO, RATIO, bias=False)
        self.decoder = nn.ConvTranspose1d(RATIO, 1, RATIO, RATIO, bias=False)
        with torch.no_grad():
            self.encoder.weight.copy_(torch.eye(RATIO)[:, None].repeat(1, in_channels, 1) / in_channels)
            self.decoder.weight.copy_(torch.eye(RATIO)[:, None])

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        return 0.5 * self.decoder(z).repeat(1, self.out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


class Streaming(Rave):
    """Late by a frame, which it keeps between calls."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.zeros(1, RATIO, 1))

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        z = torch.cat([self.kept, self.encoder(x)], dim=2)
        self.kept = z[:, :, -1:]
        return z[:, :, :-1]


class Variational(Rave):
    """Draws, as RAVE does for the latents that it leaves out."""

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        return 0.5 * self.decoder(z + 0.05 * torch.randn_like(z))


class NotFinite(Rave):
    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x) / 0.0


class Shortened(Rave):
    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)[:, :, 1:]


class Raising(Rave):
    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        raise ValueError("no decoder was trained")


class After(Exported):
    """Structure is the content, timbre the mean square of what the timbre buffer holds."""

    def __init__(self, chunk: int = 3, window: int = 20, *, generates: bool = True) -> None:
        methods = {
            "structure": (1, 1, RATIO, RATIO),
            "timbre": (1, 1, 2, RATIO),
            "diffuse": (RATIO + 2, RATIO, RATIO, RATIO),
            "decode": (RATIO, RATIO, 1, 1),
        }
        if generates:
            methods["generate"] = (RATIO + 2, RATIO, 1, 1)
        super().__init__(**methods)
        self.chunk_size, self.n_signal_timbre = chunk, window
        self.register_buffer("previous_timbre", torch.zeros(1, 1, window * RATIO))

    @torch.jit.export
    def structure(self, x: Tensor) -> Tensor:
        return x.reshape(1, -1, 64).transpose(1, 2)

    @torch.jit.export
    def timbre(self, x: Tensor) -> Tensor:
        self.previous_timbre = torch.cat([self.previous_timbre, x], 2)[..., x.shape[2] :]
        level = self.previous_timbre.square().mean().sqrt()
        return level.reshape(1, 1, 1).repeat(1, 2, self.chunk_size)

    @torch.jit.export
    def diffuse(self, x: Tensor) -> Tensor:
        assert x.shape[2] == self.chunk_size, "a cache of one block"
        return x[:, :-2] * x[:, -2:].mean() + 0.001 * torch.randn_like(x[:, :-2])

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        return z.transpose(1, 2).reshape(1, 1, -1)

    @torch.jit.export
    def generate(self, x: Tensor) -> Tensor:
        return self.decode(self.diffuse(x))

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([self.structure(x[:, :1]), self.timbre(x[:, 1:])], 1)
        return self.generate(both)


@pytest.fixture
def export(tmp_path):
    """Export a module and return the method that calls it."""

    def export(module, interface="rave", sample_rate=22050, **parameters):
        path = tmp_path / "model.ts"
        torch.jit.save(torch.jit.script(module.eval()), path)
        given = {"path": str(path), "sample_rate": sample_rate, "interface": interface, **parameters}
        return create("torchscript", given)

    return export


class TestRave:
    def test_a_clip_that_is_no_whole_number_of_frames_comes_back_in_its_length(self, export, pair):
        assert len(pair["content"]) % RATIO
        output = apply(export(Rave()), **pair, seed=0)
        np.testing.assert_allclose(output, pair["content"] / 2, atol=1e-6)

    def test_the_style_is_not_asked_for(self, export, pair):
        method = export(Rave())
        expected = apply(method, **pair, seed=0)
        pair["style"] = pair["style"][::-1]
        np.testing.assert_array_equal(apply(method, **pair, seed=0), expected)

    def test_channels_are_filled_and_averaged(self, export, pair):
        output = apply(export(Rave(in_channels=2, out_channels=2)), **pair, seed=0)
        np.testing.assert_allclose(output, pair["content"] / 2, atol=1e-6)

    def test_latency_is_dropped_from_the_start_and_nothing_from_the_end(self, export, pair):
        late = apply(export(Streaming()), **pair, seed=0)
        np.testing.assert_allclose(late[RATIO:], pair["content"][:-RATIO] / 2, atol=1e-6)
        output = apply(export(Streaming(), latency=RATIO), **pair, seed=0)
        np.testing.assert_allclose(output, pair["content"] / 2, atol=1e-6)

    def test_caches_are_empty_for_every_pair(self, export, pair):
        method = export(Streaming())
        first, again = (apply(method, **pair, seed=0) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert not first[:RATIO].any()

    def test_what_is_drawn_follows_the_seed(self, export, pair):
        method = export(Variational())
        first, again, other = (apply(method, **pair, seed=seed) for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.01

    def test_it_works_at_the_rate_of_the_export(self, export, pair):
        module = Rave()
        module.sr = 44100
        output = apply(export(module, sample_rate=44100), **pair, seed=0)
        inner = slice(1000, -1000)
        np.testing.assert_allclose(output[inner], pair["content"][inner] / 2, atol=0.02)


class TestAfter:
    @pytest.mark.parametrize("generates", [True, False])
    def test_the_content_takes_the_timbre_of_the_style(self, export, pair, generates):
        method = export(After(generates=generates), interface="after")
        level = np.sqrt(np.mean(pair["style"][-20 * RATIO :] ** 2))
        for gain in (1.0, 0.5):
            given = {**pair, "style": gain * pair["style"]}
            output = apply(method, **given, seed=0)
            filled = np.pad(given["style"], (0, -len(given["style"]) % RATIO))[-20 * RATIO :]
            expected = pair["content"] * np.sqrt(np.mean(filled**2))
            np.testing.assert_allclose(output, expected, atol=0.01)
        assert level > 0.05

    def test_a_short_style_fills_what_the_export_looks_at(self, export, pair):
        method = export(After(window=1000), interface="after")
        output = apply(method, **pair, seed=0)
        level = np.sqrt(np.mean(np.resize(pair["style"], 1000 * RATIO) ** 2))
        np.testing.assert_allclose(output, pair["content"] * level, atol=0.01)

    def test_seeds_and_caches(self, export, pair):
        method = export(After(), interface="after")
        first, again, other = (apply(method, **pair, seed=seed) for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_latency(self, export, pair):
        method = export(After(), interface="after", latency=100)
        output = apply(method, **pair, seed=0)
        assert np.abs(output[:-100]).max() > 0.05
        assert np.abs(output[-100:]).max() < 0.01  # what is behind the content is silence


@pytest.mark.parametrize(
    ("module", "interface", "reason"),
    [
        (Rave(), "after", r"no method 'structure' with structure_params \(it has decode, encode, forward\)"),
        (After(), "rave", "no method 'encode'.*choose the interface that it was exported for"),
        (NotFinite(), "rave", "encode returned NaN or infinity"),
        (Shortened(), "rave", r"encode returned torch.float32 of shape \(1, 64, 430\), not .*64, 431\)"),
        (Raising(), "rave", "decode failed: ValueError: no decoder was trained$"),
        (Rave(decode=(RATIO, 32, 1, 1)), "rave", "64 channels with a frame in 64 samples, decode takes 64"),
        (Rave(encode=(1, 2, RATIO, RATIO)), "rave", "encode takes a value in 2 samples, not samples of"),
        (Rave(encode=(1, 1, -3, 0)), "rave", "encode_params are not four whole numbers"),
        (Rave(encode=(1.0, float("nan"), RATIO, 1.0)), "rave", "encode_params are not four whole numbers"),
        (Rave(encode=(1.0, float("inf"), RATIO, 1.0)), "rave", "encode_params are not four whole numbers"),
        (Rave(encode=(1, 1, RATIO, 1 << 40)), "rave", "encode_params are not four whole numbers"),
        (Rave(), "transfer", 'failed: .*set interface = "rave"'),
        (After(), "transfer", 'failed: .*set interface = "after"'),
    ],
)
def test_what_is_wrong_with_an_export_is_said(export, pair, module, interface, reason):
    with pytest.raises(MethodError, match=reason):
        apply(export(module, interface), **pair, seed=0)


def test_another_rate_than_the_exports_is_refused(export, pair):
    method = export(Rave(), sample_rate=44100)
    with pytest.raises(MethodError, match=r"works at 22050 Hz, not at 44100: set sample_rate = 22050"):
        apply(method, **pair, seed=0)


def test_an_unknown_interface_is_refused(export):
    with pytest.raises(ConfigurationError, match="interface"):
        export(Rave(), interface="raves")
