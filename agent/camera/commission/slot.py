"""Checks of the network slot: uploads, loading, what survives, how results are numbered (section 7, items 6 to 13)."""

from __future__ import annotations

from itertools import pairwise

from agent.camera import acquisition, network
from agent.camera.commission.check import Bench, Check, Finding, Risk, compared, skipped, told
from agent.camera.commission.frames import free_running, running, take
from agent.camera.network import Phase
from agent.camera.upload import NETWORK, FileSlot
from agent.errors import CameraError, CameraGone, CameraTimeout

_FRAMES = 40
_HEAD_BYTES = 64


def _times(bench: Bench) -> Finding:
    return _timed(bench, flash=False)


def _flash_times(bench: Bench) -> Finding:
    return _timed(bench, flash=True)


def _timed(bench: Bench, flash: bool) -> Finding:
    """Erase, upload and load; leaves the network on the camera."""
    device, setup, blob = bench.device, bench.network.setup, bench.network.blob
    slot = FileSlot(bench.nodes, NETWORK)
    device.disable_inference()
    slot.write(blob, flash, bench.guard, _ignore)
    erase_s = bench.elapsed_s(device.delete_network)
    upload_s = bench.elapsed_s(lambda: slot.write(blob, flash, bench.guard, _ignore))
    load_s = bench.elapsed_s(lambda: device.activate_network(setup, bench.guard))
    speed = len(blob) / max(upload_s, 1e-9)
    told_by = "status" if network.read_phase(bench.nodes) is not Phase.UNKNOWN else "settle time"
    text = f"erase {erase_s:.2f} s, upload {upload_s:.2f} s ({speed / 1e6:.2f} MB/s), load {load_s:.2f} s by {told_by}"
    return told(text, erase_s=erase_s, upload_s=upload_s, load_s=load_s, bytes=len(blob), load_told_by=told_by)


def _golden(bench: Bench) -> Finding:
    bench.install()
    report = bench.device.read_network()
    outcomes = bench.device.self_test(bench.network.goldens, bench.guard)
    data = {
        "report": {name: getattr(report, name) for name in report.__slots__},
        "outcomes": [(outcome.class_id, outcome.confidence, outcome.passed) for outcome in outcomes],
    }
    if not outcomes:
        return compared(False, "no golden image could be run; only the read-only properties vouch", **data)
    good = sum(outcome.passed for outcome in outcomes)
    return compared(good == len(outcomes), f"{good} of {len(outcomes)} golden images as expected", **data)


def _first_chunks(bench: Bench) -> Finding:
    """What chunks say without a network, and with one that has not inferred anything yet."""
    device = bench.device
    device.disable_inference()
    device.delete_network()
    empty = _chunks(bench, 4)
    device.upload_network(bench.network.blob, bench.guard, _ignore)
    device.activate_network(bench.network.setup, bench.guard)
    fresh = _chunks(bench, 1)
    readable = all(values is not None for row in empty + fresh for values in row)
    text = f"without a network {_rows(empty)}; first frame of a fresh one {_rows(fresh)}"
    return compared(readable, text, without_network=empty, first_frame=fresh)


def _numbering(bench: Bench) -> Finding:
    """Ids of inferred frames over two acquisitions of one network."""
    bench.install()
    stale: list[int | None] = []
    ahead = repeated = 0
    for _ in range(2):
        with running(bench) as next_image:
            seen = [one for one in take(next_image, _FRAMES) if one.inference_id is not None]
        if not seen:
            return compared(False, "no frame with an inference id came")
        stale.append(seen[0].inference_id)
        ahead += sum((one.inference_id or 0) > (one.chunk_frame_id or 0) for one in seen[2:])
        repeated += sum(a.inference_id == b.inference_id for a, b in pairwise(seen))
    newest = seen[-1].inference_id or 0
    text = f"first frames show {stale}, {ahead} ids above their frame's, {repeated} repeated, last id {newest}"
    return compared(ahead == 0 and newest > 0, text, first=stale, ahead=ahead, repeated=repeated, newest=newest)


def _sync(bench: Bench) -> Finding:
    nodes = bench.nodes
    if not nodes.has_entry("TriggerSource", "InferenceReady"):
        return compared(False, "there is no entry InferenceReady")
    bench.install()
    acquisition.trigger_off(nodes)
    nodes.set_enum("TriggerSelector", "FrameStart")
    nodes.set_enum("TriggerSource", "InferenceReady")
    nodes.set_enum("TriggerMode", "On")
    try:
        with running(bench) as next_image:
            seen = take(next_image, 12)[2:]
    finally:
        acquisition.apply_trigger(nodes, bench.settings)
    own = sum(one.inference_id == one.chunk_frame_id for one in seen)
    return compared(bool(seen) and own == len(seen), f"{own} of {len(seen)} frames carry their own result", own=own)


