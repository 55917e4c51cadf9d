import functools
import http.server
import io
import shutil
import tarfile
import threading
import zipfile

import mido
import numpy as np
import pandas as pd
import pretty_midi
import pytest
from pydantic import ValidationError

from timbrebench.core.errors import CorpusError, DatasetError, MissingResourceError, UnknownNameError
from timbrebench.core.files import file_sha256
from timbrebench.core.workers.executors import InlineExecutor, LocalExecutor
from timbrebench.datasets import DatasetConfiguration, build_dataset, verify_dataset
from timbrebench.datasets.corpora.adl import fetch_adl
from timbrebench.datasets.corpora.corpus import round_robin_by_composer
from timbrebench.datasets.corpora.corpus_opening import convert, find_corpus
from timbrebench.datasets.corpora.duplicate_pieces import DuplicateIndex
from timbrebench.datasets.corpora.piece_selection import PieceSelection, mean_polyphony
from timbrebench.datasets.midi import read_midi
from timbrebench.datasets.notes import interval_ngrams, notes_table
from timbrebench.datasets.rendering.piece_planning import plan_pieces

CONFIGURATION = DatasetConfiguration(
    pieces=4,
    instruments=("piano", "clarinet"),
    soundfonts=("TimGM6mb",),
    renderings=1,
    sample_rate=8000,
    clip_duration_s=1.0,
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, for its workers as well."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "timbrebench"


@pytest.fixture(scope="module")
def executor():
    with LocalExecutor(["timbrebench.datasets.rendering.piece_planning"], workers=2) as workers:
        yield workers


class IdleExecutor(InlineExecutor):
    """Refuses all work."""

    def map(self, function, items, kind):
        raise AssertionError(f"{len(items)} calls, where what was found before should do")


def melody(seed, length=40, transposed=0, tempo=100.0, voices=1):
    """A melody of random steps, in quavers."""
    midi = pretty_midi.PrettyMIDI(initial_tempo=tempo)
    track = pretty_midi.Instrument(0)
    pitches = 60 + np.random.default_rng(seed).integers(-9, 10, size=length)
    step = 30 / tempo
    track.notes = [
        pretty_midi.Note(90, int(pitch) + transposed + 12 * voice, step * i, step * (i + 0.9))
        for i, pitch in enumerate(pitches)
        for voice in range(voices)
    ]
    midi.instruments.append(track)
    return midi


def drums():
    midi = melody(0)
    midi.instruments[0].is_drum = True
    return midi


def fill(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.write(str(path))
    return folder


@pytest.fixture
def folder(tmp_path):
    files = {
        "Baroque/Bach/Prélude n° 1.mid": melody(1),
        "Baroque/Bach/Fugue.MID": melody(2, voices=2),
        "Romantic/Chopin/Étude.mid": melody(3, length=80),
        "Romantic/Liszt/Liebestraum.midi": melody(4, length=120, tempo=60),
        "Romantic/notes on Liszt.txt": b"not music",
        "Romantic/Liszt/._Liebestraum.midi": b"what macOS adds",
        "__MACOSX/Liszt.mid": b"and where",
    }
    return fill(tmp_path / "corpus", files)


def packed(folder, path):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.rglob("*.*")):
                archive.write(file, f"corpus/{file.relative_to(folder)}")
    else:
        with tarfile.open(path, "w:gz") as archive:
            archive.add(folder, "corpus")
    return path


def candidates(path, executor, seed=0, **selection):
    return find_corpus(str(path)).candidates(PieceSelection(**selection), seed, executor)


def pieces(path, executor, **selection):
    return sorted(score.piece for score in candidates(path, executor, **selection).scores)


def test_pieces_are_named_after_their_paths(folder):
    scores = find_corpus(str(folder)).scores()
    assert {score.piece: score.composer for score in scores} == {
        "Baroque.Bach.Fugue": "Baroque/Bach",
        "Baroque.Bach.Prelude-n-1": "Baroque/Bach",
        "Romantic.Chopin.Etude": "Romantic/Chopin",
        "Romantic.Liszt.Liebestraum": "Romantic/Liszt",
    }


@pytest.mark.parametrize("name", ["Song.kar", "Bach/Song.KAR", "Song.rmi"])
def test_midi_files_with_other_endings_are_named(folder, capsys, name):
    before = [score.source for score in find_corpus(str(folder)).scores()]
    assert "left out" not in capsys.readouterr().err
    fill(folder, {name: melody(9), "._Other.kar": b""})
    assert [score.source for score in find_corpus(str(folder)).scores()] == before
    assert f"1 MIDI files left out, such as {name}: rename" in capsys.readouterr().err


def test_pieces_behind_links_are_those_of_the_folder(folder, tmp_path):
    before = find_corpus(str(folder)).scores()
    (folder / "Romantic").rename(tmp_path / "another disk")
    (folder / "Romantic").symlink_to(tmp_path / "another disk")
    (folder / "Baroque" / "all").symlink_to(folder)
    after = find_corpus(str(folder)).scores()
    assert [(score.piece, score.sha256) for score in after] == [
        (score.piece, score.sha256) for score in before
    ]


@pytest.mark.parametrize("name", ["corpus.zip", "corpus.tar.gz"])
def test_an_archive_is_the_corpus_that_was_packed(folder, tmp_path, name):
    there, here = find_corpus(str(packed(folder, tmp_path / name))), find_corpus(str(folder))
    assert [(score.piece, score.composer, score.sha256) for score in there.scores()] == [
        (score.piece, score.composer, score.sha256) for score in here.scores()
    ]
    assert there.source() == {"name": name, "sha256": file_sha256(tmp_path / name)}
    for one, other in zip(there.scores(), here.scores(), strict=True):
        assert convert(one).notes.equals(convert(other).notes)


def test_names_are_unique_whatever_files_are_called(tmp_path):
    songs = ["a b", "a-b", "A b", "夜想曲", "月光", "x" * 200, "x" * 199, "..", "(", "plain"]
    fill(tmp_path / "corpus", {f"y/{name}.mid": melody(number) for number, name in enumerate(songs)})
    fill(tmp_path / "corpus", {"z/plain.mid": melody(99)})
    names = [score.piece for score in find_corpus(str(tmp_path / "corpus")).scores()]
    assert len({name.lower() for name in names}) == len(songs) + 1 - 1  # ".." is a hidden file
    assert all(name.isascii() and len(name) < 140 and not name.startswith(".") for name in names)
    assert {"y.plain", "z.plain"} <= set(names)


def test_notes_from_the_cache_are_those_that_were_read(folder, cache):
    for score in find_corpus(str(folder)).scores():
        read, _, marked, _ = read_midi(score.path)
        for _ in range(2):
            piece = convert(score)
            pd.testing.assert_frame_equal(piece.notes, read, check_exact=True)
            assert piece.tempo_marked == marked
    cached = sorted(cache.rglob("*.npz"))
    assert len(cached) == 4
    cached[0].write_bytes(b"damaged")
    for score in find_corpus(str(folder)).scores():
        assert len(convert(score).notes)


def test_a_percussion_part_of_a_score_is_drums(tmp_path):
    from music21 import instrument, note, stream

    from timbrebench.datasets.corpora.corpus import CorpusScore

    parts = [(instrument.Clarinet(), note.Note(60)), (instrument.SnareDrum(), note.Unpitched())]
    parts.append((instrument.Timpani(), note.Note(40)))
    score = stream.Score()
    for player, one in parts:
        part = stream.Part([player])
        part.repeatAppend(one, 4)
        score.insert(0, part)
    path = score.write("musicxml", tmp_path / "score.musicxml")
    for _ in range(2):
        piece = convert(CorpusScore("score", "nobody", path))
        assert sorted(piece.notes.pitch) == [40] * 4 + [60] * 4
        assert piece.drums.pitch.tolist() == [38] * 4
        assert piece.drums.onset_s.tolist() == [0.0, 0.5, 1.0, 1.5]


def test_copies_and_broken_files_are_found(folder, executor):
    fill(
        folder,
        {
            "Romantic/Chopin/Étude (copy).mid": (folder / "Romantic/Chopin/Étude.mid").read_bytes(),
            "Romantic/Liszt/Chopin's étude.mid": melody(3, length=80, transposed=5, tempo=77),
            "Baroque/broken.mid": b"MThd",
            "Baroque/drums.mid": b"",
        },
    )
    found = candidates(folder, executor)
    assert len(found.scores) == 4
    reasons = dict(found.failures)
    assert reasons.keys() == {
        "Baroque/broken.mid",
        "Baroque/drums.mid",
        "Romantic/Chopin/Étude.mid",
        "Romantic/Liszt/Chopin's étude.mid",
    }
    assert "no MIDI file" in reasons["Baroque/broken.mid"]
    assert reasons["Romantic/Chopin/Étude.mid"] == "the same file as Romantic/Chopin/Étude (copy).mid"
    assert "same music as Romantic/Chopin/Étude (copy).mid" in reasons["Romantic/Liszt/Chopin's étude.mid"]


def test_what_was_found_is_kept_until_a_file_changes(folder, executor):
    first = candidates(folder, executor)
    again = candidates(folder, IdleExecutor())
    assert first == again
    fill(folder, {"Baroque/Bach/Fugue.MID": melody(50)})
    with pytest.raises(AssertionError, match="4 calls"):
        candidates(folder, IdleExecutor())


def test_the_order_follows_from_the_seed_and_composers_take_turns(folder, executor):
    first, second, third, _ = candidates(folder, executor, seed=1).scores
    assert {first.composer, second.composer, third.composer} == {
        "Baroque/Bach",
        "Romantic/Chopin",
        "Romantic/Liszt",
    }
    scores = [score for score in find_corpus(str(folder)).scores() for _ in range(20)]
    assert round_robin_by_composer(scores, 3) == round_robin_by_composer(scores, 3)
    assert round_robin_by_composer(scores, 3) != round_robin_by_composer(scores, 4)


def test_pieces_are_selected_by_folder_length_and_polyphony(folder, executor):
    assert pieces(folder, executor, folders=["Romantic"]) == [
        "Romantic.Chopin.Etude",
        "Romantic.Liszt.Liebestraum",
    ]
    assert pieces(folder, executor, folders=["Bach", "Romantic/Liszt"]) == [
        "Baroque.Bach.Fugue",
        "Baroque.Bach.Prelude-n-1",
        "Romantic.Liszt.Liebestraum",
    ]
    # Forty quavers at a hundred quarter notes a minute are twelve seconds.
    assert pieces(folder, executor, max_duration_s=12) == ["Baroque.Bach.Fugue", "Baroque.Bach.Prelude-n-1"]
    assert pieces(folder, executor, min_duration_s=12, max_duration_s=30) == ["Romantic.Chopin.Etude"]
    assert pieces(folder, executor, min_polyphony=1.5) == ["Baroque.Bach.Fugue"]
    assert len(pieces(folder, executor, max_polyphony=1.5)) == 3


def test_a_folder_that_is_not_there_is_suggested(folder, executor):
    with pytest.raises(UnknownNameError, match="did you mean 'Romantic'"):
        candidates(folder, executor, folders=["Romantik"])
    with pytest.raises(UnknownNameError):
        candidates(folder, executor, folders=["Romantic/Bach"])


def test_selections_that_leave_nothing_are_refused():
    with pytest.raises(ValidationError, match="min_duration_s is greater"):
        PieceSelection(min_duration_s=10, max_duration_s=5)
    with pytest.raises(ValidationError):
        PieceSelection(folders=["/"])


def test_broken_files_are_listed_only_where_they_are_selected(folder, executor):
    fill(folder, {"Baroque/broken.mid": b"MThd"})
    assert candidates(folder, executor, folders=["Romantic"]).failures == []
    assert len(candidates(folder, executor, folders=["Baroque"]).failures) == 1


def test_mean_polyphony():
    assert mean_polyphony(notes_table([(0, 1, 60, 90), (1, 2, 62, 90)])) == 1
    assert mean_polyphony(notes_table([(5, 6, 60, 90), (5, 6, 64, 90), (5, 6, 67, 90)])) == 3
    # One note for four seconds, another for the last two of them; then two seconds of silence, and one alone.
    notes = notes_table([(0, 4, 60, 90), (2, 4, 64, 90), (6, 8, 60, 90)])
    assert mean_polyphony(notes) == pytest.approx(8 / 6)


def test_known_music_is_found_as_by_comparing_with_each_piece():
    """The index against what it stands for, on pieces that share few, many, or all of their turns."""
    generator = np.random.default_rng(0)
    known, by_hand = DuplicateIndex(), {}
    refused = 0
    for number in range(300):
        size = int(generator.integers(0, 60))
        turns = np.unique(generator.integers(0, 400, size=size))
        if number % 3 == 0 and by_hand:
            other = np.array(sorted(by_hand[generator.choice(list(by_hand))]), dtype=np.int64)
            turns = np.unique(np.concatenate([turns, other[: len(other) // 2 + 1]]))
        expected = next(
            (
                name
                for name, own in by_hand.items()
                if len(own & set(turns.tolist())) >= max(1, min(len(own), len(turns))) / 2
            ),
            None,
        )
        if expected is None:
            known.add(f"p{number}", turns)
            by_hand[f"p{number}"] = set(turns.tolist())
        else:
            refused += 1
            with pytest.raises(CorpusError, match=rf"same music as {expected}: "):
                known.add(f"p{number}", turns)
    assert refused > 30
    assert len(by_hand) > 30


def test_a_piece_in_another_key_is_the_same_piece():
    notes = notes_table([(i / 4, i / 4 + 0.2, 60 + (i * i) % 13, 90) for i in range(30)])
    known = DuplicateIndex()
    known.add("original", interval_ngrams(notes))
    with pytest.raises(CorpusError, match="same music as original: 100%"):
        known.add("moved", interval_ngrams(notes.assign(pitch=notes.pitch + 3)))


def test_another_content_than_the_one_wanted_is_refused(folder, tmp_path, cache):
    for path in (folder, packed(folder, tmp_path / "corpus.zip")):
        right = find_corpus(str(path)).source()["sha256"]
        assert find_corpus(str(path), right).source()["sha256"] == right
        shutil.rmtree(cache, ignore_errors=True)
        with pytest.raises(CorpusError, match=f"its SHA-256 is {right}"):
            find_corpus(str(path), "0" * 64)
        assert not cache.exists()
    with pytest.raises(CorpusError, match="no SHA-256"):
        find_corpus("music21", "0" * 64)


def test_what_is_not_a_corpus_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'music21'"):
        find_corpus("music2")
    with pytest.raises(CorpusError, match="no such file"):
        find_corpus(str(tmp_path / "absent"))
    (tmp_path / "a.rar").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"ends in none of \.zip"):
        find_corpus(str(tmp_path / "a.rar"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"no file that ends in \.mid"):
        find_corpus(str(tmp_path / "empty"))


@pytest.fixture
def server(folder, tmp_path, monkeypatch):
    """A web server on loopback with the corpus as an archive."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = tmp_path / "served"
    served.mkdir()
    packed(folder, served / "adl.zip")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            """Be quiet."""

    handler = functools.partial(Handler, directory=served)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_adl_is_downloaded_once_and_held_to_its_checksum(server, folder, tmp_path):
    sha256 = file_sha256(tmp_path / "served" / "adl.zip")
    with pytest.raises(CorpusError, match=f"its SHA-256 is {sha256}, expected 0000"):
        fetch_adl("0" * 64, url=f"{server}/adl.zip")
    with pytest.raises(MissingResourceError, match="cannot be downloaded"):
        fetch_adl(url=f"{server}/absent.zip")
    assert not list((tmp_path / "cache").rglob("*.*"))
    path = fetch_adl(sha256, url=f"{server}/adl.zip")
    assert path == fetch_adl(url="http://127.0.0.1:1/nobody")
    corpus = find_corpus("adl-piano-midi", sha256)
    assert corpus.source() == {"name": "adl-piano-midi", "sha256": sha256}
    assert len(corpus.scores()) == 4


@pytest.fixture
def many(tmp_path):
    """Enough pieces for one in each split, and files that are broken."""
    files = {f"{'ABC'[number % 3]}/song {number}.mid": melody(number) for number in range(40)}
    files |= {"A/broken.mid": b"MThd\0\0\0\6\0\1", "B/empty.mid": b"", "C/drums.mid": drums()}
    files |= {
        f"{'ABC'[number % 3]}/short {number}.mid": melody(number, length=4) for number in range(100, 140)
    }
    return fill(tmp_path / "many", files)


def test_a_folder_with_broken_files_becomes_a_dataset_twice_the_same(many, tmp_path, executor, same_files):
    configuration = CONFIGURATION.model_copy(update={"corpus": str(many)})
    dataset = build_dataset(configuration, tmp_path / "one", executor=executor)
    assert verify_dataset(dataset.root) == []
    assert not (dataset.root / "repairs.csv").exists()
    assert dataset.manifest.composer.isin(["A", "B", "C"]).all()
    failures = pd.read_csv(dataset.root / "failures.csv")
    reasons = dict(zip(failures.source, failures.reason, strict=True))
    assert "no MIDI file" in reasons["A/broken.mid"]
    assert "no MIDI file" in reasons["B/empty.mid"]
    assert "no pitched note" in reasons["C/drums.mid"]
    assert any("short" in source and "clips of 1 s" in reason for source, reason in reasons.items())
    assert all(source.endswith(".mid") for source in reasons)
    corpus, _ = dataset.description["sources"]
    assert corpus == find_corpus(str(many)).source()
    for piece, split in zip(dataset.manifest.piece, dataset.manifest.split, strict=True):
        assert configuration.splits.split_of(piece) == split
    shutil.rmtree(tmp_path / "cache")
    build_dataset(configuration, tmp_path / "two", executor=executor)
    assert same_files(tmp_path / "one", tmp_path / "two")


def carelessly(midi):
    """The file of a melody whose tempo stands in the last track, and of whose notes some are never closed."""
    buffer = io.BytesIO()
    midi.write(buffer)
    buffer.seek(0)
    file = mido.MidiFile(file=buffer)
    marks = [message for message in file.tracks[0] if message.type == "set_tempo"]
    file.tracks[0] = mido.MidiTrack(message for message in file.tracks[0] if message not in marks)
    releases = [message for message in file.tracks[-1] if message.type == "note_on" and not message.velocity]
    for message in releases[::9]:
        place = file.tracks[-1].index(message)
        file.tracks[-1][place + 1].time += message.time
        del file.tracks[-1][place]
    file.tracks[-1][:0] = marks
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def test_what_files_leave_open_is_read_and_said(tmp_path, executor, same_files):
    """All notes at the tempo that the files state, and a table of what was made of them."""
    files = {f"{'ABC'[number % 3]}/song {number}.mid": carelessly(melody(number)) for number in range(40)}
    corpus = fill(tmp_path / "corpus", files)
    for score in find_corpus(str(corpus)).scores():
        number = int(score.source.split()[-1].removesuffix(".mid"))
        whole = fill(tmp_path / "whole", {f"{number}.mid": melody(number)}) / f"{number}.mid"
        read, piece = read_midi(whole), convert(score)
        assert piece.tempo_marked
        assert piece.notes[["onset_s", "pitch"]].equals(read.notes[["onset_s", "pitch"]])
    configuration = CONFIGURATION.model_copy(update={"corpus": str(corpus)})
    dataset = build_dataset(configuration, tmp_path / "one", executor=executor)
    assert verify_dataset(dataset.root) == []
    repairs = pd.read_csv(dataset.root / "repairs.csv")
    assert set(repairs.piece) == set(dataset.manifest.piece)
    assert repairs.repair.str.contains("never closed").sum() == 4
    assert repairs.repair.str.contains("tempo marks outside the first track").sum() == 4
    assert dataset.description["counts"]["repaired_pieces"] == 4
    assert "repairs.csv" in (dataset.root / "README.md").read_text()
    build_dataset(configuration, tmp_path / "two", executor=executor)
    assert same_files(tmp_path / "one", tmp_path / "two")


def test_a_selection_makes_the_dataset(many, tmp_path, executor):
    configuration = CONFIGURATION.model_copy(
        update={"corpus": str(many), "selection": PieceSelection(folders=("B", "C"))}
    )
    planned, failures = plan_pieces(configuration, find_corpus(str(many)), (40, 90), executor)
    assert {piece.composer for piece in planned} <= {"B", "C"}
    assert "A/broken.mid" not in dict(failures)


def test_too_few_pieces_leave_no_dataset(folder, tmp_path, executor):
    configuration = CONFIGURATION.model_copy(update={"corpus": str(folder)})
    with pytest.raises(DatasetError, match="too few usable pieces"):
        build_dataset(configuration, tmp_path / "dataset", executor=executor)
    assert not (tmp_path / "dataset" / "dataset.json").exists()
    assert not list((tmp_path / "dataset").rglob("*.flac"))


def test_a_build_does_not_go_on_with_another_corpus(folder, tmp_path, executor):
    configuration = CONFIGURATION.model_copy(update={"corpus": str(folder)})
    with pytest.raises(DatasetError):
        build_dataset(configuration, tmp_path / "dataset", executor=executor)
    fill(folder, {"Baroque/one more.mid": melody(60)})
    with pytest.raises(CorpusError, match="has changed since the build"):
        build_dataset(configuration, tmp_path / "dataset", executor=executor)


def test_a_missing_corpus_is_an_error_before_anything_is_written(tmp_path):
    configuration = CONFIGURATION.model_copy(update={"corpus": str(tmp_path / "absent")})
    with pytest.raises(CorpusError, match="no such file"):
        build_dataset(configuration, tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()


def test_music21_is_selected_by_composer_and_polyphony(executor):
    corpus = find_corpus("music21")
    found = corpus.candidates(PieceSelection(folders=("bach",)), 0, executor)
    assert found.scores
    assert {score.composer for score in found.scores} == {"bach"}
    assert len(found.scores) < len(corpus.scores())
