"""Files of judges and note networks by strangers: refused with a reason, before they cost anything."""

from __future__ import annotations

import copy
import importlib.resources
import io
import os
import pickle
import struct
import zipfile

import pytest
import torch

from timbrebench.classifier import Judge
from timbrebench.classifier.content.content_judge import ContentJudge
from timbrebench.classifier.fitting import state_sha256
from timbrebench.classifier.style.published_judges import published_names
from timbrebench.core.errors import JudgeError
from timbrebench.core.files import fingerprint
from timbrebench.transfer.methods.reinstrument.trained_notes import TrainedNotes


def resource(package, name):
    return (importlib.resources.files(f"timbrebench.{package}") / "weights" / name).read_bytes()


STYLE = resource("classifier.style", "instruments-6-1.pt")
CONTENT = resource("classifier.content", "content.pt")
NOTES = resource("transfer.methods.reinstrument", "notes.pt")

KINDS = {"style": (Judge, STYLE), "content": (ContentJudge, CONTENT), "notes": (TrainedNotes, NOTES)}


@pytest.fixture(params=KINDS)
def kind(request):
    """What reads a file, and the bytes of one that is whole."""
    return KINDS[request.param]


def unpacked(packed):
    return torch.load(io.BytesIO(packed), weights_only=True)


