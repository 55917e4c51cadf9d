"""Our outputs beside authors': those of the method itself are faithful, and others are not."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.core.errors import ConfigurationError, UnknownNameError
from timbrebench.experiments.commands.study_commands import study_command
from timbrebench.experiments.studies import fidelity_study
from timbrebench.experiments.studies.authors_context import AuthorsContext
from timbrebench.experiments.studies.fidelity_study import MEASURES, FidelitySettings, distances
from timbrebench.metrics.sound import Sound
from timbrebench.transfer import apply, create

RATE = 22_050

#: A method that takes a fraction of a second, and from which a content can be told.
PARAMETERS = {
    "n_fft": 512,
    "hop_length": 256,
    "n_filters": 64,
    "max_iterations": 15,
    "inversion": {"iterations": 10},
}


def clips():
    """Return two seconds of short tones at other times and pitches, as content and style."""
    time = np.arange(2 * RATE) / RATE
    tones = [
        np.sin(2 * np.pi * pitch * time) * np.exp(-12 * (time % period))
        for pitch, period in ((330, 0.5), (880, 0.3))
    ]
    return [(0.3 * tone).astype(np.float32) for tone in tones]


def folder_of(path, outputs, parameters=PARAMETERS, method="ulyanov"):
    """Write a folder with a table of outputs, by name."""
    content, style = clips()
    rows = []
    for name, samples in {"content": content, "style": style, **outputs}.items():
        soundfile.write(path / f"{name}.wav", samples, RATE, subtype="FLOAT")
        if name in outputs:
            files = [f"{file}.wav" for file in ("content", "style", name)]
            rows.append([*files, method, json.dumps(parameters)])
    columns = ["content", "style", "output", "method", "parameters"]
    pd.DataFrame(rows, columns=columns).to_csv(path / "outputs.csv", index=False)
    return path


def run(path):
    context = AuthorsContext.of_folder(path, "paper", path / "work")
    return fidelity_study.run(context, FidelitySettings(seeds=3, max_iterations=None))


class TestRun:
    def test_another_seed_of_the_same_method_is_faithful_and_the_content_is_not(self, tmp_path):
        content, style = clips()
        theirs = apply(create("ulyanov", PARAMETERS), content, style, sample_rate=RATE, seed=99)
        for name, output in (("same", theirs), ("other", content)):
            (tmp_path / name).mkdir()
            result = run(folder_of(tmp_path / name, {"output": output}))
            ratios = result.table.set_index("measure").ratio
            if name == "same":
                assert ratios.mean() == pytest.approx(1, abs=0.3)
            else:
                assert ratios["log_spectral_distance"] > 1.5
                assert result.findings[1].verdict != "held"
                assert result.table.content_to_author.to_numpy() == pytest.approx(0, abs=1e-5)

    def test_outputs_are_kept(self, tmp_path, monkeypatch):
        path = folder_of(tmp_path, {"output": clips()[0]})
        first = run(path).table
        monkeypatch.setattr(fidelity_study, "apply", None)
        pd.testing.assert_frame_equal(run(path).table, first)

    def test_fewer_iterations_decide_nothing(self, tmp_path):
        context = AuthorsContext.of_folder(folder_of(tmp_path, {"output": clips()[0]}), "small", tmp_path)
        result = fidelity_study.run(context, FidelitySettings(seeds=2, max_iterations=2))
        assert {finding.verdict for finding in result.findings} == {"not decided"}


def distances_of(ratios):
    """Distances whose ratios are these, by content and style, in all measures."""
    measures = [measure for own in MEASURES.values() for measure in own]
    rows = [
        {"method": "ulyanov", "content": content, "style": style, "settings": "defaults", "of": of, "seed": 0}
        | dict.fromkeys(measures, distance)
        for (content, style), ratio in ratios.items()
        for of, distance in (("author", ratio), ("seeds", 1.0), ("content", 3.0))
    ]
    return pd.DataFrame(rows)


class TestFindings:
    def verdict(self, ratios):
        return {finding.verdict for finding in fidelity_study.findings(distances_of(ratios), reduced=False)}

    def test_the_mean_ratio_decides(self):
        assert self.verdict({("a", "u"): 1.0, ("b", "u"): 1.4}) == {"held"}
        assert self.verdict({("a", "u"): 1.0, ("b", "u"): 1.6}) == {"did not hold"}

    def test_seeds_of_one_output_are_averaged(self):
        measured = distances_of({("a", "u"): 1.0, ("b", "v"): 1.0})
        more = measured.assign(seed=1, gram_distance=3 * measured.gram_distance)
        ratios = fidelity_study.output_ratios(pd.concat([measured, more[more.of == "author"]]))
        assert ratios.gram_distance.tolist() == [2.0, 2.0]


class TestDistance:
    def test_a_clip_has_none_from_itself_at_another_level(self):
        content, style = clips()
        sounds = [Sound(samples, RATE) for samples in (content, 0.5 * content, style)]
        same, other = (distances(sounds[0], sound) for sound in sounds[1:])
        assert set(same) == {measure for measures in MEASURES.values() for measure in measures}
        assert max(same.values()) < 1e-2
        assert min(other.values()) > 0.02


class TestCommand:
    def test_a_folder_becomes_a_page(self, tmp_path, capsys):
        path = folder_of(tmp_path, {"output": clips()[0]})
        study_command("fidelity", data=path, out=tmp_path / "out")
        page = (tmp_path / "out" / "fidelity.md").read_text(encoding="utf-8")
        assert "is faithful in style on 1 published output" in page
        assert "| ulyanov" in page
        assert page in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("output", "method", "parameters", "reason"),
        [
            (clips()[0][:4000], "ulyanov", {}, "an output is as long as the shorter"),
            (np.zeros(2 * RATE), "ulyanov", {}, "is silent"),
            (clips()[0], "ulianov", {}, "did you mean 'ulyanov'"),
            (clips()[0], "ulyanov", {"n_filter": 3}, "did you mean 'n_filters'"),
        ],
    )
    def test_what_cannot_be_compared_is_refused_before_any_work(
        self, tmp_path, output, method, parameters, reason
    ):
        path = folder_of(tmp_path, {"output": output}, parameters, method)
        with pytest.raises((ConfigurationError, UnknownNameError), match=reason):
            study_command("fidelity", data=path, out=tmp_path / "out")
        assert not (tmp_path / "out").exists()
