"""The tables of the page about data: what the profiles build, and the frozen suites."""

from __future__ import annotations

import html
from collections.abc import Iterator

from markup import code, table

from timbrebench.experiments.run.configuration_text import configuration_text, listed_tracks, profile_names
from timbrebench.experiments.run.run_configuration import RunConfiguration, read_configuration
from timbrebench.experiments.suites.frozen_suite import FrozenSuite, frozen_names, load_frozen
from timbrebench.experiments.suites.suite_judges import judges_of


def profile_table() -> str:
    """Return the table of the profiles that come with the project, as HTML."""
    rows = []
    for name, configuration in _configurations():
        made, suite = configuration.dataset, configuration.suite
        rows.append(
            (
                code(name),
                str(made.pieces),
                html.escape(", ".join(made.instruments)),
                html.escape(", ".join(made.soundfont_names)),
                f"{made.clip_duration_s:g} s at {made.sample_rate:,} Hz",
                code(suite.name) if suite.name else html.escape(suite.soundfont),
            )
        )
    return table(("profile", "pieces", "labels", "soundfonts", "clip", "pairs from"), rows)


def _configurations() -> Iterator[tuple[str, RunConfiguration]]:
    """Yield each profile by its name, one that lists tracks once for each of them."""
    for name in profile_names():
        text, where = configuration_text(name)
        for track in listed_tracks(text, where) or ("",):
            yield name, read_configuration(text, where, track)


def suite_table() -> str:
    """Return the table of the frozen suites, as HTML."""
    columns = ("suite", "what it is", "pairs", "pieces", "clip", "right answer", "published judges")
    return table(columns, [_suite_row(load_frozen(name)) for name in frozen_names()])


def _suite_row(frozen: FrozenSuite) -> tuple[str, ...]:
    recipe = frozen.recipe
    summary = " ".join((recipe.summary, recipe.attribution)) if recipe else ""
    pieces = {frozen.clips[pair.content].piece for pair in frozen.pairs}
    return (
        code(frozen.title),
        html.escape(summary),
        str(len(frozen.pairs)),
        str(len(pieces)),
        f"{frozen.duration_s:g} s at {frozen.sample_rate:,} Hz",
        "known" if frozen.has_truth else "not known",
        ", ".join(map(code, judges_of(frozen))) or "none",
    )
