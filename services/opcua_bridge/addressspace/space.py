"""The address space: machines come and go, change, and those who watch them are told.

A machine is an id, a name, the plan of its shape, and the values that differ from the plan's.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace import modelchanges
from services.opcua_bridge.addressspace.folder import ORGANIZES
from services.opcua_bridge.addressspace.machine import Machine
from services.opcua_bridge.addressspace.modelchanges import ModelChange, Verb
from services.opcua_bridge.addressspace.plan import Plan
from services.opcua_bridge.addressspace.virtual import VirtualNodes
from services.opcua_bridge.addressspace.watching import VALUE, Callback, Watcher, Watchers, callback
from services.opcua_bridge.values import SharedValue
from voxtrude.printer import PrinterId

STANDS_ON: dict[str, str] = {
    "asyncua.server.address_space:AddressSpace.__init__": "5560020cb1d46492",
    "asyncua.server.address_space:AddressSpace.add_datachange_callback": "afb2b5eeec48d332",
    "asyncua.server.address_space:AddressSpace.delete_datachange_callback": "f1b970017dd74657",
}

_VERSION = f"/{modelchanges.NODE_VERSION}"


class Answer(NamedTuple):
    """A method's output arguments, which no bad code goes with (Part 4, 5.12.2)."""

    outputs: Sequence[ua.Variant]
    code: int = StatusCodes.Good


Handler = Callable[[PrinterId, Sequence[ua.Variant]], Answer]
"""What a method does; instead of an answer it may raise ``methods.Refused``."""


