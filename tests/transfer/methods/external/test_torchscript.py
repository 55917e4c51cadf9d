"""Exported networks: real exports of real modules."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from timbrebench.classifier.fitting import weights_sha256
from timbrebench.core.errors import ConfigurationError, MethodError
from timbrebench.transfer import apply, create


class Network(nn.Module):
    """Mixes the style in, through a layer with weights."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Linear(1, 1)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return 0.5 * content + 0.01 * self.gain(style.mean().reshape(1, 1))


class Wrapped(nn.Module):
    """Holds somebody else's network."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return self.inner(content, style)


class Drawing(nn.Module):
    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return 0.5 * content + 0.1 * torch.randn_like(content)


class Remembering(nn.Module):
    """Louder with every call, as a network for streams may be."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        self.calls += 1
        return content * self.calls / 10


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return self.dropout(content)


class Shape(nn.Module):
    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        if content.dtype != torch.float32 or content.ndim != 2 or content.size(0) != 1:
            raise RuntimeError("not what was documented")
        return content[0]


class Short(nn.Module):
    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return content[:, : content.size(1) // 2]


class Endless(nn.Module):
    """Returns hours that take no memory, until they are copied."""

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return content[:, :1].expand(1, 1_000_000_000_000)


class Whole(nn.Module):
    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return (content > 0).long()


class Twice(nn.Module):
    def forward(self, content: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        return content, style


class Failing(nn.Module):
    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return content.reshape(3, -1) @ style


class Lonely(nn.Module):
    def forward(self, content: Tensor) -> Tensor:
        return content


class Raising(nn.Module):
    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        if content.size(1) > 3:
            raise ValueError("the clip is too long:\n" + str(content.size(1)))
        return content


class Asserting(nn.Module):
    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        assert content.size(1) == 3, "three samples only"
        return content


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 5)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return self.layer(content)


class Wanting(nn.Module):
    def forward(self, content: Tensor, style: Tensor, more: int) -> Tensor:
        return content


class Counting(nn.Module):
    def forward(self, content: int, style: Tensor) -> Tensor:
        return style


@pytest.fixture
def export(tmp_path):
    """Export a module and return the method that calls it."""

    def export(module, sample_rate=22050, **parameters):
        path = tmp_path / "model.pt"
        torch.jit.save(torch.jit.script(module), path)
        return create("torchscript", {"path": str(path), "sample_rate": sample_rate, **parameters})

    return export


def test_the_module_is_called_as_documented(export, pair):
    torch.manual_seed(0)
    network = Network()
    output = apply(export(network), **pair, seed=0)
    with torch.no_grad():
        expected = network(*(torch.from_numpy(pair[name])[None] for name in ("content", "style")))[0]
    np.testing.assert_array_equal(output, expected.numpy())


def test_clips_are_brought_to_the_models_rate_and_back(export, pair):
    class Rate(nn.Module):
        def forward(self, content: Tensor, style: Tensor) -> Tensor:
            return torch.full_like(content, content.size(1) / 100_000)

    output = apply(export(Rate(), sample_rate=48000), **pair, seed=0)
    assert output.shape == pair["content"].shape
    length_at_48_khz = -(-len(pair["content"]) * 48000 // 22050)
    assert np.median(output) == pytest.approx(length_at_48_khz / 100_000, rel=1e-4)


def test_resampling_alone_never_leaves_the_range(export, pair):
    class Square(nn.Module):
        def forward(self, content: Tensor, style: Tensor) -> Tensor:
            return torch.sign(content)

    class TooLoud(nn.Module):
        def forward(self, content: Tensor, style: Tensor) -> Tensor:
            return 1.5 * torch.sign(content)

    output = apply(export(Square(), sample_rate=16000), **pair, seed=0)
    assert np.abs(output).max() == 1
    too_loud = export(TooLoud(), sample_rate=16000)
    with pytest.raises(MethodError, match="peaks at"):
        apply(too_loud, **pair, seed=0)


def test_draws_come_from_the_seed_and_from_nothing_else(export, pair):
    method = export(Drawing())
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again, other = (apply(method, **pair, seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.05
    assert torch.equal(torch.get_rng_state(), before)


def test_a_module_that_remembers_is_new_for_every_pair(export, pair):
    method = export(Remembering())
    for _ in range(3):
        np.testing.assert_allclose(apply(method, **pair, seed=0), pair["content"] / 10, rtol=1e-6)


def test_layers_are_in_evaluation_mode(export, pair):
    np.testing.assert_array_equal(apply(export(Dropping().train()), **pair, seed=0), pair["content"])


def test_frozen_and_traced_exports_work(export, pair, tmp_path):
    method = export(Network().eval())
    expected = apply(method, **pair, seed=0)
    frozen = torch.jit.freeze(torch.jit.load(tmp_path / "model.pt").eval())
    torch.jit.save(frozen, tmp_path / "frozen.pt")
    again = create("torchscript", {"path": str(tmp_path / "frozen.pt"), "sample_rate": 22050})
    np.testing.assert_allclose(apply(again, **pair, seed=0), expected, atol=1e-7)
    assert len(again.learned().weights) >= 1


def test_it_can_be_sent_to_a_worker(export, pair):
    method = export(Network())
    expected = apply(method, **pair, seed=0)
    sent = pickle.dumps(method)
    assert len(sent) < 2000  # the path, not the network
    np.testing.assert_array_equal(apply(pickle.loads(sent), **pair, seed=0), expected)  # noqa: S301


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (Shape(), r"returned torch\.float32 of shape \(27560,\): return floats of shape \(1, k\)"),
        (Whole(), r"returned torch\.int64 of shape \(1, 27560\)"),
        (Twice(), "returned a tuple, not a tensor"),
        (Failing(), r"module\(content, style\) failed: RuntimeError: shape '\[3, -1\]' is invalid"),
        (Lonely(), r"module\(content, style\) failed: forward\(\) expected at most 2 arg.* received 3"),
        (Wanting(), r"failed: forward\(\) is missing value for argument 'more'"),
        (
            Counting(),
            r"failed: forward\(\) Expected a value of type 'int' for argument 'content'.*'Tensor'\.$",
        ),
        (Raising(), r"failed: ValueError: the clip is too long: 27560$"),
        (Asserting(), r"failed: RuntimeError: AssertionError: three samples only$"),
        (Deep(), r"failed: RuntimeError: mat1 and mat2 shapes cannot be multiplied \(1x27560 and 5x5\)$"),
        (Short(), "the output lasts 0.62"),
        (Endless(), "returned 1000000000000 samples at 22050 Hz: return as many as the content has"),
    ],
)
def test_what_a_module_does_wrong_is_told(export, pair, module, reason):
    with pytest.raises(MethodError, match=reason):
        apply(export(module), **pair, seed=0)


@pytest.mark.parametrize(
    ("written", "reason"),
    [(None, "No such file"), (b"", "not a TorchScript"), (b"text", "not a TorchScript")],
)
def test_a_file_that_is_no_export_is_named(tmp_path, pair, written, reason):
    path = tmp_path / "other.pt"
    if written is not None:
        path.write_bytes(written)
    method = create("torchscript", {"path": str(path), "sample_rate": 22050})
    assert method.fingerprint()
    for use in (method.learned, lambda: apply(method, **pair, seed=0)):
        with pytest.raises(MethodError, match=f"other.pt: .*{reason}"):
            use()


def test_what_a_traced_module_does_wrong_is_told(pair, tmp_path):
    traced = torch.jit.trace(Deep(), (torch.zeros(1, 5), torch.zeros(1, 5)))
    torch.jit.save(traced, tmp_path / "model.pt")
    method = create("torchscript", {"path": str(tmp_path / "model.pt"), "sample_rate": 22050})
    with pytest.raises(MethodError, match=r"failed: RuntimeError: mat1 and mat2 shapes .*5x5\)$"):
        apply(method, **pair, seed=0)


def test_a_state_dict_is_no_export(tmp_path, pair):
    torch.save(Network().state_dict(), tmp_path / "weights.pt")
    method = create("torchscript", {"path": str(tmp_path / "weights.pt"), "sample_rate": 22050})
    with pytest.raises(MethodError, match=r"not a TorchScript export: write it with torch\.jit\.save"):
        apply(method, **pair, seed=0)


def test_a_file_that_changes_while_it_is_in_use_is_noticed(export, pair, tmp_path):
    method = export(Network())
    assert method.learned().weights
    sent = pickle.dumps(method)
    export(Drawing())
    worker = pickle.loads(sent)  # noqa: S301
    # The copy in memory would still do here; in another process there is none.
    from timbrebench.transfer.methods.external.torchscript import _load

    _load.cache_clear()
    with pytest.raises(MethodError, match="has changed in the meantime"):
        apply(worker, **pair, seed=0)


def test_weights_are_known_wherever_in_the_export_they_are(export):
    inner = Network()
    known = weights_sha256(inner)
    assert known in export(inner).learned().weights
    assert known in export(Wrapped(Wrapped(inner))).learned().weights
    assert known not in export(Wrapped(Network())).learned().weights


def test_the_fingerprint_is_the_files(export):
    first = export(Network()).fingerprint()
    assert export(Drawing()).fingerprint() != first


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"path": "model.pt"}, "the key 'sample_rate' is missing"),
        ({"sample_rate": 22050}, "the key 'path' is missing"),
        ({"path": "model.pt", "sample_rate": 0}, "sample_rate: .*greater than 0"),
        ({"path": "model.pt", "sample_rate": 22050, "device": "tpu"}, "device: "),
    ],
)
def test_parameters_are_checked(parameters, reason):
    with pytest.raises(ConfigurationError, match=reason):
        create("torchscript", parameters)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU")
def test_a_gpu_that_is_not_there_is_told(export, pair):
    with pytest.raises(ConfigurationError, match="torch finds no GPU"):
        apply(export(Network(), device="cuda"), **pair, seed=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_what_the_cpu_gives(export, pair):
    on_cpu, on_gpu = (apply(export(Network(), device=device), **pair, seed=0) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-6)
