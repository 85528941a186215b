"""Files on the camera: the vendor's File Access sequence, with what its sample leaves out.

The order is that of the vendor's Inference.py (facts/firefly-dl.md section 2, S12); the corrections are

- the file is closed on every way out: an open file stops acquisition without a reason given (S7);
- delete comes first, or the camera may run out of space (SDK-1195, S13);
- short writes go on from the offset that FileOperationResult gives, and end after `_STUCK_LIMIT` without progress;
- the buffer of the last chunk is padded to 4 bytes while FileAccessLength is the true count (S14);
- a node is written only where its value changes, and per full chunk only FileOperationResult is read: it says more than
  the status, which is asked where the result is short, after the last chunk and after every other operation. A write
  that failed and left an old count there shows in FileSize after closing, because the offset did not advance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from agent.camera import acquisition
from agent.camera.guard import Guard
from agent.camera.nodes import Nodes
from agent.domain.device import ProgressFn
from agent.errors import CameraError, CameraGone, CameraRefused, CameraTimeout, UploadFailed

T = TypeVar("T")

NETWORK = "InferenceNetwork"
INJECTED_IMAGE = "InjectedImage"
SLOTS = (NETWORK, INJECTED_IMAGE)

_SUCCESS = "Success"
_STUCK_LIMIT = 3  # writes in a row that take no byte
_CLOSE_TRIES = 3
_NO_LIMIT = 1 << 62
_PAD = 0xFF  # what Teledyne's FileAccessUserSet.py pads with (S14)


class NoRoom(UploadFailed):
    """The camera's memory is full."""


class FileSlot:
    """One file of the camera, for one operation: it remembers which selectors it has set. Worker thread only."""

    def __init__(self, nodes: Nodes, slot: str, longest: int | None = None) -> None:
        """`longest` bounds a chunk, in bytes; None = what the camera's buffer takes."""
        self._nodes = nodes
        self._longest = longest
        self._slot = slot
        self._held: dict[str, str] = {}
        self._length = 0  # FileAccessLength as last written
        self._buffer_bytes = 0

    def size(self) -> int:
        """Bytes in the file; 0 = there is none."""
        self._select("FileSelector", self._slot)
        return self._nodes.get_int("FileSize")

    def delete(self) -> None:
        """Delete the file; harmless when there is none."""
        if self.size() > 0:
            self._insist("Delete")

    def write(self, data: bytes, flash: bool, guard: Guard, progress: ProgressFn, deleted: bool = False) -> None:
        """Replace the file by `data`. Closed afterwards whatever happens, unless CameraGone is raised.

        `deleted`: there is no file, which the caller knows because it has just deleted it.
        """
        guard.check()
        if not deleted:
            self._as_upload(self.delete)
        try:
            self._as_upload(lambda: self.open("Write"))
            self._as_upload(lambda: self._prepare(flash, len(data)))
            self._as_upload(lambda: self._write_all(data, guard, progress))
        except BaseException:
            self.close_leftover()
            raise
        self._close()
        size = self._as_upload(self.size)
        if size < len(data):
            raise UploadFailed(
                f"{self._slot}: the camera holds {size} of {len(data)} bytes after closing; upload again"
            )

    def close_leftover(self, tries: int = _CLOSE_TRIES) -> bool:
        """Close the file if it is open, whoever opened it; False where the camera did not confirm. Never raises.

        A file that was not open answers Failure as well: False does not tell that it is open.
        """
        for _ in range(tries):
            try:
                self.operate("Close")
            except CameraGone:
                return False
            except CameraError:
                self._held.clear()  # a write that failed may or may not have been taken
                continue
            return True
        return False

    def open(self, mode: str) -> None:
        """Open the file, for `Read` or `Write`; whoever does must close it on every way out."""
        self._select("FileSelector", self._slot)
        self._select("FileOpenMode", mode)
        self._insist("Open", mode)

    def operate(self, operation: str) -> None:
        """Execute a file operation; raises UploadFailed where its status is not Success."""
        self._execute(operation)
        self._check_status(operation)

    # -- steps -------------------------------------------------------------------------------------------------------

    def _insist(self, operation: str, mode: str = "") -> None:
        """Once more after repairs: a crashed run, or a close that failed, may have left the file open (S12 step c), and
        a camera that went on acquiring without a word refuses every file operation (S7).
        """
        try:
            self.operate(operation)
        except CameraGone:
            raise
        except CameraError:
            acquisition.stop_leftover(self._nodes)
            self.close_leftover()
            if mode:
                self._select("FileOpenMode", mode)
            self.operate(operation)

    def _prepare(self, flash: bool, total: int) -> None:
        """Storage (writable only while open, S12 step d), start of the file and the largest chunk of so many bytes."""
        if self._nodes.writable("FileWriteToFlash"):
            self._nodes.set_bool("FileWriteToFlash", flash)
        elif flash:
            raise CameraRefused(f"{self._slot}: FileWriteToFlash is not writable, only DDR is possible here; use ddr")
        self._length = self._nodes.get_int("FileAccessLength")
        self._buffer_bytes = min(buffer_bytes(self._nodes), self._longest or _NO_LIMIT)
        if self._length < min(total, self._buffer_bytes):
            self._try_length(min(total, self._buffer_bytes))
        self._nodes.set_int("FileAccessOffset", 0)

    def _try_length(self, longest: int) -> None:
        try:
            self._set_length(longest)
        except CameraRefused:
            self._length = self._nodes.get_int("FileAccessLength")  # some firmware fixes it; tolerated (S12 step e)

    def _write_all(self, data: bytes, guard: Guard, progress: ProgressFn) -> None:
        total = len(data)
        chunk_bytes = min(self._length, self._buffer_bytes)
        if chunk_bytes > 4:
            chunk_bytes -= chunk_bytes % 4
        self._select("FileSelector", self._slot)
        self._select("FileOperationSelector", "Write")
        write = _Writing(self._nodes, data, min(chunk_bytes, total))
        offset = stuck = 0
        progress(0, total)
        while offset < total:
            guard.check()
            count = min(chunk_bytes, total - offset)
            if count != self._length:
                self._set_length(count)
            written = write.chunk(offset, count)
            if written != count or offset + count == total:
                self._check_status("Write")
            if not 0 <= written <= count:
                raise UploadFailed(
                    f"{self._slot}: the camera reports {written} bytes written of {count} at {offset}; upload again"
                )
            offset += written
            stuck = 0 if written else stuck + 1
            if stuck >= _STUCK_LIMIT:
                raise UploadFailed(
                    f"{self._slot}: stuck at byte {offset} of {total}, {stuck} writes took nothing; "
                    "check FileSize against the camera's free space"
                )
            if written < count and offset < total:
                # The camera advances by what it took; said again, because a short write is not in the vendor's loop.
                self._nodes.set_int("FileAccessOffset", offset)
            progress(offset, total)

    def _close(self) -> None:
        try:
            self.operate("Close")
        except CameraGone:
            raise
        except CameraError as exc:
            if not self.close_leftover():
                raise UploadFailed(
                    f"{self._slot}: the camera does not close the file ({exc}); it cannot stream before it is reset",
                    exc.vendor_code,
                ) from exc

    # -- single transactions -----------------------------------------------------------------------------------------

    def _execute(self, operation: str) -> None:
        self._select("FileSelector", self._slot)
        self._select("FileOperationSelector", operation)
        self._nodes.execute("FileOperationExecute")

    def _check_status(self, operation: str) -> None:
        status = self._nodes.get_enum("FileOperationStatus")
        if status == "Overflow":
            raise NoRoom(f"{self._slot}: {operation} ended with {status}: the file is larger than the room for it")
        if status != _SUCCESS:
            raise UploadFailed(
                f"{self._slot}: {operation} ended with {status}, wanted {_SUCCESS}; see the camera's state"
            )

    def _select(self, selector: str, entry: str) -> None:
        if self._held.get(selector) != entry:
            self._held.pop(selector, None)
            self._nodes.set_enum(selector, entry)
            self._held[selector] = entry

    def _set_length(self, count: int) -> None:
        self._nodes.set_int("FileAccessLength", count)
        self._length = count

    def _as_upload(self, step: Callable[[], T]) -> T:
        """Run a step; refusals and broken transfers become UploadFailed, the vendor's code is kept."""
        try:
            return step()
        except (CameraGone, CameraTimeout, UploadFailed):
            raise
        except CameraError as exc:
            raise UploadFailed(f"{self._slot}: {exc}", exc.vendor_code) from exc


