"""A long answer that is complete before its first byte goes."""

import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import IO

from starlette.responses import StreamingResponse

IN_MEMORY = 1024 * 1024  # bytes; the rest lies in a file meanwhile
PIECE = 64 * 1024  # bytes


async def spooled(
    pieces: AsyncIterator[str], headers: Mapping[str, str] | None = None
) -> StreamingResponse:
    """Return JSON made of ``pieces``; what goes wrong while they are made is an error of its own.

    Raises:
        LinkError: The database went away.
    """
    file = tempfile.SpooledTemporaryFile(IN_MEMORY, mode="w+b")  # noqa: SIM115  (closed once it is sent)
    try:
        async for piece in pieces:
            file.write(piece.encode("utf-8", "replace"))
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return StreamingResponse(_read(file), media_type="application/json", headers=headers)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    """Yield it piece by piece, and close it also when nobody wants the rest."""
    with file:
        while piece := file.read(PIECE):
            yield piece
