"""What a run consists of, read from a TOML file or one of the profiles that come with the project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Self, get_args

from pydantic import (
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from timbrebench.classifier import OWN_CONTENT_JUDGE, JudgeConfiguration, content_judge_names
from timbrebench.classifier.embeddings.embedding import embedding_names
from timbrebench.classifier.style.published_judges import published_card
from timbrebench.core.documents import parse_toml
from timbrebench.core.errors import ConfigurationError, UnknownNameError, describe_validation, suggestion
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.identifiers import Identifier, check_identifier
from timbrebench.datasets import DatasetConfiguration
from timbrebench.datasets.soundfonts.soundfont_finding import recorded_name
from timbrebench.experiments.run.configuration_text import configuration_text, listed_tracks
from timbrebench.experiments.suites.frozen_suite import load_configured, load_frozen
from timbrebench.experiments.suites.suite import OWN_SOUNDFONTS, SuiteConfiguration
from timbrebench.experiments.suites.tracks import find_track
from timbrebench.metrics.registry import current_names, get, metric_names, unversioned_names
from timbrebench.transfer.registry import create

#: The controls that every run holds, in the order in which leaderboards show them.
CONTROLS = ("identity", "style-copy", "reference", "silence", "noise")


#: Where the style judges of a run are configured.
_JUDGES = ("judge", "second_judge")


class MethodEntry(FrozenModel):
    """A method with its parameters, under the label that results carry.

    Attributes
    ----------
    method : str
        Name of a registered method.
    label : str
        Name in results, and of the folder of its outputs; by default the method's. Two settings of one method
        need two labels.
    parameters : dict
        What differs from the method's defaults.
    learned_from : tuple of str
        Names of soundfonts, or of folders of recorded notes, that a system from outside has learned from,
        where the method itself does not say so.
    """

    method: Identifier
    label: str = ""
    parameters: dict[str, Any] = Field(default={})
    learned_from: tuple[str, ...] = Field(default=(), max_length=100)

    @model_serializer(mode="wrap")
    def _without_later_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        return {key: value for key, value in content.items() if key != "learned_from" or value}

    @field_validator("label")
    @classmethod
    def _is_identifier(cls, label: str) -> str:
        return label and check_identifier(label)

    @property
    def name(self) -> str:
        """The label, or the method's name where none is given."""
        return self.label or self.method


class ContentJudgeConfiguration(FrozenModel):
    """Which content judge transcribes the outputs.

    Attributes
    ----------
    name : str
        ``timbrebench``, the one that comes with the package, or another that is installed, such as
        ``basic-pitch`` (``docs/outside-judges.md``). Only runs of the one that comes with the package can be
        submitted.
    """

    name: Identifier = OWN_CONTENT_JUDGE


class EmbeddingEntry(FrozenModel):
    """An embedding, in whose space whole sets of outputs are compared with real clips (``sets.csv``).

    Attributes
    ----------
    name : str
        Name of an embedding that is installed, such as ``vggish`` (``docs/outside-judges.md``).
    weights : str
        Path of its weights, a file or a folder, on this machine. Nothing is downloaded.
    """

    name: Identifier
    weights: str = Field(min_length=1)


class LimitsConfiguration(FrozenModel):
    """What a method may take before it is stopped, which costs it the pair and nothing else.

    Attributes
    ----------
    timeout_s : float
        Maximum seconds for a pair. Half an hour is many times what any method takes in the profiles, so that
        only what hangs exceeds it; `full`, whose published settings take hours, raises it.
    preparation_timeout_s : float
        Maximum seconds for what a method learns before its first pair.
    memory_mib : float
        Maximum memory of its process and of those it starts, in MiB, with some 500 for the libraries.
    """

    timeout_s: float = Field(default=1800.0, gt=0, le=31_536_000)
    preparation_timeout_s: float = Field(default=6 * 3600.0, gt=0, le=31_536_000)
    memory_mib: float = Field(default=8192.0, gt=0, le=1 << 24)


