"""Exposures: when frames are taken, which part they show and which inference result they carry.

Advanced lazily: nothing happens between calls, `advance(now)` replays what happened since the last one in the order
of time. A frame is complete when its exposure ends; it reaches the host `delivery_s` later.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from agent.sim.buffers import StreamBuffers
from agent.sim.chunks import PLAIN, Frame, FrameSettings, ImageKey, Processing
from agent.sim.faults import FaultPlan
from agent.sim.flaws import Freezes
from agent.sim.inference import Vpu
from agent.sim.line import ProductionLine
from agent.sim.network import Network
from agent.sim.outputs import PLAIN_READING, OutputReading
from agent.sim.scene import Scene
from agent.sim.spec import SimulationSpec
from agent.sim.truth import Truth
from agent.sim.vpu import Preprocessing

# A full frame takes the sensor 1/60 s (S9); smaller regions do not shorten it here.
SENSOR_RATE_HZ = 60.0
READ_OUT_NS = round(1e9 / SENSOR_RATE_HZ)

Trigger = Literal["free", "line", "software", "inference", "never"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How frames are taken; made from the registers whenever one of them changes."""

    trigger: Trigger
    exposure_ns: int
    period_ns: int
    delay_ns: int
    frames: int | None
    settings: FrameSettings
    injected: str | None
    infers: bool
    preprocessing: Preprocessing
    processing: Processing = PLAIN
    reading: OutputReading = PLAIN_READING


@dataclass(frozen=True, slots=True)
class _Exposure:
    end_ns: int
    part: int


