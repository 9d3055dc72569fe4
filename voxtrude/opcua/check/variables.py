"""Whether a variable's value is as its node says, and whether a client can use it. Pure."""

import re
from collections.abc import Iterator

from asyncua import ua

from voxtrude.opcua.check import types
from voxtrude.opcua.check.findings import Finding, bad, note
from voxtrude.opcua.check.tree import Instance, is_bad, text
from voxtrude.opcua.check.types import Types

UNECE = "http://www.opcfoundation.org/UA/units/un/cefact"
_CODE = re.compile(rb"[A-Z0-9]{2,3}")
_READ = 1  # AccessLevel, CurrentRead (Part 3, 8.57)
_LISTS = (list, tuple)


def findings(variable: Instance, types: Types, *, needed: bool) -> Iterator[Finding]:
    """Yield what is wrong; ``needed`` says that clients rely on the value being there."""
    path = variable.path
    if variable.access is not None and not variable.access & _READ:
        yield bad(path, "cannot be read by this user (AccessLevel without CurrentRead)")
        return
    if variable.data_type is None or variable.data_type.is_null():
        yield bad(path, "has no DataType")
        return
    given = variable.value
    if given is None or is_bad(given):
        status = given.StatusCode.name if given and given.StatusCode else "no answer"
        worse = bad if needed else note
        yield worse(path, f"has no value now ({status}); umati asks for a neutral value instead")
    elif given.Value is None or given.Value.Value is None:
        worse = bad if needed else note
        yield worse(path, "is null; umati asks for a neutral value instead")
    else:
        yield from _valued(variable, given.Value, types)


def _valued(variable: Instance, value: ua.Variant, types: Types) -> Iterator[Finding]:
    path = variable.path
    data_type = variable.data_type or ua.NodeId()
    carriers = types.carriers(data_type)
    if carriers is not None and value.VariantType not in carriers:
        yield bad(
            path,
            f"has a value of the type {value.VariantType.name}, "
            f"but its DataType is {types.called(data_type)}",
        )
        return
    yield from _ranked(variable, value)
    allowed = types.enumeration(data_type)
    given = value.Value if isinstance(value.Value, _LISTS) else [value.Value]
    strange = sorted({one for one in given if allowed and one not in allowed})
    if strange:
        yield bad(path, f"is {strange[0]}, which is no value of {types.called(data_type)}")
    if variable.name.text == "EngineeringUnits" and isinstance(value.Value, ua.EUInformation):
        yield from _unit(path, value.Value)
    if isinstance(value.Value, ua.Range) and value.Value.Low > value.Value.High:
        yield bad(path, f"is a range from {value.Value.Low:g} down to {value.Value.High:g}")


def _ranked(variable: Instance, value: ua.Variant) -> Iterator[Finding]:
    rank = variable.value_rank
    is_list = isinstance(value.Value, _LISTS)
    found = int(ua.ValueRank.Scalar)
    if is_list:
        found = len(value.Dimensions) if value.Dimensions else ua.ValueRank.OneDimension
    if not types.fits(found, rank):
        shown = "a list" if is_list else "a scalar"
        yield bad(variable.path, f"has {shown} as its value, but its ValueRank is {rank}")


def _unit(path: str, unit: ua.EUInformation) -> Iterator[Finding]:
    """Units have UNECE's code in the bytes of their number (Part 8, 5.6.4.3)."""
    shown = text(unit.DisplayName)
    if unit.NamespaceUri != UNECE:
        yield note(
            path,
            f"is from {unit.NamespaceUri or 'no namespace'} and not UNECE's: "
            "clients show its name at best",
        )
        return
    code = unit.UnitId.to_bytes(4, "big", signed=True).lstrip(b"\0")
    if not _CODE.fullmatch(code):
        yield bad(path, f"has the UnitId {unit.UnitId}, which is no UNECE code")
    if not shown:
        yield note(path, "has no DisplayName: clients show a number without its unit")
