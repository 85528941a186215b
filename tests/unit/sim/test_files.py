"""File access as the vendor documents it; each rule names its source in facts/firefly-dl.md."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from agent.sim import pyspin as PySpin
from agent.sim.spec import FaultSpec, Quirks, SimulationSpec, StorageSpec, TransportSpec
from tests.support.networks import tiny_ir
from tests.support.vendor import LocalBench, bench

SMALL_BUFFER = TransportSpec(file_access_buffer_bytes=1024)


@pytest.fixture
def camera() -> Iterator[LocalBench]:
    with bench(SimulationSpec(transport=SMALL_BUFFER)) as held:
        yield held


def _refused(code: int, action: object, *arguments: object) -> None:
    with pytest.raises(PySpin.SpinnakerException) as refused:
        action(*arguments)  # type: ignore[operator]
    assert refused.value.errorcode == code


def test_a_file_is_read_back_as_it_was_written(camera: LocalBench) -> None:
    data = bytes(range(256)) * 9 + b"odd"
    camera.upload("UserFile1", data)
    assert camera.integer("FileSize").GetValue() == len(data)
    camera.choose("FileOpenMode", "Read")
    camera.must("Open")
    camera.integer("FileAccessLength").SetValue(1024)
    pieces = []
    for _ in range(4):
        camera.must("Read")
        taken = camera.integer("FileOperationResult").GetValue()
        pieces.append(bytes(PySpin.CRegisterPtr(camera.nodes.GetNode("FileAccessBuffer")).Get(1024))[:taken])
    camera.must("Close")
    assert b"".join(pieces) == data
    assert [len(p) for p in pieces] == [1024, 1024, len(data) - 2048, 0]  # short results at the end of the file


def test_an_open_file_keeps_acquisition_from_starting_and_no_reason_is_given_s7(camera: LocalBench) -> None:
    camera.open_for_writing("UserFile1")
    camera.camera.BeginAcquisition()
    _refused(-1011, camera.camera.GetNextImage, 500)
    camera.camera.EndAcquisition()
    camera.must("Close")
    camera.camera.BeginAcquisition()
    camera.camera.GetNextImage(500).Release()


def test_file_operations_are_disabled_during_acquisition_s7(camera: LocalBench) -> None:
    camera.camera.BeginAcquisition()
    execute = PySpin.CCommandPtr(camera.nodes.GetNode("FileOperationExecute"))
    assert not PySpin.IsWritable(execute)
    _refused(-2006, execute.Execute)


def test_a_second_open_fails_until_close_s12(camera: LocalBench) -> None:
    camera.open_for_writing("UserFile1")
    assert camera.execute("Open") == "Failure"
    camera.must("Close")
    camera.must("Open")
    camera.must("Close")


def test_closing_what_is_not_open_fails(camera: LocalBench) -> None:
    assert camera.execute("Close") == "Failure"


def test_writing_over_a_network_that_was_not_deleted_runs_out_of_space_s13(camera: LocalBench) -> None:
    camera.upload("InferenceNetwork", tiny_ir())
    camera.choose("FileOpenMode", "Write")
    camera.must("Open")
    assert camera.execute("Write") == "Overflow"
    camera.must("Close")


def test_a_file_larger_than_the_flash_overflows() -> None:
    """S9: 24 MB for all files together; the user sets are there from the factory on."""
    with bench() as camera:
        taken = camera.device._parts.files.size("UserSet0") * 3
    storage = StorageSpec(ddr_bytes=4096, flash_bytes=taken + 2048)
    with bench(SimulationSpec(transport=SMALL_BUFFER, storage=storage)) as camera:
        camera.open_for_writing("UserFile1")
        camera.flag("FileWriteToFlash").SetValue(True)
        camera.write_chunk(bytes(1024))
        camera.write_chunk(bytes(1024))
        assert camera.execute("Write") == "Overflow"
        camera.must("Close")


def test_an_unpadded_buffer_write_fails_s14(camera: LocalBench) -> None:
    camera.open_for_writing("UserFile1")
    buffer = PySpin.CRegisterPtr(camera.nodes.GetNode("FileAccessBuffer"))
    _refused(-1010, buffer.Set, np.zeros(10, np.uint8))
    buffer.Set(np.zeros(12, np.uint8))
    camera.must("Close")


def test_the_device_advances_its_own_offset_s12(camera: LocalBench) -> None:
    camera.open_for_writing("UserFile1")
    camera.write_chunk(bytes(1000))
    assert camera.integer("FileAccessOffset").GetValue() == 1000
    camera.must("Close")


def test_setting_flash_before_open_has_no_effect_s12(camera: LocalBench) -> None:
    camera.choose("FileSelector", "UserFile1")
    camera.flag("FileWriteToFlash").SetValue(False)
    camera.choose("FileOpenMode", "Write")
    camera.must("Open")
    assert camera.flag("FileWriteToFlash").GetValue() is True
    camera.must("Close")


@pytest.mark.parametrize(("to_flash", "kept"), [(False, "NoNetwork"), (True, "Ready")])
def test_only_flash_survives_a_power_cycle_s12(camera: LocalBench, to_flash: bool, kept: str) -> None:
    data = tiny_ir()
    camera.open_for_writing("InferenceNetwork")
    camera.flag("FileWriteToFlash").SetValue(to_flash)
    for start in range(0, len(data), 1024):
        camera.write_chunk(data[start : start + 1024])
    camera.must("Close")
    camera.device.power_cycle()
    camera.clock.sleep(10)
    camera.camera.DeInit()
    camera.camera.Init()
    assert camera.read("InferenceNetworkStatus") == kept
    assert camera.integer("InferenceNetworkSize").GetValue() == (len(data) if to_flash else 0)


def test_flash_is_slower_than_ddr_s12(camera: LocalBench) -> None:
    seconds = []
    for to_flash in (False, True):
        camera.open_for_writing("UserFile1")
        camera.flag("FileWriteToFlash").SetValue(to_flash)
        start_ns = camera.clock.now_ns()
        for _ in range(100):
            camera.write_chunk(bytes(1024))
        seconds.append((camera.clock.now_ns() - start_ns) / 1e9)
        camera.must("Close")
    assert seconds[1] > seconds[0] + 0.2


def test_an_upload_takes_the_time_of_its_bytes_and_transactions() -> None:
    with bench(SimulationSpec()) as camera:
        start_ns = camera.clock.now_ns()
        camera.upload("UserFile1", bytes(5_000_000))
        assert 1.16 < (camera.clock.now_ns() - start_ns) / 1e9 < 1.6


def test_the_operation_result_after_open_is_zero(camera: LocalBench) -> None:
    camera.upload("UserFile1", bytes(512))
    camera.must("Open")
    assert camera.integer("FileOperationResult").GetValue() == 0
    camera.must("Close")


def test_an_open_file_survives_the_death_of_its_host(camera: LocalBench) -> None:
    camera.open_for_writing("UserFile1")
    camera.camera.DeInit()
    camera.camera.Init()
    camera.choose("FileSelector", "UserFile1")
    assert camera.execute("Open") == "Failure"
    camera.must("Close")
    camera.must("Open")
    camera.must("Close")


def test_the_default_user_set_cannot_be_written(camera: LocalBench) -> None:
    camera.choose("FileSelector", "UserSetDefault")
    camera.choose("FileOpenMode", "Write")
    assert camera.execute("Open") == "Failure"
    assert camera.execute("Delete") == "Failure"


def test_a_user_set_restores_what_was_saved(camera: LocalBench) -> None:
    camera.integer("Width").SetValue(640)
    camera.choose("UserSetSelector", "UserSet0")
    PySpin.CCommandPtr(camera.nodes.GetNode("UserSetSave")).Execute()
    camera.integer("Width").SetValue(320)
    PySpin.CCommandPtr(camera.nodes.GetNode("UserSetLoad")).Execute()
    assert camera.integer("Width").GetValue() == 640
    camera.choose("UserSetSelector", "Default")
    PySpin.CCommandPtr(camera.nodes.GetNode("UserSetLoad")).Execute()
    assert camera.integer("Width").GetValue() == 1440


def test_with_the_pessimistic_quirk_an_upload_needs_inference_off() -> None:
    with bench(SimulationSpec(quirks=Quirks(upload_needs_inference_off=True))) as camera:
        camera.load(tiny_ir())
        assert camera.execute("Delete") == "Failure"
        camera.flag("InferenceEnable").SetValue(False)
        camera.must("Delete")


def test_with_the_pessimistic_quirk_a_network_cannot_be_read_back() -> None:
    with bench(SimulationSpec(quirks=Quirks(network_readable=False))) as camera:
        camera.upload("InferenceNetwork", tiny_ir())
        camera.choose("FileOpenMode", "Read")
        assert camera.execute("Open") == "Failure"


@pytest.mark.parametrize("operation", ["open", "close", "delete", "write", "read"])
def test_each_file_operation_can_be_made_to_fail_once(camera: LocalBench, operation: str) -> None:
    camera.upload("UserFile1", bytes(8))
    if operation in {"close", "write", "read"}:
        camera.choose("FileOpenMode", "ReadWrite")
        camera.must("Open")
    camera.device.inject_fault(FaultSpec(f"file.{operation}", "wrong_status"))
    assert camera.execute(operation.capitalize()) == "Failure"
    assert camera.execute(operation.capitalize()) == "Success"


def test_a_short_write_says_so_in_the_result(camera: LocalBench) -> None:
    camera.open_for_writing("UserFile1")
    camera.device.inject_fault(FaultSpec("file.write", "short_write"))
    assert camera.write_chunk(bytes(1000)) == 500
    camera.must("Close")
    assert camera.integer("FileSize").GetValue() == 500


def test_a_broken_transfer_is_an_io_error(camera: LocalBench) -> None:
    camera.device.inject_fault(FaultSpec("file.open", "io_error"))
    _refused(-1010, camera.execute, "Open")
    camera.must("Open")
    camera.must("Close")
