"""Pictures of a running stream: what a tap gives, at what rate, over what, and that nobody else pays for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from agent.camera import Roi, Trigger
from agent.domain.device import EventKind
from agent.domain.result import RawInference
from tests.contract.rig import NET_A, Rig, play, settings, transactions

LINE = settings(trigger=Trigger("Line0"))


def test_a_tap_has_one_picture_in_its_interval_and_every_tap_its_own() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        slow, fast = (made.camera.tap(every_s, 100, lambda: None) for every_s in (0.5, 0.1))
        await made.camera.start_stream(5, None)
        await asyncio.sleep(3.05)
        many, few = fast.take(), slow.take()
        assert len(many) == pytest.approx(30, abs=2)
        assert len(few) == pytest.approx(6, abs=1)
        assert {picture.pixels.shape for picture in many} == {(1080, 1440)}
        assert not many[0].pixels.flags.writeable
        ids = [picture.frame_id for picture in many]
        assert ids == sorted(set(ids))
        slow.close()
        await asyncio.sleep(1)
        assert fast.take()
        assert not slow.take()
        fast.close()

    play(main)


def test_a_picture_says_how_it_was_taken() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        tap = made.camera.tap(0.2, 10, lambda: None)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1)
        tap.close()
        tap = made.camera.tap(0.2, 10, lambda: None)
        await asyncio.sleep(1)
        picture = tap.take()[-1]
        assert picture.pixels.shape == (400, 640)
        assert (picture.offset_x, picture.offset_y, picture.pixel_format) == (400, 340, "Mono8")
        assert picture.exposure_us == pytest.approx(5000, rel=0.01)
        assert picture.gain_db == pytest.approx(0, abs=0.1)
        assert (picture.generation, picture.part) == (None, None)
        assert 0 < made.clock.now_ns() - picture.host_ns < 1e9

    play(main, chosen=settings(roi=Roi(400, 340, 640, 400)))


def test_the_picture_of_an_inferred_frame_has_its_time_generation_and_part() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        tap = made.camera.tap(0.05, 100, lambda: None)
        await made.camera.start_stream(5, 7)
        await asyncio.sleep(5)
        results = {result.captured_ns: result for result in made.camera.take_results()}
        pairs = [(one, results[one.captured_ns]) for one in tap.take() if one.captured_ns in results]
        assert len(pairs) >= 8
        for picture, result in pairs:
            assert (picture.frame_id, picture.part, picture.generation) == (result.frame_id, result.part, 7)

    play(main, chosen=LINE)


@pytest.mark.simulation
def test_taps_take_no_result_away_and_read_few_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same camera, with and without somebody who takes every frame: the same results at the same times."""

    def results_of(taps: int) -> tuple[Sequence[RawInference], int]:
        async def main(made: Rig) -> tuple[Sequence[RawInference], int]:
            await made.camera.connect(30)
            await made.install(NET_A)
            await made.camera.start_stream(5, 1)
            await asyncio.sleep(0.5)
            count = transactions(made, monkeypatch)
            opened = [made.camera.tap(0.001, 4, lambda: None) for _ in range(taps)]
            await asyncio.sleep(1)
            assert all(tap.missed > 40 for tap in opened)
            return made.camera.take_results(), count()

        return play(main)

    (without, few), (beside, more) = results_of(0), results_of(2)
    assert len(without) > 40
    assert [result.frame_id for result in beside] == [result.frame_id for result in without]
    assert more - few < 20, "exposure and gain twice, not with each of 60 pictures"


def test_a_tap_goes_on_over_a_swap_and_a_reconnection() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        tap = made.camera.tap(0.2, 100, lambda: None)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(1)
        await made.camera.disconnect(10)
        await made.camera.connect(30)
        await made.camera.start_stream(5, 2)
        await asyncio.sleep(1)
        assert _in_order([picture.generation for picture in tap.take()]) == [None, 1, 2]
        tap.close()

    play(main)


def test_a_reader_is_told_once_until_it_takes_and_keeps_the_newest() -> None:
    async def main(made: Rig) -> None:
        told: list[int] = []
        await made.camera.connect(30)
        tap = made.camera.tap(0.05, 3, lambda: told.append(1))
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1)
        assert len(told) == 1
        kept = tap.take()
        assert len(kept) == 3
        assert tap.missed == pytest.approx(16, abs=3)
        assert kept[0].frame_id > 30
        await asyncio.sleep(0.2)
        assert len(told) == 2
        tap.close()
        tap.close()
        await asyncio.sleep(0.2)
        assert len(told) == 2

    play(main)


@pytest.mark.simulation
def test_pixels_that_the_sdk_cannot_unpack_are_missed_and_cost_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.sim.host.images import Image
    from agent.sim.pyspin import SpinnakerException

    def packed(_: Image) -> None:
        raise SpinnakerException("packed", -1010)

    monkeypatch.setattr(Image, "GetNDArray", packed)

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        tap = made.camera.tap(0.1, 3, lambda: None)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(1)
        assert tap.missed == pytest.approx(10, abs=1)
        assert not tap.take()
        assert len(made.camera.take_results()) > 40
        assert not made.seen(EventKind.LOST)

    play(main)


def _in_order(values: Sequence[int | None]) -> list[int | None]:
    """Each value once, where it first came."""
    return list(dict.fromkeys(values))
