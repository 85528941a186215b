"""Flash: shared by all files, slow to write and to erase, worn by writing, and kept from one process to the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.errors import BadInput
from agent.sim import pyspin as PySpin
from agent.sim.spec import Quirks, SimulationSpec, StorageSpec, TransportSpec
from agent.sim.user_sets import pack_user_set, unpack_user_set
from tests.support.networks import tiny_ir
from tests.support.vendor import LocalBench, bench

MONO8_FRAME_BYTES = 1440 * 1080


def _write(camera: LocalBench, name: str, data: bytes, to_flash: bool = True) -> None:
    camera.open_for_writing(name)
    camera.flag("FileWriteToFlash").SetValue(to_flash)
    size = camera.integer("FileAccessLength").GetValue()
    for start in range(0, len(data), size):
        camera.write_chunk(data[start : start + size])
    camera.must("Close")


def _read(camera: LocalBench, name: str) -> bytes:
    """As the vendor's FileAccess example reads a file (S14)."""
    camera.choose("FileSelector", name)
    camera.choose("FileOpenMode", "Read")
    camera.must("Open")
    buffer = PySpin.CRegisterPtr(camera.nodes.GetNode("FileAccessBuffer"))
    camera.integer("FileAccessLength").SetValue(buffer.GetLength())
    data, size = bytearray(), camera.integer("FileSize").GetValue()
    while len(data) < size:
        camera.must("Read")
        data += bytes(buffer.Get(buffer.GetLength()))[: camera.integer("FileOperationResult").GetValue()]
    camera.must("Close")
    return bytes(data)


def _seconds(camera: LocalBench, operation: str) -> float:
    start_ns = camera.clock.now_ns()
    camera.must(operation)
    return (camera.clock.now_ns() - start_ns) / 1e9


def _kept_in(path: Path) -> SimulationSpec:
    return SimulationSpec(storage=StorageSpec(flash_file=str(path)))


def test_what_is_in_flash_outlives_the_device_process(tmp_path: Path) -> None:
    frame = np.random.default_rng(1).integers(0, 256, MONO8_FRAME_BYTES, np.uint8).tobytes()
    spec = _kept_in(tmp_path / "flash")
    with bench(spec) as camera:
        _write(camera, "UserFile1", frame)
        _write(camera, "InferenceNetwork", tiny_ir())
        _write(camera, "InjectedImage", bytes(1000), to_flash=False)
        PySpin.CStringPtr(camera.nodes.GetNode("DeviceUserID")).SetValue("left of the belt")
    with bench(spec) as camera:
        assert _read(camera, "UserFile1") == frame
        assert camera.await_network() == "Ready"
        assert camera.read("DeviceUserID") == "left of the belt"
        camera.choose("FileSelector", "InjectedImage")
        assert camera.integer("FileSize").GetValue() == 0


def test_a_deleted_file_does_not_come_back(tmp_path: Path) -> None:
    spec = _kept_in(tmp_path / "flash")
    with bench(spec) as camera:
        _write(camera, "UserFile1", b"data")
        camera.must("Delete")
    with bench(spec) as camera:
        camera.choose("FileSelector", "UserFile1")
        assert camera.integer("FileSize").GetValue() == 0


def test_a_saved_user_set_and_the_choice_of_it_outlive_the_process(tmp_path: Path) -> None:
    spec = _kept_in(tmp_path / "flash")
    with bench(spec) as camera:
        camera.integer("Width").SetValue(640)
        camera.choose("UserSetSelector", "UserSet1")
        PySpin.CCommandPtr(camera.nodes.GetNode("UserSetSave")).Execute()
        camera.choose("UserSetDefault", "UserSet1")
    with bench(spec) as camera:
        assert camera.integer("Width").GetValue() == 640


def test_cameras_without_a_flash_file_share_nothing() -> None:
    with bench() as camera:
        _write(camera, "UserFile1", b"data")
    with bench() as camera:
        camera.choose("FileSelector", "UserFile1")
        assert camera.integer("FileSize").GetValue() == 0


@pytest.mark.parametrize("content", [b"", b"PK but no more", b"\0" * 100])
def test_a_file_that_is_no_flash_is_refused_with_its_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "flash").write_bytes(content)
    with pytest.raises(BadInput, match="delete it"), bench(_kept_in(tmp_path / "flash")):
        pass


def test_no_half_written_file_is_left_beside_it(tmp_path: Path) -> None:
    with bench(_kept_in(tmp_path / "flash")) as camera:
        for k in range(3):
            _write(camera, "UserFile1", bytes([k]) * 100)
    assert [p.name for p in tmp_path.iterdir()] == ["flash"]


def test_erasing_flash_takes_time_and_erasing_ddr_does_not() -> None:
    with bench() as camera:
        for to_flash, least, most in ((True, 0.4, 0.6), (False, 0.0, 0.1)):
            _write(camera, "UserFile1", bytes(MONO8_FRAME_BYTES), to_flash)
            assert least <= _seconds(camera, "Delete") <= most


