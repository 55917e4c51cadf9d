"""What an embedding is: a network of others that turns a clip into a vector, with weights from a path.

Nothing is ever downloaded: whoever uses an embedding names the file or folder of its weights. A distribution
adds an embedding by an entry point in the group ``timbrebench.embeddings``, from its name to a subclass of
:class:`Embedding` of that name::

    [project.entry-points."timbrebench.embeddings"]
    my-embedding = "my_package.my_module:MyEmbedding"

A clip has one vector, because outputs and not their windows are what is counted here: what an embedding
gives for windows is averaged over them. Published Fréchet audio distances count each window by itself, so
that values here are smaller and are not to be set beside published ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray

from timbrebench.audio.clips import Samples, as_samples, resample
from timbrebench.audio.loudness import is_silent
from timbrebench.core.errors import ConfigurationError, JudgeError, MissingResourceError
from timbrebench.core.files import file_sha256, fingerprint
from timbrebench.core.plugins import entry_point_names, load_entry_point

GROUP = "timbrebench.embeddings"

#: The embedding that every run has: what the style judge's last layer decides by.
STYLE_JUDGE = "style-judge"


class SilentClipError(JudgeError):
    """A clip in which there is nothing to embed."""


class Embedding(ABC):
    """An embedding with its weights, which are read when the first clip is embedded.

    A subclass states what it is and implements :meth:`vectors`.

    Parameters
    ----------
    weights : pathlib.Path
        File or folder of the weights.

    Raises
    ------
    MissingResourceError
        If there is nothing at that path, or a package that the embedding needs is not installed.

    Attributes
    ----------
    name : str
        That of the entry point; stands beside every figure.
    version : int
        Raised whenever vectors change for the same weights.
    sample_rate : int
        Rate in hertz at which :meth:`vectors` takes clips.
    source : str
        Which weights it reads, for messages.
    packages : tuple of str
        Packages to be imported beside what the project requires.
    install : str
        The command that installs them.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    sample_rate: ClassVar[int]
    source: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""

    def __init__(self, weights: Path) -> None:
        if missing := [package for package in self.packages if find_spec(package) is None]:
            raise MissingResourceError(
                f"the embedding {self.name} needs {', '.join(missing)}: install it by `{self.install}`"
            )
        if not weights.exists():
            raise MissingResourceError(
                f"{weights}: nothing there; the embedding {self.name} reads {self.source}, which you download"
            )
        self.weights = weights

    @final
    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of name, version, and all files of the weights."""
        files = sorted(path for path in self.weights.rglob("*") if path.is_file()) or [self.weights]
        digests = [[path.relative_to(self.weights).as_posix(), file_sha256(path)] for path in files]
        return fingerprint([self.name, self.version, digests])

    @final
    def embed(self, samples: Samples, sample_rate: int) -> NDArray[np.float64]:
        """Embed a clip.

        Parameters
        ----------
        samples : numpy.ndarray, shape (n,)
            Mono samples in [-1, 1].
        sample_rate : int
            Their rate in hertz.

        Returns
        -------
        numpy.ndarray, shape (d,)
            The mean over the clip's windows; d depends on the weights alone.

        Raises
        ------
        SilentClipError
            If the clip is silent at the network's rate.
        JudgeError
            If the weights cannot be read or are those of something else, or a vector holds NaN.
        """
        clip = resample(as_samples(samples), sample_rate, self.sample_rate)
        if is_silent(clip):
            raise SilentClipError("the clip is silent: there is nothing to embed")
        with torch.no_grad():
            vectors = np.asarray(self.vectors(clip), dtype=np.float64)
        if vectors.ndim != 2 or not vectors.size or not np.isfinite(vectors).all():
            raise JudgeError(
                f"the embedding {self.name} gave no table of finite numbers for the windows of a clip, but "
                f"shape {vectors.shape}: are the weights in {self.weights} those of {self.source}?"
            )
        return np.asarray(vectors.mean(axis=0))

    @abstractmethod
    def vectors(self, clip: Samples) -> Any:  # noqa: ANN401 - an array or a tensor
        """Return the vectors of a clip's windows: shape (windows, d), at least one window.

        `clip` has the shape (n,), is not silent, and has the rate :attr:`sample_rate`; gradients are off.
        """


def embedding_names() -> list[str]:
    """Return the names of all embeddings that are installed, sorted. Nothing is imported for it."""
    return entry_point_names(GROUP)


@cache
def load_embedding(name: str, weights: Path) -> Embedding:
    """Make an embedding, once in each process.

    Parameters
    ----------
    name : str
        One of :func:`embedding_names`.
    weights : pathlib.Path
        File or folder of the weights.

    Returns
    -------
    Embedding
        Ready to embed; the weights are read with the first clip.

    Raises
    ------
    UnknownNameError
        If there is no embedding of that name.
    MissingResourceError
        If the weights or a package are missing.
    ConfigurationError
        If its entry point cannot be imported, or leads to something else.
    """
    loaded = load_entry_point(GROUP, name, "embedding")
    if not (isinstance(loaded, type) and issubclass(loaded, Embedding)):
        raise ConfigurationError(
            f"the entry point {name!r} leads to {loaded!r}, which is not a subclass of "
            "timbrebench.classifier.embeddings.embedding.Embedding"
        )
    if loaded.name != name:
        raise ConfigurationError(
            f"the entry point {name!r} leads to the embedding {loaded.name!r}: give both one name"
        )
    return loaded(weights)


def read_state(path: Path, source: str) -> dict[str, torch.Tensor]:
    """Read the state of a network from a file of ``torch.save``. Nothing in the file is ever run.

    Parameters
    ----------
    path : pathlib.Path
        The file: a state, or a checkpoint with one under ``model``.
    source : str
        What it should be, for the message.

    Returns
    -------
    dict of str to torch.Tensor
        The tensors of the state by name, on the processor.

    Raises
    ------
    JudgeError
        If the file cannot be read, or holds something else.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign file fails in whatever way its bytes happen to be read
        raise JudgeError(f"{path}: not {source}, or damaged ({type(error).__name__}: {error})") from error
    state = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise JudgeError(f"{path}: holds no state of a network: it should be {source}")
    return {str(name): tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}
