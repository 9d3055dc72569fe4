from collections.abc import Iterator, Sequence

import pytest
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from services.opcua_bridge.addressspace.methods import Methods, Refused
from services.opcua_bridge.addressspace.space import Answer, MachineSpace
from services.opcua_bridge.addressspace.views import Views
from services.opcua_bridge.limits import Limits
from services.opcua_bridge.mapping.nodes import Kind, Node
from tests.opcua_machines import NODES, A, B, furnished, ours, own, plan, standard
from voxtrude.printer import PrinterId

JOB = ua.Variant("job-1", ua.VariantType.String)
SHARE = ua.Variant(0.5, ua.VariantType.Double)


def answer(machine: PrinterId, arguments: Sequence[ua.Variant]) -> Answer:
    if arguments[0].Value == "unknown":
        raise Refused(StatusCodes.BadNotFound)
    code = StatusCodes.Uncertain if arguments[0].Value == "doubtful" else StatusCodes.Good
    said = ua.Variant(f"{machine} {arguments[0].Value}", ua.VariantType.String)
    return Answer((said,), code)


@pytest.fixture(scope="module")
def space() -> MachineSpace:
    made = furnished()
    made.add(A, "Prusa", plan(), {})
    made.add(B, "Voron", plan(), {})
    made.set_method("Jobs/Ask", answer)
    return made


@pytest.fixture(scope="module")
def methods(space: MachineSpace) -> Iterator[Methods]:
    made = Methods(space, Views(space, Limits()), Limits(calls=2))
    yield made
    made.stop()


async def called(
    methods: Methods, on: str, method: str, *arguments: ua.Variant
) -> ua.CallMethodResult:
    request = ua.CallMethodRequest(ours(on), ours(method), list(arguments))
    (result,) = await methods.call([request], lambda machine: machine == A)
    return result


async def test_a_machine_answers(methods: Methods) -> None:
    result = await called(methods, "prn-a/Jobs", "prn-a/Jobs/Ask", JOB, SHARE)
    result.StatusCode.check()
    assert [one.Value for one in result.OutputArguments] == ["prn-a job-1"]
    assert all(one.is_good() for one in result.InputArgumentResults)


async def test_an_answer_may_be_uncertain(methods: Methods) -> None:
    doubtful = ua.Variant("doubtful", ua.VariantType.String)
    result = await called(methods, "prn-a/Jobs", "prn-a/Jobs/Ask", doubtful, SHARE)
    assert result.StatusCode.value == StatusCodes.Uncertain
    assert [one.Value for one in result.OutputArguments] == ["prn-a doubtful"]


async def test_an_answer_may_be_a_code(methods: Methods) -> None:
    unknown = ua.Variant("unknown", ua.VariantType.String)
    result = await called(methods, "prn-a/Jobs", "prn-a/Jobs/Ask", unknown, SHARE)
    assert result.StatusCode.value == StatusCodes.BadNotFound


@pytest.mark.parametrize(
    ("on", "method", "arguments", "code"),
    [
        ("prn-x", "prn-a/Jobs/Ask", [JOB, SHARE], StatusCodes.BadNodeIdUnknown),
        ("prn-b/Jobs", "prn-b/Jobs/Ask", [JOB, SHARE], StatusCodes.BadNodeIdUnknown),
        ("prn-a/Jobs", "prn-b/Jobs/Ask", [JOB, SHARE], StatusCodes.BadMethodInvalid),
        ("prn-a/Bed", "prn-a/Jobs/Ask", [JOB, SHARE], StatusCodes.BadMethodInvalid),
        ("prn-a/Jobs", "prn-a/Jobs/Names", [], StatusCodes.BadMethodInvalid),
        ("prn-a/Jobs", "prn-a/Jobs/Ask", [JOB], StatusCodes.BadArgumentsMissing),
        ("prn-a/Jobs", "prn-a/Jobs/Ask", [JOB] * 3, StatusCodes.BadTooManyArguments),
        ("prn-a/Jobs", "prn-a/Jobs/Ask", [SHARE, SHARE], StatusCodes.BadInvalidArgument),
    ],
)
async def test_what_cannot_be_called(
    methods: Methods, on: str, method: str, arguments: list[ua.Variant], code: int
) -> None:
    result = await called(methods, on, method, *arguments)
    assert result.StatusCode.value == code


