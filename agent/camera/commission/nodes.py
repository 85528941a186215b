"""Checks that only read nodes: numbers, entries, names, lengths (facts/firefly-dl.md section 7)."""

from __future__ import annotations

from agent.camera import events, network, selftest
from agent.camera.commission.check import Bench, Check, Finding, compared, told
from agent.camera.profile import Profile
from agent.camera.upload import INJECTED_IMAGE, NETWORK, buffer_bytes

# Entries that the adapter writes or compares by name.
NEEDED: dict[str, tuple[str, ...]] = {
    "FileSelector": (NETWORK, INJECTED_IMAGE),
    "FileOperationSelector": ("Open", "Close", "Write", "Delete"),
    "FileOpenMode": ("Read", "Write"),
    "FileOperationStatus": ("Success", "Overflow"),
    network.TYPE: ("Classification", "Detection"),
    "TriggerSelector": ("FrameStart",),
    "TriggerSource": ("InferenceReady", "Software", "Line0"),
    "ChunkSelector": (
        "FrameID",
        "InferenceFrameId",
        "InferenceResult",
        "InferenceConfidence",
        "InferenceBoundingBoxResult",
    ),
    "AcquisitionMode": ("Continuous",),
    "TestPattern": ("Off", INJECTED_IMAGE),
    "TestPatternGeneratorSelector": ("Sensor", "PipelineStart"),
    "UserSetSelector": ("Default",),
}
# Enumerations whose entries no public source lists.
UNPUBLISHED = (network.BOX_FORMAT, network.STATUS, "EventSelector", network.PIXEL_FORMAT, *network.CHANNEL)
# Display names of the vendor's pages, and the node names that the adapter tries.
BY_DISPLAY_NAME: dict[str, tuple[str, ...]] = {
    "scaling time": network.SCALING_TIME,
    "preprocessing time": ("InferencePreprocessingTime",),
    "inference time": (network.SERVICE_TIME,),
    "inference network name": (network.NAME,),
    "inference network status": (network.STATUS,),
    "max network size": network.MAX_SIZE,
    "network input channel": network.CHANNEL,
    "network size": network.SIZE,
    "network total layers": network.LAYERS,
    "network input width": network.WIDTH,
    "network input height": network.HEIGHT,
    "network input channels": network.CHANNELS,
    "output classes": network.CLASSES,
}


def _numbers(bench: Bench) -> Finding:
    profile = bench.profile()
    found = {name: profile[name].get("entries", {}) for name in NEEDED if name in profile}
    lacking = [
        f"{name}.{entry}" for name, entries in NEEDED.items() for entry in entries if entry not in found.get(name, {})
    ]
    actual = f"missing: {', '.join(lacking)}" if lacking else f"all {sum(map(len, NEEDED.values()))} entries are there"
    return compared(not lacking, actual, entries=found, missing=lacking)


def _unpublished(bench: Bench) -> Finding:
    profile = bench.profile()
    found = {name: sorted(profile[name].get("entries", {})) for name in UNPUBLISHED if name in profile}
    text = "; ".join(f"{name}: {', '.join(entries) or 'not readable'}" for name, entries in found.items())
    return told(text or "this firmware has none of them", entries=found)


def _status_words(bench: Bench) -> Finding:
    entries = bench.profile().get(network.STATUS, {}).get("entries", {})
    phases = {entry: network.phase_of(entry).value for entry in entries}
    if not phases:
        return told("this firmware has no status; the settle time has to do", phases={})
    text = ", ".join(f"{entry} = {phase}" for entry, phase in phases.items())
    return compared({"ready", "failed"} <= set(phases.values()), text, phases=phases)


def _names(bench: Bench) -> Finding:
    profile = bench.profile()
    shown = {_plain(node.get("display_name", name)): name for name, node in profile.items()}
    found: dict[str, str] = {}
    unknown: list[str] = []
    for display, candidates in BY_DISPLAY_NAME.items():
        named = shown.get(display)
        if named is not None:
            found[display] = named
            if named not in candidates:
                unknown.append(f"{display!r} is {named}")
    threshold = [name for display, name in shown.items() if "threshold" in display and name != network.BOX_THRESHOLD]
    actual = "; ".join(unknown) or f"{len(found)} of {len(BY_DISPLAY_NAME)} are there under a name the agent tries"
    return compared(not unknown, actual, names=found, thresholds=threshold)


def _missing_node(bench: Bench) -> Finding:
    found = bench.session.pointer.GetNodeMap().GetNode("NoSuchNodeOnAnyCamera")
    usable = bench.sdk.IsAvailable(found) or bench.sdk.IsImplemented(found)
    return compared(not usable, "None" if found is None else f"a {type(found).__name__}", is_none=found is None)


def _buffer(bench: Bench) -> Finding:
    nodes = bench.nodes
    length, (low, high) = buffer_bytes(nodes), nodes.int_range("FileAccessLength")
    first = nodes.get_int("FileAccessLength")
    text = f"buffer {length} bytes, FileAccessLength {first}, allowed {low}..{high}"
    return compared(high >= length > 0, text, buffer_bytes=length, first=first, low=low, high=high)


