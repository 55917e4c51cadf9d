"""Folders of authors' outputs: what is read, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from timbrebench.core.errors import ConfigurationError
from timbrebench.experiments.studies.published_outputs import PublishedOutput, read_outputs


def sound(path, seconds=1.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.1 * np.random.default_rng(0).standard_normal(round(22_050 * seconds))
    soundfile.write(path, samples, 22_050)
    return path


@pytest.fixture
def repository(tmp_path):
    """Inputs as in Mital's repository, and an output without settings in its name."""
    sound(tmp_path / "target" / "voice.wav")
    sound(tmp_path / "corpus" / "drums-1.flac")
    sound(tmp_path / "examples" / "timedomain" / "voice.wav+drums-1.flac.flac")
    return tmp_path


class TestRepository:
    def test_inputs_and_method_follow_from_name_and_folder(self, repository):
        (output,) = read_outputs(repository)
        assert output.content == repository / "target" / "voice.wav"
        assert output.style == repository / "corpus" / "drums-1.flac"
        assert (output.method, output.parameters["kernel_width"]) == ("time-domain", 8)

    def test_settings_in_a_name_count(self, repository):
        name = "voice.wav+drums-1.wav,n_fft=2048,n_layers=1,n_filters=64,hop_length=512,alpha=0.5,k_w=4"
        sound(repository / "examples" / "fourier" / f"{name}.wav.limiter.wav")
        output, _ = read_outputs(repository)
        assert output.parameters == {
            "preset": "code",
            "n_fft": 2048,
            "n_filters": 64,
            "hop_length": 512,
            "content_weight": 0.5,
            "kernel_width": 4,
        }

    def test_larger_filters_of_the_port_are_a_smaller_content_weight(self, repository):
        name = "voice.wav+drums-1.wav,n_fft=2048,n_filters=100,hop_length=512,alpha=0.5"
        sound(repository / "examples" / "uylanov" / f"{name}.wav")
        _, output = read_outputs(repository)
        # 22,050 samples have 44 frames, and the transform has 1,025 frequencies.
        assert output.parameters["content_weight"] == pytest.approx(0.5 * 144 / 1125)

    def test_an_output_without_its_input_is_named_and_left_out(self, repository, capsys):
        sound(repository / "examples" / "timedomain" / "singing.wav+drums-1.wav.wav")
        assert len(read_outputs(repository)) == 1
        assert "target/singing is not there" in capsys.readouterr().err

    def test_a_setting_that_has_no_counterpart_is_refused(self, repository):
        sound(repository / "examples" / "timedomain" / "voice.wav+drums-1.wav,n_layers=2.wav")
        with pytest.raises(ConfigurationError, match="no counterpart here for the setting n_layers=2"):
            read_outputs(repository)


class TestTable:
    def table(self, folder, *rows):
        lines = ["content,style,output,method,parameters", *rows]
        (folder / "outputs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def test_it_says_what_the_folder_holds(self, tmp_path):
        files = {name: sound(tmp_path / f"{name}.wav") for name in ("content", "style", "output")}
        parameters = json.dumps({"n_filters": 8}).replace('"', '""')
        self.table(tmp_path, f'content.wav,style.wav,output.wav,ulyanov,"{parameters}"')
        assert read_outputs(tmp_path) == [
            PublishedOutput(**files, method="ulyanov", parameters={"n_filters": 8})
        ]

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ("content.wav,style.wav,lost.wav,ulyanov,", "line 2: the output 'lost.wav' is not there"),
            ("content.wav,style.wav,content.wav,ulyanov,fast", "parameters 'fast' are not JSON"),
            ("content.wav,style.wav,content.wav,ulyanov,3", "are not a JSON object"),
        ],
    )
    def test_a_row_that_cannot_be_used_is_named(self, tmp_path, row, reason):
        for name in ("content", "style"):
            sound(tmp_path / f"{name}.wav")
        self.table(tmp_path, row)
        with pytest.raises(ConfigurationError, match=reason):
            read_outputs(tmp_path)

    def test_missing_columns_are_named(self, tmp_path):
        (tmp_path / "outputs.csv").write_text("content,output\n", encoding="utf-8")
        with pytest.raises(ConfigurationError, match="lacks the columns style, method"):
            read_outputs(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="holds neither outputs"):
        read_outputs(tmp_path)
    with pytest.raises(ConfigurationError, match="no such folder"):
        read_outputs(tmp_path / "nowhere")
    (tmp_path / "outputs.csv").write_text("content,style,output,method\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="holds no output"):
        read_outputs(tmp_path)
