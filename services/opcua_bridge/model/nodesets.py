"""The companion specifications' NodeSets: found, checked, and loaded into a server.

They are not part of this repository: deploy/native/nodesets.sh takes them from the package
that deploy/nodesets pins, and lists them with their digests in SHA256SUMS. What is checked
here is that they are those files, and that they are the releases we were written for.
"""

import asyncio
import hashlib
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from asyncua.server.server import Server

from services.opcua_bridge.mapping.nodes import Namespace
from services.opcua_bridge.model import additive as additive_types
from services.opcua_bridge.model import importing
from services.opcua_bridge.model.catalog import Catalog
from services.opcua_bridge.model.models import ADDITIVE, ADDITIVE_DRAFT, PUBLISHED, Model
from services.opcua_bridge.model.nodesetxml import NODE_SET
from voxtrude.errors import SetupError

DEFAULT = Path(sys.prefix) / "share" / "voxtrude" / "nodesets"
"""Where `make setup` puts them."""

MANIFEST = "SHA256SUMS"
_FIX = "run `make setup`, or name the folder that deploy/native/nodesets.sh has filled"


async def load(
    server: Server,
    folder: Path = DEFAULT,
    additive: Path | None = None,
    *,
    type_dictionaries: bool = False,
) -> Catalog:
    """Load every model into an initialised server, and return what is where.

    ``additive`` is the official Additive Manufacturing NodeSet; without it, its types are
    made from our own table. Raise SetupError when a file is missing or is another one.
    """
    files = await asyncio.to_thread(find, folder)
    if additive is not None:
        await asyncio.to_thread(check_additive, additive)
    importer = importing.Importer(server)
    for file in files:
        await _import(importer, file, "VOXTRUDE_OPCUA_NODESETS", _FIX)
    if additive is None:
        await importer.load(xml=additive_types.nodeset())
    else:
        await _import(importer, additive, "VOXTRUDE_OPCUA_ADDITIVE_NODESET", "leave it out")
    space = server.iserver.aspace
    if not type_dictionaries:
        importing.hide_type_dictionaries(space)
    importing.protect(space)
    importing.leave_out(space)
    await server.register_namespace(Namespace.MACHINES)
    return Catalog.of(space, await server.get_namespace_array())


def find(folder: Path) -> list[Path]:
    """Return the published NodeSets in the order to load them; raise SetupError."""
    found = {model.namespace: (model, file) for file in _listed(folder) for model in _models(file)}
    for wanted in PUBLISHED:
        model, _ = found.get(wanted.namespace, (None, None))
        if model != wanted:
            there = "not there" if model is None else f"{model.version} of {model.published}"
            raise SetupError(
                f"VOXTRUDE_OPCUA_NODESETS: {folder} should hold {wanted.namespace} "
                f"{wanted.version} of {wanted.published}, which is {there}: {_FIX}"
            )
    return [found[wanted.namespace][1] for wanted in PUBLISHED]


def _listed(folder: Path) -> list[Path]:
    try:
        lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SetupError(f"VOXTRUDE_OPCUA_NODESETS: no NodeSets in {folder}: {_FIX}") from error
    files = []
    for line in lines:
        if line.startswith("#"):
            continue
        digest, _, name = line.partition("  ")
        file = folder / name
        try:
            same = hashlib.sha256(file.read_bytes()).hexdigest() == digest
        except OSError:
            same = False
        if not same:
            raise SetupError(
                f"VOXTRUDE_OPCUA_NODESETS: {file} is missing or not as it was installed: {_FIX}"
            )
        files.append(file)
    return files


def check_additive(file: Path) -> None:
    """Raise SetupError unless a file is the released Additive Manufacturing NodeSet."""
    setting = f"VOXTRUDE_OPCUA_ADDITIVE_NODESET: {file}"
    try:
        models = _models(file)
    except OSError as error:
        raise SetupError(f"{setting} cannot be read: {error.strerror}") from error
    if ADDITIVE in models:
        return
    uris = [str(model.namespace) for model in models]
    if ADDITIVE_DRAFT in uris:
        what = "is the draft 0.1.0"
    elif ADDITIVE.namespace in uris:
        what = f"is version {models[uris.index(ADDITIVE.namespace)].version}"
    elif models:
        what = f"is {uris[0]}"
    else:
        what = "is no NodeSet"
    raise SetupError(
        f"{setting} {what}; name the released {ADDITIVE.namespace} {ADDITIVE.version} "
        f"of {ADDITIVE.published}, or leave it out"
    )


def _models(file: Path) -> list[Model]:
    """Return the models that a NodeSet says it is, none where it is not one."""
    models = []
    with file.open("rb") as stream:
        try:
            # A file of the operator's, on the operator's machine.
            for _, element in ET.iterparse(stream, events=("start",)):  # noqa: S314
                if element.tag == f"{NODE_SET}Model":
                    models.append(
                        Model(
                            element.get("ModelUri", ""),
                            element.get("Version", ""),
                            element.get("PublicationDate", "")[:10],
                        )
                    )
                elif element.tag.startswith(f"{NODE_SET}UA") and element.get("NodeId"):
                    break  # the models stand before the nodes
        except ET.ParseError:
            return []
    return models


async def _import(importer: importing.Importer, file: Path, setting: str, fix: str) -> None:
    try:
        await importer.load(file)
    except Exception as error:  # asyncua raises plain exceptions, too
        raise SetupError(f"{setting}: {file} cannot be loaded ({error}): {fix}") from error
