"""Uploads byte for byte, and what they cost against the published loop (facts/firefly-dl.md section 2, S12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from agent.camera.guard import Guard
from agent.camera.upload import NETWORK, FileSlot
from agent.domain.device import GoldenCheck
from agent.errors import CameraGone, CameraRefused, UploadFailed
from agent.sim import pyspin as vendor
from agent.sim.chunks import TransferFailed
from agent.sim.spec import FaultSpec, Quirks, SimulationSpec, StorageSpec, TransportSpec
from tests.contract.rig import (
    NET_A,
    SERIAL,
    SMALL_CHUNKS,
    Rig,
    golden_image,
    ignore_progress,
    play,
    rig,
    settings,
    transactions,
)

CHUNK = SMALL_CHUNKS.transport.file_access_buffer_bytes


def content(size: int) -> bytes:
    return np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()


def on_camera(made: Rig) -> bytes:
    return bytes(made.device._parts.files.files["InferenceNetwork"].data)


async def upload(made: Rig, data: bytes) -> None:
    await made.camera.upload_network(data, 60, ignore_progress)


@pytest.mark.simulation
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 2])
def test_every_size_arrives_byte_for_byte(size: int) -> None:
    """S14: the last chunk is padded to 4 bytes, the length is the true count; a 1-byte remainder breaks the sample."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await upload(made, content(size))
        assert on_camera(made) == content(size)

    play(main, SMALL_CHUNKS)


@pytest.mark.simulation
@pytest.mark.parametrize("nth", [1, 2, 4])
def test_a_short_write_goes_on_from_the_true_offset(nth: int) -> None:
    """FileOperationResult counts; the sample ignores it (section 2, flaws)."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        made.device.inject_fault(FaultSpec("file.write", "short_write", nth=nth, count=2))
        await upload(made, content(4 * CHUNK + 3))
        assert on_camera(made) == content(4 * CHUNK + 3)

    play(main, SMALL_CHUNKS)


@pytest.mark.simulation
def test_writes_that_take_nothing_are_given_up() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        made.device.inject_fault(FaultSpec("file.write", "short_write", count=1000))
        with pytest.raises(UploadFailed, match="stuck at byte"):
            await upload(made, content(2 * CHUNK + 1))
        assert made.device._parts.files.open_name is None

    play(main, SMALL_CHUNKS)


@pytest.mark.simulation
def test_a_write_that_failed_and_left_an_old_count_is_found_when_the_file_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The status is not asked for each full chunk; the offset of a failed one did not advance."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        files = made.device._parts.files
        write, calls = files._write, 0

        def second_fails(name: str, fault: FaultSpec | None) -> None:
            nonlocal calls
            calls += 1
            if calls != 2:
                write(name, fault)

        monkeypatch.setattr(files, "_write", second_fails)
        with pytest.raises(UploadFailed, match=f"holds {3 * CHUNK} of {4 * CHUNK} bytes after closing"):
            await upload(made, content(4 * CHUNK))
        assert files.open_name is None

    play(main, SMALL_CHUNKS)


@pytest.mark.simulation
def test_a_network_larger_than_the_room_says_so() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        with pytest.raises(UploadFailed, match="larger than the room"):
            await upload(made, content(3 * CHUNK))

    play(main, replace(SMALL_CHUNKS, storage=StorageSpec(ddr_bytes=2 * CHUNK)))


@pytest.mark.simulation
def test_a_golden_image_gives_its_room_to_a_network() -> None:
    """The image of the last self test is kept on the camera, but never at the cost of an upload."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A, [GoldenCheck(golden_image(), 0, 0.5, 0.05)])
        assert made.device._parts.files.size("InjectedImage") > 0
        await upload(made, content(room))
        assert on_camera(made) == content(room)
        assert made.device._parts.files.size("InjectedImage") == 0

    room = 8 * CHUNK
    play(main, replace(SMALL_CHUNKS, storage=StorageSpec(ddr_bytes=room)))