def _service_time(bench: Bench) -> Finding:
    bench.install()
    service = network.ServiceTime(bench.nodes, bench.clock)
    if not service.told:
        return compared(False, "this firmware has no InferenceTime; the period in saturation stands in for it")
    readings, stamps = [], []
    with running(bench) as next_image:
        for one in take(next_image, _FRAMES):
            reading = service.read()
            readings += [reading.service_ms] if reading else []
            stamps.append((one.inference_id, one.timestamp_ns))
    changes = [at for (before, _), (after, at) in pairwise(stamps) if before != after]
    if not readings or len(changes) < 2:
        return compared(False, f"{len(readings)} readings and {len(changes)} results in {len(stamps)} frames")
    period_ms = (changes[-1] - changes[0]) / (len(changes) - 1) / 1e6
    mean_ms = sum(readings) / len(readings)
    text = f"InferenceTime {mean_ms:.2f} (as ms), a result every {period_ms:.2f} ms"
    return compared(0.2 < mean_ms <= 1.1 * period_ms, text, mean_ms=mean_ms, period_ms=period_ms)


def _type_lock(bench: Bench) -> Finding:
    bench.install()
    enabled = bench.nodes.writable(network.TYPE)
    with running(bench) as next_image:
        next_image()
        streaming = bench.nodes.writable(network.TYPE)
    text = f"the type is {_word(enabled)} while enabled and {_word(streaming)} while streaming"
    return told(text, writable_enabled=enabled, writable_streaming=streaming)


def _upload_enabled(bench: Bench) -> Finding:
    bench.install()
    slot = FileSlot(bench.nodes, NETWORK)
    try:
        slot.write(bench.network.blob, False, bench.guard, _ignore)
        outcome = "works"
    except (CameraGone, CameraTimeout):
        raise
    except CameraError as exc:
        outcome = f"refused: {exc}"
    return told(f"upload with InferenceEnable on {outcome}", outcome=outcome)


def _read_back(bench: Bench) -> Finding:
    bench.install()
    bench.device.disable_inference()
    nodes, slot, blob = bench.nodes, FileSlot(bench.nodes, NETWORK), bench.network.blob
    try:
        slot.open("Read")
        nodes.set_int("FileAccessOffset", 0)
        nodes.set_int("FileAccessLength", min(_HEAD_BYTES, len(blob)))
        slot.operate("Read")
        head = nodes.register("FileAccessBuffer").Get(min(_HEAD_BYTES, len(blob))).tobytes()
        equal = head == blob[: len(head)]
        outcome = f"the first {len(head)} bytes are {'the same' if equal else 'others'}"
    except (CameraGone, CameraTimeout):
        raise
    except (CameraError, nodes.vendor_exception) as exc:
        outcome = f"refused: {' '.join(str(exc).split())}"
    finally:
        slot.close_leftover()
    return told(outcome, outcome=outcome)


