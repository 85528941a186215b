"""The file engine: what FileOperationExecute does (facts/firefly-dl.md 1.2 and section 2, steps a to g).

One file can be open. While it is, the camera does not start acquisition and does not say why (S7). Files live in DDR,
lost with the power, or in flash: 24 MB for all of them, slow to write and to erase, kept, and worn by writing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.sim.chunks import TransferFailed
from agent.sim.faults import FaultPlan
from agent.sim.flash import Flash, StoredFile
from agent.sim.registers import RegisterBank
from agent.sim.spec import FaultSpec, SimulationSpec

NETWORK, INJECTED, DEFAULT_SET = "InferenceNetwork", "InjectedImage", "UserSetDefault"
USER_SETS = {"UserSetDefault": "Default", "UserSet0": "UserSet0", "UserSet1": "UserSet1"}
# Writing over these without deleting them first runs out of space (SDK-1195).
_BULKY = frozenset({NETWORK, INJECTED})


@dataclass(slots=True)
class _OpenFile:
    name: str
    mode: str
    # True once bytes were written, so that Close loads them.
    dirty: bool = False
    # True where the file held something when it was opened for writing.
    occupied: bool = False
    # True once this opening wore the flash.
    counted: bool = False


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
        self.flash = Flash(spec.storage)
        self.files |= {n: StoredFile(bytearray(d), True) for n, d in self.flash.load().items() if n in self.files}
        self.buffer = bytearray(spec.transport.file_access_buffer_bytes)
        self._open: _OpenFile | None = None

    @property
    def open_name(self) -> str | None:
        """The file that is open, which keeps acquisition from starting."""
        return self._open.name if self._open else None

    def size(self, name: str) -> int:
        return len(self.files[name].data)

    def lose_power(self, keep_ddr: bool = False) -> None:
        """The open file is closed as it is; DDR contents are gone unless `keep_ddr`."""
        was_open, self._open = self._open is not None, None
        for stored in self.files.values():
            if not stored.in_flash and not keep_ddr:
                stored.data.clear()
        if was_open:
            self.flash.save(self.files)

    def store(self, name: str, data: bytes) -> bool:
        """The camera itself writes a file to flash; False where that is worn or full."""
        stored = self.files[name]
        if self.flash.worn or self._in_flash_besides(stored) + len(data) > self._spec.storage.flash_bytes:
            return False
        self._wear(len(data))
        stored.data[:] = data
        stored.in_flash = True
        self.flash.save(self.files)
        return True

    def keep_setting(self, name: str, text: str) -> None:
        """A text outside any file that survives the power."""
        if self.flash.settings.get(name) != text:
            self.flash.settings[name] = text
            self.flash.save(self.files)

    def damage_flash_network(self) -> None:
        """A byte in the middle of a network that lies in flash is flipped."""
        stored = self.files[NETWORK]
        if stored.in_flash and stored.data:
            stored.data[len(stored.data) // 2] ^= 0xFF
            self.flash.save(self.files)

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
        self._owe(fault.delay_s)
        if fault.effect == "io_error":
            raise TransferFailed(f"fault: {fault.operation}")

    def _finish(self, status: str, result: int) -> None:
        self._bank.put("FileOperationStatus", status)
        self._bank.put("FileOperationResult", result)

    def _open_file(self, name: str) -> None:
        mode = self._bank.symbol("FileOpenMode")
        unreadable = name == NETWORK and mode != "Write" and not self._spec.quirks.network_readable
        if self._open is not None or unreadable or (name == DEFAULT_SET and mode != "Read"):
            self._finish("Failure", 0)
            return
        stored = self.files[name]
        self._open = _OpenFile(name, mode, occupied=mode != "Read" and bool(stored.data))
        if mode == "Write" and name not in _BULKY:
            self._erase(stored)
        self._bank.put("FileAccessOffset", 0)
        # The sample sets FileWriteToFlash after Open; setting it earlier has no effect (section 2, step d).
        self._bank.put("FileWriteToFlash", 1)
        self._finish("Success", 0)

    def _close(self, name: str) -> None:
        if self._open is None or self._open.name != name:
            self._finish("Failure", 0)
            return
        file, self._open = self._open, None
        if file.mode != "Read" and self.files[name].in_flash:
            self.flash.save(self.files)
        if file.dirty:
            self._closed(name)
        self._finish("Success", 0)

    def _delete(self, name: str) -> None:
        if name in {self.open_name, DEFAULT_SET}:
            self._finish("Failure", 0)
            return
        was_in_flash = self.files[name].in_flash
        self._erase(self.files[name])
        self.files[name] = StoredFile(in_flash=name in USER_SETS)
        if was_in_flash:
            self.flash.save(self.files)
        self._deleted(name)
        self._finish("Success", 0)

    def _read(self, name: str) -> None:
        if self._open is None or self._open.name != name or self._open.mode == "Write":
            self._finish("Failure", 0)
            return
        offset, length = self._bank.integer("FileAccessOffset"), self._bank.integer("FileAccessLength")
        piece = self.files[name].data[offset : offset + min(length, len(self.buffer))]
        self.buffer[: len(piece)] = piece
        self._bank.put("FileAccessOffset", offset + len(piece))
        self._finish("Success", len(piece))

    def _write(self, name: str, fault: FaultSpec | None) -> None:
        file = self._open
        if file is None or file.name != name or file.mode == "Read":
            self._finish("Failure", 0)
            return
        offset = self._bank.integer("FileAccessOffset")
        length = min(self._bank.integer("FileAccessLength"), len(self.buffer))
        if fault and fault.effect == "short_write":
            length //= 2
        stored = self.files[name]
        stored.in_flash = self._bank.flag("FileWriteToFlash") or name in USER_SETS
        if self._lacks_room(file, stored, offset + length):
            self._finish("Overflow", 0)
            return
        if stored.in_flash and not self._program(file, length):
            self._finish("Failure", 0)
            return
        self._put(stored, offset, bytes(self.buffer[:length]), fault)
        file.dirty = True
        self._bank.put("FileAccessOffset", offset + length)
        self._finish("Success", length)

    def _program(self, file: _OpenFile, length: int) -> bool:
        """Write `length` bytes to flash; False where it is worn. One opening wears it once."""
        if not file.counted:
            if self.flash.worn:
                return False
            file.counted = True
            self._wear(0)
        self._owe(length / self._spec.transport.flash_bytes_per_s)
        return True

    def _wear(self, length: int) -> None:
        self.flash.wear()
        self._owe(length / self._spec.transport.flash_bytes_per_s)

    def _erase(self, stored: StoredFile) -> None:
        if stored.in_flash:
            self._owe(len(stored.data) / self._spec.transport.flash_erase_bytes_per_s)
        stored.data.clear()

    def _lacks_room(self, file: _OpenFile, stored: StoredFile, end: int) -> bool:
        if file.occupied and file.name in _BULKY and self._spec.quirks.overwrite_needs_delete:
            return True
        storage, size = self._spec.storage, max(end, len(stored.data))
        if not stored.in_flash:
            others = sum(len(f.data) for f in self.files.values() if f is not stored and not f.in_flash)
            return others + size > storage.ddr_bytes
        share = self._spec.quirks.network_flash_share if file.name == NETWORK else 1.0
        return size > share * storage.flash_bytes or self._in_flash_besides(stored) + size > storage.flash_bytes

    def _in_flash_besides(self, stored: StoredFile) -> int:
        return sum(len(f.data) for f in self.files.values() if f is not stored and f.in_flash)

    @staticmethod
    def _put(stored: StoredFile, offset: int, piece: bytes, fault: FaultSpec | None) -> None:
        if fault and fault.effect == "corrupt" and piece:
            piece = bytes([piece[0] ^ 0xFF]) + piece[1:]
        if offset > len(stored.data):
            stored.data.extend(bytes(offset - len(stored.data)))
        stored.data[offset : offset + len(piece)] = piece