class RunConfiguration(FrozenModel):
    """A run: dataset, judge, suite of pairs, methods, metrics and seeds.

    Attributes
    ----------
    name : str
        Shown on the leaderboard and the report.
    track : str
        A track (``timbrebench track list``), which settles `suite` but for its `pairs` and `audio`, the
        style judges and `dataset`; empty where these are given. A list of tracks is a run for each.
    dataset : DatasetConfiguration
        The dataset that the judge learns from and the pairs are drawn from.
    judge : JudgeConfiguration
        How the style judge is trained, or which published one it is.
    second_judge : JudgeConfiguration or None
        The same for a second style judge, of another front end or network: with it the headline takes the
        mean of both, and methods on which they part are marked. None leaves style to the first.
    content_judge : ContentJudgeConfiguration
        Which content judge transcribes the outputs.
    suite : SuiteConfiguration
        The frozen suite, or how pairs are drawn. A frozen one has a dataset to learn from, which takes the
        place of `dataset` where none is given.
    methods : tuple of MethodEntry
        Methods beside the controls, which are always there.
    metrics : tuple of str
        Names of registered metrics, each once; by default all that come with the project or are installed
        beside it. A former name is read as today's: by ``metric_versions``, which a run's folder records
        beside the names, or, without them, as :func:`~timbrebench.metrics.registry.unversioned_names` does.
    embeddings : tuple of EmbeddingEntry
        Embeddings beside that of the style judge, each name once.
    seeds : tuple of int
        Seeds that every method is run with: 0 or more, each once, at most 1,000 of them.
    resamples : int
        Resamples of the bootstrap behind the intervals, at most 100,000: more only takes time and memory.
    limits : LimitsConfiguration
        What a method may take.
    """

    name: str = Field(min_length=1, max_length=200)
    track: str = ""
    dataset: DatasetConfiguration = DatasetConfiguration()
    judge: JudgeConfiguration = JudgeConfiguration()
    second_judge: JudgeConfiguration | None = None
    content_judge: ContentJudgeConfiguration = ContentJudgeConfiguration()
    suite: SuiteConfiguration = SuiteConfiguration()
    methods: tuple[MethodEntry, ...] = Field(default=(), max_length=1_000, validate_default=False)
    metrics: tuple[str, ...] = Field(default_factory=lambda: tuple(metric_names()), max_length=1_000)
    embeddings: tuple[EmbeddingEntry, ...] = Field(default=(), max_length=100)
    seeds: tuple[Annotated[int, Field(strict=True, ge=0, lt=2**63)], ...] = Field(
        default=(0,), max_length=1_000
    )
    resamples: int = Field(default=10_000, ge=100, le=100_000)
    limits: LimitsConfiguration = LimitsConfiguration()

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, content: Any) -> Any:  # noqa: ANN401 - whatever was read
        """Fill in what a track and a frozen suite settle, and read the names of metrics."""
        return _with_metric_names(cls._open_suite(_with_track(content)))

    @classmethod
    def _open_suite(cls, content: Any) -> Any:  # noqa: ANN401 - whatever was read
        """Fill in what a frozen suite settles, and its version, so that a newer one does not change a run."""
        suite = content.get("suite") if isinstance(content, dict) else None
        name = suite.get("name") if isinstance(suite, dict) else None
        if not isinstance(suite, dict) or not isinstance(name, str) or not name:
            return content
        frozen = load_frozen(name)
        named = suite | {"name": name if name.endswith(".json") else frozen.title}
        filled = {**content, "suite": {"soundfont": frozen.soundfont} | named}
        if frozen.recipe is not None:
            filled.setdefault("dataset", frozen.recipe.made.dataset.model_dump(mode="json"))
        return filled

    @field_validator("metrics", "seeds")
    @classmethod
    def _each_once(cls, values: tuple[str | int, ...]) -> tuple[str | int, ...]:
        if not values:
            raise ValueError("the list is empty: leave it out, or name at least one")
        repeated = [value for value in values if values.count(value) > 1]
        if repeated:
            raise ValueError(f"{repeated[0]!r} stands in the list twice")
        return values

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        known = metric_names()
        for name in self.metrics:
            if name not in known:
                raise UnknownNameError("metric", name, known)
        if self.content_judge.name not in content_judge_names():
            raise UnknownNameError("content judge", self.content_judge.name, content_judge_names())
        self._check_embeddings()
        for entry in self.methods:
            create(entry.method, entry.parameters)
        names = [entry.name for entry in self.entries]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"the label {repeated[0]!r} stands for two methods: give one another label")
        if self.suite.name:
            self._check_suite()
        else:
            self._check_drawn_soundfont()
        for place, judge in zip(_JUDGES, self.style_judges, strict=False):
            if judge.name:
                self._check_judge(place, judge.name)
        if self.second_judge == self.judge:
            raise ValueError(
                "the second judge is the first one again, which shows nothing: name another one in "
                "[second_judge], or leave it out"
            )
        return self

    def _check_embeddings(self) -> None:
        names = [entry.name for entry in self.embeddings]
        for name in names:
            if name not in embedding_names():
                raise UnknownNameError("embedding", name, embedding_names())
            if names.count(name) > 1:
                raise ValueError(f"the embedding {name!r} stands in the list twice: figures go by its name")

    def _check_drawn_soundfont(self) -> None:
        drawn, soundfonts = self.suite.soundfont, self.dataset.soundfont_names
        if self.dataset.has_own_soundfonts and drawn != OWN_SOUNDFONTS:
            raise ValueError(
                f"each instrument of the dataset has a soundfont of its own, so that {drawn} does not play "
                f'them all: soundfont = "{OWN_SOUNDFONTS}" in [suite] draws pairs of what each plays'
            )
        names = set(map(recorded_name, soundfonts))
        if not self.dataset.has_own_soundfonts and recorded_name(drawn) not in names:
            raise UnknownNameError("soundfont of the dataset", drawn, soundfonts)

    def _check_suite(self) -> None:
        soundfont = load_configured(self.suite).soundfont
        if self.suite.soundfont != soundfont:
            raise ValueError(
                f"the frozen suite {self.suite.name!r} is played by {soundfont}: leave out soundfont"
            )

    def _check_judge(self, place: str, name: str) -> None:
        known = published_card(name).labels
        frozen = load_frozen(self.suite.name) if self.suite.name else None
        labels = frozen.style_labels if frozen else set(self.dataset.instruments)
        if unknown := sorted(labels - set(known)):
            raise ValueError(
                f"the judge {name!r} does not know the suite's labels {', '.join(unknown)}: it "
                f"knows {', '.join(known)}. Leave out name in [{place}], and one is trained"
            )

    @property
    def style_judges(self) -> list[JudgeConfiguration]:
        """The style judges: the first, and the second where there is one."""
        return [self.judge, *([self.second_judge] if self.second_judge else [])]

    @property
    def entries(self) -> tuple[MethodEntry, ...]:
        """The controls and the methods."""
        return tuple(MethodEntry(method=name) for name in CONTROLS) + self.methods

    def as_recorded(self) -> dict[str, Any]:
        """Return what a run's folder holds of it: all values, and the metrics' versions by their names.

        The version of the headline, which follows from the metrics, is for people.
        """
        versions = {name: get(name).specification.version for name in self.metrics}
        headline = {"headline_version": headline_version(self.metrics)}
        return self.model_dump(mode="json") | {"metric_versions": versions} | headline