@pytest.mark.parametrize(
    ("job", "share", "fits"),
    [
        (JOB, ua.Variant(1, ua.VariantType.Byte), [True, True]),  # Byte is a Number
        (JOB, JOB, [True, False]),
        (ua.Variant(1, ua.VariantType.Int32), SHARE, [False, True]),
        (ua.Variant(["a"], ua.VariantType.String), SHARE, [False, True]),
    ],
)
async def test_arguments_are_of_their_type(
    methods: Methods, job: ua.Variant, share: ua.Variant, fits: list[bool]
) -> None:
    result = await called(methods, "prn-a/Jobs", "prn-a/Jobs/Ask", job, share)
    assert [one.is_good() for one in result.InputArgumentResults] == fits
    bad = {one.value for one in result.InputArgumentResults if not one.is_good()}
    assert bad <= {StatusCodes.BadTypeMismatch}


async def test_the_method_of_the_type_means_the_objects() -> None:
    file = Node(path="File", name=own("File"), kind=Kind.OBJECT, type=standard("FileType"))
    close = Node(path="File/Close", name=standard("Close"), kind=Kind.METHOD)
    space = furnished()
    space.add(A, "Prusa", plan(*NODES, file, close), {})
    space.set_method("File/Close", lambda machine, _: Answer((ua.Variant(machine),)))
    own_methods = Methods(space, Views(space, Limits()), Limits())
    of_type = ua.NodeId(ua.Int32(ObjectIds.FileType_Close))
    for on, code in (("prn-a/File", 0), ("prn-a/Jobs", StatusCodes.BadMethodInvalid)):
        (result,) = await own_methods.call([ua.CallMethodRequest(ours(on), of_type)])
        assert result.StatusCode.value == code
    own_methods.stop()


async def test_nobody_answers() -> None:
    silent = furnished()
    silent.add(A, "Prusa", plan(), {})
    methods = Methods(silent, Views(silent, Limits()), Limits())
    result = await called(methods, "prn-a/Jobs", "prn-a/Jobs/Ask", JOB, SHARE)
    assert result.StatusCode.value == StatusCodes.BadNotImplemented
    server, ordinary = ObjectIds.Server, ObjectIds.Server_GetMonitoredItems
    request = ua.CallMethodRequest(ua.NodeId(ua.Int32(server)), ua.NodeId(ua.Int32(ordinary)))
    (result,) = await methods.call([request])
    assert result.StatusCode.value == StatusCodes.BadNotImplemented


async def test_ordinary_methods_are_asyncuas(methods: Methods) -> None:
    async def ordinary(_parent: ua.NodeId, subscription: ua.Variant) -> list[ua.Variant]:
        return [subscription]

    fresh = furnished()
    fresh.add_method_callback(ua.NodeId(ua.Int32(ObjectIds.Server_GetMonitoredItems)), ordinary)
    on, method = (
        ua.NodeId(ua.Int32(ObjectIds.Server)),
        ua.NodeId(ua.Int32(ObjectIds.Server_GetMonitoredItems)),
    )
    own = Methods(fresh, Views(fresh, Limits()), Limits())
    (result,) = await own.call([ua.CallMethodRequest(on, method, [SHARE])])
    own.stop()
    assert result.OutputArguments == [SHARE]
    for requests, code in (
        ([], StatusCodes.BadNothingToDo),
        ([ua.CallMethodRequest(on, method)] * 3, StatusCodes.BadTooManyOperations),
    ):
        with pytest.raises(ServiceError) as refused:
            await methods.call(requests)
        assert refused.value.code == code
