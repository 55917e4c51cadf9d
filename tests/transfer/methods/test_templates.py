"""Note templates: what is learned from known notes, which timbre is heard, and that the notes stay."""

from __future__ import annotations

import signal

import librosa
import numpy as np
import pytest

from timbrebench.audio.spectra import magnitude
from timbrebench.core.errors import ConfigurationError, DatasetError, MethodError
from timbrebench.datasets.notes import notes_table
from timbrebench.transfer import apply, create
from timbrebench.transfer.algorithms import template_learning
from timbrebench.transfer.algorithms.note_templates import (
    ATTACK_AND_REST,
    Analysis,
    NoteTemplates,
    fill,
    piano_roll,
)
from timbrebench.transfer.algorithms.template_learning import learn
from timbrebench.transfer.methods import templates as module
from timbrebench.transfer.methods.templates import STORED, Templates, identify, sharpen

ANALYSIS = Analysis(22050, 2048, 512)
QUICK = {"iterations": 20, "inversion": {"iterations": 5}}


def tone(pitch, levels, seconds=0.5):
    time = np.arange(round(seconds * 22050)) / 22050
    f0 = librosa.midi_to_hz(pitch)
    return sum(level * np.sin(2 * np.pi * f0 * n * time) for n, level in levels.items()).astype(np.float32)


DARK, BRIGHT = {1: 0.2, 2: 0.02}, {1: 0.05, 2: 0.1, 3: 0.2}
PITCHES = np.arange(60, 73)


@pytest.fixture(scope="module")
def additive():
    """The spectra of steady tones in two timbres."""
    spectra = [
        np.stack([magnitude(tone(pitch, levels)).mean(axis=1) for pitch in PITCHES], axis=1)
        for levels in (DARK, BRIGHT)
    ]
    return NoteTemplates(("dark", "bright"), PITCHES, np.stack(spectra)[:, :, None, :])


@pytest.fixture(scope="module")
def exchange(additive):
    method = Templates(sharpness=1, iterations=300)
    method.templates = additive
    return method


@pytest.fixture(scope="module")
def learned(training_music):
    return learn(training_music, ANALYSIS, iterations=10, clips_per_timbre=64)


@pytest.fixture(scope="module")
def prepared(training_music, tmp_path_factory):
    method = Templates(**QUICK)
    method.prepare(training_music, tmp_path_factory.mktemp("prepared"))
    return method


def play(spectra, activations):
    return (spectra[:, 0] @ activations).astype(np.float32)


@pytest.fixture(scope="module")
def melody():
    """Activations of a melody in thirds."""
    activations = np.zeros((len(PITCHES), 24), dtype=np.float32)
    for number, index in enumerate([0, 2, 4, 5, 4, 2]):
        activations[[index, index + 4], 4 * number : 4 * number + 4] = [[1.0], [0.5]]
    return activations


class TestExchange:
    def test_notes_of_one_timbre_become_the_same_notes_of_the_other(self, exchange, additive, melody):
        dark, bright = (play(spectra, melody) for spectra in additive.spectra)
        made = exchange.transform(dark, bright, np.random.default_rng(0))
        assert np.linalg.norm(made - bright) < 0.02 * np.linalg.norm(bright)

    def test_transposed_content_gives_transposed_output(self, exchange, additive, melody):
        dark, bright = additive.spectra
        higher = np.roll(melody, 2, axis=0)
        made = exchange.transform(play(dark, higher), play(bright, melody), np.random.default_rng(0))
        wanted = play(bright, higher)
        assert np.linalg.norm(made - wanted) < 0.02 * np.linalg.norm(wanted)

    def test_the_timbre_is_told_from_the_clip(self, additive, melody):
        for number, spectra in enumerate(additive.spectra):
            assert identify(play(spectra, melody), additive) == number

    def test_a_hum_that_no_template_knows_does_not_hide_the_timbre(self, additive, melody):
        deaf = NoteTemplates(additive.timbres, additive.pitches, additive.spectra.copy())
        deaf.spectra[:, 5] = 0
        for number, spectra in enumerate(deaf.spectra):
            clip = play(spectra, melody)
            clip[5] = 1
            assert identify(clip, deaf) == number

    def test_a_louder_content_gives_a_louder_output(self, exchange, additive, melody):
        dark, bright = (play(spectra, melody) for spectra in additive.spectra)
        soft, loud = (exchange.transform(gain * dark, bright, np.random.default_rng(0)) for gain in (1, 3))
        np.testing.assert_allclose(loud, 3 * soft, rtol=1e-3, atol=1e-3)