def _with_track(content: Any) -> Any:  # noqa: ANN401 - whatever was read
    """Fill in what a track settles; a run's folder has it filled in already, as the track was then."""
    if not isinstance(content, dict) or not content.get("track") or _RECORDED[0] in content:
        return content
    suite = content.get("suite", {})
    if not isinstance(content["track"], str) or not isinstance(suite, dict):  # the model says what is wrong
        return content
    track = find_track(content["track"])
    settled = [f"[{key}]" for key in ("dataset", *_JUDGES) if track.judges and key in content]
    settled += [f"{key} in [suite]" for key in suite if key not in {"pairs", "audio"}]
    if settled:
        raise ConfigurationError(
            f"the track {content['track']!r} settles suite, style judges and what methods learn from: leave "
            f"out {', '.join(settled)}"
        )
    if track.audio and not suite.get("audio"):
        raise ConfigurationError(
            f"the track {content['track']!r} needs audio that cannot be passed on: {track.audio.advice}, and "
            'name the folder with audio = "FOLDER" in [suite]'
        )
    judges = {place: {"name": name} for place, name in zip(_JUDGES, track.judges, strict=False)}
    return {**content, "suite": {"name": track.suite, "setting": track.setting, **suite}, **judges}


#: What the recorded configuration of a run holds beside its own keys.
_RECORDED = ("metric_versions", "headline_version")