@pytest.mark.simulation
@pytest.mark.parametrize("storage", ["ddr", "flash"])
def test_the_network_goes_where_the_settings_say(storage: str) -> None:
    """S12 step d: FileWriteToFlash is written after Open; DDR is the default because flash wears."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await upload(made, content(100))
        assert made.device._parts.files.files["InferenceNetwork"].in_flash == (storage == "flash")

    play(main, chosen=settings(network_storage=storage))


@pytest.mark.simulation
def test_an_empty_network_is_refused_before_the_old_one_is_deleted() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await upload(made, content(10))
        with pytest.raises(CameraRefused, match="0 bytes"):
            await upload(made, b"")
        assert on_camera(made) == content(10)

    play(main)


# -- what breaks once everything is looked up ----------------------------------------------------------------------


@pytest.mark.simulation
@pytest.mark.parametrize("node", ["FileAccessBuffer", "FileOperationExecute", "FileOperationResult"])
def test_a_transfer_that_breaks_in_the_middle_is_named_with_its_place_and_the_next_upload_works(
    node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        with monkeypatch.context() as patch:
            broken = break_third_chunk(made, node, patch)
            with pytest.raises(UploadFailed, match=f"write {CHUNK} bytes at {2 * CHUNK} with {node}"):
                await upload(made, content(4 * CHUNK))
            assert broken() == 1
        assert made.device._parts.files.open_name is None
        await upload(made, content(4 * CHUNK + 1))
        assert on_camera(made) == content(4 * CHUNK + 1)

    play(main, SMALL_CHUNKS)


def break_third_chunk(made: Rig, node: str, patch: pytest.MonkeyPatch) -> Callable[[], int]:
    """The third transaction of a chunk with that node fails; how many have."""
    device, seen, broken = made.device, 0, 0

    def strike(address: int, length: int) -> None:
        nonlocal seen, broken
        buffer = address == device._buffer_address
        writing = device._parts.bank.symbol("FileOperationSelector") == "Write"
        seen += writing and ("FileAccessBuffer" if buffer else device._feature(address, length)) == node
        if seen == 3 and not broken:
            broken += 1
            raise TransferFailed("broken by the test")

    read, write = device.read, device.write

    def read_or_break(epoch: int, address: int, length: int) -> bytes:
        strike(address, length)
        return read(epoch, address, length)

    def write_or_break(epoch: int, address: int, data: bytes) -> None:
        strike(address, len(data))
        write(epoch, address, data)

    patch.setattr(device, "read", read_or_break)
    patch.setattr(device, "write", write_or_break)
    return lambda: broken


@pytest.mark.simulation
@pytest.mark.parametrize("told", [CHUNK + 1, (1 << 32) - 1])
def test_a_count_that_cannot_be_ends_an_upload_with_the_file_closed(told: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        files = made.device._parts.files
        finish, writes = files._finish, 0

        def second_lies(status: str, result: int) -> None:
            nonlocal writes
            writes += result > 0
            finish(status, told if result > 0 and writes == 2 else result)

        monkeypatch.setattr(files, "_finish", second_lies)
        with pytest.raises(UploadFailed, match=f"reports {told} bytes written of {CHUNK} at {CHUNK}"):
            await upload(made, content(4 * CHUNK))
        assert writes == 2
        assert files.open_name is None

    play(main, SMALL_CHUNKS)


@pytest.mark.simulation
def test_a_camera_that_left_and_came_back_within_an_upload_gets_no_byte_more_before_it_is_connected_again() -> None:
    """What was looked up is of the connection that is gone; another camera may be at its place."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        chunks: list[int] = []

        def replaced(done: int, _total: int) -> None:
            chunks.append(done)
            if done == 2 * CHUNK:
                made.device.unplug()
                made.device.replug()

        with pytest.raises(CameraGone):
            await made.camera.upload_network(content(4 * CHUNK), 60, replaced)
        assert chunks == [0, CHUNK, 2 * CHUNK]
        assert len(on_camera(made)) <= 2 * CHUNK
        await made.camera.connect(30)
        await upload(made, content(4 * CHUNK))
        assert on_camera(made) == content(4 * CHUNK)

    play(main, SMALL_CHUNKS)


# -- cost ----------------------------------------------------------------------------------------------------------


