"""Folders of listening studies: what is in them, and what is wrong with them, by file and reason."""

import numpy as np
import pytest

from timbrebench.audio.clips import write_audio
from timbrebench.core.errors import DatasetError
from timbrebench.experiments.validity.listening_studies import PUBLISHED, pinned_digests, read_studies

RATE = 8000


def make_study(folder, name="Study2020", count=4, matrix=None):
    sounds = folder / "sounds" / name
    sounds.mkdir(parents=True)
    for number in range(count):
        wave = 0.1 * np.sin(2 * np.pi * 220 * (number + 1) * np.arange(RATE // 4) / RATE)
        write_audio(sounds / f"{number}.wav", wave, RATE)
        (sounds / f"{number}.wav").rename(sounds / f"{number}.aiff")
    rated = np.triu(np.arange(count**2).reshape(count, count) / 2.0, 1) if matrix is None else matrix
    (folder / "true_dissim").mkdir(exist_ok=True)
    np.savetxt(folder / "true_dissim" / f"{name}_dissimilarity_matrix.txt", rated)
    return folder


def test_a_study_is_its_sorted_sounds_and_a_symmetric_matrix(tmp_path):
    (study,) = read_studies(make_study(tmp_path))
    assert [path.name for path in study.sounds] == ["0.aiff", "1.aiff", "2.aiff", "3.aiff"]
    assert study.dissimilarity.max() == 1
    assert (study.dissimilarity == study.dissimilarity.T).all()
    assert study.dissimilarity[0, 3] == pytest.approx(3 / 11)
    assert len(study.differs) == 5  # nothing of it is pinned


def test_what_lies_on_and_below_the_diagonal_does_not_count(tmp_path):
    rated = np.full((4, 4), np.nan)
    rated[np.triu_indices(4, 1)] = range(1, 7)
    (study,) = read_studies(make_study(tmp_path, matrix=rated))
    assert np.isfinite(study.dissimilarity).all()
    assert (np.diag(study.dissimilarity) == 0).all()


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (np.ones((3, 3)), "a matrix of 3 x 3, and its study has 4 sounds"),
        (np.ones((4, 3)), "a matrix of 4 x 3"),
        (np.full((4, 4), np.nan), "row 1, column 2 is nan"),
        (np.full((4, 4), np.inf), "row 1, column 2 is inf"),
        (np.zeros((4, 4)), "not all 0"),
        (-np.ones((4, 4)), "at least 0"),
    ],
)
def test_a_wrong_matrix_is_named_with_the_reason(matrix, reason, tmp_path):
    with pytest.raises(DatasetError, match=rf"Study2020_dissimilarity_matrix\.txt: .*{reason}"):
        read_studies(make_study(tmp_path, matrix=matrix))


def test_text_is_not_a_matrix(tmp_path):
    folder = make_study(tmp_path)
    path = folder / "true_dissim" / "Study2020_dissimilarity_matrix.txt"
    path.write_text("a b c d\n" * 4)
    with pytest.raises(DatasetError, match="not a matrix of numbers"):
        read_studies(folder)


def test_missing_halves_are_named(tmp_path):
    folder = make_study(tmp_path)
    (folder / "sounds" / "Other").mkdir()
    with pytest.raises(DatasetError, match=r"Other_dissimilarity_matrix\.txt: missing"):
        read_studies(folder)
    (folder / "sounds" / "Other").rmdir()
    for path in (folder / "sounds" / "Study2020").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match=r"Study2020: holds no \.aiff files"):
        read_studies(folder)


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="holds no listening study"):
        read_studies(tmp_path)
    with pytest.raises(DatasetError, match="nowhere"):
        read_studies(tmp_path / "nowhere")


def test_pinned_studies_are_those_of_the_collection():
    studies = set(pinned_digests()) - {"starnet-listening-test", "starnet-outputs"}
    assert len(studies) == 15
    assert studies <= set(PUBLISHED)
    assert len(PUBLISHED) == 21
