"""Golden images through the simulated camera's injection (facts/firefly-dl.md 1.5, S13, section 8)."""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from agent.builder.runtime import load_ir
from agent.camera import Roi, Trigger, selftest
from agent.domain.device import GoldenCheck, GoldenOutcome, Image8
from agent.errors import CameraRefused, CameraTimeout
from agent.sim.spec import FaultSpec
from tests.contract.rig import (
    NET_A,
    NET_B,
    Net,
    Rig,
    golden_image,
    ignore_progress,
    play,
    profile,
    settings,
    transactions,
)

LINE = settings(trigger=Trigger("Line0"), roi=Roi(180, 0, 1072, 1080))
# Selectors and buffers of the File Access engine have no meaning between uploads.
OPERATING = ("File", "TimestampLatch", "InferenceTime", "InferenceScaling", "InferencePreprocessingTime", "Device")


def reference(net: Net, image: Image8) -> tuple[int, float]:
    """Class and confidence by OpenVINO itself; the image has the network's size, so nothing is scaled."""
    with zipfile.ZipFile(io.BytesIO(net.blob)) as archive:
        xml, weights = archive.read("model.xml"), archive.read("model.bin")
    output = load_ir(xml, weights)(((image.astype(np.float32) - 127.5) / 127.5)[None, None])[0].reshape(-1)
    return int(output.argmax()), float(output.max())


def goldens_of(net: Net, count: int = 2, tolerance: float = 0.01) -> list[GoldenCheck]:
    images = [golden_image(seed) for seed in range(count)]
    return [GoldenCheck(image, *reference(net, image), tolerance) for image in images]


async def prepare(made: Rig, net: Net = NET_A) -> None:
    await made.camera.connect(30)
    await made.install(net)


@pytest.mark.simulation
def test_the_right_network_passes_its_goldens() -> None:
    goldens = goldens_of(NET_A, 3)

    async def main(made: Rig) -> tuple[GoldenOutcome, ...]:
        await prepare(made)
        return await made.camera.self_test(goldens, 30)

    outcomes = play(main, chosen=LINE)
    assert [o.passed for o in outcomes] == [True] * 3
    assert [o.class_id for o in outcomes] == [g.class_id for g in goldens]
    assert [o.confidence for o in outcomes] == pytest.approx([g.confidence for g in goldens], abs=1e-4)


@pytest.mark.simulation
def test_another_network_or_another_confidence_does_not_pass() -> None:
    right = goldens_of(NET_A)
    off = [GoldenCheck(g.image, g.class_id, g.confidence - 0.2, 0.05) for g in right]
    other = [GoldenCheck(g.image, (g.class_id + 1) % 8, g.confidence, 0.05) for g in right]

    async def main(made: Rig) -> None:
        await prepare(made)
        for wrong in (off, other):
            assert [o.passed for o in await made.camera.self_test(wrong, 30)] == [False, False]
        assert all(o.passed for o in await made.camera.self_test(right, 30))

    play(main)


@pytest.mark.simulation
def test_the_sensor_is_as_before_after_a_self_test() -> None:
    """Section 8: sizes back to their maxima, the file gone when the camera is left; S13: image processing on again."""

    async def main(made: Rig) -> None:
        await prepare(made)
        before = registers(made)
        await made.camera.self_test(goldens_of(NET_A), 30)
        assert registers(made) == before
        await made.camera.disconnect(5)
        assert made.device._parts.files.size("InjectedImage") == 0

    play(main, chosen=LINE)


@pytest.mark.simulation
def test_an_image_that_is_on_the_camera_is_not_uploaded_again() -> None:
    """Uploads fall in the gap of a swap, and the sub-nets of a ladder share their goldens."""

    async def main(made: Rig) -> None:
        await prepare(made)
        goldens = goldens_of(NET_A)
        costs = []
        for chosen in (goldens, goldens, goldens[:1], goldens[:1]):
            before_ns = made.clock.now_ns()
            outcomes = await made.camera.self_test(chosen, 30)
            assert [o.class_id for o in outcomes] == [g.class_id for g in chosen]
            costs.append((made.clock.now_ns() - before_ns) / 1e6)
        # 80 ms each for delete, open, close, start and stop in the simulation's transport.
        assert costs == pytest.approx([800 - 80, 560, 160, 160], abs=40)

    play(main)


@pytest.mark.simulation
def test_an_image_that_the_camera_lost_is_uploaded_again() -> None:
    async def main(made: Rig) -> None:
        await prepare(made)
        goldens = goldens_of(NET_A, 1)
        for _ in range(2):
            assert [o.passed for o in await made.camera.self_test(goldens, 30)] == [True]
            made.device._parts.files.files["InjectedImage"].data.clear()

    play(main)


