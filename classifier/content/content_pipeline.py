"""From datasets to a content judge in a folder, with its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from timbrebench.classifier.content.content_card import ContentCard
from timbrebench.classifier.content.content_evaluation import ContentEvaluation, evaluate_on
from timbrebench.classifier.content.content_features import ContentFeatures, compute_features, concatenate
from timbrebench.classifier.content.content_front_end import PitchFrontEnd
from timbrebench.classifier.content.content_judge import ContentJudge
from timbrebench.classifier.content.content_training import ContentConfiguration, train_content_judge
from timbrebench.core.documents import JSON_BYTES, parse_json, read_json
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import fingerprint, read_text, storage_error, write_json, write_text
from timbrebench.core.tables import SIX_DIGITS, write_csv
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.instruments import FAMILIES, SIX_INSTRUMENTS
from timbrebench.datasets.rendering.dataset_configuration import DatasetConfiguration
from timbrebench.datasets.rendering.rendered_dataset import build_dataset

JUDGE_FILE = "content.pt"
CARD_FILE = "content.json"
PAGE_FILE = "content.md"
CURVE_FILE = "learning_curve.csv"
_KEY_FILE = "key.json"

#: Splits that are used; the remaining one is for methods.
_USED = ("judge", "validation", "test")

#: Families whose sound is not the pitch that was asked for.
_NO_PITCH = {"synth-effects-family", "percussive-family", "sound-effects-family"}

#: What the judge that comes with the package has learned from: all melodic families of General MIDI, two
#: programs of each for every piece, on three soundfonts that share no samples.
SHIPPED_FAMILIES = DatasetConfiguration(
    pieces=180,
    instruments=tuple(name for name in FAMILIES if name not in _NO_PITCH),
    renderings=2,
    soundfonts=("FluidR3_GM", "TimGM6mb", "sonivox"),
    clips_per_piece=1,
    seed=1,
)

#: The same pieces on the six instruments of the default dataset, most of which no family begins with.
SHIPPED_INSTRUMENTS = SHIPPED_FAMILIES.model_copy(
    update={"instruments": tuple(SIX_INSTRUMENTS), "renderings": 1}
)


#: What it is tested on besides: the first programs of the default dataset's instruments, in other tempi and
#: windows.
SHIPPED_TEST = DatasetConfiguration(renderings=1, soundfonts=("FluidR3_GM", "TimGM6mb"))


def build_shipped_judge(folder: Path | str) -> ContentJudge:
    """Train the content judge that comes with the package again: an hour and more on two cores.

    Parameters
    ----------
    folder : path-like
        Gets the datasets, and what :func:`build_content_judge` writes. Interrupted, it goes on.

    Returns
    -------
    ContentJudge
        The same as the one that comes with the package, on the machine that it was trained on.
    """
    folder = Path(folder)
    learned = [
        build_dataset(SHIPPED_FAMILIES, folder / "families"),
        build_dataset(SHIPPED_INSTRUMENTS, folder / "instruments"),
    ]
    tests = {"six instruments": build_dataset(SHIPPED_TEST, folder / "test")}
    return build_content_judge(learned, ContentConfiguration(), folder, tests=tests)


def build_content_judge(
    datasets: Sequence[Dataset],
    configuration: ContentConfiguration,
    folder: Path | str,
    *,
    tests: Mapping[str, Dataset] | None = None,
) -> ContentJudge:
    """Train, evaluate and store a content judge, or load the stored one.

    For each family of soundfonts another judge is trained without it, to say what a new timbre costs.

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

    Returns
    -------
    ContentJudge
        The judge.

    Raises
    ------
    JudgeError
        If the datasets have too few pieces, or a test piece was learned from.
    """
    folder = Path(folder)
    tested = {name: other.select(split="test") for name, other in (tests or {}).items()}
    key = _key(datasets, tested, configuration)
    stored = _stored_judge(folder, key)
    if stored is not None:
        return stored
    try:
        # Before anything is replaced: an old key must never stand beside a new judge.
        (folder / _KEY_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(folder / _KEY_FILE, error) from error
    front_end = PitchFrontEnd()
    features = concatenate([compute_features(dataset.select(split=_USED), front_end) for dataset in datasets])
    test_features = {"own": features.where(split=["test"])}
    test_features |= {name: compute_features(other, front_end) for name, other in tested.items()}
    training = train_content_judge(features, configuration)
    evaluations = {name: evaluate_on(training.judge, test) for name, test in test_features.items()}
    without = _leave_soundfonts_out(features, test_features, configuration)
    card = _card(training.judge, evaluations, without)
    training.judge.save(folder / JUDGE_FILE)
    write_csv(folder / CURVE_FILE, training.curve, SIX_DIGITS)
    write_text(folder / PAGE_FILE, card.markdown())
    write_json(folder / CARD_FILE, card.model_dump(mode="json"))
    write_json(folder / _KEY_FILE, key)  # last: without it, none of the others counts
    return training.judge


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


def _card(
    judge: ContentJudge,
    tests: dict[str, ContentEvaluation],
    without: dict[str, dict[str, ContentEvaluation]],
) -> ContentCard:
    return ContentCard(
        fingerprint=judge.fingerprint,
        parameters=judge.parameters,
        soundfonts=judge.soundfonts,
        training_pieces=len(judge.training_pieces),
        training_clips=len(judge.training_clips),
        onset_threshold=judge.decoding.onset,
        note_threshold=judge.decoding.note,
        tests=tests,
        without_soundfont=without,
    )


def _key(
    datasets: Sequence[Dataset], tests: Mapping[str, Dataset], configuration: ContentConfiguration
) -> str:
    """Return the fingerprint of all that decides what the judge and its card become."""
    decisive = ["sha256", "label", "split", "piece", "soundfont", "soundfont_family"]
    learned = [dataset.manifest[decisive].to_numpy().tolist() for dataset in datasets]
    tested = {name: dataset.manifest[decisive].to_numpy().tolist() for name, dataset in tests.items()}
    settings = [part.model_dump(mode="json") for part in (configuration, PitchFrontEnd())]
    return fingerprint([learned, tested, *settings])


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
