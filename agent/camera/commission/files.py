"""Checks of the file engine on the injected image's file: chunk size, padding, an open file (S7, S12, S14)."""

from __future__ import annotations

import numpy as np

from agent.camera.commission.check import Bench, Check, Finding, Risk, compared, skipped, told
from agent.camera.commission.frames import running
from agent.camera.upload import INJECTED_IMAGE, FileSlot, buffer_bytes
from agent.errors import CameraError, CameraGone

_PROBE_BYTES = 1 << 19
_ODD_BYTES = 5
_NO_FILE = "this firmware has no file InjectedImage"


def _chunks(bench: Bench) -> Finding:
    if not _has_file(bench):
        return skipped(_NO_FILE)
    longest = buffer_bytes(bench.nodes)
    data = bytes(min(_PROBE_BYTES, 8 * longest))
    speeds: dict[int, float] = {}
    for length in sorted({longest, max(64, longest // 4 // 4 * 4), max(64, longest // 16 // 4 * 4)}, reverse=True):
        slot = FileSlot(bench.nodes, INJECTED_IMAGE, longest=length)
        elapsed_s = bench.elapsed_s(lambda slot=slot: slot.write(data, False, bench.guard, _ignore))  # type: ignore[misc]
        speeds[length] = len(data) / max(elapsed_s, 1e-9)
    FileSlot(bench.nodes, INJECTED_IMAGE).delete()
    best = max(speeds, key=lambda length: speeds[length])
    text = ", ".join(f"{length} bytes: {speed / 1e6:.2f} MB/s" for length, speed in speeds.items())
    return compared(best == longest, text, bytes_per_s=speeds, best=best)


def _padding(bench: Bench) -> Finding:
    if not _has_file(bench):
        return skipped(_NO_FILE)
    nodes, slot = bench.nodes, FileSlot(bench.nodes, INJECTED_IMAGE)
    slot.delete()
    slot.open("Write")
    try:
        nodes.set_int("FileAccessLength", _ODD_BYTES)
        nodes.register("FileAccessBuffer").Set(np.arange(_ODD_BYTES, dtype=np.uint8), False)
        slot.operate("Write")
        outcome = f"{nodes.get_int('FileOperationResult')} of {_ODD_BYTES} bytes were taken"
        works = True
    except (CameraError, nodes.vendor_exception) as exc:
        if isinstance(exc, CameraGone):
            raise
        outcome, works = f"refused: {' '.join(str(exc).split())}", False
    finally:
        slot.close_leftover()
        slot.delete()
    return told(f"without padding {outcome}", unpadded_works=works)


def _open_blocks(bench: Bench) -> Finding:
    if not _has_file(bench):
        return skipped(_NO_FILE)
    slot = FileSlot(bench.nodes, INJECTED_IMAGE)
    slot.delete()
    slot.open("Write")
    try:
        blocked = _frames_come(bench)
    finally:
        slot.close_leftover()
    after = _frames_come(bench)
    data = {"while_open": blocked or "frames came", "after_closing": after or "frames came"}
    text = f"while open: {data['while_open']}; after closing: {data['after_closing']}"
    return compared(bool(blocked) and not after, text, **data)


def _locked(bench: Bench) -> Finding:
    nodes = bench.nodes
    with running(bench) as next_image:
        next_image()
        execute, chunks = nodes.writable("FileOperationExecute"), nodes.writable("ChunkModeActive")
    text = f"while streaming FileOperationExecute is {_word(execute)} and ChunkModeActive is {_word(chunks)}"
    return compared(not execute and not chunks, text, file_operation_execute=execute, chunk_mode_active=chunks)


def _frames_come(bench: Bench) -> str:
    """Empty where they do, else how that showed."""
    try:
        with running(bench) as next_image:
            return "" if next_image(timeout_ms=1000) is not None else "no frame within 1 s"
    except CameraGone:
        raise
    except CameraError as exc:
        return f"refused ({exc.vendor_code})"


def _has_file(bench: Bench) -> bool:
    return bench.nodes.has_entry("FileSelector", INJECTED_IMAGE)


def _word(writable: bool) -> str:
    return "writable" if writable else "locked"


def _ignore(_done: int, _total: int) -> None:
    pass


CHECKS = (
    Check(
        "file_locked",
        None,
        "Are file operations and chunks locked while streaming?",
        "access modes in a stream",
        "both are; the agent stops acquisition first",
        "nothing breaks, but a swap could be shorter",
        _locked,
        Risk.STREAMS,
    ),
    Check(
        "chunk_size",
        4,
        "Which upload chunk is the fastest?",
        "the same bytes with three values of FileAccessLength",
        "the longest one",
        "FileAccessLength should be limited to the best",
        _chunks,
        Risk.STREAMS,
        deadline_s=120.0,
    ),
    Check(
        "padding",
        None,
        "Does a write whose length is no multiple of 4 fail?",
        "one write of 5 bytes without padding",
        "nothing: the agent always pads",
        "only of interest to other programs",
        _padding,
        Risk.STREAMS,
    ),
    Check(
        "open_file",
        None,
        "What does a file that is open do to acquisition?",
        "BeginAcquisition with an open file",
        "no frames come, and closing the file is enough to repair it",
        "a crashed upload would need a reset",
        _open_blocks,
        Risk.STREAMS,
        deadline_s=30.0,
    ),
)
