import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
from dataclasses import replace

import pytest

from timbrebench.core.errors import CorpusError, StorageError
from timbrebench.core.unpacking import UnpackingLimits, is_archive, unpack_archive

SONG = b"MThd and some notes" * 20
SMALL = UnpackingLimits(total_bytes=1 << 20, files=20, ratio=10, free_bytes=1 << 16)


def make_zip(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def make_tar(path, entries):
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in entries:
            entry = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def make(path, entries):
    return make_zip(path, entries) if path.suffix == ".zip" else make_tar(path, entries)


def unpack(archive, limits=SMALL):
    target = archive.parent / "target"
    unpack_archive(archive, target, suffixes=(".mid",), limits=limits)
    return {
        path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()
    }


@pytest.fixture(params=["a.zip", "a.tar", "a.tar.gz", "a.tgz"])
def path(request, tmp_path):
    return tmp_path / request.param


def refused(path, match, limits=SMALL):
    """Nothing is left of what is refused, inside the target or beside it."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(CorpusError, match=match) as caught:
        unpack(path, limits)
    assert str(path) in str(caught.value)
    assert sorted(path.parent.rglob("*")) == before


def test_what_is_wanted_is_unpacked(path):
    assert is_archive(path)
    make(path, [("x/a.mid", SONG), ("x/y/b.MID", SONG[::-1]), ("x/readme.txt", b"no"), ("./c.mid", b"")])
    assert unpack(path) == {"x/a.mid": SONG, "x/y/b.MID": SONG[::-1], "c.mid": b""}
    assert stat.S_IMODE((path.parent / "target/x/a.mid").stat().st_mode) & 0o111 == 0


def test_a_folder_that_is_there_is_taken_as_it_is(path):
    make(path, [("a.mid", SONG)])
    unpack(path)
    path.write_bytes(b"something else")
    assert unpack(path) == {"a.mid": SONG}


@pytest.mark.parametrize(
    "name",
    ["../a.mid", "x/../../a.mid", "/home/a.mid", "..\\a.mid", "\\a.mid", "C:/a.mid", "C:\\a.mid", "../a.txt"],
)
def test_no_path_leaves_the_folder(path, name):
    make(path, [("good.mid", SONG), (name, SONG)])
    refused(path, "leads out of the folder")


def test_windows_separators_are_separators(path):
    make(path, [("x\\a.mid", SONG)])
    assert unpack(path) == {"x/a.mid": SONG}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]
)
def test_links_and_devices_in_tar_archives_are_refused(tmp_path, kind):
    entry = tarfile.TarInfo("a.mid")
    entry.type, entry.linkname = kind, "/etc/passwd"
    refused(make_tar(tmp_path / "a.tar", [("good.mid", SONG), (entry, b"")]), "link or device")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_zip_archives_are_refused(tmp_path, kind):
    entry = zipfile.ZipInfo("a.mid")
    entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16
    refused(make_zip(tmp_path / "a.zip", [("good.mid", SONG), (entry, "/etc/passwd")]), "link or device")


def test_a_link_cannot_be_written_through(tmp_path):
    """A link to a folder, and then a file in it: what once led programs to write anywhere."""
    link = tarfile.TarInfo("x")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    refused(make_tar(tmp_path / "a.tar", [(link, b""), ("x/a.mid", SONG)]), "link or device")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_bombs_do_not_unpack(tmp_path):
    """Ten megabytes of zeros, packed a thousand times smaller, in one file or in many, wanted or not."""
    zeros = bytes(10_000_000)
    for name, entry in (("a.zip", "a.mid"), ("a.tar.gz", "a.mid"), ("b.zip", "a.txt"), ("b.tar.gz", "a.txt")):
        archive = make(tmp_path / name, [(entry, zeros)])
        assert archive.stat().st_size < 20_000
        refused(archive, "unpacks to more than")
    refused(
        make(tmp_path / "c.tgz", [(f"{i}.mid", zeros[:500_000]) for i in range(10)]), "unpacks to more than"
    )


def test_a_bomb_between_the_files_of_a_tar_archive_does_not_unpack(tmp_path):
    packed = tmp_path / "a.tar.gz"
    plain = make_tar(tmp_path / "a.tar", [("a.mid", SONG)]).read_bytes()
    packed.write_bytes(gzip.compress(plain + bytes(50_000_000)))
    refused(packed, "unpacks to more than")


def test_too_many_files_are_refused(path):
    make(path, [(f"{i}.mid", b"x") for i in range(21)])
    refused(path, "more than 20 entries")


def test_a_file_that_is_too_large_is_refused_whatever_the_others_are(path):
    make(path, [("small.mid", b"x"), ("large.mid", bytes(501))])
    refused(path, "501 bytes, too many", replace(SMALL, file_bytes=500))


def test_a_zip_entry_that_lies_about_its_length_is_refused(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("a.mid", SONG)])
    content = path.read_bytes()
    true, false = struct.pack("<L", len(SONG)), struct.pack("<L", len(SONG) // 2)
    assert content.count(true) == 2
    path.write_bytes(content.replace(true, false))
    refused(path, "damaged")


def test_a_tar_entry_with_a_negative_length_ends_the_reading(tmp_path):
    """Read as it is stated, it would lead back to itself for ever."""
    path = make_tar(tmp_path / "a.tar", [("a.mid", b"")])
    header = bytearray(path.read_bytes()[:512])
    header[124:136] = (-1024 & (1 << 96) - 1).to_bytes(12, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(bytes(header) + bytes(1024))
    refused(path, "negative length")


def test_an_endless_name_takes_no_memory(tmp_path):
    """A name of four gigabytes is announced, and would be read at once."""
    entry = tarfile.TarInfo("././@LongLink")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
    path = tmp_path / "a.tar"
    path.write_bytes(entry.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    refused(path, "impossible length")


def test_encrypted_archives_say_so(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("a.mid", SONG)])
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    refused(path, "encrypted")


def test_truncated_archives_are_refused_wherever_they_end(path):
    make(path, [(f"{i}.mid", os.urandom(700)) for i in range(3)])
    whole = path.read_bytes()
    # A plain tar archive ends with zeros, of which one block is enough.
    last = len(whole.rstrip(b"\0")) + 400 if path.suffix == ".tar" else len(whole)
    for length in range(0, last - 1, 211):
        path.write_bytes(whole[:length])
        refused(path, "damaged, truncated or not an archive")


def test_damaged_archives_are_refused_or_unpacked(path):
    """Single wrong bytes: the contents are never other than they were where checksums cover them."""
    make(path, [(f"{i}.mid", SONG) for i in range(3)])
    whole = path.read_bytes()
    for place in range(0, min(len(whole), 2000), 37):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            found = unpack(path)
        except CorpusError:
            assert not (path.parent / "target").exists()
            continue
        if path.suffix != ".tar":
            assert set(found.values()) <= {SONG}
        for one in sorted((path.parent / "target").rglob("*"), reverse=True):
            one.rmdir() if one.is_dir() else one.unlink()
        (path.parent / "target").rmdir()


def test_of_two_files_with_one_name_the_last_counts(tmp_path):
    assert unpack(make_tar(tmp_path / "a.tar", [("a.mid", b"old"), ("a.mid", SONG)])) == {"a.mid": SONG}


def test_a_file_that_is_a_folder_as_well_is_refused(path):
    make(path, [("a.mid", SONG), ("a.mid/b.mid", SONG)])
    refused(path, "a file in one place and a folder in another")


def test_names_that_cannot_be_written_are_refused(path):
    make(path, [("x" * 300 + ".mid", SONG)])
    refused(path, "too long")


def test_a_target_that_cannot_be_written_is_told(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("a.mid", SONG)])
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        unpack_archive(path, tmp_path / "file" / "target", suffixes=(".mid",))


def test_a_missing_archive_is_told(tmp_path):
    with pytest.raises(CorpusError, match="cannot be read"):
        unpack_archive(tmp_path / "absent.zip", tmp_path / "target", suffixes=(".mid",))
