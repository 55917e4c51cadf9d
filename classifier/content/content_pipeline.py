"""From datasets to a content judge in a folder, with its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from timbrebench.classifier.content.content_card import ContentCard
from timbrebench.classifier.content.content_evaluation import ContentEvaluation, evaluate_on
from timbrebench.classifier.content.content_features import ContentFeatures, compute_features, concatenate
from timbrebench.classifier.content.content_judge import ContentJudge
from timbrebench.classifier.content.content_phrases import phrase_features
from timbrebench.classifier.content.content_recipe import ContentRecipe
from timbrebench.classifier.content.content_robustness import measure_content_robustness
from timbrebench.classifier.content.content_training import ContentConfiguration, train_content_judge
from timbrebench.classifier.style.phrases.phrase_configuration import phrase_sources
from timbrebench.classifier.style.phrases.phrase_making import PhraseSound
from timbrebench.classifier.style.recorded_pieces import play_recordings
from timbrebench.core.documents import JSON_BYTES, parse_json, read_json
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import fingerprint, read_text, storage_error, write_json, write_text
from timbrebench.core.tables import SIX_DIGITS, write_csv
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.rendering.rendered_dataset import build_dataset
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont

JUDGE_FILE = "content.pt"
CARD_FILE = "content.json"
PAGE_FILE = "content.md"
CURVE_FILE = "learning_curve.csv"
_KEY_FILE = "key.json"

#: Splits that are learned from.
_LEARNED = ("judge", "validation")


def build_recipe(recipe: ContentRecipe, folder: Path | str) -> ContentJudge:
    """Build the datasets of a recipe, and train and measure its judge.

    Parameters
    ----------
    recipe : ContentRecipe
        What it is made of.
    folder : path-like
        Gets the datasets, and what :func:`build_content_judge` writes. Interrupted, it goes on.

    Returns
    -------
    ContentJudge
        The same each time on one machine.

    Raises
    ------
    MissingResourceError
        If a soundfont or a folder of recorded notes is missing.
    JudgeError
        If the datasets have too few pieces, or a test piece was learned from.
    """
    folder = Path(folder)
    recorded = [find_soundfont(reference) for reference in recipe.recordings]
    learned = [build_dataset(content, folder / name) for name, content in recipe.datasets.items()]
    tests = {name: build_dataset(content, folder / name) for name, content in recipe.tests.items()}
    played = None
    if recorded:
        played = play_recordings([*tests.values(), *learned][0], recorded, folder)
    return build_content_judge(
        learned, recipe.training, folder, tests=tests, recordings=played, leave_out=recipe.leave_out
    )


def build_content_judge(
    datasets: Sequence[Dataset],
    configuration: ContentConfiguration,
    folder: Path | str,
    *,
    tests: Mapping[str, Dataset] | None = None,
    recordings: Dataset | None = None,
    leave_out: bool = True,
) -> ContentJudge:
    """Train, evaluate and store a content judge, or load the stored one.

    Parameters
    ----------
    datasets : sequence of Dataset
        What to learn from and be tested on: several are taken as one. Clips of one duration.
    configuration : ContentConfiguration
        How.
    folder : path-like
        Gets ``content.pt``, ``content.json`` and ``content.md`` (the card), and ``learning_curve.csv``. What
        lies there is used again for the same datasets and configuration, and replaced for others.
    tests : mapping of str to Dataset, optional
        Further datasets to be tested on, by the names that the card gives them. Only their test splits are
        looked at.
    recordings : Dataset, optional
        Test pieces that recorded notes play, of which the card says how the judge fares on them, changed as
        recordings are.
    leave_out : bool, default True
        Whether another judge is trained for each family of soundfonts, without it, to say what a new timbre
        costs.

    Returns
    -------
    ContentJudge
        The judge.

    Raises
    ------
    JudgeError
        If the datasets have too few pieces, or a test piece was learned from.
    MissingResourceError
        If a soundfont of the phrases is missing.
    """
    folder = Path(folder)
    tested = {name: other.select(split="test") for name, other in (tests or {}).items()}
    measured = [*tested.values(), *([recordings] if recordings else [])]
    key = _key(datasets, measured, configuration, leave_out=leave_out)
    stored = _stored_judge(folder, key)
    if stored is not None:
        return stored
    try:
        # Before anything is replaced: an old key must never stand beside a new judge.
        (folder / _KEY_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(folder / _KEY_FILE, error) from error
    front_end = configuration.front_end
    features = _learned_features(datasets, configuration)
    own = [compute_features(dataset.select(split="test"), front_end) for dataset in datasets]
    test_features = {"own": concatenate(own)}
    test_features |= {name: compute_features(other, front_end) for name, other in tested.items()}
    training = train_content_judge(features, configuration)
    card = ContentCard(
        **_described(training.judge),
        configuration=configuration,
        tests={name: evaluate_on(training.judge, test) for name, test in test_features.items()},
        without_soundfont=_leave_soundfonts_out(features, test_features, configuration) if leave_out else {},
        recordings=measure_content_robustness(training.judge, recordings) if recordings else None,
        sources=_sources(datasets, configuration),
    )
    training.judge.save(folder / JUDGE_FILE)
    write_csv(folder / CURVE_FILE, training.curve, SIX_DIGITS)
    write_text(folder / PAGE_FILE, card.markdown())
    write_json(folder / CARD_FILE, card.model_dump(mode="json"))
    write_json(folder / _KEY_FILE, key)  # last: without it, none of the others counts
    return training.judge


def _learned_features(datasets: Sequence[Dataset], configuration: ContentConfiguration) -> ContentFeatures:
    """Return the features of what is learned from: clips, their varied copies, and phrases beside them."""
    front_end, variation, phrases = configuration.front_end, configuration.variation, configuration.phrases
    learned = [dataset.select(split=_LEARNED) for dataset in datasets]
    parts = [compute_features(dataset, front_end, variation) for dataset in learned]
    if phrases:
        clip = next(learned[0].clips())
        parts.append(
            phrase_features(front_end, phrases, PhraseSound(variation, clip.duration_s, clip.sample_rate))
        )
    return concatenate(parts)


def _sources(datasets: Sequence[Dataset], configuration: ContentConfiguration) -> tuple[dict[str, str], ...]:
    """Return name, family, SHA-256 and takes of all that has played what is learned from, each once."""
    listed = [source for dataset in datasets for source in dataset.description.get("sources", ())]
    listed += phrase_sources(configuration.phrases)
    texts = [{key: str(value) for key, value in source.items()} for source in listed]
    return tuple(source for place, source in enumerate(texts) if source not in texts[:place])


def _leave_soundfonts_out(
    features: ContentFeatures, tests: Mapping[str, ContentFeatures], configuration: ContentConfiguration
) -> dict[str, dict[str, ContentEvaluation]]:
    """Evaluate, on each family's test clips, a judge that was trained without it; none where there is one."""
    families = sorted(features.manifest.soundfont_family.unique())
    if len(families) < 2:
        return {}
    evaluations: dict[str, dict[str, ContentEvaluation]] = {}
    for family in families:
        others = features.where(soundfont_family=[name for name in families if name != family])
        judge = train_content_judge(others, configuration, description=f"training without {family}").judge
        own = {name: test.where(soundfont_family=[family]) for name, test in tests.items()}
        evaluations[family] = {
            name: evaluate_on(judge, test) for name, test in own.items() if len(test.manifest)
        }
    return evaluations


