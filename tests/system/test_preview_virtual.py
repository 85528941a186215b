"""Previews from the real agent on the simulated camera in virtual time, and that inspection never notices."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from agent.domain.preview import Preview
from agent.domain.result import InferenceResult
from agent.domain.states import CameraState
from agent.errors import CameraGone, CameraTimeout
from tests.support.virtual_line import line_config
from tests.system.test_capture_virtual import FAST, SLOW, Line, play


def test_inspection_is_the_same_with_lookers_and_without_over_a_swap(tmp_path: Path, ladder: Path) -> None:
    """Three look all the time, in three sizes; the swap comes in the middle."""

    async def script(line: Line, looks: bool) -> tuple[list[InferenceResult], list[Preview], float]:
        seen: list[Preview] = []

        async def look(width: int) -> None:
            while True:
                seen.append(await line.supervisor.preview(width))
                await asyncio.sleep(0.2)

        await line.at(SLOW)
        await line.until(CameraState.ACTIVE)
        await asyncio.sleep(0.5)
        lookers = [asyncio.create_task(look(width)) for width in (720, 300, 64) if looks]
        await asyncio.sleep(1.2)
        await line.at(FAST)
        await asyncio.sleep(4.5)
        for looker in lookers:
            assert not looker.done(), "a swap is waited out"
            looker.cancel()
        await asyncio.gather(*lookers, return_exceptions=True)
        (swap,) = [one for one in await line.agent.journal.swaps(line.supervisor.name, 10) if one.gap_s is not None]
        assert swap.gap_s is not None
        return line.results, seen, swap.gap_s

    quiet, busy = (
        play(line_config(tmp_path / name, ladder), lambda line, on=on: script(line, on))  # type: ignore[misc]
        for name, on in (("quiet", False), ("busy", True))
    )
    (without, _, gap_s), (beside, seen, gap_beside_s) = quiet, busy
    assert len(without) > 40
    assert [_told(result) for result in beside] == [_told(result) for result in without]
    assert gap_beside_s == gap_s
    assert len({one.jpeg.generation for one in seen}) == 2, "it went on after the swap"
    published = {result.inference.captured_ns: result for result in beside}
    assert sum(one.result is not None for one in seen) > len(seen) / 2
    for one in seen:
        assert one.result in (None, published.get(one.jpeg.captured_ns))
        assert one.result is None or one.result.subnet_id == one.subnet_id
        assert (one.jpeg.frame_width, one.jpeg.frame_height) == (1072, 1072)
        with Image.open(io.BytesIO(one.jpeg.body)) as opened:
            assert opened.size == (one.jpeg.width, one.jpeg.height)


def _told(result: InferenceResult) -> tuple[object, ...]:
    inference = result.inference
    return result.sequence, result.subnet_id, inference.part, inference.captured_ns, inference.class_id


def test_a_camera_without_a_library_shows_what_it_sees_and_says_where_it_cannot(tmp_path: Path, ladder: Path) -> None:
    """The line runs, then it stands, then the camera is pulled out."""

    async def script(line: Line) -> None:
        await line.until(CameraState.IDLE)
        line.device.set_line(SLOW)
        seen = await line.supervisor.preview(720)
        assert (seen.subnet_id, seen.result, seen.jpeg.generation) == (None, None, None)
        assert seen.jpeg.part is not None
        line.device.set_line(0.0)
        await asyncio.sleep(2.0)
        with pytest.raises(CameraTimeout, match="station-1: no frame within 8 s; does the line run"):
            await line.supervisor.preview(720)
        line.device.unplug()
        await line.until(CameraState.DISCONNECTED)
        with pytest.raises(CameraGone, match="station-1 is DISCONNECTED"):
            await line.supervisor.preview(720)

    play(replace(line_config(tmp_path, ladder), library=None), script)