def _corrupt(bench: Bench) -> Finding:
    blob = bytearray(bench.network.blob)
    for place in range(0, len(blob), max(1, len(blob) // 64)):
        blob[place] ^= 0xFF
    outcome, phase = _try_network(bench, bytes(blob))
    bench.install()  # raises where the camera does not recover
    return compared(phase is not Phase.READY, outcome, outcome=outcome, recovers=True)


def _other_format(bench: Bench) -> Finding:
    if bench.other is None:
        return skipped("no --try-network FILE was given")
    outcome, phase = _try_network(bench, bench.other)
    bench.install()
    return told(outcome, outcome=outcome, phase=phase.value, bytes=len(bench.other))


def _try_network(bench: Bench, blob: bytes) -> tuple[str, Phase]:
    """Upload and enable; what the camera says, and its last phase."""
    device, nodes = bench.device, bench.nodes
    device.upload_network(blob, bench.guard, _ignore)
    try:
        device.activate_network(bench.network.setup, bench.guard)
        outcome = "loads without a complaint"
    except (CameraGone, CameraTimeout):
        raise
    except CameraError as exc:
        outcome = f"refused: {exc}"
    phase = network.read_phase(nodes)
    shown = nodes.get_enum(network.STATUS) if nodes.readable(network.STATUS) else "no status"
    device.disable_inference()
    return f"{outcome} ({shown})", phase


def _reset(bench: Bench) -> Finding:
    """DeviceReset with a network in DDR: what is there afterwards, and how long the camera is away."""
    bench.install()
    bench.device.mark_verified("commission")
    with_size = FileSlot(bench.nodes, NETWORK).size()
    started_ns = bench.clock.now_ns()
    bench.nodes.execute("DeviceReset")
    info = bench.device.reconnect(bench.guard)
    away_s = (bench.clock.now_ns() - started_ns) / 1e9
    kept = info.network_bytes == with_size
    text = f"the network is {'kept' if kept else 'gone'}, its name is {info.network_name!r}, away for {away_s:.1f} s"
    return compared(not kept, text, kept=kept, name=info.network_name, away_s=away_s)


def _warmth(bench: Bench) -> Finding:
    bench.install()
    before_c = bench.nodes.try_float("DeviceTemperature")
    with running(bench) as next_image:
        end_ns = bench.clock.now_ns() + 10_000_000_000
        while bench.clock.now_ns() < end_ns:
            next_image()
    after_c = bench.nodes.try_float("DeviceTemperature")
    if before_c is None or after_c is None:
        return told("the temperature is not readable")
    return told(
        f"{before_c:.1f} C before and {after_c:.1f} C after 10 s of inference", before_c=before_c, after_c=after_c
    )


def _chunks(bench: Bench, count: int) -> list[tuple[int | None, int | None, float | None]]:
    with running(bench) as next_image:
        return [(one.inference_id, one.class_id, one.confidence) for one in take(next_image, count)]


def _rows(rows: list[tuple[int | None, int | None, float | None]]) -> str:
    return ", ".join(f"(id {one}, class {kind}, {share})" for one, kind, share in dict.fromkeys(rows)) or "no frames"


def _word(writable: bool) -> str:
    return "writable" if writable else "locked"


def _ignore(_done: int, _total: int) -> None:
    pass


_NETWORK_S = 120.0
_FLASH_S = 600.0

CHECKS = (
    Check(
        "upload_times",
        6,
        "How long do erasing, uploading to DDR and loading take?",
        "clock around each step",
        "nothing: gaps are measured; deadlines are configurable",
        "swap.deadline_s may have to be raised",
        _times,
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "golden",
        None,
        "Does the network answer its golden images through injection?",
        "the self-test of a swap",
        "class and confidence as in the manifest",
        "swaps would be rolled back: see tolerance, pixel format, mean and scale",
        _golden,
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "first_chunks",
        9,
        "What do chunks say without a network and before the first inference?",
        "first frames after delete and after upload",
        "any value, as long as the chunks can be read",
        "frames without a network would count as incomplete",
        free_running(_first_chunks),
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "inference_numbering",
        12,
        "Are InferenceFrameId and FrameID one numbering, and what is on the first frame?",
        "40 frames of two acquisitions",
        "one numbering, 0 <= InferenceFrameId <= FrameID, stale ids on first frames",
        "good results would be dropped as stale",
        free_running(_numbering),
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "own_results",
        None,
        "Does every frame carry its own result with TriggerSource InferenceReady?",
        "frames of such an acquisition",
        "it does",
        "inference_sync: every_frame is of no use",
        _sync,
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "service_time",
        None,
        "Is InferenceTime readable in a stream, in milliseconds?",
        "readings against the period",
        "ms, at most the period of results",
        "service times are the period in saturation, rounded up to frames",
        free_running(_service_time),
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "type_lock",
        7,
        "When is the network type locked?",
        "access mode while enabled and while streaming",
        "nothing: it is written with both off",
        "none",
        free_running(_type_lock),
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "upload_enabled",
        7,
        "May a network be uploaded while inference is enabled?",
        "one upload",
        "nothing: inference goes off first",
        "a swap could save one step",
        _upload_enabled,
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "read_back",
        8,
        "Can the network file be read back?",
        "Open for reading, first bytes",
        "nothing: verification is by properties and golden images",
        "a digest of what is on the camera would be possible",
        _read_back,
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "warmth",
        13,
        "How fast does the camera warm up under inference?",
        "temperature before and after 10 s",
        "nothing: throttling shows in the service time",
        "a limit can be set in the alarms",
        free_running(_warmth),
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "corrupt_network",
        10,
        "What happens with a damaged network?",
        "upload of the network with flipped bytes",
        "it does not become ready, and a good one works again afterwards",
        "only the golden images stand between a damaged network and the line",
        _corrupt,
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "other_format",
        15,
        "Does the camera take a network of another format?",
        "upload of the file given by --try-network",
        "only what accepted_formats lists is uploaded",
        "accepted_formats can be extended",
        _other_format,
        Risk.NETWORK,
        True,
        _NETWORK_S,
    ),
    Check(
        "reset_keeps_ddr",
        11,
        "Does a network in DDR survive DeviceReset?",
        "DeviceReset, then the file's size",
        "it is gone; adoption is by golden image in any case",
        "restarts after a reset could do without an upload",
        _reset,
        Risk.RESET,
        True,
        _NETWORK_S,
    ),
    Check(
        "flash_times",
        6,
        "How long do erasing and uploading to flash take?",
        "clock around each step",
        "slower than DDR, and it wears",
        "network_storage: flash needs a longer swap.deadline_s",
        _flash_times,
        Risk.FLASH,
        True,
        _FLASH_S,
    ),
)