def _max_size(bench: Bench) -> Finding:
    limit = bench.nodes.try_int(network.MAX_SIZE)
    return told("not told by this firmware" if limit is None else f"{limit} bytes", max_network_bytes=limit)


def _temperature(bench: Bench) -> Finding:
    celsius = bench.nodes.try_float("DeviceTemperature")
    text = "not readable" if celsius is None else f"{celsius:.1f} C"
    return compared(celsius is not None and -20.0 < celsius < 110.0, text, celsius=celsius)


def _clock(bench: Bench) -> Finding:
    nodes = bench.nodes
    if not nodes.writable("TimestampLatch"):
        return compared(False, "there is no TimestampLatch")
    readings = []
    for _ in range(2):
        before_ns = bench.clock.now_ns()
        nodes.execute("TimestampLatch")
        readings.append((before_ns, bench.clock.now_ns(), nodes.get_int("TimestampLatchValue")))
        bench.guard.pause(0.5)
    (first, after, camera), (second, _, later) = readings
    ratio = (later - camera) / max(1, second - first)
    trip_us = (after - first) / 1e3
    text = f"{ratio:.4f} ticks a nanosecond, round trip {trip_us:.0f} us"
    return compared(abs(ratio - 1.0) < 0.05, text, ticks_per_ns=ratio, round_trip_us=trip_us)


def _events(bench: Bench) -> Finding:
    why = events.missing(bench.sdk, bench.nodes)
    classes = [name for name in ("DeviceEventHandler", "NodeCallback") if hasattr(bench.sdk, name)]
    return told(why or "inference events are there", missing=why, classes=classes)


def _isp(bench: Bench) -> Finding:
    nodes = bench.nodes
    states = {
        name: "writable" if nodes.writable(name) else "read-only" if nodes.readable(name) else "missing"
        for name in selftest.ISP_NODES
    }
    injects = selftest.supported(nodes)
    text = f"injection {'is' if injects else 'is not'} offered; " + ", ".join(f"{n} {s}" for n, s in states.items())
    return compared(injects and "read-only" not in states.values(), text, injection=injects, isp=states)


def _kept(bench: Bench) -> Finding:
    profile: Profile = bench.profile()
    return told(f"{len(profile)} nodes", nodes=len(profile))


def _plain(display: str) -> str:
    return " ".join(display.lower().split())


CHECKS = (
    Check(
        "nodes",
        None,
        "Which nodes has this camera?",
        "walk of the categories from Root",
        "nothing: optional nodes are probed",
        "the profile is kept and diffed with the simulated camera's",
        _kept,
    ),
    Check(
        "enum_numbers",
        1,
        "Which numbers do the entries have, and are all there that the agent uses?",
        "numeric value of every entry",
        "numbers are asked from the camera, only names are fixed",
        "a missing entry makes the feature behind it fail when it is used",
        _numbers,
    ),
    Check(
        "enum_entries",
        2,
        "Which entries have the enumerations that nobody publishes?",
        "list of entries",
        "none by name, but for spellings of Mono8 and of the inference event",
        "box_format and the profile of new networks can be chosen from the list",
        _unpublished,
    ),
    Check(
        "status_words",
        2,
        "Do the agent's words tell the network's status?",
        "each entry against the list of words",
        "a failed load is told by its word, anything unknown counts as ready",
        "a network that failed to load would only be found by its golden image",
        _status_words,
    ),
    Check(
        "node_names",
        3,
        "Which nodes stand behind the display names?",
        "nodes whose display name the vendor's pages give",
        "one of the names that the agent tries",
        "the feature is treated as missing until its name is added",
        _names,
    ),
    Check(
        "missing_node",
        None,
        "What does GetNode give for a name that does not exist?",
        "one call",
        "None or a null proxy; both are probed",
        "probing optional nodes would fail",
        _missing_node,
    ),
    Check(
        "buffer",
        4,
        "How long are FileAccessBuffer and FileAccessLength?",
        "GetLength, range of the node",
        "FileAccessLength may be raised to the buffer's length",
        "uploads take more transactions",
        _buffer,
    ),
    Check(
        "max_network_size",
        5,
        "How large may a network be?",
        "the node",
        "no limit beyond what the camera refuses",
        "library build --max-bytes can use it",
        _max_size,
    ),
    Check(
        "temperature",
        13,
        "Is the temperature readable, and plausible?",
        "DeviceTemperature",
        "degrees Celsius",
        "thermal figures are missing or wrong",
        _temperature,
    ),
    Check(
        "clock",
        None,
        "Does TimestampLatch count nanoseconds, and how long is a round trip?",
        "two latches 0.5 s apart",
        "1 tick = 1 ns",
        "every latency is wrong by the ratio",
        _clock,
    ),
    Check(
        "event_support",
        2,
        "Can results come as events?",
        "nodes, selector entry and SDK class",
        "no: chunk data is the default",
        "results_from: events saves the wait for the next frame",
        _events,
    ),
    Check(
        "isp_nodes",
        None,
        "Is injection there, and can all image processing be switched off for it?",
        "access modes",
        "both",
        "golden images are changed by image processing, or the self-test falls back to properties",
        _isp,
    ),
)
