"""OPC UA servers in this process, for tests."""

from asyncua.server.server import Server

from services.opcua_bridge.model import nodesets
from services.opcua_bridge.model.catalog import Catalog


async def typed_server(*, type_dictionaries: bool = False) -> tuple[Server, Catalog]:
    """Return a server with every type loaded, not started; it takes some two seconds."""
    server = Server()
    await server.init()
    return server, await nodesets.load(server, type_dictionaries=type_dictionaries)
