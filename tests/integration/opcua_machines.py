"""Machines on a stock asyncua server, made of the published types, to be broken on purpose."""

from dataclasses import dataclass

from asyncua import ua
from asyncua.common.node import Node
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.mapping.nodes import Id, Name, Namespace
from services.opcua_bridge.model.catalog import Catalog

NEUTRAL: dict[str, ua.Variant] = {
    "Identification/AMTechnologyIdentifier": ua.Variant("MEX"),
    "Identification/ProductInstanceUri": ua.Variant("urn:example:machine"),
    "Identification/Manufacturer": ua.Variant(ua.LocalizedText("Example")),
    "Identification/SerialNumber": ua.Variant("1"),
    "Monitoring/MachineTool/OperationMode": ua.Variant(0, ua.VariantType.Int32),
    "Production/ActiveProgram/Name": ua.Variant(""),
    "Production/ActiveProgram/NumberInList": ua.Variant(0, ua.VariantType.UInt16),
    "Production/ActiveProgram/State/CurrentState": ua.Variant(ua.LocalizedText("Ended")),
    "Production/ActiveProgram/State/CurrentState/Id": ua.Variant(ua.NodeId()),
    "Production/ActiveProgram/State/CurrentState/Number": ua.Variant(2, ua.VariantType.UInt32),
}
"""The mandatory variables of AdditiveManufacturingType."""


@dataclass
class Machine:
    """One instance of AdditiveManufacturingType with its mandatory nodes."""

    server: Server
    catalog: Catalog
    node: Node

    @classmethod
    async def whole(cls, server: Server, catalog: Catalog, name: str) -> "Machine":
        folder = server.get_node(catalog.node_id(Id(Namespace.MACHINERY, 1001)))
        kind = catalog.type(Name(Namespace.ADDITIVE, "AdditiveManufacturingType"))
        index = catalog.index(Namespace.MACHINES)
        node = await folder.add_object(
            ua.NodeId(ua.String(name), ua.Int16(index)),
            ua.QualifiedName(name, index),
            objecttype=kind,
            instantiate_optional=False,
        )
        machine = cls(server, catalog, node)
        for path, value in NEUTRAL.items():
            await machine.set(path, value)
        await machine.set("Identification/ProductInstanceUri", ua.Variant(f"urn:example:{name}"))
        return machine

    async def at(self, path: str) -> Node:
        """Follow browse names, whatever their namespaces."""
        node = self.node
        for text in path.split("/"):
            for child in await node.get_children():
                if (await child.read_browse_name()).Name == text:
                    node = child
                    break
            else:
                raise KeyError(path)
        return node

    async def set(self, path: str, value: ua.Variant) -> None:
        """Give a variable a value past all checks of its type."""
        await self.put(path, AttributeIds.Value, value)

    async def put(
        self,
        path: str,
        attribute: AttributeIds,
        value: ua.Variant,
        status: int = StatusCodes.Good,
    ) -> None:
        """Set an attribute past all checks."""
        node = await self.at(path) if path else self.node
        attributes = self.server.iserver.aspace[node.nodeid].attributes
        attributes[attribute].value = ua.DataValue(value, ua.StatusCode(ua.UInt32(status)))

    async def without(self, path: str) -> None:
        """Take a node away, and all below it."""
        await self.server.delete_nodes([await self.at(path)], recursive=True)

    async def add_variable(self, above: str, name: Name, value: ua.Variant) -> None:
        """Add a variable where one was taken away, or where none belongs."""
        parent = await self.at(above)
        await parent.add_property(await self._free(above, name), self.catalog.name(name), value)

    async def add(self, above: str, name: Name, kind: Name | None) -> None:
        """Add an object of a type (none: a folder) with its mandatory nodes."""
        parent = await self.at(above) if above else self.node
        node = await self._free(above, name)
        if kind is None:
            folder = ua.NodeId(ua.Int32(ObjectIds.FolderType))
            await parent.add_object(node, self.catalog.name(name), objecttype=folder)
            return
        await parent.add_object(
            node,
            self.catalog.name(name),
            objecttype=self.catalog.type(kind),
            instantiate_optional=False,
        )

    async def _free(self, above: str, name: Name) -> ua.NodeId:
        text = f"{self.node.nodeid.Identifier!s}/{above}/{name.text}"
        return ua.NodeId(ua.String(text), ua.Int16(self.catalog.index(Namespace.MACHINES)))

    async def retype(self, node: Node, kind: ua.NodeId) -> None:
        """Give a node another type definition, without what the type demands."""
        for reference in self.server.iserver.aspace[node.nodeid].references:
            if reference.ReferenceTypeId == ua.NodeId(ua.Int32(ObjectIds.HasTypeDefinition)):
                reference.NodeId = kind
        (parent,) = await node.get_references(direction=ua.BrowseDirection.Inverse)
        for reference in self.server.iserver.aspace[parent.NodeId].references:
            if reference.NodeId == node.nodeid:
                reference.TypeDefinition = kind
