"""Which content representations do not depend on the key (Barry & Kim 2018, section 4.2, figure 5).

Style is the beginning of *The Star-Spangled Banner*; content is the same in another key, played by the same
piano. A representation of the content that does not know the key leaves the style to decide it, and the
output is the style's own signal: the error is that of the output's log-magnitude STFT against the style's.
Where the keys agree, content and style are one and the same signal.

The submission's figure is known by its caption and the names of its reconstructions: STFT, mel bands, CQT,
and mel bands with CQT. With no content at all, the fifth condition here, the style alone decides everything;
it shows what a content contributes. The style is that of STFT and mel bands in all of them, which is what the
authors' earlier article takes where keys differ.

Beside the error of the outputs stands what it comes from: by how much of their norm the content's features
change from key to key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from timbrebench.audio.clips import Samples, resample
from timbrebench.core.progress import Tracker
from timbrebench.experiments.studies.playing import RATE, play
from timbrebench.experiments.studies.study import Study, StudyContext, StudyFinding, StudyResult
from timbrebench.experiments.studies.study_scores import transfer
from timbrebench.experiments.studies.study_wording import counted, format_distinct
from timbrebench.experiments.studies.verdicts import decided
from timbrebench.experiments.suites.melodies import star_spangled_banner
from timbrebench.metrics.sound import Sound
from timbrebench.metrics.target import log_spectral_mse
from timbrebench.transfer.methods.multi_representation.multi_representation import MultiRepresentation

#: Conditions, and the representations that the content is compared by.
CONTENTS: Mapping[str, tuple[str, ...]] = {
    "STFT": ("stft",),
    "mel": ("mel",),
    "CQT": ("cqt",),
    "mel + CQT": ("mel", "cqt"),
    "none": (),
}

#: Semitones.
TRANSPOSITIONS = tuple(range(-6, 7))

_DURATION_S = 4.0
_PIANO = 0
_COLOURS = dict(zip(CONTENTS, ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F"), strict=True))


@dataclass(frozen=True)
class KeySettings:
    """How much is done.

    The content is moved by the semitones of `transpositions`, 0 among them. `parameters` are settings of
    ``multi-representation``, but for configuration and weights; `weights` those of style and sparsity, where
    they are not the method's own. So few iterations as on two cores follow the content only with less weight
    on the style.
    """

    transpositions: tuple[int, ...] = TRANSPOSITIONS
    parameters: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


SMALL = KeySettings(
    parameters={
        "sample_rate": 11_025,
        "n_fft": 1024,
        "hop_length": 256,
        "stft_network": {"n_filters": 128},
        "mel_network": {
            "n_filters": 64,
            "kernel_width": 16,
            "block_width": 8,
            "content_bands": 16,
            "style_bands": 128,
        },
        "cqt_network": {"n_filters": 6, "kernel_width": 7, "n_blocks": 1, "n_bins": 72},
        "max_iterations": 100,
    },
    weights={"stft_style": 0.3, "mel_style": 0.3, "sparsity": 0.0},
)
PAPER = KeySettings()


def run(context: StudyContext, settings: KeySettings) -> StudyResult:
    """Transfer the tune from every key to its own, with each kind of content."""
    soundfont = context.suite.configuration.playing_soundfont
    style = _tune(soundfont, 0)
    rows = []
    # Without content its key cannot matter: one output serves all.
    alone = None
    steps = (len(CONTENTS) - 1) * len(settings.transpositions) + 1
    with Tracker("key-invariance", steps, "outputs") as tracker:
        for transposition in settings.transpositions:
            content = _tune(soundfont, transposition)
            untouched = log_spectral_mse(Sound(content, RATE), Sound(style, RATE))
            for name, representations in CONTENTS.items():
                method = _method(representations, settings)
                if representations or alone is None:
                    error = _error(method, content, style)
                    tracker.advance()
                if not representations:
                    error = alone = error if alone is None else alone
                rows.append(
                    {
                        "content": name,
                        "transposition": transposition,
                        "log_stft_mse": error,
                        "untouched_mse": untouched,
                        "feature_change": _feature_change(method, representations, content, style),
                    }
                )
    table = pd.DataFrame(rows)
    return StudyResult(table, _figure(table), _text(table), findings(table))


def _tune(soundfont: str, transposition: int) -> Samples:
    return play(star_spangled_banner(transposition), soundfont, _PIANO, _DURATION_S)


def _method(representations: tuple[str, ...], settings: KeySettings) -> MultiRepresentation:
    weights = {f"{name}_content": 1.0 for name in representations} | dict(settings.weights)
    return MultiRepresentation(configuration="texture", weights=weights, **settings.parameters)


def _error(method: MultiRepresentation, content: Samples, style: Samples) -> float:
    output = transfer(method, content, style, RATE)
    return math.nan if output is None else log_spectral_mse(Sound(output, RATE), Sound(style, RATE))


def _feature_change(
    method: MultiRepresentation, representations: tuple[str, ...], content: Samples, style: Samples
) -> float:
    """Return the root mean square, over representations, of the change as a share of the style's norm."""
    if not representations:
        return float("nan")
    losses = method.losses(0, torch.device("cpu"))
    features = []
    for clip in (content, style):
        samples = resample(clip, RATE, method.parameters.sample_rate)
        scaled = torch.from_numpy(samples / np.abs(samples).max())
        features.append(losses.contents(scaled))
    changed, own = features
    shares = [float((changed[name] - own[name]).norm() / own[name].norm()) for name in representations]
    return float(np.sqrt(np.mean(np.square(shares))))


