import functools
import http.server
import io
import json
import re
import tarfile
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from timbrebench.core.errors import MissingResourceError
from timbrebench.core.files import file_sha256
from timbrebench.datasets import DatasetConfiguration
from timbrebench.datasets.excerpts import RECORDED
from timbrebench.datasets.notes import notes_table
from timbrebench.datasets.soundfonts import soundfont_downloads
from timbrebench.datasets.soundfonts.soundfont_downloads import (
    INSTALLED,
    KNOWN,
    PinnedSoundfont,
    fetch_soundfont,
)
from timbrebench.datasets.soundfonts.soundfont_finding import FOLDERS_VARIABLE, find_soundfont
from timbrebench.experiments.run.configuration_text import configuration_text, listed_tracks, profile_names
from timbrebench.experiments.run.run_configuration import read_configuration
from timbrebench.experiments.suites.suite import OWN_SOUNDFONTS, SEVERAL_SOUNDFONTS

SONIVOX = find_soundfont("sonivox").path
SHA256 = file_sha256(SONIVOX)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server on loopback with a soundfont, an archive of it, and the list of what was asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "bank.sf2").write_bytes(SONIVOX.read_bytes())
    with tarfile.open(folder / "bank.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(SONIVOX, "bank-1.0/sounds.sf2")
        outside = tarfile.TarInfo("../outside.sf2")
        outside.size = 5
        archive.addfile(outside, io.BytesIO(b"12345"))

    class Handler(http.server.SimpleHTTPRequestHandler):
        asked: list[str] = []  # noqa: RUF012 - shared on purpose

        def do_GET(self):
            self.asked.append(self.path)
            if self.path == "/cut.sf2":
                self.send_response(200)
                self.send_header("Content-Length", "1000000")
                self.end_headers()
                self.wfile.write(bytes(1000))
                return
            super().do_GET()

        def log_message(self, *args):
            """Be quiet."""

    Handler.asked = []
    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        running.asked = Handler.asked
        running.url = f"http://127.0.0.1:{running.server_port}"
        yield running
        running.shutdown()
        thread.join()


def pinned(server, path="bank.sf2", **fields):
    return PinnedSoundfont(**{"name": "Bank", "url": f"{server.url}/{path}", "sha256": SHA256, **fields})


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_soundfont_is_fetched_once_and_plays(server, cache):
    font = find_soundfont(pinned(server))
    assert font.name == "Bank"
    assert font.sha256() == SHA256
    assert font.player().render(notes_table([(0, 0.5, 60, 90)]), 0, 0.5, 22_050).any()
    assert find_soundfont(pinned(server)) == font
    assert server.asked == ["/bank.sf2"]
    assert files(cache) == [font.path]


def test_a_soundfont_is_taken_out_of_an_archive_and_nothing_else_is(server, cache, tmp_path):
    font = find_soundfont(pinned(server, "bank.tar.gz", member="bank-1.0/sounds.sf2"))
    assert font.sha256() == SHA256
    assert files(cache) == [font.path]
    assert not list(tmp_path.rglob("outside.sf2"))


def test_of_another_file_nothing_is_kept(server, cache):
    with pytest.raises(MissingResourceError, match=f"its SHA-256 is {SHA256}, expected {'0' * 64}"):
        fetch_soundfont(pinned(server, sha256="0" * 64))
    assert not files(cache)


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        ("absent.sf2", {}, "404"),
        ("cut.sf2", {}, "cannot be downloaded|SHA-256"),
        ("bank.sf2", {"member": "sounds.sf2"}, "cannot be read as a tar archive"),
        ("bank.tar.gz", {"member": "absent.sf2"}, r"absent\.sf2"),
        ("bank.tar.gz", {"member": "../outside.sf2"}, "SHA-256"),
    ],
)
def test_what_cannot_be_fetched_says_why_and_leaves_nothing(server, cache, path, fields, message):
    with pytest.raises(MissingResourceError, match=message):
        fetch_soundfont(pinned(server, path, **fields))
    assert not files(cache)


