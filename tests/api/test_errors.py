"""The error tree on the wire."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from agent import errors
from agent.api.errors import DOMAIN, LONGEST_MESSAGE, Rejected, code_of, to_status
from agent.api.reasons import MEANINGS
from agent.client import RpcFailed
from agent.errors import AgentError, BadInput, CameraError, CameraGone, tree
from agent.pb.ofa_agent.v1 import control_pb2, types_pb2
from tests.api.harness import run, serving
from tests.support.fake_control import FakeControl

SET_BUDGET = "/ofa_agent.v1.ControlService/SetBudget"
TREE = tuple(tree())
DETAILS = {
    "ErrorInfo": error_details_pb2.ErrorInfo,
    "BadRequest": error_details_pb2.BadRequest,
    "PreconditionFailure": error_details_pb2.PreconditionFailure,
    "RetryInfo": error_details_pb2.RetryInfo,
}


def an_error(kind: type[AgentError]) -> AgentError:
    if issubclass(kind, BadInput):
        return kind("budget.quantile", "2 is too much")
    return kind("line one\nline two")


def details(status: status_pb2.Status) -> dict[str, bytes]:
    return {detail.type_url.rpartition(".")[2]: detail.value for detail in status.details}


def test_every_error_of_the_tree_has_its_code_and_nothing_else_has_one() -> None:
    assert set(MEANINGS) == set(TREE)


def test_an_error_from_elsewhere_takes_the_code_of_its_nearest_ancestor() -> None:
    class Unplugged(CameraGone):
        """Not in the table."""

    assert code_of(Unplugged("gone")) is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_an_error_becomes_a_status_with_its_details(kind: type[AgentError]) -> None:
    status = to_status(an_error(kind), {"camera": "station-1"})
    found = details(status)
    info = error_details_pb2.ErrorInfo.FromString(found["ErrorInfo"])
    assert status.code == MEANINGS[kind].code.value[0] != 0
    assert "\n" not in status.message
    assert (info.reason, info.domain, dict(info.metadata)) == (kind.reason, DOMAIN, {"camera": "station-1"})
    assert ("BadRequest" in found) == issubclass(kind, BadInput)
    assert ("PreconditionFailure" in found) == (MEANINGS[kind].code is grpc.StatusCode.FAILED_PRECONDITION)
    assert ("RetryInfo" in found) == (MEANINGS[kind].code.name in {"UNAVAILABLE", "RESOURCE_EXHAUSTED"})


def test_the_vendors_code_is_kept() -> None:
    found = details(to_status(CameraError("stream lost", vendor_code=-1010), {}))
    assert error_details_pb2.ErrorInfo.FromString(found["ErrorInfo"]).metadata["vendor_code"] == "-1010"


def test_a_refusal_says_what_it_is_about() -> None:
    found = details(to_status(errors.Refused("mode is manual"), {"camera": "station-1"}))
    (violation,) = error_details_pb2.PreconditionFailure.FromString(found["PreconditionFailure"]).violations
    assert (violation.type, violation.subject, violation.description) == ("REFUSED", "station-1", "mode is manual")


def test_a_long_message_is_cut_to_what_a_trailer_holds() -> None:
    assert len(to_status(AgentError("x" * 100_000), {}).message) == LONGEST_MESSAGE


def test_every_error_reaches_the_client_as_it_was_raised(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[RpcFailed, type[AgentError]]]:
        found = []
        async with serving(tmp_path) as rig:
            for kind in TREE:
                rig.control.error = an_error(kind)
                with pytest.raises(RpcFailed) as caught:
                    await rig.client.set_budget("station-1", max_latency_ms=5)
                found.append((caught.value, kind))
        return found

    for error, kind in run(scenario()):
        assert isinstance(error, kind)
        assert (error.code, error.reason) == (MEANINGS[kind].code.name, kind.reason)
        assert error.metadata == {"camera": "station-1"}
        assert str(error) == " ".join(str(an_error(kind)).split())
        assert getattr(error, "field", "") == getattr(an_error(kind), "field", error.field)
        assert (error.retry_after_s == 1.0) == (MEANINGS[kind].code.name in {"UNAVAILABLE", "RESOURCE_EXHAUSTED"})


def test_an_unforeseen_error_is_logged_and_tells_the_client_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> grpc.aio.AioRpcError:
        async with serving(tmp_path, FakeControl(error=RuntimeError("secret /etc/path"))) as rig:
            request = control_pb2.SetBudgetRequest(budget=types_pb2.Budget(max_latency_ms=5))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await rig.call(SET_BUDGET, request, control_pb2.SetBudgetResponse.FromString)
            rig.control.error = None
            await rig.client.set_budget(max_latency_ms=5)
        return caught.value

    with caplog.at_level(logging.ERROR, "ofa_agent.api"):
        error = run(scenario())
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in f"{error.details()}{error.trailing_metadata()}"
    assert [record.message for record in caplog.records] == [
        "handler_failed method=ofa_agent.v1.ControlService.SetBudget"
    ]
    assert "secret" in caplog.text
    for record in caplog.records:
        record.exc_info = None  # its frames hold the server


def test_a_journal_that_cannot_be_written_is_worth_another_try(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path) as rig:
            rig.journal.broken = True
            with pytest.raises(RpcFailed) as caught:
                await rig.client.acknowledge_alarm(1)
        return caught.value

    error = run(scenario())
    assert (error.code, error.reason, error.retry_after_s) == ("UNAVAILABLE", "JOURNAL_UNAVAILABLE", 1.0)


def test_a_request_that_cannot_be_read_harms_nothing(tmp_path: Path) -> None:
    async def scenario() -> list[grpc.StatusCode]:
        found = []
        async with serving(tmp_path) as rig:
            for body in (b"\xff\xff\xff", b"\x1a" + b"\xff" * 20):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await rig.channel.unary_unary(SET_BUDGET, None, None)(body)
                found.append(caught.value.code())
            await rig.client.get_status()
        return found

    assert run(scenario()) == [grpc.StatusCode.INVALID_ARGUMENT] * 2


def test_a_request_beyond_the_size_limit_is_refused(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path) as rig:
            with pytest.raises(RpcFailed) as caught:
                await rig.client.get_status("x" * 300_000)
        return caught.value

    assert run(scenario()).code == "RESOURCE_EXHAUSTED"


def test_the_transports_own_refusals_carry_their_reason() -> None:
    status = to_status(Rejected("CAMERA_NOT_FOUND", "no such camera"), {})
    assert error_details_pb2.ErrorInfo.FromString(details(status)["ErrorInfo"]).reason == "CAMERA_NOT_FOUND"


def test_a_cancelled_call_is_not_taken_for_a_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        control = FakeControl(gate=asyncio.Event())
        async with serving(tmp_path, control) as rig:
            call = asyncio.ensure_future(rig.client.set_budget(max_latency_ms=5))
            await control.entered.wait()
            call.cancel()
            assert control.gate is not None
            control.gate.set()

    run(scenario())
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
