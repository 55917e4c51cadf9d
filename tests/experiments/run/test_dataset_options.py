import pytest

from timbrebench.core.errors import ConfigurationError
from timbrebench.experiments.run.run_configuration import load_configuration

OPTIONS = """
name = "options"

[dataset]
instruments = ["Acoustic Grand Piano", 73]
melody_only = true
channels = 2
audio_format = "ogg"
soundfonts = [
  "FluidR3_GM",
  { name = "Bank", url = "https://example.org/bank.sf2", sha256 = "%s" },
]

[dataset.augmentation]
copies = 2
transposition = [-2, 2]

[dataset.spectrograms]
variants = ["mel-decibel"]
""" % ("0" * 64)


def test_rendering_options_are_read_from_a_file(tmp_path):
    path = tmp_path / "options.toml"
    path.write_text(OPTIONS)
    dataset = load_configuration(str(path)).dataset
    assert dataset.instruments == ("acoustic-grand-piano", "flute")
    assert dataset.soundfont_names == ("FluidR3_GM", "Bank")
    assert dataset.augmentation.transposition == (-2, 2)
    assert dataset.spectrograms.variants == ("mel-decibel",)


@pytest.mark.parametrize(
    ("right", "wrong", "suggestion"),
    [("transposition", "transpositions", "transposition"), ("variants", "variant", "variants")],
)
def test_misspelt_options_are_suggested(tmp_path, right, wrong, suggestion):
    path = tmp_path / "options.toml"
    path.write_text(OPTIONS.replace(f"{right} =", f"{wrong} ="))
    with pytest.raises(ConfigurationError, match=f"did you mean '{suggestion}'"):
        load_configuration(str(path))
