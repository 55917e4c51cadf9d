"""`timbrebench transfer` on files of one, two and more channels, at any rate."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from timbrebench.experiments.commands.transfer_commands import transfer_command


def tone(rate, hertz):
    time = np.arange(rate) / rate
    return 0.2 * np.sin(2 * np.pi * hertz * time) * np.exp(-3 * (time % 0.25))


@pytest.fixture
def transfer(tmp_path, capsys):
    """Write content and style, run a method, and return the output, its rate and what was said."""

    def run(name, content, style, rate):
        paths = [tmp_path / f"{each}.wav" for each in ("content", "style", "output")]
        for path, samples in zip(paths, (content, style), strict=False):
            soundfile.write(path, samples, rate)
        transfer_command(name, *paths)
        return *soundfile.read(paths[2], always_2d=True), capsys.readouterr().err

    return run


@pytest.mark.parametrize("rate", [8000, 96000])
def test_channels_and_rate_are_those_of_the_content(transfer, rate):
    content = np.stack([tone(rate, 220), 0.5 * tone(rate, 330)], axis=1)
    output, output_rate, _ = transfer("envelope", content, tone(rate, 440), rate)
    assert (output.shape, output_rate) == (content.shape, rate)
    assert np.abs(output[:, 0] - output[:, 1]).max() > 0.01


@pytest.mark.parametrize("channels", [1, 3])
def test_only_two_channels_are_kept_apart(transfer, channels):
    content = np.stack([tone(16000, 220)] * channels, axis=1)
    style = np.stack([tone(16000, 440), tone(16000, 550)], axis=1)
    assert transfer("envelope", content, style, 16000)[0].shape[1] == 1


@pytest.mark.parametrize(
    ("name", "rate", "is_told"), [("adain", 44100, True), ("adain", 22050, False), ("envelope", 44100, False)]
)
def test_what_a_lower_rate_loses_is_said(transfer, name, rate, is_told):
    _, _, told = transfer(name, tone(rate, 220), tone(rate, 440), rate)
    assert ("adain: works at 22050 Hz" in told and "has nothing above 11.025 kHz" in told) == is_told
