"""Frames and results of a running acquisition on the simulated SDK; rules name their source in facts/firefly-dl.md."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.camera import Trigger
from agent.domain.device import EventKind, GoldenCheck
from agent.sim.spec import FaultSpec, SimulationSpec, VpuSpec
from tests.contract.rig import (
    NET_A,
    NET_C,
    NEW_FIRMWARE,
    Rig,
    golden_image,
    only_on,
    play,
    profile,
    settings,
    transactions,
)

LINE = settings(trigger=Trigger("Line0"))


def test_a_stream_without_a_network_gives_frames_and_no_results() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1)
        health = await made.camera.health(5)
        assert health.counts.frames > 50
        assert health.counts.results == 0
        assert health.frame_period_ms == pytest.approx(1000 / 60, rel=0.05)
        assert health.temperature_c == pytest.approx(38, abs=1)
        assert not made.camera.take_results()

    play(main)


@pytest.mark.simulation
def test_results_name_the_inferred_frame_and_its_latency() -> None:
    """interfaces.md section 3: end of exposure of the inferred frame to the record; parts are triggered frames."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 7)
        await asyncio.sleep(5.2)
        records = made.camera.take_results()
        assert len(records) >= 8
        assert not made.wrong(records, {7: NET_A})
        parts = [record.part for record in records]
        assert parts == list(range(parts[0] or 0, (parts[0] or 0) + len(parts)))
        truth = {row["timestamp_ns"]: row["service_ms"] for row in made.device.truth()["inferences"]}
        for record in records:
            if profile().optional_nodes:
                assert record.service_ms is None or record.service_ms == pytest.approx(truth[record.captured_ns])
            else:
                assert record.service_ms is None, "the period is the line's, not the network's"
            # The scene sends a part every 500 ms; a frame is read out and reaches the host some ms after its exposure.
            assert record.carried_ns - record.captured_ns == 500_000_000
            assert 4 < record.transfer_ms < 20

    play(main, SimulationSpec(vpu=VpuSpec(time_scale=20.0)), LINE)


@pytest.mark.simulation
@only_on(NEW_FIRMWARE, "pessimistic")
@pytest.mark.parametrize("time_scale", [0.1, 10.0, 20.0, 45.0, 50.0, 55.0, 60.0, 400.0])
def test_a_service_time_is_the_results_own_or_none(time_scale: float) -> None:
    """S1: InferenceTime is that of the last inference; a network faster than the transfer has ended another by then."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(5.2)
        assert (await made.camera.health(5)).inference_period_ms == pytest.approx(500, abs=1)
        records = made.camera.take_results()
        assert len(records) >= 8
        assert not made.wrong(records, {1: NET_A})
        truth = {row["timestamp_ns"]: row["service_ms"] for row in made.device.truth()["inferences"]}
        told = [record for record in records if record.service_ms is not None]
        assert [r.service_ms for r in told] == pytest.approx([truth[r.captured_ns] for r in told], rel=1e-9)
        assert len(told) >= len(records) - 3, "the first, and where transfer and service take just as long"

    play(main, SimulationSpec(vpu=VpuSpec(time_scale=time_scale)), LINE)


@pytest.mark.simulation
def test_frames_without_results_are_a_stall_where_a_network_runs() -> None:
    """F-4843: the VPU may stop while frames go on."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(1)
        made.device.inject_fault(FaultSpec("inference", "frozen", count=10_000))
        await asyncio.sleep(10)
        (event,) = made.seen(EventKind.STALLED)
        assert "no new result" in event.detail

    play(main)


def test_parts_go_on_counting_over_acquisitions() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        parts: list[int | None] = []
        for generation in (1, 2):
            await made.camera.start_stream(5, generation)
            await asyncio.sleep(3)
            parts += [record.part for record in made.camera.take_results()]
            await made.camera.stop_stream(5)
        assert len(parts) >= 8
        assert parts == sorted(parts, key=lambda part: part or 0)
        assert len(set(parts)) == len(parts)

    play(main, chosen=LINE)