def _figure(table: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, points in table.groupby("content", sort=False):
        style = "--" if name == "none" else "-"
        marker = "" if name == "none" else "o"
        looks = {"color": _COLOURS[str(name)], "marker": marker, "markersize": 4, "ls": style}
        left.plot(points.transposition, points.log_stft_mse, label=str(name), **looks)
        if name != "none":
            right.plot(points.transposition, points.feature_change, label=str(name), **looks)
    untouched = table.groupby("transposition").untouched_mse.first()
    left.plot(untouched.index, untouched, ":", color="black", label="untouched content")
    left.set(ylabel="log-STFT MSE of output and style", ylim=(0, None))
    right.set(ylabel="change of the content's features", ylim=(0, None))
    for axes in (left, right):
        axes.set(xlabel="transposition of the content in semitones")
        axes.set_xticks(sorted(table.transposition.unique()))
        axes.grid(alpha=0.3)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def _other_keys(table: pd.DataFrame) -> pd.DataFrame:
    return (
        table[table.transposition != 0]
        .groupby("content", sort=False)[["log_stft_mse", "untouched_mse", "feature_change"]]
        .mean()
    )


def findings(table: pd.DataFrame) -> tuple[StudyFinding, ...]:
    """Judge Barry & Kim's claims by a table as :func:`run` makes it."""
    own = table[table.transposition == 0].set_index("content").log_stft_mse
    other = _other_keys(table).log_stft_mse
    with_content = [name for name, representations in CONTENTS.items() if representations]
    invariant = [name for name in with_content if name != "STFT"]
    rises = other - own

    def each(errors: pd.Series) -> str:
        written = format_distinct(*errors[with_content], decimals=3)
        return ", ".join(f"{name} {error}" for name, error in zip(with_content, written, strict=True))

    return (
        StudyFinding(
            "Where the keys agree, content by the STFT gives the least error",
            decided(bool(own[with_content].notna().all()) and own[with_content].idxmin() == "STFT"),
            f"Error at 0 semitones: {each(own)}.",
        ),
        StudyFinding(
            "In other keys, content by mel bands, by the CQT, and by both gives less error than by the STFT",
            decided(all(other[name] < other["STFT"] for name in invariant)),
            f"Mean error in the other keys: {each(other)}.",
        ),
        StudyFinding(
            "With mel bands and with the CQT the error depends less on the key than with the STFT",
            decided(all(rises[name] < rises["STFT"] for name in invariant)),
            f"From 0 semitones to the mean of the other keys the error rises by: {each(rises)}.",
        ),
    )


def _text(table: pd.DataFrame) -> str:
    other = _other_keys(table)
    errors, untouched = other.log_stft_mse, other.untouched_mse.iloc[0]
    contents, nothing = errors.drop("none"), errors["none"]
    best = str(contents.idxmin())
    changes = other.feature_change.drop("none")
    beaten = (contents < nothing).sum()
    under = (contents < untouched).sum()
    return (
        f"{counted(table.transposition.nunique(), 'key')}. Mean errors in other keys: of the contents {best} "
        f"has the least, {contents[best]:.3f}; with no content at all it is {nothing:.3f}, which {beaten} of "
        f"{len(contents)} undercut. The untouched content is {untouched:.3f} from the style, which {under} "
        "of them undercut: what an optimisation from noise leaves of it counts as an error, too. From key to "
        "key the features of the content change by "
        f"{', '.join(f'{share:.0%} ({name})' for name, share in changes.items())} of their norm."
    )


STUDY = Study(
    name="key-invariance",
    question="Which representations of the content do not depend on its key?",
    source="Barry & Kim 2018, section 4.2",
    run=run,
    small=SMALL,
    paper=PAPER,
)
