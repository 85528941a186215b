"""Checks of frames without a network: numbering, timestamps, pixels, throughput (section 7, items 12 and 14)."""

from __future__ import annotations

from agent.camera.commission.check import Bench, Check, Finding, Risk, compared, skipped, told
from agent.camera.commission.frames import free_running, grab, running, take
from agent.errors import CameraError

_EXPOSURES_US = (5_000.0, 25_000.0)
_LINK_NODES = ("DeviceLinkSpeed", "DeviceLinkThroughputLimit", "DeviceLinkCurrentThroughput", "DeviceMaxThroughput")
_WATCHED_S = 2.0
_APART_S = 0.2  # a trigger that comes before the camera is ready for it is lost


def _numbering(bench: Bench) -> Finding:
    firsts: list[tuple[int, int | None]] = []
    for _ in range(2):
        with running(bench) as next_image:
            seen = take(next_image, 4)
        if len(seen) < 4:
            return compared(False, f"{len(seen)} of 4 frames came", firsts=firsts)
        firsts.append((seen[0].frame_id, seen[0].chunk_frame_id))
    restarts = all(first == firsts[0] for first in firsts) and firsts[0][0] in {0, 1}
    same = all(image == chunk for image, chunk in firsts)
    chunks = [chunk for _, chunk in firsts]
    text = f"first frame ids of two acquisitions {firsts[0][0]} and {firsts[1][0]}, in the chunks {chunks}"
    return compared(same, text, firsts=firsts, restarts=restarts, chunk_is_image=same)


def _timestamps(bench: Bench) -> Finding:
    """A longer exposure moves a stamp of the end of exposure by its length, and one of the start not at all."""
    nodes = bench.nodes
    delays_us = []
    try:
        nodes.set_enum("ExposureAuto", "Off")
        for exposure_us in _EXPOSURES_US:
            nodes.set_float("ExposureTime", exposure_us)
            delays_us.append(_trigger_to_stamp_us(bench))
    finally:
        bench.device.configure()
    moved_us = delays_us[1] - delays_us[0]
    share = moved_us / (_EXPOSURES_US[1] - _EXPOSURES_US[0])
    found = "exposure_end" if share > 0.75 else "exposure_start" if share < 0.25 else "neither"
    text = f"{found}: 20 ms more exposure moved the stamp by {moved_us / 1e3:.1f} ms"
    return compared(found == bench.settings.timestamps, text, found=found, moved_us=moved_us, delays_us=delays_us)


def _trigger_to_stamp_us(bench: Bench) -> float:
    """Camera time from just before a software trigger to the stamp of its frame, the least of a few."""
    nodes, delays = bench.nodes, []
    nodes.set_enum("TriggerMode", "Off")
    nodes.set_enum("TriggerSelector", "FrameStart")
    nodes.set_enum("TriggerSource", "Software")
    nodes.set_enum("TriggerMode", "On")
    with running(bench) as next_image:
        for _ in range(3):
            nodes.execute("TimestampLatch")
            before_ns = nodes.get_int("TimestampLatchValue")
            nodes.execute("TriggerSoftware")
            seen = next_image()
            if seen is None:
                raise CameraError("no frame came within 1 s of a software trigger")
            delays.append((seen.timestamp_ns - before_ns) / 1e3)
            bench.guard.pause(_APART_S)
    return min(delays)


def _latch_streaming(bench: Bench) -> Finding:
    with running(bench) as next_image:
        next_image()
        try:
            bench.nodes.execute("TimestampLatch")
            bench.nodes.get_int("TimestampLatchValue")
        except CameraError as exc:
            return compared(False, f"refused: {exc}")
        return compared(True, "works")


def _pixels(bench: Bench) -> Finding:
    """Keep an array past Release, let its buffer be used again, and look whether it changed."""
    buffers = bench.settings.timing.stream_buffers
    with running(bench):
        image = grab(bench, 1000)
        if image is None:
            return compared(False, "no frame came within 1 s")
        try:
            array = image.GetNDArray()
            kept = array.copy()
        finally:
            image.Release()
        for _ in range(2 * buffers):
            bench.guard.check()
            if (later := grab(bench, 1000)) is None:
                break
            later.Release()
        changed = bool((array != kept).any())
    owns = bool(array.flags.owndata)
    text = (
        f"{'changed' if changed else 'unchanged'} after {2 * buffers} frames, {'a copy' if owns else 'borrowed memory'}"
    )
    return told(text, changed=changed, owns_memory=owns)


def _throughput(bench: Bench) -> Finding:
    frames = incomplete = 0
    end_ns = bench.clock.now_ns() + round(_WATCHED_S * 1e9)
    with running(bench) as next_image:
        while bench.clock.now_ns() < end_ns:
            seen = next_image(timeout_ms=200)
            frames += seen is not None
            incomplete += seen is not None and seen.incomplete
    link = {name: bench.nodes.try_int(name) for name in _LINK_NODES}
    speed = bench.device.link_speed()
    text = f"{frames / _WATCHED_S:.1f} frames/s, {incomplete} incomplete, link {speed or 'speed not told'}"
    good = frames > 0 and not incomplete and speed in {None, "SuperSpeed"}
    return compared(good, text, frames_per_s=frames / _WATCHED_S, incomplete=incomplete, speed=speed, link=link)


def _software_trigger(bench: Bench) -> Finding:
    if not bench.nodes.has_entry("TriggerSource", "Software"):
        return skipped("there is no software trigger")
    return _timestamps(bench)


CHECKS = (
    Check(
        "throughput",
        None,
        "How many frames come, complete, over this cable, hub and host?",
        "2 s of free-running frames",
        "SuperSpeed, none incomplete",
        "parts are lost: see cable, hub and usbfs_memory_mb",
        free_running(_throughput),
        Risk.STREAMS,
    ),
    Check(
        "frame_numbering",
        12,
        "Where do frame ids start, and do chunk and image agree?",
        "first frames of two acquisitions",
        "both numberings agree; where they start does not matter",
        "results would be dropped as stale",
        free_running(_numbering),
        Risk.STREAMS,
        deadline_s=30.0,
    ),
    Check(
        "timestamp_meaning",
        None,
        "Does the timestamp mark the start or the end of exposure?",
        "software triggers with 5 and 25 ms of exposure",
        "as `timestamps` says, by default the end",
        "latency and gaps are wrong by one exposure: set timestamps",
        _software_trigger,
        Risk.STREAMS,
        deadline_s=30.0,
    ),
    Check(
        "latch_streaming",
        None,
        "Does TimestampLatch work while streaming?",
        "one latch in a stream",
        "it does",
        "the clocks are mapped at connect only and drift apart",
        free_running(_latch_streaming),
        Risk.STREAMS,
    ),
    Check(
        "pixels_copy",
        14,
        "Is GetNDArray a copy or a view of the buffer?",
        "an array kept past Release and many frames",
        "nothing: pixels are copied before Release",
        "only of interest to other programs",
        free_running(_pixels),
        Risk.STREAMS,
        deadline_s=60.0,
    ),
)
