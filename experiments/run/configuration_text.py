"""The text of a run's configuration: a TOML file, or one of the profiles that come with the project."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from timbrebench.core.documents import TOML_BYTES, parse_toml
from timbrebench.core.errors import ConfigurationError, UnknownNameError
from timbrebench.core.files import read_text
from timbrebench.core.identifiers import is_identifier


def profile_names() -> list[str]:
    """Return the names of the configurations that come with the project."""
    folder = resources.files("timbrebench.experiments") / "profiles"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def configuration_text(source: str) -> tuple[str, str]:
    """Read a TOML file or the profile of a name; return its text, and what to call it in messages.

    Raises ConfigurationError if it cannot be read, and UnknownNameError if there is no such profile.
    """
    if Path(source).suffix == ".toml":
        return read_text(Path(source), TOML_BYTES, ConfigurationError), source
    if source not in profile_names():
        raise UnknownNameError("profile (files end in .toml)", source, profile_names())
    path = resources.files("timbrebench.experiments") / "profiles" / f"{source}.toml"
    return path.read_text(encoding="utf-8"), f"profile {source}"


def listed_tracks(text: str, where: str) -> list[str]:
    """Return the tracks that a configuration lists, each of which is a run of its own; none for a single run.

    Raises ConfigurationError if the text is not TOML, or the list is empty or names a track twice.
    """
    tracks = parse_toml(text, where, ConfigurationError).get("track")
    if not isinstance(tracks, list):
        return []
    are_names = all(isinstance(name, str) and is_identifier(name) for name in tracks)
    if not tracks or not are_names or len(set(tracks)) < len(tracks):
        raise ConfigurationError(f"{where}: track is a name or a list of names, each once")
    return tracks
