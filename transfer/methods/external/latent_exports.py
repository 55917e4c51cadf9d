"""Exports for `nn~`, as RAVE and AFTER write them: networks with latents, called method by method.

Such an export has several methods, each from one tensor of shape (1, channels, frames) to another. Of a
method ``encode`` it holds ``encode_params``: channels of the input, samples in a frame of it, channels of the
output, samples in a frame of that. What is called here, and in which order, was checked against the export
scripts of the two projects and against `nn_tilde.Module`, which both are subclasses of.

RAVE
    ``decode(encode(content))``, the whole clip at once. The timbre is the model's own; the style is not asked
    for. What a variational export draws for latents that it left out follows the seed.
AFTER
    ``timbre(style)`` is asked once, of the whole style; its answer has as many frames as the network takes at
    a time. The content then goes block by block through ``structure``, and both together through
    ``generate``, or ``diffuse`` and ``decode``. The export looks at the last seconds of a style, and of a
    shorter one at the silence before it: so a shorter one is repeated until it is as long.

Clips are filled up with silence to whole frames or blocks. Exports for streams answer late: `latency` samples
are dropped from the start of the output. An export with several input channels gets the clip in each, and
output channels are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from timbrebench.core.errors import MethodError
from timbrebench.transfer.methods.external.export_calls import reason

#: Maximum channels, and samples in a frame, that an export may state: many times those of any model.
_MAX_CHANNELS, _MAX_RATIO = 4096, 1 << 20

#: Maximum frames that an export of AFTER may take at a time.
_MAX_CHUNK = 1 << 16


class MethodShape(NamedTuple):
    """What an export states about one of its methods.

    Attributes
    ----------
    in_channels, in_ratio, out_channels, out_ratio : int
        Channels, and samples in a frame, of input and output.
    """

    in_channels: int
    in_ratio: int
    out_channels: int
    out_ratio: int


@dataclass(frozen=True)
class LatentExport:
    """An export that is called method by method; everything it answers is checked.

    Attributes
    ----------
    module : torch.nn.Module
        The export.
    place : str
        What it is called in errors.
    """

    module: nn.Module
    place: str

    def check_rate(self, sample_rate: int) -> None:
        """Raise :class:`MethodError` if the export states another rate in hertz."""
        stated = getattr(self.module, "sr", None)
        if isinstance(stated, int | float) and 0 < stated < math.inf and round(stated) != sample_rate:
            raise MethodError(
                f"{self.place}: the export works at {stated:g} Hz, not at {sample_rate}: "
                f"set sample_rate = {stated:g}"
            )

    def has(self, name: str) -> bool:
        """Return whether the export has a method, with its parameters."""
        return callable(getattr(self.module, name, None)) and hasattr(self.module, f"{name}_params")

    def shape(self, name: str) -> MethodShape:
        """Return what the export states about a method.

        Raises :class:`MethodError` if it has no such method or states what cannot be.
        """
        if not self.has(name):
            known = sorted(key[: -len("_params")] for key, _ in self.module.named_buffers() if _is_top(key))
            raise MethodError(
                f"{self.place}: the export has no method {name!r} with {name}_params (it has "
                f"{', '.join(filter(self.has, known)) or 'none'}): choose the interface that it was exported "
                "for, or export it with nn_tilde"
            )
        stated = getattr(self.module, f"{name}_params")
        values = stated.flatten().tolist() if isinstance(stated, Tensor) and stated.numel() == 4 else []
        limits = (_MAX_CHANNELS, _MAX_RATIO) * 2
        if not values or not all(
            _is_whole(value) and 1 <= value <= limit for value, limit in zip(values, limits, strict=True)
        ):
            raise MethodError(
                f"{self.place}: {name}_params are not four whole numbers: channels and samples in a frame of "
                "the input, and of the output"
            )
        return MethodShape(*map(int, values))

    def call(self, name: str, given: Tensor, frames: int | None) -> Tensor:
        """Call a method, and return its answer, shape (1, channels, frames).

        Parameters
        ----------
        name : str
            The method.
        given : torch.Tensor, shape (1, channels, frames)
            Its input.
        frames : int or None
            Frames that the answer has to have; None for any number up to the limit.

        Raises
        ------
        MethodError
            If it fails, or returns anything else.
        """
        channels = self.shape(name).out_channels
        answer = self._answer(name, given)
        wanted = f"floats of shape (1, {channels}, {'frames' if frames is None else frames})"
        if not isinstance(answer, Tensor):
            raise MethodError(f"{self.place}: {name} returned a {type(answer).__name__}, not {wanted}")
        fits = answer.is_floating_point() and answer.ndim == 3 and answer.shape[:2] == (1, channels)
        if not fits or not (
            1 <= answer.shape[2] <= _MAX_CHUNK if frames is None else answer.shape[2] == frames
        ):
            raise MethodError(
                f"{self.place}: {name} returned {answer.dtype} of shape {tuple(answer.shape)}, "
                f"not {wanted}, which follow from {name}_params"
            )
        if not torch.isfinite(answer).all():
            raise MethodError(f"{self.place}: {name} returned NaN or infinity")
        return answer

    def _answer(self, name: str, given: Tensor) -> Any:  # noqa: ANN401 - a method may return anything
        try:
            return getattr(self.module, name)(given)
        except Exception as error:  # a module may raise anything
            raise MethodError(f"{self.place}: {name} failed: {reason(error)}") from error


def call_rave(export: LatentExport, content: Tensor, latency: int) -> Tensor:
    """Encode and decode a content, shape (1, n) like the answer."""
    encode, decode = export.shape("encode"), export.shape("decode")
    _check_chain(export, "encode", encode, "decode", (decode.in_channels, decode.in_ratio))
    _check_audio(export, encode=encode, decode=decode)
    frames = math.ceil((content.shape[1] + latency) / encode.out_ratio)
    latents = export.call("encode", _channels(content, encode, frames * encode.out_ratio), frames)
    made = export.call("decode", latents, frames * encode.out_ratio)
    return _trimmed(made, latency, content.shape[1])


def call_after(export: LatentExport, content: Tensor, style: Tensor, latency: int) -> Tensor:
    """Generate from the structure of a content and the timbre of a style, shapes (1, n) and (1, m)."""
    structure, timbre = export.shape("structure"), export.shape("timbre")
    steps = ["generate"] if export.has("generate") else ["diffuse", "decode"]
    shapes = [export.shape(name) for name in steps]
    _check_chain(
        export,
        "structure and timbre",
        structure._replace(out_channels=structure.out_channels + timbre.out_channels),
        steps[0],
        (shapes[0].in_channels, shapes[0].in_ratio),
    )
    if len(steps) > 1:
        _check_chain(export, "diffuse", shapes[0], "decode", (shapes[1].in_channels, shapes[1].in_ratio))
    _check_audio(export, structure=structure, timbre=timbre, **{steps[-1]: shapes[-1]})
    ratio = structure.out_ratio
    vector = export.call("timbre", _channels(*_whole_style(export, style, timbre)), None)
    chunk = vector.shape[2]
    total = math.ceil((content.shape[1] + latency) / (chunk * ratio)) * chunk * ratio
    made = []
    for block in torch.tensor_split(_channels(content, structure, total), total // (chunk * ratio), dim=2):
        latents = torch.cat([export.call("structure", block, chunk), vector], dim=1)
        for name, shape in zip(steps, shapes, strict=True):
            latents = export.call(name, latents, chunk * ratio // shape.out_ratio)
        made.append(latents)
    return _trimmed(torch.cat(made, dim=2), latency, content.shape[1])


def _whole_style(export: LatentExport, style: Tensor, timbre: MethodShape) -> tuple[Tensor, MethodShape, int]:
    """Return the style, as long as what the export looks at, its channels, and a length in whole frames."""
    looked_at = getattr(export.module, "n_signal_timbre", 0)
    least = looked_at * timbre.out_ratio if isinstance(looked_at, int) and 0 < looked_at <= _MAX_CHUNK else 0
    if style.shape[1] < least:
        style = style.repeat(1, math.ceil(least / style.shape[1]))[:, :least]
    return style, timbre, math.ceil(style.shape[1] / timbre.out_ratio) * timbre.out_ratio


def _channels(clip: Tensor, shape: MethodShape, length: int) -> Tensor:
    """Return a clip in all input channels, filled up with silence, shape (1, channels, length)."""
    return pad(clip, (0, length - clip.shape[1]))[None].repeat(1, shape.in_channels, 1)


def _trimmed(made: Tensor, latency: int, length: int) -> Tensor:
    return made.mean(dim=1)[:, latency : latency + length]


def _check_chain(
    export: LatentExport, first: str, before: MethodShape, second: str, wanted: Sequence[int]
) -> None:
    if (before.out_channels, before.out_ratio) != tuple(wanted):
        raise MethodError(
            f"{export.place}: {first} put out {before.out_channels} channels with a frame in "
            f"{before.out_ratio} samples, {second} takes {wanted[0]} with one in {wanted[1]}: export methods "
            "that follow on each other"
        )


def _check_audio(export: LatentExport, **shapes: MethodShape) -> None:
    """Raise MethodError unless inputs of the first methods and outputs of the last are samples."""
    *inputs, (last, output) = shapes.items()
    ratios = [(name, "takes", shape.in_ratio) for name, shape in inputs] + [
        (last, "puts out", output.out_ratio)
    ]
    for name, verb, ratio in ratios:
        if ratio != 1:
            raise MethodError(
                f"{export.place}: {name} {verb} a value in {ratio} samples, not samples of audio"
            )


def _is_whole(value: object) -> bool:
    return isinstance(value, int | float) and float(value).is_integer()


def _is_top(key: str) -> bool:
    return key.endswith("_params") and "." not in key