def headline_version(metrics: Iterable[str]) -> int:
    """Return the version of the headline that metrics are enough for, or were meant for.

    Version 2 follows from notes within 100 ms, which runs of before have not measured.
    """
    return 2 if "note_f1_100ms" in metrics else 1


def _with_metric_names(content: Any) -> Any:  # noqa: ANN401 - whatever was read
    """Replace the names of metrics, and their versions where they are given, by the names of today."""
    if not isinstance(content, dict) or not _are_texts(content.get("metrics")):
        return content
    versions, names = content.get("metric_versions"), content["metrics"]
    if isinstance(versions, dict) and all(isinstance(version, int) for version in versions.values()):
        current = current_names(versions)
        filled = {**content, "metrics": [current.get(name, name) for name in names]}
        return {key: value for key, value in filled.items() if key not in _RECORDED}
    return {**content, "metrics": unversioned_names(names, one_tune=_is_of_one_tune(content.get("suite")))}


def _are_texts(names: object) -> bool:
    return isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)


def _is_of_one_tune(suite: object) -> bool:
    """Whether a suite as configured has one tune for content and style, as frozen suites alone may have."""
    name = suite.get("name") if isinstance(suite, dict) else getattr(suite, "name", "")
    recipe = load_frozen(name).recipe if isinstance(name, str) and name else None
    return recipe is not None and recipe.made.is_of_one_tune


def load_configuration(source: str) -> RunConfiguration:
    """Read a run's configuration.

    Parameters
    ----------
    source : str
        The path of a TOML file, or the name of a profile.

    Returns
    -------
    RunConfiguration
        With every name in it checked.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or holds a key, name or value that is not allowed.
    """
    return read_configuration(*configuration_text(source))


def read_configuration(text: str, where: str, track: str = "") -> RunConfiguration:
    """Parse a run's configuration in TOML; `where` is its source, for messages.

    `track` is which one of those that it lists. Raises ConfigurationError if it holds a key, name or value
    that is not allowed.
    """
    if not track and (tracks := listed_tracks(text, where)):
        raise ConfigurationError(
            f"{where}: lists the tracks {', '.join(tracks)}, each of which is a run of its own: name one"
        )
    content = parse_toml(text, where, ConfigurationError)
    return parse_configuration(content | {"track": track} if track else content, where)


def parse_configuration(content: object, where: str) -> RunConfiguration:
    """Check a configuration: tables, lists and values as TOML or JSON hold them, read from `where`.

    Raises ConfigurationError if it holds a key, name or value that is not allowed.
    """
    try:
        return RunConfiguration.model_validate(content)
    except ValidationError as error:
        unknown = [problem["loc"] for problem in error.errors() if problem["type"] == "extra_forbidden"]
        if not unknown:
            raise describe_validation(error, where, ()) from error
        # These first and alone: what is missing, or will not do, may be so because of them.
        lines = [f"unknown key {'.'.join(map(str, place))!r}{_instead(place)}" for place in unknown]
        raise ConfigurationError(f"{where}: " + "; ".join(lines)) from error


def _instead(place: Sequence[int | str]) -> str:
    """End a message about an unknown key: the nearest one of its table, other tables that have it, or all."""
    *parents, key = map(str, place)
    tables = _tables(RunConfiguration)
    table: tuple[str, ...] = ()
    for part in parents:  # numbers in lists and kinds of tables are not tables
        table = (*table, part) if (*table, part) in tables else table
    near = suggestion(key, tables[table])
    others = ", ".join(".".join(path) or "the top level" for path, keys in tables.items() if key in keys)
    if not others:
        return near
    return f"{near} It belongs to {others}" if near.endswith("?") else f": it belongs to {others}"


def _tables(model: type[BaseModel], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], set[str]]:
    """Return the keys of each table that a configuration can hold, by its path, of all its kinds together."""
    tables = {path: set(model.model_fields)}
    for name, field in model.model_fields.items():
        for part in _models_in(field.annotation):
            for inner, keys in _tables(part, (*path, name)).items():
                tables[inner] = tables.get(inner, set()) | keys
    return tables


def _models_in(annotation: object) -> list[type[BaseModel]]:
    """Return the models that a value of a type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
