"""Make a judge of a run one that comes with the package."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.classifier.style.phrases.phrase_configuration import phrase_sources
from timbrebench.classifier.style.published_judges import PublishedCard
from timbrebench.classifier.style.recorded_pieces import EVIDENCE_FOLDER, play_recordings
from timbrebench.classifier.style.robustness import measure_robustness
from timbrebench.classifier.style.style_evaluation import Evaluation
from timbrebench.classifier.style.style_pipeline import EVALUATION_FILE, find_judge
from timbrebench.core.documents import read_json
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import write_json
from timbrebench.datasets.dataset import Dataset
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont

#: What decides the weights besides what the dataset was made with.
_TRAINED_WITH = ("torch", "pytorch-lightning", "numpy")


def publish_judge(
    folder: Path,
    dataset: Dataset,
    configuration: JudgeConfiguration,
    *,
    name: str,
    run: str,
    out: Path,
    recordings: Sequence[str] = (),
) -> PublishedCard:
    """Write ``NAME.pt`` and ``NAME.json`` to `out`, as they lie in ``classifier/style/weights/``.

    `folder` is the judge's, from :func:`~timbrebench.classifier.style.style_pipeline.build_judge`; `name` is
    what configurations will call it, and `run` the name of the run that has trained it. Where there are
    `recordings`, folders of recorded notes or halves of them, the test pieces are played with these as well.
    JudgeError if the folder does not hold a judge of this dataset and configuration.
    """
    judge = find_judge(dataset, configuration, folder)
    if judge is None or configuration.name:
        raise JudgeError(f"{folder}: holds no judge that was trained on {dataset.root} in this way")
    recorded = [find_soundfont(reference) for reference in recordings]
    robustness = None
    if recorded:
        played = play_recordings(dataset, recorded, folder / EVIDENCE_FOLDER)
        robustness = measure_robustness(judge, played, seed=configuration.seed)
    evaluation = Evaluation.model_validate(read_json(folder / EVALUATION_FILE, JudgeError))
    card = PublishedCard(
        name=name,
        fingerprint=judge.fingerprint,
        labels=judge.labels,
        parameters=judge.parameters,
        temperature=judge.temperature,
        soundfonts=judge.soundfonts,
        training_pieces=judge.training_pieces,
        training_clips=len(judge.training_clips),
        run=run,
        dataset=dataset.description["configuration"],
        configuration=configuration.model_dump(mode="json", exclude={"name"}),
        software={**dataset.description["software"], **{part: version(part) for part in _TRAINED_WITH}},
        evaluation=evaluation,
        sources=(*dataset.description["sources"], *phrase_sources(configuration.phrases)),
        recordings=robustness,
    )
    judge.save(out / f"{name}.pt")
    write_json(out / f"{name}.json", card.model_dump(mode="json"))
    return card
