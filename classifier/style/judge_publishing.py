"""Make a judge of a run one that comes with the package."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from timbrebench.classifier.style.judge_configuration import JudgeConfiguration
from timbrebench.classifier.style.published_judges import PublishedCard
from timbrebench.classifier.style.style_evaluation import Evaluation
from timbrebench.classifier.style.style_pipeline import EVALUATION_FILE, find_judge
from timbrebench.core.documents import read_json
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import write_json
from timbrebench.datasets.dataset import Dataset

#: What decides the weights besides what the dataset was made with.
_TRAINED_WITH = ("torch", "pytorch-lightning", "numpy")


def publish_judge(
    folder: Path, dataset: Dataset, configuration: JudgeConfiguration, *, name: str, run: str, out: Path
) -> PublishedCard:
    """Write ``NAME.pt`` and ``NAME.json`` to `out`, as they lie in ``classifier/style/weights/``.

    `folder` is the judge's, from :func:`~timbrebench.classifier.style.style_pipeline.build_judge`; `name`
    that of the frozen suite for which it is, `run` that of the run that has trained it. JudgeError if the
    folder does not hold a judge of this dataset and configuration.
    """
    judge = find_judge(dataset, configuration, folder)
    if judge is None or configuration.name:
        raise JudgeError(f"{folder}: holds no judge that was trained on {dataset.root} in this way")
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
    )
    judge.save(out / f"{name}.pt")
    write_json(out / f"{name}.json", card.model_dump(mode="json"))
    return card
