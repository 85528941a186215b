"""From raw inferences to published results: names, budgets, gaps and samples for the latency model.

Owner of the generation table, the budget stamps and the result feed of one camera; event-loop side only.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.clock import Clock
from agent.domain.meter import NO_METER, CameraMeter
from agent.domain.result import InferenceResult, LatencySample, RawInference
from agent.supervisor.feed import Broadcast, Reader

KEPT_GENERATIONS = 16  # results of an older one can no longer be on their way
KEPT_STAMPS = 32


@dataclass(frozen=True, slots=True)
class Gap:
    """A measured gap (interfaces.md section 3) and the generation that ended it."""

    generation: int
    gap_s: float


class ResultDesk:
    """See the module docstring."""

    def __init__(self, camera: str, clock: Clock, meter: CameraMeter = NO_METER) -> None:
        self._camera = camera
        self._clock = clock
        self._meter = meter
        self._subnets: OrderedDict[int, str] = OrderedDict()
        self._stamps: deque[tuple[int, str]] = deque(maxlen=KEPT_STAMPS)
        self._feed: Broadcast[InferenceResult] = Broadcast()
        self._samples: dict[str, list[LatencySample]] = {}
        self._sequence = 0
        self._newest_generation = 0
        self._last_captured_ns: int | None = None
        self.on_result: Callable[[InferenceResult], None] = lambda _: None  # after it was published
        self.on_awaited: Callable[[], None] = lambda: None  # see `await_results`
        self.catch_up: Callable[[], None] = lambda: None  # publishes what the camera has ready
        self.unknown = 0  # results of a generation that was never announced: always a fault

    def announce(self, generation: int, subnet_id: str) -> None:
        """Results of `generation` are by `subnet_id`; called before the first of them can appear."""
        self._subnets[generation] = subnet_id
        while len(self._subnets) > KEPT_GENERATIONS:
            self._subnets.popitem(last=False)

    @property
    def published(self) -> int:
        """Results so far."""
        return self._sequence

    def subnet_of(self, generation: int) -> str | None:
        """The network of a generation; None where it was never announced, or long ago."""
        return self._subnets.get(generation)

    def stamp(self, budget_id: str) -> None:
        """Parts captured from now on are inspected for this budget."""
        if not self._stamps or self._stamps[-1][1] != budget_id:
            self._stamps.append((self._clock.now_ns(), budget_id))

    def subscribe(
        self, capacity: int, wanted: Callable[[InferenceResult], bool] | None = None
    ) -> Reader[InferenceResult]:
        """Every result from now on that is `wanted`, by default all."""
        self.await_results()
        return self._feed.subscribe(capacity, wanted=wanted)

    def await_results(self) -> None:
        """Somebody waits for results from now on: the next are told at once. What is ready now is published before."""
        self.on_awaited()
        self.catch_up()

    @property
    def has_readers(self) -> bool:
        return self._feed.readers > 0

    def publish(self, inferences: Iterable[RawInference]) -> list[Gap]:
        """Name and publish what the camera delivered; returns the gaps that these results ended."""
        gaps = []
        for inference in inferences:
            subnet_id = self._subnets.get(inference.generation)
            if subnet_id is None:
                self.unknown += 1
                self._meter.unattributed()
                continue
            gap = self._gap(inference)
            if gap is not None:
                gaps.append(gap)
            sample = LatencySample(inference.service_ms, inference.latency_ms, inference.transfer_ms)
            self._samples.setdefault(subnet_id, []).append(sample)
            self._sequence += 1
            result = InferenceResult(self._sequence, self._camera, subnet_id, self._budget_of(inference), inference)
            self._feed.publish(result)
            self._meter.result(result)
            self.on_result(result)
        return gaps

    def take_samples(self) -> dict[str, list[LatencySample]]:
        """Samples since the last call, by sub-net."""
        samples, self._samples = self._samples, {}
        return samples

    def forget_line(self) -> None:
        """The camera's clock may have restarted (reset, power cycle): the next result ends no gap."""
        self.catch_up()
        self._last_captured_ns = None

    def _gap(self, inference: RawInference) -> Gap | None:
        before, self._last_captured_ns = self._last_captured_ns, inference.captured_ns
        is_first = inference.generation > self._newest_generation
        self._newest_generation = max(self._newest_generation, inference.generation)
        if not is_first or before is None:
            return None
        return Gap(inference.generation, (inference.captured_ns - before) / 1e9)

    def _budget_of(self, inference: RawInference) -> str:
        """The budget in force when the part was captured, not when its result came."""
        captured_ns = exposed_ns(inference, self._clock.now_ns())
        for since_ns, budget_id in reversed(self._stamps):
            if since_ns <= captured_ns:
                return budget_id
        return self._stamps[0][1] if self._stamps else ""


def exposed_ns(inference: RawInference, now_ns: int) -> int:
    """End of exposure by the host's clock."""
    came_ns = now_ns if inference.host_ns is None else inference.host_ns
    return came_ns - round(inference.latency_ms * 1e6)
