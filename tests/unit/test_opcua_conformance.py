"""What a machine must have, computed from types made here: no server."""

from dataclasses import replace

import pytest
from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from voxtrude.opcua.check import conformance, umati
from voxtrude.opcua.check.findings import Severity
from voxtrude.opcua.check.tree import Instance
from voxtrude.opcua.check.types import Declaration, Name, Rule, Types, fits, numeric
from voxtrude.opcua.check.variables import UNECE

BASE, SUB, PART, SUBPART, SPECIAL = (numeric(number, 1) for number in range(1, 6))
MODE = numeric(6, 1)
PROPERTY = numeric(ObjectIds.PropertyType)
INT32, NUMBER, DOUBLE = (numeric(number) for number in (6, 26, 11))
UNIT = numeric(ObjectIds.EUInformation)


def variable(name: str, data_type: ua.NodeId = INT32, rule: Rule = Rule.MANDATORY) -> Declaration:
    return Declaration(
        name=Name(1, name),
        node_class=ua.NodeClass.Variable,
        rule=rule,
        type=PROPERTY,
        data_type=data_type,
        value_rank=ua.ValueRank.Scalar,
    )


def part(kind: ua.NodeId, rule: Rule, *children: Declaration, name: str = "Part") -> Declaration:
    return Declaration(
        name=Name(1, name),
        node_class=ua.NodeClass.Object,
        rule=rule,
        type=kind,
        children=children,
    )


@pytest.fixture
def types() -> Types:
    """BASE <- SUB; PART <- SUBPART; SUB overrides BASE's optional Part and adds to it."""
    names = {BASE: "BaseType", SUB: "SubType", PART: "PartType", SUBPART: "SubPartType"}
    return Types(
        namespaces=("http://opcfoundation.org/UA/", "urn:example"),
        names={
            **{node: Name(1, text) for node, text in names.items()},
            SPECIAL: Name(1, "SpecialType"),
            INT32: Name(0, "Int32"),
            DOUBLE: Name(0, "Double"),
            MODE: Name(1, "Mode"),
        },
        supertypes={
            SUB: BASE,
            SUBPART: PART,
            MODE: numeric(ObjectIds.Enumeration),
            INT32: numeric(27),
            numeric(27): NUMBER,
            DOUBLE: NUMBER,
            NUMBER: numeric(24),
        },
        declared={
            BASE: (variable("Serial"), part(PART, Rule.OPTIONAL)),
            SUB: (part(SUBPART, Rule.MANDATORY, variable("Extra")),),
            PART: (variable("Amount", NUMBER), variable("Mode", MODE, Rule.OPTIONAL)),
        },
        enumerations={MODE: frozenset({0, 1})},
    )


def value(given: object, kind: ua.VariantType) -> ua.DataValue:
    return ua.DataValue(ua.Variant(given, kind))


def found(
    path: str, data_type: ua.NodeId, given: object, kind: ua.VariantType = ua.VariantType.Int32
) -> Instance:
    return Instance(
        node_id=ua.NodeId(ua.String(path), ua.Int16(1)),
        name=Name(1, path.rpartition("/")[2]),
        path=path,
        node_class=ua.NodeClass.Variable,
        type=PROPERTY,
        data_type=data_type,
        value_rank=ua.ValueRank.Scalar,
        access=1,
        value=value(given, kind),
    )


def machine(*children: Instance, of_part: tuple[Instance, ...] | None = None) -> Instance:
    whole = Instance(
        node_id=ua.NodeId(ua.String("machine"), ua.Int16(1)),
        name=Name(1, "machine"),
        path="",
        node_class=ua.NodeClass.Object,
        type=SUB,
        children=list(children),
    )
    if of_part is not None:
        whole.children.append(
            Instance(
                node_id=ua.NodeId(ua.String("part"), ua.Int16(1)),
                name=Name(1, "Part"),
                path="Part",
                node_class=ua.NodeClass.Object,
                type=SUBPART,
                children=list(of_part),
            )
        )
    return whole


SERIAL = found("Serial", INT32, 1)
AMOUNT = found("Part/Amount", DOUBLE, 1.5, ua.VariantType.Double)
EXTRA = found("Part/Extra", INT32, 1)


def said(types: Types, instance: Instance) -> list[str]:
    return [str(finding) for finding in conformance.findings(instance, types)]


def test_a_whole_machine(types: Types) -> None:
    assert said(types, machine(SERIAL, of_part=(AMOUNT, EXTRA))) == []


def test_what_a_supertype_demands_is_missing(types: Types) -> None:
    assert said(types, machine(of_part=(AMOUNT, EXTRA))) == [
        "Serial: is missing: SubType demands it"
    ]


def test_an_override_makes_mandatory_what_was_optional(types: Types) -> None:
    assert said(types, machine(SERIAL)) == ["Part: is missing: SubType demands it"]


def test_a_part_owes_what_its_own_type_and_its_place_demand(types: Types) -> None:
    assert said(types, machine(SERIAL, of_part=())) == [
        "Part/Amount: is missing: SubPartType demands it",
        "Part/Extra: is missing: SubPartType demands it",
    ]