def _described(judge: ContentJudge) -> dict[str, Any]:
    """Return what a card says of the judge itself."""
    return {
        "fingerprint": judge.fingerprint,
        "parameters": judge.parameters,
        "soundfonts": judge.soundfonts,
        "training_pieces": len(judge.training_pieces),
        "training_clips": len(judge.training_clips),
        "onset_threshold": judge.decoding.onset,
        "note_threshold": judge.decoding.note,
    }


def _key(
    datasets: Sequence[Dataset],
    tests: Sequence[Dataset],
    configuration: ContentConfiguration,
    *,
    leave_out: bool,
) -> str:
    """Return the fingerprint of all that decides what the judge and its card become."""
    decisive = ["sha256", "label", "split", "piece", "soundfont", "soundfont_family"]
    clips = [
        [dataset.manifest[decisive].to_numpy().tolist() for dataset in group] for group in (datasets, tests)
    ]
    sources = phrase_sources(configuration.phrases)
    return fingerprint([*clips, configuration.model_dump(mode="json"), sources, leave_out])


def _stored_judge(folder: Path, key: str) -> ContentJudge | None:
    """Return the judge of this key, or None where a file of it is missing or damaged."""
    try:
        if parse_json(read_text(folder / _KEY_FILE, JSON_BYTES, JudgeError), _KEY_FILE, JudgeError) != key:
            return None
        ContentCard.model_validate(read_json(folder / CARD_FILE, JudgeError))
        whole = all((folder / name).is_file() for name in (CURVE_FILE, PAGE_FILE))
        return ContentJudge.load(folder / JUDGE_FILE) if whole else None
    except (OSError, ValueError, JudgeError):
        return None
