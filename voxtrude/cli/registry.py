"""The registrar, for commands: in the site's database and at its broker."""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from voxtrude import files, registrar
from voxtrude.cli.site import Site
from voxtrude.dynsec import REGISTRAR
from voxtrude.mongo.client import connect
from voxtrude.registrar import Registrar


@asynccontextmanager
async def opened(site: Site) -> AsyncIterator[Registrar]:
    """Open database and broker, one command after the other.

    Raises:
        LinkError: One of them is away.
        SetupError: One of them refused us.
    """
    login = site.login(REGISTRAR)
    with _alone(site):
        async with (
            connect(site.mongo) as database,
            registrar.opened(database, login, REGISTRAR) as found,
        ):
            yield found


@contextmanager
def _alone(site: Site) -> Iterator[None]:
    """Wait for others on this machine: the account has one session at a time."""
    if site.stack is None:
        yield
        return
    handle = os.open(
        site.data_dir / "registrar.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, files.PRIVATE
    )
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