def packed(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def sealed(content):
    """Give a style judge's content the fingerprint that it ought to have, as whoever forges one would."""
    front_end = content["front_end"]
    decisive = [content[key] for key in ("labels", "network", "multi_label", "temperature")]
    return {**content, "fingerprint": fingerprint([state_sha256(content["weights"]), *decisive, front_end])}


def changed(content, path, value):
    content = copy.deepcopy(content)
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return content


def refuses(reader, content, tmp_path, *words):
    path = tmp_path / "stranger.pt"
    path.write_bytes(content)
    with pytest.raises(JudgeError) as raised:
        reader.load(path)
    message = str(raised.value)
    assert all(word in message for word in ("stranger.pt", *words)), message
    assert len(message) < 3000


@pytest.mark.parametrize("name", published_names())
def test_weights_of_published_judges_are_read_bit_for_bit(name, tmp_path):
    content = resource("classifier.style", f"{name}.pt")
    (tmp_path / "judge.pt").write_bytes(content)
    judge, stored = Judge.load(tmp_path / "judge.pt"), unpacked(content)["weights"]
    state = judge.network.state_dict()
    assert state.keys() == stored.keys()
    assert all(torch.equal(state[key], stored[key]) for key in stored)
    judge.save(tmp_path / "again.pt")
    assert (tmp_path / "again.pt").read_bytes() == content


@pytest.mark.parametrize(
    ("path", "value", "bound"),
    [
        (("front_end", "n_bands"), 10**9, "1024"),
        (("front_end", "n_fft"), 2**33, "32768"),
        (("front_end", "hop_length"), 1, "500000"),
        (("front_end", "hop_length"), 10**9, "0.5 s"),
        (("front_end", "sample_rate"), 10**9, "192000"),
        (("front_end", "bands_per_octave"), 10**7, "96"),
        (("front_end", "lowest_hz"), 1e-300, "1"),
        (("front_end", "lowest_hz"), float("nan"), "finite"),
        (("front_end", "range_db"), float("inf"), "finite"),
        (("front_end",), {"kind": "mel", "n_mels": 10**8}, "1024"),
        (("front_end",), {"kind": "mel", "n_fft": 32768, "n_mels": 8, "hop_length": 16}, "2000000"),
        (("front_end",), {"kind": "stft", "n_fft": 2**40}, "32768"),
        (("front_end",), {"kind": "stft", "n_fft": 512, "win_length": 2048}, "longer than n_fft"),
        (("front_end",), {"kind": "cqt", "n_bands": 1020}, "above half of 22050"),
        (("front_end",), {"kind": "cqt", "n_bands": 24, "hop_length": 101}, "2000000"),
        (
            ("front_end",),
            {"kind": "cqt", "lowest_hz": 4.0, "bands_per_octave": 96, "hop_length": 11025},
            "10000000",
        ),
        (("front_end",), "log-frequency", ""),
        (("labels",), ["piano"] * 5000, "4096"),
        (("labels",), ["p" * 10**6], "200"),
        (("labels",), ["\x1b[2Jpiano"], "printed"),
        (("labels",), [["piano"]], ""),
        (("labels",), [], "1 item"),
        (("network",), "transformer", "'harmonic'"),
        (("temperature",), 0.0, "0"),
        (("temperature",), float("nan"), "finite"),
        (("temperature",), 10**500, ""),
        (("training_pieces",), ["p" * 5000], "4096"),
        (("training_pieces",), 10**500, ""),
        (("soundfonts",), {"TimGM6mb": 1}, ""),
        (("training_clips",), torch.zeros(1, dtype=torch.uint8).expand(32 << 32), "fewer numbers"),
        (("training_clips",), torch.zeros(33, dtype=torch.uint8), "SHA-256"),
        (("training_clips",), torch.zeros(32), "SHA-256"),
        (("training_clips",), ["x" * 10**6], "64"),
        (("fingerprint",), "0" * 10**6, "64"),
        (("weights",), {"blocks": torch.zeros(1).expand(1 << 40)}, "fewer numbers"),
        (("weights",), [1, 2], "dictionary"),
        (("weights",), {"x" * 10**6: torch.zeros(1)}, "200"),
        (("weights",), {f"w{number}": torch.zeros(1) for number in range(900)}, "800"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_a_style_judge_s_fields_have_bounds_that_the_error_names(path, value, bound, tmp_path):
    refuses(Judge, packed(changed(unpacked(STYLE), path, value)), tmp_path, path[0], bound)


@pytest.mark.parametrize(
    ("path", "value", "bound"),
    [
        (("front_end", "hop_length"), 1, "128"),
        (("front_end", "sample_rate"), 10**9, "22050"),
        (("network", "channels"), 10**6, "128"),
        (("network", "channels"), 0, "4"),
        (("network", "blocks"), 10**6, "12"),
        (("decoding", "onset"), 2.0, "1"),
    ],
)
def test_a_content_judge_s_fields_have_bounds_that_the_error_names(path, value, bound, tmp_path):
    refuses(ContentJudge, packed(changed(unpacked(CONTENT), path, value)), tmp_path, path[-1], bound)


@pytest.mark.parametrize("value", [0, 10**6, "40 000", None])
def test_a_note_network_s_width_has_bounds_that_the_error_names(value, tmp_path):
    refuses(TrainedNotes, packed({**unpacked(NOTES), "channels": value}), tmp_path, "channels")


def first_weight(kind_of_tensor):
    """Replace the first tensor of a network, and seal it."""

    def change(content):
        name = next(iter(content["weights"]))
        weights = {**content["weights"], name: kind_of_tensor(content["weights"][name])}
        return {**content, "weights": weights}

    return change


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (first_weight(lambda tensor: torch.full_like(tensor, float("nan"))), "NaN"),
        (first_weight(lambda tensor: torch.full_like(tensor, float("inf"))), "infinity"),
        (first_weight(lambda tensor: tensor.double()), "float64"),
        (first_weight(lambda tensor: tensor.to(torch.complex64)), "complex64"),
        (first_weight(lambda tensor: tensor.flatten()), "of shape"),
        (first_weight(lambda tensor: tensor[:1].clone()), "of shape"),
        (lambda content: changed(content, ("weights", "more"), torch.zeros(1)), "more"),
        (lambda content: {**content, "weights": dict(list(content["weights"].items())[1:])}, "missing"),
        (lambda content: {**content, "labels": [*content["labels"], "violin"]}, "head"),
        (lambda content: {**content, "network": "alexnet"}, "missing"),
        (lambda content: changed(content, ("front_end",), {"kind": "mel"} | STILL), "harmonic"),
    ],
)
def test_weights_that_do_not_fit_are_refused_though_they_are_sealed(change, word, tmp_path):
    refuses(Judge, packed(sealed(change(unpacked(STYLE)))), tmp_path, word)


#: All other fields of a front end of mel bands, as a judge's file states them.
STILL = {
    "scale": "decibel",
    "range_db": 80.0,
    "sample_rate": 22050,
    "hop_length": 512,
    "n_fft": 2048,
    "n_mels": 128,
}


def test_a_network_that_cannot_take_the_shortest_clip_is_refused(tmp_path):
    from timbrebench.classifier.style.style_front_end import MelFrontEnd
    from timbrebench.classifier.style.style_networks import AlexNet

    front_end = MelFrontEnd(n_mels=4).model_dump(mode="json")
    weights = AlexNet(6).state_dict()
    content = {**unpacked(STYLE), "network": "alexnet", "front_end": front_end, "weights": weights}
    refuses(Judge, packed(sealed(content)), tmp_path, "too few for the network", "4 bands")


def test_answers_that_are_not_numbers_are_an_error_and_no_score(tmp_path):
    """Finite weights can give NaN: a negative variance."""
    content = unpacked(STYLE)
    name = next(key for key in content["weights"] if key.endswith("running_var"))
    weights = {**content["weights"], name: -torch.ones_like(content["weights"][name])}
    path = tmp_path / "judge.pt"
    path.write_bytes(packed(sealed({**content, "weights": weights})))
    noise = torch.randn(22_050, generator=torch.Generator().manual_seed(0)).numpy() / 8
    with pytest.raises(JudgeError, match="NaN"):
        Judge.load(path).predict(noise, 22_050)


@pytest.mark.parametrize("number", [10**400, "1", None, [[[]]], -1])
def test_another_version_is_named(kind, number, tmp_path):
    reader, content = kind
    refuses(reader, packed({**unpacked(content), "schema": number}), tmp_path, "version")


def test_the_fingerprint_is_compared_before_a_network_is_made(tmp_path, monkeypatch):
    def made(*_):
        raise AssertionError("a network was made")

    monkeypatch.setattr("timbrebench.classifier.style.style_judge.create_network", made)
    content = unpacked(STYLE)
    refuses(Judge, packed({**content, "temperature": 0.5}), tmp_path, "damaged")
    with pytest.raises(AssertionError):
        refuses(Judge, STYLE, tmp_path)


def rezipped(content, change, compression=zipfile.ZIP_STORED):
    """Write the entries of an archive anew, each changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(buffer, "w", compression) as copied:
        for name in archive.namelist():
            copied.writestr(name, change(name, archive.read(name)))
    return buffer.getvalue()


def pickled(made):
    """Replace the pickle of an archive."""
    return lambda content: rezipped(
        content, lambda name, entry: made(entry) if name.endswith("data.pkl") else entry
    )


def nested(entry):
    """Lists that hold one another twice each, sixty deep: looked through, they would take ages."""
    lists = [[]]
    for _ in range(60):
        lists.append([lists[-1], lists[-1]])
    return pickle.dumps({"kind": "style judge", "schema": 3, "labels": lists[-1]}, protocol=2)


def deep(entry):
    """Lists in lists, a hundred thousand deep."""
    return (
        b"\x80\x02}(X\x04\x00\x00\x00kindX\x0b\x00\x00\x00style judgeX\x06\x00\x00\x00schemaK\x03"
        b"X\x06\x00\x00\x00labels" + b"]" * 100_000 + b"a" * 99_999 + b"u."
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda content: rezipped(content, lambda _, entry: entry, zipfile.ZIP_DEFLATED), id="packed"
        ),
        pytest.param(
            lambda content: rezipped(content, lambda _, entry: entry, zipfile.ZIP_BZIP2), id="bzip2"
        ),
        pytest.param(
            lambda content: rezipped(
                content, lambda name, _: bytes(70 << 20) if name.endswith("/0") else b"", 8
            ),
            id="bomb",
        ),
        pytest.param(pickled(lambda entry: b"\x80\x02" + b"N" * 4_000_000 + b"."), id="operations"),
        pytest.param(
            pickled(lambda entry: b"\x80\x02cbuiltins\nbytearray\n\x8a\x06" + b"\xff" * 5 + b"\x00\x85R."),
            id="name",
        ),
        pytest.param(pickled(lambda entry: b"\x80\x02Nr\xff\xff\xff\x7f."), id="memo"),
        pytest.param(pickled(lambda entry: b"\x80\x02\x8b\xff\xff\xff\x7f."), id="long"),
        pytest.param(pickled(lambda entry: b"\x80\x02" + b"(" * 100_000 + b"."), id="marks"),
        pytest.param(pickled(nested), id="nested"),
        pytest.param(pickled(deep), id="deep"),
        pytest.param(pickled(lambda entry: b""), id="empty"),
        pytest.param(lambda content: packed([1, 2]), id="list"),
        pytest.param(lambda content: pickle.dumps({"kind": "style judge"}), id="plain-pickle"),
        pytest.param(lambda content: content[: len(content) // 2], id="half"),
    ],
)
def test_archives_that_are_made_to_cost_are_refused(kind, change, tmp_path):
    reader, content = kind
    refuses(reader, change(content), tmp_path)


def test_bytes_are_not_read_beyond_what_the_archive_holds(tmp_path):
    """A tensor that states more numbers than there are would be read from what lies behind them in memory."""
    content = packed(changed(unpacked(STYLE), ("training_clips",), torch.zeros(64, dtype=torch.uint8)))
    more = struct.pack("<i", 6400)
    forged = pickled(
        lambda entry: entry.replace(b"K@tq", b"J" + more + b"tq").replace(b"K@\x85", b"J" + more + b"\x85")
    )
    assert forged(content) != content
    refuses(Judge, forged(content), tmp_path, "not a style judge")


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda path: path.mkdir(), "folder"),
        (os.mkfifo, "pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "device"),
        (lambda path: (path.touch(), os.truncate(path, 5 << 30)), "bytes"),
        (lambda path: path.symlink_to(path.name), "judge.pt"),
        (lambda path: path.symlink_to("nowhere"), "judge.pt"),
        (lambda path: None, "no such file"),
    ],
)
def test_what_is_not_a_judge_s_file_is_not_read(kind, make, word, tmp_path):
    reader, _ = kind
    path = tmp_path / "judge.pt"
    make(path)
    with pytest.raises(JudgeError, match=word):
        reader.load(path)
