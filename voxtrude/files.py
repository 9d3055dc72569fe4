"""Files that are whole or absent: written beside, synchronised, then renamed."""

import os
from pathlib import Path

from voxtrude.errors import SetupError

PRIVATE = 0o600
PUBLIC = 0o644


def write(path: Path, contents: bytes, *, mode: int = PRIVATE, owner: int | None = None) -> None:
    """Replace ``path`` in one step; a reader or a crash sees the old or the new contents.

    ``owner`` is the number of the user that shall own it (only root may ask for that).

    Raises:
        SetupError: The folder or the disk does not let us.
    """
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(handle, "wb") as file:  # noqa: PTH123  (the handle was opened with its mode)
            os.fchmod(handle, mode)
            if owner is not None:
                os.fchown(handle, owner, -1)
            file.write(contents)
            file.flush()
            os.fsync(handle)
        beside.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}") from None
