"""What scoring costs: all metrics on one output of 10 s, on one core.

The first output of a pair pays for what metrics work out of the pair's content, style and reference; the
others find it there. Both are measured, and what each metric adds to the second kind, in the order in which
the metrics are computed: the first to need something that several share pays for it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from timbrebench.classifier import Judge, JudgeConfiguration, load_content_judge
from timbrebench.classifier.fitting import one_thread
from timbrebench.classifier.style.style_networks import create_network
from timbrebench.core.progress import Tracker
from timbrebench.core.tables import markdown_table
from timbrebench.datasets import Dataset, DatasetConfiguration, build_dataset
from timbrebench.experiments.speed.machine import describe_machine
from timbrebench.metrics import Metric, Trial, get, metric_names

#: Length in seconds of the clips that are scored.
DURATION_S = 10.0

_MUSIC = DatasetConfiguration(
    pieces=4,
    instruments=("piano", "trumpet"),
    renderings=1,
    soundfonts=("TimGM6mb",),
    clip_duration_s=DURATION_S,
)


@dataclass(frozen=True)
class MetricSpeed:
    """What scoring costs.

    `metrics` has the columns ``metric, milliseconds``: what each adds to the scoring of one output, the
    median of the rounds, dearest first. `output_s` and `first_output_s` are seconds for all metrics on an
    output of a known pair, and on the first one of a pair; `rounds` is the number of outputs that were
    scored.
    """

    metrics: pd.DataFrame
    output_s: float
    first_output_s: float
    rounds: int

    def markdown(self) -> str:
        """Return the table, with the machine described and all figures beside the length of the clip."""
        costs = self.metrics.milliseconds
        table = pd.DataFrame(
            {
                "metric": self.metrics.metric,
                "ms": costs.map("{:.1f}".format),
                "share": (costs / 1000 / self.output_s).map("{:.0%}".format),
            }
        )
        lines = [
            f"All {len(self.metrics)} metrics on one output of {DURATION_S:g} s, on one core of "
            f"{describe_machine(f'torch {torch.__version__}')}, median of {self.rounds}:",
            "",
            f"- an output of a known pair: {self.output_s:.2f} s, "
            f"{DURATION_S / self.output_s:.0f} times as fast as real time;",
            f"- the first output of a pair: {self.first_output_s:.2f} s, "
            f"{self.first_output_s / self.output_s:.1f} times as much.",
            "",
            markdown_table(table),
        ]
        return "\n".join(lines) + "\n"


def time_metrics(folder: Path, *, rounds: int = 5) -> MetricSpeed:
    """Time all metrics on four pieces on piano and trumpet, which are rendered into a folder."""
    dataset = build_dataset(_MUSIC, folder)
    metrics = [get(name) for name in metric_names()]
    judge = _untrained_judge(dataset)
    spent: list[dict[str, float]] = []
    first: list[float] = []
    with one_thread(), Tracker("timing metrics", rounds + 1, "outputs") as tracker:
        _time_each(_trial(dataset, judge), metrics)  # fills caches and loads what is loaded once
        tracker.advance()
        for _ in range(rounds):
            trial = _trial(dataset, judge)
            first.append(sum(_time_each(trial, metrics).values()))
            again = trial.with_output(trial.output.samples, trial.output.sample_rate)
            spent.append(_time_each(again, metrics))
            tracker.advance()
    table = pd.DataFrame(spent)
    costs = (1000 * table.median()).sort_values(ascending=False)
    return MetricSpeed(
        metrics=pd.DataFrame({"metric": costs.index, "milliseconds": costs.to_numpy()}),
        output_s=float(table.sum(axis=1).median()),
        first_output_s=float(np.median(first)),
        rounds=rounds,
    )


def _time_each(trial: Trial, metrics: list[Metric]) -> dict[str, float]:
    """Return the seconds that each metric takes."""
    seconds = {}
    for metric in metrics:
        started = time.perf_counter()
        metric(trial)
        seconds[metric.specification.name] = time.perf_counter() - started
    return seconds


def _trial(dataset: Dataset, judge: Judge) -> Trial:
    """Return a trial whose sounds have not been analysed: the reference, a little noisy, for an output."""
    clips = {(clip.piece, clip.label): clip for clip in dataset.clips()}
    pieces = sorted({piece for piece, _ in clips})
    content, style = clips[pieces[0], "piano"], clips[pieces[1], "trumpet"]
    reference = clips[pieces[0], "trumpet"]
    noise = np.random.default_rng(0).standard_normal(round(DURATION_S * reference.sample_rate))
    output = dataset.samples(reference) + np.float32(1e-3) * noise.astype(np.float32)
    untouched = Trial.of_clips(
        dataset,
        content=content,
        style=style,
        reference=reference,
        judge=judge,
        content_judge=load_content_judge(),
    )
    return untouched.with_output(output, reference.sample_rate)


def _untrained_judge(dataset: Dataset) -> Judge:
    """Return a judge of the default kind, whose predictions take as long as a trained one's."""
    configuration = JudgeConfiguration()
    return Judge(
        labels=dataset.labels,
        front_end=configuration.front_end,
        network_kind=configuration.network,
        network=create_network(configuration.network, len(dataset.labels), configuration.front_end).eval(),
        multi_label=False,
        temperature=1.0,
        training_pieces=(),
        soundfonts=(),
        training_clips=frozenset(),
    )
