"""Health tells the truth about the cameras."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from agent.api import Services
from agent.api.drain import Drain
from agent.api.health import HealthHandlers
from agent.clock import SystemClock
from agent.domain.states import CameraState
from tests.api.harness import Rig, run, serving, until
from tests.support.fake_control import HEALTH, FakeControl

SERVING, NOT_SERVING, UNKNOWN = 1, 2, 3
CHECK = "/grpc.health.v1.Health/Check"


async def check(rig: Rig, service: str) -> int:
    answer = await rig.call(
        CHECK, health_pb2.HealthCheckRequest(service=service), health_pb2.HealthCheckResponse.FromString
    )
    status: int = answer.status
    return status


UNWELL: dict[str, dict[str, Any]] = {
    "it has no network": {"state": CameraState.IDLE, "verified": False, "active_subnet": None},
    "it swaps": {"state": CameraState.SWAPPING},
    "it is faulted": {"state": CameraState.FAULTED},
    "it is gone": {"state": CameraState.DISCONNECTED},
    "its network is not verified": {"verified": False},
    "nothing was read yet": {"health": None},
    "no frame has come yet": {"health": replace(HEALTH, last_frame_age_s=None)},
    "frames have stopped": {"health": replace(HEALTH, last_frame_age_s=5.1)},
}


@pytest.mark.parametrize("change", UNWELL.values(), ids=UNWELL)
def test_a_camera_does_not_serve_while(tmp_path: Path, change: dict[str, Any]) -> None:
    async def scenario() -> list[int]:
        async with serving(tmp_path) as rig:
            before = [await check(rig, "camera/station-1"), await check(rig, "")]
            rig.control.change(**change)
            return [*before, await check(rig, "camera/station-1"), await check(rig, "")]

    assert run(scenario()) == [SERVING, SERVING, NOT_SERVING, NOT_SERVING]


def test_the_whole_serves_only_while_every_camera_does(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        async with serving(tmp_path, FakeControl("a"), FakeControl("b")) as rig:
            rig.control.change(verified=False)
            return [await check(rig, name) for name in ("", "camera/a", "camera/b")]

    assert run(scenario()) == [NOT_SERVING, NOT_SERVING, SERVING]


def test_the_services_serve_while_the_agent_is_up(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        async with serving(tmp_path) as rig:
            rig.control.change(state=CameraState.FAULTED)
            return [await check(rig, f"ofa_agent.v1.{name}Service") for name in ("Control", "Status")]

    assert run(scenario()) == [SERVING, SERVING]


def test_an_unknown_service_is_not_found(tmp_path: Path) -> None:
    async def scenario() -> list[grpc.StatusCode]:
        found = []
        async with serving(tmp_path) as rig:
            for name in ("camera/x", "camera/", "x"):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await check(rig, name)
                found.append(caught.value.code())
        return found

    assert run(scenario()) == [grpc.StatusCode.NOT_FOUND] * 3


def test_all_statuses_are_listed(tmp_path: Path) -> None:
    async def scenario() -> dict[str, int]:
        async with serving(tmp_path) as rig:
            listed = await rig.call(
                "/grpc.health.v1.Health/List",
                health_pb2.HealthListRequest(),
                health_pb2.HealthListResponse.FromString,
            )
        return {name: answer.status for name, answer in listed.statuses.items()}

    names = ["", "camera/station-1", "ofa_agent.v1.ControlService", "ofa_agent.v1.StatusService"]
    assert run(scenario()) == dict.fromkeys(names, SERVING)


def test_a_watcher_hears_of_every_change_and_of_the_end(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[int], grpc.StatusCode]:
        async with serving(tmp_path) as rig:
            call: Any = rig.channel.unary_stream(
                "/grpc.health.v1.Health/Watch",
                lambda message: message.SerializeToString(),
                health_pb2.HealthCheckResponse.FromString,
            )(health_pb2.HealthCheckRequest(service="camera/station-1"))
            seen = [(await call.read()).status]
            for state in (CameraState.SWAPPING, CameraState.ACTIVE):
                rig.control.change(state=state)
                seen.append((await call.read()).status)
            await rig.server.stop()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
        return seen, caught.value.code()

    assert run(scenario()) == ([SERVING, NOT_SERVING, SERVING], grpc.StatusCode.UNAVAILABLE)


def test_a_watcher_of_an_unknown_service_is_told_so(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with serving(tmp_path) as rig:
            call: Any = rig.channel.unary_stream(
                "/grpc.health.v1.Health/Watch",
                lambda message: message.SerializeToString(),
                health_pb2.HealthCheckResponse.FromString,
            )(health_pb2.HealthCheckRequest(service="camera/x"))
            status: int = (await call.read()).status
            call.cancel()
        return status

    assert run(scenario()) == UNKNOWN


def test_many_watchers_of_health_cost_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    original = HealthHandlers.serving

    def serving_now(self: HealthHandlers, name: str) -> bool | None:
        looks.append(name)
        return original(self, name)

    async def scenario() -> list[list[int]]:
        async with serving(tmp_path) as rig, grpc.aio.insecure_channel(f"unix:{rig.path}") as bare:
            channel: Any = bare
            calls = [
                channel.unary_stream("/grpc.health.v1.Health/Watch", None, health_pb2.HealthCheckResponse.FromString)(
                    health_pb2.HealthCheckRequest(service=name).SerializeToString()
                )
                for name in ("", "camera/station-1") * 100
            ]
            seen = [[(await call.read()).status for call in calls]]
            looks.clear()
            await until(lambda: len(looks) >= 20)
            assert looks[:20] in (["", "camera/station-1"] * 10, ["camera/station-1", ""] * 10)
            rig.control.change(state=CameraState.FAULTED)
            seen.append([(await call.read()).status for call in calls])
            for call in calls:
                call.cancel()
            assert {await call.code() for call in calls} == {grpc.StatusCode.CANCELLED}
            await until(lambda: rig.server.streams == 0)
        return seen

    monkeypatch.setattr(HealthHandlers, "serving", serving_now)
    assert run(scenario()) == [[SERVING] * 200, [NOT_SERVING] * 200]


def test_health_is_not_looked_at_once_nobody_watches(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with serving(tmp_path) as rig:
            handlers = HealthHandlers(
                Services({"station-1": rig.control}, rig.journal, SystemClock()), Drain(), (), 5, 0
            )
            feed = handlers._looks.subscribe("")
            assert [*handlers._looks._watched] == [""]
            feed.close()
            await until(lambda: handlers._looks._timer is None)
            return [*handlers._looks._watched]

    assert run(scenario()) == []
