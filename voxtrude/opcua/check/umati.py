"""What umati clients ask of a machine beyond its types (umati Showcase; OPC 40001-1). Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator

from asyncua import ua

from voxtrude.opcua.check.findings import Finding, bad, note
from voxtrude.opcua.check.tree import MACHINERY, Instance, text
from voxtrude.opcua.check.types import Types

ADDITIVE = "http://opcfoundation.org/UA/AdditiveManufacturing/"
ADDITIVE_DRAFT = "http://opcfoundation.org/UA/AdditiveManufacturing/NodeSet2/"
_TYPES = "http://opcfoundation.org/UA/"
_IDENTIFICATIONS = ("MachineIdentificationType", "MachineryItemIdentificationType")

_SHOWN = {
    "Manufacturer": "the umati dashboard shows no manufacturer",
    "SerialNumber": "nobody can tell two machines of one model apart",
    "Model": "the umati dashboard shows no model",
    "Location": "the umati dashboard shows the machine at no place",
}
_UNITS = frozenset({"MMT", "MTR", "INH", "FOT", "KGM", "GRM", "LBR", "ONZ", "LTR", "MLT", "MTQ"})
_AM_UNITS = _UNITS | {"CMQ", "CEL", "FAH", "BAR"}


def machine(found: Instance, types: Types) -> Iterator[Finding]:
    """Yield what a umati client would miss of one machine."""
    if not isinstance(found.node_id.Identifier, str):
        yield note(
            "",
            "has no String as its NodeId: a gateway's configuration names machines by NodeId, "
            "and numbers are often given anew at each start",
        )
    if not found.notifies:
        yield note("", "is no source of events (EventNotifier)")
    yield from _type(found, types)
    yield from _identification(found, types)
    for instance in found.walk():
        if instance.name.text == "JobOrderList" and instance.plain():
            yield note(
                instance.path,
                "is filled: gateways of 2024 (Dashboard-OPCUA-Client) end when they read it",
            )
        if instance.type and types.descends(instance.type, ADDITIVE, "ProcessValueAMType"):
            yield from _process_value(instance)


def together(machines: Iterable[Instance]) -> Iterator[Finding]:
    """Yield what is wrong only when machines are compared."""
    uris = Counter(
        text(uri.plain())
        for found in machines
        if (uri := found.below("Identification", "ProductInstanceUri")) is not None
    )
    for named, count in uris.items():
        if named and count > 1:
            yield bad("", f"{count} machines have the ProductInstanceUri {named}, not one")


def identification(found: Instance) -> dict[str, str]:
    """Return what a machine says of itself, by browse name."""
    folder = found.below("Identification")
    if folder is None:
        return {}
    told = ((child.name.text, child.plain()) for child in folder.children if child.is_variable)
    return {
        name: text(value) if isinstance(value, str | ua.LocalizedText) else str(value)
        for name, value in told
        if value is not None
    }


def _type(found: Instance, types: Types) -> Iterator[Finding]:
    if found.type is None:
        return
    lineage = [types.names[one] for one in types.lineage(found.type) if one in types.names]
    uris = {types.uri(name) for name in lineage if name.namespace}
    if ADDITIVE_DRAFT in uris:
        yield note(
            "",
            f"is of the draft of Additive Manufacturing ({ADDITIVE_DRAFT}); the released "
            f"specification is {ADDITIVE}",
        )
    if not any(uri.startswith(_TYPES) for uri in uris):
        yield note(
            "", f"is a {types.called(found.type)}, of no companion specification: umati skips it"
        )


def _identification(found: Instance, types: Types) -> Iterator[Finding]:
    folder = found.below("Identification")
    if folder is None:
        yield bad("Identification", "is missing: umati clients do not take it for a machine")
        return
    if folder.type and not types.descends(folder.type, MACHINERY, *_IDENTIFICATIONS):
        yield bad(
            folder.path,
            f"is a {types.called(folder.type)}, which does not come from {_IDENTIFICATIONS[0]}: "
            "umati clients do not take it for a machine",
        )
    children = {child.name.text: child for child in folder.children if child.is_variable}
    for name, consequence in _SHOWN.items():
        child = children.get(name)
        if child is None or is_empty(child):
            state = "is missing" if child is None else "is empty"
            yield note(f"{folder.path}/{name}", f"{state}: {consequence}")
    uri = children.get("ProductInstanceUri")
    if uri is not None and is_empty(uri):
        yield bad(uri.path, "is empty, but it is what names the machine in all the world")
    for child in children.values():
        status = child.value.StatusCode if child.value is not None else None
        if status is not None and status.is_uncertain():
            yield note(child.path, f"is {status.name}: what a machine is does not become uncertain")


def is_empty(variable: Instance) -> bool:
    """Tell whether a text is there, and says nothing."""
    value = variable.plain()
    return isinstance(value, str | ua.LocalizedText) and not text(value).strip()


def _process_value(instance: Instance) -> Iterator[Finding]:
    """OPC 40540, Table 12 lists the units of a process value."""
    unit = instance.below("AnalogSignal", "EngineeringUnits")
    value = unit.plain() if unit is not None else None
    if unit is None or not isinstance(value, ua.EUInformation) or value.UnitId < 0:
        return
    code = value.UnitId.to_bytes(4, "big").lstrip(b"\0").decode("latin-1")
    if code not in _AM_UNITS:
        yield note(
            unit.path, f"is {text(value.DisplayName) or code}, a unit that OPC 40540 does not list"
        )
