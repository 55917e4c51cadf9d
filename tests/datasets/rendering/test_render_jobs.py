import numpy as np
import pytest

from timbrebench.audio import rms
from timbrebench.core.errors import DatasetError
from timbrebench.datasets import DatasetConfiguration
from timbrebench.datasets.dataset import read_clip
from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.rendering.piece_planning import PlannedPiece
from timbrebench.datasets.rendering.render_jobs import RenderingJob
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont

CONFIGURATION = DatasetConfiguration(soundfonts=("TimGM6mb",), clip_duration_s=2.0, audio_format="wav")


def render(root, notes, start_s, program=0):
    """Render one clip as a build does, and return its samples."""
    piece = PlannedPiece("piece", "nobody", "test", notes, (start_s,))
    job = RenderingJob(CONFIGURATION, root, piece, find_soundfont("TimGM6mb"), {"piano": (program,)})
    assert job.run() == 1
    assert job.is_done()
    return read_clip(root / job.rows()[0]["path"], 2.0, 22_050)


def tune(velocity, first_s=0.0):
    return notes_table(
        [(first_s + step / 4, first_s + step / 4 + 0.2, 60 + step, velocity) for step in range(8)]
    )


@pytest.mark.parametrize("velocity", [1, 20])
def test_soft_notes_become_as_loud_as_others(tmp_path, velocity):
    """The softest notes of MIDI lie 80 dB under the loudest, and are no silence."""
    soft, loud = (render(tmp_path / str(own), tune(own), 0.0) for own in (velocity, 100))
    assert rms(soft) == pytest.approx(rms(loud), rel=0.02)
    assert np.corrcoef(soft, loud)[0, 1] > 0.99


def test_music_after_a_long_rest_is_no_silence(tmp_path):
    late = render(tmp_path, tune(20, first_s=120.0), 120.0)
    assert rms(late) > 0.1
    assert np.abs(late).max() < 1


def test_what_does_not_sound_at_all_is_an_error(tmp_path):
    """The E4 of TimGM6mb's alto saxophone has no sample."""
    silent = tune(90).assign(pitch=64)
    with pytest.raises(DatasetError, match=r"piece is silent on piano \(program 65\) of TimGM6mb"):
        render(tmp_path, silent, 0.0, program=65)