class TestSharpen:
    def test_the_loudest_stay_and_the_rest_falls_by_its_share(self):
        activations = np.array([[4.0, 0.0], [1.0, 0.0]], dtype=np.float32)
        np.testing.assert_allclose(sharpen(activations, 1.5), [[4, 0], [0.5, 0]])
        np.testing.assert_array_equal(sharpen(activations, 1), activations)


class TestPianoRoll:
    def test_a_note_has_its_attack_and_then_the_rest_to_the_end_of_its_release(self):
        notes = notes_table([(1.0, 1.5, 62, 90), (-0.2, 0.3, 60, 90)])
        attack, rest = piano_roll(notes, np.arange(60, 63), 100, ANALYSIS, ATTACK_AND_REST)
        seconds = np.arange(100) * 512 / 22050
        half_window = 1024 / 22050
        assert not attack[0].any()  # it was before the clip
        np.testing.assert_array_equal(rest[0], seconds < 0.3 + 0.1 + half_window)
        np.testing.assert_array_equal(attack[2], (seconds > 1 - half_window) & (seconds < 1.08))
        np.testing.assert_array_equal(rest[2], (seconds > 1.08) & (seconds < 1.5 + 0.1 + half_window))
        assert not attack[1].any()
        assert not rest[1].any()


class TestLearn:
    def test_every_timbre_has_every_pitch_of_the_range(self, learned):
        assert learned.timbres == ("reed 000 additive", "string 000 additive")
        np.testing.assert_array_equal(learned.pitches, np.arange(55, 73))
        assert learned.spectra.shape == (2, 1025, 2, 18)
        assert np.isfinite(learned.spectra).all()
        assert (learned.spectra[:, :, 1].sum(axis=1) > 0).all()

    def test_a_template_has_the_partials_of_its_timbre(self, learned):
        bin_hz = 22050 / 2048
        for pitch in (57, 60, 69, 61):  # the last is never played
            f0_bin = librosa.midi_to_hz(pitch) / bin_hz
            partials = [
                [spectra[round(number * f0_bin), 1, pitch - 55] for number in (1, 2, 3)]
                for spectra in learned.spectra
            ]
            (reed_1, reed_2, reed_3), (string_1, string_2, _) = partials
            assert reed_2 < 0.15 * reed_1
            assert reed_3 > 0.4 * reed_1
            assert string_2 > 0.3 * string_1

    def test_fewer_clips_are_spread_over_all(self, training_music):
        learned = learn(training_music, ANALYSIS, iterations=1, clips_per_timbre=1)
        assert learned.pitches[-1] - learned.pitches[0] < 17

    def test_what_is_learned_before_an_interruption_is_not_learned_again(
        self, learned, training_music, tmp_path, monkeypatch
    ):
        """Stopped in the last timbre, it goes on there, and what a cut-off file holds is learned again."""
        learn_timbre, times = template_learning._learn_timbre, []

        def interrupted(*arguments):
            times.append(arguments)
            if len(times) == len(learned.timbres):
                raise KeyboardInterrupt
            return learn_timbre(*arguments)

        monkeypatch.setattr(template_learning, "_learn_timbre", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Templates().prepare(training_music, tmp_path)
        (begun,) = tmp_path.iterdir()
        assert len(list(begun.iterdir())) == len(learned.timbres) - 1
        monkeypatch.setattr(
            template_learning, "_learn_timbre", lambda *a: times.append(a) or learn_timbre(*a)
        )
        times.clear()
        method = Templates()
        method.prepare(training_music, tmp_path)
        assert len(times) == 1
        assert np.array_equal(method.templates.spectra, learned.spectra)
        assert [path.name for path in tmp_path.iterdir()] == [STORED]

    def test_a_timbre_whose_file_was_cut_off_is_learned_again(self, learned, training_music, tmp_path):
        settings = {"iterations": 10, "clips_per_timbre": 64, "folder": tmp_path}
        learn(training_music, ANALYSIS, **settings)
        path = tmp_path / "0000.npy"
        path.write_bytes(path.read_bytes()[:1000])
        assert np.array_equal(learn(training_music, ANALYSIS, **settings).spectra, learned.spectra)

    def test_without_clips_there_is_nothing_to_learn(self, training_music):
        with pytest.raises(DatasetError, match="no clip to learn from holds a note"):
            learn(training_music.select(label="harp"), ANALYSIS, iterations=1, clips_per_timbre=1)

    def test_missing_pitches_are_moved_from_the_nearest(self):
        spectra = np.zeros((1025, 5), dtype=np.float32)
        spectra[100, 1], spectra[300, 4] = 1, 1
        filled = fill(spectra, np.array([False, True, False, False, True]))
        semitone = 2 ** (1 / 12)
        peaks = np.argmax(filled, axis=0)
        np.testing.assert_allclose(peaks, [100 / semitone, 100, 100 * semitone, 300 / semitone, 300], atol=1)


class TestPrepare:
    def test_what_was_learned_is_loaded_again(self, training_music, tmp_path, monkeypatch):
        first, second = Templates(), Templates(iterations=7)
        first.prepare(training_music, tmp_path)
        monkeypatch.setattr(module, "learn", None)  # learning again would fail
        second.prepare(training_music, tmp_path)
        np.testing.assert_array_equal(first.templates.spectra, second.templates.spectra)
        assert first.templates.timbres == second.templates.timbres

    @pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None])
    def test_a_damaged_file_is_made_again(self, training_music, tmp_path, damage):
        Templates().prepare(training_music, tmp_path)
        whole = (tmp_path / STORED).read_bytes()
        (tmp_path / STORED).write_bytes(whole[: len(whole) // 2] if damage is None else damage)
        method = Templates()
        method.prepare(training_music, tmp_path)
        assert method.templates is not None
        again = Templates()
        again.prepare(training_music, tmp_path)
        np.testing.assert_array_equal(again.templates.spectra, method.templates.spectra)

    @pytest.mark.parametrize("other", ["clips", "settings"])
    def test_what_was_learned_otherwise_is_not_loaded(self, training_music, tmp_path, other):
        Templates().prepare(training_music, tmp_path)
        before = (tmp_path / STORED).read_bytes()
        clips = training_music.select(piece="up") if other == "clips" else training_music
        settings = {"learning_iterations": 3} if other == "settings" else {}
        Templates(**settings).prepare(clips, tmp_path)
        assert (tmp_path / STORED).read_bytes() != before

    def test_a_transfer_before_is_refused(self, pair):
        with pytest.raises(MethodError, match="'templates' has not been prepared: call `prepare`"):
            apply(Templates(), **pair, seed=0)


class TestTransfer:
    def test_the_output_is_nearer_to_the_reference_than_the_content(self, prepared, pair):
        output = magnitude(apply(prepared, **pair, seed=0))
        reference, content = magnitude(pair["reference"]), magnitude(pair["content"])

        def cosine(first, second):
            return np.sum(first * second) / np.linalg.norm(first) / np.linalg.norm(second)

        assert cosine(output, reference) > 0.95
        assert cosine(output, reference) > cosine(content, reference) + 0.02

    def test_another_rate_is_resampled_and_back(self, prepared, content, style):
        output = apply(prepared, content, style, sample_rate=32000, seed=0)
        assert output.shape == content.shape

    def test_an_interruption_ends_learning_at_once(self, training_music, tmp_path):
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            with pytest.raises(KeyboardInterrupt):
                Templates(learning_iterations=10**6).prepare(training_music, tmp_path)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("parameters", "reason"),
        [
            ({"sharpness": 0.5}, "sharpness: .* greater than or equal to 1"),
            ({"sharpness": "inf"}, "sharpness: .* finite"),
            ({"iterations": 0}, "iterations: .* greater than 0"),
            ({"sharpnes": 2}, r"unknown key 'sharpnes': did you mean 'sharpness'\?"),
        ],
    )
    def test_impossible_settings_are_refused(self, parameters, reason):
        with pytest.raises(ConfigurationError, match=f"method 'templates': .*{reason}"):
            create("templates", parameters)
