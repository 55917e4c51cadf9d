"""Fetch soundfonts whose addresses and checksums are known, or given by a configuration."""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import IO

import platformdirs
from pydantic import Field

from timbrebench.core.downloads import download
from timbrebench.core.errors import MissingResourceError
from timbrebench.core.files import atomic_path, file_sha256
from timbrebench.core.frozen_model import FrozenModel
from timbrebench.core.partial_files import partial_folder
from timbrebench.core.progress import log

_SHA256 = r"^[0-9a-f]{64}$"


class PinnedSoundfont(FrozenModel):
    """A soundfont by its address and checksum.

    Attributes
    ----------
    name : str
        Under which datasets list it: letters, digits, dots, hyphens and underscores.
    url : str
        Of the soundfont, or of a tar archive that holds it; http or https.
    sha256 : str
        Of the soundfont itself: 64 hexadecimal digits in lower case.
    member : str or None
        Its path inside the archive, where the address is that of one.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    url: str = Field(pattern=r"^https?://\S+$")
    sha256: str = Field(pattern=_SHA256)
    member: str | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def suffix(self) -> str:
        """Whether its samples are plain (``.sf2``) or compressed (``.sf3``)."""
        return ".sf3" if re.search(r"\.sf3\b", self.member or self.url) else ".sf2"


#: What is fetched where no file of that name is found: 128, 206, 38 and 31 MiB. The first address is Debian's
#: source of the package fluid-soundfont; the checksum is that of the file in its binary package. The others
#: are their authors' addresses, the last one's at a fixed version. MuseScore General and FluidR3 are under
#: the MIT licence, GeneralUser GS under its own, which permits any use. Of two of a name, the first is usual.
KNOWN = (
    PinnedSoundfont(
        name="FluidR3_GM",
        url="https://deb.debian.org/debian/pool/main/f/fluid-soundfont/fluid-soundfont_3.1.orig.tar.gz",
        member="fluid-soundfont-3.1/FluidR3_GM.sf2",
        sha256="74594e8f4250680adf590507a306655a299935343583256f3b722c48a1bc1cb0",
    ),
    PinnedSoundfont(
        name="MuseScore_General",
        url="https://ftp.osuosl.org/pub/musescore/soundfont/MuseScore_General/MuseScore_General.sf2",
        sha256="ee51d2c4b1525e70f19a45909c4fd7a2e26d91d115fa89dbf5a6bc413d8b9bf3",
    ),
    PinnedSoundfont(
        name="MuseScore_General",
        url="https://ftp.osuosl.org/pub/musescore/soundfont/MuseScore_General/MuseScore_General.sf3",
        sha256="5b85b6c2c61d10b2b91cddd41efcce7b25cd31c8271d511c73afafbef20b6fa3",
    ),
    PinnedSoundfont(
        name="GeneralUser-GS",
        url="https://raw.githubusercontent.com/mrbumpy409/GeneralUser-GS/"
        "684543d5e5efaef08d02be50dcda8d552478fa60/GeneralUser-GS.sf2",
        sha256="9575028c7a1f589f5770fccc8cff2734566af40cd26ed836944e9a5152688cfe",
    ),
)

#: SHA-256 of the other soundfonts that profiles, frozen suites and published judges name: those that come
#: with pretty_midi, with Debian's minuet-data, and with this package.
INSTALLED = {
    "TimGM6mb": "82475b91a76de15cb28a104707d3247ba932e228bada3f47bba63c6b31aaf7a1",
    "GeneralUser-v1.47": "226bdc28613368ce9b740ecf0748618c575657f19b9c88eada1a50b060ef7eba",
    "sonivox": "4978cf37e7164206f2d22dc4fdf4020ffe040787210bf781e31bdc79961f59ef",
}


def cached_path(font: PinnedSoundfont) -> Path:
    """Return where a soundfont lies in the user's cache, whether or not it is there.

    The checksum is part of the path, so that files of one name do not take each other's place.
    """
    cache = Path(platformdirs.user_cache_dir("timbrebench")) / "soundfonts"
    return cache / font.sha256[:16] / f"{font.name}{font.suffix}"


def fetch_soundfont(font: PinnedSoundfont) -> Path:
    """Return a soundfont from the user's cache, downloaded where it is not there yet or was damaged.

    Raises MissingResourceError if it cannot be downloaded, or its SHA-256 differs; nothing of that is kept.
    Raises StorageError if the cache cannot be written.
    """
    path = cached_path(font)
    if path.is_file() and file_sha256(path) == font.sha256:
        return path
    log(f"downloading the soundfont {font.name} from {font.url}")
    with atomic_path(path) as temporary, partial_folder(path) as folder:
        if font.member is None:
            download(font.url, temporary, f"the soundfont {font.name}")
        else:
            archive = folder / "archive"
            download(font.url, archive, f"the soundfont {font.name}")
            _extract(font, archive, temporary)
        digest = file_sha256(temporary)
        if digest != font.sha256:
            raise MissingResourceError(
                f"{font.url}: what was downloaded is not the soundfont {font.name}: its SHA-256 is {digest}, "
                f"expected {font.sha256}: nothing was kept; correct the address or the checksum"
            )
    return path


def _extract(font: PinnedSoundfont, archive: Path, target: Path) -> None:
    """Copy one file out of an archive; its path inside is looked up and never written to."""
    try:
        with tarfile.open(archive) as opened, _member(opened, font) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    except (tarfile.TarError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError, KeyError) as error:
        raise MissingResourceError(
            f"{font.url}: cannot be read as a tar archive that holds {font.member} ({error}): correct the "
            "address or the member"
        ) from error


def _member(archive: tarfile.TarFile, font: PinnedSoundfont) -> IO[bytes]:
    source = archive.extractfile(str(font.member))
    if source is None:
        raise KeyError(f"{font.member} is not a file")
    return source
