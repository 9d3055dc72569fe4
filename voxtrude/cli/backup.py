"""``backup`` and ``restore``: one file with the documents, the accounts and the certificates."""

import asyncio
import io
import json
import os
import re
import tarfile
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Annotated

import typer

from voxtrude import __version__, files
from voxtrude.cli import fleet, site
from voxtrude.cli.native import Native
from voxtrude.cli.options import AsJson, DataDir
from voxtrude.cli.output import console, show_json
from voxtrude.cli.processes import Supervisord
from voxtrude.cli.programs import MONGOD, WEB
from voxtrude.cli.site import Site
from voxtrude.errors import SetupError
from voxtrude.mongo import archive
from voxtrude.mongo.client import connect
from voxtrude.mongo.printers import Printers
from voxtrude.mongo.schema import migrate
from voxtrude.process import utc_now

FORMAT = 1
MANIFEST = "manifest.json"
DOCUMENTS = "documents"
KEPT = "files"
NAMES = (
    "credentials.json",
    "certificates/ca.crt",
    "certificates/ca.key",
    "certificates/server.crt",
    "certificates/server.key",
    f"fleet-{fleet.DEMO}.json",
    f"{site.SECRETS}/{WEB}",  # second factors are encrypted with it
)
OPCUA = "opcua"
OPCUA_FILES = ("users.json", "check_password", "pki/own/*", "pki/trusted/*", "pki/issuers/*")
OPCUA_NAME = re.compile(rf"{OPCUA}/(users\.json|check_password|pki/(own|trusted|issuers)/[\w.-]+)")
"""What may be written by a restore: nothing that leads out of the folder."""

LARGEST_FILE = 1024 * 1024  # of those that are no documents


def backup(
    file: Annotated[Path, typer.Argument(help="Where to: a .tar.gz; it holds secrets.")],
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write documents, accounts, users and certificates into one file that only you may read."""
    where = site.find(data_dir)
    sizes = asyncio.run(_backup(where, file))
    if as_json:
        show_json({"file": str(file.absolute()), "bytes": sizes})
    else:
        console.print(f"{file}: {file.stat().st_size} bytes", markup=False)


async def _backup(where: Site, path: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, files.PRIVATE)
        with (
            os.fdopen(handle, "wb") as raw,
            tarfile.open(fileobj=raw, mode="w:gz") as tar,
        ):
            about = {"format": FORMAT, "release": __version__, "made_at": utc_now().isoformat()}
            _add(tar, MANIFEST, io.BytesIO(json.dumps(about).encode()))
            async with connect(where.mongo) as database:
                for name in archive.COLLECTIONS:
                    with tempfile.TemporaryFile(dir=path.parent) as spool:
                        sizes[name] = await archive.dump(database, name, spool)
                        _add(tar, f"{DOCUMENTS}/{name}.bson", spool)
            for name in NAMES:
                source = where.settings.broker.data / name
                if source.exists():
                    _add(tar, f"{KEPT}/{name}", io.BytesIO(source.read_bytes()))
            folder = where.settings.opcua.data
            for pattern in OPCUA_FILES:
                for source in sorted(folder.glob(pattern)):
                    name = source.relative_to(folder).as_posix()
                    _add(tar, f"{OPCUA}/{name}", io.BytesIO(source.read_bytes()))
        beside.rename(path)
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)
    return sizes


def restore(
    file: Annotated[Path, typer.Argument(help="What `voxtrude backup` wrote.")],
    data_dir: DataDir = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Delete what is there now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup into an empty database; the printers' logins work again."""
    where = site.find(data_dir)
    counts = asyncio.run(_restore(where, file, force=force))
    if as_json:
        show_json({"documents": counts, "restarted": where.stack is not None})
        return
    console.print(f"{sum(counts.values())} documents restored")
    if where.stack is None:
        console.print("Now render the broker's files, and restart the broker and the services.")


async def _restore(where: Site, path: Path, *, force: bool) -> dict[str, int]:
    counts: dict[str, int] = {}
    try:
        with tarfile.open(path, mode="r:gz") as tar:
            _check(tar, path)
            async with connect(where.mongo) as database:
                if not force and not await archive.is_empty(database):
                    raise SetupError(
                        "the database is not empty: --force deletes what is there first"
                    )
                async with _stopped(where):
                    await archive.clear(database)
                    for name in archive.COLLECTIONS:
                        if (source := _member(tar, f"{DOCUMENTS}/{name}.bson")) is not None:
                            counts[name] = await archive.load(database, name, source)
                    await migrate(database, where.settings.keep.retention())
                    _restore_files(tar, where.settings.broker.data)
                    _restore_opcua(tar, where.settings.opcua.data)
                    if where.stack:
                        await Native.existing(where).render(Printers(database))
    except FileNotFoundError:
        raise SetupError(f"there is no {path}") from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SetupError(f"{path} is no backup: {error}") from None
    return counts


@asynccontextmanager
async def _stopped(where: Site) -> AsyncIterator[None]:
    """Stop the native stack but for its database meanwhile: everybody else writes there."""
    if where.stack is None:
        yield
        return
    supervisord = Supervisord(where.supervisor)
    running = [one.name for one in supervisord.processes() if one.runs and one.name != MONGOD]
    for name in reversed(running):
        await asyncio.to_thread(supervisord.stop, name)
    try:
        yield
    finally:
        await Native.existing(where).resume(running)


def _check(tar: tarfile.TarFile, path: Path) -> None:
    manifest = _member(tar, MANIFEST)
    try:
        about = json.load(manifest) if manifest else {}
    except ValueError:
        about = {}
    if about.get("format") != FORMAT:
        raise SetupError(f"{path} is no backup of a version that this one can read")


def _restore_files(tar: tarfile.TarFile, folder: Path) -> None:
    for name in NAMES:
        source = _member(tar, f"{KEPT}/{name}")
        if source is None:
            continue
        target = folder / PurePosixPath(name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = files.PUBLIC if name.endswith(".crt") else files.PRIVATE
        files.write(target, source.read(LARGEST_FILE), mode=mode)


def _restore_opcua(tar: tarfile.TarFile, folder: Path) -> None:
    for name in tar.getnames():
        source = _member(tar, name) if OPCUA_NAME.fullmatch(name) else None
        if source is None:
            continue
        target = folder / PurePosixPath(name).relative_to(OPCUA)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = files.PUBLIC if name.endswith((".der", ".crl")) else files.PRIVATE
        files.write(target, source.read(LARGEST_FILE), mode=mode)


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes] | None:
    try:
        return tar.extractfile(name)
    except KeyError:
        return None


def _add(tar: tarfile.TarFile, name: str, source: IO[bytes]) -> None:
    info = tarfile.TarInfo(name)
    info.size = source.seek(0, io.SEEK_END)
    info.mode = files.PRIVATE
    info.mtime = int(utc_now().timestamp())
    source.seek(0)
    tar.addfile(info, source)
