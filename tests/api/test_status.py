"""StatusService over a real socket."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from agent.client import RpcFailed
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.journal import SwapOutcome, SwapRecord
from agent.domain.states import CameraState
from agent.pb.ofa_agent.v1 import status_pb2, types_pb2
from tests.api.harness import CALM, QUICK, Rig, run, serving, until
from tests.support.alarms import clear_alarm, raise_alarm
from tests.support.fake_control import SNAPSHOT, FakeControl, a_result

WATCH_STATUS = "/ofa_agent.v1.StatusService/WatchStatus"
WATCH_RESULTS = "/ofa_agent.v1.StatusService/WatchResults"


def two() -> tuple[FakeControl, FakeControl]:
    return FakeControl("station-2"), FakeControl("station-1")


def test_the_status_of_a_camera_is_complete(tmp_path: Path) -> None:
    async def scenario() -> types_pb2.CameraStatus:
        async with serving(tmp_path) as rig:
            rig.control.change(claims=(Claim("c1", "plc", "station-1", ClaimKind.LEASE, Budget(50.0), 2.0, 1),))
            (status,) = (await rig.client.get_status()).cameras
        return status

    status = run(scenario())
    empty = [field.name for field in status.DESCRIPTOR.fields if not getattr(status, field.name)]
    assert empty == []
    assert (status.camera, status.revision, status.generation) == ("station-1", 2, 3)
    assert status.state == types_pb2.CAMERA_STATE_ACTIVE
    assert list(status.degraded) == ["throttled"]
    assert status.health.counts.repeated_results == 5
    assert status.swap.started_at.ToNanoseconds() == 1_700_000_000_500_000_000
    assert status.swap.expected_gap.ToTimedelta().total_seconds() == 1.5
    assert status.claims[0].ttl.seconds == 2
    assert status.claims[0].HasField("remaining")
    assert status.claims[0].remaining.ToNanoseconds() == 0
    assert [candidate.feasible for candidate in status.decision.candidates] == [True, False]


def test_what_a_camera_does_not_tell_is_not_set(tmp_path: Path) -> None:
    async def scenario() -> types_pb2.CameraStatus:
        async with serving(tmp_path) as rig:
            rig.control.change(
                state=CameraState.CONNECTING, info=None, active_subnet=None, generation=None, verified=False,
                decision=None, latency=None, load=None, swap=None, health=None, coming=None,
            )  # fmt: skip
            (status,) = (await rig.client.get_status("station-1")).cameras
        return status

    status = run(scenario())
    absent = ["info", "active_subnet_id", "generation", "decision", "latency", "load", "swap", "health", "coming_swap"]
    assert not [name for name in absent if status.HasField(name)]


def test_without_a_name_the_status_of_all_cameras_is_told_in_order(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with serving(tmp_path, *two()) as rig:
            return [status.camera for status in (await rig.client.get_status()).cameras]

    assert run(scenario()) == ["station-1", "station-2"]


def test_a_camera_must_be_named_where_there_are_several(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path, *two()) as rig:
            with pytest.raises(RpcFailed) as caught:
                await rig.client.list_subnets()
        return caught.value

    error = run(scenario())
    assert error.code == "INVALID_ARGUMENT"
    assert [violation.field for violation in error.violations] == ["camera"]
    assert "station-1, station-2" in error.message


def test_an_unknown_camera_is_not_found_by_any_call(tmp_path: Path) -> None:
    async def scenario() -> list[RpcFailed]:
        async with serving(tmp_path) as rig:
            client = rig.client
            calls = [client.get_status("x"), client.list_subnets("x"), client.get_subnet("w1-big", "x")]
            calls += [client.explain("x"), client.list_swaps("x"), client.list_alarms("x")]
            calls += [client.set_budget("x", max_latency_ms=5), client.renew_budget("x"), client.release_budget("x")]
            calls += [anext(client.watch_status("x")), anext(client.watch_results("x"))]
            found = await asyncio.gather(*calls, return_exceptions=True)
        return [error for error in found if isinstance(error, RpcFailed)]

    errors = run(scenario())
    assert [(error.code, error.reason) for error in errors] == [("NOT_FOUND", "CAMERA_NOT_FOUND")] * 11
    assert all(error.metadata == {"camera": "x"} for error in errors)


def test_subnets_come_with_their_library(tmp_path: Path) -> None:
    async def scenario() -> tuple[status_pb2.ListSubnetsResponse, status_pb2.GetSubnetResponse]:
        async with serving(tmp_path) as rig:
            return await rig.client.list_subnets(), await rig.client.get_subnet("w1-huge")

    listed, one = run(scenario())
    assert (listed.library.name, listed.library.version, list(listed.library.labels)) == ("line", 7, ["good", "bad"])
    assert [(subnet.id, subnet.active) for subnet in listed.subnets] == [("w1-big", True), ("w1-huge", False)]
    assert one.subnet == listed.subnets[1]
    first = listed.subnets[0]
    assert not [field.name for field in first.DESCRIPTOR.fields if not getattr(first, field.name)]
    assert (list(first.arch.kernel_sizes), first.artifacts[0].size_bytes) == ([3, 5], 123_456)


def test_a_camera_without_a_library_lists_nothing(tmp_path: Path) -> None:
    async def scenario() -> status_pb2.ListSubnetsResponse:
        async with serving(tmp_path, FakeControl(known=None)) as rig:
            with pytest.raises(RpcFailed, match="no library"):
                await rig.client.get_subnet("w1-big")
            return await rig.client.list_subnets()

    assert run(scenario()) == status_pb2.ListSubnetsResponse()


def test_an_unknown_subnet_is_not_found(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path) as rig:
            with pytest.raises(RpcFailed) as caught:
                await rig.client.get_subnet("w9")
        return caught.value

    error = run(scenario())
    assert (error.code, error.reason) == ("NOT_FOUND", "SUBNET_NOT_FOUND")


def test_explain_tries_out_a_budget_only_where_one_is_given(tmp_path: Path) -> None:
    async def scenario() -> tuple[FakeControl, types_pb2.Decision]:
        async with serving(tmp_path) as rig:
            await rig.client.explain()
            answer = await rig.client.explain(parts_per_minute=600, quantile=0.9)
        return rig.control, answer.decision

    control, decision = run(scenario())
    assert control.calls == [("explain", None), ("explain", Budget(parts_per_minute=600, quantile=0.9))]
    assert decision.budget.budget.parts_per_minute == 600
    assert not decision.budget.budget.HasField("max_latency_ms")
    assert (decision.action, decision.reason) == (types_pb2.DECISION_ACTION_KEEP, "best_already_active")


def test_swaps_are_listed_newest_first_and_by_camera(tmp_path: Path) -> None:
    rows = [
        SwapRecord("s1", "station-1", None, "a", "initial", "b", 1, SwapOutcome.VERIFIED, 1, "a", 2.5, 0.5),
        SwapRecord("s2", "station-2", "a", "b", "budget", "b", 2, SwapOutcome.FAULTED, None, None, 1.0, None, "x", "y"),
        SwapRecord("s3", "station-1", "a", "b", "budget", "b", 3),
    ]

    async def scenario() -> list[list[types_pb2.Swap]]:
        async with serving(tmp_path, *two()) as rig:
            rig.journal.rows = {row.id: row for row in rows}
            client = rig.client
            answers = [
                await client.list_swaps(),
                await client.list_swaps("station-1"),
                await client.list_swaps(limit=1),
            ]
        return [list(answer.swaps) for answer in answers]

    everything, first, one = run(scenario())
    assert [swap.id for swap in everything] == ["s3", "s2", "s1"]
    assert [swap.id for swap in first] == ["s3", "s1"]
    assert [swap.id for swap in one] == ["s3"]
    assert first[1].gap.ToTimedelta().total_seconds() == 0.5
    assert (everything[1].failed_step, everything[1].error) == ("x", "y")
    assert not everything[0].HasField("duration")


def test_a_count_beyond_its_bound_is_refused(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        found = []
        async with serving(tmp_path) as rig:
            for call in (rig.client.list_swaps(limit=1001), anext(rig.client.watch_results(buffer=10_001))):
                with pytest.raises(RpcFailed) as caught:
                    await call
                found += [violation.field for violation in caught.value.violations]
        return found

    assert run(scenario()) == ["limit", "buffer"]


def test_alarms_are_listed_by_camera_and_cleared_ones_on_request(tmp_path: Path) -> None:
    async def scenario() -> list[list[str]]:
        async with serving(tmp_path, *two()) as rig:
            for camera, key in (("station-1", "hot"), ("station-2", "gone"), ("", "journal")):
                await raise_alarm(rig.journal, camera, key, "do something")
            hot = next(alarm for alarm in await rig.journal.alarms(active_only=True) if alarm.key == "hot")
            await clear_alarm(rig.journal, hot)
            client = rig.client
            answers = [await client.list_alarms(), await client.list_alarms(include_cleared=True)]
            answers.append(await client.list_alarms("station-1", include_cleared=True))
        return [[alarm.key for alarm in answer.alarms] for answer in answers]

    assert run(scenario()) == [["gone", "journal"], ["hot", "gone", "journal"], ["hot"]]


# -- streams -------------------------------------------------------------------------------------------------------


def open_stream(rig: Rig, path: str, request: Message, kind: type[Message]) -> Any:
    """The bare stream, heartbeats included."""
    call: Any = rig.channel.unary_stream(path, lambda message: message.SerializeToString(), kind.FromString)
    return call(request)


def test_a_watcher_gets_the_state_and_then_its_changes(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[int, int]]:
        seen: list[tuple[int, int]] = []
        async with serving(tmp_path) as rig, rig.client.watch_status() as watch:
            async for message in watch:
                seen.append((message.revision, message.status.state))
                if len(seen) == 3:
                    break
                states = [CameraState.SWAPPING, CameraState.FAULTED]
                rig.control.change(state=states[len(seen) - 1])
        return seen

    assert run(scenario()) == [
        (1, types_pb2.CAMERA_STATE_ACTIVE),
        (2, types_pb2.CAMERA_STATE_SWAPPING),
        (3, types_pb2.CAMERA_STATE_FAULTED),
    ]


def test_a_watcher_hears_heartbeats_while_nothing_changes(tmp_path: Path) -> None:
    async def scenario() -> list[Any]:
        async with serving(tmp_path, limits=QUICK) as rig:
            request = status_pb2.WatchStatusRequest()
            call = open_stream(rig, WATCH_STATUS, request, status_pb2.WatchStatusResponse)
            messages = [await call.read() for _ in range(3)]
            call.cancel()
        return messages

    messages = run(scenario())
    assert [message.heartbeat for message in messages] == [False, True, True]
    assert [message.revision for message in messages] == [1, 1, 1]
    assert [message.HasField("status") for message in messages] == [True, False, False]


def test_a_watcher_resumes_where_it_was(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, str]:
        async with serving(tmp_path) as rig:
            async with rig.client.watch_status() as watch:
                first = await anext(watch)
            await until(lambda: rig.control.snapshots.readers == 0)
            request = status_pb2.WatchStatusRequest(resume_epoch=first.epoch, resume_revision=first.revision)
            call = open_stream(rig, WATCH_STATUS, request, status_pb2.WatchStatusResponse)
            await until(lambda: rig.control.snapshots.readers == 1)
            await until(lambda: not rig.control.snapshots._readers[-1]._items)  # it has looked at what it knows
            rig.control.change(detail="newer")
            message = await call.read()
            call.cancel()
        return message.revision, message.status.detail

    assert run(scenario()) == (2, "newer")


@pytest.mark.parametrize(("epoch", "revision"), [("another-run", 1), ("", 99)])
def test_a_place_that_this_run_never_reached_is_out_of_range(tmp_path: Path, epoch: str, revision: int) -> None:
    async def scenario() -> grpc.StatusCode:
        async with serving(tmp_path) as rig:
            async with rig.client.watch_status() as watch:
                known = (await anext(watch)).epoch
            request = status_pb2.WatchStatusRequest(resume_epoch=epoch or known, resume_revision=revision)
            call = open_stream(rig, WATCH_STATUS, request, status_pb2.WatchStatusResponse)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
        return caught.value.code()

    assert run(scenario()) is grpc.StatusCode.OUT_OF_RANGE


def test_results_are_told_in_full(tmp_path: Path) -> None:
    async def scenario() -> status_pb2.WatchResultsResponse:
        async with serving(tmp_path) as rig, rig.client.watch_results() as watch:
            reading = asyncio.ensure_future(anext(watch))
            await until(lambda: rig.control.results.readers == 1)
            rig.control.results.publish(a_result(7))
            return await reading

    result = run(scenario()).result
    assert not [field.name for field in result.DESCRIPTOR.fields if not getattr(result, field.name)]
    assert (result.sequence, result.part, result.frame_id, result.captured_ns) == (7, 7, 17, 7_000_000)
    assert (result.class_id, result.label, result.subnet_id, result.generation) == (1, "bad", "w1-big", 3)
    assert (result.boxes[0].left, result.boxes[0].bottom) == (1, 4)


def test_a_class_without_a_name_and_a_frame_without_a_part_stay_bare(tmp_path: Path) -> None:
    async def scenario() -> types_pb2.InferenceResult:
        async with serving(tmp_path, FakeControl(known=None)) as rig, rig.client.watch_results() as watch:
            reading = asyncio.ensure_future(anext(watch))
            await until(lambda: rig.control.results.readers == 1)
            result = a_result(0)
            rig.control.results.publish(result._replace(inference=result.inference._replace(part=None)))
            return (await reading).result

    result = run(scenario())
    assert result.label == ""
    assert not result.HasField("part")


def test_a_slow_reader_of_results_is_told_how_many_it_missed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            request = status_pb2.WatchResultsRequest(buffer=10)
            call = open_stream(rig, WATCH_RESULTS, request, status_pb2.WatchResultsResponse)
            await until(lambda: rig.control.results.readers == 1)
            (reader,) = rig.control.results._readers
            published = 0
            while reader.dropped < 5:  # first gRPC's own buffers fill, then the reader's
                rig.control.results.publish(a_result(published))
                published += 1
                await asyncio.sleep(0)
            last, read = await call.read(), 1
            while last.result.sequence < published - 1:
                last, read = await call.read(), read + 1
            assert last.dropped == reader.dropped == published - read
            call.cancel()

    run(scenario())


def test_a_slow_watcher_of_the_state_gets_the_newest(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            request = status_pb2.WatchStatusRequest()
            call = open_stream(rig, WATCH_STATUS, request, status_pb2.WatchStatusResponse)
            await until(lambda: rig.control.snapshots.readers == 1)
            (reader,) = rig.control.snapshots._readers
            while reader.dropped < 5:
                rig.control.change(detail="x" * 1000)
                await asyncio.sleep(0)
            newest, last = rig.control.now.revision, await call.read()
            while last.revision < newest:
                last = await call.read()
            assert last.dropped == reader.dropped
            call.cancel()

    run(scenario())


def test_a_stream_that_ends_leaves_no_reader_behind(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            for _ in range(3):
                async with rig.client.watch_status() as watch:
                    await anext(watch)
                reading = asyncio.ensure_future(anext(rig.client.watch_results()))
                await until(lambda: rig.control.results.readers == 1)
                reading.cancel()
                await until(lambda: rig.server.streams == rig.control.results.readers == rig.control.snapshots.readers)
                assert rig.server.streams == 0

    run(scenario())


def test_streams_beyond_the_cap_are_refused(tmp_path: Path) -> None:
    async def scenario() -> RpcFailed:
        async with serving(tmp_path, limits=replace(CALM, max_streams=2)) as rig:
            held = [rig.client.watch_status() for _ in range(2)]
            for watch in held:
                await anext(watch)
            with pytest.raises(RpcFailed) as caught:
                await anext(rig.client.watch_status())
            held[0].close()
            await until(lambda: rig.server.streams == 1)
            async with rig.client.watch_status() as last:
                await anext(last)
            held[1].close()
        return caught.value

    error = run(scenario())
    assert (error.code, error.reason, error.retry_after_s) == ("RESOURCE_EXHAUSTED", "TOO_MANY_STREAMS", 1.0)


def test_the_snapshot_that_these_tests_use_has_every_field() -> None:
    assert all(getattr(SNAPSHOT, name) is not None for name in SNAPSHOT.__dataclass_fields__)