def vendor_upload(nodes: vendor.INodeMap, data: bytes) -> None:
    """The sequence of Inference.py as section 2 describes it: steps a to g, selectors before each operation."""

    def enum(name: str) -> vendor.CEnumerationPtr:
        return vendor.CEnumerationPtr(nodes.GetNode(name))

    def choose(name: str, symbolic: str) -> None:
        entry = enum(name).GetEntryByName(symbolic)
        assert entry is not None
        enum(name).SetIntValue(entry.GetValue())

    def operate(operation: str) -> None:
        choose("FileOperationSelector", operation)
        vendor.CCommandPtr(nodes.GetNode("FileOperationExecute")).Execute()
        assert enum("FileOperationStatus").GetCurrentEntry().GetSymbolic() == "Success"

    def integer(name: str) -> vendor.CIntegerPtr:
        return vendor.CIntegerPtr(nodes.GetNode(name))

    choose("FileSelector", "InferenceNetwork")
    if integer("FileSize").GetValue() > 0:
        operate("Delete")
    choose("FileOpenMode", "Write")
    operate("Open")
    vendor.CBooleanPtr(nodes.GetNode("FileWriteToFlash")).SetValue(False)
    buffer = vendor.CRegisterPtr(nodes.GetNode("FileAccessBuffer"))
    if integer("FileAccessLength").GetValue() < buffer.GetLength():
        integer("FileAccessLength").SetValue(buffer.GetLength())
    integer("FileAccessOffset").SetValue(0)
    chunk, done = integer("FileAccessLength").GetValue(), 0
    while done < len(data):
        if chunk > len(data) - done:
            integer("FileAccessLength").SetValue(len(data) - done)
        buffer.Set(np.frombuffer(data[done : done + chunk], np.uint8))
        operate("Write")
        done += integer("FileOperationResult").GetValue()
    operate("Close")


def vendor_cost(spec: SimulationSpec, data: bytes, monkeypatch: pytest.MonkeyPatch) -> int:
    with rig(spec) as made:
        system = vendor.System.GetInstance()
        camera = system.GetCameras().GetBySerial(SERIAL)
        camera.Init()
        count = transactions(made, monkeypatch)
        vendor_upload(camera.GetNodeMap(), data)
        assert on_camera(made) == data
        del camera
        system.ReleaseInstance()
        return count()


def our_cost(spec: SimulationSpec, data: bytes, monkeypatch: pytest.MonkeyPatch) -> int:
    async def main(made: Rig) -> int:
        await made.camera.connect(30)
        count = transactions(made, monkeypatch)
        await upload(made, data)
        return count()

    return play(main, spec)


@pytest.mark.simulation
@pytest.mark.parametrize("megabytes", [0.3, 1.2])
def test_an_upload_costs_fewer_transactions_than_the_vendors_loop(
    megabytes: float, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """Each costs a USB round trip within the gap; 64 KiB buffer as in the simulation's defaults."""
    data = content(round(megabytes * 1e6) // 4 * 4)
    ours = our_cost(SimulationSpec(), data, monkeypatch)
    theirs = vendor_cost(SimulationSpec(), data, monkeypatch)
    record_property("transactions", f"ours {ours}, vendor {theirs}, {len(data)} bytes")
    chunks = -(-len(data) // 65536)
    assert ours < theirs
    assert ours <= 3 * chunks + 25, "three a chunk, and a fixed part"


@pytest.mark.simulation
def test_the_cost_of_a_small_buffer_is_three_transactions_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SimulationSpec(transport=TransportSpec(file_access_buffer_bytes=1024), quirks=Quirks())
    small, large = (our_cost(spec, content(1024 * chunks), monkeypatch) for chunks in (10, 110))
    assert large - small == 300


@pytest.mark.simulation
def test_an_upload_asks_nothing_again_that_the_deletion_before_it_has_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the gap of a swap: whether there is a file, and its name once more."""

    async def main(made: Rig) -> tuple[int, int]:
        await made.camera.connect(30)
        count = transactions(made, monkeypatch)
        await upload(made, content(2 * CHUNK))
        alone = count()
        await made.camera.delete_network(30)
        before = count()
        await upload(made, content(2 * CHUNK))
        return alone, count() - before

    alone, after_deletion = play(main, SMALL_CHUNKS)
    assert after_deletion <= alone - 2


@pytest.mark.simulation
def test_a_file_that_was_written_after_the_deletion_is_deleted_before_an_upload(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As commissioning does, on the session that it is given."""
    deleted: list[int] = []
    delete = FileSlot.delete

    def counted(slot: FileSlot) -> None:
        deleted.append(slot.size())
        delete(slot)

    monkeypatch.setattr(FileSlot, "delete", counted)

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.delete_network(30)
        device = made.camera._device
        guard = Guard(made.clock, "write", 30.0)

        def write(_: Guard) -> None:
            FileSlot(device.opened().nodes, NETWORK).write(content(5), False, guard, ignore_progress)

        await made.camera._ask("write", write, 30)
        deleted.clear()
        begun: list[int] = []
        await made.camera.upload_network(content(3), 60, lambda done, _total: begun.append(done))
        assert on_camera(made) == content(3)
        assert (deleted, begun) == ([5], [0, 3]), "it was written once, after the other file was deleted"

    play(main, SMALL_CHUNKS)
