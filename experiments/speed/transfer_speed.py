"""What transfer costs: one loss and gradient of the random convolution, and every method on 10 s of audio.

All times are CPU seconds of one thread, so that ratios hold on a machine that is busy with other things, and
the least of several rounds. A method runs in a process of its own, twice: the first time pays for what is
loaded or compiled once. Its memory is the peak of the process beside what it held before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn.functional import conv1d

from timbrebench.audio.clips import Samples, resample
from timbrebench.audio.spectra import Spectrogram, log_magnitude
from timbrebench.core.errors import TimbrebenchError
from timbrebench.core.progress import Tracker, muted
from timbrebench.core.tables import markdown_table
from timbrebench.core.workers.calls import Call, Failure
from timbrebench.core.workers.executors import LocalExecutor
from timbrebench.core.workers.memory import peak_rss_mib, reset_peak_rss
from timbrebench.datasets import Dataset, DatasetConfiguration, build_dataset
from timbrebench.datasets.rendering.rendered_dataset import soundfonts_of
from timbrebench.experiments.run.run_configuration import MethodEntry, load_configuration
from timbrebench.experiments.speed.evaluation_times import time_evaluations
from timbrebench.experiments.speed.machine import describe_machine
from timbrebench.experiments.speed.representation_speed import time_representations
from timbrebench.experiments.suites.suite import Pair, SuiteConfiguration, make_suite
from timbrebench.transfer import Control, apply, create, method_class, method_names
from timbrebench.transfer.algorithms.random_convolution import START_STD, Objective, draw_filters
from timbrebench.transfer.contract import learns
from timbrebench.transfer.methods.multi_representation.multi_representation import MultiRepresentation
from timbrebench.transfer.methods.wide_limit.wide_limit import WideObjective

#: What is built where no dataset is given: clips of 10 s, and as much to learn from as methods need at least.
MUSIC = DatasetConfiguration(
    pieces=24,
    instruments=("piano", "trumpet"),
    renderings=1,
    soundfonts=("TimGM6mb",),
    clip_duration_s=10.0,
)

#: Profiles that say with what settings a method runs, the first that holds it; else its own defaults.
PROFILES = ("leaderboard", "literature")

#: Rate of the spectrograms whose losses are timed, in hertz: the published one.
SAMPLE_RATE = 22_050

#: Seconds of content and style for the losses of `multi-representation`.
REPRESENTATION_S = 5.0

_KERNEL_WIDTH, _CONTENT_WEIGHT = 11, 1e-2

Evaluate = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]


@dataclass(frozen=True)
class TransferSpeed:
    """What transfer costs.

    `objectives` has the columns ``form, seconds, times_as_fast``: CPU seconds of one loss and gradient with
    `n_filters` filters, and how many of them there are in one of the textbook form. `representations` has the
    same of the `representation` method, for clips of :data:`REPRESENTATION_S`. `methods` has ``method,
    seconds, real_time_factor, memory_mib, reason``: CPU seconds of one transfer of a content of `duration_s`
    seconds, its duration over them, memory beside what the process held before, and the reason where they are
    missing.
    """

    objectives: pd.DataFrame
    representations: pd.DataFrame
    methods: pd.DataFrame
    duration_s: float
    n_filters: int

    def markdown(self) -> str:
        """Return the tables, with the machine described."""
        methods = pd.DataFrame(
            [
                (f"`{row['method']}`", f"not run: {row['reason']}", "", "")
                if row["reason"]
                else (
                    f"`{row['method']}`",
                    f"{row['seconds']:.2f}",
                    f"{row['real_time_factor']:.2f}",
                    f"{row['memory_mib']:.0f}",
                )
                for row in self.methods.to_dict("records")
            ],
            columns=["method", "s", "times as fast as real time", "MiB"],
        )
        lines = [
            "# What transfer costs",
            "",
            f"`make bench-transfer` on {describe_machine(f'torch {torch.__version__}')}. CPU seconds of one "
            f"thread; content and style of {self.duration_s:g} s.",
            "",
            "## One loss and gradient",
            "",
            f"Objective of Ulyanov & Lebedev, {self.n_filters:,} filters over {_KERNEL_WIDTH} frames, "
            f"{SAMPLE_RATE:,} Hz, n_fft 2048, hop 512; `wide-limit` has infinitely many.",
            "",
            _objectives_table(self.objectives, "times as fast as the textbook's"),
            "",
            f"Losses of `multi-representation`, configuration 6, clips of {REPRESENTATION_S:g} s; the direct "
            "form convolves position by position and forms all Gram matrices.",
            "",
            _objectives_table(self.representations, "times as fast as the direct form"),
            "",
            "## One transfer",
            "",
            f"Settings of the profile `{PROFILES[0]}`; of `{PROFILES[1]}` for methods that are not in it; "
            "else their own defaults. What a method learns beforehand does not count.",
            "",
            markdown_table(methods),
        ]
        return "\n".join(lines) + "\n"


def _objectives_table(table: pd.DataFrame, ratio: str) -> str:
    return markdown_table(
        pd.DataFrame(
            {
                "form": table.form,
                "ms": (1000 * table.seconds).map("{:.1f}".format),
                ratio: table.times_as_fast.map("{:.2f}".format),
            }
        )
    )


def time_transfers(
    folder: Path,
    *,
    dataset: Dataset | None = None,
    methods: Sequence[MethodEntry] | None = None,
    n_filters: int = 4096,
    representation: MultiRepresentation | None = None,
    rounds: int = 5,
) -> TransferSpeed:
    """Time objectives, each `rounds` times, and methods.

    `folder` gets the renderings, and what methods learn. `dataset` holds the clips and what methods learn
    from; by default :data:`MUSIC` is built. The `methods` are by default those of :func:`timed_methods`. The
    objectives have `n_filters` filters, by default the published number; `representation` is by default
    ``multi-representation`` with the settings of its text.
    """
    dataset = dataset or build_dataset(MUSIC, folder / "dataset")
    suite = make_suite(dataset, SuiteConfiguration(soundfont=soundfonts_of(dataset)[0].name))
    pair = suite.pairs[0]
    content, style = (
        resample(dataset.samples(clip), clip.sample_rate, SAMPLE_RATE) for clip in (pair.content, pair.style)
    )
    objectives = time_objectives(content, style, n_filters=n_filters, rounds=rounds)
    first_seconds = slice(round(REPRESENTATION_S * SAMPLE_RATE))
    representations = time_representations(
        representation or MultiRepresentation(), content[first_seconds], style[first_seconds], rounds=rounds
    )
    entries = timed_methods() if methods is None else methods
    return TransferSpeed(
        objectives=objectives,
        representations=representations,
        methods=_time_methods(entries, dataset, pair, folder),
        duration_s=len(content) / SAMPLE_RATE,
        n_filters=n_filters,
    )


def timed_methods() -> list[MethodEntry]:
    """List the installed methods that need no parameter and are no controls, with their settings."""
    settings = {
        entry.method: entry for name in reversed(PROFILES) for entry in load_configuration(name).methods
    }
    entries = []
    for name in method_names():
        method = method_class(name)
        needs = any(field.is_required() for field in method.Parameters.model_fields.values())
        if not needs and not issubclass(method, Control):
            entries.append(settings.get(name, MethodEntry(method=name)))
    return entries


def textbook(
    content: Spectrogram, style: Spectrogram, filters: NDArray[np.float32], content_weight: float
) -> Evaluate:
    """Return the objective of Ulyanov & Lebedev as it is written down, differentiated automatically.

    It takes what :class:`~timbrebench.transfer.algorithms.random_convolution.Objective` takes, and is a
    function of three spectrograms: the features of content and style are computed in each evaluation.
    """
    return _textbook(content, filters, content_weight, partial(_targets, content, style, filters))


def textbook_with_cached_targets(
    content: Spectrogram, style: Spectrogram, filters: NDArray[np.float32], content_weight: float
) -> Evaluate:
    """Return the same as :func:`textbook`, with the features of content and style computed once."""
    targets = _targets(content, style, filters)
    return _textbook(content, filters, content_weight, lambda: targets)


def _targets(
    content: Spectrogram, style: Spectrogram, filters: NDArray[np.float32]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the features of the content and the Gram matrix of the style."""
    weights = torch.from_numpy(filters)
    spectra = (torch.from_numpy(clip)[None] for clip in (content, style))
    of_content, of_style = (conv1d(spectrum, weights)[0].relu() for spectrum in spectra)
    return of_content, of_style @ of_style.T / style.shape[1]


