"""Table 1 of Barry & Kim (2018): which loss terms there are, by number or name, and with which networks.

A configuration is named ``{content}/{style}`` by the representations that each is compared by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

Kind = Literal["content", "style"]

#: The settings of the text, or of the authors' script.
Preset = Literal["text", "code"]

#: The configurations of table 1 in its order, from number 1 on.
TABLE_1 = (
    "stft/stft",
    "stft/stft+mel",
    "stft/stft+mel+cqt",
    "mel+cqt/stft",
    "mel+cqt/stft+mel",
    "mel+cqt/stft+mel+cqt",
)

#: Those whose style has a mel network of one layer, without residual blocks: numbers 2 and 5.
ONE_MEL_LAYER = ("stft/stft+mel", "mel+cqt/stft+mel")

#: Section 4.1: the style alone, as long as the content and as loud.
TEXTURE = "texture"

#: Representations that each configuration takes content and style from.
CONFIGURATIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **{name: (tuple(c.split("+")), tuple(s.split("+"))) for name in TABLE_1 for c, s in [name.split("/")]},
    TEXTURE: ((), ("stft", "mel")),
}

#: Where the authors' script differs from the text: values of the method's parameters.
CODE: Mapping[str, Mapping[str, object]] = {
    "stft_network": {"kernel_width": 5},
    "mel_network": {"n_filters": 1024, "content_blocks": 2, "first_dilation": 1, "mel_scale": "slaney"},
    "cqt_network": {
        "content_blocks": 3,
        "first_dilation": 1,
        "pooling": 1,
        "n_bins": 84,
        "gathered": "logarithms",
    },
}


def configuration_name(value: object) -> str:
    """Return the name of a configuration that is given by its name or its number in table 1.

    Raises :class:`ValueError`, with the list of them, if there is no such configuration.
    """
    numbered = {str(number): name for number, name in enumerate(TABLE_1, start=1)}
    name = numbered.get(str(value), str(value))
    if name not in CONFIGURATIONS:
        rows = ", ".join(f"{number} {row!r}" for number, row in numbered.items())
        raise ValueError(f"unknown configuration: choose from {rows}, and {TEXTURE!r}")
    return name


def with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the preset and the table say to parameters of the method, where these do not say it."""
    networks: dict[str, dict[str, object]] = {}
    if given.get("preset") == "code":
        networks = {network: dict(values) for network, values in CODE.items()}
    if str(given.get("configuration")) in (*ONE_MEL_LAYER, "2", "5"):
        networks.setdefault("mel_network", {})["n_blocks"] = 0
    merged = {}
    for network, values in networks.items():
        own = given.get(network, {})
        if isinstance(own, BaseModel):
            own = own.model_dump(exclude_unset=True)
        if isinstance(own, Mapping):  # what else it may be is refused with its name
            merged[network] = {**values, **own}
    return {**given, **merged}
