"""Pictures for the page: only while somebody looks, small, and the right one."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from agent.domain.device import Picture
from agent.domain.states import CameraState
from agent.supervisor.pictures import Rhythm
from agent.web.limits import WebLimits
from tests.support.fake_control import SNAPSHOT, FakeControl, a_result
from tests.web.rig import PageRig, page, run, until

QUICK = WebLimits(state_s=0.01, picture_wait_s=0.05)
WELL = replace(SNAPSHOT, state=CameraState.ACTIVE, swap=None, degraded=())
PATH = "/preview/station-1.jpg"


def picture(number: int, level: int = 100, pixel_format: str = "Mono8") -> Picture:
    pixels = np.full((108, 144), level, np.uint8)
    return Picture(number, number * 1_000_000, number, 3, number, "1", pixel_format, 0, 0, None, None, pixels)


async def shown(rig: PageRig, one: Picture, query: str = "") -> bytes:
    """What is answered when that picture comes while somebody waits for it."""
    asking = asyncio.create_task(rig.get(PATH + query))
    await until(lambda: any(not tap.closed for tap in rig.cameras["station-1"].taps))
    rig.cameras["station-1"].show(one)
    answered = await asking
    assert (answered.status, answered.head["content-type"]) == (200, "image/jpeg")
    assert answered.head["cache-control"] == "no-store"
    return answered.body


def test_a_camera_is_tapped_only_while_somebody_looks() -> None:
    async def main() -> None:
        limits, rhythm = replace(QUICK, picture_wait_s=5.0), Rhythm(idle_s=0.3)
        async with page(FakeControl(now=WELL), limits=limits, rhythm=rhythm) as rig:
            assert rig.cameras["station-1"].taps == []
            body = await shown(rig, picture(1))
            assert Image.open(io.BytesIO(body)).size == (144, 108)
            (tap,) = rig.cameras["station-1"].taps
            assert (tap.every_s, tap.capacity) == (rhythm.every_s, 1)
            await until(lambda: tap.closed)
            assert rig.server.board.books["station-1"].pictures.newest is None  # nobody gets it as a new one later

    run(main())


def test_without_a_picture_in_time_it_is_said_that_there_is_none() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=QUICK) as rig:
            none = await rig.get(PATH)
            assert (none.status, none.text) == (503, "no picture now\n")

    run(main())


def test_the_picture_that_was_told_of_is_the_one_that_is_sent() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=replace(QUICK, picture_wait_s=5.0)) as rig:
            first = await shown(rig, picture(1, level=10))
            pictures = rig.server.board.books["station-1"].pictures
            rig.cameras["station-1"].show(picture(2, level=200))
            await until(lambda: pictures.newest is not None and pictures.newest.number == 2)
            assert (await rig.get(f"{PATH}?n=1")).body == first
            assert (await rig.get(f"{PATH}?n=2")).body != first
            for odd in ("?n=99", "?n=-1", "?n=x", "?n=" + "9" * 40, "?other=1"):
                assert (await rig.get(PATH + odd)).body == (await rig.get(f"{PATH}?n=2")).body

    run(main())


def test_a_result_is_told_with_its_own_picture_only() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=replace(QUICK, picture_wait_s=5.0)) as rig:
            rig.control.results.publish(a_result(7))
            book = rig.server.board.books["station-1"]
            for frame, says in ((7, "bad 0.90"), (8, None)):
                await shown(rig, picture(frame))
                await until(partial(_shows, rig, frame))
                json = book.camera_json(rig.server.board._moment(), (), True)
                assert json["preview"]["says"] == says  # type: ignore[index]
            assert book.camera_json(rig.server.board._moment(), (), False)["preview"] == {
                "on": False,
                "n": None,
                "error": "",
            }

    run(main())


def _shows(rig: PageRig, frame: int) -> bool:
    newest = rig.server.board.books["station-1"].pictures.newest
    return newest is not None and newest.frame_id == frame


def test_pictures_can_be_switched_off_while_the_page_is_served() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=replace(QUICK, picture_wait_s=5.0)) as rig:
            await shown(rig, picture(1))
            rig.server.show_pictures(False)
            assert (await rig.get(PATH)).status == 404
            assert '"on":false' in (await rig.get("/api/status.json")).text
            rig.server.show_pictures(True)
            assert (await rig.get(PATH)).status == 200
        async with page(FakeControl(now=WELL), limits=QUICK, preview=False) as rig:
            assert (await rig.get(PATH)).status == 404
            assert rig.cameras["station-1"].taps == []

    run(main())


def test_pixels_that_are_not_known_are_told_and_the_next_picture_is_shown() -> None:
    async def main() -> None:
        async with page(FakeControl(now=WELL), limits=replace(QUICK, picture_wait_s=5.0)) as rig:
            asking = asyncio.create_task(rig.get(PATH))
            pictures = rig.server.board.books["station-1"].pictures
            await until(lambda: rig.cameras["station-1"].taps)
            rig.cameras["station-1"].show(picture(1, pixel_format="Mono12p"))
            await until(lambda: pictures.error)
            assert "Mono12p" in pictures.error
            rig.cameras["station-1"].show(picture(2))
            assert (await asking).status == 200
            assert pictures.error == ""

    run(main())
