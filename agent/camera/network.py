"""The network on the camera: enable, type, pre-processing, waiting until it is loaded, what the camera says of it.

Everything outside InferenceEnable, type, pixel format, mean and scale is missing on firmware 1905.4.83, and some node
names are known by display name only (facts/firefly-dl.md 1.1): such nodes are lists of candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.camera.guard import Guard
from agent.camera.nodes import Nodes
from agent.camera.settings import CameraSettings, Timing
from agent.clock import Clock
from agent.domain.device import NetworkReport, NetworkSetup
from agent.domain.subnet import InputSpec
from agent.errors import CameraRefused

ENABLE = "InferenceEnable"
TYPE = "InferenceNetworkTypeSelector"
NAME = "InferenceNetworkName"
PIXEL_FORMAT = "InferencePreprocessBppSelector"
CHANNEL = (
    "InferencePreprocessChannelSelector",
    "InferencePreprocessInputChannelSelector",
    "InferenceNetworkInputChannelSelector",
)
MEAN = "InferencePreprocessChannelMean"
SCALE = "InferencePreprocessChannelScalar"
STATUS = "InferenceNetworkStatus"
BOX_FORMAT = "InferenceNetworkOutputFormatSelector"
BOX_THRESHOLD = "InferenceBoundingBoxThreshold"
MAX_SIZE = ("InferenceNetworkMaxSize", "InferenceMaxNetworkSize", "MaxNetworkSize")
SERVICE_TIME = "InferenceTime"
SCALING_TIME = ("InferenceScalingTime", "ScalingTime")

SIZE = ("InferenceNetworkSize", "NetworkSize")
WIDTH = ("InferenceNetworkInputWidth", "InferenceNetworkInputSizeX")
HEIGHT = ("InferenceNetworkInputHeight", "InferenceNetworkInputSizeY")
CHANNELS = ("InferenceNetworkInputChannels", "InferenceInputChannels")
CLASSES = ("InferenceNetworkOutputClasses", "InferenceOutputClasses", "OutputClasses")
LAYERS = ("InferenceNetworkTotalLayers", "InferenceNetworkLayers")

_SCALING_PERIOD_NS = 1_000_000_000
_EARLY, _LATE = 0.85, 1.3  # times the last load of a network: from then, until then it is looked for often
_LOADS_KEPT = 64

# Entries of the status node are not published (facts section 7 item 2): they are told by what they contain.
_BAD_WORDS = ("error", "fail", "invalid", "unsupported", "corrupt")
_WAIT_WORDS = ("loading", "inspect", "busy", "progress", "nonetwork", "empty")


class Phase(Enum):
    """What the status node says."""

    UNKNOWN = "unknown"  # the firmware has no status node
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


def enabled(nodes: Nodes) -> bool:
    return nodes.get_bool(ENABLE)


def enable(nodes: Nodes) -> None:
    nodes.set_bool(ENABLE, True)
    if not enabled(nodes):
        raise CameraRefused(f"the camera took {ENABLE} = true and shows false; check its network and firmware")


def disable(nodes: Nodes) -> None:
    """Also forgets the inference under way: its result must not reach a later acquisition."""
    nodes.set_bool(ENABLE, False)


def clear_name(nodes: Nodes) -> None:
    """Before the network goes, so that no name survives it."""
    set_name(nodes, "")


def set_name(nodes: Nodes, name: str) -> None:
    """Write the network's name, where the firmware has one. One that the camera cannot hold is left empty."""
    if not nodes.writable(NAME):
        return
    try:
        nodes.set_string(NAME, name)
    except CameraRefused:
        # How long a name may be is not published; a network that is verified must not fail for its label.
        nodes.set_string(NAME, "")