class Acquisition:
    """State of the sensor and the stream. Owner: the device, under its lock."""

    def __init__(
        self,
        spec: SimulationSpec,
        line: ProductionLine,
        scene: Scene,
        vpu: Vpu,
        truth: Truth,
        faults: FaultPlan,
    ) -> None:
        self._spec, self._line, self._scene, self._vpu = spec, line, scene, vpu
        self._truth, self._faults = truth, faults
        self._freezes = Freezes(spec)
        self._delivery_ns = round(spec.transport.delivery_s * 1e9)
        self._plan: Plan | None = None
        self._pending: _Exposure | None = None
        self._ready_ns = 0
        self._part = 0
        self._frame_id = 0
        self._taken = 0
        self._tokens = 0
        self._software: deque[int] = deque()
        self._silent = False
        self.stream = StreamBuffers(self._count_loss, spec.storage.image_buffer_bytes)
        # How many times longer the link takes at a time; the device's port says so.
        self.slowness: Callable[[int], float] = _full_speed
        self.line_levels: Callable[[int], int] = lambda now_ns: 0  # noqa: ARG005
        self.on_exposure_end: Callable[[Frame], None] = lambda frame: None  # noqa: ARG005
        self.on_incomplete: Callable[[Frame], None] = lambda frame: None  # noqa: ARG005

    @property
    def streaming(self) -> bool:
        return self._plan is not None

    def start(self, plan: Plan, now_ns: int, silent: bool) -> None:
        """Frames come from now on; `silent` is a camera that says so and sends nothing."""
        self._plan, self._pending, self._silent = self._with_quirks(plan), None, silent
        self._ready_ns = now_ns
        self._taken = 0
        self._freezes.start()
        if self._spec.quirks.frame_id_restarts:
            self._frame_id = 0
        if not self._spec.quirks.stale_chunks:
            self._vpu.forget_result()
        self.stream.clear()
        self._software.clear()

    def stop(self) -> None:
        """No frames any more; a running inference goes on (its result may show up in the next acquisition)."""
        self._plan, self._pending = None, None
        self.stream.clear()

    def replan(self, plan: Plan) -> None:
        """Registers changed while streaming."""
        if self._plan is not None:
            self._plan = self._with_quirks(plan)

    def software_trigger(self, now_ns: int) -> None:
        """TriggerSoftware was executed."""
        self._software.append(now_ns)

    def advance(self, now_ns: int) -> None:
        """Replay everything up to `now_ns`."""
        while self._plan is not None and not self._silent:
            exposure = self._pending or self._next(self._plan, now_ns)
            self._pending = exposure
            if exposure is None or exposure.end_ns > now_ns:
                break
            self._pending = None
            self._complete(self._plan, exposure)
        self._vpu.settle(now_ns)
        self.stream.settle(now_ns)
        if self._plan is None or self._silent or self._exhausted(self._plan):
            self._pass_parts(now_ns, "not_acquiring")
        elif self._plan.trigger != "line":
            self._pass_parts(now_ns, None)

    def exposing(self, now_ns: int) -> bool:
        """Whether light is being gathered at `now_ns`, up to which everything was replayed."""
        pending, plan = self._pending, self._plan
        return pending is not None and plan is not None and pending.end_ns - plan.exposure_ns <= now_ns

    def due_ns(self) -> int | None:
        """When something can happen next without an outside cause: a frame to deliver, an exposure, a part."""
        arrival_ns = self.stream.due_ns()
        if arrival_ns is not None:
            return arrival_ns
        return self.next_end_ns()

    def next_end_ns(self) -> int | None:
        """When the next exposure ends, as far as is known now."""
        if self._plan is None or self._silent:
            return None
        return self._pending.end_ns if self._pending is not None else self._expected_ns(self._plan)

    def _with_quirks(self, plan: Plan) -> Plan:
        """Frames tell the host half how it has to treat them."""
        quirks = self._spec.quirks
        settings = replace(
            plan.settings, strict_chunks=quirks.disabled_chunk_raises, recycled_views=quirks.recycled_views
        )
        return replace(plan, settings=settings)

    # -- taking frames ---------------------------------------------------------------------------------------------

    def _expected_ns(self, plan: Plan) -> int | None:
        """End of the next exposure as far as it is known now."""
        start: int | None = self._ready_ns
        if self._exhausted(plan):
            return None
        if plan.trigger == "line":
            start = self._line.arrival_ns(self._part)
        elif plan.trigger in {"software", "never"} or (
            plan.trigger == "inference" and not (plan.infers and self._vpu.may_run(plan.reading))
        ):
            return None
        elif plan.trigger == "inference":
            start = self._vpu_free_ns()
        return None if start is None else start + plan.delay_ns + plan.exposure_ns

    def _vpu_free_ns(self) -> int | None:
        """When the next inference-synchronous exposure may start; None while the VPU hangs."""
        finish_ns = self._vpu.current.finish_ns if self._vpu.current else 0
        if math.isinf(finish_ns):
            return None
        return max(self._ready_ns, self._vpu.slot.ready_from_ns, int(finish_ns))

    def _next(self, plan: Plan, now_ns: int) -> _Exposure | None:
        """The next exposure that starts by `now_ns`."""
        if self._exhausted(plan):
            return None
        if plan.trigger == "line":
            return self._next_part(plan, now_ns)
        start = self._start(plan, now_ns)
        if start is None or start > now_ns:
            return None
        self._pass_parts(start, None)
        return self._expose(plan, start, self._part - 1)

    def _exhausted(self, plan: Plan) -> bool:
        return plan.frames is not None and self._taken >= plan.frames

    def _start(self, plan: Plan, now_ns: int) -> int | None:
        if plan.trigger == "free":
            return self._ready_ns
        if plan.trigger == "software":
            while self._software:
                at_ns = self._software.popleft()
                if at_ns >= self._ready_ns:
                    return at_ns
                self._truth.counters["lost_software_triggers"] += 1
            return None
        if plan.trigger == "inference":
            self._vpu.settle(now_ns)
            if self._vpu.current is not None or self._network(plan, now_ns) is None:
                return None
            latest = self._vpu.latest
            return max(self._ready_ns, self._vpu.slot.ready_from_ns, int(latest.finish_ns) if latest else 0)
        return None

    def _next_part(self, plan: Plan, now_ns: int) -> _Exposure | None:
        """The next part that the sensor is ready for; the parts it is not ready for are lost."""
        while (at_ns := self._line.arrival_ns(self._part)) is not None and at_ns <= now_ns:
            part = self._part
            self._part += 1
            self._truth.counters["parts"] += 1
            if at_ns >= self._ready_ns:
                return self._expose(plan, at_ns + plan.delay_ns, part)
            self._truth.lost(part, at_ns + self._vpu.camera_offset_ns, "sensor_busy")
        return None

    def _pass_parts(self, now_ns: int, why: str | None) -> None:
        """Parts that came by `now_ns` passed; `why` is set where each of them should have made a frame."""
        while (at_ns := self._line.arrival_ns(self._part)) is not None and at_ns <= now_ns:
            self._truth.counters["parts"] += 1
            if why is not None:
                self._truth.lost(self._part, at_ns + self._vpu.camera_offset_ns, why)
            self._part += 1

    def _expose(self, plan: Plan, start_ns: int, part: int) -> _Exposure:
        self._ready_ns = start_ns + plan.period_ns
        return _Exposure(start_ns + plan.exposure_ns, part)

    # -- finishing frames ------------------------------------------------------------------------------------------

    def _complete(self, plan: Plan, exposure: _Exposure) -> None:
        """The exposure ended: chunks are filled, the VPU may take the frame, the frame goes to the host."""
        end_ns = exposure.end_ns
        vpu = self._vpu
        vpu.settle(end_ns)
        timestamp_ns = end_ns + vpu.camera_offset_ns
        image = self._image(plan, exposure.part)
        delivery_ns = round(self._delivery_ns * self.slowness(end_ns))
        # Not before the sensor is read out and takes the next trigger: a trigger after GetNextImage is never lost.
        read_out_ns = end_ns - plan.exposure_ns + READ_OUT_NS
        arrival_ns = max(end_ns + delivery_ns, read_out_ns)
        frame = Frame(self._frame_id, timestamp_ns, plan.settings, vpu.result(), image, arrival_ns)
        self._frame_id += 1
        self._taken += 1
        if "ExposureEndLineStatusAll" in plan.settings.chunks:
            frame.lines = self.line_levels(end_ns)
        self._truth.exposed(timestamp_ns, frame.frame_id, exposure.part)
        self.on_exposure_end(frame)
        network = self._network(plan, end_ns)
        if network is not None and vpu.current is None:
            part = -1 if plan.injected is not None else exposure.part
            inference = vpu.begin(
                network, frame.frame_id, timestamp_ns, image, plan.preprocessing, plan.reading, end_ns, part
            )
            if plan.trigger == "inference":
                if math.isinf(inference.finish_ns):
                    return
                frame.result = inference
                frame.deliver_ns = max(int(inference.finish_ns) + delivery_ns, read_out_ns)
        self.stream.settle(end_ns)
        if self._freezes.frozen(end_ns, network is not None, plan.trigger == "inference"):
            self._truth.counters["frames_frozen"] += 1
            return
        self._send(frame)

    def _network(self, plan: Plan, now_ns: int) -> Network | None:
        return self._vpu.runnable(plan.reading, now_ns) if plan.infers else None

    def _image(self, plan: Plan, part: int) -> ImageKey:
        geometry = plan.settings.geometry
        if plan.injected is not None:
            return ImageKey("injected", 0, geometry, plan.injected, plan.processing)
        return ImageKey("scene", self._scene.content(part), geometry, processing=plan.processing)

    def _send(self, frame: Frame) -> None:
        fault = self._faults.strike("stream")
        if fault is not None:
            if fault.effect == "frozen":
                return
            frame.incomplete = fault.effect == "corrupt"
            frame.deliver_ns += round(fault.delay_s * 1e9)
        self._tokens += 1
        frame.token = self._tokens
        if frame.incomplete:
            self.on_incomplete(frame)
        slowness = self.slowness(frame.timestamp_ns - self._vpu.camera_offset_ns)
        self.stream.send(frame, round(self._delivery_ns * slowness) if slowness > 1 else 0)

    def _count_loss(self) -> None:
        self._truth.counters["frames_dropped"] += 1


def _full_speed(_now_ns: int) -> float:
    return 1.0
