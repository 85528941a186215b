"""What the client sends, when it sends it again, and how it follows operations and streams."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf.message import Message

from agent.client import NO_RETRY, AgentClient, Interruption, Retry, RpcFailed
from agent.errors import BadInput, Cancelled, DaemonUnreachable, Stale
from agent.pb.ofa_agent.v1 import config_pb2, control_pb2, orders_pb2, status_pb2, types_pb2
from tests.api.harness import run
from tests.support.scripted_daemon import HANGS, Answer, Fails, ScriptedDaemon, scripted

QUICK = Retry(first_delay_s=0.001, longest_delay_s=0.01)
AWAY = Fails(grpc.StatusCode.UNAVAILABLE)
STOPPING = Fails(grpc.StatusCode.UNAVAILABLE, "AGENT_STOPPING", retry_after_s=0.005)
STALE = Fails(grpc.StatusCode.ABORTED, "STALE_ETAG", "somebody was faster")


def exchange(
    folder: Path,
    daemon: ScriptedDaemon,
    story: Callable[[AgentClient], Awaitable[None]],
    timeout_s: float = 20.0,
    retry: Retry = QUICK,
) -> None:
    async def scenario() -> None:
        async with scripted(folder, daemon) as path, AgentClient(path, "plc", timeout_s, retry) as client:
            await story(client)

    run(scenario())


def budgets(*answers: Answer) -> ScriptedDaemon:
    return ScriptedDaemon({"SetBudget": [*answers]})


def ids(daemon: ScriptedDaemon) -> list[str]:
    return [request.request_id for request in daemon.requests("SetBudget", control_pb2.SetBudgetRequest)]


# -- requests that change something --------------------------------------------------------------------------------

DONE = control_pb2.SetBudgetResponse(etag="e-2")


def test_every_change_has_an_id_of_its_own_unless_it_is_given_one(tmp_path: Path) -> None:
    daemon, mine = budgets(DONE), str(uuid.uuid4())

    async def story(client: AgentClient) -> None:
        for request_id in (None, None, mine):
            await client.set_budget(max_latency_ms=5, request_id=request_id)

    exchange(tmp_path, daemon, story)
    assert [uuid.UUID(one).version for one in ids(daemon)] == [4, 4, 4]
    assert len(set(ids(daemon))) == 3
    assert ids(daemon)[2] == mine


@pytest.mark.parametrize("lost", [[AWAY], [STOPPING, AWAY], [Fails(grpc.StatusCode.DEADLINE_EXCEEDED)] * 4])
def test_a_change_that_may_have_been_lost_is_sent_again_with_its_id(tmp_path: Path, lost: list[Answer]) -> None:
    daemon = budgets(*lost, DONE)

    async def story(client: AgentClient) -> None:
        assert (await client.set_budget(max_latency_ms=5)).etag == "e-2"

    exchange(tmp_path, daemon, story)
    assert len(ids(daemon)) == len(lost) + 1
    assert len(set(ids(daemon))) == 1


def test_a_change_without_an_answer_in_time_is_sent_again_with_its_id(tmp_path: Path) -> None:
    daemon = budgets(HANGS, DONE)

    async def story(client: AgentClient) -> None:
        assert (await client.set_budget(max_latency_ms=5)).etag == "e-2"

    exchange(tmp_path, daemon, story, timeout_s=0.3)
    assert len(ids(daemon)) == 2
    assert len(set(ids(daemon))) == 1


def test_a_change_is_given_up_after_its_attempts_with_the_last_error(tmp_path: Path) -> None:
    daemon = budgets(AWAY, AWAY, STOPPING)

    async def story(client: AgentClient) -> None:
        with pytest.raises(RpcFailed) as caught:
            await client.set_budget(max_latency_ms=5)
        assert caught.value.reason == "AGENT_STOPPING"

    exchange(tmp_path, daemon, story, retry=Retry(3, 0.001, 0.01))
    assert len(ids(daemon)) == 3


def test_without_retries_a_change_is_sent_once(tmp_path: Path) -> None:
    daemon = budgets(AWAY, DONE)

    async def story(client: AgentClient) -> None:
        with pytest.raises(DaemonUnreachable):
            await client.set_budget(max_latency_ms=5)

    exchange(tmp_path, daemon, story, retry=NO_RETRY)
    assert ids(daemon) == [""]


@pytest.mark.parametrize("code", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION])
def test_what_another_try_cannot_mend_is_not_sent_again(tmp_path: Path, code: grpc.StatusCode) -> None:
    daemon = budgets(Fails(code), DONE)

    async def story(client: AgentClient) -> None:
        with pytest.raises(RpcFailed):
            await client.set_budget(max_latency_ms=5)

    exchange(tmp_path, daemon, story)
    assert len(ids(daemon)) == 1


def test_somebody_elses_change_meanwhile_is_an_error_of_its_own(tmp_path: Path) -> None:
    async def story(client: AgentClient) -> None:
        with pytest.raises(Stale, match="somebody was faster"):
            await client.set_budget(max_latency_ms=5, etag="e-1")

    exchange(tmp_path, budgets(STALE), story)


def test_a_question_is_asked_once(tmp_path: Path) -> None:
    daemon = ScriptedDaemon({"GetStatus": [AWAY, status_pb2.GetStatusResponse()]})

    async def story(client: AgentClient) -> None:
        with pytest.raises(DaemonUnreachable):
            await client.get_status()

    exchange(tmp_path, daemon, story)
    assert len(daemon.asked) == 1


def test_the_wait_doubles_up_to_a_bound_and_is_as_long_as_the_daemon_asks() -> None:
    retry, error = Retry(9, 0.2, 2.0), DaemonUnreachable("away")
    for sent, most_s in ((1, 0.2), (2, 0.4), (3, 0.8), (4, 1.6), (5, 2.0), (60, 2.0)):
        drawn = [retry.delay_s(sent, error) for _ in range(200)]
        assert most_s / 2 <= min(drawn) < max(drawn) <= most_s
    assert retry.delay_s(1, RpcFailed("UNAVAILABLE", "busy", retry_after_s=1.5)) == 1.5
    assert retry.delay_s(1, RpcFailed("UNAVAILABLE", "busy", retry_after_s=60.0)) == 2.0


def test_each_renewal_of_a_kept_lease_is_sent_once(tmp_path: Path) -> None:
    """The keeper has times of its own: a renewal that waits for its turn again and again would come too late."""
    daemon = ScriptedDaemon(
        {"SetBudget": [DONE], "RenewBudget": [AWAY], "ReleaseBudget": [control_pb2.ReleaseBudgetResponse()]}
    )

    async def story(client: AgentClient) -> None:
        async with client.keep_lease(max_latency_ms=5, ttl_s=0.3):
            while len(daemon.requests("RenewBudget", control_pb2.RenewBudgetRequest)) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0)

    exchange(tmp_path, daemon, story)
    renewals = daemon.requests("RenewBudget", control_pb2.RenewBudgetRequest)
    assert {one.request_id for one in renewals} == {""}, "each id would be a row in the agent's journal"


# -- what each method sends ------------------------------------------------------------------------------------------

Ask = Callable[[AgentClient], Awaitable[Message]]
_COMMON: dict[str, Any] = {"client": "plc", "camera": "station-1"}
_GROUP: dict[str, Any] = {"client": "plc", "group": "line-1"}
SENT: list[tuple[Ask, Message, type[Message]]] = [
    (
        lambda c: c.set_mode("manual", "station-1", etag="e"),
        orders_pb2.SetModeRequest(**_COMMON, etag="e", mode="MODE_MANUAL"),
        orders_pb2.SetModeResponse,
    ),
    (
        lambda c: c.set_mode("maintenance", group="line-1"),
        orders_pb2.SetModeRequest(**_GROUP, mode="MODE_MAINTENANCE"),
        orders_pb2.SetModeResponse,
    ),
    (
        lambda c: c.pin_subnet("net-2", "station-1", etag="e"),
        orders_pb2.PinSubnetRequest(**_COMMON, etag="e", subnet_id="net-2"),
        orders_pb2.PinSubnetResponse,
    ),
    (
        lambda c: c.unpin_subnet(group="line-1"),
        orders_pb2.UnpinSubnetRequest(**_GROUP),
        orders_pb2.UnpinSubnetResponse,
    ),
    (
        lambda c: c.rollback("station-1", etag="e"),
        orders_pb2.RollbackRequest(**_COMMON, etag="e"),
        orders_pb2.RollbackResponse,
    ),
    (
        lambda c: c.permit_swap("station-1", ttl_s=2.5, everyone=True, lift_only=True),
        orders_pb2.PermitSwapRequest(
            **_COMMON, ttl={"seconds": 2, "nanos": 500_000_000}, everyone=True, lift_only=True
        ),
        orders_pb2.PermitSwapResponse,
    ),
    (
        lambda c: c.inhibit_swap(group="line-1", ttl_s=60, why="recipe change"),
        orders_pb2.InhibitSwapRequest(**_GROUP, ttl={"seconds": 60}, why="recipe change"),
        orders_pb2.InhibitSwapResponse,
    ),
    (
        lambda c: c.inhibit_swap("station-1"),
        orders_pb2.InhibitSwapRequest(**_COMMON),
        orders_pb2.InhibitSwapResponse,
    ),
    (
        lambda c: c.set_budget("station-1", max_latency_ms=5, kind="local_override", etag="e"),
        control_pb2.SetBudgetRequest(
            **_COMMON,
            budget={"max_latency_ms": 5},
            kind="CLAIM_KIND_LOCAL_OVERRIDE",
            etag="e",
            allow_infeasible=True,
        ),
        control_pb2.SetBudgetResponse,
    ),
    (
        lambda c: c.set_budget(group="line-1", max_latency_ms=5, ttl_s=3),
        control_pb2.SetBudgetRequest(**_GROUP, budget={"max_latency_ms": 5}, ttl={"seconds": 3}, allow_infeasible=True),
        control_pb2.SetBudgetResponse,
    ),
    (
        lambda c: c.release_budget(group="line-1", announced_only=True),
        control_pb2.ReleaseBudgetRequest(**_GROUP, announced_only=True),
        control_pb2.ReleaseBudgetResponse,
    ),
    (
        lambda c: c.renew_budget("station-1", etag="e"),
        control_pb2.RenewBudgetRequest(**_COMMON, etag="e"),
        control_pb2.RenewBudgetResponse,
    ),
    (
        lambda c: c.reload_config(validate_only=True, client="anna"),
        config_pb2.ReloadConfigRequest(client="anna", validate_only=True),
        config_pb2.ReloadConfigResponse,
    ),
]


@pytest.mark.parametrize(("ask", "wanted", "answer"), SENT, ids=lambda value: getattr(type(value), "__name__", ""))
def test_each_method_sends_what_it_was_given(tmp_path: Path, ask: Ask, wanted: Message, answer: type[Message]) -> None:
    method = type(wanted).__name__.removesuffix("Request")
    daemon = ScriptedDaemon({method: [answer()]})

    async def story(client: AgentClient) -> None:
        assert isinstance(await ask(client), answer)

    exchange(tmp_path, daemon, story)
    (sent,) = daemon.requests(method, type(wanted))
    assert uuid.UUID(sent.request_id).version == 4  # type: ignore[attr-defined]
    sent.ClearField("request_id")
    assert sent == wanted


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.set_mode("automatic"),
        lambda c: c.set_budget(max_latency_ms=5, kind="boss"),
        lambda c: c.permit_swap(ttl_s=float("nan")),
    ],
)
def test_a_word_that_the_wire_does_not_have_is_refused_here(tmp_path: Path, ask: Ask) -> None:
    async def scenario() -> None:
        async with AgentClient(tmp_path / "none.sock") as client:
            with pytest.raises(BadInput):
                await ask(client)

    run(scenario())


# -- operations ------------------------------------------------------------------------------------------------------

NAME = "operations/4d9f"


def under_way() -> operations_pb2.Operation:
    made = operations_pb2.Operation(name=NAME)
    made.metadata.Pack(orders_pb2.SwapMetadata(camera="station-1", stage="SWAP_STAGE_UPLOADING", progress=0.4))
    return made


def ended_well() -> operations_pb2.Operation:
    made = operations_pb2.Operation(name=NAME, done=True)
    made.response.Pack(orders_pb2.SwapResult(swap=types_pb2.Swap(id="4d9f", to_subnet_id="net-2")))
    return made


def ended_badly(how: Fails) -> operations_pb2.Operation:
    return operations_pb2.Operation(name=NAME, done=True, error=how.status())


def waited(*answers: Answer) -> ScriptedDaemon:
    return ScriptedDaemon({"WaitOperation": [*answers]})


def test_a_swap_is_followed_to_its_end(tmp_path: Path) -> None:
    told: list[bool] = []

    async def story(client: AgentClient) -> None:
        swap = await client.wait_swap(under_way(), on_progress=lambda operation: told.append(operation.done))
        assert (swap.id, swap.to_subnet_id) == ("4d9f", "net-2")

    exchange(tmp_path, waited(under_way(), under_way(), ended_well()), story)
    assert told == [False, False, True]


def test_waiting_raises_what_the_operation_ended_with(tmp_path: Path) -> None:
    cancelled = Fails(grpc.StatusCode.CANCELLED, "CANCELLED", "plc cancelled it")

    async def story(client: AgentClient) -> None:
        with pytest.raises(Cancelled, match="plc cancelled it") as caught:
            await client.wait_swap(NAME)
        assert isinstance(caught.value, RpcFailed)
        assert caught.value.code == "CANCELLED"

    exchange(tmp_path, waited(under_way(), ended_badly(cancelled)), story)


def test_waiting_goes_on_while_the_daemon_is_away(tmp_path: Path) -> None:
    async def story(client: AgentClient) -> None:
        assert (await client.wait_operation(NAME)).done

    exchange(tmp_path, waited(under_way(), AWAY, STOPPING, AWAY, *[AWAY] * 6, under_way(), ended_well()), story)


def test_an_operation_that_goes_on_too_long_is_a_timeout_and_goes_on(tmp_path: Path) -> None:
    async def story(client: AgentClient) -> None:
        with pytest.raises(TimeoutError, match=r"operations/4d9f has not ended within 0\.05 s; it goes on"):
            await client.wait_operation(NAME, deadline_s=0.05)

    exchange(tmp_path, waited(under_way()), story)


def test_a_daemon_that_stays_away_is_told_at_the_deadline(tmp_path: Path) -> None:
    async def story(client: AgentClient) -> None:
        with pytest.raises(DaemonUnreachable):
            await client.wait_operation(NAME, deadline_s=0.05)

    exchange(tmp_path, waited(AWAY), story)


def test_an_operation_that_nobody_knows_is_told_at_once(tmp_path: Path) -> None:
    async def story(client: AgentClient) -> None:
        with pytest.raises(RpcFailed) as caught:
            await client.wait_operation(NAME)
        assert caught.value.reason == "OPERATION_NOT_FOUND"

    exchange(tmp_path, waited(Fails(grpc.StatusCode.NOT_FOUND, "OPERATION_NOT_FOUND")), story)


# -- streams ---------------------------------------------------------------------------------------------------------


def state(revision: int, epoch: str = "run-1") -> status_pb2.WatchStatusResponse:
    return status_pb2.WatchStatusResponse(
        revision=revision, epoch=epoch, status=types_pb2.CameraStatus(camera="station-1")
    )


def watched(tmp_path: Path, *streams: Sequence[Answer], states: int) -> tuple[ScriptedDaemon, list[int], int]:
    """What was seen until `states` states came, and how often the stream was said to be interrupted."""
    daemon, seen, told = ScriptedDaemon(streams={"WatchStatus": [*streams]}), list[int](), list[Interruption]()

    async def story(client: AgentClient) -> None:
        async with client.watch_status(on_interruption=told.append) as watch:
            async for message in watch:
                seen.append(message.revision)
                if len(seen) == states:
                    return

    exchange(tmp_path, daemon, story)
    return daemon, seen, len(told)


def places(daemon: ScriptedDaemon) -> list[tuple[str, int]]:
    requests = daemon.requests("WatchStatus", status_pb2.WatchStatusRequest)
    return [(one.resume_epoch, one.resume_revision) for one in requests]


def test_a_status_stream_goes_on_where_it_broke(tmp_path: Path) -> None:
    beat = status_pb2.WatchStatusResponse(revision=4, epoch="run-1", heartbeat=True)
    daemon, seen, interruptions = watched(tmp_path, [state(3), state(4), beat, AWAY], [state(5), HANGS], states=3)
    assert seen == [3, 4, 5]
    assert places(daemon) == [("", 0), ("run-1", 4)]
    assert interruptions == 1


def test_a_place_that_the_daemon_does_not_know_is_left_for_a_new_beginning(tmp_path: Path) -> None:
    unknown = Fails(grpc.StatusCode.OUT_OF_RANGE, "REVISION_UNKNOWN")
    streams = ([state(3), AWAY], [unknown], [state(1, "run-2"), HANGS])
    daemon, seen, interruptions = watched(tmp_path, *streams, states=2)
    assert seen == [3, 1]
    assert places(daemon) == [("", 0), ("run-1", 3), ("", 0)]
    assert interruptions == 1


def test_a_daemon_that_refuses_every_place_is_not_asked_for_ever(tmp_path: Path) -> None:
    unknown = Fails(grpc.StatusCode.OUT_OF_RANGE, "REVISION_UNKNOWN")
    with pytest.raises(RpcFailed):
        watched(tmp_path, [state(3), AWAY], [unknown], states=2)


def test_a_filter_of_results_is_sent(tmp_path: Path) -> None:
    result = status_pb2.WatchResultsResponse(result=types_pb2.InferenceResult(class_id=3))
    daemon = ScriptedDaemon(streams={"WatchResults": [[result, HANGS]]})

    async def story(client: AgentClient) -> None:
        wanted = client.watch_results(
            "station-1", 50, subnet_ids=["net-1"], class_ids=[3], labels=["scratch"], min_confidence=0.2, every_nth=7
        )
        async with wanted as watch:
            assert (await anext(watch)).result.class_id == 3

    exchange(tmp_path, daemon, story)
    (sent,) = daemon.requests("WatchResults", status_pb2.WatchResultsRequest)
    assert sent == status_pb2.WatchResultsRequest(
        camera="station-1",
        buffer=50,
        subnet_ids=["net-1"],
        class_ids=[3],
        labels=["scratch"],
        min_confidence=0.2,
        every_nth=7,
    )