def configure(nodes: Nodes, setup: NetworkSetup, settings: CameraSettings) -> None:
    """Type first, then pre-processing; inference is enabled after (facts section 2 step 2)."""
    nodes.set_enum(TYPE, "Detection" if setup.task == "detection" else "Classification")
    if setup.task == "detection":
        _configure_boxes(nodes, settings)
    spec = setup.input
    if nodes.first(PIXEL_FORMAT) is not None:
        nodes.set_enum(PIXEL_FORMAT, _entry_like(nodes, PIXEL_FORMAT, spec.pixel_format))
    channel = nodes.first(CHANNEL)
    if channel is None:
        _set_one_for_all(nodes, spec)
        return
    entries = nodes.entries(channel)
    if spec.channels > len(entries):
        raise CameraRefused(
            f"{channel} has {len(entries)} channels, the network needs {spec.channels}; use another one"
        )
    for number in range(spec.channels):
        nodes.set_enum(channel, entries[number])
        nodes.set_float(MEAN, _of_channel(spec.mean, number))
        nodes.set_float(SCALE, _of_channel(spec.scale, number))


class LoadPace:
    """When to look whether a network is loaded: a look costs a transaction, a late one lengthens the gap.

    A network takes about as long as it took last time. Until shortly before that nothing is asked, and then often.
    Owner: the device.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._took_s: dict[tuple[str, int], float] = {}

    def pause_s(self, setup: NetworkSetup, waited_s: float) -> float:
        """How long to wait for the next look, `waited_s` after the first."""
        timing, took_s = self._timing, self._took_s.get(_key(setup))
        if took_s is None or waited_s > _LATE * took_s:
            return timing.status_poll_s
        early_s = _EARLY * took_s - waited_s
        return min(early_s, timing.status_rest_s) if early_s > timing.status_poll_s else timing.status_near_s

    def took(self, setup: NetworkSetup, waited_s: float) -> None:
        """It was found to be loaded."""
        self._took_s.pop(_key(setup), None)
        self._took_s[_key(setup)] = waited_s
        if len(self._took_s) > _LOADS_KEPT:
            self._took_s.pop(next(iter(self._took_s)))


def wait_loaded(nodes: Nodes, setup: NetworkSetup, guard: Guard, clock: Clock, timing: Timing, pace: LoadPace) -> None:
    """Return once the network runs; raises CameraRefused where the camera cannot load it, CameraTimeout from `guard`.

    The status may lag behind Close, so READY counts at once only where the size agrees, else after
    `status_lag_s`; FAILED counts after it too. Without both nodes `settle_s` has to do.
    """
    started_ns, tells = clock.now_ns(), False
    while True:
        tells = tells or nodes.readable(STATUS)
        phase = phase_of(nodes.get_enum(STATUS)) if tells else Phase.UNKNOWN
        waited_s = (clock.now_ns() - started_ns) / 1e9
        if phase is Phase.FAILED and waited_s >= timing.status_lag_s:
            raise CameraRefused(
                f"network {setup.subnet_id}: {STATUS} is {nodes.get_enum(STATUS)} after {setup.size_bytes} bytes were "
                "uploaded; the camera cannot run it, take another format or firmware"
            )
        if phase in {Phase.READY, Phase.UNKNOWN} and waited_s >= _patience_s(nodes, phase, setup.size_bytes, timing):
            _check_enabled(nodes, setup)
            pace.took(setup, waited_s)
            return
        guard.pause(pace.pause_s(setup, waited_s))


def _check_enabled(nodes: Nodes, setup: NetworkSetup) -> None:
    """Old firmware may crash on a network instead of refusing it (F-937), without a status that would tell."""
    if not enabled(nodes):
        raise CameraRefused(
            f"network {setup.subnet_id}: the camera has switched {ENABLE} off while loading; it cannot run it"
        )


def read_phase(nodes: Nodes) -> Phase:
    if not nodes.readable(STATUS):
        return Phase.UNKNOWN
    return phase_of(nodes.get_enum(STATUS))


def phase_of(entry: str) -> Phase:
    """What an entry of the status node says, by its words."""
    word = entry.lower()
    if any(bad in word for bad in _BAD_WORDS):
        return Phase.FAILED
    return Phase.LOADING if any(wait in word for wait in _WAIT_WORDS) else Phase.READY


def read_report(nodes: Nodes) -> NetworkReport:
    """The read-only properties; None for each that the firmware does not tell."""
    return NetworkReport(
        size_bytes=nodes.try_int(SIZE),
        width=nodes.try_int(WIDTH),
        height=nodes.try_int(HEIGHT),
        channels=nodes.try_int(CHANNELS),
        classes=nodes.try_int(CLASSES),
        layers=nodes.try_int(LAYERS),
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """A service time as read: whose it is shows only in `at_ns`, the host time by which it was read."""

    service_ms: float
    at_ns: int


class ServiceTime:
    """Reads what the last inference took: InferenceTime, pre-processing included, plus the scaler's time.

    For one acquisition: the nodes are looked up once. The scaler's time hangs on the region and the network's input
    only (S1), so it is read once a second and not for each result.
    """

    def __init__(self, nodes: Nodes, clock: Clock) -> None:
        self._nodes = nodes
        self._clock = clock
        self._inference = nodes.float_reader(SERVICE_TIME)
        self._scaling = nodes.float_reader(SCALING_TIME)
        self._scaling_ms = 0.0
        self._scaling_due_ns = 0

    @property
    def told(self) -> bool:
        """Whether this firmware has the node at all (1905.4.83 has not, S1b)."""
        return self._inference is not None

    def read(self) -> Reading | None:
        """None where the firmware does not tell or the reading failed: the result is worth more than its time."""
        if self._inference is None:
            return None
        try:
            time_ms, at_ns = self._inference(), self._clock.now_ns()
            if self._scaling is not None and self._clock.now_ns() >= self._scaling_due_ns:
                self._scaling_ms = self._scaling()
                self._scaling_due_ns = self._clock.now_ns() + _SCALING_PERIOD_NS
        except self._nodes.vendor_exception:
            return None
        return Reading(time_ms + self._scaling_ms, at_ns) if time_ms > 0.0 else None


def _patience_s(nodes: Nodes, phase: Phase, wanted: int, timing: Timing) -> float:
    size = nodes.try_int(SIZE)
    if size == wanted:
        return 0.0
    return timing.status_lag_s if phase is Phase.READY and size is None else timing.settle_s


def _key(setup: NetworkSetup) -> tuple[str, int]:
    return setup.subnet_id, setup.size_bytes


def _configure_boxes(nodes: Nodes, settings: CameraSettings) -> None:
    """Only what is configured: the entries of the format are not published (facts section 7 item 2)."""
    if settings.box_format is not None:
        nodes.set_enum(BOX_FORMAT, _entry_like(nodes, BOX_FORMAT, settings.box_format))
    if settings.box_threshold is not None:
        nodes.set_float(BOX_THRESHOLD, settings.box_threshold)


def _set_one_for_all(nodes: Nodes, spec: InputSpec) -> None:
    if nodes.first(MEAN) is None and not any(spec.mean) and set(spec.scale) <= {1.0}:
        return  # folded into the network: there is nothing to set
    if len(set(spec.mean)) > 1 or len(set(spec.scale)) > 1:
        raise CameraRefused(
            "this firmware has one mean and one scale for all channels, the network wants "
            f"{spec.mean} and {spec.scale}; fold them into the network or update the firmware"
        )
    nodes.set_float(MEAN, _of_channel(spec.mean, 0))
    nodes.set_float(SCALE, _of_channel(spec.scale, 0))


def _of_channel(values: tuple[float, ...], number: int) -> float:
    return values[min(number, len(values) - 1)]


def _entry_like(nodes: Nodes, name: str, wanted: str) -> str:
    """The camera's spelling of an entry: the vendor's pages write Mono8 and mono8."""
    return next((entry for entry in nodes.entries(name) if entry.lower() == wanted.lower()), wanted)
