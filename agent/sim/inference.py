"""The VPU: one network slot, one inference at a time, in the device's time.

An inference starts when a frame's exposure ends and the VPU is idle; it becomes visible a service time later. What it
answers is computed only when somebody reads it.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.sim.blobs import is_openvino
from agent.sim.chunks import Box, ChunkResult, ImageKey, NoResult
from agent.sim.faults import FaultPlan
from agent.sim.latency import LatencyModel, ServiceTime
from agent.sim.network import Network, NetworkInvalid, load_network
from agent.sim.outputs import Outcome, OutputReading
from agent.sim.scene import HEIGHT_PX, WIDTH_PX
from agent.sim.slot import NetworkSlot
from agent.sim.spec import SimulationSpec
from agent.sim.thermal import Thermal
from agent.sim.truth import Truth
from agent.sim.vpu import Executor, Preprocessing

_NETWORKS_KEPT = 64  # more than the rungs of any ladder
_UNRESOLVED_KEPT = 256


@dataclass(slots=True, eq=False)
class Inference:
    """One inference, finished or not. Times are the device's, `timestamp_ns` is the camera time of the exposure."""

    frame_id: int
    timestamp_ns: int
    image: ImageKey
    network: Network
    preprocessing: Preprocessing
    reading: OutputReading
    executor: Executor
    start_ns: int
    finish_ns: float
    time: ServiceTime
    camera_offset_ns: int
    wrong: bool
    _outcome: Outcome | None = None

    @property
    def digest(self) -> str:
        return self.network.digest

    @property
    def service_ms(self) -> float:
        return self.time.total_ms

    @property
    def finish_camera_ns(self) -> int:
        return int(self.finish_ns) + self.camera_offset_ns

    @property
    def class_id(self) -> int:
        return self.outcome().class_id

    @property
    def confidence(self) -> float:
        return self.outcome().confidence

    @property
    def boxes(self) -> tuple[Box, ...]:
        return self.outcome().boxes

    def outcome(self) -> Outcome:
        """Run the network if nobody did so far."""
        if self._outcome is None:
            outcome = self.executor.run(self.network, self.preprocessing, self.reading, self.image)
            self._outcome = outcome.spoilt(self.network.classes, self.reading.kind) if self.wrong else outcome
        return self._outcome


