"""The file engine: what FileOperationExecute does (facts/firefly-dl.md 1.2 and section 2, steps a to g).

One file can be open. While it is, the camera does not start acquisition and does not say why (S7). Files live in DDR,
lost with the power, or in flash, slow and kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.sim.chunks import TransferFailed
from agent.sim.faults import FaultPlan
from agent.sim.registers import RegisterBank
from agent.sim.spec import FaultSpec, SimulationSpec

NETWORK, INJECTED = "InferenceNetwork", "InjectedImage"
USER_SETS = {"UserSetDefault": "Default", "UserSet0": "UserSet0", "UserSet1": "UserSet1"}
# Writing over these without deleting them first runs out of space (SDK-1195).
_BULKY = frozenset({NETWORK, INJECTED})


@dataclass(slots=True)
class StoredFile:
    """Bytes and where they are kept."""

    data: bytearray = field(default_factory=bytearray)
    in_flash: bool = False


@dataclass(slots=True)
class _OpenFile:
    name: str
    mode: str
    # True once bytes were written, so that Close loads them.
    dirty: bool = False
    # True where the file held something when it was opened for writing.
    occupied: bool = False


class FileEngine:
    """Files and the one that is open. Owner: the device, under its lock.

    `closed(name)` is called after a file that was written is closed, `deleted(name)` after a deletion.
    """

    def __init__(
        self,
        spec: SimulationSpec,
        bank: RegisterBank,
        faults: FaultPlan,
        closed: Callable[[str], None],
        deleted: Callable[[str], None],
        owe: Callable[[float], None],
    ) -> None:
        self._spec, self._bank, self._faults = spec, bank, faults
        self._closed, self._deleted, self._owe = closed, deleted, owe
        self.files: dict[str, StoredFile] = {name: StoredFile(in_flash=True) for name in USER_SETS}
        self.files |= {name: StoredFile() for name in (NETWORK, INJECTED, "UserFile1")}
        self.buffer = bytearray(spec.transport.file_access_buffer_bytes)
        self._open: _OpenFile | None = None

    @property
    def open_name(self) -> str | None:
        """The file that is open, which keeps acquisition from starting."""
        return self._open.name if self._open else None

    def size(self, name: str) -> int:
        return len(self.files[name].data)

    def lose_power(self) -> None:
        """DDR contents and the open file are gone."""
        self._open = None
        for stored in self.files.values():
            if not stored.in_flash:
                stored.data.clear()

    def write_buffer(self, data: bytes) -> None:
        """Host wrote FileAccessBuffer; raises TransferFailed where the length is not a multiple of 4 (S14)."""
        if len(data) % 4 and self._spec.quirks.unaligned_write_fails:
            raise TransferFailed(f"FileAccessBuffer takes multiples of 4 bytes, got {len(data)}")
        self.buffer[: len(data)] = data

    def execute(self, streaming: bool, inferring: bool) -> None:
        """FileOperationExecute: sets FileOperationStatus and FileOperationResult."""
        operation = self._bank.symbol("FileOperationSelector")
        name = self._bank.symbol("FileSelector")
        fault = self._faults.strike(f"file.{operation.lower()}")
        self._apply(fault)
        guarded = self._spec.quirks.upload_needs_inference_off and inferring and name == NETWORK
        if (fault and fault.effect == "wrong_status") or streaming or (guarded and self._changes(operation)):
            self._finish("Failure", 0)
            return
        actions = {"Open": self._open_file, "Close": self._close, "Delete": self._delete}
        if operation in actions:
            self._owe(self._spec.transport.swap_overhead_s / 5)
            actions[operation](name)
        elif operation == "Read":
            self._read(name)
        else:
            self._write(name, fault)

    def _changes(self, operation: str) -> bool:
        return operation == "Delete" or (operation == "Open" and self._bank.symbol("FileOpenMode") != "Read")

    def _apply(self, fault: FaultSpec | None) -> None:
        if fault is None:
            return
        if fault.effect == "stall":
            self._owe(fault.seconds)
        if fault.effect == "io_error":
            raise TransferFailed(f"fault: {fault.operation}")

    def _finish(self, status: str, result: int) -> None:
        self._bank.put("FileOperationStatus", status)
        self._bank.put("FileOperationResult", result)

    def _open_file(self, name: str) -> None:
        mode = self._bank.symbol("FileOpenMode")
        unreadable = name == NETWORK and mode != "Write" and not self._spec.quirks.network_readable
        if self._open is not None or unreadable or (name == "UserSetDefault" and mode != "Read"):
            self._finish("Failure", 0)
            return
        stored = self.files[name]
        self._open = _OpenFile(name, mode, occupied=mode != "Read" and bool(stored.data))
        if mode == "Write" and name not in _BULKY:
            stored.data.clear()
        self._bank.put("FileAccessOffset", 0)
        # The sample sets FileWriteToFlash after Open; setting it earlier has no effect (section 2, step d).
        self._bank.put("FileWriteToFlash", 1)
        self._finish("Success", 0)

    def _close(self, name: str) -> None:
        if self._open is None or self._open.name != name:
            self._finish("Failure", 0)
            return
        dirty, self._open = self._open.dirty, None
        if dirty:
            self._closed(name)
        self._finish("Success", 0)

    def _delete(self, name: str) -> None:
        if self.open_name == name or name in USER_SETS:
            self._finish("Failure", 0)
            return
        self.files[name] = StoredFile()
        self._deleted(name)
        self._finish("Success", 0)

    def _read(self, name: str) -> None:
        if self._open is None or self._open.name != name or self._open.mode == "Write":
            self._finish("Failure", 0)
            return
        offset, length = self._bank.integer("FileAccessOffset"), self._bank.integer("FileAccessLength")
        piece = self.files[name].data[offset : offset + length]
        self.buffer[: len(piece)] = piece
        self._bank.put("FileAccessOffset", offset + len(piece))
        self._finish("Success", len(piece))

    def _write(self, name: str, fault: FaultSpec | None) -> None:
        file = self._open
        if file is None or file.name != name or file.mode == "Read":
            self._finish("Failure", 0)
            return
        offset, length = self._bank.integer("FileAccessOffset"), self._bank.integer("FileAccessLength")
        if fault and fault.effect == "short_write":
            length //= 2
        stored = self.files[name]
        stored.in_flash = self._bank.flag("FileWriteToFlash") or name in USER_SETS
        if self._lacks_room(file, stored, offset + length):
            self._finish("Overflow", 0)
            return
        if stored.in_flash:
            self._owe(length / self._spec.transport.flash_bytes_per_s)
        self._put(stored, offset, bytes(self.buffer[:length]), fault)
        file.dirty = True
        self._bank.put("FileAccessOffset", offset + length)
        self._finish("Success", length)

    def _lacks_room(self, file: _OpenFile, stored: StoredFile, end: int) -> bool:
        if file.occupied and file.name in _BULKY and self._spec.quirks.overwrite_needs_delete:
            return True
        storage = self._spec.storage
        room = storage.flash_bytes if stored.in_flash else storage.ddr_bytes
        others = sum(len(f.data) for f in self.files.values() if f is not stored and f.in_flash == stored.in_flash)
        return others + max(end, len(stored.data)) > room

    @staticmethod
    def _put(stored: StoredFile, offset: int, piece: bytes, fault: FaultSpec | None) -> None:
        if fault and fault.effect == "corrupt" and piece:
            piece = bytes([piece[0] ^ 0xFF]) + piece[1:]
        if offset > len(stored.data):
            stored.data.extend(bytes(offset - len(stored.data)))
        stored.data[offset : offset + len(piece)] = piece