@pytest.mark.simulation
def test_what_the_first_image_needs_is_set_while_the_network_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction after the load is one in the gap."""

    async def main(made: Rig) -> None:
        await prepare(made)
        goldens = goldens_of(NET_A)
        await made.camera.self_test(goldens, 30)  # from now on one of them is on the camera
        count = transactions(made, monkeypatch)
        costs = []
        for told in ((), goldens):
            await made.camera.upload_network(NET_A.blob, 30, ignore_progress)
            await made.camera.activate_network(NET_A.setup, 30, told)
            before, began_ns = count(), made.clock.now_ns()
            assert [o.passed for o in await made.camera.self_test(goldens, 30)] == [True, True]
            costs.append((count() - before, (made.clock.now_ns() - began_ns) / 1e6))
        assert costs[1][0] <= costs[0][0] - 12
        assert costs[1][1] <= costs[0][1] - 1.0, "ms, at 0.12 ms each"

    play(main)


@pytest.mark.simulation
def test_a_network_that_fails_to_load_leaves_the_sensor_as_it_was() -> None:
    async def main(made: Rig) -> None:
        await prepare(made)
        before = registers(made)
        goldens = goldens_of(NET_A)
        await made.camera.self_test(goldens, 30)
        made.device.inject_fault(FaultSpec("network.load", "wrong_status", count=10_000))
        await made.camera.disable_inference(5)
        await made.camera.upload_network(NET_A.blob, 30, ignore_progress)
        if profile().optional_nodes:
            with pytest.raises(CameraRefused):
                await made.camera.activate_network(NET_A.setup, 30, goldens)
        else:  # it does not tell, and cannot run it: the test finds out
            await made.camera.activate_network(NET_A.setup, 30, goldens)
        await made.camera.disable_inference(5)
        await made.camera.delete_network(5)
        await made.camera.start_stream(5, None)
        assert changed(made, before) - {"InferenceNetworkName"} == {"InferenceEnable"}

    play(main, chosen=LINE)


@pytest.mark.simulation
@pytest.mark.parametrize("operation", ["inference", "stream"])
def test_the_sensor_is_as_before_after_a_self_test_that_never_gets_an_answer(operation: str) -> None:
    async def main(made: Rig) -> None:
        await prepare(made)
        before = registers(made)
        made.device.inject_fault(FaultSpec(operation, "frozen", count=10_000))
        with pytest.raises(CameraTimeout):
            await made.camera.self_test(goldens_of(NET_A), 3)
        made.device.clear_faults()
        assert registers(made) == before
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(3)
        records = made.camera.take_results()
        assert len(records) >= 3
        assert not made.wrong(records, {1: NET_A})

    play(main, chosen=LINE)


@pytest.mark.simulation
@pytest.mark.parametrize("count", [1, 2])
def test_the_first_part_after_a_self_test_has_its_result(count: int) -> None:
    """The stale chunk of the last golden must not hide frame 0: a lost part is a longer gap."""

    async def main(made: Rig) -> None:
        await prepare(made)
        await made.camera.self_test(goldens_of(NET_A, count), 30)
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(3)
        assert [record.frame_id for record in made.camera.take_results()][:3] == [0, 1, 2]

    play(main, chosen=LINE)


@pytest.mark.simulation
def test_the_self_test_counts_in_no_figure_of_the_stream() -> None:
    async def main(made: Rig) -> None:
        await prepare(made)
        await made.camera.self_test(goldens_of(NET_A), 30)
        counts = (await made.camera.health(5)).counts
        assert (counts.frames, counts.results) == (0, 0)
        assert not made.camera.take_results()

    play(main)


@pytest.mark.simulation
def test_firmware_that_cannot_inject_has_no_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "supported", lambda _nodes: False)

    async def main(made: Rig) -> None:
        assert not (await made.camera.connect(30)).supports_injection
        await made.install(NET_B)
        assert await made.camera.self_test(goldens_of(NET_B), 30) == ()
        await made.camera.start_stream(5, 1)
        await asyncio.sleep(0.5)
        assert made.camera.take_results()

    play(main)


def test_the_payload_is_that_of_the_vendors_sample(shared_data: Path) -> None:
    raw = (shared_data / "firefly-injected-640x400.raw").read_bytes()
    image = (np.frombuffer(raw, "<u2") >> 2).astype(np.uint8).reshape(400, 640)
    assert selftest.payload(image) == raw


def registers(made: Rig) -> dict[str, str]:
    """Every writable register of the device that a user would call a setting."""
    bank = made.device._parts.bank
    return {
        key: value
        for key, value in bank.snapshot().items()
        if not bank.place(int(key, 16)).feature.startswith(OPERATING)
    }


def changed(made: Rig, before: dict[str, str]) -> set[str]:
    """The settings that are not as they were."""
    place = made.device._parts.bank.place
    return {place(int(key, 16)).feature for key, value in registers(made).items() if before[key] != value}
