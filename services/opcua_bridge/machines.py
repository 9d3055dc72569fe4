"""The machines: each printer's latest state, as it stands in the address space.

A state is written in full each time it comes; what has not changed since is not written.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.modelchanges import ModelChange
from services.opcua_bridge.addressspace.plan import Plan
from services.opcua_bridge.addressspace.space import Answer, MachineSpace
from services.opcua_bridge.events.reporter import Reporter
from services.opcua_bridge.mapping import jobs
from services.opcua_bridge.mapping.nodes import Data, Node, Reading
from services.opcua_bridge.mapping.readings import readings
from services.opcua_bridge.mapping.situation import Pipeline, Situation
from services.opcua_bridge.mapping.template import Shape, shape, template
from services.opcua_bridge.model.catalog import Catalog
from services.opcua_bridge.model.encoding import Encoder
from services.opcua_bridge.values import SharedValue
from voxtrude.documents import MachineDocument, PrinterDocument
from voxtrude.feed import News
from voxtrude.opcua.scope import Scope
from voxtrude.printer import PrinterId
from voxtrude.process import utc_now

KNOWN_FORMS = 256  # a quarter of a megabyte each, and milliseconds to make
AT_ONCE = 32  # machines written before clients have a turn


@dataclass(frozen=True, slots=True)
class _Form:
    """A shape with what follows from it."""

    nodes: tuple[Node, ...]
    data: dict[str, Data]
    plan: Plan


@dataclass(slots=True)
class _Machine:
    """What stands in the address space of one machine."""

    situation: Situation
    form: _Form
    readings: dict[str, Reading]


class Machines:
    """Writes what is told into the address space, and has what happened reported.

    ``review`` asks the subscriptions anew who may know of a machine that comes.
    """

    def __init__(
        self,
        space: MachineSpace,
        catalog: Catalog,
        reporter: Reporter,
        review: Callable[[PrinterId], None],
        *,
        job_orders: bool,
    ) -> None:
        self._space = space
        self._catalog = catalog
        self._encoder = Encoder(catalog)
        self._reporter = reporter
        self._review = review
        self._job_orders = job_orders
        self._forms: dict[Shape, _Form] = {}
        self._machines: dict[PrinterId, _Machine] = {}
        self._unconfirmed: set[PrinterId] = set()
        self._leaving: dict[PrinterId, MachineDocument] = {}
        self._pipeline = Pipeline.GONE
        self._since = utc_now()
        space.set_method(jobs.BY_ID, self._answer_by_id)
        space.set_method(jobs.BY_STATE, self._answer_by_state)

    # What others ask ----------------------------------------------------------------------

    @property
    def pipeline(self) -> Pipeline:
        """Whether states reach us."""
        return self._pipeline

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._machines)

    @property
    def situations(self) -> Iterator[Situation]:
        """Every machine's."""
        return (machine.situation for machine in self._machines.values())

    def admission(self, scope: Scope) -> Callable[[PrinterId], bool]:
        """Return what tells whether a machine is in ``scope``, asked anew each time."""

        def admits(printer: PrinterId) -> bool:
            machine = self._machines.get(printer)
            # Who may see a machine may also hear that it has gone.
            plate = machine.situation.document.printer if machine else self._leaving.get(printer)
            return plate is not None and scope.admits(plate)

        return admits

    # What is told -------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin to listen anew: who is not told of again is gone."""
        self._unconfirmed = set(self._machines)

    async def use(self, news: News) -> None:
        """Write what a burst of messages says."""
        changes: list[ModelChange] = []
        for index, (printer, document) in enumerate(news.states.items()):
            self._unconfirmed.discard(printer)
            changes += self._put(document) if document else self._remove(printer)
            if index % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
        if news.complete:
            for index, printer in enumerate(sorted(self._unconfirmed)):
                changes += self._remove(printer)
                if index % AT_ONCE == AT_ONCE - 1:
                    await asyncio.sleep(0)
            self._unconfirmed = set()
        if changes:
            self._reporter.model(changes)
        self._leaving.clear()
        for event in news.events:
            self._reporter.told(event)

    async def hear(self, pipeline: Pipeline) -> None:
        """Note whether states reach us, on every machine."""
        if pipeline is self._pipeline:
            return
        self._pipeline, self._since = pipeline, utc_now()
        for index, printer in enumerate(list(self._machines)):
            if printer in self._machines:
                self._put(self._machines[printer].situation.document)
            if index % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)

    def _put(self, document: PrinterDocument) -> list[ModelChange]:
        printer = PrinterId(document.printer.id)
        situation = Situation(document, self._pipeline, self._since)
        known = self._machines.get(printer)
        if known and known.situation.document.printer.mes_ids != document.printer.mes_ids:
            # Whoever may no longer see it must see it go, and others see it come.
            self._reporter.model(self._remove(printer))
            del self._leaving[printer]
            known = None
        form = self._form(shape(document))
        now = readings(form.nodes, situation)
        before = known.readings if known else {}
        told = utc_now()
        values = {
            path: self._encoder.value(form.data[path], reading, told)
            for path, reading in now.items()
            if before.get(path) != reading
        }
        self._machines[printer] = _Machine(situation, form, now)
        if known is None:
            self._review(printer)  # before it is there: who may not see it must not be told
            came = self._space.add(printer, document.printer.name, form.plan, values)
            self._review(printer)  # and who may see it now finds it
            return came
        changes = self._update(known, document, form.plan, values)
        self._reporter.changed(known.situation, situation)
        return changes

    def _update(
        self,
        known: _Machine,
        document: PrinterDocument,
        plan: Plan,
        values: dict[str, SharedValue],
    ) -> list[ModelChange]:
        printer, name = PrinterId(document.printer.id), document.printer.name
        renamed = name if name != known.situation.document.printer.name else None
        if renamed is None and plan is known.form.plan:
            if values:
                self._space.write(printer, values)
            return []
        return self._space.change(printer, name=renamed, plan=plan, values=values)

    def _remove(self, printer: PrinterId) -> list[ModelChange]:
        gone = self._machines.pop(printer, None)
        if gone is None:
            return []
        self._leaving[printer] = gone.situation.document.printer
        return self._space.remove(printer)

    def _form(self, wanted: Shape) -> _Form:
        form = self._forms.get(wanted)
        if form is None:
            nodes = template(wanted, fill_job_orders=self._job_orders)
            data = {node.path: node.data for node in nodes if node.data is not None}
            plan = Plan.of(nodes, self._catalog, self._encoder)
            form = self._forms[wanted] = _Form(nodes, data, plan)
            if len(self._forms) > KNOWN_FORMS:
                del self._forms[next(iter(self._forms))]  # machines keep theirs
        return form

    # What is asked by a method --------------------------------------------------------------

    def _answer_by_id(self, printer: PrinterId, arguments: Sequence[ua.Variant]) -> Answer:
        situation = self._machines[printer].situation
        response, status = jobs.job_response(situation, str(arguments[0].Value))
        return _answer(self._encoder.job_response(response), status)

    def _answer_by_state(self, printer: PrinterId, arguments: Sequence[ua.Variant]) -> Answer:
        states: Iterable[object] = arguments[0].Value or ()
        numbers = [getattr(state, "StateNumber", -1) for state in states]
        responses, status = jobs.job_responses(
            self._machines[printer].situation, numbers[0] if len(numbers) == 1 else -1
        )
        return _answer(self._encoder.job_responses(responses), status)


def _answer(result: ua.Variant, status: jobs.Return) -> Answer:
    """Return what a method of OPC 10031-4 answers: uncertain where it failed (B.2)."""
    told = ua.Variant(int(status.value), ua.VariantType.UInt64)
    good = status is jobs.Return.OK
    return Answer((result, told), StatusCodes.Good if good else StatusCodes.Uncertain)
