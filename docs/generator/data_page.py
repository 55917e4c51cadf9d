"""The page about data: what the profiles build, the frozen suites, and the licences of what it is made of."""

from __future__ import annotations

import html

from markup import table

from timbrebench.experiments.run.configuration_text import profile_names
from timbrebench.experiments.run.run_configuration import RunConfiguration, load_configuration
from timbrebench.experiments.suites.frozen_suite import FrozenSuite, frozen_names, load_frozen
from timbrebench.experiments.suites.suite_judges import judges_of

_CARDS = """# Data and suites

## Dataset cards

Every dataset has its card beside it, `README.md` in its folder: what it holds by label and split, where it
came from with SHA-256 and licence, how to build it again to the byte, and the software that built it.
`timbrebench dataset card FOLDER` prints it, `timbrebench dataset verify FOLDER` compares every file with
the manifest, `timbrebench dataset info FOLDER` counts. [A dataset of your
own](../tutorials/your-own-dataset.md) shows one.
"""

_PROFILES = """## What the profiles build

Pieces are rendered by each instrument on each soundfont. A piece is in one split with all its clips:
methods learn from *train*, judges from *judge*, they are chosen by *validation*, and pairs are of *test*
pieces alone. Which split a piece is in follows from its name, so it is the same in every dataset with the
same shares. [All keys](configuration.md#DatasetConfiguration) are in the reference of configurations.
"""

_SUITES = """## Frozen suites

A frozen suite is a list of pairs that never changes, with the SHA-256 of every clip. A change of pairs or
clips is a new version, and a leaderboard holds one version only. In a configuration it is named under
`[suite]`, as in `name = "instruments-6"`, which is the newest version, or `name = "instruments-6-1"`.
`timbrebench suite show NAME` prints what one is made of. Where the right answer is not known, as with
recordings, methods are compared and not ranked. A published judge is a style judge that comes with the
package, knows the suite's styles and has learned none of its pieces: named under `[judge]`, it makes figures
comparable between machines.
"""


def data_page() -> str:
    """Return the page's Markdown."""
    configurations = {name: load_configuration(name) for name in profile_names()}
    suites = [load_frozen(name) for name in frozen_names()]
    header = ("profile", "pieces", "labels", "soundfonts", "clip", "pairs from")
    rows = [_profile_row(name, configuration) for name, configuration in configurations.items()]
    columns = ("suite", "what it is", "pairs", "pieces", "clip", "right answer", "published judges")
    return "\n".join(
        [_CARDS, _PROFILES, table(header, rows), _SUITES, table(columns, list(map(_suite_row, suites)))]
    )


def _profile_row(name: str, configuration: RunConfiguration) -> tuple[str, ...]:
    made = configuration.dataset
    return (
        f"<code>{name}</code>",
        str(made.pieces),
        html.escape(", ".join(made.instruments)),
        html.escape(", ".join(made.soundfont_names)),
        f"{made.clip_duration_s:g} s at {made.sample_rate:,} Hz",
        f"<code>{html.escape(configuration.suite.name)}</code>"
        if configuration.suite.name
        else html.escape(configuration.suite.soundfont),
    )


def _suite_row(frozen: FrozenSuite) -> tuple[str, ...]:
    recipe = frozen.recipe
    summary = " ".join((recipe.summary, recipe.attribution)) if recipe else ""
    pieces = {frozen.clips[pair.content].piece for pair in frozen.pairs}
    return (
        f"<code>{html.escape(frozen.title)}</code>",
        html.escape(summary),
        str(len(frozen.pairs)),
        str(len(pieces)),
        f"{frozen.duration_s:g} s at {frozen.sample_rate:,} Hz",
        "known" if frozen.has_truth else "not known",
        ", ".join(f"<code>{html.escape(name)}</code>" for name in judges_of(frozen)) or "none",
    )