def test_a_worn_flash_takes_no_more_writes_and_ddr_still_does(tmp_path: Path) -> None:
    spec = SimulationSpec(storage=StorageSpec(flash_endurance_writes=2, flash_file=str(tmp_path / "flash")))
    with bench(spec) as camera:
        _write(camera, "UserFile1", b"one ")
        _write(camera, "UserFile1", b"two ")
    with bench(spec) as camera:  # wear is kept
        assert _read(camera, "UserFile1") == b"two "
        camera.open_for_writing("UserFile1")
        camera.flag("FileWriteToFlash").SetValue(True)
        camera.integer("FileAccessLength").SetValue(4)
        assert camera.execute("Write") == "Failure"
        camera.must("Close")
        _write(camera, "UserFile1", b"ddr ", to_flash=False)
        camera.choose("UserSetSelector", "UserSet0")
        camera.integer("Width").SetValue(640)
        PySpin.CCommandPtr(camera.nodes.GetNode("UserSetSave")).Execute()
        PySpin.CCommandPtr(camera.nodes.GetNode("UserSetLoad")).Execute()
        assert camera.integer("Width").GetValue() == 1440


def test_one_opening_wears_the_flash_once() -> None:
    with bench(SimulationSpec(transport=TransportSpec(file_access_buffer_bytes=1024))) as camera:
        before = camera.device._parts.files.flash.writes
        _write(camera, "UserFile1", bytes(10_000))
        assert camera.device._parts.files.flash.writes == before + 1


def test_all_files_share_the_flash_s9() -> None:
    storage = StorageSpec(flash_bytes=100_000)
    with bench(SimulationSpec(storage=storage)) as camera:
        _write(camera, "UserFile1", bytes(50_000))
        camera.open_for_writing("InferenceNetwork")
        camera.flag("FileWriteToFlash").SetValue(True)
        camera.integer("FileAccessLength").SetValue(50_000)
        assert camera.execute("Write") == "Overflow"
        camera.flag("FileWriteToFlash").SetValue(False)
        camera.must("Write")
        camera.must("Close")


def test_the_network_may_have_a_share_of_the_flash_only() -> None:
    spec = SimulationSpec(storage=StorageSpec(flash_bytes=100_000), quirks=Quirks(network_flash_share=0.3))
    with bench(spec) as camera:
        camera.open_for_writing("InferenceNetwork")
        camera.flag("FileWriteToFlash").SetValue(True)
        camera.integer("FileAccessLength").SetValue(30_001)
        assert camera.execute("Write") == "Overflow"
        camera.integer("FileAccessLength").SetValue(30_000)
        camera.must("Write")
        camera.must("Close")


def test_user_sets_can_be_copied_from_one_camera_to_another_s14() -> None:
    with bench() as camera:
        camera.integer("Width").SetValue(320)
        camera.choose("UserSetSelector", "UserSet0")
        PySpin.CCommandPtr(camera.nodes.GetNode("UserSetSave")).Execute()
        saved = _read(camera, "UserSet0")
    with bench() as camera:
        buffer = PySpin.CRegisterPtr(camera.nodes.GetNode("FileAccessBuffer")).GetLength()
        assert buffer % len(saved) == 0
        _write(camera, "UserSet1", saved)
        assert camera.integer("Width").GetValue() == 1440
        camera.choose("UserSetSelector", "UserSet1")
        PySpin.CCommandPtr(camera.nodes.GetNode("UserSetLoad")).Execute()
        assert camera.integer("Width").GetValue() == 320


@pytest.mark.parametrize("name", ["UserSetDefault", "UserSet0", "UserSet1"])
def test_user_sets_hold_the_values_of_the_factory_from_the_start(name: str) -> None:
    with bench() as camera:
        assert len(unpack_user_set(_read(camera, name))) > 50


def test_a_damaged_user_set_holds_nothing() -> None:
    packed = pack_user_set({"100": "ff", "200": "00"})
    assert unpack_user_set(packed) == {"100": "ff", "200": "00"}
    for position in (0, 5, 9, 15, 30):
        damaged = bytearray(packed)
        damaged[position] ^= 1
        assert unpack_user_set(bytes(damaged)) == {}
    assert unpack_user_set(b"") == {}
    assert unpack_user_set(packed[:20]) == {}


def test_a_device_reset_may_keep_ddr_and_a_power_cycle_never_does() -> None:
    """Section 7, item 11."""
    with bench(SimulationSpec(quirks=Quirks(reset_keeps_ddr=True))) as camera:
        camera.upload("InferenceNetwork", tiny_ir())
        for power_off, status in ((False, "Ready"), (True, "NoNetwork")):
            if power_off:
                camera.device.power_cycle()
            else:
                PySpin.CCommandPtr(camera.nodes.GetNode("DeviceReset")).Execute()
            camera.clock.sleep(10)
            camera.camera.DeInit()
            camera.camera.Init()
            assert camera.await_network() == status