@pytest.mark.simulation
def test_every_frame_carries_its_own_result_where_inference_is_synchronous() -> None:
    """S12: TriggerSource InferenceReady; the frame rate is the inference rate."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(1)
        records = made.camera.take_results()
        assert len(records) > 10
        assert all(record.captured_ns == record.carried_ns for record in records)
        assert not made.wrong(records, {1: NET_A})

    play(main, chosen=settings(inference_sync="every_frame"))


@pytest.mark.simulation
def test_images_come_without_a_network_also_where_inference_is_synchronous() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1)
        assert (await made.camera.health(5)).counts.frames > 50
        assert not made.events

    play(main, chosen=settings(inference_sync="every_frame"))


def test_the_frame_rate_is_cut_to_what_the_exposure_allows() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1)
        assert (await made.camera.health(5)).frame_period_ms == pytest.approx(17.0, abs=0.05)

    play(main, chosen=settings(frame_rate=60.0, exposure_us=17_000.0))


@pytest.mark.simulation
def test_streaming_reads_one_register_a_new_result_and_none_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(made: Rig) -> None:
        made.camera.time_results(each=True)
        await made.camera.connect(30)
        await made.install(NET_C)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(0.1)
        count = transactions(made, monkeypatch)
        made.camera.take_results()
        await asyncio.sleep(5)
        results = len(made.camera.take_results())
        assert results > 20
        told = results if profile().optional_nodes else 0  # S1b has no InferenceTime to read
        assert abs(count() - told) <= 10 + 5 + 1, "ten for the clocks, one a second for the scaler"

    play(main, SimulationSpec(vpu=VpuSpec(time_scale=60.0)))


@pytest.mark.simulation
def test_steady_service_times_are_read_little_more_than_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_C)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(6)
        first = made.camera.take_results()
        count = transactions(made, monkeypatch)
        await asyncio.sleep(5)
        found = made.camera.take_results()
        assert len(found) > 250
        assert all(one.service_ms is not None for one in first[10:250]) or not profile().optional_nodes
        assert sum(one.service_ms is not None for one in found) <= 13 * 5 or not profile().optional_nodes
        assert count() <= 13 * 5 + 10 + 5 + 1, "ten for the clocks, one a second for the scaler"

    play(main, SimulationSpec(vpu=VpuSpec(time_scale=60.0)))


@pytest.mark.simulation
def test_a_fault_of_the_adapter_itself_loses_the_camera_and_not_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object, _frame: object) -> None:
        raise ZeroDivisionError("bug")

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        monkeypatch.setattr("agent.camera.stream.Stream.note", broken)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(0.5)
        assert ["bug" in event.detail for event in made.seen(EventKind.LOST)] == [True]
        monkeypatch.undo()
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)

    play(main)


@pytest.mark.simulation
def test_incomplete_images_are_counted_and_released() -> None:
    """Section 6: an image that is not released starves the stream."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        made.device.inject_fault(FaultSpec("stream", "corrupt", nth=5, count=40))
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1.5)
        counts = (await made.camera.health(5)).counts
        assert counts.incomplete == 40
        assert counts.frames > 30

    play(main)


def test_results_that_nobody_takes_are_dropped_oldest_first_and_counted() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(2)
        counts = (await made.camera.health(5)).counts
        records = made.camera.take_results()
        assert len(records) == 8
        assert counts.dropped >= counts.results - 8 - 1
        assert records[-1].frame_id > 60
        assert len(made.seen(EventKind.RESULTS)) == 1, "one event until somebody takes"

    chosen = settings()
    play(main, chosen=replace(chosen, timing=replace(chosen.timing, results_capacity=8)))


def test_software_triggers_make_one_frame_each() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        for _ in range(3):
            await made.camera.fire_trigger(5)
            await asyncio.sleep(0.2)
        assert (await made.camera.health(5)).counts.frames == 3

    play(main, chosen=settings(trigger=Trigger("software")))


def test_a_triggered_camera_at_its_own_pace_has_results_without_parts_and_counts_on_afterwards() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A, [GoldenCheck(golden_image(1), 0, 0.5, 0.05)])
        found: list[list[int | None]] = []
        for generation, own_pace in ((1, False), (2, True), (3, False)):
            await made.camera.own_pace(own_pace, 5)
            await made.camera.start_stream(5, generation)
            await asyncio.sleep(3)
            await made.camera.stop_stream(5)
            found.append([record.part for record in made.camera.take_results()])
        before, alone, after = found
        assert len(alone) > 60 > len(before) > 3
        assert set(alone) == {None}
        numbers = [part for part in [*before, *after] if part is not None]
        assert numbers == sorted(set(numbers))
        assert len(numbers) == len(before) + len(after)

    play(main, chosen=LINE)


def test_a_reconnected_camera_waits_for_its_trigger_again() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.own_pace(True, 5)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1)
        own = (await made.camera.health(5)).counts.frames
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await asyncio.sleep(1)
        assert own > 30
        assert (await made.camera.health(5)).counts.frames - own < 5

    play(main, chosen=LINE)
