"""CaptureImages over a real socket: a stream of images, how it ends, and whom it must not outlive."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from agent.client import RpcFailed
from agent.client.capture import ImageStream
from agent.domain.capture import CaptureAsk
from agent.errors import AgentError, BadInput, CameraGone, CameraTimeout, Cancelled, Refused, TooMany
from agent.pb.ofa_agent.v1 import capture_pb2
from tests.api.harness import CALM, QUICK, Rig, run, serving, until
from tests.support.fake_capture import WALL_NS, FakeCapture, an_image
from tests.support.fake_control import a_result

LARGE = 5_000_000  # bytes; an incompressible colour image of the whole sensor


async def begun(rig: Rig) -> FakeCapture:
    await until(lambda: bool(rig.control.captures))
    return rig.control.captures[-1]


async def read(images: ImageStream) -> list[capture_pb2.CapturedImage]:
    async with images:
        return [image async for image in images]


def test_images_come_with_all_that_is_known_of_them(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            images = rig.client.capture_images("ok", 2, min_interval_s=0.5, timeout_s=20)
            reading = asyncio.create_task(read(images))
            capture = await begun(rig)
            assert capture.ask == CaptureAsk("ok", 2, 0.5, 20.0)
            capture.put(an_image(1), an_image(4, result=a_result(7), png=b"x" * LARGE), missed=2)
            bare, full = await reading
            assert (images.operation_name, images.taken, images.wanted, images.missed) == (
                "operations/capture-1",
                2,
                2,
                2,
            )
            assert capture.closed
            assert (bare.sequence, bare.camera, bare.serial, bare.label) == (1, "station-1", "20381234", "ok")
            assert (bare.data, bare.content_type, bare.width, bare.height) == (b"png", "image/png", 6, 4)
            assert bare.captured_at.ToNanoseconds() == WALL_NS + 1
            assert (bare.captured_ns, bare.frame_id, bare.offset_x, bare.offset_y) == (1000, 11, 184, 4)
            assert (bare.pixel_format, bare.exposure_us) == ("Mono8", 5000.0)
            unset = ("part", "gain_db", "subnet_id", "generation", "result")
            assert not any(bare.HasField(name) for name in unset)
            assert bare.agent_version
            assert (full.sequence, full.part, full.gain_db, len(full.data)) == (4, 7, 1.5, LARGE)
            assert (full.subnet_id, full.generation) == ("w1-big", 3)
            assert (full.result.sequence, full.result.label, full.result.confidence) == (7, "bad", 0.9)

    run(main())


def test_a_stream_without_images_beats_and_is_not_called_silent(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, limits=QUICK) as rig:
            images = rig.client.capture_images("ok", 1)
            reading = asyncio.create_task(read(images))
            capture = await begun(rig)
            await asyncio.sleep(5 * QUICK.heartbeat_s)
            assert not reading.done()
            capture.put(an_image(1))
            assert len(await reading) == 1

    run(main())


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (Cancelled, "CANCELLED", "CANCELLED"),
        (CameraTimeout, "DEADLINE_EXCEEDED", "CAMERA_TIMEOUT"),
        (CameraGone, "UNAVAILABLE", "CAMERA_GONE"),
    ],
)
def test_a_capture_that_ends_early_says_why_after_its_images(
    tmp_path: Path, error: type[AgentError], code: str, reason: str
) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            images = rig.client.capture_images("ok", 3)
            async with images:
                first = asyncio.create_task(images.__anext__())
                capture = await begun(rig)
                capture.put(an_image(1))
                capture.end(error("1 of 3 images"))
                assert (await first).sequence == 1
                with pytest.raises(RpcFailed, match="1 of 3 images") as caught:
                    await images.__anext__()
            assert (caught.value.code, caught.value.reason) == (code, reason)

    run(main())


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused, "FAILED_PRECONDITION"),
        (CameraGone, "UNAVAILABLE"),
        (TooMany, "RESOURCE_EXHAUSTED"),
    ],
)
def test_a_refused_capture_is_refused_at_once_and_audited(tmp_path: Path, error: type[AgentError], code: str) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            rig.control.error = error("because")
            with pytest.raises(RpcFailed, match="because") as caught:
                await read(rig.client.capture_images("ok", 3, client="plc"))
            assert caught.value.code == code
            (entry,) = rig.journal.chain
            assert (entry.method, entry.client, entry.outcome) == ("CaptureImages", "plc", code)

    run(main())


def test_a_client_that_goes_away_ends_its_capture(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            images = rig.client.capture_images("ok", 3)
            waiting = asyncio.create_task(images.__anext__())
            capture = await begun(rig)
            capture.put(an_image(1))
            await waiting
            images.close()
            await until(lambda: capture.closed)
            (entry,) = rig.journal.chain
            assert (entry.method, entry.outcome, entry.asked) == (
                "CaptureImages",
                "OK",
                '{"client":"tester","count":3,"label":"ok"}',
            )

    run(main())


def test_a_request_id_names_one_capture_at_a_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            request_id = str(uuid.uuid4())
            reading = asyncio.create_task(read(rig.client.capture_images("ok", 1, request_id=request_id)))
            capture = await begun(rig)
            with pytest.raises(RpcFailed, match="is under way") as caught:
                await read(rig.client.capture_images("ok", 1, request_id=request_id.upper()))
            assert caught.value.code == "FAILED_PRECONDITION"
            assert len(rig.control.captures) == 1
            capture.put(an_image(1))
            await reading
            again = asyncio.create_task(read(rig.client.capture_images("ok", 1, request_id=request_id)))
            await until(lambda: len(rig.control.captures) == 2)
            rig.control.captures[-1].put(an_image(1))
            assert len(await again) == 1
            with pytest.raises(RpcFailed, match="UUID of version 4"):
                await read(rig.client.capture_images("ok", 1, request_id="one"))

    run(main())


def test_a_server_that_ends_says_so_to_the_reader(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, limits=CALM) as rig:
            reading = asyncio.create_task(read(rig.client.capture_images("ok", 1)))
            capture = await begun(rig)
            await asyncio.sleep(0)
            await rig.server.stop()
            with pytest.raises(RpcFailed) as caught:
                await reading
            assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "AGENT_STOPPING")
            assert capture.closed

    run(main())


def test_what_the_wire_cannot_carry_is_refused_by_the_client(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            with pytest.raises(BadInput, match="min_interval_s"):
                rig.client.capture_images("ok", 1, min_interval_s=float("inf"))
            with pytest.raises(BadInput, match="timeout_s"):
                rig.client.capture_images("ok", 1, timeout_s=float("nan"))

    run(main())
