"""GetPreview over a real socket: what a reader gets, what it may ask for, and how it hears that there is nothing."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agent.client import AgentClient, RpcFailed
from agent.domain.device import EventKind, Picture
from agent.domain.states import CameraState
from agent.errors import AgentError, CameraGone, CameraRefused, CameraTimeout, Refused
from tests.api.harness import run, serving, until
from tests.api.test_streams_supervised import supervised
from tests.support.fake_camera import FakeCamera
from tests.support.fake_control import FakeControl

MS = 1_000_000


def test_a_preview_is_a_picture_with_all_that_is_known_of_its_frame(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            seen = await rig.client.get_preview()
            assert (seen.camera, seen.data, seen.content_type) == ("station-1", b"jpeg", "image/jpeg")
            assert (seen.width, seen.height, seen.frame_width, seen.frame_height) == (720, 540, 1440, 1080)
            assert (seen.frame_id, seen.part, seen.captured_ns) == (17, 7, 7_000_000)
            assert seen.captured_at.ToNanoseconds() == 1_700_000_000_123_456_000
            assert (seen.subnet_id, seen.generation) == ("w1-big", 3)
            assert (seen.result.sequence, seen.result.label, seen.result.confidence) == (7, "bad", 0.9)

    run(main())


def test_a_width_is_bounded_and_none_is_the_largest(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            for asked, width in ((0, 720), (64, 64), (720, 720)):
                assert (await rig.client.get_preview(max_width=asked)).width == width
            for odd in (63, 721, 2**32 - 1):
                with pytest.raises(RpcFailed, match=f"{odd} pixels are not within 64 to 720") as caught:
                    await rig.client.get_preview(max_width=odd)
                assert (caught.value.code, caught.value.field) == ("INVALID_ARGUMENT", "max_width")

    run(main())


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        (CameraGone, "UNAVAILABLE", "CAMERA_GONE"),
        (CameraTimeout, "DEADLINE_EXCEEDED", "CAMERA_TIMEOUT"),
        (CameraRefused, "FAILED_PRECONDITION", "CAMERA_REFUSED"),
        (Refused, "FAILED_PRECONDITION", "REFUSED"),
    ],
)
def test_why_there_is_no_picture_is_told(tmp_path: Path, kind: type[AgentError], code: str, reason: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, FakeControl(error=kind("no picture of station-1"))) as rig:
            with pytest.raises(RpcFailed, match="no picture of station-1") as caught:
                await rig.client.get_preview()
            assert (caught.value.code, caught.value.reason) == (code, reason)

    run(main())


def test_with_several_cameras_one_has_to_be_named(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, FakeControl("a"), FakeControl("b")) as rig:
            assert (await rig.client.get_preview("b")).camera == "b"
            for odd, code in (("", "INVALID_ARGUMENT"), ("c", "NOT_FOUND")):
                with pytest.raises(RpcFailed) as caught:
                    await rig.client.get_preview(odd)
                assert caught.value.code == code

    run(main())


def test_a_server_that_ends_does_not_wait_for_a_frame(tmp_path: Path) -> None:
    async def main() -> None:
        control = FakeControl(gate=asyncio.Event())
        async with serving(tmp_path, control) as rig:
            asking = asyncio.create_task(rig.client.get_preview())
            await control.entered.wait()
            await rig.server.stop()
            with pytest.raises(RpcFailed) as caught:
                await asking
            assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "AGENT_STOPPING")

    run(main())


def a_frame(camera: FakeCamera, number: int) -> Picture:
    """Of the network that runs, and no part."""
    pixels = np.full((1080, 1440), 90, np.uint8)
    return Picture(number, number * MS, number, camera.generation, None, "1", "Mono8", 0, 0, 5000.0, 0.0, pixels)


def test_a_supervised_camera_shows_the_frame_with_its_own_result(tmp_path: Path) -> None:
    async def main() -> None:
        async with supervised(tmp_path) as (supervisor, camera, path), AgentClient(path) as client:
            asking = [asyncio.create_task(client.get_preview(max_width=width)) for width in (0, 0, 400, 400)]
            await until(lambda: any(not tap.closed for tap in camera.taps))
            camera.show(a_frame(camera, 3))
            await until(lambda: supervisor.pictures.newest is not None)
            camera.deliver(3 * MS, 20.0, 30.0)
            large, same, small, also = await asyncio.gather(*asking)
            assert len(camera.taps) == 1, "however many ask, the camera is tapped once"
            assert (large.data, small.data) == (same.data, also.data)
            for seen, size in ((large, (720, 540)), (small, (360, 270))):
                assert (seen.width, seen.height) == size == Image.open(io.BytesIO(seen.data)).size
                assert (seen.frame_width, seen.frame_height, seen.frame_id) == (1440, 1080, 3)
                assert (seen.result.captured_ns, seen.captured_ns) == (3 * MS, 3 * MS)
                assert seen.subnet_id == seen.result.subnet_id == supervisor.snapshot().active_subnet
                assert not seen.HasField("part")

    run(main())


def test_a_camera_that_is_gone_is_told_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with supervised(tmp_path) as (supervisor, camera, path), AgentClient(path) as client:
            camera.fail = {("connect", number): CameraGone("unplugged") for number in range(1, 1000)}
            camera.emit(EventKind.LOST, "unplugged")
            await until(lambda: supervisor.snapshot().state is CameraState.DISCONNECTED)
            with pytest.raises(RpcFailed, match=r"station-1 is (DIS)?CONNECT") as caught:
                await client.get_preview()
            assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "CAMERA_GONE")
            assert camera.taps == []

    run(main())
