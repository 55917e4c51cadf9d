"""The real yt-dlp, asking a server on this machine."""

from __future__ import annotations

import io
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
import soundfile

from timbrebench.core.errors import ConfigurationError, DatasetError
from timbrebench.core.workers.executors import InlineExecutor
from timbrebench.datasets.audioset import fetching
from timbrebench.datasets.audioset.audioset_configuration import AudioSetConfiguration, DownloadSource
from timbrebench.datasets.audioset.audioset_dataset import build_audioset
from timbrebench.datasets.audioset.downloading import Downloader, VideoError

pytest.importorskip("yt_dlp", reason="yt-dlp is not installed")

RATE = 16_000
#: Needed for the video of this name only.
COOKIE = "visitor=known"


class Site(ThreadingHTTPServer):
    """Serves ``/ID.wav``; remembers what was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.videos: dict[str, bytes] = {}
        self.members: set[str] = set()
        self.asked: list[tuple[str, str, str | None]] = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/{{id}}.wav"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_HEAD(self):
        self._answer(with_body=False)

    def do_GET(self):
        self._answer(with_body=True)

    def _answer(self, *, with_body):
        ytid = self.path.strip("/").removesuffix(".wav")
        wanted = self.headers.get("Range")
        self.server.asked.append((self.command, ytid, wanted))
        content = self.server.videos.get(ytid)
        if content is None:
            self.send_error(404)
            return
        if ytid in self.server.members and COOKIE not in self.headers.get("Cookie", ""):
            self.send_error(403)
            return
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
        first = int(match[1]) if match else 0
        last = int(match[2]) if match and match[2] else len(content) - 1
        body = content[first : last + 1]
        self.send_response(206 if match else 200)
        self.send_header("Content-Type", "audio/x-wav")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        if match:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def site():
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(fetching, "_PATIENCE", 3)


def video(seconds, seed):
    samples = np.random.default_rng(seed).integers(-9000, 9000, (round(seconds * RATE), 1), np.int16)
    target = io.BytesIO()
    soundfile.write(target, samples, RATE, format="WAV")
    return samples, target.getvalue()


@pytest.fixture
def source(site, tmp_path):
    return DownloadSource(path=str(tmp_path / "fetched"), url=site.url, interval_s=0, retries=0)


def test_a_dataset_is_built_from_videos_that_are_fetched(settings, site, source, tmp_path):
    tables = pd.concat(pd.read_csv(path) for path in settings["segments"])
    early = tables[tables.positive_labels.str.contains("/m/0jtg0") & tables.start_seconds.between(1, 30)]
    early = early[early.end_seconds - early.start_seconds == 10].head(6)
    early.to_csv(tmp_path / "few.csv", index=False)
    wanted = AudioSetConfiguration(
        **{**settings, "segments": (str(tmp_path / "few.csv"),)},
        classes=("Sitar",),
        sources=(source,),
        sample_rate=RATE,
        channels=1,
    )
    contents = {}
    for number, (ytid, start) in enumerate(zip(early.YTID[:4], early.start_seconds, strict=False)):
        contents[ytid], site.videos[ytid] = video(start + 10.2, number)
    dataset = build_audioset(wanted, tmp_path / "dataset", executor=InlineExecutor())
    assert set(dataset.manifest.piece) == set(contents)
    for clip in dataset.clips():
        written, _ = soundfile.read(dataset.root / clip.path, dtype="int16")
        first = round(clip.start_s * RATE)
        np.testing.assert_array_equal(written, contents[clip.piece][first : first + 10 * RATE, 0])
    failures = pd.read_csv(dataset.root / "failures.csv")
    assert set(failures.source.str[:11]) == set(early.YTID[4:])
    assert failures.reason.str.contains("not to be had: .*HTTP Error 404").all()
    # What was fetched is not asked for again.
    site.asked.clear()
    build_audioset(wanted, tmp_path / "again", executor=InlineExecutor())
    assert {ytid for _, ytid, _ in site.asked} == set(early.YTID[4:])
    assert (tmp_path / "again" / "failures.csv").read_text() == (dataset.root / "failures.csv").read_text()


def test_a_video_that_was_begun_goes_on(site, source, tmp_path):
    _, content = video(5, 0)
    site.videos["abcdefghij_"] = content
    (tmp_path / "fetched").mkdir()
    (tmp_path / "fetched" / "abcdefghij_.wav.part").write_bytes(content[:50_000])
    assert Downloader(source).fetch("abcdefghij_") == "abcdefghij_.wav"
    assert (tmp_path / "fetched" / "abcdefghij_.wav").read_bytes() == content
    assert any(wanted == "bytes=50000-" for _, _, wanted in site.asked)


def test_cookies_are_shown_and_left_as_they_are(site, source, tmp_path):
    _, site.videos["-bcdefghijk"] = video(1, 0)
    site.members.add("-bcdefghijk")
    with pytest.raises(VideoError, match="403"):
        Downloader(source).fetch("-bcdefghijk")
    name, value = COOKIE.split("=")
    text = f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\t{name}\t{value}\n"
    (tmp_path / "cookies.txt").write_text(text)
    allowed = source.model_copy(update={"cookies": str(tmp_path / "cookies.txt")})
    assert Downloader(allowed).fetch("-bcdefghijk") == "-bcdefghijk.wav"
    assert (tmp_path / "cookies.txt").read_text() == text
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Downloader(source.model_copy(update={"cookies": str(tmp_path / "none.txt")}))


@pytest.mark.usefixtures("impatient")
def test_a_lost_connection_stops_the_build_and_costs_no_video(settings, site, source, tmp_path):
    wanted = AudioSetConfiguration(
        **settings, classes=("Sitar",), sources=(source,), sample_rate=RATE, channels=1
    )
    root = tmp_path / "dataset"
    with pytest.raises(DatasetError, match="the last 3 videos are not to be had"):
        build_audioset(wanted, root, executor=InlineExecutor())
    assert (root / ".build" / "clips.jsonl").read_text() == ""
    assert len({ytid for _, ytid, _ in site.asked}) == 3
