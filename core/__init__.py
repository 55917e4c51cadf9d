"""What knows no sound: errors, files, plug-ins, progress, workers, statistics."""

import sys

try:
    import fcntl  # noqa: F401 - whether it is there
except ImportError as error:
    raise ImportError(
        f"timbrebench does not support this system ({sys.platform}): it locks files by fcntl and limits and "
        "ends processes as Linux does, for which it is made; on Windows, use it inside WSL 2"
    ) from error
