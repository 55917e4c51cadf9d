"""Commands about tracks: what there is, and what each asks of a method."""

from __future__ import annotations

from typing import Annotated

import typer

from timbrebench.experiments.commands.options import AsJson
from timbrebench.experiments.report.standard_output import print_json, print_line

track_app = typer.Typer(help="Tracks: frozen suites with their rules.", no_args_is_help=True)


@track_app.command("list")
def track_list(as_json: AsJson = False) -> None:
    """List the tracks that a configuration can name, with the number of their pairs."""
    from timbrebench.experiments.suites.tracks import TRACKS

    tracks = [_about(name) for name in TRACKS]
    if as_json:
        print_json(tracks)
        return
    for about in tracks:
        print_line(f"{about['track']:14} {about['pairs']:4} pairs  {about['question']}")


@track_app.command("show")
def track_show(name: Annotated[str, typer.Argument(help="A track.")], as_json: AsJson = False) -> None:
    """Print a track's suite, judges and rule, what methods learn from in a run, and what audio it needs."""
    about = _about(name)
    if as_json:
        print_json(about)
        return
    for key, value in about.items():
        print_line(f"{key}: {value}")


def _about(name: str) -> dict[str, object]:
    from timbrebench.experiments.suites.frozen_suite import load_frozen
    from timbrebench.experiments.suites.tracks import RULES, find_track

    track = find_track(name)
    frozen = load_frozen(track.suite)
    recipe = frozen.recipe
    is_nested = recipe is not None and recipe.made.is_nested
    learned = recipe.made.dataset.soundfont_names if recipe else ()
    soundfonts = sorted({clip.soundfont for clip in frozen.clips} - {""}) or [frozen.soundfont]
    rendered = f"none: clips are rendered with {', '.join(soundfonts)}"
    return {
        "track": name,
        "question": track.question,
        "suite": frozen.title,
        "pairs": len(frozen.pairs),
        "sample": "pairs = N in [suite] takes the first N" if is_nested else "none",
        "rule": RULES[track.setting],
        "ranked": "by the headline" if frozen.is_ranking else "no",
        "judges": ", ".join(track.judges) or "none published: a run trains its own, as [judge] says",
        "methods learn from": f"training pieces on {', '.join(learned)}"
        + ("" if track.judges else ", unless [dataset] says otherwise"),
        "audio": track.audio.advice if track.audio else rendered,
    }
