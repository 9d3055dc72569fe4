"""Compares a machine with its types. Pure: no server here."""

from collections.abc import Iterator

from asyncua import ua

from voxtrude.opcua.check import types as typing
from voxtrude.opcua.check import variables
from voxtrude.opcua.check.findings import Finding, bad, note
from voxtrude.opcua.check.tree import Instance
from voxtrude.opcua.check.types import Declaration, Rule, Types


def findings(machine: Instance, types: Types) -> list[Finding]:
    """Return what is wrong with a machine's nodes, its own first."""
    return list(dict.fromkeys(_Comparison(types).node(machine, (), needed=True)))


class _Comparison:
    """One walk through a machine; a node that is reached twice is compared for each parent."""

    def __init__(self, types: Types) -> None:
        self._types = types
        self._seen: set[tuple[ua.NodeId, ua.NodeId]] = set()

    def node(
        self, instance: Instance, demanded: tuple[Declaration, ...], *, needed: bool
    ) -> Iterator[Finding]:
        """Compare a node; ``demanded`` is what its parent's type declares below it."""
        if instance.is_variable:
            yield from variables.findings(instance, self._types, needed=needed)
        if instance.type is not None and not instance.type_is_told:
            yield note(instance.path, "Browse does not tell its type; some clients need that")
        own = self._types.declarations(instance.type) if instance.type is not None else ()
        declared = self._types.merged(own, demanded)
        if instance.type is None and instance.node_class is not ua.NodeClass.Method:
            yield bad(instance.path, "has no type")
        for declaration in declared:
            if declaration.is_placeholder:
                yield from self._placeholder(instance, declaration)
            else:
                yield from self._declared(instance, declaration)
        is_identification = instance.name.text == "Identification"
        by_name = {one.name: one for one in declared if not one.is_placeholder}
        for child in instance.children:
            edge = (instance.node_id, child.node_id)
            if edge in self._seen:
                continue
            self._seen.add(edge)
            if child.name.text.startswith("<"):
                yield bad(child.path, "has the name of a placeholder instead of one of its own")
            known = by_name.get(child.name)
            if known is None:
                known = self._standing_for(child, declared)
            yield from self.node(
                child,
                known.children if known else (),
                needed=is_identification or (known is not None and known.is_mandatory),
            )

    def _declared(self, parent: Instance, declaration: Declaration) -> Iterator[Finding]:
        path = f"{parent.path}/{declaration.name.text}".lstrip("/")
        children = [child for child in parent.children if child.name == declaration.name]
        if not children and declaration.is_mandatory:
            yield bad(path, f"is missing: {self._types.called(parent.type)} demands it")
            for child in parent.children:
                if child.name.text == declaration.name.text:
                    yield note(
                        path,
                        f"there is one in {self._types.uri(child.name)}, but the type's is "
                        f"in {self._types.uri(declaration.name)}",
                    )
        if len(children) > 1:
            yield bad(path, f"is there {len(children)} times: no path leads to one of them")
        for child in children:
            yield from self._as_declared(child, declaration)

    def _as_declared(self, child: Instance, declaration: Declaration) -> Iterator[Finding]:
        types = self._types
        if child.node_class is not declaration.node_class:
            yield bad(
                child.path,
                f"is a {child.node_class.name}, but should be a {declaration.node_class.name}",
            )
            return
        if child.type and declaration.type and not types.is_a(child.type, declaration.type):
            yield bad(
                child.path,
                f"is of the type {types.called(child.type)}, "
                f"but should be of {types.called(declaration.type)} or a subtype",
            )
        if (
            child.data_type is not None
            and declaration.data_type is not None
            and not child.data_type.is_null()
            and not types.is_a(child.data_type, declaration.data_type)
        ):
            yield bad(
                child.path,
                f"has the DataType {types.called(child.data_type)}, "
                f"but should have {types.called(declaration.data_type)} or a subtype",
            )
        if child.value_rank is not None and not typing.fits(
            child.value_rank, declaration.value_rank
        ):
            yield bad(
                child.path,
                f"has the ValueRank {child.value_rank}, but should have {declaration.value_rank}",
            )
        if declaration.notifies and not child.notifies:
            yield bad(child.path, "is no source of events (EventNotifier), as its type has it")

    def _placeholder(self, parent: Instance, declaration: Declaration) -> Iterator[Finding]:
        if declaration.rule is Rule.MANDATORY_PLACEHOLDER and not any(
            self._stands_for(child, declaration) for child in parent.children
        ):
            yield bad(
                parent.path,
                f"has no {self._types.called(declaration.type)}: "
                f"{self._types.called(parent.type)} demands at least one",
            )

    def _standing_for(
        self, child: Instance, declared: tuple[Declaration, ...]
    ) -> Declaration | None:
        return next(
            (one for one in declared if one.is_placeholder and self._stands_for(child, one)), None
        )

    def _stands_for(self, child: Instance, declaration: Declaration) -> bool:
        return child.node_class is declaration.node_class and (
            declaration.type is None
            or (child.type is not None and self._types.is_a(child.type, declaration.type))
        )
