"""The command that holds metrics against published listeners."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbrebench.core.destinations import check_output_folder
from timbrebench.core.errors import ConfigurationError
from timbrebench.experiments.report.standard_output import print_line


def validate_human_command(
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder with sounds/STUDY/*.aiff and true_dissim/STUDY_dissimilarity_matrix.txt."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the page, its tables and its figure.")] = Path(
        "runs/human"
    ),
    ratings: Annotated[
        Path | None, typer.Option(help="Ratings of a listening test of timbre transfer, a CSV file.")
    ] = None,
    outputs: Annotated[
        Path | None, typer.Option(help="What was rated: a folder with truth, difftransfer and universal.")
    ] = None,
    embedding: Annotated[
        list[str] | None, typer.Option(help="A further embedding, NAME=WEIGHTS; may be given again.")
    ] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Learn the weights of perceptual_timbre_distance, minutes of work.")
    ] = False,
) -> None:
    """Hold metrics and embeddings against what listeners have said in published studies."""
    check_output_folder(out)
    from timbrebench.classifier.embeddings.embedding import load_embedding
    from timbrebench.experiments.validity.human_report import FIGURE, PAGE, write_human_validation
    from timbrebench.experiments.validity.human_validation import learn_weights, validate_distances
    from timbrebench.experiments.validity.listening_studies import read_studies
    from timbrebench.experiments.validity.transfer_listening_test import compare_systems

    if (ratings is None) != (outputs is None):
        raise ConfigurationError(
            "ratings and what was rated belong together: give both --ratings and --outputs"
        )
    named = dict(_named(text) for text in embedding or [])
    studies = read_studies(data)
    for study in studies:
        if study.differs:
            shown = ", ".join(study.differs[:3]) + (" ..." if len(study.differs) > 3 else "")
            print_line(f"{study.name}: not the pinned version ({shown})")
    validation = validate_distances(
        studies, {name: load_embedding(name, weights) for name, weights in named.items()}
    )
    if validation.absent:
        print_line(f"not at hand: {', '.join(validation.absent)}")
    learned = learn_weights(validation.described) if fit else None
    test = None if ratings is None or outputs is None else compare_systems(ratings, outputs)
    write_human_validation(validation, test, learned, out)
    for row in validation.summary().itertuples():
        print_line(f"{row.distance:32} Spearman {row.spearman:.3f}  triplets {row.triplets:.3f}")
    print_line(out / PAGE)
    print_line((out / FIGURE).with_suffix(".png"))


def _named(text: str) -> tuple[str, Path]:
    name, equals, weights = text.partition("=")
    if not (name and equals and weights):
        raise ConfigurationError(f"an embedding is given as NAME=WEIGHTS, got {text!r}")
    return name, Path(weights)
