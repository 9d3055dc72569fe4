"""Our style and scripts below /static, and the installed ones of others below /assets.

Pages name a file with a hash of what it holds, so that a browser keeps it for ever and still
never uses yesterday's.
"""

import sys
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from voxtrude.errors import SetupError

OURS = Path(__file__).parents[1] / "portal" / "static"
INSTALLED = Path(sys.prefix) / "share" / "voxtrude" / "web"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


def install(site: FastAPI, assets: Path | None) -> None:
    """Serve both folders.

    Raises:
        SetupError: The scripts of others are not installed.
    """
    folder = assets or INSTALLED
    if not folder.is_dir():
        raise SetupError(
            f"VOXTRUDE_WEB_ASSETS: {folder} does not exist; `make setup` installs the scripts there"
        )
    site.state.assets = folder
    site.mount("/static", _Files(directory=OURS), name="static")
    site.mount("/assets", _Files(directory=folder), name="assets")


@lru_cache(maxsize=256)
def mark(file: Path) -> str:
    """Return a short hash of what a file holds; it is read once."""
    return sha256(file.read_bytes()).hexdigest()[:12]


def address(name: str) -> str:
    """Return the address of a file of ours."""
    return f"/static/{name}?v={mark(OURS / name)}"


def asset(folder: Path, name: str) -> str:
    """Return the address of an installed file."""
    return f"/assets/{name}?v={mark(folder / name)}"


class _Files(StaticFiles):
    """A folder whose files a browser may keep."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or that it has not changed."""
        response = await super().get_response(path, scope)
        lasting = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = FOR_EVER if lasting else ASK_AGAIN
        return response
