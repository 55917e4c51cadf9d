"""Tests of the network that translates notes, and of what it learns from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from timbrebench.core.errors import DatasetError, JudgeError
from timbrebench.transfer.algorithms.note_templates import Analysis
from timbrebench.transfer.methods.reinstrument.annotated_clips import AnnotatedClips, gather
from timbrebench.transfer.methods.reinstrument.note_configuration import NoteTraining
from timbrebench.transfer.methods.reinstrument.note_network import (
    MAX_PITCHES,
    PLAYED,
    READ,
    ActivationNetwork,
    normalise,
)
from timbrebench.transfer.methods.reinstrument.note_training import (
    TranslationExamples,
    train_note_network,
    translation_loss,
)
from timbrebench.transfer.methods.reinstrument.trained_notes import (
    TrainedNotes,
    learn_templates,
    packaged_notes,
    train_notes,
)

ANALYSIS = Analysis(22050, 2048, 512)
SHORT = {"frames": 32, "examples": 8, "max_epochs": 2, "channels": 8}


def struck(pitch, start, *, pitches=40, frames=80, decay=0.9):
    """Activations of one note that decays: an attack of four frames, then the rest."""
    activations = np.zeros((2, pitches, frames), dtype=np.float32)
    heard = decay ** np.arange(frames - start)
    activations[0, pitch, start : start + 4] = heard[:4]
    activations[1, pitch, start + 4 :] = heard[4:]
    return activations


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ActivationNetwork(channels=8).eval()


@pytest.fixture(scope="module")
def templates(training_music, tmp_path_factory):
    folder = tmp_path_factory.mktemp("templates")
    return learn_templates(training_music, ANALYSIS, iterations=4, clips_per_timbre=4, folder=folder)


@pytest.fixture(scope="module")
def material(training_music, templates):
    return gather(training_music, *templates, ANALYSIS, seed=0)


class TestNormalise:
    def test_level_does_not_matter(self):
        activations = struck(5, 3).reshape(80, -1)
        np.testing.assert_allclose(normalise(activations), normalise(7 * activations), rtol=1e-5)

    def test_the_loudest_pitch_is_about_one(self):
        held = struck(5, 0, decay=1.0).reshape(80, -1)
        assert normalise(held).max() == pytest.approx(1)

    def test_silence_stays_silent(self):
        assert not normalise(np.zeros((80, 30), np.float32)).any()


class TestNoteNetwork:
    def play(self, network, content, style):
        with torch.inference_mode():
            return network.play(torch.from_numpy(content)[None], torch.from_numpy(style)[None])[0].numpy()

    def test_a_transposed_note_is_the_same_note_elsewhere(self, network):
        style = struck(20, 10)
        low, high = (self.play(network, struck(pitch, 30), style) for pitch in (12, 17))
        np.testing.assert_allclose(high[:, 17], low[:, 12], atol=1e-5)

    def test_a_later_note_is_the_same_note_later(self, network):
        # In the middle of a clip that is long beside what the network looks at.
        style = struck(20, 10)
        early, late = (
            self.play(network, struck(12, start, frames=400, decay=0.5), style) for start in (150, 160)
        )
        np.testing.assert_allclose(late[:, 12, 160:220], early[:, 12, 150:210], atol=1e-4)

    def test_the_style_makes_a_difference(self, network):
        content = struck(12, 10)
        held, short = (self.play(network, content, struck(20, 10, decay=decay)) for decay in (1.0, 0.5))
        assert np.abs(held - short).max() > 1e-3

    def test_only_the_loudest_pitches_are_played(self, network):
        rng = np.random.default_rng(0)
        content = rng.uniform(0.5, 1, (2, 40, 30)).astype(np.float32)
        played = self.play(network, content, content)
        assert (played.sum(axis=(0, 2)) > 0).sum() == MAX_PITCHES
        assert played.shape == (len(PLAYED), 40, 30)
        assert (played >= 0).all()

    def test_fewer_pitches_than_intervals_reach_will_do(self, network):
        content = struck(2, 3, pitches=5)
        assert self.play(network, content, content).shape == (len(PLAYED), 5, 80)


class TestMaterial:
    def test_targets_sound_where_notes_do(self, material, training_music):
        for stages, targets in zip(material.stages, material.targets, strict=True):
            assert not targets[stages == 0].any()
            assert (targets[stages > 0] > 0.01).mean() > 0.8

    def test_a_notes_stages_follow_one_another(self, material):
        for stages in material.stages:
            for pitch in np.flatnonzero(stages.any(axis=1)):
                steps = np.diff(stages[pitch][stages[pitch] > 0].astype(int))
                assert (steps >= 0).all()

    def test_what_is_read_has_a_stage_for_each_template(self, material, templates):
        reading, playing = templates
        assert material.read[0].shape[:2] == (len(READ), len(reading.pitches))
        assert playing.spectra.shape[2] == len(PLAYED)
        np.testing.assert_array_equal(reading.pitches, playing.pitches)


class TestExamples:
    def test_the_same_number_gives_the_same_example(self, material):
        examples = TranslationExamples(material, NoteTraining(**SHORT), seed=3)
        for name, values in examples[5].items():
            torch.testing.assert_close(values, examples[5][name])

    def test_examples_are_as_long_as_asked_for(self, material):
        examples = TranslationExamples(material, NoteTraining(**SHORT | {"frames": 200}), seed=3)
        assert {values.shape[-1] for values in examples[0].values()} == {200}

    def test_blends_hold_more_notes(self, material):
        # A third piece, since neither the content nor the style sounds with the content.
        names = ("read", "misread", "stages", "targets")
        both = {name: 2 * getattr(material, name) for name in names}
        three = AnnotatedClips(
            np.tile(material.timbres, 2), np.append(material.places, material.places + 2), **both
        )

        def notes(blended):
            examples = TranslationExamples(three, NoteTraining(**SHORT | {"blended": blended}), seed=3)
            return sum(int((examples[number]["stages"] > 0).sum()) for number in range(40))

        assert notes(1.0) > 1.1 * notes(0.0)

    def test_one_piece_is_nothing_to_learn_from(self, training_music, templates):
        alone = gather(training_music.select(piece="up"), *templates, ANALYSIS, seed=0)
        with pytest.raises(DatasetError, match="1 windows of pieces, played by 2 timbres"):
            TranslationExamples(alone, NoteTraining(**SHORT), seed=0)


class TestTraining:
    def test_the_right_answer_has_the_lowest_loss(self):
        stages = torch.zeros(1, 3, 4, dtype=torch.long)
        stages[0, 1, 1:] = 2
        batch = {"stages": stages, "loudness": (stages > 0) * 0.5}
        logits = torch.nn.functional.one_hot(stages, len(PLAYED) + 1).float().transpose(2, 3) * 20
        pitches, loudness = torch.arange(3)[None], torch.full((1, 3, 4), 0.5).log()
        right = translation_loss((logits, loudness, pitches), batch)
        louder = translation_loss((logits, loudness + 1, pitches), batch)
        silent = translation_loss((logits.roll(1, dims=1), loudness, pitches), batch)
        assert float(right) < 1e-3
        assert float(louder) == pytest.approx(0.3, abs=1e-3)
        assert silent > louder

    def test_training_lowers_the_loss_and_repeats_itself(self, material):
        settings = NoteTraining(**SHORT | {"examples": 24, "max_epochs": 3})
        first, fit = train_note_network(material, material, settings)
        second, _ = train_note_network(material, material, settings)
        assert fit.curve.train_loss.iloc[-1] < 0.8 * fit.curve.train_loss.iloc[0]
        for one, other in zip(first.parameters(), second.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)


class TestTrainedNotes:
    def test_it_is_read_as_it_was_written(self, network, tmp_path):
        notes = TrainedNotes(network, frozenset({"abc"}))
        notes.save(tmp_path / "notes.pt")
        again = TrainedNotes.load(tmp_path / "notes.pt")
        assert again.training_clips == {"abc"}
        assert again.fingerprint == notes.fingerprint
        content = struck(12, 10).reshape(80, -1)
        np.testing.assert_array_equal(again.play(content, content), notes.play(content, content))

    def test_a_damaged_file_is_refused(self, network, tmp_path):
        path = tmp_path / "notes.pt"
        TrainedNotes(network, frozenset()).save(path)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(bytes(content))
        with pytest.raises(JudgeError, match="damaged"):
            TrainedNotes.load(path)

    def test_it_knows_the_clips_that_it_has_learned_from(self, training_music, templates):
        notes, curve = train_notes(
            training_music, training_music, ANALYSIS, NoteTraining(**SHORT), templates=templates
        )
        assert notes.training_clips == set(training_music.manifest.sha256)
        assert len(curve) == 2

    def test_the_packaged_one_reads_a_struck_note_from_its_attack_on(self):
        struck_at = 20
        heard = struck(30, struck_at, pitches=72, frames=120, decay=0.97).reshape(144, -1)
        played = packaged_notes().play(heard, heard).reshape(len(PLAYED), 72, -1)
        loudness = played[:, 30].sum(axis=0)
        assert loudness[: struck_at - 5].max() < 0.1 * loudness.max()
        assert loudness[struck_at + 5 : struck_at + 30].min() > 0.3 * loudness.max()
        assert played[:2, 30].sum(axis=0).argmax() == pytest.approx(struck_at, abs=3)
        assert played[3:, 30].sum(axis=0).argmax() > struck_at + 15
        others = np.delete(played.sum(axis=0), 30, axis=0)
        assert others.max() < 0.3 * loudness.max()