def test_a_server_that_does_not_answer_is_an_error(server, cache):
    address = server.url
    server.shutdown()
    server.server_close()
    with pytest.raises(MissingResourceError, match="give its path instead"):
        fetch_soundfont(PinnedSoundfont(name="Bank", url=f"{address}/bank.sf2", sha256=SHA256))


def test_a_damaged_file_in_the_cache_is_fetched_again(server, cache):
    path = fetch_soundfont(pinned(server))
    path.write_bytes(b"damaged")
    assert file_sha256(fetch_soundfont(pinned(server))) == SHA256


def test_a_file_with_the_checksum_is_not_fetched_and_one_without_is_not_taken(
    server, cache, tmp_path, monkeypatch
):
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv(FOLDERS_VARIABLE, str(own))
    (own / "Bank.sf2").write_bytes(b"another")
    assert find_soundfont(pinned(server)).path.is_relative_to(cache)
    (own / "Bank.sf2").write_bytes(SONIVOX.read_bytes())
    assert find_soundfont(pinned(server)).path == own / "Bank.sf2"
    assert server.asked == ["/bank.sf2"]


def test_a_known_name_is_fetched_where_no_file_has_it(server, cache, monkeypatch):
    monkeypatch.setattr(
        "timbrebench.datasets.soundfonts.soundfont_finding.KNOWN", (pinned(server, name="Known"),)
    )
    assert find_soundfont("Known").sha256() == SHA256
    assert find_soundfont("Known.sf2").name == "Known"
    with pytest.raises(MissingResourceError):
        find_soundfont("Known.sf3")
    assert find_soundfont("sonivox").path == SONIVOX
    assert server.asked == ["/bank.sf2"]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder that is searched before all others."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv(FOLDERS_VARIABLE, str(folder))
    return folder


@pytest.mark.parametrize("name", ["TimGM6mb", "sonivox", "TimGM6mb.sf2", "GeneralUser-v1.47", "FluidR3_GM"])
@pytest.mark.parametrize("suffix", [".sf2", ".sf3"])
def test_a_name_stands_for_bytes_wherever_they_lie(own, capsys, name, suffix):
    """Debian's TimGM6mb is another one than pretty_midi's."""
    stem = name.removesuffix(".sf2")
    if stem in {"GeneralUser-v1.47", "FluidR3_GM"}:
        try:
            find_soundfont(stem)
        except MissingResourceError as error:
            pytest.skip(str(error))
    other = own / f"{stem}{suffix}"
    other.write_bytes(SONIVOX.read_bytes() + b"\0")
    font = find_soundfont(name)
    assert font.path != other
    assert font.name == stem
    assert font.sha256() in {INSTALLED.get(stem), *(known.sha256 for known in KNOWN if known.name == stem)}
    if suffix == ".sf2" or name == stem:
        (line,) = capsys.readouterr().err.splitlines()
        assert str(other) in line
        assert f"its SHA-256 is {file_sha256(other)}" in line
    assert find_soundfont(name) == font
    assert not capsys.readouterr().err  # said once
    assert find_soundfont(str(other)).sha256() == file_sha256(other)
    other.unlink()
    other.symlink_to(font.path)
    if suffix == ".sf2":
        assert find_soundfont(name).path == other


def test_a_name_whose_bytes_are_nowhere_is_missing(own, monkeypatch):
    monkeypatch.setitem(INSTALLED, "TimGM6mb", "0" * 64)
    (own / "TimGM6mb.sf2").write_bytes(SONIVOX.read_bytes())
    with pytest.raises(MissingResourceError, match=r"hold other soundfonts .*own/TimGM6mb\.sf2"):
        find_soundfont("TimGM6mb")