class MachineSpace(VirtualNodes):
    """The address space; everything that happens to it does so in one event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._watchers: dict[PrinterId, Watchers] = {}
        self._watched: dict[int, tuple[PrinterId, str, int]] = {}
        self._handlers: dict[str, Handler] = {}
        self._tasks: set[asyncio.Future[None]] = set()

    # What becomes of machines.

    def add(
        self, machine: PrinterId, name: str, plan: Plan, values: Mapping[str, SharedValue]
    ) -> list[ModelChange]:
        """Add a machine that is not there."""
        if machine in self._machines:
            raise ValueError(f"machine {machine} is there already")
        _check(plan, values)
        before = self._seen(machine)
        watchers = self._watchers.setdefault(machine, Watchers())
        reference = self._reference(machine, name, plan)
        handed = {**self._versions(plan), **values}
        self._machines[machine] = Machine(
            machine, self._namespace, plan, handed, watchers, reference
        )
        self.folder.add(reference)
        return self._came_or_went(machine, plan, before, (Verb.NODE_ADDED, Verb.REFERENCE_ADDED))

    def remove(self, machine: PrinterId) -> list[ModelChange]:
        """Take a machine away; who watches it is told, and told again should it come back."""
        before = self._seen(machine)
        gone = self._machines.pop(machine)
        self.folder.remove(gone.reference)
        verbs = Verb.NODE_DELETED, Verb.REFERENCE_DELETED
        changes = self._came_or_went(machine, gone.plan, before, verbs)
        self._forget(machine)
        return changes

    def change(
        self,
        machine: PrinterId,
        *,
        name: str | None = None,
        plan: Plan | None = None,
        values: Mapping[str, SharedValue] | None = None,
    ) -> list[ModelChange]:
        """Rename a machine, reshape it, write values; the others of nodes that stay are kept."""
        here = self._machines[machine]
        old, new = here.plan, plan or here.plan
        handed = dict(values or {})
        _check(new, handed)
        name = name or here.name
        if not modelchanges.same(old.machine, new.machine):
            return [*self.remove(machine), *self.add(machine, name, new, handed)]
        before = self._seen(machine)
        changes = []
        if new is not old:
            for path in modelchanges.vanished(old, new):
                here.values.pop(path, None)
            for node, verb in modelchanges.verbs(old, new):
                changes.append(
                    ModelChange(machine, self.node_id(machine, node.path), node.type, verb)
                )
                if verb & (Verb.REFERENCE_ADDED | Verb.REFERENCE_DELETED):
                    version = modelchanges.version_of(node.path)
                    handed[version] = self.folder.next_version()
            here.plan = new
        here.values |= handed
        if name != here.name:
            renamed = self._reference(machine, name, new)
            self.folder.replace(here.reference, renamed)
            here.reference = renamed
        self._tell(machine, before, handed)
        return changes

    def write(self, machine: PrinterId, values: Mapping[str, SharedValue]) -> None:
        """Write values by path, and tell who watches.

        Raises:
            KeyError: There is no such machine, or it has no such variable.
        """
        here = self._machines[machine]
        _check(here.plan, values)
        here.values |= values
        if here.watchers:
            tell = here.watchers.tell
            for path, value in values.items():
                tell(path, value)

    def put(self, node_id: ua.NodeId, value: ua.DataValue) -> None:
        """Write the value of an ordinary node, and tell who watches."""
        kept = self._nodes[node_id].attributes[AttributeIds.Value]
        kept.value = value
        for handle, call in tuple(kept.datachange_callbacks.items()):
            self._run(call(handle, value))

    def set_method(self, path: str, handler: Handler) -> None:
        """Let ``handler`` do what the method at ``path`` of any machine does."""
        self._handlers[path] = handler

    # Who watches.

    def watch(
        self, node_id: ua.NodeId, attribute: int, watcher: Watcher
    ) -> tuple[ua.StatusCode, int]:
        """Tell ``watcher`` what the attribute becomes; return a handle to end that with.

        A node that vanishes is told as BadNodeIdUnknown, once, and one that comes back by
        its value (Part 4, 5.13.1.1).
        """
        found = self._find(node_id)
        if found is None:
            return super().add_datachange_callback(node_id, attribute, callback(watcher))
        machine, node = found
        if not machine.has(node, attribute):
            return ua.StatusCode(ua.UInt32(StatusCodes.BadAttributeIdInvalid)), 0
        self._datachange_callback_counter += 1
        handle = self._datachange_callback_counter
        machine.watchers.add(node.path, attribute, handle, watcher)
        self._watched[handle] = (machine.id, node.path, attribute)
        return ua.StatusCode(), handle

    def unwatch(self, handle: int) -> None:
        """End what ``watch`` began; an unknown handle is none."""
        watched = self._watched.pop(handle, None)
        if watched is None:
            node_id, _ = self._handle_to_attribute_map.get(handle, (None, None))
            if node_id in self._nodes:
                super().delete_datachange_callback(handle)
            return
        machine, path, attribute = watched
        self._watchers[machine].discard(path, attribute, handle)
        self._forget(machine)

    def add_datachange_callback(
        self, nodeid: ua.NodeId, attr: int, callback: Callback
    ) -> tuple[ua.StatusCode, int]:
        """Do for asyncua's own services what ``watch`` does for ours."""
        if self._find(nodeid) is None:
            return super().add_datachange_callback(nodeid, attr, callback)
        status, handle = self.watch(nodeid, attr, lambda value: self._run(callback(handle, value)))
        return status, handle

    def delete_datachange_callback(self, handle: int) -> None:
        """Do for asyncua's own services what ``unwatch`` does for ours."""
        self.unwatch(handle)

    def handler(self, path: str) -> Handler | None:
        """Return what does the work of the machines' method at ``path``."""
        return self._handlers.get(path)

    # How that is done.

    def _reference(self, machine: PrinterId, name: str, plan: Plan) -> ua.ReferenceDescription:
        return ua.ReferenceDescription(
            ORGANIZES,
            True,  # noqa: FBT003  # asyncua's fields, in their order
            self.node_id(machine),
            ua.QualifiedName(name, self._namespace),
            ua.LocalizedText(name),
            plan.machine.node_class,
            plan.machine.type,
        )

    def _seen(self, machine: PrinterId) -> dict[tuple[str, int], ua.DataValue]:
        """Return what those who watch a machine see now."""
        watchers = self._watchers.get(machine, ())
        return {
            (path, attribute): self.read_attribute_value(self.node_id(machine, path), attribute)
            for path, attribute in watchers
        }

    def _tell(
        self,
        machine: PrinterId,
        before: Mapping[tuple[str, int], ua.DataValue],
        handed: Container[str],
    ) -> None:
        """Tell what differs from ``before``, and the values that were handed in."""
        if not before:
            return
        watchers = self._watchers[machine]
        for (path, attribute), value in self._seen(machine).items():
            was = before[path, attribute]
            written = attribute == VALUE and path in handed
            if written or (value is not was and value != was):
                watchers.tell_attribute(path, attribute, value)

    def _came_or_went(
        self,
        machine: PrinterId,
        plan: Plan,
        before: Mapping[tuple[str, int], ua.DataValue],
        verbs: tuple[Verb, Verb],
    ) -> list[ModelChange]:
        self.put(self.folder.version_id, self.folder.next_version())
        self._tell(machine, before, ())
        node, folder = verbs
        return [
            ModelChange(machine, self.node_id(machine), plan.machine.type, node),
            ModelChange(machine, self.folder.id, self.folder.type, folder),
        ]

    def _versions(self, plan: Plan) -> dict[str, SharedValue]:
        """Return NodeVersions for a machine that comes: what it was before, nobody knows."""
        version = self.folder.next_version()
        return {path: version for path in plan.nodes if path.endswith(_VERSION)}

    def _forget(self, machine: PrinterId) -> None:
        """Keep nothing of a machine that is not there and that nobody watches."""
        if machine not in self._machines and not self._watchers.get(machine):
            self._watchers.pop(machine, None)

    def _run(self, told: Awaitable[None]) -> None:
        """Let asyncua's coroutines run; what ours do is done."""
        if inspect.iscoroutine(told):
            task = asyncio.ensure_future(told)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _check(plan: Plan, values: Iterable[str]) -> None:
    """Check that all are paths of variables, which alone have values."""
    for path in values:
        if plan.nodes[path].value is None:
            raise KeyError(path)