def test_a_supertype_where_the_override_demands_a_subtype(types: Types) -> None:
    whole = machine(SERIAL, of_part=(AMOUNT, EXTRA))
    whole.children[-1].type = PART
    assert "Part: is of the type PartType, but should be of SubPartType or a subtype" in said(
        types, whole
    )


def test_a_subtype_of_what_is_demanded_is_fine(types: Types) -> None:
    types.supertypes[SPECIAL] = SUBPART
    whole = machine(SERIAL, of_part=(AMOUNT, EXTRA))
    whole.children[-1].type = SPECIAL
    assert said(types, whole) == []


def test_a_mandatory_placeholder_wants_at_least_one(types: Types) -> None:
    types.declared[SUBPART] = (
        part(PART, Rule.MANDATORY_PLACEHOLDER, variable("Below"), name="<Slot>"),
    )
    whole = machine(SERIAL, of_part=(AMOUNT, EXTRA))
    assert said(types, whole) == ["Part: has no PartType: SubPartType demands at least one"]
    slot = replace(whole.children[-1], name=Name(1, "left"), path="Part/left", type=PART)
    slot.node_id = ua.NodeId(ua.String("left"), ua.Int16(1))
    slot.children = [replace(AMOUNT, path="Part/left/Amount")]
    whole.children[-1].children.append(slot)
    assert said(types, whole) == ["Part/left/Below: is missing: PartType demands it"]


def test_a_node_that_leads_back_to_its_parent_ends(types: Types) -> None:
    whole = machine(SERIAL, of_part=(AMOUNT, EXTRA))
    whole.children[-1].children.append(whole)
    assert said(types, whole) == []
    assert len(list(whole.walk())) == 5


@pytest.mark.parametrize(
    ("serial", "severity", "text"),
    [
        (
            replace(SERIAL, data_type=DOUBLE, value=value(1.0, ua.VariantType.Double)),
            Severity.BAD,
            "but should have Int32",
        ),
        (replace(SERIAL, value=value("1", ua.VariantType.String)), Severity.BAD, "type String"),
        (replace(SERIAL, value=value([1], ua.VariantType.Int32)), Severity.BAD, "a list"),
        (replace(SERIAL, value=value(None, ua.VariantType.Null)), Severity.BAD, "is null"),
        (replace(SERIAL, access=0), Severity.BAD, "cannot be read"),
        (replace(SERIAL, value_rank=1, value=value([1], ua.VariantType.Int32)), Severity.BAD, "1"),
        (replace(SERIAL, type_is_told=False), Severity.NOTE, "Browse does not tell its type"),
    ],
)
def test_a_variable_that_is_not_as_declared(
    types: Types, serial: Instance, severity: Severity, text: str
) -> None:
    findings = conformance.findings(machine(serial, of_part=(AMOUNT, EXTRA)), types)
    assert [(finding.severity, text in finding.text) for finding in findings] == [(severity, True)]


def test_a_null_that_nobody_relies_on_is_a_note(types: Types) -> None:
    extra = found("Own", INT32, None, ua.VariantType.Null)
    (finding,) = conformance.findings(machine(SERIAL, extra, of_part=(AMOUNT, EXTRA)), types)
    assert finding.severity is Severity.NOTE


def test_a_value_beyond_its_enumeration(types: Types) -> None:
    mode = found("Part/Mode", MODE, 7)
    whole = machine(SERIAL, of_part=(AMOUNT, EXTRA, mode))
    assert said(types, whole) == ["Part/Mode: is 7, which is no value of Mode"]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (ua.EUInformation(UNECE, 4408652, ua.LocalizedText("°C")), ""),
        (ua.EUInformation(UNECE, -1, ua.LocalizedText("°C")), "is no UNECE code"),
        (ua.EUInformation(UNECE, 4408652), "has no DisplayName"),
        (ua.EUInformation("urn:example", 1, ua.LocalizedText("°C")), "not UNECE's"),
    ],
)
def test_units(types: Types, unit: ua.EUInformation, expected: str) -> None:
    node = found("EngineeringUnits", UNIT, unit, ua.VariantType.ExtensionObject)
    types.supertypes[UNIT] = numeric(ObjectIds.Structure)
    findings = said(types, machine(SERIAL, node, of_part=(AMOUNT, EXTRA)))
    assert len(findings) == bool(expected)
    assert all(expected in line for line in findings)


@pytest.mark.parametrize(
    ("rank", "declared", "allowed"),
    [(-1, -1, True), (1, -1, False), (1, -2, True), (1, -3, True), (2, -3, False), (2, 0, True)],
)
def test_value_ranks(rank: int, declared: int, *, allowed: bool) -> None:
    assert fits(rank, declared) is allowed


def test_two_machines_with_one_uri() -> None:
    def named(uri: str) -> Instance:
        whole = machine()
        folder = replace(whole, name=Name(1, "Identification"), path="Identification", children=[])
        told = found("Identification/ProductInstanceUri", INT32, uri, ua.VariantType.String)
        folder.children.append(told)
        whole.children.append(folder)
        return whole

    machines = [named("urn:a"), named("urn:b"), named("urn:a"), named("")]
    assert [finding.text for finding in umati.together(machines)] == [
        "2 machines have the ProductInstanceUri urn:a, not one"
    ]