def test_a_known_name_is_fetched_where_files_of_it_are_others(server, cache, own, monkeypatch, capsys):
    monkeypatch.setattr(
        "timbrebench.datasets.soundfonts.soundfont_finding.KNOWN", (pinned(server, name="Known"),)
    )
    (own / "Known.sf2").write_bytes(b"another")
    assert find_soundfont("Known").path.is_relative_to(cache)
    assert f"{own / 'Known.sf2'}: not the soundfont" in capsys.readouterr().err


def test_names_that_stand_for_nothing_are_free(own):
    (own / "Mine.sf2").write_bytes(SONIVOX.read_bytes())
    assert find_soundfont("Mine").path == own / "Mine.sf2"


def test_every_soundfont_that_is_named_stands_for_bytes():
    """In the defaults, the profiles, the frozen suites and what published judges are tested on."""
    root = Path(__file__).parents[3]
    texts = [path.read_text() for path in root.glob("experiments/**/*.toml")]
    texts += [path.read_text() for path in root.glob("experiments/suites/frozen/*.json")]
    for path in root.glob("classifier/style/weights/*.json"):
        card = json.loads(path.read_text())
        texts.append(json.dumps(card["dataset"]))
    named = set(DatasetConfiguration().soundfont_names)
    for name in profile_names():
        text, where = configuration_text(name)
        for track in listed_tracks(text, where) or [""]:
            named |= set(read_configuration(text, where, track).dataset.soundfont_names)
    for text in texts:
        for listed in re.findall(r"soundfonts?\"? *[=:] *(\[[^]]*\]|\"[^\"]*\")", text):
            named |= set(re.findall(r'"([^"]+)"', listed))
    assert {"FluidR3_GM", "TimGM6mb", "GeneralUser-v1.47", "sonivox"} <= named
    assert named - {RECORDED, OWN_SOUNDFONTS, SEVERAL_SOUNDFONTS} <= {
        *INSTALLED,
        *(known.name for known in KNOWN),
    }


def test_a_known_name_that_cannot_be_fetched_says_how_else_to_get_it(server, cache, monkeypatch):
    monkeypatch.setattr(
        "timbrebench.datasets.soundfonts.soundfont_finding.KNOWN", (pinned(server, "gone.sf2", name="Known"),)
    )
    with pytest.raises(MissingResourceError, match=rf"{FOLDERS_VARIABLE}.*gone\.sf2"):
        find_soundfont("Known")


def test_what_is_known_of_soundfonts_holds_for_those_on_this_machine(cache):
    """The checksum in the list is that of the file that distributions install."""
    known = next(font for font in KNOWN if font.name == "FluidR3_GM")
    try:
        path = find_soundfont("FluidR3_GM").path
    except MissingResourceError as error:
        pytest.skip(str(error))
    assert path.stat().st_size == 148_398_306
    assert file_sha256(path) == known.sha256


def test_downloads_have_suffixes_and_places_of_their_own(cache):
    paths = [soundfont_downloads.cached_path(font) for font in KNOWN]
    assert [path.suffix for path in paths] == [".sf2", ".sf2", ".sf3", ".sf2"]
    assert len(set(paths)) == len(KNOWN)


def test_a_configuration_pins_soundfonts(server):
    font = pinned(server)
    configuration = DatasetConfiguration(soundfonts=("sonivox", font.model_dump()))
    assert configuration.soundfonts == ("sonivox", font)
    assert configuration.soundfont_names == ("sonivox", "Bank")
    assert DatasetConfiguration.model_validate(configuration.model_dump(mode="json")) == configuration
    with pytest.raises(ValidationError, match="twice"):
        DatasetConfiguration(soundfonts=("Bank", font))


@pytest.mark.parametrize(
    "fields", [{"sha256": "abc"}, {"url": "file:///etc/passwd"}, {"name": "../up"}, {"name": ""}, {"size": 3}]
)
def test_addresses_and_checksums_are_checked(fields):
    good = {"name": "Bank", "url": "https://example.org/bank.sf2", "sha256": SHA256}
    assert PinnedSoundfont(**good).name == "Bank"
    with pytest.raises(ValidationError):
        PinnedSoundfont(**{**good, **fields})
