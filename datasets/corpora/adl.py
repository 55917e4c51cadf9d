"""ADL Piano MIDI: 11,086 piano pieces in folders of genres, from Lakh's corpus and other collections.

References
----------
L. N. Ferreira, L. H. S. Lelis and J. Whitehead, "Computer-Generated Music for Tabletop Role-Playing Games",
AIIDE, 2020. https://github.com/lucasnfe/adl-piano-midi

Notes
-----
Its authors state neither a licence nor a checksum of the archive, and none has been measured here,
so a download cannot be checked against one. That of the archive that a dataset was built from is in its
``dataset.json``; given as ``corpus_sha256`` it holds every other build to the same archive.
"""

from __future__ import annotations

from pathlib import Path

import platformdirs

from timbrebench.core.downloads import download
from timbrebench.core.errors import CorpusError
from timbrebench.core.files import atomic_path, file_sha256
from timbrebench.core.progress import log

#: The name of the corpus in configurations.
NAME = "adl-piano-midi"

URL = "https://github.com/lucasnfe/adl-piano-midi/raw/master/midi/adl-piano-midi.zip"


def fetch_adl(sha256: str | None = None, *, url: str = URL) -> Path:
    """Return the archive from the user's cache, downloaded where it is not there yet.

    Without the SHA-256 that the archive has to have the first download is trusted, and its SHA-256 is logged.
    Raises MissingResourceError if it cannot be downloaded: give the path of a local archive as the corpus
    instead; CorpusError if what comes has another SHA-256, of which nothing is kept; and StorageError if the
    cache cannot be written.
    """
    path = Path(platformdirs.user_cache_dir("timbrebench")) / "downloads" / f"{NAME}.zip"
    if path.is_file() and sha256 in {None, file_sha256(path) if sha256 else None}:
        return path
    log(f"downloading {NAME} from {url}")
    with atomic_path(path) as temporary:
        download(url, temporary, f"the corpus {NAME}")
        digest = file_sha256(temporary)
        if sha256 not in {None, digest}:
            raise CorpusError(
                f"{url}: its SHA-256 is {digest}, expected {sha256}: nothing was kept; get the archive "
                "elsewhere and give its path as the corpus, or correct corpus_sha256"
            )
    log(f"the SHA-256 of {NAME} is {digest}: with it as corpus_sha256 other builds are held to this archive")
    return path
