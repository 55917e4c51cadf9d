"""What the method promises, on tones whose right answer is known."""

import numpy as np
import pytest

from timbrebench.core.errors import ConfigurationError
from timbrebench.transfer import apply, create

RATE = 22050
TIME = np.arange(RATE) / RATE


def tone(levels):
    partials = [level * np.sin(2 * np.pi * 440 * number * TIME) for number, level in enumerate(levels, 1)]
    return (0.3 * np.sum(partials, axis=0)).astype(np.float32)


def level_db(samples, frequency):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return 20 * np.log10(spectrum[frequency - 2 : frequency + 3].max())


def test_the_second_harmonic_gets_the_level_it_has_in_the_style():
    content, style = tone([1, 0.1]), tone([1, 0.8])
    output = apply(create("long-term-spectrum", {}), content, style, sample_rate=RATE, seed=0)
    wanted, found = (level_db(clip, 880) - level_db(clip, 440) for clip in (style, output))
    assert found == pytest.approx(wanted, abs=1)


def test_a_clip_as_its_own_style_stays_as_it_is():
    content = tone([1, 0.5, 0.2])
    output = apply(create("long-term-spectrum", {}), content, content, sample_rate=RATE, seed=0)
    np.testing.assert_allclose(output, content, atol=1e-4)


def test_a_setting_out_of_range_is_refused():
    with pytest.raises(ConfigurationError, match="range_db"):
        create("long-term-spectrum", {"range_db": -1})
