"""Opening and closing a camera on the simulated SDK; rules of the vendor name their source in facts/firefly-dl.md."""

from __future__ import annotations

import asyncio

import pytest

from agent.camera import WorkerCamera
from agent.errors import CameraGone
from agent.sim import bus
from agent.sim.host.pointers import CCommandPtr, CEnumerationPtr
from agent.sim.host.system import System
from agent.sim.spec import SimulationSpec
from tests.contract.rig import (
    OLD_FIRMWARE,
    SERIAL,
    Rig,
    only_on,
    play,
    profile,
    rig,
    run,
    settings,
)


def test_connect_tells_identity_and_limits() -> None:
    async def main(made: Rig) -> None:
        info = await made.camera.connect(30)
        if SERIAL:
            assert info.serial == SERIAL
        assert info.buffer_bytes > 0
        assert len(info.sdk_version.split(".")) == 4
        if made.simulated:
            assert (info.firmware, info.sdk_version) == (profile().firmware, "4.4.0.246")
            assert (info.buffer_bytes, info.network_bytes, info.network_name) == (65536, 0, None)
            assert info.supports_injection
            assert bool(info.warnings) == (profile().firmware == OLD_FIRMWARE)

    play(main)


@pytest.mark.simulation
@only_on(OLD_FIRMWARE)
def test_old_firmware_connects_with_a_warning_and_without_the_optional_nodes() -> None:
    """S1b: firmware 1905.4.83 has neither status nor times nor properties."""

    async def main(made: Rig) -> None:
        info = await made.camera.connect(30)
        assert info.max_network_bytes is None
        assert info.network_name is None
        assert len(info.warnings) == 1
        assert "1905.4.103" in info.warnings[0]

    play(main)


def test_an_unknown_serial_is_a_camera_that_is_gone() -> None:
    async def main(made: Rig) -> None:
        with pytest.raises(CameraGone, match="no camera with serial 99"):
            await made.camera.connect(30)

    play(main, chosen=settings(serial="99"))


@pytest.mark.simulation
def test_connect_waits_for_a_camera_that_appears_late() -> None:
    """Section 6: right after another process died, enumeration and Init are flaky."""

    async def main(made: Rig) -> None:
        made.device.unplug()
        connecting = asyncio.create_task(made.camera.connect(30))
        await asyncio.sleep(1.2)
        made.device.replug()
        assert (await connecting).serial == SERIAL

    play(main)


def test_requests_before_connect_fail_and_name_the_remedy() -> None:
    async def main(made: Rig) -> None:
        with pytest.raises(CameraGone, match="connect first"):
            await made.camera.start_stream(5, 1)
        await made.camera.disconnect(5)

    play(main)


@pytest.mark.simulation
def test_connect_closes_a_file_that_a_dead_host_left_open() -> None:
    """S7: while a file is open the camera does not start acquisition, and gives no reason."""
    with rig() as made:
        _die_with_an_open_file(made)

        async def main(made: Rig) -> None:
            await made.camera.connect(30)
            await made.camera.start_stream(5, None)
            await asyncio.sleep(0.5)
            assert (await made.camera.health(5)).counts.frames > 20

        run(made, main)


def _die_with_an_open_file(made: Rig) -> None:
    """A host that opened the network file and was killed: nothing closes the file, the connection just ends."""
    system = System.GetInstance()
    camera = system.GetCameras().GetBySerial(SERIAL)
    camera.Init()
    nodes = camera.GetNodeMap()
    for name, entry in (
        ("FileSelector", "InferenceNetwork"),
        ("FileOpenMode", "Write"),
        ("FileOperationSelector", "Open"),
    ):
        node = CEnumerationPtr(nodes.GetNode(name))
        found = node.GetEntryByName(entry)
        assert found is not None
        node.SetIntValue(found.GetValue())
    CCommandPtr(nodes.GetNode("FileOperationExecute")).Execute()
    assert made.device._parts.files.open_name == "InferenceNetwork"
    del camera
    system.ReleaseInstance()


@pytest.mark.simulation
def test_disconnect_leaves_the_camera_to_others_and_connect_opens_it_again() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)
        await made.camera.disconnect(5)
        assert System._instance is None
        await made.camera.connect(30)
        await made.camera.start_stream(5, None)

    play(main)


@pytest.mark.simulation
def test_two_cameras_share_one_system_and_the_last_one_ends_it() -> None:
    """Section 6: the SDK crashes where it is started twice, and where it is released with cameras alive."""
    with rig() as made, bus.local_camera(SimulationSpec(serial="20000002"), made.clock):
        second = WorkerCamera(settings(name="station-2", serial="20000002"), made.owner, made.clock)

        async def main(made: Rig) -> None:
            try:
                infos = await asyncio.gather(made.camera.connect(30), second.connect(30))
                assert [info.serial for info in infos] == [SERIAL, "20000002"]
                await made.camera.disconnect(5)
                assert System._instance is not None
                assert (await second.health(5)).counts.frames == 0
            finally:
                await second.close()

        run(made, main)


@pytest.mark.simulation
def test_close_is_idempotent_and_works_before_the_first_connect() -> None:
    async def main(made: Rig) -> None:
        await made.camera.close()
        await made.camera.close()
        with pytest.raises(CameraGone, match="closed"):
            await made.camera.connect(5)

    play(main)