@dataclass(slots=True)
class Vpu:
    """Schedules inferences and remembers the newest result. Owner: the device, under its lock."""

    spec: SimulationSpec
    executor: Executor
    faults: FaultPlan
    truth: Truth
    camera_offset_ns: int
    slot: NetworkSlot = field(init=False)
    latency: LatencyModel = field(init=False)
    warmth: Thermal = field(init=False)
    current: Inference | None = None
    latest: Inference | None = None
    unresolved: deque[Inference] = field(default_factory=lambda: deque(maxlen=_UNRESOLVED_KEPT))
    networks: OrderedDict[str, Network] = field(default_factory=OrderedDict)

    on_finish: Callable[[Inference], None] = lambda inference: None  # noqa: ARG005

    def __post_init__(self) -> None:
        self.slot = NetworkSlot(self.spec.transport.network_load_s, self.spec.quirks.status_lag_s)
        self.latency = LatencyModel(self.spec.vpu, self.spec.seed)
        self.warmth = Thermal(self.spec.vpu.thermal)

    def load(self, data: bytes, now_ns: int) -> None:
        """The network file was closed after writing; parses and compiles at once, shows it after the load time."""
        fault = self.faults.strike("network.load")
        effect = fault.effect if fault else None
        if effect in {"wrong_status", "corrupt"}:
            self.slot.begin(None, f"fault {effect}", now_ns, 0.0, wrong=False)
            return
        try:
            if is_openvino(data) and not self.spec.quirks.openvino_blobs_run:
                raise NetworkInvalid("the camera takes NCSDK graphs, this is an OpenVINO blob")
            network = self._known(load_network(data, self.spec.twins, self.spec.blobs_need_twin))
            self._check(network)
        except (NetworkInvalid, OSError) as exc:
            self._fail(str(exc), now_ns)
            return
        seconds = fault.delay_s if fault else 0.0
        self.slot.begin(network, "", now_ns, seconds, wrong=effect == "wrong_output")

    def load_at_boot(self, data: bytes, now_ns: int) -> None:
        """As `load`, from flash: what cannot run only ends in Error, else the camera would never come back."""
        self.load(data, now_ns)
        if self.slot.crashes:
            self.slot.begin(None, self.slot.error, now_ns, 0.0, wrong=False)

    def runnable(self, reading: OutputReading, now_ns: int) -> Network | None:
        """The network that an inference would run now; none where type selector and network differ (quirk)."""
        network = self.slot.ready(now_ns)
        return network if network is not None and self._fits(network, reading) else None

    def mismatched(self, reading: OutputReading, now_ns: int) -> bool:
        """Whether the status node shows Error because the type selector does not fit (quirk)."""
        network = self.slot.ready(now_ns)
        wrong = network is not None and not network.fits(reading.kind)
        return wrong and self.spec.quirks.type_mismatch == "status_error"

    def may_run(self, reading: OutputReading) -> bool:
        """Whether the network in the slot runs, now or once it is loaded."""
        return self.slot.network is not None and self._fits(self.slot.network, reading)

    def begin(
        self,
        network: Network,
        frame_id: int,
        timestamp_ns: int,
        image: ImageKey,
        how: Preprocessing,
        reading: OutputReading,
        now_ns: int,
        part: int = -1,
    ) -> Inference:
        """Start an inference at `now_ns`; the VPU must be idle. `part` is what a scene shows, -1 for no part."""
        throttle = self.warmth.slowdown(now_ns)
        if throttle > 1:
            self.truth.counters["throttled_inferences"] += 1
        time = self.latency.draw(network, throttle, part)
        fault = self.faults.strike("inference")
        effect = fault.effect if fault else None
        finish_ns: float = now_ns + round(time.total_ms * 1e6)
        if fault is not None:
            finish_ns += round(fault.delay_s * 1e9)
        if effect == "frozen":
            finish_ns = math.inf
        wrong = self.slot.wrong or effect == "wrong_output"
        inference = Inference(
            frame_id, timestamp_ns, image, network, how, reading, self.executor, now_ns, finish_ns, time,
            self.camera_offset_ns, wrong,
        )  # fmt: skip
        self.current = inference
        self.warmth.work(now_ns)
        self.unresolved.append(inference)
        return inference

    def settle(self, now_ns: int) -> None:
        """Make the running inference the newest result if it is finished by `now_ns`."""
        current = self.current
        if current is not None and current.finish_ns <= now_ns:
            self.current, self.latest = None, current
            self.warmth.rest(current.finish_ns)
            self.truth.inferred(current)
            self.on_finish(current)

    def drop(self, now_ns: int) -> None:
        """Forget the running inference: inference was disabled or the network went away."""
        if self.current is not None:
            self.warmth.rest(now_ns)
        self.current = None

    def result(self) -> ChunkResult:
        """What chunks carry now; stale over restarts and network changes (quirk `stale_chunks`)."""
        return self.latest or NoResult(self.spec.quirks.first_inference_id)

    def forget_result(self) -> None:
        """Chunks show no result any more."""
        self.latest = None

    def _known(self, network: Network) -> Network:
        """One object for equal bytes: the ground truth holds the network of every inference, and swaps come back."""
        known = self.networks.setdefault(network.digest, network)
        while len(self.networks) > _NETWORKS_KEPT:
            self.networks.popitem(last=False)
        return known

    def _fail(self, error: str, now_ns: int) -> None:
        """A network that cannot run (facts section 7, item 10; firmware 1905.4.83 crashes on it, F-937)."""
        quirks = self.spec.quirks
        if quirks.corrupt_network == "reset" or (self.spec.old_firmware and quirks.old_firmware_crashes):
            self.slot.begin_crash(error, now_ns)
        elif quirks.corrupt_network == "hang":
            self.slot.begin_hang(error, now_ns)
        else:
            self.slot.begin(None, error, now_ns, 0.0, wrong=False)

    def _fits(self, network: Network, reading: OutputReading) -> bool:
        return network.fits(reading.kind) or self.spec.quirks.type_mismatch == "garbage"

    def _check(self, network: Network) -> None:
        limit = self.spec.storage.max_network_bytes
        if network.size_bytes > limit:
            raise NetworkInvalid(f"network has {network.size_bytes} bytes, the camera takes {limit}")
        if network.channels not in {1, 3}:
            raise NetworkInvalid(f"network takes {network.channels} channels, the camera gives 1 or 3")
        if network.width > WIDTH_PX or network.height > HEIGHT_PX:
            raise NetworkInvalid(f"network takes {network.width}x{network.height}, at most {WIDTH_PX}x{HEIGHT_PX}")
        self.executor.compile(network)
