"""The VPU: one network slot, one inference at a time, in the device's time.

An inference starts when a frame's exposure ends and the VPU is idle; it becomes visible a service time later. What it
answers is computed only when somebody reads it.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from agent.sim.chunks import Box, ChunkResult, ImageKey, NoResult
from agent.sim.faults import FaultPlan
from agent.sim.latency import LatencyModel, ServiceTime
from agent.sim.network import Network, NetworkInvalid, load_network
from agent.sim.spec import SimulationSpec
from agent.sim.truth import Truth
from agent.sim.vpu import Executor, Outcome, Preprocessing

# Warm-up of the housing; the camera's thermal limits are unknown (facts/firefly-dl.md section 7, item 13).
_IDLE_C, _LOADED_C, _TAU_S = 38.0, 55.0, 180.0
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
        return ()

    def outcome(self) -> Outcome:
        """Run the network if nobody did so far."""
        if self._outcome is None:
            outcome = self.executor.run(self.network, self.preprocessing, self.image)
            if self.wrong:
                outcome = Outcome((outcome.class_id + 1) % self.network.classes, outcome.confidence)
            self._outcome = outcome
        return self._outcome


@dataclass(slots=True)
class NetworkSlot:
    """The one resident network and what the status node says of it. Owner: the Vpu.

    NoNetwork --load--> Loading --network_load_s--> Ready or Error; clear --> NoNetwork from any state
    """

    load_s: float
    lag_s: float
    network: Network | None = None
    error: str = ""
    wrong: bool = False
    _loading_until_ns: float = -math.inf
    _changed_ns: float = -math.inf
    _before: str = "NoNetwork"

    def status(self, now_ns: int) -> str:
        """Symbolic of InferenceNetworkStatus; it may lag behind the truth (quirk)."""
        if now_ns < self._changed_ns + self.lag_s * 1e9:
            return self._before
        return self._true_status(now_ns)

    def ready(self, now_ns: int) -> Network | None:
        """The network, if it can run."""
        return self.network if self._true_status(now_ns) == "Ready" else None

    @property
    def ready_from_ns(self) -> int:
        """End of the last load."""
        return 0 if math.isinf(self._loading_until_ns) else int(self._loading_until_ns)

    def clear(self, now_ns: int) -> None:
        """The network file was deleted."""
        self._change(now_ns)
        self.network, self.error, self.wrong = None, "", False
        self._loading_until_ns = -math.inf

    def begin(self, network: Network | None, error: str, now_ns: int, extra_s: float, wrong: bool) -> None:
        """Loading starts; it ends in Ready where there is a network and in Error where there is none."""
        self._change(now_ns)
        self.network, self.error, self.wrong = network, error, wrong
        self._loading_until_ns = now_ns + (self.load_s + extra_s) * 1e9

    def _change(self, now_ns: int) -> None:
        self._before, self._changed_ns = self.status(now_ns), now_ns

    def _true_status(self, now_ns: int) -> str:
        if now_ns < self._loading_until_ns:
            return "Loading"
        if self.network is not None:
            return "Ready"
        return "Error" if self.error else "NoNetwork"


@dataclass(slots=True)
class _Warmth:
    """Housing temperature as a first-order lag of the VPU's duty."""

    celsius: float
    at_ns: int
    busy_ns: float = 0.0

    def read(self, now_ns: int) -> float:
        elapsed_ns = now_ns - self.at_ns
        if elapsed_ns > 0:
            target = _IDLE_C + (_LOADED_C - _IDLE_C) * min(1.0, self.busy_ns / elapsed_ns)
            self.celsius += (target - self.celsius) * -math.expm1(-elapsed_ns / 1e9 / _TAU_S)
            self.at_ns, self.busy_ns = now_ns, 0.0
        return self.celsius


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
    current: Inference | None = None
    latest: Inference | None = None
    unresolved: deque[Inference] = field(default_factory=lambda: deque(maxlen=_UNRESOLVED_KEPT))
    networks: OrderedDict[str, Network] = field(default_factory=OrderedDict)
    warmth: _Warmth = field(default_factory=lambda: _Warmth(_IDLE_C, 0))

    def __post_init__(self) -> None:
        self.slot = NetworkSlot(self.spec.transport.network_load_s, self.spec.quirks.status_lag_s)
        self.latency = LatencyModel(self.spec.vpu, self.spec.seed)

    def load(self, data: bytes, now_ns: int) -> None:
        """The network file was closed after writing; parses and compiles at once, shows it after the load time."""
        fault = self.faults.strike("network.load")
        effect = fault.effect if fault else None
        seconds = fault.seconds if fault and effect == "stall" else 0.0
        network, error = None, ""
        try:
            if effect in {"wrong_status", "corrupt", "io_error"}:
                raise NetworkInvalid(f"fault {effect}")
            network = self._known(load_network(data, self.spec.twins))
            self._check(network)
        except (NetworkInvalid, OSError) as exc:
            network, error = None, str(exc)
        self.slot.begin(network, error, now_ns, seconds, wrong=effect == "wrong_output")

    def _known(self, network: Network) -> Network:
        """One object for equal bytes: the ground truth holds the network of every inference, and swaps come back."""
        known = self.networks.setdefault(network.digest, network)
        while len(self.networks) > _NETWORKS_KEPT:
            self.networks.popitem(last=False)
        return known

    def begin(
        self, network: Network, frame_id: int, timestamp_ns: int, image: ImageKey, how: Preprocessing, now_ns: int
    ) -> Inference:
        """Start an inference at `now_ns`; the VPU must be idle."""
        time = self.latency.draw(network)
        fault = self.faults.strike("inference")
        effect = fault.effect if fault else None
        finish_ns: float = now_ns + round(time.total_ms * 1e6)
        if fault and effect == "stall":
            finish_ns += round(fault.seconds * 1e9)
        if effect == "frozen":
            finish_ns = math.inf
        wrong = self.slot.wrong or effect == "wrong_output"
        inference = Inference(
            frame_id, timestamp_ns, image, network, how, self.executor, now_ns, finish_ns, time,
            self.camera_offset_ns, wrong,
        )  # fmt: skip
        self.current = inference
        self.unresolved.append(inference)
        return inference

    def settle(self, now_ns: int) -> None:
        """Make the running inference the newest result if it is finished by `now_ns`."""
        current = self.current
        if current is not None and current.finish_ns <= now_ns:
            self.current, self.latest = None, current
            self.warmth.busy_ns += current.time.total_ms * 1e6
            self.truth.inferred(current)

    def drop(self) -> None:
        """Forget the running inference: inference was disabled or the network went away."""
        self.current = None

    def result(self) -> ChunkResult:
        """What chunks carry now; stale over restarts and network changes (quirk `stale_chunks`)."""
        return self.latest or NoResult(self.spec.quirks.first_inference_id)

    def forget_result(self) -> None:
        """Chunks show no result any more."""
        self.latest = None

    def _check(self, network: Network) -> None:
        limit = self.spec.storage.max_network_bytes
        if network.size_bytes > limit:
            raise NetworkInvalid(f"network has {network.size_bytes} bytes, the camera takes {limit}")
        if network.channels not in {1, 3}:
            raise NetworkInvalid(f"network takes {network.channels} channels, the camera gives 1 or 3")
        self.executor.compile(network)