def buffer_bytes(nodes: Nodes) -> int:
    """Length of the file access buffer: not published, so it is asked (facts section 7 item 4)."""
    try:
        return int(nodes.register("FileAccessBuffer").GetLength())
    except nodes.vendor_exception as exc:
        raise nodes.wrap("FileAccessBuffer", exc, "read the length of") from exc


class _Writing:
    """The three transactions of a chunk, with everything looked up before the first: what the host does between them
    is part of every gap, some 200 times for 12 MB.
    """

    def __init__(self, nodes: Nodes, data: bytes, longest: int) -> None:
        """`longest` is the size of the largest chunk."""
        self._nodes = nodes
        self._data = np.frombuffer(data, np.uint8)
        # One writable array for all chunks, as the vendor's samples pass one; the SDK has copied it when it returns.
        self._buffer: NDArray[np.uint8] = np.empty(longest + -longest % 4, np.uint8)
        self._set = nodes.register("FileAccessBuffer").Set
        self._execute = nodes.command("FileOperationExecute").Execute
        self._result = nodes.integer("FileOperationResult").GetValue

    def chunk(self, offset: int, count: int) -> int:
        """Write `count` bytes from `offset`; how many the camera says that it took. Raises a CameraError."""
        padded = count + -count % 4
        buffer = self._buffer if padded == len(self._buffer) else self._buffer[:padded]
        buffer[:count] = self._data[offset : offset + count]
        buffer[count:] = _PAD
        called = "FileAccessBuffer"
        try:
            self._set(buffer, False)
            called = "FileOperationExecute"
            self._execute()
            called = "FileOperationResult"
            return int(self._result())
        except self._nodes.vendor_exception as exc:
            raise self._nodes.wrap(called, exc, f"write {count} bytes at {offset} with") from exc