def _textbook(
    content: Spectrogram,
    filters: NDArray[np.float32],
    content_weight: float,
    targets: Callable[[], tuple[torch.Tensor, torch.Tensor]],
) -> Evaluate:
    weights = torch.from_numpy(filters)

    def evaluate(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        spectrogram = torch.from_numpy(x.reshape(content.shape)).float().requires_grad_()
        features = conv1d(spectrogram[None], weights)[0].relu()
        gram = features @ features.T / content.shape[1]
        of_content, style_gram = targets()
        loss = content_weight * (features - of_content).square().sum() + (gram - style_gram).square().sum()
        (gradient,) = torch.autograd.grad(loss, spectrogram)
        return float(loss.detach()), gradient.double().numpy().ravel()

    return evaluate


def time_objectives(content: Samples, style: Samples, *, n_filters: int, rounds: int) -> pd.DataFrame:
    """Time one loss and gradient of each form, at the start that the methods have.

    Content and style are samples at :data:`SAMPLE_RATE`; the table is :attr:`TransferSpeed.objectives`.
    """
    rng = np.random.default_rng(0)
    spectra = log_magnitude(content), log_magnitude(style)
    filters = draw_filters(rng, n_filters=n_filters, n_bins=len(spectra[0]), kernel_width=_KERNEL_WIDTH)
    start = rng.standard_normal(spectra[0].size) * START_STD
    random = (*spectra, filters, _CONTENT_WEIGHT)
    # One after the other, since each holds a copy of its own of the filters.
    forms: dict[str, Callable[[], Evaluate]] = {
        "textbook": lambda: textbook(*random),
        "textbook, targets kept": lambda: textbook_with_cached_targets(*random),
        "`ulyanov`": lambda: Objective(*random),
        "`wide-limit`": lambda: WideObjective(*spectra, _KERNEL_WIDTH, _CONTENT_WEIGHT),
    }
    return time_evaluations(forms, start, rounds, "timing objectives")


def _time_methods(entries: Sequence[MethodEntry], dataset: Dataset, pair: Pair, folder: Path) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    with (
        LocalExecutor(("timbrebench.audio.librosa_modules", __name__), workers=1) as executor,
        Tracker("timing methods", len(entries), "methods") as tracker,
        executor.batch() as batch,
    ):
        for entry in entries:
            arguments = entry, dataset.root.resolve(), pair, folder.resolve()
            batch.submit(Call(_time_method, arguments, entry.name), entry.name)
        for name, result in batch.results():
            costs = {"reason": result.reason} if isinstance(result, Failure) else result
            rows.append({"method": name, **costs})
            tracker.advance()
    columns = ["method", "seconds", "real_time_factor", "memory_mib", "reason"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("seconds", ignore_index=True)


def _time_method(entry: MethodEntry, root: Path, pair: Pair, folder: Path) -> dict[str, object]:
    """Run a method twice on a pair, in this process, and return what the second time cost."""
    dataset = Dataset.open(root)
    content, style = (dataset.samples(clip) for clip in (pair.content, pair.style))
    rate = pair.content.sample_rate
    seconds, memory = math.inf, math.nan
    try:
        method = create(entry.method, entry.parameters)
        with muted():
            if learns(method):
                workdir = folder / "prepared" / entry.name
                workdir.mkdir(parents=True, exist_ok=True)
                method.prepare(dataset.select(split="train"), workdir)
            for _ in range(2):
                watched = reset_peak_rss()
                held, begun = peak_rss_mib() if watched else math.nan, time.process_time()
                apply(method, content, style, sample_rate=rate, seed=0)
                seconds = time.process_time() - begun
                # Freed memory may stay with the process, so the first time shows what is really needed.
                memory = np.nanmax([memory, peak_rss_mib() - held]) if watched else math.nan
    except TimbrebenchError as error:
        return {"reason": str(error)}
    factor = len(content) / rate / seconds
    return {"seconds": seconds, "real_time_factor": factor, "memory_mib": float(memory), "reason": ""}
