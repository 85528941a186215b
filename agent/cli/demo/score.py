"""What a demo run was worth: every received result against the device's own record. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Received:
    """A result as the observer got it over gRPC; `captured_ns` is camera time and names the exposure."""

    captured_ns: int
    subnet_id: str
    generation: int
    class_id: int
    latency_ms: float
    service_ms: float
    budget_id: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What the device did: true class of each part by exposure time, what ran on it, and parts without a frame.

    `executed` maps an exposure to (sha256 of the network, class it answered) of each inference of that exposure.
    """

    true_class: Mapping[int, int]
    executed: Mapping[int, frozenset[tuple[str, int]]]
    lost_ns: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    """One speed of the line with the budget that was set for it; `feasible` as the agent said at its end."""

    index: int
    parts_per_minute: float
    budget_ms: float
    budget_id: str
    feasible: bool = True
    subnet_id: str = ""


@dataclass(frozen=True, slots=True)
class PhaseScore:
    """Results stamped with the phase's budget; None where there was none."""

    phase: Phase
    results: int
    late: int
    p99_ms: float | None
    service_p99_ms: float | None
    accuracy: float | None

    @property
    def service_limit_ms(self) -> float:
        return 60_000.0 / self.phase.parts_per_minute

    @property
    def within(self) -> bool:
        """The budget was kept at its quantile, or was not to be kept."""
        return not self.phase.feasible or (self.p99_ms is not None and self.p99_ms <= self.phase.budget_ms)


@dataclass(frozen=True, slots=True)
class Parts:
    """Every part that passed between the first and the last result: `seen` = inspected + missed_gap + missed_busy."""

    seen: int = 0
    inspected: int = 0
    missed_gap: int = 0
    missed_busy: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """The figures of a run."""

    parts: Parts = Parts()
    accuracy: float | None = None
    phases: tuple[PhaseScore, ...] = ()
    wrong_attributions: int = 0
    wrong_examples: tuple[str, ...] = field(default=())


def score(results: Sequence[Received], truth: Truth, digest_of: Mapping[str, str], phases: Sequence[Phase]) -> Score:
    """Judge `results`; `digest_of` gives the sha256 of each sub-net's artifact as the library declares it."""
    wrong = [line for line in (_wrong(result, truth, digest_of) for result in results) if line]
    scored = tuple(_phase(phase, results, truth) for phase in phases)
    return Score(
        parts=_parts(results, truth, sum(one.late for one in scored)),
        accuracy=_accuracy(results, truth),
        phases=scored,
        wrong_attributions=len(wrong),
        wrong_examples=tuple(wrong[:3]),
    )


def quantile(values: Iterable[float], q: float) -> float | None:
    """Nearest-rank quantile: the smallest value that at least a share `q` of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)] if ordered else None


def _wrong(result: Received, truth: Truth, digest_of: Mapping[str, str]) -> str | None:
    """Why the result was not made by the named sub-net on that exposure; None where it was."""
    named = (digest_of.get(result.subnet_id, "?"), result.class_id)
    executed = truth.executed.get(result.captured_ns, frozenset())
    if named in executed:
        return None
    ran = ", ".join(f"{digest[:12]} class {answer}" for digest, answer in sorted(executed)) or "nothing"
    return f"exposure {result.captured_ns}: told {result.subnet_id} ({named[0][:12]} class {named[1]}), ran {ran}"


def _phase(phase: Phase, results: Sequence[Received], truth: Truth) -> PhaseScore:
    own = [result for result in results if result.budget_id == phase.budget_id]
    return PhaseScore(
        phase=phase,
        results=len(own),
        late=sum(result.latency_ms > phase.budget_ms for result in own),
        p99_ms=quantile((result.latency_ms for result in own), 0.99),
        service_p99_ms=quantile((result.service_ms for result in own if result.service_ms), 0.99),
        accuracy=_accuracy(own, truth),
    )


def _accuracy(results: Sequence[Received], truth: Truth) -> float | None:
    judged = [result.class_id == truth.true_class.get(result.captured_ns) for result in results]
    return sum(judged) / len(judged) if judged else None


def _parts(results: Sequence[Received], truth: Truth, late: int) -> Parts:
    if not results:
        return Parts()
    by_time = sorted(results, key=lambda result: result.captured_ns)
    times = [result.captured_ns for result in by_time]
    inspected = set(times)
    passed = [at for at in (*truth.true_class, *truth.lost_ns) if times[0] <= at <= times[-1]]
    missed = [at for at in passed if at not in inspected]
    in_gap = sum(_in_gap(at, times, by_time) for at in missed)
    return Parts(len(passed), len(passed) - len(missed), in_gap, len(missed) - in_gap, late)


def _in_gap(at_ns: int, times: Sequence[int], by_time: Sequence[Received]) -> bool:
    """Whether the results around `at_ns` are of two generations."""
    after = bisect_left(times, at_ns)
    return by_time[after - 1].generation != by_time[after].generation
